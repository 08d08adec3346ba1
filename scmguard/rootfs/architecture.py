"""The architecture of a root file system's programs: 32 or 64 bits, Arm.

Sources: elf(5) (``EI_CLASS``, ``e_machine``); deb-control(5) and dpkg(1): the package dpkg is of the native
architecture; the names of the dynamic loaders of glibc and musl.
"""

from typing import NamedTuple, Optional

from scmguard.folder import Folder
from scmguard.rootfs.dpkg import STATUS, package

_INITS = ("usr/lib/systemd/systemd", "lib/systemd/systemd", "usr/sbin/init", "sbin/init", "bin/busybox")
_LOADERS = (
    ("ld-linux-aarch64.so.1", "arm64", 64),
    ("ld-musl-aarch64.so.1", "arm64", 64),
    ("ld-linux-armhf.so.3", "armhf", 32),
    ("ld-musl-armhf.so.1", "armhf", 32),
)
_NAMES = {"arm64": 64, "armhf": 32, "armel": 32}
_MACHINES = {b"\xb7\x00": "arm64", b"\x28\x00": "armhf"}


class Architecture(NamedTuple):
    """The architecture as Debian names it, its bits, and the file that tells."""

    name: str
    bits: int
    path: str


def native(root: Folder) -> Optional[Architecture]:
    """The architecture of the first program, else of dpkg, else of the one loader; None where files do not tell.

    Raises Unreadable.
    """
    return _of_init(root) or _of_dpkg(root) or _of_loaders(root)


def _of_init(root: Folder) -> Optional[Architecture]:
    for path in _INITS:
        data = root.read(path) if root.exists(path) else None
        if data is None or data[:4] != b"\x7fELF":
            continue
        name = _MACHINES.get(data[18:20], "")
        # EI_CLASS: 1 is 32 bits, 2 is 64; EI_DATA 1 is little endian.
        if name and data[4:6] == bytes((_NAMES[name] // 32, 1)):
            return Architecture(name, _NAMES[name], path)
        return None
    return None


def _of_dpkg(root: Folder) -> Optional[Architecture]:
    found = package(root, "dpkg")
    name = found.architecture if found is not None else ""
    return Architecture(name, _NAMES[name], STATUS) if name in _NAMES else None


def _of_loaders(root: Folder) -> Optional[Architecture]:
    found = [
        Architecture(name, bits, path)
        for loader, name, bits in _LOADERS
        for path in ("usr/lib/" + loader, "lib/" + loader)
        if root.exists(path)
    ]
    return found[0] if len({one.bits for one in found}) == 1 else None
