"""From what the user named to boot trees: a boot folder, a root file system, a file, standard input, or this machine.

``/boot`` on Bookworm and later holds a config.txt that only says that the file moved to ``/boot/firmware`` (pi-gen,
stage1/00-boot-files); it is followed, and that is noted.
"""

import os
from typing import List, NamedTuple, Optional, Tuple

from scmguard.boot import BOOTCONF_NAMES, Boot
from scmguard.folder import Content, Folder, MemoryFolder, Space, Status, Unreadable
from scmguard.inputs.disk import DiskFolder, contents, open_named

# Files of which any one shows that a folder is a boot folder.
_BOOT_FILES = ("config.txt", "tryboot.txt", "autoboot.txt", "cmdline.txt")
#: File names that say what a file is.
KINDS = _BOOT_FILES + BOOTCONF_NAMES

#: What standard input is called where no name is given for it.
STDIN = "<stdin>"

#: What is wrong with a file whose name tells nothing.
UNKNOWN_NAME = "not a name scmguard knows; say what it is with --as ({})".format(", ".join(KINDS))
_BOOT_PLACES = ("boot/firmware", "boot")
_MOVED = b"/boot/firmware/"
_STUB_SIZE = 1000


class Request(NamedTuple):
    """What the command line says beside the paths. ``kind`` is from ``--as``; ``root`` from ``--root``."""

    kind: Optional[str] = None
    root: Optional[str] = None
    stdin_filename: Optional[str] = None


def this_machine(request: Request) -> Boot:
    """The boot tree of the running system, or of the root file system named with ``--root``. Raises Unreadable."""
    base = request.root or "/"
    root = _root_folder(base)
    found = _in_root(base, root)
    if found is not None:
        return found
    places = " or ".join(os.path.join(base, one) for one in _BOOT_PLACES)
    raise Unreadable(base, "no boot files under {}".format(places))


def _in_root(base: str, root: DiskFolder) -> Optional[Boot]:
    live = os.path.realpath(base) == "/"
    for place in _BOOT_PLACES:
        folder = DiskFolder(base, is_root=True, base=place)
        if root.names(place) and _is_boot(folder):
            found = _boot(folder, root, live)
            # On a running system the note that the file moved is no configuration: the partition is not mounted.
            if not (live and _is_stub(found.files.read("config.txt") or b"")):
                return found
    return None


def _root_folder(path: str) -> DiskFolder:
    if not os.path.isdir(path):
        raise Unreadable(path, "is not a folder" if os.path.exists(path) else "no such folder")
    return DiskFolder(path, is_root=True)


def from_path(path: str, request: Request) -> Boot:
    """The boot tree that a path means. Raises Unreadable."""
    root = _root_folder(request.root) if request.root else None
    if os.path.isdir(path):
        return _from_folder(path, root)
    if not os.path.lexists(path):
        raise Unreadable(path, "no such file or folder")
    folder, name = os.path.split(path)
    kind = request.kind or kind_of(name)
    if kind is None:
        raise Unreadable(path, UNKNOWN_NAME)
    # The file itself may be reached through a link, since the user named it; what it includes may not leave its folder.
    file = open_named(path)
    try:
        data = contents(file, path)
    finally:
        os.close(file)
    return _single(data, path, folder, kind, root)


def from_stdin(data: bytes, request: Request) -> Boot:
    """A file given on standard input. Raises Unreadable."""
    name = request.stdin_filename or request.kind or "config.txt"
    folder, base = os.path.split(name)
    kind = request.kind or kind_of(base)
    if kind is None:
        raise Unreadable(name, UNKNOWN_NAME)
    return _single(data, request.stdin_filename or STDIN, folder if request.stdin_filename else None, kind, None)


def from_data(data: bytes, path: str, request: Request) -> Boot:
    """The boot tree that a path would mean if these bytes were the file there. Raises Unreadable."""
    root = _root_folder(request.root) if request.root else None
    folder, name = os.path.split(path)
    kind = request.kind or kind_of(name)
    if kind is None:
        raise Unreadable(path, UNKNOWN_NAME)
    return _single(data, path, folder, kind, root)


def kind_of(name: str) -> Optional[str]:
    """What the file of a name is; None for a name that says nothing."""
    return name.lower() if name.lower() in KINDS else None


