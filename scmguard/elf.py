"""What a program or shared library asks of the loader, from its ELF headers: an interpreter and other libraries.

Source: elf(5). The bytes are not trusted: whatever they are, the answer is a value, and None for what is no ELF file.
"""

import struct
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

MAGIC = b"\x7fELF"
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_SONAME = 0, 1, 5, 14
# Real files have a dozen segments and some dozen entries; a name is a file's name.
_MOST_SEGMENTS, _MOST_ENTRIES, _LONGEST_NAME = 256, 4096, 4096


class Elf(NamedTuple):
    """``interpreter`` is a path (empty: none), ``needed`` are names of libraries, ``soname`` a library's own name."""

    interpreter: str
    needed: Tuple[str, ...]
    soname: str


class _Segment(NamedTuple):
    type: int
    offset: int
    address: int
    size: int


def read(data: bytes) -> Optional[Elf]:
    """The headers of a file; None for what is no ELF file, or one whose headers are cut off or contradict."""
    try:
        return _read(data)
    except (struct.error, UnicodeDecodeError, IndexError, OverflowError):
        return None


def _read(data: bytes) -> Optional[Elf]:
    if data[:4] != MAGIC or data[4] not in (1, 2) or data[5] not in (1, 2):
        return None
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    segments = list(_segments(data, wide, order))
    interpreter, entries = "", []  # type: str, List[Tuple[int, int]]
    for segment in segments:
        if segment.type == _PT_INTERP:
            interpreter = _text(data, segment.offset)
        elif segment.type == _PT_DYNAMIC:
            entries = list(_entries(data, segment, wide, order))
    table = _offset(segments, dict(entries).get(_DT_STRTAB, 0))
    names: Dict[int, List[str]] = {_DT_NEEDED: [], _DT_SONAME: []}
    for tag, value in entries:
        if tag in names:
            if table is None:
                return None
            names[tag].append(_text(data, table + value))
    return Elf(interpreter, tuple(names[_DT_NEEDED]), (names[_DT_SONAME] or [""])[0])


def _segments(data: bytes, wide: bool, order: str) -> Iterator[_Segment]:
    (start,) = struct.unpack_from(order + ("Q" if wide else "I"), data, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", data, 54 if wide else 42)
    for number in range(min(count, _MOST_SEGMENTS)):
        at = start + number * size
        if wide:
            type, _flags, offset, address, _physical, length = struct.unpack_from(order + "IIQQQQ", data, at)
        else:
            type, offset, address, _physical, length = struct.unpack_from(order + "IIIII", data, at)
        yield _Segment(type, offset, address, length)


def _entries(data: bytes, segment: _Segment, wide: bool, order: str) -> Iterator[Tuple[int, int]]:
    form = struct.Struct(order + ("qQ" if wide else "iI"))
    for number in range(min(segment.size // form.size, _MOST_ENTRIES)):
        tag, value = form.unpack_from(data, segment.offset + number * form.size)
        if tag == _DT_NULL:
            return
        yield tag, value


def _offset(segments: List[_Segment], address: int) -> Optional[int]:
    """Where in the file an address of the loaded program is."""
    for segment in segments:
        if segment.type == _PT_LOAD and segment.address <= address < segment.address + segment.size:
            return segment.offset + address - segment.address
    return None


def _text(data: bytes, start: int) -> str:
    end = data.find(b"\0", start, start + _LONGEST_NAME)
    if end < 0:
        raise IndexError(start)
    return data[start:end].decode("utf-8")
