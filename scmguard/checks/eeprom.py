"""Updates of the bootloader's EEPROM that wait on the boot partition, and signed boot that was set up half.

Sources: documentation, ``raspberry-pi/boot-eeprom.adoc`` (update files), ``compute-module/cm-bootloader.adoc``;
usbboot, ``secure-boot-recovery`` and ``secure-boot-recovery5``.
"""

import re
from typing import Iterator, List, Optional, Tuple

from scmguard.boot import Boot
from scmguard.checks.base import Context, Hit, Params, carried, hit_at, hit_file, one_hit, span_of
from scmguard.checks.bootconf import bootloader
from scmguard.effective.config import is_on
from scmguard.effective.worlds import FALSE, Condition
from scmguard.finding import Related
from scmguard.text import Span

_NUMBERED = r"(?:/dev/(?:mmcblk\d+p|nvme\d+n\d+p|sd[a-z])|PARTUUID=[0-9A-Fa-f]{8}-)0*([0-9]{1,3})"
# Boards whose ROM cannot load recovery.bin from eMMC. Of the CM5, two pages of the documentation say different things.
_NO_RECOVERY = ("cm4", "cm4s")
# What only a folder for rpiboot has.
_FOR_RPIBOOT = ("boot.conf", "bootcode4.bin", "bootcode5.bin", "pieeprom.original.bin")


def _is_for_rpiboot(boot: Boot) -> bool:
    return any(boot.exists(name) for name in _FOR_RPIBOOT)


def eeprom_update_staged(context: Context, _params: Params) -> Iterator[Hit]:
    """Files on the boot partition with which the next boot changes the bootloader, or tries to in vain."""
    boot, board = context.boot, context.config.board
    if not board.has_eeprom or boot.single or _is_for_rpiboot(boot):
        return
    found = [name for name in ("pieeprom.upd", "pieeprom.bin", "vl805.bin") if boot.exists(name)]
    recovery = boot.exists("recovery.bin")
    if recovery and board.name not in _NO_RECOVERY:
        yield from _by_recovery(context, found)
        return
    itself = _self_update(context)
    signed = [name for name in found if name != "pieeprom.bin" and boot.exists(name.rpartition(".")[0] + ".sig")]
    if itself == FALSE or not (found or recovery):
        return
    if signed and (context.profile.get("locked") or board.name not in _NO_RECOVERY):
        message = "the bootloader may flash {} at the next boot; if power fails then, the unit is dead".format(
            signed[0]
        )
        if context.profile.get("locked"):
            message += ", and nobody can flash this one again"
        severity = None if context.profile.get("locked") else "hygiene"
        yield Hit(None, Span(boot.files.label(signed[0])), message, itself, severity=severity)
    elif board.name in _NO_RECOVERY:
        message = (
            "this update of the bootloader may never be applied: a Compute Module 4 does not run recovery.bin from {}"
        )
        message = message.format("its eMMC, and flashes itself only where self-update is on and the .sig file is there")
        name = found[0] if found else "recovery.bin"
        yield Hit(None, Span(boot.files.label(name)), message, itself, severity="hygiene")


def _by_recovery(context: Context, found: List[str]) -> Iterator[Hit]:
    """The boot ROM of a Raspberry Pi 4 or 5 starts recovery.bin in place of the bootloader, if it is there."""
    boot = context.boot
    span = Span(boot.files.label("recovery.bin"))
    if "pieeprom.bin" in found and "pieeprom.upd" not in found and context.config.board.name != "cm5":
        message = "recovery.bin flashes pieeprom.bin at every boot and stops there: the system never starts"
        yield Hit(None, span, message)
        return
    slot = _slot(context) if context.config.board.pi4_family else None
    if slot is not None:
        message = "recovery.bin is not on the first partition, where an old one cannot remove itself: it runs for ever"
        yield Hit(None, span, message, related=(slot,))
        return
    message = "the next boot runs recovery.bin, which updates the bootloader"
    yield Hit(None, span, message if found else "the next boot runs recovery.bin", severity="hygiene")


def _slot(context: Context) -> Optional[Related]:
    """Where fstab says that the boot partition is not the first one of its disk."""
    from scmguard.rootfs import mounts

    if context.boot.root is None:
        return None
    for mount in mounts.fstab(context.boot.root):
        match = re.fullmatch(_NUMBERED, mount.source)
        if mount.is_boot and match and int(match.group(1)) > 1:
            return Related(mount.span, "the boot partition is number {}".format(int(match.group(1))))
    return None


def _self_update(context: Context) -> Condition:
    """The worlds in which nothing forbids the bootloader to flash itself."""
    worlds = context.config.worlds
    allowed = context.config.number("bootloader_update", 1).where(bool)
    eeprom = bootloader(context)
    if eeprom is not None:
        enabled = eeprom.number("ENABLE_SELF_UPDATE", 1).where(bool)
        enabled = eeprom.worlds.without(enabled, eeprom.number("FREEZE_VERSION").where(bool))
        allowed = worlds.both(allowed, carried(context, eeprom, enabled))
    return allowed


# ---- signed boot --------------------------------------------------------------------------------------------


def signed_boot_without_key(context: Context, _params: Params) -> Iterator[Hit]:
    """SIGNED_BOOT=1 for a unit that has no key, or with an image that has no signature."""
    boot = context.boot
    eeprom = bootloader(context)
    if eeprom is None or boot.single:
        return
    hits: List[Hit] = []
    for condition, found in eeprom.outcome("SIGNED_BOOT"):
        if found is None or not is_on(found):
            continue
        when = carried(context, eeprom, condition)
        here = (Related(span_of(found.place), "signed boot is asked for here"),)
        if _is_for_rpiboot(boot):
            if any(boot.exists(name) for name in ("pieeprom.bin", "pieeprom.upd", "pieeprom.sig")):
                hits += _without_key(context, when, here)
        elif boot.exists("boot.img") and not boot.exists("boot.sig"):
            message = "boot.sig is missing: with SIGNED_BOOT=1 the bootloader starts no boot.img without its signature"
            hits.append(Hit(None, Span(boot.files.label("boot.sig")), message, when, here))
        elif boot.has_binaries and not boot.exists("boot.img"):
            message = "boot.img is missing: with SIGNED_BOOT=1 the bootloader starts nothing else"
            hits.append(Hit(None, Span(boot.files.label("boot.img")), message, when, here))
    yield from one_hit(hits, context)


def _without_key(context: Context, when: Condition, here: Tuple[Related, ...]) -> Iterator[Hit]:
    """A folder for rpiboot that flashes a signed bootloader: its config.txt has to burn the key, too."""
    boot, config = context.boot, context.config
    newer = boot.exists("bootcode5.bin") or (config.board.pi5_family and not boot.exists("bootcode4.bin"))
    message = "the signed bootloader is flashed and the key is not: program_pubkey=1 is not in effect"
    if newer:
        message += ", and a BCM2712 without the key in its OTP does not start it"
    severity = None if newer else "hygiene"
    for condition, found in config.outcome("program_pubkey"):
        both = config.worlds.both(when, condition)
        if both == FALSE or is_on(found):
            continue
        if found is None:
            yield hit_file(config.start, message, both, here, severity)
        else:
            yield hit_at(found.place, message, both, here, severity)