class _WithFile(Folder):
    """A folder in which one name stands for data from elsewhere."""

    def __init__(self, behind: Folder, name: str, data: bytes, label: str) -> None:
        self.path = label
        self._behind = behind
        self._name = name
        self._data = data
        self._label = label

    def read(self, name: str) -> Optional[bytes]:
        return self._data if name.strip("/") == self._name else self._behind.read(name)

    def names(self, folder: str = "") -> List[str]:
        found = self._behind.names(folder)
        if folder.strip("/") or any(name.lower() == self._name.lower() for name in found):
            return found
        return sorted([*found, self._name])

    def exists(self, name: str) -> bool:
        return name.strip("/") == self._name or self._behind.exists(name)

    def status(self, name: str) -> Optional[Status]:
        if name.strip("/") == self._name:
            return Status("file", 0o644, len(self._data))
        return self._behind.status(name)

    def content(self, name: str) -> Optional[Content]:
        return Content.of_bytes(self._data) if name.strip("/") == self._name else self._behind.content(name)

    def space(self) -> Optional[Space]:
        return self._behind.space()

    def link(self, name: str) -> Optional[str]:
        return None if name.strip("/") == self._name else self._behind.link(name)

    def label(self, name: str) -> str:
        return self._label if name.strip("/") == self._name else self._behind.label(name)


def _single(data: bytes, path: str, folder: Optional[str], kind: str, root: Optional[Folder]) -> Boot:
    # A name given to standard input may be one in a folder that is not here; then nothing stands beside it.
    nowhere = folder is None or not os.path.isdir(folder or ".")
    behind: Folder = MemoryFolder({}) if nowhere else DiskFolder(folder or ".", label=folder)
    if kind == "config.txt" and isinstance(behind, DiskFolder) and _is_stub(data):
        inner = _inner(behind)
        moved = inner.read(kind) if inner is not None else None
        if inner is not None and moved is not None:
            return Boot(
                _WithFile(inner, kind, moved, inner.label(kind)), root, single=kind, notes=(_followed(path, inner),)
            )
    return single(data, path, behind, kind, root)


def single(data: bytes, path: str, behind: Folder, kind: str, root: Optional[Folder] = None) -> Boot:
    """One file of a kind that is judged by itself, known to people as ``path``, with the folder it includes from."""
    # A command line, or the EEPROM's configuration, alone is judged with the configuration beside it, if there is one.
    start = "config.txt" if kind == "cmdline.txt" or kind in BOOTCONF_NAMES else kind
    return Boot(_WithFile(behind, kind, data, path), root, start=start, single=kind)


def is_boot_file(name: str) -> bool:
    """Whether a file of that name makes its folder a boot tree."""
    return name in _BOOT_FILES


def _is_boot(folder: Folder) -> bool:
    return any(folder.exists(name) for name in _BOOT_FILES)


def _from_folder(path: str, root: Optional[Folder]) -> Boot:
    folder = DiskFolder(path)
    own = None if root is not None else _own_root(path)
    if _is_boot(folder):
        return _boot(folder, root or own, own is not None)
    found = _in_root(path, DiskFolder(path, is_root=True))
    if found is not None:
        return found
    inner = _inner(folder)
    if inner is not None:
        return Boot(inner, root or own, live=own is not None)
    raise Unreadable(path, "no boot files here (none of {})".format(", ".join(_BOOT_FILES)))


def _own_root(path: str) -> Optional[Folder]:
    """This machine's root file system, where the path is this machine's boot partition."""
    real = os.path.realpath(path)
    return DiskFolder("/", is_root=True) if real in ("/boot", "/boot/firmware") else None


def _inner(folder: DiskFolder) -> Optional[DiskFolder]:
    """The boot partition mounted at ``firmware`` below a folder, if it is one."""
    if not folder.names("firmware"):
        return None
    inner = folder.below("firmware")
    return inner if _is_boot(inner) else None


def _followed(path: str, inner: DiskFolder) -> str:
    return "{} only says that the file moved; {} is checked".format(path, inner.path)


def _boot(folder: DiskFolder, root: Optional[Folder], live: bool) -> Boot:
    data = folder.read("config.txt")
    if data is not None and _is_stub(data):
        inner = _inner(folder)
        if inner is not None:
            return Boot(inner, root, notes=(_followed(folder.label("config.txt"), inner),), live=live)
    return Boot(folder, root, live=live)


def _is_stub(data: bytes) -> bool:
    """Whether a config.txt is what Bookworm leaves in /boot: short, no setting in it, the new place named."""
    if len(data) > _STUB_SIZE or _MOVED not in data:
        return False
    lines: Tuple[bytes, ...] = tuple(line.strip() for line in data.splitlines())
    return not any(line.startswith(b"[") or (b"=" in line and not line.startswith(b"#")) for line in lines)
