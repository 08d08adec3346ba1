"""Archives in the newc format, member by member.

Linux, ``Documentation/driver-api/early-userspace/buffer-format.rst``: a header of 110 characters, 13 numbers of 8 hex
digits behind the magic 070701 (070702 with a checksum, the sum of a file's bytes); the name with a NUL; padding to a
multiple of four; the data; padding. The member ``TRAILER!!!`` ends an archive. Names longer than PATH_MAX or without
a NUL, and links longer than it, are refused by ``init/initramfs.c``.
"""

import re
import stat
import struct
from typing import Callable, Iterator, List, NamedTuple, Optional, Set, Tuple, Union

from scmguard.initrd.model import Fault, Halt, Member, Trouble
from scmguard.initrd.source import Budget
from scmguard.initrd.unpacker import Unpacker
from scmguard.text import decode, printable, shortened

HEADER = 110
MOST_NAME = 4096
TRAILER = b"TRAILER!!!"
_SHAPE = re.compile(rb"07070[12][0-9A-Fa-f]{104}")
_FIELDS = struct.Struct(">13I")


class Header(NamedTuple):
    """The numbers of a header, in their order, and whether its checksum counts."""

    ino: int
    mode: int
    uid: int
    gid: int
    nlink: int
    mtime: int
    filesize: int
    devmajor: int
    devminor: int
    rdevmajor: int
    rdevminor: int
    namesize: int
    check: int
    has_check: bool


def header(data: bytes) -> Optional[Header]:
    """The header in 110 bytes; None where they are none."""
    if not _SHAPE.fullmatch(data):
        return None
    return Header._make((*_FIELDS.unpack(bytes.fromhex(data[6:].decode())), data[5:6] == b"2"))


def normal(name: str) -> str:
    """A name without ``/`` or ``./`` in front or ``//`` inside; the folder of all is ``.``."""
    return "/".join([part for part in name.split("/") if part not in ("", ".")]) or "."


