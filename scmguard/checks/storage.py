"""The medium: what a board boots from, and what takes it away. A Zymbit SCM boots from its eMMC and nothing else."""

import re
from typing import Iterator, List, Set, Tuple

from scmguard.checks.base import Context, Hit, Params, carried, hit_at, hit_on, one_hit
from scmguard.checks.kernelargs import roots
from scmguard.effective.config import integer
from scmguard.effective.worlds import FALSE, Condition
from scmguard.folder import Folder
from scmguard.rootfs import mounts, zymbit

# The SD/eMMC controller of a Compute Module 4 is mmcblk0; there is no other.
_OTHER_DEVICE = r"/dev/(?:sd[a-z]|nvme\d|mmcblk[1-9]|vd[a-z]|nfs\b|ram\d|nbd\d|loop\d|md\d|sr\d)"


def boot_not_emmc(context: Context, _params: Params) -> Iterator[Hit]:
    """Everything that sends the boot, or the root, to another medium than the eMMC.

    That the eMMC itself is switched off is said by ``storage_disabled``.
    """
    yield from _root(context)
    if context.boot.has_config and not context.boot.single:
        yield from _autoboot(context)
    yield from _mounts(context)


def _root(context: Context) -> Iterator[Hit]:
    for when, line, root, device in roots(context):
        if re.match(_OTHER_DEVICE, device):
            yield hit_on(line, root, "{} is not on the eMMC".format(root.text), when)


def _autoboot(context: Context) -> Iterator[Hit]:
    """``autoboot.txt``, on the first partition, may hand the boot to another (documentation, autoboot.txt)."""
    if context.boot.document("autoboot.txt") is None:
        return
    from scmguard.checks.bootflow import autoboot_config  # only who has that file pays for it

    autoboot = autoboot_config(context, tryboot=False)
    for condition, found in autoboot.outcome("boot_partition"):
        if found is not None and integer(found.value) not in (0, 1):
            message = "the firmware goes on with partition {}, not with the files checked here"
            yield hit_at(found.place, message.format(integer(found.value)), carried(context, autoboot, condition))


def _mounts(context: Context) -> Iterator[Hit]:
    root = context.boot.root
    if root is None:
        return
    from scmguard.rootfs.crypttab import crypttab

    mapped = _mapped_roots(context, root)
    for entry in crypttab(root):
        if entry.target in mapped and re.match(_OTHER_DEVICE, entry.source):
            message = "the encrypted root {} is on {}, not on the eMMC".format(entry.target, entry.source)
            yield Hit(entry.file, entry.span, message, boardless=True)
    for mount in mounts.fstab(root):
        if (mount.is_root or mount.is_boot) and re.match(_OTHER_DEVICE, mount.source):
            message = "{} is mounted from {}, not from the eMMC".format(mount.target, mount.source)
            yield Hit(mount.file, mount.span, message, boardless=True)


def _mapped_roots(context: Context, root: Folder) -> Set[str]:
    """The device-mapper names that the root file system may have; other encrypted volumes may be anywhere."""
    devices = [mount.source for mount in mounts.fstab(root) if mount.is_root]
    devices += [each.value for each in roots(context)]
    return {mounts.mapper_name(device) for device in devices} - {""} or {zymbit.CRYPTRFS}


# ---- the controller, and the device tree --------------------------------------------------------------------

_ON_CARD = r"/dev/mmcblk\d|b3[0-9a-fA-F]{2}\Z|179:"
# Kernels other than Linux, which may do without a device tree, have names of their own.
_LINUX_NAMES = ("kernel", "vmlinu", "image", "zimage", "u-boot")


def storage_disabled(context: Context, _params: Params) -> Iterator[Hit]:
    """The SD/eMMC controller is switched off, and the root file system is behind it, or may be."""
    config = context.config
    on_card, elsewhere = _by_medium(context)
    hits: List[Hit] = []
    for condition, state in config.storage:
        if state.enabled or state.place is None:
            continue
        if context.profile.get("medium") == "emmc":
            message = "this takes the eMMC away from Linux, and with it the root file system"
            hits.append(hit_at(state.place, message, condition))
            continue
        sure = config.worlds.both(condition, on_card)
        open_question = config.worlds.without(condition, config.worlds.either(on_card, elsewhere))
        if sure != FALSE:
            message = "this takes the SD card or eMMC away from Linux, and the root file system is on it"
            hits.append(hit_at(state.place, message, sure, (), "no-boot"))
        elif open_question != FALSE:
            message = "this takes the SD card or eMMC away from Linux; the root file system must be elsewhere"
            hits.append(hit_at(state.place, message, open_question, (), "hygiene"))
    yield from one_hit(hits, context)
    if config.board.soc == "bcm2835":
        for when, load in config.loads:
            if load.resolved == "mmc":
                message = (
                    "this swaps the driver of the SD card or eMMC; left over from an older system it can stop a boot"
                )
                yield hit_at(load.place, message, config.worlds.without(when, elsewhere), (), "hygiene")


def _by_medium(context: Context) -> Tuple[Condition, Condition]:
    """The worlds in which root= is on the SD card or eMMC, and those in which it surely is not."""
    on_card = elsewhere = FALSE
    for root in roots(context):
        if re.match(_ON_CARD, root.value):
            on_card = context.config.worlds.either(on_card, root.when)
        elif re.match(_OTHER_DEVICE, root.value):
            elsewhere = context.config.worlds.either(elsewhere, root.when)
    return on_card, elsewhere


def device_tree_off(context: Context, _params: Params) -> Iterator[Hit]:
    """``device_tree=`` without a name: the kernel gets no device tree.

    Kernels that are not Linux may do without, and so may old ones that were built for the boards up to the Pi 3.
    """
    config = context.config
    own_kernel = config.outcome("kernel").where(lambda found: found is not None and bool(found.value))
    spared = own_kernel if config.board.soc == "bcm2835" else FALSE
    hits: List[Hit] = []
    for condition, found in config.outcome("device_tree"):
        if found is None or found.value:
            continue
        for picked, choice in context.files.kernel:
            when = config.worlds.both(condition, picked)
            linux = all(name.rpartition("/")[2].lower().startswith(_LINUX_NAMES) for name in choice.names)
            sure = config.worlds.without(when, spared) if linux else FALSE
            if sure != FALSE:
                message = "device_tree= has no value: Linux gets no device tree, and does not start"
                hits.append(hit_at(found.place, message, sure))
            elif when != FALSE:
                message = "device_tree= has no value: {} gets no device tree".format(" ".join(choice.names))
                hits.append(hit_at(found.place, message, when, (), "hygiene"))
    yield from one_hit(hits, context)
