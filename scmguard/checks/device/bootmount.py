"""The boot partition as it is mounted on this machine: what is written there must be what the firmware reads.

Sources: mount(8) and the kernel's FAT driver (``errors=remount-ro`` is the default of vfat: after an error in the file
system it is read-only; of ``ro`` and ``rw`` the last counts); systemd.mount(5) (``noauto``, ``x-systemd.automount``);
pi-gen, ``stage1/01-sys-tweaks/files/fstab`` (the boot partition is a line of fstab).
"""

from typing import Iterator, Optional

from scmguard.checks.base import Context, Hit, Params, known
from scmguard.checks.device.common import asked, hit_fact
from scmguard.finding import Related
from scmguard.rootfs import mounts
from scmguard.rootfs.mounts import BOOT_FOLDERS, Mount

# With these systemd does not mount it at boot, or only while somebody looks at it.
_LATER = ("noauto", "x-systemd.automount")
# A separate /boot of another type is none that the firmware reads.
_FAT = ("vfat", "msdos", "auto", "")


def boot_partition_not_mounted(context: Context, _params: Params) -> Iterator[Hit]:
    """Where fstab has the boot partition, it must be mounted."""
    device = asked(context)
    mount = known(device.boot_mount, "whether the boot partition is mounted")
    line = _in_fstab(context)
    if mount is not None or line is None or any(option in _LATER for option in line.options):
        return
    message = "{} is not mounted: updates write into a folder that the firmware never reads".format(line.target)
    related = (Related(hit_fact(device.boot_mount, "").span, "what is mounted"),)
    yield Hit(line.file, line.span, message, related=related)


def boot_partition_read_only_pending(context: Context, _params: Params) -> Iterator[Hit]:
    """The boot partition must be as writable as fstab says, now and after the next boot."""
    device = asked(context)
    mount = known(device.boot_mount, "how the boot partition is mounted")
    line = _in_fstab(context, mount.path) if mount is not None else None
    if mount is None or line is None:
        return
    wanted = _is_writable(line)
    if mount.writable == wanted:
        return
    if wanted:
        message = "{} is read-only now, and fstab does not ask for it: the kernel does that after an error on it"
        yield hit_fact(device.boot_mount, message.format(mount.path), related=[Related(line.span, "as fstab has it")])
    else:
        message = "{} is writable now and read-only after the next boot: updates will fail there".format(mount.path)
        yield Hit(line.file, line.span, message)


def _is_writable(line: Mount) -> bool:
    said = [option for option in line.options if option in ("ro", "rw")]
    return said[-1:] != ["ro"]


def _in_fstab(context: Context, folder: str = "") -> Optional[Mount]:
    """The line of the boot partition, or of the one for that folder; of several the last, which is what is seen."""
    root = context.boot.root
    if root is None:
        return None
    lines = [mount for mount in mounts.fstab(root) if mount.is_boot and mount.type in _FAT]
    for place in (folder,) if folder else BOOT_FOLDERS:
        here = [line for line in lines if line.target.rstrip("/") == place]
        if here and "bind" not in here[-1].options:
            return here[-1]
    return None
