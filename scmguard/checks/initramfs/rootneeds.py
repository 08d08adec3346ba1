"""The drivers that the root file system takes before anything can be read from it, as far as files tell.

Sources: Linux, ``drivers/mmc/host/Kconfig`` and ``arch/arm64/boot/dts/broadcom`` (compatible of the boards' SD and eMMC
hosts), ``fs/ext4`` (which mounts ext2 and ext3 as well); Raspberry Pi's ``bcm2711_defconfig`` and ``bcm2712_defconfig``
(bcm2835-mmc, bcm2835-sdhost), which have all of it built in; initramfs-tools(7), ``rootfstype=``.
"""

import re
from typing import Dict, Iterator, List, NamedTuple, Tuple

from scmguard.checks.base import Context
from scmguard.checks.initramfs.common import is_encrypted, root_facts
from scmguard.checks.kernelargs import roots
from scmguard.effective.worlds import FALSE, TRUE, Condition
from scmguard.parse.cmdline_txt import last
from scmguard.rootfs import mounts


class Need(NamedTuple):
    """Modules of which any one will do, and what cannot be done without."""

    names: Tuple[str, ...]
    what: str


# The hosts of SD card and eMMC, by SoC.
_HOSTS = {
    "bcm2835": ("bcm2835", "bcm2835_mmc", "bcm2835_sdhost", "sdhci_iproc"),
    "bcm2711": ("sdhci_iproc", "bcm2835_mmc"),
    "bcm2712": ("sdhci_brcmstb",),
}
_SAME_DRIVER = {"ext2": "ext4", "ext3": "ext4"}
_NO_TYPE = ("", "auto", "none", "rootfs", "crypto_luks", "nfs", "nfs4", "overlay")


def needs(context: Context) -> Dict[Need, Condition]:
    """What the root takes, with the worlds in which it does: its file system, its medium, its encryption.

    Raises Unreadable.
    """
    found = root_facts(context)
    taken: List[Tuple[Need, Condition]] = []
    for root in roots(context):
        asked = last(root.line.arguments, "rootfstype")
        of_type = _of_type(asked.value or "") if asked is not None else ()
        taken += [(need, root.when) for need in (*of_type, *_of_device(context, root.value))]
    sure: List[Need] = []
    if found is not None:
        for mount in mounts.fstab(found.root):
            if mount.is_root:
                sure += [*_of_type(mount.type), *_of_device(context, mount.source)]
        if found.encrypted_root is not None:
            sure += _of_device(context, found.encrypted_root.source)
    if context.profile.get("medium") == "emmc":
        sure += _of_device(context, "/dev/mmcblk0")
    if is_encrypted(context):
        sure += [Need((name,), "no encrypted volume can be opened") for name in ("dm_mod", "dm_crypt")]
    result: Dict[Need, Condition] = {}
    for need, when in (*taken, *((need, TRUE) for need in sure)):
        result[need] = context.config.worlds.either(result.get(need, FALSE), when)
    return result


def _of_type(type: str) -> Iterator[Need]:
    name = type.lower()
    if name not in _NO_TYPE and re.match(r"[a-z0-9_]+\Z", name):
        yield Need((_SAME_DRIVER.get(name, name),), "the root file system ({}) cannot be mounted".format(name))


def _of_device(context: Context, device: str) -> Iterator[Need]:
    if device.startswith("/dev/mmcblk"):
        yield Need(("mmc_block",), "nothing on the card or eMMC can be read")
        yield Need(_HOSTS[context.config.board.soc], "the card or eMMC is not found")
    elif device.startswith("/dev/sd"):
        yield Need(("sd_mod",), "no USB disk is found")
        yield Need(("usb_storage", "uas", "ahci"), "no USB disk is found")
    elif device.startswith("/dev/nvme"):
        yield Need(("nvme",), "no NVMe disk is found")
