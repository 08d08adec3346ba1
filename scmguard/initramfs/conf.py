"""The configuration of initramfs-tools in effect: which files are read, in which order, and the modules listed.

Source: initramfs-tools 0.142, ``mkinitramfs`` (maybe_add_conf, source package confs, the case of MODULES) and
``update-initramfs``; initramfs.conf(5), update-initramfs.conf(5). A file in /etc's conf.d masks the packages' one of
the same name; conf-hooks.d comes last, whatever its files are called, and so wins over the administrator.
"""

import re
from typing import Iterator, List, NamedTuple, Tuple

from scmguard.folder import Folder
from scmguard.initramfs.tools import OWN, PACKAGED
from scmguard.rootfs.links import is_there
from scmguard.rootfs.shell_settings import ShellSettings, read_settings
from scmguard.text import Source, Span

MAIN = OWN + "/initramfs.conf"
UPDATES = OWN + "/update-initramfs.conf"
#: The folders of parts, the packages' and the administrator's.
FOLDERS = (PACKAGED + "/conf.d", OWN + "/conf.d")
_HOOKS = PACKAGED + "/conf-hooks.d"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")

#: What holds where no file says anything (mkinitramfs has no default of its own for COMPRESS: it stops).
DEFAULTS = {"MODULES": "most", "BUSYBOX": "auto", "UMASK": "", "update_initramfs": "yes", "backup_initramfs": "no"}


def is_installed(root: Folder) -> bool:
    """Whether initramfs-tools itself is there, so that the files of packages are; a folder of settings has none.

    Raises Unreadable.
    """
    return root.exists(PACKAGED + "/hook-functions")


def is_read(name: str) -> bool:
    """Whether mkinitramfs reads a file of that name in conf.d."""
    return _NAME.match(name) is not None and ".dpkg-" not in name


def parts(root: Folder) -> List[str]:
    """The files of conf.d that are read, in their order. Raises Unreadable."""
    theirs, ours = FOLDERS
    own = root.names(ours)
    # A link that leads nowhere masks nothing.
    masked = {name for name in own if is_there(root, "{}/{}".format(ours, name))}
    packaged = [name for name in root.names(theirs) if name not in masked]
    found = ["{}/{}".format(theirs, name) for name in packaged if is_read(name)]
    return found + ["{}/{}".format(ours, name) for name in own if is_read(name)]


def build_settings(root: Folder) -> ShellSettings:
    """What mkinitramfs is configured with. Raises Unreadable."""
    hooks = ["{}/{}".format(_HOOKS, name) for name in root.names(_HOOKS) if not name.startswith(".")]
    return read_settings(root, [MAIN, *parts(root), *hooks])


def update_settings(root: Folder) -> ShellSettings:
    """What update-initramfs is configured with. Raises Unreadable."""
    return read_settings(root, [UPDATES])


class Listed(NamedTuple):
    """A module in a list: its name, the file, and where it stands there."""

    name: str
    source: Source
    span: Span


def listed_modules(root: Folder) -> Tuple[Listed, ...]:
    """The modules that are always put into the image and loaded at boot. Raises Unreadable."""
    return tuple(_listed(root))


def _listed(root: Folder) -> Iterator[Listed]:
    folder = PACKAGED + "/modules.d"
    names = [folder + "/" + name for name in root.names(folder) if not name.startswith(".")]
    for path in [OWN + "/modules", *names]:
        status = root.status(path)
        source = root.source(path) if status is not None and status.is_file else None
        for line in source.lines if source is not None else ():
            words = line.text.split()
            # A comment begins in the first column alone; behind blanks, # is the name of a module.
            if source is not None and words and not line.text.startswith("#"):
                start = line.text.index(words[0])
                yield Listed(words[0], source, source.span(line.number, start, start + len(words[0])))
