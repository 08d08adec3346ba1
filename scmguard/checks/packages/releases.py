"""Upgrades that a sealed unit does not survive for sure: of its bootloader, and to another release.

Sources: Zymbit documentation, ``hardware/components/scm`` (the bootloader is not field-upgradeable),
``tutorials/production-mode`` (a major distribution upgrade is not guaranteed to work); rpi-eeprom (its service flashes
at boot what the package brought); base-files (Debian, Raspberry Pi OS: its version begins with the number of the
release; Ubuntu's with that of the Debian release that it was made of).
"""

import re
from typing import Iterator, Optional

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.packages.attended import place, said
from scmguard.packages.transaction import UNPACKS
from scmguard.rootfs import systemd

_BOOTLOADER = frozenset(["rpi-eeprom", "rpi-eeprom-images", "pieeprom"])
_SERVICE = "rpi-eeprom-update.service"


def bootloader_package_update(context: Context, _params: Params) -> Iterator[Hit]:
    """New bootloader images for a unit that nobody can flash again."""
    pending, root = context.pending, context.boot.root
    if pending is None or root is None:
        return
    for change in pending.transaction.changes:
        if change.package not in _BOOTLOADER or change.action not in UNPACKS:
            continue
        # The package enables its service when it is first installed; a service that was masked stays so.
        state = systemd.unit(root, _SERVICE).state
        if change.old and state in ("disabled", "masked"):
            continue
        message = "{} brings another bootloader, and {} flashes it at the next boot".format(said(change), _SERVICE)
        yield Hit(None, place(pending), message, boardless=True)


def release_upgrade_started(context: Context, _params: Params) -> Iterator[Hit]:
    """The system becomes another release of its distribution."""
    pending = context.pending
    if pending is None or not context.profile.get("locked"):
        return
    for change in pending.transaction.changes:
        if change.package != "base-files" or change.action not in UNPACKS:
            continue
        old, new = _release(change.old), _release(change.new)
        if old is not None and new is not None and new > old:
            message = "{} makes this another release of the distribution".format(said(change))
            yield Hit(None, place(pending), message, boardless=True)


def _release(version: str) -> Optional[int]:
    match = re.match(r"(?:\d+:)?(\d{1,4})", version)
    return None if match is None else int(match.group(1))