class Window:
    """The unpacked bytes of a segment, read forward. ``at`` is the position."""

    def __init__(self, unpacker: Unpacker, counted: Callable[[int], None]) -> None:
        self.at = 0
        self._unpacker = unpacker
        self._counted = counted
        self._data = b""
        self._start = 0

    def piece(self, most: int) -> bytes:
        """The next bytes, at least one and at most ``most``; none at the end."""
        if self._start == len(self._data):
            self._data, self._start = self._unpacker.read(), 0
            self._counted(len(self._data))
        data = self._data[self._start : self._start + most]
        self._start += len(data)
        self.at += len(data)
        return data

    def back(self, size: int) -> None:
        """Goes back by up to what the last piece was."""
        self._start -= size
        self.at -= size

    def pieces(self, size: int) -> Iterator[bytes]:
        """The next ``size`` bytes. Halts where they are not there."""
        while size:
            data = self.piece(size)
            if not data:
                raise Halt(Trouble.TRUNCATED, "")
            size -= len(data)
            yield data

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes as one."""
        start = self._start
        if start + size <= len(self._data):  # nearly always: headers and names are short
            self._start = start + size
            self.at += size
            return self._data[start : start + size]
        return b"".join(self.pieces(size))

    def skip(self, size: int) -> None:
        """Leaves out the next ``size`` bytes."""
        if self._start + size <= len(self._data):
            self._start += size
            self.at += size
            return
        for _ in self.pieces(size):
            pass


class Archive:
    """The archives in one segment: iterating gives members, and faults that do not end the reading.

    In a compressed segment there may be several archives with zero bytes between them, and there must be nothing else
    up to its end; a bare one ends with its trailer.
    """

    def __init__(
        self, window: Window, number: int, kind: str, bare: bool, keep: Callable[[Member], bool], budget: Budget
    ) -> None:
        self.members = 0
        self._window = window
        self._number = number
        self._kind = kind
        self._bare = bare
        self._keep = keep
        self._budget = budget
        self._seen: Set[int] = set()
        # Files with several names whose content is wanted, and comes with the last of them.
        self._wanted: Set[Tuple[int, int, int]] = set()
        self._last = ("", "before the first header")

    def __iter__(self) -> Iterator[Union[Member, Fault]]:
        try:
            yield from self._archive()
            while not self._bare and self._another():
                yield from self._archive()
        except Halt as halt:
            # Only the archive knows what it was reading when the data ended.
            if halt.trouble is Trouble.TRUNCATED:
                reason = halt.reason or "cut off: the archive has no end"
                raise Halt(halt.trouble, "{} ({})".format(reason, self._where())) from None
            raise

    def _where(self) -> str:
        """For people: what was read last."""
        name, how = self._last
        return how.format(_shown(name))

    def _another(self) -> bool:
        """Whether behind a trailer and zero bytes there is one more archive."""
        self._last = ("", "after the trailer")
        zeros = 0
        while True:
            data = self._window.piece(1 << 18)
            rest = data.lstrip(b"\0")
            zeros += len(data) - len(rest)
            if zeros > self._budget.limits.padding:
                raise Halt(Trouble.LIMIT, "more than {} zero bytes after the trailer".format(zeros - 1))
            if not data:
                return False
            if rest:
                break
        self._window.back(len(rest))
        if rest[:1] != b"0" or self._window.at & 3:
            raise Halt(Trouble.CORRUPT, "garbage after the trailer: {}".format(rest[:6].hex()))
        return True

    def _archive(self) -> Iterator[Union[Member, Fault]]:
        window = self._window
        self._seen.clear()
        self._wanted.clear()
        while True:
            offset = window.at
            data = window.take(HEADER)
            head = header(data)
            if head is None:
                raise Halt(Trouble.CORRUPT, "no header of a member, but {} ({})".format(data[:6].hex(), self._where()))
            if not 0 < head.namesize <= MOST_NAME:
                reason = "a name of {} bytes ({})".format(head.namesize, self._where())
                raise Halt(Trouble.CORRUPT, reason)
            raw = window.take(head.namesize)
            window.skip(-(HEADER + head.namesize) & 3)
            if raw[-1]:
                raise Halt(Trouble.CORRUPT, "a name without an end ({})".format(self._where()))
            raw = raw.partition(b"\0")[0]
            if raw == TRAILER:
                window.skip(head.filesize + (-head.filesize & 3))
                return
            yield from self._member(head, raw, offset)

    def _member(self, head: Header, raw: bytes, offset: int) -> Iterator[Union[Member, Fault]]:
        name = normal(decode(raw))
        self._last = (name, "in {}")
        self.members += 1
        self._budget.count_member(len(raw))
        member = Member(
            name,
            head.mode,
            head.uid,
            head.gid,
            head.filesize,
            head.mtime,
            (head.rdevmajor, head.rdevminor),
            None,
            head.nlink,
            (head.devmajor, head.devminor, head.ino),
            self._number,
            self._kind,
            offset,
        )
        if stat.S_ISLNK(head.mode):
            if head.filesize > MOST_NAME:
                raise Halt(Trouble.CORRUPT, "a link of {} bytes ({})".format(head.filesize, self._where()))
            target = self._window.take(head.filesize).partition(b"\0")[0]
            self._budget.names += len(target)
            member = member._replace(target=decode(target))
            checksum = head.check
        else:
            member, checksum = self._data(member, head)
        self._window.skip(-head.filesize & 3)
        yield member
        yield from self._oddities(member, raw, checksum == head.check)
        self._last = (name, "after {}")

    def _data(self, member: Member, head: Header) -> Tuple[Member, int]:
        """The member with its content where that is asked for, and the checksum."""
        limits = self._budget.limits
        wanted = self._keep(member) or (head.nlink > 1 and member.inode in self._wanted)
        if wanted and head.nlink > 1:
            self._wanted.add(member.inode)
        kept: Optional[List[bytes]] = None
        if wanted and head.filesize > limits.kept:
            member = member._replace(omitted="larger than {} bytes".format(limits.kept))
        elif wanted and self._budget.kept + head.filesize > limits.kept_total:
            member = member._replace(omitted="more than {} bytes asked for".format(limits.kept_total))
        elif wanted:
            kept = []
        # Of a file with several names only the one with the data has its checksum.
        counts = head.has_check and stat.S_ISREG(head.mode) and head.filesize > 0
        if kept is None and not counts:
            self._window.skip(head.filesize)
            return member, head.check
        checksum = 0
        for piece in self._window.pieces(head.filesize):
            if counts:
                checksum += sum(piece)
            if kept is not None:
                kept.append(piece)
        if kept is not None:
            member = member._replace(content=b"".join(kept))
            self._budget.kept += head.filesize
        return member, checksum & 0xFFFFFFFF if counts else head.check

    def _oddities(self, member: Member, raw: bytes, sound: bool) -> Iterator[Fault]:
        if not sound:
            yield self._fault(Trouble.CHECKSUM, "the checksum of {} is wrong", member)
        if b".." in raw and ".." in member.name.split("/"):
            yield self._fault(Trouble.NAME, "a name that climbs: {}", member)
        if not stat.S_ISDIR(member.mode):
            # The hash, as names may be long and many.
            key = hash(member.name)
            if key in self._seen:
                yield self._fault(Trouble.NAME, "a name that comes twice: {}", member)
            self._seen.add(key)

    def _fault(self, trouble: Trouble, reason: str, member: Member) -> Fault:
        return Fault(trouble, reason.format(_shown(member.name)), self._number, 0, member.offset, False)


def _shown(name: str) -> str:
    return printable(shortened(name))
