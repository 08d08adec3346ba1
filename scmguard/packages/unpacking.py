"""What unpacking and removing packages does to a file system, package after package.

Source: dpkg(1) and Debian policy, chapter 6 and appendix E (a configuration file that somebody changed is kept, one
that somebody removed stays away, and where both changed dpkg asks; the default is to keep); dpkg-divert(1).
"""

import hashlib
import os.path
from typing import Container, Dict, List, Optional, Set, Tuple

from scmguard.folder import Folder, Unreadable
from scmguard.packages.ahead import GONE
from scmguard.packages.archive import Archive, Member
from scmguard.packages.relevant import is_boot_file
from scmguard.packages.transaction import Change, Transaction
from scmguard.rootfs import dpkg, links


class Places:
    """Where files of packages really are, on a root file system with links to folders."""

    def __init__(self, root: Folder) -> None:
        self._root = root
        self._known: Dict[str, str] = {}

    def real(self, path: str) -> str:
        """Where a path is after all links on the way to its last part: ``lib/modules`` in ``usr/lib`` on most."""
        folder, _, name = path.rpartition("/")
        return os.path.join(self._folder(folder), name)

    def _folder(self, folder: str) -> str:
        if folder not in self._known:
            self._known[folder] = links.after_links(self._root, folder)
        return self._known[folder]


class Work:
    """The files that packages bring and take, one package after the other."""

    def __init__(self, root: Folder, transaction: Transaction) -> None:
        self.root = root
        self._changed = {(change.package, change.architecture) for change in transaction.changes}
        self.brings: Dict[str, Tuple[str, ...]] = {}
        self.takes: Dict[str, Tuple[str, ...]] = {}
        self._members: Dict[str, Member] = {}
        # What goes when a package is configured, too late for its folder to go with it.
        self._withdrawn: Dict[str, Member] = {}
        # Folders that packages had, by where they are, and as they are in lists.
        self._left: Dict[str, str] = {}
        # What other packages bring is no longer theirs, unless a diversion keeps the two apart: names after diversion,
        # but not after links, which dpkg does not look at here.
        self._used: Set[str] = set()
        self._sums = dpkg.conffiles(root)
        self._places = Places(root)

    def remove(self, change: Change) -> None:
        """What goes with a package. Configuration files stay, and their folders, where it is not purged."""
        there = self._there(change)
        staying = [path for path in there if path in self._sums and not change.purges]
        self._used.update(above for path in staying for above in _above(path))
        self._take(change, [path for path in there if path not in staying])

    def unpack(self, change: Change, archive: Archive) -> None:
        """What a package brings, and what is left of its older version and goes."""
        diverted = dpkg.diversions(self.root, change.package)
        laid: List[str] = []
        places = set()
        for path, member in archive.members.items():
            place = self._places.real(diverted.get(path, path))
            places.add(place)
            if self._comes(path, place, member, archive):
                self._members[place] = member
                laid.append(path)
        self.brings[change.package] = tuple(path for path in laid if archive.members[path].kind != "folder")
        self._used.update(diverted.get(name, name) for name in archive.names)
        left = set(self._there(change)) - set(archive.names) - set(archive.conffiles)
        settings = left & set(self._sums)
        for path in settings:
            if path in archive.withdrawn:
                self._withdrawn[self._places.real(path)] = GONE
            elif not self.root.exists(path):
                # dpkg forgets it: to another package that brings it, it is new.
                del self._sums[path]
        # A configuration file that the new version does not have stays, also where a diversion has put it elsewhere.
        self._take(change, sorted(left - settings), places)

    def _there(self, change: Change) -> List[str]:
        listed = dpkg.files(self.root, change.package, change.architecture)
        return [path for path in listed if is_boot_file(path + "/")]

    def _take(self, change: Change, paths: List[str], brought: Container[str] = ()) -> None:
        diverted = dpkg.diversions(self.root, change.package)
        kept = self._of_other_architectures(change) if paths else set()
        taken = []
        for path in sorted(paths):
            # dpkg does not ask for diversions when it purges a configuration file.
            name = path if path in self._sums else diverted.get(path, path)
            place = self._places.real(name)
            if self._is_folder(place):
                # A link to one, too: where another package has the path, it stays.
                self._left[place] = path
            elif place in brought or name in self._used or path in kept:
                continue
            elif self.root.link(place) is not None or self.root.exists(place):
                self._members[place] = GONE
                taken.append(path)
        self.takes[change.package] = tuple(taken)

    def _of_other_architectures(self, change: Change) -> Set[str]:
        """The files that the package keeps because it is there for another architecture, too."""
        kept: Set[str] = set()
        for architecture in dpkg.architectures(self.root, change.package):
            if (change.package, architecture) not in self._changed:
                kept.update(dpkg.files(self.root, change.package, architecture))
        return kept

    def _comes(self, path: str, place: str, member: Member, archive: Archive) -> bool:
        """Whether a package's file will be the one on the disk."""
        now = self._members.get(place)
        if member.kind == "folder":
            return now is GONE or (now is None and not self.root.exists(place))
        if member.kind == "link":
            # dpkg puts no link in the place of a folder.
            return now is not None or self.root.link(place) is not None or not self._is_folder(place)
        if path not in archive.conffiles:
            return True
        if now is None and self.root.link(place) is not None:
            # dpkg unpacks beside the link, then looks beside the file that it leads to, and changes nothing.
            return False
        known, present = self._sums.get(path), _sum(self.root, place) if now is None else _sum_of(now)
        return known is None if present is None else present == known

    def _is_folder(self, place: str) -> bool:
        try:
            status = self.root.status(place)
        except Unreadable:
            # A link that leads to itself is no folder.
            if self.root.link(place) is None:
                raise
            return False
        return status is not None and status.kind == "folder"

    def result(self) -> Dict[str, Member]:
        """Everything that changes, by where it is."""
        return {**self._withdrawn, **self._folders(), **self._members}

    def _folders(self) -> Dict[str, Member]:
        """The folders that go, because nothing is in them and no package has them, and those that stay empty."""
        gone = {place for place, member in self._members.items() if member is GONE}
        filled = {above for place in {*self._members} - gone for above in _above(place)}
        emptied = {above for place in {*gone, *self._withdrawn} for above in _above(place)}
        others: Optional[Set[str]] = None
        found: Dict[str, Member] = {}
        for place in sorted({*emptied, *self._left} - filled, reverse=True):
            status = self.root.status(place)
            if status is None or status.kind != "folder":
                continue
            is_link = self.root.link(place) is not None
            inside = {"{}/{}".format(place, name) for name in ([] if is_link else self.root.names(place))}
            inside -= {each for each in inside if each in gone or found.get(each) is GONE}
            if inside - set(self._withdrawn):
                continue
            path = self._left.get(place)
            if not inside and path is not None and path not in self._used:
                if others is None:
                    others = dpkg.used_by_others(self.root, {*self.brings, *self.takes}, self._left.values())
                if path not in others:
                    found[place] = GONE
                    continue
            if not is_link:
                found[place] = Member("folder", status.mode, mtime=status.mtime)
        return found


def _above(path: str) -> List[str]:
    """The folders that a path is in."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _sum(root: Folder, path: str) -> Optional[str]:
    try:
        data = root.read(path)
    except Unreadable:
        return ""
    return None if data is None else hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sum_of(member: Member) -> Optional[str]:
    if member is GONE:
        return None
    return hashlib.md5(member.data or b"", usedforsecurity=False).hexdigest()
