"""The bootloader in the EEPROM of this machine, and what would change it.

Sources: Zymbit documentation, ``hardware/components/scm`` (the bootloader must be of 2023-01-11 or later for Ubuntu
22.04, and cannot be updated in the field); rpi-eeprom, README and the service rpi-eeprom-update (it does nothing on a
CM4 unless CM4_ENABLE_RPI_EEPROM_UPDATE=1 is in /etc/default/rpi-eeprom-update); Raspberry Pi documentation,
``compute-module/cm-bootloader.adoc``.
"""

import time
from typing import Iterator

from scmguard.checks.base import Context, Hit, Params, known
from scmguard.checks.device.common import asked, hit_fact
from scmguard.finding import Related
from scmguard.rootfs import osrelease, systemd
from scmguard.rootfs.shell_settings import ShellSettings
from scmguard.text import Span

# 2023-01-11 17:40:52 UTC, the build that the documentation names.
_NEEDED = 1673458852
_DEFAULTS = "etc/default/rpi-eeprom-update"
_ENABLE = "CM4_ENABLE_RPI_EEPROM_UPDATE"
_SERVICE = "rpi-eeprom-update.service"


def bootloader_too_old(context: Context, _params: Params) -> Iterator[Hit]:
    """Ubuntu 22.04 on an SCM needs a bootloader of 2023-01-11. The rule's severity is for a unit that has Ubuntu 22.04.

    One with another system boots; it is told (hygiene) that it cannot be moved to that release.
    """
    device, root = asked(context), context.boot.root
    release = known(device.bootloader, "the bootloader's version")
    if release is None or not release.built or release.built >= _NEEDED:
        return
    system = osrelease.read(root) if root is not None else {}
    needs_it = system.get("ID") == "ubuntu" and system.get("VERSION_ID", "").startswith("22.04")
    date = time.strftime("%Y-%m-%d", time.gmtime(release.built))
    message = "the bootloader is of {}, and Ubuntu 22.04 needs one of 2023-01-11 or later".format(date)
    if not needs_it:
        message += "; this unit has another system, and cannot be moved to that one"
    yield hit_fact(device.bootloader, message, None if needs_it else "hygiene")


def bootloader_update_on_scm(context: Context, _params: Params) -> Iterator[Hit]:
    """Nothing may update the bootloader of a unit that nobody can flash again."""
    root = context.boot.root
    if root is None:
        return
    settings = ShellSettings()
    settings.read(root, _DEFAULTS)
    enabled = settings.find(_ENABLE)
    if enabled is None or enabled.value == "0":
        return
    unit = systemd.unit(root, _SERVICE)
    place = enabled.place.span
    starts = unit.state == "enabled"
    message = "{}={} lets rpi-eeprom-update flash the bootloader of a Compute Module".format(
        _ENABLE, enabled.value if enabled.value is not None else "(not known)"
    )
    message += (
        ", and {} runs it at every boot".format(_SERVICE) if starts else "; {} does not start it".format(_SERVICE)
    )
    related = [Related(Span(root.label(unit.path)), "the service is {}".format(unit.state))] if unit.path else []
    severity = None if starts else "hygiene"
    yield Hit(enabled.place.source, place, message, related=tuple(related), severity=severity, boardless=True)
