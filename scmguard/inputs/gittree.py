"""Trees of a git repository as folders."""

import errno
import os
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from scmguard.folder import Folder, Status, Unreadable
from scmguard.inputs.gitprocess import Blobs

_MAX_LINKS = 40
_LINK = 0o120000
_SUBMODULE = 0o160000
#: Why nothing is said of what is below such a path, as a clause.
SUBMODULE = "is a submodule, whose files are in a repository of its own"


class Entry(NamedTuple):
    """A file or link in a tree: its mode as git has it (0o100644, 0o100755, 0o120000) and the id of its bytes.

    ``conflict`` marks a path that a merge left in several versions; the id is one of theirs.
    """

    mode: int
    id: str
    conflict: bool = False


class Tree:
    """The entries of a tree by path, and the names in each folder, worked out when somebody asks.

    Submodules are kept apart, as path and commit: their files are in repositories of their own.
    """

    def __init__(self) -> None:
        self.entries: Dict[str, Entry] = {}
        self.submodules: Dict[str, str] = {}
        self._folders: Optional[Dict[str, Set[str]]] = None
        self._folded: Dict[str, Dict[str, str]] = {}

    def take(self, path: str, entry: Entry) -> None:
        """Enters what git has under a path."""
        if entry.mode == _SUBMODULE:
            self.submodules[path] = entry.id
        else:
            self.entries[path] = entry

    @property
    def folders(self) -> Mapping[str, Set[str]]:
        """The names in each folder, by the folder's path; the top is empty."""
        if self._folders is None:
            self._folders = {"": set()}
            for path in self.entries:
                while path:
                    above, _, name = path.rpartition("/")
                    known = above in self._folders
                    self._folders.setdefault(above, set()).add(name)
                    path = "" if known else above
        return self._folders

    def in_any_case(self, folder: str, name: str) -> Optional[str]:
        """The name in a folder that differs from this one in case at most; the first of several."""
        if folder not in self._folded:
            names = sorted(self.folders.get(folder, ()), reverse=True)
            self._folded[folder] = {each.lower(): each for each in names}
        return self._folded[folder].get(name.lower())


def changed_submodules(old: Mapping[str, str], new: Mapping[str, str]) -> List[str]:
    """The paths of submodules that are at another commit on the other side, or not there."""
    return sorted(path for path in {*old, *new} if old.get(path) != new.get(path))


class Working:
    """Labels of what is staged: paths as people type them where they are."""

    def __init__(self, top: str) -> None:
        self._top = top

    def of(self, path: str) -> str:
        """The label of a path from the top of the repository; empty for the folder that people are in."""
        full = os.path.join(self._top, path) if path else self._top
        try:
            found = os.path.relpath(full)
        except OSError:  # the working directory is gone
            return full
        return "" if found == os.curdir else found


class Revision(Working):
    """Labels of files in a revision, as git takes them."""

    def __init__(self, revision: str) -> None:
        inside = ":" in revision and not revision.startswith(":/") and "^{" not in revision
        self._start = revision.rstrip("/") + "/" if inside and not revision.endswith(":") else revision
        self._start += "" if inside else ":"

    def of(self, path: str) -> str:
        return self._start + path if path else self._start.rstrip("/")


class _Leaves(Exception):
    """A symbolic link whose target is outside the tree."""


