"""The release of a kernel, however its file is packed."""

import bz2
import gzip
import lzma
import os
import random
import shutil
import struct
import subprocess
import time
import zlib
from typing import Any, Callable, Dict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scmguard import kernelimage, programs
from scmguard.folder import Content, Lacking
from scmguard.initrd import unpack
from scmguard.initrd.source import CHUNK
from scmguard.kernelimage import release

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "100"))
NAME = "6.6.31+rpt-rpi-v8"
BANNER = "Linux version {} (builder@host) (gcc 12) #1 SMP\n".format(NAME).encode()
# What a kernel has around it: the format strings that look like it, and much else.
KERNEL = (
    b"\x14\0\0\x14"
    + bytes(4096)
    + b"%s version %s (%s\0Linux version \0"
    + bytes(range(256)) * 64
    + BANNER
    + bytes(9000)
)
OTHER = KERNEL.replace(NAME.encode(), b"5.10.0")


def of(data: bytes) -> Any:
    return release(Content.of_bytes(data), "kernel.img")


def squeezed(program: str, *arguments: str) -> Callable[[bytes], bytes]:
    def run(data: bytes) -> bytes:
        if shutil.which(program) is None:
            pytest.skip("{} is not installed".format(program))
        return subprocess.run([program, "-c", *arguments], input=data, stdout=subprocess.PIPE, check=True).stdout

    return run


def xz(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32)


def alone(data: bytes) -> bytes:
    """The old format of lzma as the kernel has it made (``lzma -9``): without the size in front."""
    return lzma.compress(data, lzma.FORMAT_ALONE, preset=9)


PACKINGS: Dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": lambda data: gzip.compress(data, 9),
    "gzip by the program": squeezed("gzip", "-n", "-9"),
    "xz": xz,
    "xz by the program": squeezed("xz", "--check=crc32", "--arm", "--lzma2=dict=1MiB"),
    "lzma": alone,
    "lzma by the program": squeezed("xz", "--format=lzma", "-9"),
    "bzip2": bz2.compress,
    "lz4": squeezed("lz4", "-q", "-l", "-9"),
    "zstd": squeezed("zstd", "-q", "-19"),
}


def zimage(packed: bytes, before: bytes = b"", behind: bytes = b"") -> bytes:
    """A compressed kernel for 32 bits: its magic, the code that unpacks it, what is packed, and device trees."""
    head = bytes(0x24) + struct.pack("<III", 0x016F2818, 0, 1 << 20)
    return head + b"\xe1\xa0\0\0" * 500 + before + packed + struct.pack("<I", len(packed)) + behind


def zboot(packed: bytes, kind: bytes, offset: int = 0x1000) -> bytes:
    """The EFI stub's packed kernel."""
    head = b"MZ\0\0zimg" + struct.pack("<IIII", offset, len(packed), 0, 0) + kind + b"\0"
    return head.ljust(0x38, b"\0").ljust(offset, b"\x90") + packed + struct.pack("<I", 0) + bytes(512)


def bzimage(text: bytes, pointer: int = 0x3000) -> bytes:
    """A kernel for x86: the pointer to its release, in a header of its own."""
    head = bytearray(0x202 + 14)
    head[0x1FE:0x200] = b"\x55\xaa"
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x20E, pointer)
    return bytes(head).ljust(0x200 + pointer, b"\0") + text + bytes(1 << 14)


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_kernel_that_is_packed_as_a_whole(packing: str) -> None:
    assert of(PACKINGS[packing](KERNEL)) == NAME


@pytest.mark.parametrize("packing", [name for name in PACKINGS if name not in ("none", "bzip2")])
def test_a_compressed_kernel_for_32_bits(packing: str) -> None:
    assert of(zimage(PACKINGS[packing](KERNEL), behind=b"\xd0\x0d\xfe\xed" + bytes(100))) == NAME


@pytest.mark.parametrize("packing, kind", [
    ("gzip", b"gzip"), ("zstd", b"zstd22"), ("zstd", b"zstd"), ("xz", b"xzkern"), ("xz", b"xz"), ("lzma", b"lzma"),
    ("lz4", b"lz4"),
])  # fmt: skip
def test_a_packed_kernel_with_an_efi_stub(packing: str, kind: bytes) -> None:
    assert of(zboot(PACKINGS[packing](KERNEL), kind)) == NAME


