"""What a transaction does to the files that booting depends on.

Source: dpkg(1) and Debian policy, chapter 6 and appendix E (a configuration file that somebody changed is kept, one
that somebody removed stays away, and where both changed dpkg asks; the default is to keep); dpkg-divert(1).
"""

import hashlib
from typing import Dict, List, NamedTuple, Optional, Tuple

from scmguard.folder import Folder, Unreadable
from scmguard.packages import archive as archives
from scmguard.packages.ahead import GONE
from scmguard.packages.archive import Archive, Broken, Member
from scmguard.packages.relevant import is_boot_file
from scmguard.packages.transaction import REMOVE, UNPACKS, Change, Transaction
from scmguard.rootfs import dpkg

# All packages of a transaction together; a Raspberry Pi has little memory.
_KEPT = 256 << 20


class Outlook(NamedTuple):
    """Boot-relevant files as they will be, by path on the root file system, and which package brings or takes which.

    ``names`` are all files of each package that is unpacked; ``broken`` are archives that could not be read.
    """

    members: Dict[str, Member]
    brings: Dict[str, Tuple[str, ...]]
    takes: Dict[str, Tuple[str, ...]]
    names: Dict[str, Tuple[str, ...]]
    broken: Tuple[str, ...] = ()


class Pending(NamedTuple):
    """A transaction, and what it does to the boot files."""

    transaction: Transaction
    outlook: Outlook

    def touched(self, change: Change) -> Tuple[str, ...]:
        """The boot files that a package brings or takes."""
        return (*self.outlook.brings.get(change.package, ()), *self.outlook.takes.get(change.package, ()))


def outlook(root: Folder, transaction: Transaction) -> Outlook:
    """Reads the archives of a transaction, each once. Raises Unreadable for what the root file system has."""
    members: Dict[str, Member] = {}
    gone: Dict[str, Member] = {}
    brings: Dict[str, Tuple[str, ...]] = {}
    takes: Dict[str, Tuple[str, ...]] = {}
    names: Dict[str, Tuple[str, ...]] = {}
    broken: List[str] = []
    diverted = dpkg.diversions(root)
    kept = _KEPT
    for change in transaction.changes:
        there = [path for path in dpkg.files(root, change.package, change.architecture) if is_boot_file(path)]
        if change.action == REMOVE:
            taken = [path for path in there if not dpkg.is_conffile(root, path) and _is_no_folder(root, path)]
            takes[change.package] = tuple(taken)
            gone.update((real(root, diverted.get(path, path)), GONE) for path in taken)
        if change.action not in UNPACKS or not change.archive:
            continue
        try:
            archive = archives.read(change.archive, is_boot_file, kept)
        except Broken as error:
            broken.append(str(error))
            continue
        kept -= sum(len(member.data or b"") for member in archive.members.values())
        names[change.package] = archive.names
        laid = {path: member for path, member in archive.members.items() if _comes(root, path, member, archive)}
        brings[change.package] = tuple(path for path, member in laid.items() if member.kind != "folder")
        members.update((real(root, diverted.get(path, path)), member) for path, member in laid.items())
        left = set(there) - set(archive.names) - set(archive.conffiles)
        taken = [path for path in sorted(left) if not dpkg.is_conffile(root, path) and _is_no_folder(root, path)]
        takes[change.package] = tuple(taken)
        gone.update((real(root, diverted.get(path, path)), GONE) for path in taken)
    # What one package takes away another may bring.
    return Outlook({**gone, **members}, brings, takes, names, tuple(broken))


def named(change: Change) -> Change:
    """A change of which the archive alone is known, with what its fields say. Raises Broken."""
    fields = archives.read(change.archive, lambda _path: False).fields
    return change._replace(
        package=fields.get("Package", ""), new=fields.get("Version", ""), architecture=fields.get("Architecture", "")
    )


def _is_no_folder(root: Folder, path: str) -> bool:
    status = root.status(path)
    return status is not None and status.kind != "folder"


def _comes(root: Folder, path: str, member: Member, archive: Archive) -> bool:
    """Whether a package's file will be the one on the disk."""
    if member.kind == "folder":
        return not root.exists(path)
    if path not in archive.conffiles:
        return True
    known = dpkg.conffile_sum(root, path)
    present = _sum(root, path)
    return known is None if present is None else present == known


def _sum(root: Folder, path: str) -> Optional[str]:
    try:
        data = root.read(path)
    except Unreadable:
        return ""
    return None if data is None else hashlib.md5(data, usedforsecurity=False).hexdigest()


def real(root: Folder, path: str) -> str:
    """A path with the links on the way to its last part resolved: ``lib/modules`` is ``usr/lib/modules`` on most."""
    done: List[str] = []
    todo = path.split("/")[::-1]
    links = 0
    while len(todo) > 1:
        done.append(todo.pop())
        target = root.link("/".join(done)) if len(done) < _LINKED_WITHIN else None
        if target is not None and links < _MOST_LINKS:
            links += 1
            done = [] if target.startswith("/") else done[:-1]
            todo += [each for each in target.split("/") if each not in ("", ".", "..")][::-1]
    return "/".join([*done, *todo])


# Links on the way to boot files are those of a merged /usr, and of /boot.
_LINKED_WITHIN = 3
_MOST_LINKS = 10
