"""The kernels of a root file system: those that it has modules for, their configuration, and which is the newest.

Sources: depmod(8) and modprobe(8): ``/lib/modules/RELEASE`` with ``modules.dep``; a kernel looks in the one of its own
release. A folder that a removed kernel left behind has no ``kernel`` folder and no ``modules.dep``. linux-base 4.12.1
(``linux-version sort``, which update-initramfs asks) for the order; initramfs-tools for the place of the configuration.
"""

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from scmguard.folder import Folder

_FOLDERS = ("usr/lib/modules", "lib/modules")
_NUMBER = r"([0-9]{1,4})\.([0-9]{1,4})(?![0-9])"
_PARTS = re.compile(r"[0-9]+|-[^-0-9]*|[^-0-9]+")


class Release(NamedTuple):
    """A kernel's release as ``uname -r`` says it, the first two parts of its number, and the folder of its modules."""

    name: str
    number: Tuple[int, int]
    path: str


def releases(root: Folder) -> List[Release]:
    """The releases with modules, in the order of their names. Raises Unreadable."""
    found: Dict[str, Release] = {}
    for folder in _FOLDERS:
        for name in root.names(folder):
            number = number_of(name)
            path = "{}/{}".format(folder, name)
            if number is not None and name not in found and _is_whole(root, path):
                found[name] = Release(name, number, path)
    return [found[name] for name in sorted(found)]


def number_of(name: str) -> Optional[Tuple[int, int]]:
    """The first two parts of a release's number (``6.6.20+rpt``: 6, 6); None for what is no release."""
    match = re.match(_NUMBER, name)
    return None if match is None else (int(match.group(1)), int(match.group(2)))


def _is_whole(root: Folder, path: str) -> bool:
    return root.exists(path + "/modules.dep") or root.exists(path + "/kernel")


#: A key by which releases sort as update-initramfs sorts them (``linux-version sort``).
SortKey = Tuple[Tuple[int, int, str], ...]


def sort_key(release: str) -> SortKey:
    """Numbers by their size, other parts by their characters, pre-releases before all, and the shorter first.

    Where a number stands against another part, the characters decide; digits come before letters, and behind ``-``.
    """
    key: List[Tuple[int, int, str]] = []
    for part in _PARTS.findall(release):
        if part in ("-rc", "-trunk"):
            key.append((-1, 0, part))
        elif "0" <= part[0] <= "9":
            # Of two numbers the one with more digits is larger. (Python refuses to convert very long ones.)
            digits = part.lstrip("0")
            key.append((ord("0"), len(digits), digits))
        else:
            key.append((ord(part[0]), 0, part))
    # The end comes before anything but a pre-release.
    return (*key, (0, 0, ""))


def flavour(release: str) -> str:
    """Which of several builds of one kernel a release is: ``rpi-v8``, ``rpi-2712``, ``raspi``; empty: none is named.

    Raspberry Pi's kernels name the family of boards behind ``-rpi-``; of others it is what follows the numbers.
    """
    _, found, rest = release.partition("-rpi-")
    if found:
        return "rpi-" + rest
    match = re.match(r"[\d.]+(?:[-+~.][\d.]+|[-+~]rc\d+)*[-+]?(.*)", release)
    return match.group(1) if match else ""


def newest(found: List[Release]) -> List[Release]:
    """Of each flavour the newest release: those that the boot partition gets kernels of."""
    best: Dict[str, Release] = {}
    for release in found:
        kind = flavour(release.name)
        if kind not in best or sort_key(best[kind].name) < sort_key(release.name):
            best[kind] = release
    return [best[kind] for kind in sorted(best)]


def config_path(root: Folder, release: str) -> Optional[str]:
    """The file with the configuration that a kernel was built with; None where there is none. Raises Unreadable."""
    places = ["lib/modules/{0}/config-{0}", "usr/lib/modules/{0}/config-{0}", "boot/config-{0}"]
    return next((path for path in (place.format(release) for place in places) if root.exists(path)), None)
