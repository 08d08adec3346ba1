"""The hooks and boot scripts of initramfs-tools on a root file system.

Source: initramfs-tools 0.142, ``mkinitramfs`` and ``scripts/functions`` (set_initlist): a file is taken whose name is
made of letters, digits, dots, dashes and underscores and does not begin with a dot; this is not run-parts, so that
``old.bak`` is taken, too. Of these, only executable files that ``sh -n`` accepts are run.
"""

import re
from typing import Iterator

from scmguard.boot import Folder
from scmguard.text import Source

#: The packages' tree and the administrator's, in the order in which they are run.
PACKAGED = "usr/share/initramfs-tools"
TREES = (PACKAGED, "etc/initramfs-tools")

#: Where scripts that run at boot are.
STAGES = (
    *("init-top", "init-premount", "local-top", "local-block", "local-premount", "local-bottom"),
    *("nfs-top", "nfs-premount", "nfs-bottom", "init-bottom", "panic"),
)

_NAME = r"[A-Za-z0-9_-][A-Za-z0-9._-]*\Z"


def hooks(root: Folder) -> Iterator[Source]:
    """What mkinitramfs takes for hooks, which run while the image is built. Raises Unreadable."""
    for tree in TREES:
        yield from _taken(root, tree + "/hooks")


def boot_scripts(root: Folder) -> Iterator[Source]:
    """The scripts that go into the image and run at boot. Raises Unreadable."""
    for tree in TREES:
        for stage in STAGES:
            yield from _taken(root, "{}/scripts/{}".format(tree, stage))


def _taken(root: Folder, folder: str) -> Iterator[Source]:
    for name in root.names(folder):
        source = root.source(folder + "/" + name) if re.match(_NAME, name) else None
        if source is not None:
            yield source
