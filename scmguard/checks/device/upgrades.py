"""An upgrade to another release of the distribution that was prepared.

Sources: Zymbit documentation, ``tutorials/production-mode`` (a major upgrade of a unit in Production Mode is not
guaranteed to work); Debian release notes, chapter on upgrades (the codename in apt's sources is what makes an upgrade
one to another release); codenames of Debian and Ubuntu; archives of Raspberry Pi OS (archive.raspberrypi.com) have
Debian's codenames.
"""

from typing import Dict, Iterator, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.finding import Related
from scmguard.rootfs import aptsources, osrelease
from scmguard.text import Span

_DEBIAN = ("stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid")
_UBUNTU = ("bionic", "focal", "jammy", "kinetic", "lunar", "mantic", "noble", "oracular", "plucky", "questing")
_CODENAMES: Dict[str, Tuple[str, ...]] = {"debian": _DEBIAN, "raspbian": _DEBIAN, "ubuntu": _UBUNTU}
# The distributions' own archives; what others offer for a release says nothing of the system's.
_ARCHIVES = ("debian.org", "raspberrypi.com", "raspberrypi.org", "raspbian.org", "ubuntu.com")


def release_upgrade_pending(context: Context, _params: Params) -> Iterator[Hit]:
    """apt's sources must be those of the release that is installed, on a unit that is locked or may be."""
    root = context.boot.root
    if root is None:
        return
    system = osrelease.read(root)
    present = system.get("VERSION_CODENAME", "")
    known_names = _CODENAMES.get(system.get("ID", ""), ())
    if present not in known_names:
        return
    binding = context.device.binding if context.device is not None else None
    unlocked = binding is not None and binding.value is not None and not binding.value.locked
    related = []
    if binding is not None and not unlocked:
        says = "the module is locked to this host" if binding.known else "whether it is locked is not known"
        related = [Related(Span(binding.source or "the device"), says)]
    for one in aptsources.repositories(root):
        other = _other(one, present, known_names)
        if other:
            message = "apt's sources name {}, and {} is installed: the next upgrade is one to another release"
            if unlocked:
                message += "; the module is not locked yet"
            yield Hit(
                one.file,
                one.span,
                message.format(other, present),
                related=tuple(related),
                severity="hygiene" if unlocked else None,
                boardless=True,
            )


def _other(one: aptsources.Repository, present: str, names: Tuple[str, ...]) -> str:
    """The codename of another release that one of the distribution's archives is asked for; empty if none is."""
    if not any(archive in uri.split("/")[2:3][0] for uri in one.uris if "//" in uri for archive in _ARCHIVES):
        return ""
    for suite in one.suites:
        name = suite.partition("-")[0].partition("/")[0]
        if name in names and name != present:
            return name
    return ""