def test_a_kernel_for_x86() -> None:
    assert of(bzimage(b"6.1.0-18-amd64 (debian-kernel@lists.debian.org) #1 SMP")) == "6.1.0-18-amd64"


@pytest.mark.parametrize("before", [
    b"\x1f\x8b\x08", b"\x1f\x8b\x08" * 4, b"\xfd7zXZ\0" * 3, b"\x5d\0\0\x80\0" * 5, b"\x02\x21\x4c\x18" * 2,
    b"\x28\xb5\x2f\xfd" * 2, b"\x89LZO\0\r\n\x1a\n", gzip.compress(b"something else"), b"\x1f\x8b\x08\0\0\0\0\0\0\0",
    b"\x28\xb5\x2f\xfd\x1f\x8b\x08\x5d\0\0\x80\0\xfd7zXZ\0",
], ids=repr)  # fmt: skip
@pytest.mark.parametrize("packing", ["gzip", "xz", "lzma"])
def test_numbers_in_the_code_in_front_that_look_like_a_packed_kernel(packing: str, before: bytes) -> None:
    assert of(zimage(PACKINGS[packing](KERNEL), before + bytes(64))) == NAME


@pytest.mark.parametrize("place", [-1, 1, 7, 20, 33, len(BANNER) - 1])
def test_a_banner_across_the_end_of_a_chunk(place: int) -> None:
    data = bytes(CHUNK - place) + BANNER + bytes(CHUNK)
    assert of(data) == NAME
    assert of(gzip.compress(data)) == NAME


