"""What programs ask of the loader: held against readelf, and hostile bytes."""

import os
import re
import shutil
import struct
import subprocess
import sys
import time
from typing import Iterator, List, Optional, Tuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scmguard import elf
from scmguard.elf_writer import program

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "300"))
READELF = shutil.which("readelf")
_PLACES = (
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/lib",
    "/usr/lib",
    "/usr/lib/*-linux-gnu*",
    "/usr/libexec",
    "/lib32",
)
_MOST_FILES, _LARGEST = 60, 2 << 20

needs_readelf = pytest.mark.skipif(not READELF, reason="readelf is not here (binutils): nothing to compare with")


def by_readelf(path: str) -> elf.Elf:
    assert READELF
    run = subprocess.run(
        [READELF, "-dlW", path], capture_output=True, env={"LC_ALL": "C"}, encoding="utf-8", errors="surrogateescape"
    )
    interpreter = re.search(r"\[Requesting program interpreter: (.*)\]", run.stdout)
    needed = re.findall(r"\(NEEDED\) +Shared library: \[(.*)\]", run.stdout)
    soname = re.search(r"\(SONAME\) +Library soname: \[(.*)\]", run.stdout)
    return elf.Elf(interpreter.group(1) if interpreter else "", tuple(needed), soname.group(1) if soname else "")


def _programs() -> Iterator[str]:
    """Programs and libraries of this system, from each folder some."""
    for place in _PLACES:
        folder, star, rest = place.partition("/*")
        names = (
            [name for name in os.listdir(folder) if rest.strip("*") in name] if star and os.path.isdir(folder) else [""]
        )
        for name in names:
            inner = os.path.join(folder, name) if star else place
            if os.path.isdir(inner):
                yield from sorted(os.path.join(inner, each) for each in os.listdir(inner))


