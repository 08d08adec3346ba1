"""A file system as it will be: the one that is there, with files laid over it and others taken away."""

import os.path
from typing import Dict, List, Mapping, Optional, Set

from scmguard.folder import Content, Folder, Space, Status, Unreadable
from scmguard.packages.archive import Member

_MOST_LINKS = 40
#: A file that will not be there.
GONE = Member("gone", 0)


class Ahead(Folder):
    """``behind`` with ``members`` over it, by path without a slash in front.

    With ``folds_case`` names are found in any case, as on FAT. Links among the members are followed; their absolute
    targets start at this folder.
    """

    def __init__(self, behind: Folder, members: Mapping[str, Member], folds_case: bool = False) -> None:
        self.path = behind.path
        #: What is there now.
        self.behind = behind
        self._folds = folds_case
        self._members = {self._key(name): member for name, member in members.items()}
        self._inner: Dict[str, Dict[str, str]] = {}
        self._links: Dict[str, Optional[str]] = {}
        self._emptied: Set[str] = set()
        for name, member in members.items():
            parts = name.split("/")
            above = [self._key("/".join(parts[:depth])) for depth in range(len(parts))]
            if member.kind == "gone":
                self._emptied.update(above[1:])
                continue
            for folder, part in zip(above, parts):
                self._inner.setdefault(folder, {}).setdefault(self._key(part), part)

    def _is_emptied(self, name: str) -> bool:
        """Whether all that was in a folder is gone; dpkg removes it then."""
        key = self._key(name)
        if key not in self._emptied or key in self._members:
            return False
        return not self.names(name)

    def _key(self, name: str) -> str:
        return name.lower() if self._folds else name

    def _find(self, name: str) -> "tuple[str, Optional[Member]]":
        """The name after all links, and what is laid there; None where that is up to what is behind."""
        todo = [part for part in name.split("/") if part not in ("", ".")][::-1]
        done: List[str] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                del done[-1:]
                continue
            done.append(part)
            member = self._members.get(self._key("/".join(done)))
            target = member.target if member is not None and member.kind == "link" else None
            if target is None and member is None:
                target = self._behind_link("/".join(done))
            if target is not None:
                links += 1
                if links > _MOST_LINKS:
                    raise Unreadable(self.label(name), "too many levels of symbolic links")
                done = [] if target.startswith("/") else done[:-1]
                todo += [each for each in target.split("/") if each not in ("", ".")][::-1]
                continue
            if member is not None and (member.kind == "gone" or (todo and member.kind != "folder")):
                return "/".join([*done, *todo[::-1]]), GONE
        found = "/".join(done)
        return found, self._members.get(self._key(found))

    def _behind_link(self, name: str) -> Optional[str]:
        if name not in self._links:
            self._links[name] = self.behind.link(name)
        return self._links[name]

    def read(self, name: str) -> Optional[bytes]:
        found, member = self._find(name)
        if member is None:
            return self.behind.read(found) if self._is_behind(found) else None
        if member.kind in ("gone", "link"):
            return None
        if member.kind != "file":
            raise Unreadable(self.label(name), "is a folder" if member.kind == "folder" else "is not a regular file")
        if member.data is None:
            raise Unreadable(self.label(name), "is in a package, and too large to be looked into beforehand")
        return member.data

    def _is_behind(self, found: str) -> bool:
        """Whether a file has to be looked for in what is there now. Raises Unreadable for a folder that comes."""
        if self._inner.get(self._key(found)):
            raise Unreadable(self.label(found), "is a folder")
        return not self._is_emptied(found)

    def content(self, name: str) -> Optional[Content]:
        found, member = self._find(name)
        if member is None:
            return self.behind.content(found) if self._is_behind(found) else None
        data = self.read(name)
        return None if data is None else Content.of_bytes(data)

    def names(self, folder: str = "") -> List[str]:
        found, member = self._find(folder)
        if member is not None and member.kind != "folder":
            return []
        here = self._inner.get(self._key(found), {})
        prefix = self._key(found) + "/" if found else ""
        names = {self._key(each): each for each in self.behind.names(found)}
        for key in list(names):
            each = self._members.get(prefix + key)
            if (each is not None and each.kind == "gone") or self._is_emptied(prefix + names[key]):
                del names[key]
        return sorted({**here, **names}.values())

    def exists(self, name: str) -> bool:
        found, member = self._find(name)
        if member is None:
            if self._inner.get(self._key(found)):
                return True
            return self.behind.exists(found) and not self._is_emptied(found)
        return member.kind != "gone"

    def status(self, name: str) -> Optional[Status]:
        found, member = self._find(name)
        if member is None:
            status = self.behind.status(found)
            if status is None and self._inner.get(self._key(found)):
                return Status("folder", 0o755)
            return None if self._is_emptied(found) else status
        if member.kind == "gone":
            return None
        kind = member.kind if member.kind in ("file", "folder") else "other"
        return Status(kind, member.mode, member.size, member.mtime)

    def link(self, name: str) -> Optional[str]:
        parent, _, last = name.strip("/").rpartition("/")
        folder, above = self._find(parent)
        if above is not None and above.kind != "folder":
            return None
        path = os.path.join(folder, last)
        member = self._members.get(self._key(path))
        if member is None:
            return self.behind.link(path)
        return member.target if member.kind == "link" else None

    def space(self) -> Optional[Space]:
        return self.behind.space()

    def label(self, name: str) -> str:
        return self.behind.label(name)
