"""Whether what hooks copy is on the root file system, as far as its folder tells.

Sources: initramfs-tools 0.142, ``hook-functions`` (copy_file: ``[ -f SOURCE ]``); cp(1), install(1); hier(7) and
file-hierarchy(7): what is there only while the system runs, and that ``/bin`` and ``/lib`` may be links into ``/usr``.
"""

import posixpath
from fnmatch import fnmatchcase
from typing import Iterator, List, NamedTuple, Optional

from scmguard.folder import Folder
from scmguard.initramfs.copies import Copy
from scmguard.parse.sh_values import Field
from scmguard.rootfs.mounts import fstab

# There, or filled, only while the system runs.
_RUNNING = ("proc", "sys", "run", "dev", "tmp", "var/tmp", "var/run", "var/lock", "boot")
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32")
_RECURSIVE = frozenset("rRa")
# What no file system takes, and patterns that would list half of it.
_LONGEST, _MOST_PLACES = 4000, 2000


class Lack(NamedTuple):
    """Something that a command is to copy and cannot: as it is written, and the reason in words behind that."""

    text: str
    reason: str


class CopySources:
    """The files of a root file system, as hooks ask for them."""

    def __init__(self, root: Folder) -> None:
        self._root = root
        mounts = (mount.target.strip("/") for mount in fstab(root) if mount.target.startswith("/"))
        self._elsewhere = (*_RUNNING, *(target for target in mounts if target))

    def lacks(self, copy: Copy) -> Iterator[Lack]:
        """The sources that are not there; relative ones begin at ``/``. Raises Unreadable."""
        for field in copy.sources or ():
            reason = self._reason(copy, field) if 0 < len(field.text) <= _LONGEST else None
            if reason is not None:
                yield Lack(field.text, reason)

    def _reason(self, copy: Copy, field: Field) -> Optional[str]:
        path = posixpath.normpath(posixpath.join("/", field.text)).lstrip("/")
        if self._is_elsewhere(path):
            return None
        if field.pattern:
            return None if self._matches(path) else "matches no file"
        kind = self._kind(path)
        if kind is None:
            return "is not on the root file system"
        if kind == "folder" and not _takes_folders(copy):
            return "is a folder, which {} does not copy".format(copy.kind + _without_option(copy))
        return None

    def _is_elsewhere(self, path: str) -> bool:
        return any(path == other or path.startswith(other + "/") for other in self._elsewhere)

    def _kind(self, path: str) -> Optional[str]:
        """``file``, ``folder`` or ``other``; None for what is not there. A link that leads nowhere counts as there."""
        for name in _variants(path):
            status = self._root.status(name)
            if status is not None:
                return status.kind
            if self._root.link(name) is not None:
                return "other"
        return None

    def _matches(self, path: str) -> bool:
        """Whether a pattern matches something."""
        places = [""]
        for part in path.split("/"):
            if not any(char in part for char in "*?["):
                places = [posixpath.join(place, part) for place in places]
                continue
            found: List[str] = []
            for place in places:
                for name in _variants(place) if place else [""]:
                    found += [posixpath.join(name, each) for each in self._root.names(name) if _fits(each, part)]
            if len(found) > _MOST_PLACES:
                return True
            places = found
        return any(self._kind(place) is not None for place in places)


def _fits(name: str, pattern: str) -> bool:
    """Whether a shell takes a name for a pattern."""
    return fnmatchcase(name, pattern) and (not name.startswith(".") or pattern.startswith("."))


def _variants(name: str) -> Iterator[str]:
    """A name, and the one that it has where ``/bin`` is a link to ``/usr/bin``."""
    yield name
    first, _, rest = name.partition("/")
    if first in _MERGED:
        yield "usr/" + name
    elif first == "usr" and rest.partition("/")[0] in _MERGED:
        yield rest


def _takes_folders(copy: Copy) -> bool:
    """Whether a command copies folders, or may."""
    if copy.kind not in ("cp", "rsync"):
        return False
    for argument in copy.command.arguments:
        if argument is None:
            continue
        if argument in ("--recursive", "--archive"):
            return True
        if argument.startswith("-") and not argument.startswith("--") and _RECURSIVE & set(argument):
            return True
    # $OPTIONS
    return any(word.raw.startswith("$") and "/" not in word.raw for word in copy.command.words[1:-1])


def _without_option(copy: Copy) -> str:
    return " without -r" if copy.kind in ("cp", "rsync") else ""
