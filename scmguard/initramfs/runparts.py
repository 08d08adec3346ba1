"""The folders whose files run-parts runs when a kernel or an initramfs is made or removed, and which it takes.

Sources: run-parts(8) of debianutils 5.7: letters, digits, ``_`` and ``-`` alone, all else is passed over in silence, as
are files that are not executable; linux-image's postinst (``run-parts --report --exit-on-error``); update-initramfs of
initramfs-tools 0.142. Tried out: a link that leads nowhere, a missing interpreter and a file without ``#!`` each make
run-parts fail.
"""

import re
from typing import Iterator, Tuple

from scmguard.folder import Folder
from scmguard.initramfs.tools import Entry
from scmguard.rootfs.links import status_of

#: Where update-initramfs passes a new image on.
IMAGES = "etc/initramfs/post-update.d"
#: Where packages with kernels announce what they do.
KERNELS = tuple("etc/kernel/{}.d".format(step) for step in ("preinst", "postinst", "prerm", "postrm"))

_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")


def takes_name(name: str) -> bool:
    """Whether run-parts runs a file of that name."""
    return _NAME.match(name) is not None


def run_parts(root: Folder) -> Tuple[Entry, ...]:
    """What is in these folders; ``takes_name`` is run-parts' word. Raises Unreadable."""
    return tuple(entry for folder in (IMAGES, *KERNELS) for entry in _entries(root, folder))


def _entries(root: Folder, folder: str) -> Iterator[Entry]:
    for name in root.names(folder):
        path = "{}/{}".format(folder, name)
        yield Entry(root, path, status_of(root, path), takes_name(name))


def runner(entry: Entry) -> str:
    """Who calls run-parts for the folder that an entry is in."""
    return "update-initramfs" if entry.path.startswith(IMAGES) else "a kernel's package"