class GitFolder(Folder):
    """A folder of a tree in a repository.

    Links are followed within the tree alone; ``is_root`` makes the folder a root file system, in which absolute links
    start, and whose names have one case. In other folders names are found in any case, as on a FAT file system, where
    the exact one is not there. Submodules are not there.
    """

    def __init__(self, blobs: Blobs, tree: Tree, base: str, labels: Working, is_root: bool = False) -> None:
        #: Where the folder is in the repository: empty for its top.
        self.base = base
        self.path = labels.of(base)
        self._blobs = blobs
        self._tree = tree
        self._labels = labels
        self._is_root = is_root

    def below(self, name: str, is_root: bool = False) -> "GitFolder":
        """The folder of that name in this one, whether it is there or not; links may reach all of the repository.

        With ``is_root`` it is a root file system of its own.
        """
        return GitFolder(self._blobs, self._tree, _joined(self.base, _plain(name)), self._labels, is_root)

    def paths(self) -> Iterator[str]:
        """The names of all files and links below the folder, as git sorts them."""
        prefix = self.base + "/" if self.base else ""
        for path in self._tree.entries:
            if path.startswith(prefix):
                yield path[len(prefix) :]

    def submodules(self) -> Mapping[str, str]:
        """The submodules below the folder, or in its place (an empty name), with the commits that they are at."""
        prefix = self.base + "/" if self.base else ""
        return {
            path[len(prefix) :]: id
            for path, id in self._tree.submodules.items()
            if path.startswith(prefix) or path == self.base
        }

    def entry(self, name: str) -> Optional[Entry]:
        """What git has under exactly that name, links not followed; None for a folder, and for what is not there."""
        return self._tree.entries.get(_joined(self.base, _plain(name)))

    def blob_id(self, name: str) -> Optional[str]:
        """The id of a file's bytes, after links: equal ids are equal bytes. None where there is no file."""
        found = self._file(name)
        return None if found is None or found[1].conflict else found[1].id

    def ids_of(self, names: Sequence[str]) -> Iterator[str]:
        """The ids of the files of these names that are there, links not followed."""
        for name in names:
            found = self.entry(name)
            if found is not None and found.mode != _LINK and not found.conflict:
                yield found.id

    def read_ahead(self, ids: Sequence[str]) -> None:
        """Reads objects of the repository that will be asked for next."""
        self._blobs.read_ahead(ids)

    def read(self, name: str) -> Optional[bytes]:
        found = self._file(name)
        if found is None:
            if self._find(name) is not None:
                raise Unreadable(self.label(name), "is a folder")
            return None
        if found[1].conflict:
            raise Unreadable(self.label(name), "has unresolved conflicts")
        return self._blobs.read(found[1].id, self.label(name))

    def names(self, folder: str = "") -> List[str]:
        place = self._find(folder)
        return [] if place is None else sorted(self._tree.folders.get(place, ()))

    def exists(self, name: str) -> bool:
        return self._find(name) is not None

    def status(self, name: str) -> Optional[Status]:
        found = self._file(name)
        if found is None:
            return None if self._find(name) is None else Status("folder", 0o755)
        entry = found[1]
        size = 0 if entry.conflict else self._blobs.size(entry.id, self.label(name))
        return Status("file", 0o755 if entry.mode & 0o111 else 0o644, size)

    def link(self, name: str) -> Optional[str]:
        above, _, last = _plain(name).rpartition("/")
        place = self._find(above)
        entry = None if place is None or not last else self._tree.entries.get(_joined(place, last))
        return self._target(entry, name) if entry is not None and entry.mode == _LINK else None

    def label(self, name: str) -> str:
        return self._labels.of(_joined(self.base, name))

    def _target(self, entry: Entry, name: str) -> str:
        if entry.conflict:
            raise Unreadable(self.label(name), "has unresolved conflicts")
        return os.fsdecode(self._blobs.read(entry.id, self.label(name)))

    def _file(self, name: str) -> Optional[Tuple[str, Entry]]:
        place = self._find(name)
        entry = None if place is None else self._tree.entries.get(place)
        return None if place is None or entry is None else (place, entry)

    def _find(self, name: str) -> Optional[str]:
        """The path in the repository of a file or folder after all links; None where it is not there."""
        try:
            return self._walk(name)
        except _Leaves:
            raise Unreadable(self.label(name), "is a symbolic link that leaves the tree; it was not followed") from None

    def _walk(self, name: str) -> Optional[str]:
        plain = _plain(name)
        if _climbs(plain) or "\0" in plain:
            return None
        place = _joined(self.base, plain)
        # Most names are there as they are asked for; below a link there are no entries.
        entry = self._tree.entries.get(place)
        if entry is not None and entry.mode != _LINK:
            return place
        root = self.base.split("/") if self._is_root and self.base else []
        here: List[str] = list(root)
        todo = place.split("/")[len(root) :][::-1] if place else []
        links = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if len(here) > len(root):
                    here.pop()
                elif not self._is_root:
                    raise _Leaves
                continue
            inner = self._name(here, part)
            if inner is None:
                return None
            path = "/".join([*here, inner])
            entry = self._tree.entries.get(path)
            if entry is not None and entry.mode == _LINK:
                links += 1
                if links > _MAX_LINKS:
                    raise Unreadable(self.label(name), os.strerror(errno.ELOOP).lower())
                target = self._target(entry, name)
                if target.startswith("/"):
                    if not self._is_root:
                        raise _Leaves
                    here = list(root)
                todo.extend(target.split("/")[::-1])
                continue
            if entry is not None and any(each not in ("", ".") for each in todo):
                return None
            here.append(inner)
        found = "/".join(here)
        return found if found in self._tree.entries or found in self._tree.folders else None

    def _name(self, here: Sequence[str], part: str) -> Optional[str]:
        """The name of an entry in a folder, in the case it really has."""
        folder = "/".join(here)
        path = _joined(folder, part)
        if path in self._tree.entries or path in self._tree.folders:
            return part
        return None if self._is_root else self._tree.in_any_case(folder, part)


def _plain(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _joined(base: str, name: str) -> str:
    return "{}/{}".format(base, name) if base and name else base or name


def _climbs(name: str) -> bool:
    """Whether a path goes above where it starts."""
    depth = 0
    for part in name.split("/"):
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False
