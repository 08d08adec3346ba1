"""A boot tree as it will be after a transaction, or after files are put back or edited."""

from typing import Dict, Mapping

from scmguard.boot import Boot
from scmguard.folder import Folder
from scmguard.packages.ahead import Ahead
from scmguard.packages.archive import Member
from scmguard.packages.lay import Outlook
from scmguard.packages.unpacking import Places
from scmguard.rootfs import mounts


def after(boot: Boot, outlook: Outlook) -> Boot:
    """The boot tree with a transaction's files in it."""
    if boot.root is None:
        return boot
    root = Ahead(boot.root, outlook.members)
    prefix = _place(boot.root, boot.files)
    inside: Dict[str, Member] = {}
    if prefix:
        inside = {
            name[len(prefix) :]: member
            for name, member in outlook.members.items()
            # A boot partition has no links: what packages link below it is not there.
            if name.startswith(prefix) and member.kind != "link"
        }
    return Boot(Ahead(boot.files, inside, True), root, boot.start, notes=boot.notes, live=boot.live)


def put_back(boot: Boot, members: Mapping[str, Member]) -> Boot:
    """The boot tree with files of the boot partition replaced, or gone."""
    return boot.with_files(Ahead(boot.files, members, True))


class _Edited(Ahead):
    """Files laid over a folder by :func:`edited`."""

    def __init__(self, behind: Folder, members: Mapping[str, Member]) -> None:
        super().__init__(behind, members, True)
        self.members = members


def edited(boot: Boot, contents: Mapping[str, bytes]) -> Boot:
    """The boot tree with files of the boot partition that have other contents, by name."""
    members = {name: Member("file", 0o644, len(data), data=data) for name, data in contents.items()}
    behind = boot.files
    if isinstance(behind, _Edited):
        # However often a tree is edited, its files are laid over what is there once.
        members, behind = {**behind.members, **members}, behind.behind
    new = boot.with_files(_Edited(behind, members))
    for name, source in boot.lent.items():
        new.lend(name, source)
    return new


def _place(root: Folder, files: Folder) -> str:
    """Where the boot partition is below the root, after links, with a slash behind; empty where it is not there."""
    for place in ("boot/firmware/", "boot/"):
        if root.label(place + "x") == files.label("x"):
            return Places(root).real(place + "x")[:-1]
    if files.path:
        return ""
    # Trees in memory have no place; their tables tell where it would be.
    targets = [mount.target.strip("/") for mount in mounts.fstab(root) if mount.is_boot]
    return (targets[0] if targets else "boot/firmware") + "/"