@pytest.mark.parametrize("most", [1, 5, 60])
def test_a_banner_in_a_stream_that_comes_in_small_pieces(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(200) + BANNER + bytes(200)

    class Slow(unpack.Bare):
        def read(self) -> bytes:
            return self._source.read(most)

    monkeypatch.setattr(kernelimage, "unpacker", lambda _kind, source: Slow(source))
    assert of(data) == NAME


NONE = {
    "nothing": b"",
    "zeros": bytes(10000),
    "text": b"#!/bin/sh\necho Linux\n",
    "the banner's format": b"\x14" + bytes(100) + b"Linux version %s (%s@%s)"[:14] + b"\0" + bytes(100),
    "a release that is too long": bytes(8) + b"Linux version " + b"6" * 65 + b" (x)",
    "a release with blanks": bytes(8) + b"Linux version 6 6 (x)",
    "gzip of something else": gzip.compress(bytes(100000)),
    "gzip that is cut off in front of the banner": gzip.compress(KERNEL, 0)[:3000],
    "gzip that is damaged": gzip.compress(KERNEL)[:40] + b"\xff" * 100,
    "a compressed kernel for 32 bits without one": zimage(gzip.compress(bytes(100000))),
    "the head of one alone": zimage(b"")[:0x28],
    "the head of a packed kernel with an EFI stub alone": b"MZ\0\0zimg",
    "a packed kernel with an EFI stub that is cut off": zboot(gzip.compress(KERNEL), b"gzip")[:0x1010],
    "a packed kernel with an EFI stub, of an unknown kind": zboot(xz(KERNEL), b"new"),
    "a packed kernel with an EFI stub, beyond the file": b"MZ\0\0zimg" + b"\xff" * 16 + b"gzip\0" + bytes(100),
    "a kernel for x86 without its release": bzimage(b""),
    "a kernel for x86 without a pointer": bzimage(b"6.1.0 (x)", 0)[:0x206] + bytes(100),
    "a kernel for x86 that is cut off": bzimage(b"6.1.0 (x)")[:0x300],
    "the head of a kernel for x86 alone": bzimage(b"6.1.0 (x)")[:0x206],
}


@pytest.mark.parametrize("name", NONE)
def test_no_release(name: str) -> None:
    assert of(NONE[name]) is None


def test_the_banner_counts_though_the_rest_is_damaged() -> None:
    data = gzip.compress(KERNEL + random.Random(1).randbytes(3 * CHUNK))
    assert of(data[: len(data) // 2]) == NAME


def test_the_first_banner_counts() -> None:
    assert of(KERNEL + OTHER) == NAME
    assert of(OTHER + KERNEL) == "5.10.0"


@pytest.mark.parametrize("kind, module", [("zstd", "zstandard"), ("lz4", "lz4.block")])
@pytest.mark.parametrize(
    "form", [bytes, zimage, lambda data: zboot(data, data[:4] == b"\x28\xb5\x2f\xfd" and b"zstd22" or b"lz4")]
)
def test_what_would_unpack_it_is_missing(kind: str, module: str, form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = form(PACKINGS[kind](KERNEL))
    real = unpack._library
    monkeypatch.setattr(unpack, "_library", lambda name: None if name in (module, "compression.zstd") else real(name))
    monkeypatch.setattr(programs, "find", lambda program: None)
    with pytest.raises(Lacking) as found:
        of(data)
    assert str(found.value) == "needs {} (kernel.img)".format(kind) and found.value.needs == "kernel.img"


def test_a_program_unpacks_it_where_there_is_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    data = PACKINGS["zstd"](KERNEL)
    monkeypatch.setattr(unpack, "_library", lambda name: None)
    assert of(data) == NAME


def test_lzo_is_not_read() -> None:
    with pytest.raises(Lacking):
        of(b"\x89LZO\0\r\n\x1a\n" + KERNEL)
    assert of(zimage(gzip.compress(KERNEL), b"\x89LZO\0\r\n\x1a\n")) == NAME


def test_a_file_that_cannot_be_read() -> None:
    def pread(size: int, at: int) -> bytes:
        if at:
            raise OSError(5, "Input/output error")
        return KERNEL[:size] if size <= 1024 else b""

    with pytest.raises(OSError):
        release(Content(1 << 20, lambda size, at: pread(size, at + (size > 1024))), "kernel.img")


BOMBS: Dict[str, Callable[[], bytes]] = {
    "gzip": lambda: _zeros(zlib.compressobj(9, zlib.DEFLATED, 31)),
    "xz": lambda: _zeros(lzma.LZMACompressor(preset=0)),
}


def _zeros(packer: Any) -> bytes:
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(160)), packer.flush()])


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_by_the_limits(name: str) -> None:
    data = BOMBS[name]()
    for form in (data, zimage(data * 8), zboot(data, name.encode())):
        started = time.process_time()
        assert of(form) is None
        assert time.process_time() - started < 5


@pytest.mark.parametrize("output, found", [(1 << 20, NAME), (1 << 16, None)])
def test_all_tries_together_have_one_limit(output: int, found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelimage, "_LIMITS", kernelimage._LIMITS._replace(output=output))
    others = gzip.compress(bytes(1 << 15)) * 4
    assert of(zimage(gzip.compress(KERNEL), others)) == found


_FORMS = [
    KERNEL[:6000],
    gzip.compress(KERNEL),
    xz(KERNEL),
    alone(KERNEL),
    zimage(gzip.compress(KERNEL)),
    zimage(xz(KERNEL)),
]
_FORMS += [zboot(gzip.compress(KERNEL), b"gzip"), bzimage(b"6.1.0 (x)"), zimage(alone(KERNEL))]


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(_FORMS)))
    for _ in range(draw(st.integers(1, 6))):
        data[draw(st.integers(0, min(len(data) - 1, draw(st.sampled_from([64, 0x300, 1 << 20])))))] = draw(
            st.integers(0, 255)
        )
    return bytes(data[: draw(st.integers(0, len(data)) | st.just(len(data)))])


@settings(max_examples=EXAMPLES, deadline=None)
@given(_damaged() | st.binary(max_size=2000))
@example(b"MZ\0\0zimg\xff\xff")
@example(bytes(0x202) + b"HdrS\0\0")
def test_no_bytes_take_it_down(data: bytes) -> None:
    try:
        found = of(data)
    except Lacking:
        return
    assert found is None or (found.isascii() and found.isprintable() and len(found) <= 64)
