"""What is really behind / and the boot partition: down through device mapper to the disk and what drives it.

Sources: proc(5) (``/proc/self/mountinfo``: fields, octal escapes); Linux, ``Documentation/ABI/testing/sysfs-block-dm``
(``dm/name``, ``dm/uuid``, which begins with the kind: ``CRYPT-LUKS2-...``, ``LVM-...``),
``Documentation/driver-api/mmc/mmc-dev-attrs.rst`` (``type`` of an MMC device is ``MMC`` or ``SD``),
``Documentation/ABI/stable/sysfs-block`` (``slaves``, ``partition``).
"""

import re
from typing import Iterator, List, NamedTuple, Optional, Tuple

from scmguard.device import paths
from scmguard.device.facts import BootMount, Fact, Storage, Unknown
from scmguard.device.machine import Machine
from scmguard.folder import Unreadable
from scmguard.rootfs.mounts import BOOT_FOLDERS

MOUNTS = "proc/self/mountinfo"
_MOST_LAYERS = 16
_NETWORK = ("nfs", "nfs4", "cifs", "9p")
_FAT = ("vfat", "msdos")
_MEMORY = ("tmpfs", "rootfs", "ramfs")
_OVERLAY = "overlay"
# Devices that are files or memory and not disks.
_VIRTUAL = {"loop": "other", "ram": "memory", "zram": "memory", "nbd": "network", "rbd": "network"}
# Whose devices the device mapper's are, by the beginning of their UUIDs.
_MAPPED = ("crypt", "lvm", "mpath", "dmraid")
_USB = re.compile(r"/usb[0-9]+/")
_NVME = re.compile(r"/nvme/nvme[0-9]+/")
_ATA = re.compile(r"/ata[0-9]+/")
_PLATFORM = re.compile(r"([0-9a-f]+\.[A-Za-z][\w-]*|[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\Z")


class Mounted(NamedTuple):
    """A line of mountinfo: device number, folder, options (of the mount and of the file system), type, source."""

    number: str
    target: str
    options: Tuple[str, ...]
    type: str
    source: str


def mounted(machine: Machine) -> List[Mounted]:
    """What is mounted, in the order of mounting; of several at one place the last is seen. Raises Unknown."""
    found = []
    for line in paths.needed(machine.files, MOUNTS).splitlines():
        before, separator, after = line.partition(" - ")
        fields, behind = before.split(), after.split()
        if separator and len(fields) > 5 and len(behind) > 2:
            options = (*fields[5].split(","), *behind[2].split(","))
            found.append(Mounted(fields[2], _plain(fields[4]), options, behind[0], _plain(behind[1])))
    if not found:
        raise Unknown("/{} has no mount in it".format(MOUNTS))
    return found


def root_storage(machine: Machine) -> "Fact[Storage]":
    """The disk that the root file system is on."""
    mounts = mounted(machine)
    root = _at(mounts, "/")
    if root is None:
        raise Unknown("/{} has no root file system".format(MOUNTS))
    if root.type == _OVERLAY:
        # raspi-config's overlay keeps the real root below one folder, overlayroot below another (read-only both).
        for place in ("/overlay/lower", "/media/root-ro", "/lower"):
            below = _at(mounts, place)
            if below is not None:
                storage = _storage(machine, below)
                return Fact(storage._replace(layers=("overlay", *storage.layers)), "/" + MOUNTS)
        raise Unknown("/ is an overlay, and what is below it is not mounted where it is known to be")
    return Fact(_storage(machine, root), "/" + MOUNTS)


def boot_storage(machine: Machine) -> "Fact[Storage]":
    """The disk that the mounted boot partition is on; a known None where none is mounted."""
    mount = _boot(mounted(machine))
    if mount is None:
        return Fact(None, "/" + MOUNTS)
    return Fact(_storage(machine, mount), "/" + MOUNTS)


def boot_mount(machine: Machine) -> "Fact[BootMount]":
    """How the boot partition is mounted; a known None where it is not."""
    mount = _boot(mounted(machine))
    if mount is None:
        return Fact(None, "/" + MOUNTS)
    space = None
    try:
        space = machine.space(mount.target.strip("/"))
    except Unreadable as error:
        raise Unknown(paths.said(error)) from None
    total, free = (space.total, space.free) if space is not None else (0, 0)
    writable = "ro" not in mount.options
    return Fact(BootMount(mount.target, mount.source, mount.type, writable, total, free), "/" + MOUNTS)