def _some() -> List[str]:
    found = [sys.executable]
    paths = [path for path in _programs() if os.path.isfile(path) and os.path.getsize(path) < _LARGEST]
    for path in paths[:: max(len(paths) // _MOST_FILES, 1)]:
        with open(path, "rb") as stream:
            if stream.read(4) == elf.MAGIC and len(found) < _MOST_FILES:
                found.append(path)
    return found


@needs_readelf
def test_files_of_this_system_are_read_as_readelf_reads_them() -> None:
    paths = _some()
    found = 0
    for path in paths:
        with open(path, "rb") as stream:
            read = elf.read(stream.read())
        assert read == by_readelf(path), path
        found += bool(read is not None and read.needed)
    assert found > len(paths) / 4


@needs_readelf
@pytest.mark.parametrize("needed, interpreter, soname", [
    (["libc.so.6"], "/lib/ld-linux-aarch64.so.1", ""), (["libb.so.1", "liba.so.2", "libb.so.1"], "/lib/ld.so", ""),
    ([], "/lib/ld.so", ""), (["libc.so.6"], "", "libx.so.1"), ([], "", ""), (["lib\u00e9.so"], "", "lib x.so"),
])  # fmt: skip
def test_what_is_written_is_read_here_and_by_readelf(
    tmp_path: "os.PathLike[str]", needed: List[str], interpreter: str, soname: str
) -> None:
    data = program(needed, interpreter, soname)
    expected = elf.Elf(interpreter, tuple(needed), soname)
    assert elf.read(data) == expected
    path = os.path.join(tmp_path, "x")
    with open(path, "wb") as stream:
        stream.write(data)
    assert by_readelf(path) == expected


def made(
    wide: bool, order: str, needed: Tuple[bytes, ...] = (b"liba.so",), strtab: Optional[int] = None, loads: bool = True
) -> bytes:
    """A file of either width and byte order: one segment over it all at 0x10000, and a dynamic section."""
    names = b"\0" + b"".join(name + b"\0" for name in needed)
    head, segment, entry = (64, 56, "qQ") if wide else (52, 32, "iI")
    table = head + 2 * segment
    dynamic = table + len(names) + (-len(names) % 8)
    offsets = [1 + sum(len(name) + 1 for name in needed[:number]) for number in range(len(needed))]
    entries = [(1, offset) for offset in offsets] + [
        (5, 0x10000 + table if strtab is None else strtab),
        (10, len(names)),
        (0, 0),
    ]
    body = b"".join(struct.pack(order + entry, *one) for one in entries)
    size = dynamic + len(body)
    data = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    word = "Q" if wide else "I"
    data += struct.pack(order + "HHI" + word * 3 + "IHHHHHH", 3, 183, 1, 0, head, 0, 0, head, segment, 2, 0, 0, 0)
    for kind, at, length in ((1 if loads else 4, 0, size), (2, dynamic, len(body))):
        if wide:
            data += struct.pack(order + "IIQQQQQQ", kind, 4, at, 0x10000 + at, 0, length, length, 8)
        else:
            data += struct.pack(order + "IIIIIIII", kind, at, 0x10000 + at, 0, length, length, 4, 8)
    return data + names + bytes(-len(names) % 8) + body


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_both_widths_and_byte_orders(wide: bool, order: str) -> None:
    assert elf.read(made(wide, order, (b"liba.so", b"libb.so"))) == elf.Elf("", ("liba.so", "libb.so"), "")


@needs_readelf
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_readelf_takes_both_widths_and_byte_orders(tmp_path: "os.PathLike[str]", wide: bool, order: str) -> None:
    path = os.path.join(tmp_path, "x")
    with open(path, "wb") as stream:
        stream.write(made(wide, order))
    assert by_readelf(path) == elf.Elf("", ("liba.so",), "")


NONE = {
    "nothing": b"",
    "a script": b"#!/bin/sh\n",
    "the magic alone": b"\x7fELF",
    "the beginning of a header": b"\x7fELF\x02\x01\x01",
    "no known width": b"\x7fELF\x03\x01\x01" + bytes(57),
    "no known byte order": b"\x7fELF\x02\x00\x01" + bytes(57),
    "cut off in the segments": made(True, "<")[:100],
    "cut off in the names": program(["liba.so"])[:240],
    "names outside of all segments": made(True, "<", strtab=5),
    "names beyond the file": made(True, "<", strtab=1 << 63),
    "no segment that is loaded": made(True, "<", loads=False),
    "a name that is no text": made(True, "<", (b"lib\xff.so",)),
    "segments beyond any file": made(True, "<")[:32] + b"\xff" * 8 + made(True, "<")[40:],
    "segments at the largest signed number": made(True, "<")[:32] + b"\xff" * 7 + b"\x7f" + made(True, "<")[40:],
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_elf_file(name: str) -> None:
    assert elf.read(NONE[name]) is None


def test_a_file_without_segments_asks_for_nothing() -> None:
    assert elf.read(made(True, "<")[:56] + bytes(8)) == elf.Elf("", (), "")


_WHOLE = [program(["libc.so.6", "libx.so"]), program([], "", "liby.so")]
_WHOLE += [made(wide, order) for wide in (True, False) for order in "<>"]


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(_WHOLE)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(data) - 1))
        if draw(st.booleans()):
            data[at] ^= 1 << draw(st.integers(0, 7))
        else:
            piece = draw(
                st.sampled_from([b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f", b"\x80" + b"\0" * 7, b"\xff\xff"])
            )
            data[at : at + len(piece)] = piece
    return bytes(data[: draw(st.integers(0, len(data)) | st.just(len(data)))])


@settings(max_examples=EXAMPLES * 4, deadline=None)
@given(_damaged() | st.binary(max_size=200) | st.binary(max_size=200).map(lambda data: b"\x7fELF\x02\x01" + data))
@example(b"\x7fELF\x02\x01\x01".ljust(32, b"\0") + b"\xff" * 32)
def test_no_bytes_take_it_down(data: bytes) -> None:
    started = time.monotonic()
    found = elf.read(data)
    assert found is None or all(isinstance(name, str) for name in (found.interpreter, *found.needed, found.soname))
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("size", [1 << 20, 16 << 20])
def test_many_names_in_large_files_are_read_fast(size: int) -> None:
    """The most entries and segments, of names without an end, or as long as they may be."""
    head = made(True, "<")[:54] + struct.pack("<HH", 56, 0xFFFF) + bytes(6)
    segments = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, size, size, 8) + struct.pack(
        "<IIQQQQQQ", 2, 4, 4096, 4096, 0, size, size, 8
    )
    entries = struct.pack("<qQ", 5, 1 << 19) + struct.pack("<qQ", 1, 0) * 5000
    for filling in (b"a", b"a" * 4000 + b"\0"):
        data = (head + segments).ljust(4096, b"\0") + entries
        data += (filling * (size // len(filling)))[len(data) :]
        started = time.monotonic()
        elf.read(data)
        assert time.monotonic() - started < 2
