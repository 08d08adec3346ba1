"""What ``show --initrd`` prints: the segments of an image, their members, and what is wrong with it.

Piece by piece from the events of :mod:`scmguard.initrd.reader`, so that nothing waits for the end of the image.
"""

import json
import stat
import time
from functools import lru_cache
from typing import Any, Dict, Iterable, Iterator, List, Optional

from scmguard.initrd.model import Event, Fault, Member, Segment, SegmentEnd
from scmguard.text import printable

#: The version of the JSON form; ``scmguard/schema/initrd-1.json`` describes it.
SCHEMA = 1


def text(events: Iterable[Event]) -> Iterator[str]:
    """One line for each segment, its members, and where it ends; faults where they are found."""
    for event in events:
        if isinstance(event, Member):
            yield _member(event)
        elif isinstance(event, Segment):
            yield "{}segment {}: {}, {}, from byte {}\n".format(
                "" if event.number == 1 else "\n",
                event.number,
                event.kind,
                "not compressed" if event.compression == "none" else event.compression,
                event.offset,
            )
        elif isinstance(event, SegmentEnd):
            yield "segment {} ends at byte {}: {} members, {} bytes unpacked\n".format(*event)
        else:
            yield "! {}\n".format(fault_text(event))


def _member(member: Member) -> str:
    kind = stat.S_IFMT(member.mode)
    size = "{},{}".format(*member.rdev) if kind in (stat.S_IFCHR, stat.S_IFBLK) else member.size
    target = "" if member.target is None else " -> {}".format(printable(member.target))
    return "{} {:>2} {:>5} {:>5} {:>10} {} {}{}\n".format(
        _mode(member.mode),
        member.links,
        member.uid,
        member.gid,
        size,
        _time(member.mtime),
        printable(member.name),
        target,
    )


# An image has a few modes and times, and many members.
_mode = lru_cache(maxsize=256)(stat.filemode)


@lru_cache(maxsize=256)
def _time(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def fault_text(fault: Fault) -> str:
    """A fault in one line."""
    where = "segment {}, byte {}" if fault.segment else "byte {1}"
    return "{}: {}".format(where.format(fault.segment, fault.offset), printable(fault.reason))


def as_json(events: Iterable[Event], path: str) -> Iterator[str]:
    """One JSON object, a member to a line. ``complete`` is false where there is any fault."""
    segments: Dict[int, Dict[str, Any]] = {}
    faults: List[Dict[str, Any]] = []
    encode = json.JSONEncoder().encode
    yield '{{\n"schema": {},\n"path": {},\n"members": ['.format(SCHEMA, json.dumps(printable(path)))
    separator = "\n"
    for event in events:
        if isinstance(event, Member):
            yield separator + encode(_member_data(event))
            separator = ",\n"
        elif isinstance(event, Segment):
            segments[event.number] = dict(event._asdict(), end=None, members=None, unpacked=None)
        elif isinstance(event, SegmentEnd):
            segments[event.number].update(end=event.end, members=event.members, unpacked=event.unpacked)
        else:
            faults.append(_fault_data(event))
    yield '\n],\n"segments": {},\n"faults": {},\n"complete": {}\n}}\n'.format(
        json.dumps(list(segments.values()), indent=1), json.dumps(faults, indent=1), json.dumps(not faults)
    )


def _member_data(member: Member) -> Dict[str, Any]:
    target: Optional[str] = None if member.target is None else printable(member.target)
    return {
        "name": printable(member.name),
        "mode": "{:06o}".format(member.mode),
        "uid": member.uid,
        "gid": member.gid,
        "size": member.size,
        "mtime": member.mtime,
        "rdev": list(member.rdev),
        "target": target,
        "links": member.links,
        "inode": list(member.inode),
        "segment": member.segment,
        "offset": member.offset,
    }


def _fault_data(fault: Fault) -> Dict[str, Any]:
    return {
        "trouble": fault.trouble.value,
        "reason": printable(fault.reason),
        "segment": fault.segment or None,
        "offset": fault.offset,
        "unpacked": fault.unpacked,
        "ends": fault.ends,
    }
