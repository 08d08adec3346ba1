"""How this root file system makes and copies images: what its update-initramfs does, and who copies what it made.

Sources: initramfs-tools 0.140 to 0.148.4 (changelog: 0.141 asks every kernel's configuration about the compression and
stops without it, 0.143 goes on with a warning, and looks in /lib/modules, too); Raspberry Pi's fork of it
(raspberrypi/bookworm-feedback#349: since 0.142+rpt2 a plain ``-u`` takes every flavour of the newest release);
RPi-Distro/firmware 100c81b, ``debian/initramfs/post-update.d/z50-raspi-firmware`` and the kernel's hook of that name;
flash-kernel 3.107, ``functions`` (backup_and_install).
"""

import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from scmguard.folder import Folder
from scmguard.rootfs import dpkg
from scmguard.rootfs.kernels import sort_key
from scmguard.rootfs.shell_settings import ShellSettings, read_settings

POST_UPDATE = "etc/initramfs/post-update.d"
Z50 = POST_UPDATE + "/z50-raspi-firmware"
FLASH_KERNEL = POST_UPDATE + "/flash-kernel"
RASPI_FIRMWARE_DEFAULTS = "etc/default/raspi-firmware"
FLASH_KERNEL_DEFAULTS = "etc/default/flash-kernel"
_PACKAGE = "initramfs-tools-core"
_UPDATE = "usr/sbin/update-initramfs"
_MAKE = "usr/sbin/mkinitramfs"
_LARGEST = 256 * 1024


class Names(NamedTuple):
    """The names on the boot partition under which the files of a flavour are copied."""

    kernel: str
    image: str


#: What z50-raspi-firmware copies for Raspberry Pi's kernels, by what stands behind ``-rpi-`` in their releases.
COPIES: Dict[str, Names] = {
    "v8": Names("kernel8.img", "initramfs8"),
    "v8-rt": Names("kernel8_rt.img", "initramfs8_rt"),
    "2712": Names("kernel_2712.img", "initramfs_2712"),
    "v6": Names("kernel.img", "initramfs"),
    "v7": Names("kernel7.img", "initramfs7"),
    "v7l": Names("kernel7l.img", "initramfs7l"),
}


def copied_names(release: str) -> Optional[Names]:
    """The names for a kernel of Raspberry Pi OS; None for another one, which the hook passes over."""
    return COPIES.get(release.partition("-rpi-")[2])


def text_of(root: Folder, path: str) -> Optional[str]:
    """The text of a script; None where there is none, or it is far too large for one. Raises Unreadable."""
    status = root.status(path)
    if status is None or not status.is_file or status.size > _LARGEST:
        return None
    source = root.source(path)
    return None if source is None else source.text


def copier(root: Folder) -> str:
    """Who copies images to the boot partition: ``raspberrypi``, ``debian`` or ``flash-kernel``; empty: nobody known.

    Raspberry Pi's raspi-firmware and Debian's have a hook of the same name. Raises Unreadable.
    """
    status = root.status(Z50)
    if status is not None and status.is_executable:
        return "raspberrypi" if "-rpi-" in (text_of(root, Z50) or "") else "debian"
    status = root.status(FLASH_KERNEL)
    return "flash-kernel" if status is not None and status.is_executable else ""


def raspi_firmware_settings(root: Folder) -> ShellSettings:
    """What z50-raspi-firmware is configured with (INITRAMFS, KERNEL). Raises Unreadable."""
    return read_settings(root, [RASPI_FIRMWARE_DEFAULTS])


def keeps_dot_bak(root: Folder) -> bool:
    """Whether flash-kernel keeps each file that it replaces under a name that ends in .bak. Raises Unreadable."""
    value = read_settings(root, [FLASH_KERNEL_DEFAULTS]).value("NO_CREATE_DOT_BAK_FILES", "")
    return (value or "").lower() not in ("true", "yes", "1")


def _version(root: Folder) -> Optional[Tuple[int, str]]:
    """The second number of the version of initramfs-tools, and all of it; None where it is not known."""
    found = dpkg.package(root, _PACKAGE)
    match = re.match(r"0\.([0-9]{1,9})(?![0-9])", found.version) if found is not None and found.is_present else None
    return None if found is None or match is None else (int(match.group(1)), found.version)


def needs_configuration(root: Folder) -> Optional[bool]:
    """Whether mkinitramfs stops for a kernel without a configuration in /boot; None where it is not known.

    Its own text tells, and its version where that is not there. Raises Unreadable.
    """
    text = text_of(root, _MAKE)
    if text is not None:
        if "kconfig_sym" not in text:
            return False
        return re.search(r"""-[ef]\s+["']?\$\{?kconfig\}?["']?\s*\]""", text) is None
    version = _version(root)
    if version is None or "ubuntu" in version[1]:
        return None
    return 141 <= version[0] <= 142


def takes_every_flavour(root: Folder) -> Optional[bool]:
    """Whether a plain ``update-initramfs -u`` takes all flavours of Raspberry Pi's newest kernel; None: not known.

    Raises Unreadable.
    """
    text = text_of(root, _UPDATE)
    if text is not None:
        return "-rpi-" in text
    version = _version(root)
    if version is None:
        return None
    fork = re.search(r"\+rpt([0-9]{1,9})(?![0-9])", version[1])
    return fork is not None and (version[0] > 142 or (version[0] == 142 and int(fork.group(1)) >= 2))


_FORKS = re.compile(r"(.+\+rpt-rpi-)")


def refreshed(kernels: Sequence[str], images: Sequence[str], every_flavour: bool) -> List[str]:
    """The releases whose images a plain ``update-initramfs -u`` makes anew where ``update_initramfs`` is ``yes``.

    ``kernels`` are those that ``linux-version list`` finds, ``images`` those that have an image.
    """
    ordered = sorted(kernels, key=sort_key, reverse=True)
    if every_flavour:
        found: List[str] = []
        for release in ordered:
            match = _FORKS.match(release)
            if match is None or release not in images or (found and not found[0].startswith(match.group(1))):
                break
            found.append(release)
        if found:
            return found
    return [release for release in ordered if release in images][:1]
