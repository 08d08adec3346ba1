"""Writes the headers of ELF files that ask for libraries, for rules' examples and tests (see :mod:`scmguard.elf`)."""

import struct
from typing import Sequence

_HEADER, _SEGMENT, _ENTRY = 64, 56, 16


def program(needed: Sequence[str], interpreter: str = "/lib/ld-linux-aarch64.so.1", soname: str = "") -> bytes:
    """A 64-bit little-endian Arm file: a program, or with an empty ``interpreter`` a shared library."""
    names = b"\0"
    entries = []
    for tag, name in [(1, each) for each in needed] + ([(14, soname)] if soname else []):
        entries.append((tag, len(names)))
        names += name.encode() + b"\0"
    count = 3 if interpreter else 2
    start = _HEADER + count * _SEGMENT
    path = interpreter.encode() + b"\0" if interpreter else b""
    table = start + len(path)
    dynamic = table + len(names)
    entries += [(5, table), (10, len(names)), (0, 0)]
    size = dynamic + len(entries) * _ENTRY
    segments = [(1, 0, size), (2, dynamic, len(entries) * _ENTRY)]
    if interpreter:
        segments.insert(0, (3, start, len(path)))
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", 3, 183, 1, 0, _HEADER, 0, 0, _HEADER, _SEGMENT, count, 0, 0, 0)
    head += b"".join(struct.pack("<IIQQQQQQ", kind, 4, at, at, at, long, long, 8) for kind, at, long in segments)
    return head + path + names + b"".join(struct.pack("<qQ", *entry) for entry in entries)
