"""An upgrade to another release of the distribution that was prepared.

Sources: Zymbit documentation, ``tutorials/production-mode`` ("cannot guarantee its operation if you subsequently do a
major distribution upgrade"); Debian release notes, chapter on upgrades (the codename in apt's sources is what makes an
upgrade one to another release); apt_preferences(5) (archives marked NotAutomatic, as backports are, have priority 1 or
100; apt never goes back to an older version by itself); codenames and their order: distro-info-data; archives of
Raspberry Pi OS (archive.raspberrypi.com) have Debian's codenames.
"""

import re
from typing import Dict, Iterator, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params, known
from scmguard.finding import Related
from scmguard.folder import Folder, Lacking
from scmguard.rootfs import aptpins, aptsources, osrelease
from scmguard.text import Span

# From the oldest to the newest. What is not among them is no release that a unit can have or go to.
_DEBIAN = ("stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid")
_UBUNTU = (
    *("bionic", "cosmic", "disco", "eoan", "focal", "groovy", "hirsute", "impish", "jammy", "kinetic", "lunar"),
    *("mantic", "noble", "oracular", "plucky", "questing", "resolute"),
)
_CODENAMES: Dict[str, Tuple[str, ...]] = {"debian": _DEBIAN, "raspbian": _DEBIAN, "ubuntu": _UBUNTU}
# The distributions' own archives; what others offer for a release says nothing of the system's.
_ARCHIVE = re.compile(
    r"[a-z+]+://(?:[^/@]*@)?(?:[\w-]+\.)*(?:debian\.org|raspberrypi\.(?:com|org)|raspbian\.org|ubuntu\.com)(?::\d+)?(?:/|\Z)",
    re.IGNORECASE,
)
# Archives that nothing comes from by itself.
_NOT_AUTOMATIC = ("backports", "backports-sloppy", "rc-buggy")


def release_upgrade_pending(context: Context, _params: Params) -> Iterator[Hit]:
    """apt's sources must be those of the release that is installed, on a unit that is locked or may be."""
    root = context.boot.root
    if root is None:
        return
    system = osrelease.read(root)
    present = system.get("VERSION_CODENAME", "")
    names = _CODENAMES.get(system.get("ID", ""), ())
    if present not in names:
        return
    pins: Optional[_Pins] = None
    for one in aptsources.repositories(root):
        suite = _newer_suite(one, names[names.index(present) + 1 :])
        if not suite:
            continue
        pins = _Pins(root, present) if pins is None else pins
        wins = pins.lets(suite)
        if wins is False:
            continue
        locked, related = _locked(context)
        if not locked and not context.profile.get("locked"):
            return
        message = "apt's sources name {}, and {} is installed: the next upgrade is one to another release{}"
        yield Hit(
            one.file,
            one.span,
            message.format(_codename(suite), present, "" if locked else "; the module is not locked yet"),
            related=related,
            severity=_severity(context, locked),
            boardless=True,
            possible=wins is None,
        )


def _severity(context: Context, locked: bool) -> Optional[str]:
    if not locked:
        return "hygiene"
    # Where nothing is sealed somebody can take the card out.
    return None if context.profile.get("sealed") else "degraded"


def _locked(context: Context) -> Tuple[bool, Tuple[Related, ...]]:
    """Whether the module is locked to this host, as it says, or else as the profile takes it. Raises Lacking."""
    assumed = bool(context.profile.get("locked"))
    if context.device is None:
        if not assumed:
            raise Lacking("device", "needs to know whether the module is locked (run scmguard on the device)")
        return True, ()
    fact = context.device.binding
    if not fact.known and assumed:
        return True, (Related(Span("the device"), "whether the module is locked is not known: " + fact.unknown),)
    binding = known(fact, "whether the module is locked")
    locked = binding is not None and binding.locked
    return locked, (Related(Span(fact.source or "the device"), "the module is locked to this host"),) if locked else ()


def _newer_suite(one: aptsources.Repository, newer: Tuple[str, ...]) -> str:
    """The suite of a newer release that the distribution's own archives are asked for; empty if none is."""
    if not one.has_binaries or not any(_ARCHIVE.match(uri) for uri in one.uris):
        return ""
    for suite in one.suites:
        if _codename(suite) in newer and suite.partition("-")[2] not in _NOT_AUTOMATIC:
            return suite
    return ""


def _codename(suite: str) -> str:
    """The release of a suite: ``bookworm`` of ``bookworm-updates`` and of ``bookworm/updates``."""
    return suite.partition("-")[0].partition("/")[0]


class _Pins:
    """Whether apt takes packages from suites of a newer release by itself. Raises Unreadable."""

    def __init__(self, root: Folder, present: str) -> None:
        self._pins = aptpins.pins(root)
        self._own = aptpins.priority(self._pins, present)
        self._known: Dict[str, Optional[int]] = {}

    def lets(self, suite: str) -> Optional[bool]:
        """Whether packages of the suite win over those of the installed release; None where files do not tell."""
        # A security archive of old has the suite NAME/updates and the codename NAME.
        codename = suite.partition("/")[0]
        if codename not in self._known:
            self._known[codename] = aptpins.priority(self._pins, codename)
        other = self._known[codename]
        return None if other is None or self._own is None else other >= self._own