def _boot(mounts: List[Mounted]) -> Optional[Mounted]:
    found = [_at(mounts, place) for place in BOOT_FOLDERS]
    return next((each for each in found if each is not None and each.type in _FAT), None)


def _at(mounts: List[Mounted], target: str) -> Optional[Mounted]:
    return next((each for each in reversed(mounts) if each.target == target), None)


def _storage(machine: Machine, mount: Mounted) -> Storage:
    if mount.type in _NETWORK:
        return Storage(mount.source, kind="network")
    if mount.type in _MEMORY:
        return Storage(mount.type, kind="memory")
    device = _device(machine, "sys/dev/block/" + mount.number)
    if device is None and mount.source.startswith("/dev/"):
        # A file system with a device number of its own (btrfs): by the name.
        node = paths.real(machine.files, mount.source.lstrip("/")) or mount.source.lstrip("/")
        device = _device(machine, "sys/class/block/" + node.rpartition("/")[2])
    if device is None:
        raise Unknown("/sys does not know device {} ({})".format(mount.number, mount.source))
    layers: List[str] = []
    for _ in range(_MOST_LAYERS):
        below = [each for each in paths.names(machine.files, device + "/slaves") if each]
        if not below:
            if "/virtual/" in device and not _virtual(_last(device)):
                raise Unknown(
                    "there is nothing in /{}/slaves, where what {} is made of should be".format(device, _last(device))
                )
            return _disk(machine, device, tuple(layers))
        layers += _layer(machine, device)
        if len(below) > 1:
            raise Unknown("{} is made of several devices: {}".format(_last(device), ", ".join(below)))
        following = _device(machine, "{}/slaves/{}".format(device, below[0]))
        if following is None:
            raise Unknown("/{}/slaves/{} leads nowhere".format(device, below[0]))
        device = following
    raise Unknown("more than {} devices lie upon each other".format(_MOST_LAYERS))


def _device(machine: Machine, name: str) -> Optional[str]:
    """The device that a link leads to; None where there is no link, or it leads to something else."""
    found = paths.real(machine.files, name)
    return found if found is not None and found.startswith("sys/devices/") else None


def _layer(machine: Machine, device: str) -> Iterator[str]:
    name = paths.text(machine.files, device + "/dm/name")
    if name is None:
        if _last(device).startswith("dm-"):
            raise Unknown("there is no /{}/dm/name".format(device))
        yield _last(device)
        return
    if not paths.is_text(name) or " " in name:
        raise Unknown("/{}/dm/name has no name in it".format(device))
    kind = (paths.text(machine.files, device + "/dm/uuid") or "").partition("-")[0].lower()
    yield "{} {}".format(kind if kind in _MAPPED else "dm", name)


def _disk(machine: Machine, device: str, layers: Tuple[str, ...]) -> Storage:
    number = paths.text(machine.files, device + "/partition")
    above = device.rpartition("/")[0]
    if number is None:
        if re.match(re.escape(_last(above)) + "p?[0-9]+\\Z", _last(device)):
            raise Unknown("there is no /{}/partition".format(device))
        return Storage(_last(device), 0, _kind(machine, device), _controller(device), layers)
    partition, disk = paths.decimal(number), above
    if partition is None:
        raise Unknown("/{}/partition is no number".format(device))
    return Storage(_last(disk), partition, _kind(machine, disk), _controller(disk), layers)


def _kind(machine: Machine, disk: str) -> str:
    name = _last(disk)
    if name.startswith("mmcblk"):
        kind = paths.needed(machine.files, disk + "/device/type")
        if kind not in ("MMC", "SD"):
            raise Unknown("/{}/device/type is {!r}, neither MMC nor SD".format(disk, kind[:20]))
        return "emmc" if kind == "MMC" else "sd"
    virtual = _virtual(name)
    if virtual:
        return virtual
    path = "/{}/".format(disk)
    if _USB.search(path):
        return "usb"
    if _NVME.search(path) or name.startswith("nvme"):
        return "nvme"
    return "sata" if _ATA.search(path) else "other"


def _virtual(name: str) -> str:
    """The kind of a device that is no disk; empty for others."""
    return next((kind for prefix, kind in _VIRTUAL.items() if re.match(prefix + r"[0-9]+\Z", name)), "")


def _controller(disk: str) -> str:
    """What drives a disk, on the SoC or on PCIe: the last part of its path that has an address as its name."""
    return next((part for part in reversed(disk.split("/")) if _PLATFORM.match(part)), "")


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _plain(text: str) -> str:
    """A field without the octal escapes for blanks, tabs, line ends and backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)
