"""A list of the boot files at a time, as a value and as a file.

The file is JSON with the SHA-256 of what it says, so that one that was cut off or changed is told.
"""

import hashlib
import json
import re
from typing import Any, Dict, List, NamedTuple, Tuple

FORMAT = 1
NAME = "%Y-%m-%dT%H-%M-%SZ"
NAMED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(?:-(\d+))?")


class Damaged(Exception):
    """A snapshot or a content that is not what it was: which, and why, in one line."""


class Kept(NamedTuple):
    """A file as it was. ``stored`` tells whether its content is kept; ``seen`` how it looked from outside then."""

    name: str
    size: int
    sha256: str
    mtime: int
    stored: bool
    seen: str = ""


class Snapshot(NamedTuple):
    """The boot files at a time (seconds since 1970). ``good``: a check found nothing that keeps it from booting."""

    name: str
    time: int
    why: str
    good: bool
    files: Tuple[Kept, ...]

    @property
    def by_name(self) -> Dict[str, Kept]:
        """The files by their names on the boot partition."""
        return {each.name: each for each in self.files}


def order(name: str) -> Tuple[str, int]:
    """What sorts names by their age: -10 comes after -9."""
    named = NAMED.fullmatch(name)
    return (name, 0) if named is None else (named.group(1), int(named.group(2) or 1))


def same(one: Tuple[Kept, ...], other: Tuple[Kept, ...]) -> bool:
    """Whether two lists name the same contents, and have the same of them."""

    def plain(files: Tuple[Kept, ...]) -> List[Any]:
        return [(each.name, each.sha256, each.stored) for each in files]

    return plain(one) == plain(other)


def size_of(snapshots: List[Snapshot]) -> int:
    """The bytes of all contents that are kept for some snapshots."""
    return sum({each.sha256: each.size for one in snapshots for each in one.files if each.stored}.values())


def written(snapshot: Snapshot) -> bytes:
    """The file of a snapshot."""
    body = snapshot._asdict()
    body["files"] = [each._asdict() for each in snapshot.files]
    return _text({"snapshot": FORMAT, "sha256": hashlib.sha256(_text(body)).hexdigest(), "body": body})


def _text(content: Any) -> bytes:
    return json.dumps(content, indent=0, sort_keys=True).encode("ascii") + b"\n"


def parse(name: str, data: bytes) -> Snapshot:
    """The snapshot in the file of a name. Raises Damaged."""
    try:
        content = json.loads(data.decode("ascii"))
        body = content["body"]
        if content["snapshot"] != FORMAT or content["sha256"] != hashlib.sha256(_text(body)).hexdigest():
            raise Damaged("the snapshot {} is damaged".format(name))
        found = Snapshot(**{**body, "files": tuple(Kept(**each) for each in body["files"])})
        if found.name != name:
            raise Damaged("the snapshot {} is damaged: it is {}".format(name, found.name))
        return found
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Damaged("the snapshot {} is damaged".format(name)) from None
