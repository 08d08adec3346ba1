"""Which release apt prefers: the priority of an archive by its codename, as far as files tell.

Sources: apt_preferences(5), and apt 2.6.1, ``apt-pkg/policy.cc`` and ``versionmatch.cc`` (tried with apt-cache policy):
of the pins for all packages the first that fits counts, APT::Default-Release before all; without one it is 500. What is
in a Release file (its suite, origin, label) no file of the configuration says.
"""

import re
from fnmatch import fnmatchcase
from typing import Iterator, NamedTuple, Optional

from scmguard.folder import Folder
from scmguard.rootfs import apt, deb822

MAIN = "etc/apt/preferences"
PARTS = "etc/apt/preferences.d"

#: What an archive has that no pin is about, and the one that APT::Default-Release names.
USUAL, TARGET = 500, 990

_NAME = r"[A-Za-z0-9_:-][A-Za-z0-9_.:-]*\Z"
# Names of suites, which move from one release to the next.
_SUITES = ("stable", "oldstable", "oldoldstable", "testing", "unstable", "devel")


class _Pin(NamedTuple):
    """A pin for all packages: what it is about, and the priority that it gives."""

    kind: str
    criteria: str
    priority: int


def priority(root: Folder, codename: str) -> Optional[int]:
    """The priority of an archive with that codename; None where it takes more than the codename. Raises Unreadable."""
    for pin in _pins(root):
        fits = _fits(pin, codename.lower())
        if fits is not False:
            return pin.priority if fits else None
    return USUAL


def _pins(root: Folder) -> Iterator[_Pin]:
    target = apt.read(root).find("APT::Default-Release")
    if target is not None and target.value:
        yield _Pin("release", target.value, TARGET)
    for name in [MAIN, *("{}/{}".format(PARTS, name) for name in root.names(PARTS) if _is_read(name))]:
        file = root.source(name)
        for stanza in deb822.stanzas(file) if file is not None else ():
            package, pin, given = (deb822.field(stanza, name) for name in ("package", "pin", "pin-priority"))
            number = re.match(r"-?[0-9]{1,5}\Z", given.value) if given is not None else None
            if package is None or package.value != "*" or pin is None or number is None or not int(number.group()):
                continue
            kind, _, criteria = pin.value.partition(" ")
            yield _Pin(kind.lower(), criteria.strip(), int(number.group()))


def _is_read(name: str) -> bool:
    """Whether apt reads a file of that name in preferences.d: the extension is none or ``pref``."""
    return bool(re.match(_NAME, name)) and ("." not in name or name.rpartition(".")[2] == "pref")


def _fits(pin: _Pin, codename: str) -> Optional[bool]:
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
    if pattern.startswith("/"):
        return None
    return fnmatchcase(codename, pattern.lower())
