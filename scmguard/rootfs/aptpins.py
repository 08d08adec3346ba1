"""Which release apt prefers: the priority of an archive by its codename, as far as files tell.

Sources: apt_preferences(5), and apt 2.6.1, ``apt-pkg/policy.cc`` and ``versionmatch.cc`` (tried with apt-cache policy):
of the pins for all packages the first that fits counts, APT::Default-Release before all; without one it is 500. What is
in a Release file (its suite, origin, label) no file of the configuration says.
"""

import re
from fnmatch import fnmatchcase
from itertools import islice
from typing import Iterator, NamedTuple, Optional, Tuple

from scmguard.folder import Folder
from scmguard.rootfs import apt, deb822

MAIN = "etc/apt/preferences"
PARTS = "etc/apt/preferences.d"

#: What an archive has that no pin is about, and the one that APT::Default-Release names.
USUAL, TARGET = 500, 990

_NAME = r"[A-Za-z0-9_:-][A-Za-z0-9_.:-]*\Z"
# Names of suites, which move from one release to the next.
_SUITES = ("stable", "oldstable", "oldoldstable", "testing", "unstable", "devel")


# A pattern of more letters is none that somebody wrote for a codename.
_LONGEST = 100


# More pins than anybody has; looking through them for many archives would take for ever.
_MOST = 1000


class Pin(NamedTuple):
    """A pin for all packages: what it is about, and the priority that it gives."""

    kind: str
    criteria: str
    priority: int


def pins(root: Folder) -> Optional[Tuple[Pin, ...]]:
    """The pins for all packages, in the order in which they count; None for too many of them. Raises Unreadable."""
    found = tuple(islice(_pins(root), _MOST + 1))
    return found if len(found) <= _MOST else None


def priority(found: Optional[Tuple[Pin, ...]], codename: str) -> Optional[int]:
    """The priority of an archive with that codename; None where it takes more than the codename."""
    if found is None:
        return None
    for pin in found:
        fits = _fits(pin, codename.lower())
        if fits is not False:
            return pin.priority if fits else None
    return USUAL


def _pins(root: Folder) -> Iterator[Pin]:
    target = apt.read(root).find("APT::Default-Release")
    if target is not None and target.value:
        yield Pin("release", target.value, TARGET)
    for name in [MAIN, *("{}/{}".format(PARTS, name) for name in root.names(PARTS) if _is_read(name))]:
        file = root.source(name)
        for stanza in deb822.stanzas(file) if file is not None else ():
            package, pin, given = (deb822.field(stanza, name) for name in ("package", "pin", "pin-priority"))
            number = re.match(r"-?[0-9]{1,5}\Z", given.value) if given is not None else None
            if package is None or package.value != "*" or pin is None or number is None or not int(number.group()):
                continue
            kind, _, criteria = pin.value.partition(" ")
            yield Pin(kind.lower(), criteria.strip(), int(number.group()))


def _is_read(name: str) -> bool:
    """Whether apt reads a file of that name in preferences.d: the extension is none or ``pref``."""
    return bool(re.match(_NAME, name)) and ("." not in name or name.rpartition(".")[2] == "pref")


def _fits(pin: Pin, codename: str) -> Optional[bool]:
    """Whether a pin is about archives of a codename; None where that cannot be said."""
    if pin.kind != "release":
        return None if pin.kind == "origin" else False
    criteria = [part.strip() for part in pin.criteria.split(",")]
    if "=" not in pin.criteria:
        if pin.criteria[:1].isdigit() or pin.criteria.lower() in _SUITES:
            return None
        return _is_like(pin.criteria, codename)
    named = [part[2:] for part in criteria if part[:2] == "n="]
    answers = [_is_like(name, codename) for name in named]
    if False in answers:
        return False
    return None if len(named) < len(criteria) or None in answers else True


def _is_like(pattern: str, codename: str) -> Optional[bool]:
    if pattern.startswith("/") or len(pattern) > _LONGEST:
        return None
    try:
        return fnmatchcase(codename, pattern.lower())
    except re.error:  # a range that runs backwards, before Python 3.11
        return False
