"""/boot as update-initramfs sees it, where files on the root file system and the boot partition may be one folder."""

import os.path
from typing import List, Optional, Tuple

from scmguard.checks.base import Context
from scmguard.folder import Folder, Status
from scmguard.rootfs import mounts


class BootFolder:
    """The folder /boot of a root file system.

    ``is_partition`` tells whether the boot partition is mounted there (None: not known), as up to Bullseye, and not at
    /boot/firmware below it. Everything may raise Unreadable.
    """

    def __init__(self, context: Context) -> None:
        root, files = context.boot.root, context.boot.files
        self.is_partition = _is_partition(context)
        self._parts: List[Tuple[Folder, str]] = []
        if root is not None:
            self._parts.append((root, "boot/"))
        if self.is_partition and not (root is not None and _same(root, files)):
            self._parts.append((files, ""))

    def names(self) -> List[str]:
        """The names in it, sorted."""
        return sorted({name for folder, prefix in self._parts for name in folder.names(prefix.rstrip("/"))})

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return any(folder.exists(prefix + name) for folder, prefix in self._parts)

    def status(self, name: str) -> Optional[Status]:
        """What is known of a file; None where there is none."""
        return next(filter(None, (folder.status(prefix + name) for folder, prefix in self._parts)), None)

    def label(self, name: str) -> str:
        """The path of a file, for people."""
        for folder, prefix in self._parts:
            if folder.exists(prefix + name):
                return folder.label(prefix + name)
        folder, prefix = self._parts[0]
        return folder.label(prefix + name)

    def size(self, name: str) -> int:
        """The size of a file; 0 where there is none."""
        return _size_in(self.status(name))

    def kernels(self) -> List[str]:
        """The releases that ``linux-version list`` tells: those with a vmlinuz-RELEASE or vmlinux-RELEASE."""
        return [
            name[len("vmlinuz-") :]
            for name in self.names()
            if name.startswith(("vmlinuz-", "vmlinux-")) and not name.endswith(("-", ".sig"))
        ]

    def images(self) -> List[str]:
        """The releases of which there is an initrd.img-RELEASE, leftovers of updates not among them."""
        names = [name[len("initrd.img-") :] for name in self.names() if name.startswith("initrd.img-")]
        return [name for name in names if name and not name.endswith((".bak", ".new", ".dpkg-bak"))]


def boot_folder(context: Context) -> BootFolder:
    """The folder /boot of a context's root file system. Raises Unreadable."""
    memo = context.boot.memo
    if "boot folder" not in memo:
        memo["boot folder"] = BootFolder(context)
    found: BootFolder = memo["boot folder"]
    return found


def _same(root: Folder, files: Folder) -> bool:
    return os.path.normpath(root.label("boot/x")) == os.path.normpath(files.label("x"))


def _is_partition(context: Context) -> Optional[bool]:
    root = context.boot.root
    if root is None:
        return None
    if _same(root, context.boot.files):
        return True
    if os.path.normpath(root.label("boot/firmware/x")) == os.path.normpath(context.boot.files.label("x")):
        return False
    targets = [mount.target.rstrip("/") for mount in mounts.fstab(root) if mount.is_boot]
    if "/boot/firmware" in targets:
        return False
    return True if targets else None


def size_of(folder: Folder, name: str) -> int:
    """The size of a file; 0 where there is none. Raises Unreadable."""
    return _size_in(folder.status(name))


def _size_in(status: Optional[Status]) -> int:
    return status.size if status is not None and status.is_file else 0


def said_size(count: int) -> str:
    """A number of bytes for people."""
    return "{:.1f} MB".format(count / 1_000_000) if count >= 50_000 else "{} bytes".format(count)
