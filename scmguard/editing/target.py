"""From the path of a file to the boot tree that it belongs to, and to the file that is really meant."""

import os
import stat
from typing import NamedTuple, Optional, Tuple

from scmguard.boot import Boot
from scmguard.editing.store import Original
from scmguard.editing.tree import Tree
from scmguard.effective.difference import ALSO_RUN
from scmguard.folder import Unreadable
from scmguard.inputs import discover
from scmguard.inputs.discover import Request
from scmguard.packages.future import edited

CONFIG, CMDLINE = "config.txt", "cmdline.txt"


class Target(NamedTuple):
    """A file to change: its path for people, the path to write (after links), what is there, and its boot tree.

    ``original`` is open; who asked for the target closes it.
    """

    path: str
    real: str
    original: Original
    tree: Tree


def find(path: Optional[str], kind: Optional[str], root: Optional[str]) -> Target:
    """The file at a path; without one, this machine's (or that of the root file system ``root``) of that kind.

    Raises Unreadable. A file that is not there is one to be made.
    """
    if path is None:
        boot = discover.this_machine(Request(None, root))
        return _in_tree(boot, kind or CONFIG, kind or CONFIG)
    if os.path.isdir(path):
        raise Unreadable(path, "is a folder; name the file in it")
    folder, base = os.path.split(path)
    if not os.path.isdir(folder or os.curdir):
        raise Unreadable(path, "there is no such folder")
    own = discover.kind_of(base)
    if kind in (None, own):
        try:
            found = _of_tree(folder or os.curdir, base, own, Request(None, root))
        except Unreadable:
            # A link that leaves the tree has a message of its own here.
            _inside(path, folder or os.curdir)
            raise
        if found is not None:
            return _in_tree(*found)
    if kind is None and own is None:
        # The message of everything that reads files.
        discover.from_data(b"", path, Request())
    return _alone(path, kind or own or "", Request(kind, root))


def _of_tree(folder: str, base: str, own: Optional[str], request: Request) -> Optional[Tuple[Boot, str, str]]:
    """The boot tree in which a file is, its name there, and its kind; None where the file stands for itself."""
    has = {name.lower() for name in os.listdir(folder)}
    above = os.path.dirname(os.path.abspath(folder))
    if own == CMDLINE and CONFIG not in has and os.path.isfile(os.path.join(above, CONFIG)):
        # Below an os_prefix there are kernels and a command line, and no config.txt.
        boot = discover.from_path(above, request)
        return boot, "{}/{}".format(os.path.basename(os.path.abspath(folder)), base), CMDLINE
    if own is None and CONFIG not in has:
        return None
    try:
        return discover.from_path(folder, request), base, own or CONFIG
    except Unreadable:
        if own is None or has & set(discover.KINDS):
            raise
        # The first boot file of a folder.
        return None


def _in_tree(boot: Boot, name: str, kind: str) -> Target:
    path = _as_it_is_spelt(boot.files.label(name))
    real = _inside(path, boot.files.path)
    original = Original.opened(real)
    names = {name}
    inner = os.path.relpath(real, os.path.realpath(boot.files.path))
    if not inner.startswith(os.pardir):
        names.add(inner)

    def replaced(data: bytes) -> Boot:
        return edited(boot, dict.fromkeys(names, data))

    now = boot if original.data is None else replaced(original.data)
    also = tuple(each for each in ALSO_RUN[:1] if each != boot.start and boot.exists(each))
    starts = (kind,) if kind in ALSO_RUN else (boot.start, *also)
    return Target(path, real, original, Tree(name, kind, original.data, now, replaced, starts))


def _alone(path: str, kind: str, request: Request) -> Target:
    """A file that is judged by itself."""
    real = _inside(path, os.path.dirname(path) or os.curdir)
    original = Original.opened(real)

    def replaced(data: bytes) -> Boot:
        return discover.from_data(data, path, request)

    start = kind if kind in ALSO_RUN else CONFIG
    return Target(
        path, real, original, Tree(kind, kind, original.data, replaced(original.data or b""), replaced, (start,))
    )


def _as_it_is_spelt(path: str) -> str:
    """The path of a file that may be there in another case: FAT finds it so, and other file systems would make two."""
    if os.path.lexists(path):
        return path
    folder, base = os.path.split(path)
    same = [name for name in os.listdir(folder or os.curdir) if name.lower() == base.lower()] if base else []
    return os.path.join(folder, same[0]) if same else path


def _inside(path: str, top: str) -> str:
    """Where a path leads, which is to be below ``top``. Raises Unreadable."""
    real, top = os.path.realpath(path), os.path.realpath(top)
    if os.path.islink(path) and os.path.commonpath([real, top]) != top:
        raise Unreadable(path, "is a link to {}, which is outside of {}; edit that file itself".format(real, top))
    return real


def is_link(target: Target) -> bool:
    """Whether another name leads to the file that is changed."""
    try:
        return stat.S_ISLNK(os.lstat(target.path).st_mode)
    except OSError:
        return False
