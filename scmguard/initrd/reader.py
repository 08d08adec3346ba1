"""An image from its first byte to its last: segment by segment."""

from typing import Callable, Generator, Iterator, Set

from scmguard.initrd import cpio
from scmguard.initrd.magic import MAGIC_SIZE, identify, unknown
from scmguard.initrd.model import (
    Event,
    Fault,
    Halt,
    Image,
    Limits,
    Member,
    Segment,
    SegmentEnd,
    Trouble,
)
from scmguard.initrd.source import Budget, Source
from scmguard.initrd.unpack import unpacker

Keep = Callable[[Member], bool]

_BOOTCONFIG = b"#BOOTCONFIG\n"
_BOOTCONFIG_END = 8 + len(_BOOTCONFIG)


def nothing(member: Member) -> bool:
    """Keeps no content."""
    return False


def read(source: Source, keep: Keep = nothing, limits: Limits = Limits()) -> Generator[Event, None, None]:  # noqa: B008  (frozen)
    """Segments, members and faults in the order of the image.

    ``keep`` is asked for every member but links (content not yet there) and tells whether its content is wanted. After
    a fault that ``ends`` nothing follows. Close the iterator if it is not run to its end: it may hold a process.
    """
    source.budget = Budget(limits)
    return _Reader(source, keep).events()


def collect(source: Source, keep: Keep = nothing, limits: Limits = Limits()) -> Image:  # noqa: B008  (frozen)
    """All of :func:`read`, sorted."""
    image = Image([], [], [], [])
    for event in read(source, keep, limits):
        if isinstance(event, Member):
            image.members.append(event)
        elif isinstance(event, Segment):
            image.segments.append(event)
        elif isinstance(event, SegmentEnd):
            image.ends.append(event)
        else:
            image.faults.append(event)
    return image


class _Reader:
    def __init__(self, source: Source, keep: Keep) -> None:
        self._source = source
        self._keep = keep
        self._number = 0
        self._has_main = False
        self._faults = 0

    def events(self) -> Generator[Event, None, None]:
        source = self._source
        try:
            _leave_out_bootconfig(source)
            source.skip_zeros()
            while source.at < source.size:
                head = source.look(source.at, MAGIC_SIZE)
                compression = identify(head)
                if compression is None:
                    raise unknown(head, source.size - source.at)
                if self._number == source.budget.limits.segments:
                    raise Halt(Trouble.LIMIT, "more than {} archives".format(self._number))
                if compression == "none" and source.at & 3:
                    raise Halt(Trouble.CORRUPT, "a bare archive that does not begin at a multiple of four")
                yield from self._segment(compression)
                source.skip_zeros()
            if not self._number:
                reason = "nothing but zero bytes" if source.size else "empty"
                raise Halt(Trouble.TRUNCATED, reason)
            if not self._has_main:
                raise Halt(Trouble.TRUNCATED, "cut off: nothing follows the early archive")
        except Halt as halt:
            yield Fault(halt.trouble, halt.reason, 0, source.at, None, True)
        except _Ended:
            return

    def _segment(self, compression: str) -> Iterator[Event]:
        source = self._source
        start = source.at
        bare = compression == "none"
        kind = "early" if bare and not self._has_main and _is_early(source) else "main"
        self._has_main = self._has_main or kind == "main"
        self._number += 1
        number = self._number
        yield Segment(number, kind, compression, start)
        window = None
        unpacked = None
        try:
            stream = unpacker(compression, source)
            try:
                window = cpio.Window(stream, lambda size: source.budget.count(size, source.at))
                archive = cpio.Archive(window, number, kind, bare, self._keep, source.budget)
                for event in archive:
                    unpacked = window.at
                    if isinstance(event, Fault):
                        event = event._replace(offset=start + (event.unpacked or 0) if bare else source.at)
                        self._count_fault()
                    yield event
            finally:
                stream.close()
        except Halt as halt:
            unpacked = None if window is None else window.at
            at = start + window.at if bare and window is not None else source.at
            yield Fault(halt.trouble, halt.reason, number, at, unpacked, True)
            raise _Ended from None
        if bare:
            source.at = start + window.at
        yield SegmentEnd(number, source.at, archive.members, window.at)

    def _count_fault(self) -> None:
        self._faults += 1
        if self._faults > self._source.budget.limits.faults:
            raise Halt(Trouble.LIMIT, "more than {} faults".format(self._faults - 1))


class _Ended(Exception):
    """A fault that ends the reading was told."""


def _leave_out_bootconfig(source: Source) -> None:
    """Ends the source where a boot configuration begins, which the kernel takes off before it unpacks the image.

    Linux, ``Documentation/admin-guide/bootconfig.rst``, ``init/main.c`` (get_boot_config_from_initrd): behind the
    configuration its size and checksum, four bytes each, and a magic; up to three bytes may follow.
    """
    start = max(source.size - _BOOTCONFIG_END - 3, 0)
    tail = source.look(start, _BOOTCONFIG_END + 3)
    at = tail.rfind(_BOOTCONFIG)
    if at < 8:
        return
    begin = start + at - 8 - int.from_bytes(tail[at - 8 : at - 4], "little")
    if begin > 0:
        source.size = begin


def _is_early(source: Source) -> bool:
    """Whether the bare archive here is one in front of the image proper.

    The kernel searches the archives in front for ``kernel/...`` (``lib/earlycpio.c``); tools that make images put
    other files there, too. The image proper has ``/init``, or is the last.
    """
    at = source.at
    names: Set[str] = set()
    count = 0
    while True:
        head = cpio.header(source.look(at, cpio.HEADER))
        size = 0 if head is None else head.namesize
        raw = source.look(at + cpio.HEADER, size) if size <= cpio.MOST_NAME else b""
        if head is None or len(raw) < size or count > source.budget.limits.members:
            # A fault that reading the archive will find. What comes behind it is not known.
            return names == {"kernel"}
        at += cpio.HEADER + size
        at += -at & 3
        at += head.filesize + (-head.filesize & 3)
        name = raw.partition(b"\0")[0]
        if name == cpio.TRAILER:
            break
        count += 1
        first, _, rest = cpio.normal(name.decode("latin-1")).partition("/")
        if first == "init" and not rest:
            return False
        if first != "." and len(names) < 2:
            names.add(first)
    if names == {"kernel"}:
        return True
    here, source.at = source.at, at
    try:
        source.skip_zeros()
        return source.at < source.size
    finally:
        source.at = here
