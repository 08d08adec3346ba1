"""Which packages and which of their files have to do with booting.

Loaded by every apt run, so that it imports nothing.

Sources: initramfs-tools 0.142, ``mkinitramfs`` and hook-functions (what goes into an image); Debian kernel handbook,
chapter 6 (``/etc/kernel``); cryptsetup-initramfs; raspi-firmware, flash-kernel, rpi-eeprom (their file lists); Zymbit
documentation (names of its packages).
"""

from __future__ import annotations

#: Folders and files whose content decides the boot, as dpkg names them without the slash in front.
PLACES = (
    "boot/",
    "lib/modules/",
    "usr/lib/modules/",
    "etc/initramfs-tools/",
    "usr/share/initramfs-tools/",
    "etc/kernel/",
    "usr/share/kernel/",
    "etc/crypttab",
    "etc/cryptsetup-initramfs/",
    "etc/cryptroot/",
    "lib/cryptsetup/",
    "usr/lib/cryptsetup/",
    "etc/fstab",
    "etc/modules",
    "etc/modprobe.d/",
    "etc/default/raspi-firmware",
    "etc/default/flash-kernel",
    "etc/flash-kernel/",
    "etc/default/rpi-eeprom-update",
    "etc/default/raspberrypi-kernel",
    "etc/apt/apt.conf.d/",
    "etc/kernel-img.conf",
    "usr/lib/raspi-firmware/",
    "usr/lib/linux-image-",
    "usr/lib/firmware/raspberrypi/",
    "lib/firmware/raspberrypi/",
    "var/lib/zymbit/",
    "etc/zymbit/",
)

# Names, and how names begin, of packages that change the boot whatever files they have.
_NAMES = frozenset(
    (
        *("raspi-firmware", "raspberrypi-bootloader", "raspberrypi-kernel", "rpi-eeprom", "flash-kernel", "u-boot-rpi"),
        *("initramfs-tools", "initramfs-tools-core", "initramfs-tools-bin", "dracut", "dracut-core", "busybox"),
        *("busybox-static", "klibc-utils", "libklibc", "cryptsetup", "cryptsetup-bin", "cryptsetup-initramfs", "lvm2"),
        *("cryptsetup-run", "libcryptsetup12", "kmod", "libkmod2", "linux-base", "udev", "base-files"),
        *("unattended-upgrades", "zkifc", "zkbootrtc", "libzk", "libzymkeyssl", "zkapputilslib", "zkpkcs11"),
        *("zksaapps", "zku", "zymbit-bootware", "bootware"),
    )
)
_BEGINS = ("linux-image-", "linux-modules-", "zymbit")


def is_boot_file(path: str) -> bool:
    """Whether a file of a package (without a slash or ``./`` in front) is one that booting depends on."""
    return path.startswith(PLACES)


def is_boot_package(name: str) -> bool:
    """Whether a package changes the boot by what its scripts do, or by not being there."""
    return name in _NAMES or name.startswith(_BEGINS)
