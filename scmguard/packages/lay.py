"""What a transaction does to the files that booting depends on: its archives, read and laid over what is there."""

from contextlib import suppress
from typing import Dict, List, NamedTuple, Tuple

from scmguard.folder import Folder, Unreadable
from scmguard.packages import archive as archives
from scmguard.packages.archive import Broken, Member
from scmguard.packages.relevant import is_boot_file, is_boot_package
from scmguard.packages.transaction import CONFIGURE, REMOVE, UNPACKS, Change, Transaction
from scmguard.packages.unpacking import Places, Work

# All packages of a transaction together; a Raspberry Pi has little memory.
_KEPT = 256 << 20
_KEPT_OF_PROGRAMS = 96 << 20
_HOOKS = ("usr/share/initramfs-tools/", "etc/initramfs-tools/")
_PROGRAMS = ("bin/", "sbin/", "lib/", "usr/bin/", "usr/sbin/", "usr/lib/", "usr/libexec/", "etc/", "usr/share/")


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

    def concerns(self, change: Change) -> bool:
        """Whether a package changes the boot, by its files or by what it is."""
        return change.action != CONFIGURE and (is_boot_package(change.package) or bool(self.touched(change)))

    @property
    def matters(self) -> bool:
        """Whether the transaction has to do with booting."""
        return any(self.concerns(change) for change in self.transaction.changes)


def outlook(root: Folder, transaction: Transaction) -> Outlook:
    """Reads the archives of a transaction, each once. Raises Unreadable for what the root file system has."""
    work = Work(root, transaction)
    names: Dict[str, Tuple[str, ...]] = {}
    broken: List[str] = []
    kept = _KEPT
    for change in transaction.changes:
        if change.action == REMOVE:
            work.remove(change)
        if change.action not in UNPACKS or not change.archive:
            continue
        try:
            archive = archives.read(change.archive, is_boot_file, kept)
        except Broken as error:
            broken.append(str(error))
            continue
        kept -= sum(len(member.data or b"") for member in archive.members.values())
        names[change.package] = archive.names
        work.unpack(change, archive)
    members = work.result()
    if any(path.startswith(_HOOKS) for paths in work.brings.values() for path in paths):
        members = {**_programs(root, transaction), **members}
    return Outlook(members, work.brings, work.takes, names, tuple(broken))


def named(change: Change) -> Change:
    """A change of which the archive alone is known, with what its fields say. Raises Broken."""
    fields = archives.control(change.archive).fields
    return change._replace(
        package=fields.get("Package", ""), new=fields.get("Version", ""), architecture=fields.get("Architecture", "")
    )


def _programs(root: Folder, transaction: Transaction) -> Dict[str, Member]:
    """What hooks of an initramfs may copy and is not there yet: a package often brings a hook together with it."""
    found: Dict[str, Member] = {}
    places = Places(root)
    kept = _KEPT_OF_PROGRAMS
    for change in transaction.changes:
        if change.action not in UNPACKS or not change.archive:
            continue
        with suppress(Broken):  # said already
            read = archives.read(
                change.archive, lambda path: path.startswith(_PROGRAMS) and not _exists(root, path), kept
            )
            kept -= sum(len(member.data or b"") for member in read.members.values())
            files = ((path, member) for path, member in read.members.items() if member.kind in ("file", "link"))
            found.update((places.real(path), member) for path, member in files if not is_boot_file(path))
    return found


def _exists(root: Folder, path: str) -> bool:
    try:
        return root.exists(path)
    except Unreadable:  # a link that leads to itself, for one
        return True
