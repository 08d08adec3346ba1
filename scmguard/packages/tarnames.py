"""The names in a tar archive that comes through a pipe, without unpacking anything.

Loaded by every apt run, so that it imports nothing: ``tarfile`` alone would take longer than all the rest of the hook.

Source: POSIX.1-1988 (ustar), pax, and GNU tar's long names, in the order in which deb(5) allows them.
"""

from __future__ import annotations

MYPY = False
if MYPY:  # importing it takes as long as starting Python
    from typing import Callable, Iterator

_BLOCK = 512
_PIECE = 1 << 16


class Odd(Exception):
    """An archive that has something which this does not read; a library has to."""


def plain(name: str) -> str:
    """A member's name as dpkg lists files, without ``./`` or a slash in front."""
    while name.startswith(("./", "/")):
        name = name[1:] if name[0] == "/" else name[2:]
    return name


class Names:
    """The names of the members, in their order. ``read(size)`` gives bytes, fewer at the end alone.

    Iterating raises :class:`Odd`.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[str]:
        long = b""
        while True:
            head = self._exactly(_BLOCK)
            if not head.strip(b"\0"):
                return
            kind, size = head[156:157], self._size(head)
            if kind == b"L":
                long = self._exactly(size).partition(b"\0")[0]
                self._skip(-size % _BLOCK)
                continue
            if kind not in b"\x000123456":
                raise Odd("a member of kind {!r}".format(kind))
            name = long or self._name(head)
            long = b""
            if kind in b"\x000":
                self._skip(size + -size % _BLOCK)
            yield plain(name.decode("utf-8", "surrogateescape"))

    @staticmethod
    def _name(head: bytes) -> bytes:
        name = head[:100].partition(b"\0")[0]
        prefix = head[345:500].partition(b"\0")[0] if head[257:263] == b"ustar\0" else b""
        return prefix + b"/" + name if prefix else name

    @staticmethod
    def _size(head: bytes) -> int:
        digits = head[124:136].strip(b" \0")
        # int() takes signs and more.
        if digits.strip(b"01234567"):
            raise Odd("a size that is no octal number")
        return int(digits or b"0", 8)

    def _exactly(self, size: int) -> bytes:
        if size > _PIECE:
            raise Odd("a name of {} bytes".format(size))
        data = self._read(size)
        if len(data) != size:
            raise Odd("it ends within a member")
        return data

    def _skip(self, size: int) -> None:
        while size > 0:
            data = self._read(min(size, _PIECE))
            if not data:
                raise Odd("it ends within a member")
            size -= len(data)
