"""The programs in an image that is to be made from a root file system: those of mkinitramfs, busybox, klibc and hooks.

Sources: initramfs-tools 0.142 and 0.148, ``mkinitramfs``, ``init`` (PATH), ``hooks/klibc-utils``; busybox 1.35.0,
``hooks/zz-busybox``; cryptsetup 2:2.6.1-4~deb12u2, ``hooks/crypt*``; kmod 30, udev 252, ``hooks``.
"""

from functools import cached_property
from typing import Dict, FrozenSet, List, Optional, Tuple

from scmguard.folder import Folder
from scmguard.initramfs.broughtfiles import Brought, brought, in_image
from scmguard.initramfs.busybox import ASH_BUILTINS, BUILTINS, applets
from scmguard.initramfs.tools import Entry

#: Where commands are looked for that are named without a folder (``init`` exports it).
PATH = ("sbin", "bin")

# The programs of busybox, by the hook that brings them: Debian's, and Ubuntu's own for the initramfs.
_BUSYBOXES = {
    "zz-busybox-initramfs": ("usr/lib/initramfs-tools/bin/busybox",),
    "zz-busybox": ("usr/bin/busybox", "bin/busybox"),
}
_KLIBC = "usr/lib/klibc/bin"
_NOT_TAKEN = frozenset(["gzip", "kinit", "zcat"])
# What every image has that can open a volume: mkinitramfs itself, kmod, udev and cryptsetup bring it.
_ALWAYS = frozenset(
    ["sbin/modprobe", "sbin/rmmod", "bin/kmod", "bin/udevadm", "sbin/blkid", "lib/systemd/systemd-udevd", "bin/sh"]
    + ["sbin/cryptsetup", "sbin/dmsetup", "lib/cryptsetup/askpass", "lib/cryptsetup/functions", "scripts/functions"]
)
# Folders that something else fills, at the build or at boot, or that other file systems are mounted at.
_OTHERS = (
    "conf/",
    "scripts/",
    "cryptroot/",
    "run/",
    "tmp/",
    "dev/",
    "proc/",
    "sys/",
    "root/",
    "mnt/",
    "media/",
    "boot/",
)
# Packages' hooks whose text does not tell the names of all that they bring, and the programs among that.
_KNOWN: Dict[str, Tuple[str, ...]] = {
    "fsck": ("fsck.*",),
    "keymap": ("setupcon", "loadkeys", "setfont", "kbd_mode", "gzip", "gunzip", "zcat"),
}
_KNOWN.update(
    (name, ())
    for name in [
        "cryptroot",
        "cryptroot-unlock",
        "dmsetup",
        "dropbear",
        "iscsiuio",
        "klibc-utils",
        "kmod",
        "lvm2",
        "mdadm",
    ]
    + ["multipath", "plymouth", "resume", "thermal", "udev", "zz-busybox", "zz-busybox-initramfs"]
)
# Hooks of cryptsetup that do nothing unless a volume has that key script.
_FOR_KEYSCRIPT = {
    "cryptgnupg": "decrypt_gnupg",
    "cryptgnupg-sc": "decrypt_gnupg-sc",
    "cryptkeyctl": "decrypt_keyctl",
    "cryptopensc": "decrypt_opensc",
    "cryptpassdev": "passdev",
}


class ImagePrograms:
    """What is known of the programs in an image. Every answer may raise Unreadable.

    ``busybox`` is the value of BUSYBOX in effect, None where it is not known; ``keyscripts`` are the names of the key
    scripts of the volumes that the image opens.
    """

    def __init__(
        self, root: Folder, hooks: Tuple[Entry, ...], busybox: Optional[str], keyscripts: FrozenSet[str]
    ) -> None:
        self._root = root
        self._hooks = hooks
        self._busybox = busybox
        self._keyscripts = keyscripts

    @cached_property
    def tools(self) -> Optional[FrozenSet[str]]:
        """The names of the commands of busybox and klibc that get into the image; None where that is not known."""
        active = {entry.name for entry, _ in self._active}
        found: FrozenSet[str] = frozenset()
        if self._busybox is None:
            return None
        if self._busybox != "n":
            paths = next((paths for hook, paths in _BUSYBOXES.items() if hook in active), ())
            names = next((each for each in (applets(self._root, path) for path in paths) if each is not None), None)
            if names is None:
                return None
            found = names | {"busybox"}
        elif "klibc-utils" not in active:
            return None
        if "klibc-utils" in active:
            found |= frozenset(self._root.names(_KLIBC)) - _NOT_TAKEN
        return found

    def has(self, command: str, path: Optional[Tuple[str, ...]] = PATH) -> Optional[bool]:
        """Whether a command can be called in the image; None where that is not known.

        ``path`` are the folders in which it is looked for, None where they are not known.
        """
        name = command.rpartition("/")[2]
        tools = self.tools
        if tools is None:
            return None
        # In which folder busybox has a command is not judged.
        if name in tools:
            return True
        if "/" in command:
            return self.brings(command) if command.startswith("/") else None
        if name in BUILTINS or name in ASH_BUILTINS and self._busybox != "n":
            return True
        if path is None:
            return True if self.elsewhere(name) else self._best(list(PATH), name)
        return self._best(list(path), name)

    def _best(self, folders: List[str], name: str) -> Optional[bool]:
        answers = [self.brings("{}/{}".format(folder, name)) for folder in folders]
        return True if True in answers else None if None in answers else False

    def brings(self, path: str) -> Optional[bool]:
        """Whether a file gets into the image at a path, from a hook or always; None where that is not known."""
        place = in_image(path)
        if place.startswith(_OTHERS):
            return None
        answers = [place in _ALWAYS] + [found.has(place) for _, found in self._active]
        return True if True in answers else None if None in answers else False

    def elsewhere(self, command: str) -> str:
        """Another path at which a hook puts a file of a command's name; empty where none does."""
        name = command.rpartition("/")[2]
        every = sorted(path for _, found in self._active for path in found.files)
        return next(("/" + path for path in every if path.rpartition("/")[2] == name and "/" in path), "")

    def idle(self, command: str) -> Optional[Entry]:
        """A hook that would bring a command, and that mkinitramfs does not run."""
        name = command.rpartition("/")[2]
        for entry in self._hooks:
            script = entry.script if not entry.is_taken else None
            files = brought(script, self._root).files if script is not None else ()
            if any(path.rpartition("/")[2] == name for path in files):
                return entry
        return None

    @cached_property
    def _active(self) -> List[Tuple[Entry, Brought]]:
        """The hooks that run, each with what it brings."""
        found: List[Tuple[Entry, Brought]] = []
        for entry in self._hooks:
            if not entry.is_taken:
                continue
            script = entry.script
            if script is None:
                found.append((entry, Brought(frozenset(), frozenset([("", "*")]))))
            elif script.tree is not None:
                found.append((entry, self._of_hook(entry, brought(script, self._root))))
        return found

    def _of_hook(self, entry: Entry, found: Brought) -> Brought:
        if not entry.packaged:
            return found
        if _FOR_KEYSCRIPT.get(entry.name, "") in self._keyscripts:
            return found
        if entry.name in _FOR_KEYSCRIPT:
            return Brought(frozenset(), frozenset())
        if entry.name in _KNOWN:
            names = _KNOWN[entry.name]
            return Brought(found.files, frozenset((folder, name) for folder in PATH for name in names))
        return found
