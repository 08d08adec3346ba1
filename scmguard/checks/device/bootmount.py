"""The boot partition as it is mounted on this machine: what is written there must be what the firmware reads.

Sources: mount(8) and the kernel's FAT driver (``errors=remount-ro`` is the default of vfat: after an error in the file
system it is read-only); pi-gen, ``stage1/01-sys-tweaks/files/fstab`` (the boot partition is a line of fstab).
"""

from typing import Iterator, Optional

from scmguard.checks.base import Context, Hit, Params, known
from scmguard.checks.device.common import asked, hit_fact
from scmguard.finding import Related
from scmguard.rootfs import mounts
from scmguard.rootfs.mounts import Mount


def boot_partition_not_mounted(context: Context, _params: Params) -> Iterator[Hit]:
    """Where fstab has the boot partition, it must be mounted."""
    device = asked(context)
    mount = known(device.boot_mount, "whether the boot partition is mounted")
    line = _in_fstab(context)
    if mount is not None or line is None:
        return
    if "noauto" in line.options:
        return
    message = "{} is not mounted: updates write into a folder that the firmware never reads".format(line.target)
    yield Hit(
        line.file, line.span, message, related=(Related(hit_fact(device.boot_mount, "").span, "what is mounted"),)
    )


def boot_partition_read_only_pending(context: Context, _params: Params) -> Iterator[Hit]:
    """The boot partition must be as writable as fstab says, now and after the next boot."""
    device = asked(context)
    mount = known(device.boot_mount, "how the boot partition is mounted")
    line = _in_fstab(context)
    if mount is None or line is None:
        return
    wanted = "ro" not in line.options
    if mount.writable == wanted:
        return
    if wanted:
        message = "{} is read-only now, and fstab does not ask for it: the kernel does that after an error on it"
        yield hit_fact(device.boot_mount, message.format(mount.path), related=[Related(line.span, "as fstab has it")])
    else:
        message = "{} is writable now and read-only after the next boot: updates will fail there".format(mount.path)
        yield Hit(line.file, line.span, message)


def _in_fstab(context: Context) -> Optional[Mount]:
    root = context.boot.root
    if root is None:
        return None
    lines = [mount for mount in mounts.fstab(root) if mount.is_boot]
    return lines[0] if lines else None
