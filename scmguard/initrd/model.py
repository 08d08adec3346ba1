"""What reading an image gives: segments, members and faults; and how far reading goes."""

import stat
from enum import Enum
from typing import Dict, List, NamedTuple, Optional, Tuple, Union


class Trouble(Enum):
    """What sort of fault it is."""

    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    CHECKSUM = "checksum"
    NAME = "name"
    UNSUPPORTED = "unsupported"
    #: The image may be good: something that reading it takes is missing here.
    NOT_CHECKED = "not-checked"
    LIMIT = "limit"
    UNREADABLE = "unreadable"


class Halt(Exception):
    """Reading cannot go on. Only inside this package: it ends up as a :class:`Fault`."""

    def __init__(self, trouble: Trouble, reason: str) -> None:
        super().__init__(reason)
        self.trouble = trouble
        self.reason = reason


class Limits(NamedTuple):
    """How far reading goes; far above real images (tens of megabytes, some thousand members)."""

    #: Bytes of all segments unpacked.
    output: int = 2 << 30
    #: Bytes unpacked for a byte of the file, once there are more than ``ratio_from`` of them. (Images have 2 to 6.)
    ratio: int = 250
    ratio_from: int = 64 << 20
    #: Wall-clock seconds for all of it. The largest images with xz take a small Pi a minute.
    seconds: float = 300.0
    segments: int = 64
    members: int = 1 << 18
    #: Bytes of all names and link targets.
    names: int = 64 << 20
    #: Zero bytes in one place between or after archives.
    padding: int = 64 << 20
    #: Faults that do not end the reading.
    faults: int = 100
    #: Bytes kept of one member that is asked for, and of all of them.
    kept: int = 16 << 20
    kept_total: int = 64 << 20


class Segment(NamedTuple):
    """The beginning of an archive in the image.

    ``kind`` is ``early`` for the bare archives in front, which the kernel also searches for microcode and tables
    before it unpacks anything, and ``main`` for all others, those appended to the image among them. ``compression`` is
    ``none``, ``gzip``, ``zstd``, ``xz``, ``lzma``, ``lz4`` (the legacy format, the only one of the two that the kernel
    takes), ``lz4-frame`` or ``bzip2``. ``offset`` is a byte of the file.
    """

    number: int
    kind: str
    compression: str
    offset: int


class SegmentEnd(NamedTuple):
    """An archive that was read to its proper end, at the byte ``end`` of the file (padding not counted)."""

    number: int
    end: int
    members: int
    unpacked: int


class Member(NamedTuple):
    """A file, folder, link or node in an archive.

    ``name`` has no ``/`` or ``./`` in front; what is not UTF-8 in it is kept as lone surrogates. ``offset`` is that of
    its header in the unpacked segment. Of files with several names (``links`` above 1, the same ``inode``) the last one
    has the data, and the size of the others is 0. ``content`` is what was asked for, and ``omitted`` says why it is
    None all the same.
    """

    name: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    rdev: Tuple[int, int]
    target: Optional[str]
    links: int
    inode: Tuple[int, int, int]
    segment: int
    kind: str
    offset: int
    content: Optional[bytes] = None
    omitted: str = ""

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_executable(self) -> bool:
        """Whether it is a regular file that root may run."""
        return stat.S_ISREG(self.mode) and bool(self.mode & 0o111)


class Fault(NamedTuple):
    """Something wrong with the image.

    ``offset`` is the byte of the file that reading had come to (ahead by up to a buffer where the segment is
    compressed), ``unpacked`` the one of the unpacked segment, ``segment`` 0 where it is in none. ``ends`` tells whether
    what follows was not read.
    """

    trouble: Trouble
    reason: str
    segment: int
    offset: int
    unpacked: Optional[int]
    ends: bool


Event = Union[Segment, Member, SegmentEnd, Fault]


class Image(NamedTuple):
    """All events of an image, sorted."""

    segments: List[Segment]
    members: List[Member]
    ends: List[SegmentEnd]
    faults: List[Fault]

    @property
    def complete(self) -> bool:
        """Whether the image was read to its end without any fault."""
        return not self.faults

    def by_name(self) -> Dict[str, Member]:
        """The members that are there once the kernel has unpacked all: of those with the same name the last."""
        return {member.name: member for member in self.members}
