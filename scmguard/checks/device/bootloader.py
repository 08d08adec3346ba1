"""The bootloader in the EEPROM of this machine, and what would change it.

Sources: Zymbit documentation, ``bootware/2.0.0/troubleshooting`` (the firmware of a CM4 or SCM must have a bootloader
of 2023/01/11 or later "in order to work with Ubuntu 22.04", and is not field upgradeable), ``hardware/components/scm``
(release notes); rpi-eeprom 86759b0, ``rpi-eeprom-update`` (reads /etc/default/rpi-eeprom-update; ends on a CM4 unless
CM4_ENABLE_RPI_EEPROM_UPDATE is ``1``; RPI_EEPROM_IMMEDIATE_UPDATE=1, before 2026 RPI_EEPROM_USE_FLASHROM=1, writes the
EEPROM at once; FREEZE_VERSION=1 in the EEPROM's configuration keeps ``-a`` from doing anything).
"""

import time
from typing import Iterator

from scmguard.checks.base import Context, Hit, Params, carried, known
from scmguard.checks.bootconf import bootloader
from scmguard.checks.device.common import asked, hit_fact
from scmguard.effective.worlds import TRUE, Condition
from scmguard.finding import Related
from scmguard.folder import Lacking
from scmguard.rootfs import osrelease, systemd
from scmguard.rootfs.shell_settings import ShellSettings
from scmguard.text import Span, printable

# 2023-01-11 00:00:00 UTC: the documentation names the day.
_NEEDED = 1673395200
_DEFAULTS = "etc/default/rpi-eeprom-update"
_ENABLE = "CM4_ENABLE_RPI_EEPROM_UPDATE"
# What makes it write to the EEPROM at once; the second is the older name.
_AT_ONCE = ("RPI_EEPROM_IMMEDIATE_UPDATE", "RPI_EEPROM_USE_FLASHROM")
_SERVICE = "rpi-eeprom-update.service"
_PROGRAMS = ("usr/bin/rpi-eeprom-update", "bin/rpi-eeprom-update")


def bootloader_too_old(context: Context, _params: Params) -> Iterator[Hit]:
    """Ubuntu 22.04 on an SCM needs a bootloader of 2023-01-11.

    Ubuntu 22.04 that runs was started by this very bootloader, so that this is no ``no-boot``; it is one that nobody
    vouches for. A unit with another system is told (hygiene) that it cannot be moved to that release.
    """
    device, root = asked(context), context.boot.root
    release = known(device.bootloader, "the bootloader's version")
    if release is None or not release.built:
        raise Lacking("device", "needs to know when the bootloader was built, and its version does not say it")
    if release.built >= _NEEDED:
        return
    date = time.strftime("%Y-%m-%d", time.gmtime(release.built))
    message = "the bootloader is of {}, and Ubuntu 22.04 needs one of 2023-01-11 or later".format(date)
    system = osrelease.read(root) if root is not None else {}
    if system.get("ID") == "ubuntu" and system.get("VERSION_ID", "").startswith("22.04"):
        yield hit_fact(device.bootloader, message)
        return
    name = "{} {}".format(system.get("ID", ""), system.get("VERSION_ID", "")).strip()
    message += "; this unit has {}, and cannot be moved to that".format(printable(name)) if name else ""
    yield hit_fact(device.bootloader, message, "hygiene")


def bootloader_update_on_scm(context: Context, _params: Params) -> Iterator[Hit]:
    """Nothing may update the bootloader of a unit that nobody can flash again."""
    root = context.boot.root
    if root is None or not any(root.exists(name) for name in _PROGRAMS):
        return
    settings = ShellSettings()
    settings.read(root, _DEFAULTS)
    enabled = settings.find(_ENABLE)
    if enabled is None or enabled.value not in ("1", None):
        return
    when = _not_frozen(context)
    unit = systemd.unit(root, _SERVICE)
    starts = unit.state == "enabled"
    message = "{}={} lets rpi-eeprom-update renew the bootloader of a Compute Module, and {}".format(
        _ENABLE,
        "(not known)" if enabled.value is None else enabled.value,
        "{} runs it at every boot".format(_SERVICE) if starts else "only {} does not start it".format(_SERVICE),
    )
    at_once = [found.place for found in map(settings.find, _AT_ONCE) if found is not None and found.value == "1"]
    related = [
        Related(place.span, "the EEPROM is written while the unit runs, not at the next boot") for place in at_once[:1]
    ]
    related += [Related(Span(root.label(unit.path)), "the service is {}".format(unit.state))] if unit.path else []
    yield Hit(
        enabled.place.source,
        enabled.place.span,
        message,
        when,
        related=tuple(related),
        severity=None if starts else "hygiene",
        boardless=True,
        possible=enabled.value is None,
    )


def _not_frozen(context: Context) -> Condition:
    """The worlds in which the EEPROM's own configuration does not forbid updates from a running system."""
    eeprom = bootloader(context)
    if eeprom is None:
        return TRUE
    return carried(context, eeprom, eeprom.worlds.without(TRUE, eeprom.number("FREEZE_VERSION").where(bool)))
