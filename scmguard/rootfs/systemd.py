"""The state of a systemd unit, from files alone: whether something starts it at boot, and which file decides that.

Sources: systemd.unit(5), "Unit File Load Path", and what it says on ``.wants/`` folders, masking and empty files;
systemctl(1), ``is-enabled``.
"""

import posixpath
from typing import List, NamedTuple, Optional, Set, Tuple

from scmguard.folder import Folder

#: Where systemd looks for units, first match first.
LOAD_PATH = (
    "etc/systemd/system.control",
    "run/systemd/system.control",
    "run/systemd/transient",
    "run/systemd/generator.early",
    "etc/systemd/system",
    "etc/systemd/system.attached",
    "run/systemd/system",
    "run/systemd/system.attached",
    "run/systemd/generator",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "run/systemd/generator.late",
)
_DEPENDENCIES = (".wants", ".requires", ".upholds")
_INITS = ("sbin/init", "usr/sbin/init")
_DAEMONS = ("usr/lib/systemd/systemd", "lib/systemd/systemd")


class Unit(NamedTuple):
    """A unit's state.

    ``masked``: nothing can start it. ``enabled``: another unit pulls it in. ``disabled``: it could be enabled and is
    not. ``static``: it has no ``[Install]`` section and waits for another unit to start it. ``absent``: there is no
    such unit. ``path`` is the name, in the root folder, of the file or link that decides; empty for an absent unit.
    """

    name: str
    state: str
    path: str

    @property
    def can_start(self) -> bool:
        """Whether another unit can start it."""
        return self.state in ("enabled", "disabled", "static")


def unit(root: Folder, name: str) -> Unit:
    """The state of a unit (``apt-daily-upgrade.timer``). Raises Unreadable."""
    fragment = next((folder + "/" + name for folder in LOAD_PATH if name in root.names(folder)), "")
    if not fragment:
        return Unit(name, "absent", "")
    if _is_null(root, fragment):
        return Unit(name, "masked", fragment)
    content = _content(root, fragment)
    if content == b"":
        return Unit(name, "masked", fragment)
    link = _pulled_in(root, name)
    if link:
        return Unit(name, "enabled", link)
    installs = content is not None and any(line.strip() == b"[Install]" for line in content.splitlines())
    return Unit(name, "disabled" if installs else "static", fragment)


def runs_systemd(root: Folder) -> Optional[bool]:
    """Whether systemd is what boots this root file system; None if files do not tell.

    ``/run/systemd/system`` is what sd_booted(3) and apt's own scripts ask; it is only there while the system runs.
    Otherwise ``/sbin/init`` tells by where it points.
    """
    if root.exists("run/systemd/system"):
        return True
    for name in _INITS:
        target = root.link(name)
        if target is not None:
            return posixpath.basename(target) == "systemd"
        if root.exists(name):
            return False
    return True if any(root.exists(name) for name in _DAEMONS) else None


def _pulled_in(root: Folder, name: str) -> str:
    """The link in a ``.wants`` folder that makes another unit pull this one in.

    A link to /dev/null hides those of the same folder further down the load path.
    """
    decided: Set[str] = set()
    for folder in LOAD_PATH:
        for inner in _dependency_folders(root, folder):
            path = "{}/{}/{}".format(folder, inner, name)
            if inner in decided or name not in root.names(folder + "/" + inner):
                continue
            decided.add(inner)
            if not _is_null(root, path):
                return path
    return ""


def _dependency_folders(root: Folder, folder: str) -> List[str]:
    return [inner for inner in root.names(folder) if inner.endswith(_DEPENDENCIES)]


def _is_null(root: Folder, path: str) -> bool:
    target = root.link(path)
    return target is not None and _resolved(path, target) == "dev/null"


def _resolved(path: str, target: str) -> str:
    """The name in the root folder that a link's target stands for."""
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(path), target)).lstrip("/")


def _content(root: Folder, path: str) -> Optional[bytes]:
    """A unit file's bytes, through links; None where they are not to be had."""
    seen: Tuple[str, ...] = ()
    data = root.read(path)
    while data is None and path not in seen:
        # A folder in memory does not follow links.
        seen += (path,)
        target = root.link(path)
        if target is None:
            return None
        path = _resolved(path, target)
        data = root.read(path)
    return data
