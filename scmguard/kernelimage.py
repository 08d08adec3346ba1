"""The release of the kernel in a file, from the banner inside it, however the file is packed.

Sources: Linux, ``init/version.c`` (the banner: ``Linux version RELEASE (``), ``Documentation/arch/arm64/booting.rst``
(the header of Image), ``arch/arm/boot/compressed/head.S`` (zImage), ``drivers/firmware/efi/libstub/zboot-header.S``,
``Documentation/arch/x86/boot.rst`` (``kernel_version``). The firmware takes gzip-compressed 64-bit kernels (Raspberry
Pi documentation, ``config_txt/boot.adoc``, ``arm_64bit``).
"""

import re
import struct
from itertools import islice
from typing import Iterator, Optional, Tuple

from scmguard.folder import Content, Lacking
from scmguard.initrd.magic import MAGIC
from scmguard.initrd.model import Halt, Limits, Trouble
from scmguard.initrd.source import CHUNK, Budget, Source
from scmguard.initrd.unpack import unpacker

# Above real kernels (30 MB, 80 unpacked), and far above the time that they take.
_LIMITS = Limits(output=512 << 20, ratio=1000, seconds=60.0)
_BANNER = re.compile(rb"Linux version ([!-~]{1,64}) \(")
# What stands around a release in the banner; a chunk's end may cut it.
_OVERLAP = 128
_HEAD = 0x400
_ZIMAGE = b"\x18\x28\x6f\x01"
# The decompressor in front of the packed kernel of a zImage has some ten to forty kilobytes.
_PACKED_WITHIN = 1 << 18
# It has these numbers in its own code, too, so that each place is tried.
_MOST_TRIES = 8
_STARTS = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "lz4": re.compile(re.escape(MAGIC["lz4"])),
    "zstd": re.compile(re.escape(MAGIC["zstd"])),
    # lzma's magic is no more than its usual properties; behind it, a size of the dictionary that is a power of two
    # (64 MiB with -9), and one of the data that is unknown or below 4 GiB.
    "lzma": re.compile(
        rb"\x5d\0\0(?:[\x01\x02\x04\x08\x10\x20\x40\x80]\0|\0[\x01\x02\x04\x08])(?=\xff{8}|[\s\S]{4}\0{4})"
    ),
    "lzo": re.compile(re.escape(MAGIC["lzo"])),
}


def release(content: Content, name: str) -> Optional[str]:
    """The release (``6.6.31+rpt-rpi-v8``) of a kernel's file; None where no banner of Linux is found.

    ``name`` is the file, for people. Raises :class:`scmguard.folder.Lacking` where what would unpack it is not here,
    and OSError.
    """
    lacking: Optional[Halt] = None
    budget = Budget(_LIMITS)
    for kind, offset in _candidates(content):
        try:
            found = _search(content, kind, offset, budget)
        except Halt as halt:
            if halt.trouble is Trouble.UNREADABLE:
                raise OSError(halt.reason) from None
            if halt.trouble is Trouble.NOT_CHECKED:
                lacking = halt
            continue
        if found is not None:
            return found
    if lacking is not None:
        raise Lacking(name, "{} ({})".format(lacking.reason.replace("not checked: ", ""), name))
    return None


def _candidates(content: Content) -> Iterator[Tuple[str, int]]:
    """How the kernel may be packed in the file, and from which byte on, the likeliest first."""
    head = content.pread(_HEAD, 0).ljust(_HEAD, b"\0")
    if head[4:8] == b"zimg":  # the EFI stub's packed kernel: its place and the name of its compression
        offset, _size = struct.unpack_from("<II", head, 8)
        kind = head[24:32].split(b"\0")[0].decode("ascii", "replace")
        yield {"zstd22": "zstd", "xzkern": "xz"}.get(kind, kind if kind in MAGIC else "gzip"), offset
        return
    for kind, magic in MAGIC.items():
        if head.startswith(magic):
            yield kind, 0
            return
    if head[0x202:0x206] == b"HdrS":  # x86: a pointer to the release, in the clear
        yield "x86", 0x200 + struct.unpack_from("<H", head, 0x20E)[0]
        return
    if head[0x24:0x28] == _ZIMAGE:
        front = content.pread(_PACKED_WITHIN, 0)
        for kind, start in _STARTS.items():
            for match in islice(start.finditer(front), _MOST_TRIES):
                yield kind, match.start()
    yield "none", 0


def _search(content: Content, kind: str, offset: int, budget: Budget) -> Optional[str]:
    if kind == "x86":
        found = re.match(rb"[!-~]{1,64}(?= )", content.pread(_OVERLAP, offset))
        return found.group().decode("ascii") if found else None
    source = Source(content.pread, content.size)
    source.budget = budget
    source.at = offset
    before = b""
    stream = unpacker(kind, source)
    try:
        while True:
            data = stream.read()
            if not data:
                return None
            source.budget.count(len(data), max(source.at - offset, CHUNK))
            data = before + data
            match = _BANNER.search(data)
            if match is not None:
                return match.group(1).decode("ascii")
            before = data[-_OVERLAP:]
    finally:
        stream.close()
