"""The kernels that a root file system has modules for.

Source: depmod(8) and modprobe(8): ``/lib/modules/RELEASE`` with ``modules.dep``; a kernel looks in the one of its own
release. A folder that a removed kernel left behind has no ``kernel`` folder and no ``modules.dep``.
"""

import re
from typing import Dict, List, NamedTuple, Tuple

from scmguard.folder import Folder

_FOLDERS = ("usr/lib/modules", "lib/modules")
_NUMBER = r"(\d{1,4})\.(\d{1,4})(?![0-9])"


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
            match = re.match(_NUMBER, name)
            path = "{}/{}".format(folder, name)
            if match is not None and name not in found and _is_whole(root, path):
                found[name] = Release(name, (int(match.group(1)), int(match.group(2))), path)
    return [found[name] for name in sorted(found)]


def _is_whole(root: Folder, path: str) -> bool:
    return root.exists(path + "/modules.dep") or root.exists(path + "/kernel")
