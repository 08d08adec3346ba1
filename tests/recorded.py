"""The recordings of the tests, and the facts of each machine: written out by hand, from what its note says it is."""

import json
import os
from typing import Any, Dict

from scmguard.device.recording import RecordedMachine

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recordings")
NAMES = sorted(name[: -len(".json")] for name in os.listdir(FOLDER) if name.endswith(".json"))


def path_of(name: str) -> str:
    """The file of a recording."""
    return os.path.join(FOLDER, name + ".json")


def data_of(name: str) -> Dict[str, Any]:
    """A recording's content, for a test to change."""
    with open(path_of(name), encoding="utf-8") as stream:
        data: Dict[str, Any] = json.load(stream)
    return data


def machine_of(name: str) -> RecordedMachine:
    """The machine of a recording."""
    return RecordedMachine(data_of(name))


def unknown(why: str) -> Dict[str, str]:
    """A fact that is not known, and how the reason begins."""
    return {"unknown": why}


GIB = 1 << 30
NO_ZYMKEY = unknown("Zymbit's Python module is not installed (ModuleNotFoundError")
WITHOUT_MODULE = dict.fromkeys(("module_model", "module_firmware", "module_serial", "binding", "manifest"), NO_ZYMKEY)
# An older boot order without network, as Zymbit's images have none of their own.
CM4_CONFIG = "[all]\nBOOT_UART=0\nWAKE_ON_GPIO=1\nPOWER_OFF_ON_HALT=0\n"
CM4_NAMES = ["raspberrypi,4-compute-module", "brcm,bcm2711"]
# The release of 2023-01-11, 17:40:52 UTC.
BOOTLOADER_2023 = {"version": "8ba17717fbcedd4c3b6d4bce7e50c7af4155cba9", "built": 1673458852}
BOOTLOADER_2024 = {"version": "30cc5f37d1aa4c1be5a6f0e7d82c9b3546178f20", "built": 1705330072}
EMMC_CM4 = {"disk": "mmcblk0", "kind": "emmc", "controller": "fe340000.mmc", "layers": []}
SHIPPED_MANIFEST = [
    "bcm2711-rpi-cm4.dtb",
    "bootcode.bin",
    "cmdline.txt",
    "config.txt",
    "initrd.img",
    "kernel8.img",
    "start4.elf",
    "zymbit_mac_address",
    "overlays/vc4-kms-v3d.dtbo",
]

#: Every fact of every recording. ``cmdline`` is what it must contain.
EXPECTED: Dict[str, Dict[str, Any]] = {
    "scm-bookworm": {
        "model": "Raspberry Pi Compute Module 4 Rev 1.1",
        "compatible": CM4_NAMES,
        "revision": 0xC03141,
        "board": "cm4",
        "serial": "100000003a5c91e7",
        "memory": 4 * GIB,
        "firmware": {"version": "27a0efd1f4a3b6c5d8e9f0a1b2c3d4e5f6a7b8c9", "built": 1711024496},
        "bootloader": BOOTLOADER_2023,
        "bootloader_config": CM4_CONFIG + "BOOT_ORDER=0xf1\nENABLE_SELF_UPDATE=0",
        "boot_mode": "sd-or-emmc",
        "boot_partition": 1,
        "tryboot": False,
        "root_storage": {**EMMC_CM4, "partition": 2, "layers": ["crypt cryptrfs"]},
        "boot_storage": {**EMMC_CM4, "partition": 1},
        "boot_mount": {
            "path": "/boot/firmware",
            "device": "/dev/mmcblk0p1",
            "type": "vfat",
            "writable": True,
            "total": 535805952,
            "free": 449798144,
        },
        "kernel": "6.6.20+rpt-rpi-v8",
        "cmdline": "root=/dev/mapper/cryptrfs",
        "usb": {"controller": "dwc2", "mode": "host"},
        "pending_reboot": [],
        "default_password": False,
        "i2c": True,
        "zkifc": "running",
        "module_model": "SCM",
        "module_firmware": "01.02.03release",
        "module_serial": "0a64c2e95b81f7d3",
        "binding": {"locked": True, "bound": True},
        "manifest": SHIPPED_MANIFEST,
        "ledger": [
            {
                "name": "config.txt",
                "size": 1286,
                "sha256": "SHA-256 of b'a config.txt'",
                "time": 1711098000,
            },
            {
                "name": "kernel8.img",
                "size": 9214431,
                "sha256": "SHA-256 of b'a kernel'",
                "time": 1711098002,
            },
        ],
    },
    "scm-bullseye": {
        "model": "Raspberry Pi Compute Module 4 Rev 1.1",
        "compatible": CM4_NAMES,
        "revision": 0xB03141,
        "board": "cm4",
        "serial": "10000000b7d2046f",
        "memory": 2 * GIB,
        "firmware": {"version": "82f0f6a8b3c14ea2bfd75de90f8e26d51ca74b03", "built": 1679663966},
        "bootloader": BOOTLOADER_2023,
        "bootloader_config": CM4_CONFIG + "BOOT_ORDER=0xf1\nENABLE_SELF_UPDATE=0",
        "boot_mode": unknown("there is no /proc/device-tree/chosen/bootloader/boot-mode"),
        "boot_partition": unknown("there is no /proc/device-tree/chosen/bootloader/partition"),
        "tryboot": unknown("there is no /proc/device-tree/chosen/bootloader/tryboot"),
        "root_storage": {**EMMC_CM4, "partition": 2, "layers": ["crypt cryptrfs"]},
        "boot_storage": {**EMMC_CM4, "partition": 1},
        "boot_mount": {
            "path": "/boot",
            "device": "/dev/mmcblk0p1",
            "type": "vfat",
            "writable": True,
            "total": 264289280,
            "free": 148897792,
        },
        "kernel": "6.1.21-v8+",
        "cmdline": "cryptdevice=/dev/mmcblk0p2:cryptrfs",
        "usb": {"controller": "dwc2", "mode": "host"},
        "pending_reboot": [],
        "default_password": True,
        "i2c": True,
        "zkifc": "running",
        "module_model": "SCM",
        "module_firmware": "01.02.02release",
        "module_serial": "0a64c2e9017be4d6",
        "binding": {"locked": False, "bound": True},
        "manifest": [],
        "ledger": None,
    },
    "scm-ubuntu": {
        "model": "Raspberry Pi Compute Module 4 Rev 1.1",
        "compatible": CM4_NAMES,
        "revision": 0xD03141,
        "board": "cm4",
        "serial": "1000000062f0d8b4",
        "memory": 8 * GIB,
        "firmware": {"version": "82f0f6a8b3c14ea2bfd75de90f8e26d51ca74b03", "built": 1679050362},
        "bootloader": BOOTLOADER_2023,
        "bootloader_config": CM4_CONFIG + "BOOT_ORDER=0xf1\nENABLE_SELF_UPDATE=0",
        "boot_mode": "sd-or-emmc",
        "boot_partition": 1,
        "tryboot": False,
        "root_storage": {**EMMC_CM4, "partition": 2, "layers": ["lvm ubuntu--vg-ubuntu--lv", "crypt cryptrfs"]},
        "boot_storage": {**EMMC_CM4, "partition": 1},
        "boot_mount": {
            "path": "/boot/firmware",
            "device": "/dev/mmcblk0p1",
            "type": "vfat",
            "writable": True,
            "total": 264289280,
            "free": 31457280,
        },
        "kernel": "5.15.0-1049-raspi",
        "cmdline": "root=/dev/mapper/ubuntu--vg-ubuntu--lv",
        "usb": {"controller": "dwc2", "mode": "host"},
        "pending_reboot": ["/run/reboot-required is there for linux-base, linux-image-5.15.0-1061-raspi"],
        "default_password": False,
        "i2c": True,
        "zkifc": "stopped",
        **dict.fromkeys(
            ("module_model", "module_firmware", "module_serial", "binding", "manifest"),
            unknown("zymkey facts: it did not answer within 8 s"),
        ),
        "ledger": None,
    },
    "cm4-sd": {
        "model": "Raspberry Pi Compute Module 4 Rev 1.0",
        "compatible": CM4_NAMES,
        "revision": 0xB03140,
        "board": "cm4",
        "serial": "10000000e91a47d3",
        "memory": 2 * GIB,
        "firmware": {"version": "4c845bd31c0b9e2d76f8a15b3ce0d4f2978a6b01", "built": 1705330072},
        "bootloader": BOOTLOADER_2024,
        "bootloader_config": CM4_CONFIG + "BOOT_ORDER=0xf25641",
        "boot_mode": "sd-or-emmc",
        "boot_partition": 1,
        "tryboot": False,
        "root_storage": {**EMMC_CM4, "kind": "sd", "partition": 2},
        "boot_storage": {**EMMC_CM4, "kind": "sd", "partition": 1},
        "boot_mount": {
            "path": "/boot/firmware",
            "device": "/dev/mmcblk0p1",
            "type": "vfat",
            "writable": True,
            "total": 535805952,
            "free": 455081984,
        },
        "kernel": "6.12.25+rpt-rpi-v8",
        "cmdline": "root=PARTUUID=4c7f19d8-02",
        "usb": {"controller": "xhci", "mode": "host"},
        "pending_reboot": [],
        "default_password": False,
        "i2c": False,
        "zkifc": "absent",
        **WITHOUT_MODULE,
        "ledger": None,
    },
    "cm4-usb": {
        "model": "Raspberry Pi Compute Module 4 Rev 1.1",
        "compatible": CM4_NAMES,
        "revision": 0xA03141,
        "board": "cm4",
        "serial": "10000000240fb96c",
        "memory": GIB,
        "firmware": unknown("vcgencmd version says: VCHI initialization failed"),
        "bootloader": BOOTLOADER_2024,
        "bootloader_config": unknown("vcgencmd bootloader_config says: VCHI initialization failed"),
        "boot_mode": "usb",
        "boot_partition": 1,
        "tryboot": False,
        "root_storage": {"disk": "sda", "partition": 2, "kind": "usb", "controller": "fe980000.usb", "layers": []},
        "boot_storage": {"disk": "sda", "partition": 1, "kind": "usb", "controller": "fe980000.usb", "layers": []},
        "boot_mount": {
            "path": "/boot/firmware",
            "device": "/dev/sda1",
            "type": "vfat",
            "writable": False,
            "total": 535805952,
            "free": 460324864,
        },
        "kernel": "6.6.31+rpt-rpi-v8",
        "cmdline": "root=PARTUUID=9b02e5a7-02",
        "usb": {"controller": "dwc2", "mode": "host"},
        "pending_reboot": [],
        "default_password": unknown("only root may read /etc/shadow"),
        "i2c": False,
        "zkifc": "absent",
        **WITHOUT_MODULE,
        "ledger": unknown("/var/lib/scmguard/ledger.json: permission denied"),
    },
    "pi5-nvme": {
        "model": "Raspberry Pi 5 Model B Rev 1.0",
        "compatible": ["raspberrypi,5-model-b", "brcm,bcm2712"],
        "revision": 0xD04170,
        "board": "pi5",
        "serial": "8d41f60b27ce953a",
        "memory": 8 * GIB,
        "firmware": {"version": "7d7d8cb3", "built": 1732540000},
        "bootloader": {"version": "7d7d8cb3ea50f2b19c6c2a1fd0be4e5790381bca", "built": 1732540000},
        "bootloader_config": "[all]\nBOOT_UART=1\nPOWER_OFF_ON_HALT=0\nBOOT_ORDER=0xf461",
        "boot_mode": "nvme",
        "boot_partition": 1,
        "tryboot": False,
        "root_storage": {
            "disk": "nvme0n1",
            "partition": 2,
            "kind": "nvme",
            "controller": "0000:01:00.0",
            "layers": [],
        },
        "boot_storage": {
            "disk": "nvme0n1",
            "partition": 1,
            "kind": "nvme",
            "controller": "0000:01:00.0",
            "layers": [],
        },
        "boot_mount": {
            "path": "/boot/firmware",
            "device": "/dev/nvme0n1p1",
            "type": "vfat",
            "writable": True,
            "total": 535805952,
            "free": 441450496,
        },
        "kernel": "6.6.62+rpt-rpi-2712",
        "cmdline": "root=PARTUUID=e3a5704f-02",
        "usb": {"controller": "xhci", "mode": "host"},
        "pending_reboot": [],
        "default_password": False,
        "i2c": False,
        "zkifc": "absent",
        **WITHOUT_MODULE,
        "ledger": None,
    },
    "cm5": {
        "model": "Raspberry Pi Compute Module 5 Rev 1.0",
        "compatible": ["raspberrypi,5-compute-module", "brcm,bcm2712"],
        "revision": 0xC04180,
        "board": "cm5",
        "serial": "b20e7c95d6184fa3",
        "memory": 4 * GIB,
        "firmware": {"version": "a5b79d6c", "built": 1742400000},
        "bootloader": {"version": "a5b79d6ce14b3f08e7d2c61095af8b4e3d2710fc", "built": 1742400000},
        "bootloader_config": "[all]\nBOOT_UART=1\nPOWER_OFF_ON_HALT=0\nBOOT_ORDER=0xf461",
        "boot_mode": "sd-or-emmc",
        "boot_partition": 2,
        "tryboot": True,
        "root_storage": {
            "disk": "mmcblk0",
            "partition": 3,
            "kind": "emmc",
            "controller": "1000fff000.mmc",
            "layers": [],
        },
        "boot_storage": {
            "disk": "mmcblk0",
            "partition": 2,
            "kind": "emmc",
            "controller": "1000fff000.mmc",
            "layers": [],
        },
        "boot_mount": {
            "path": "/boot/firmware",
            "device": "/dev/mmcblk0p2",
            "type": "vfat",
            "writable": True,
            "total": 535805952,
            "free": 452984832,
        },
        "kernel": "6.12.25+rpt-rpi-2712",
        "cmdline": "root=PARTUUID=51d8c06e-03",
        "usb": {"controller": "dwc2", "mode": "host"},
        "pending_reboot": [],
        "default_password": False,
        "i2c": False,
        "zkifc": "absent",
        **WITHOUT_MODULE,
        "ledger": None,
    },
    "pc": {
        "model": unknown("there is no /proc/device-tree/model"),
        "compatible": unknown("there is no /proc/device-tree/compatible"),
        "revision": unknown("neither /proc/device-tree/system/linux,revision nor /proc/cpuinfo has it"),
        "board": unknown("neither /proc/device-tree/system/linux,revision nor /proc/cpuinfo has it"),
        "serial": unknown("neither /proc/device-tree/serial-number nor /proc/cpuinfo has it"),
        "memory": 16303428 * 1024,
        "firmware": unknown("vcgencmd is not installed"),
        "bootloader": unknown("/proc/device-tree/chosen/bootloader does not have it; vcgencmd is not installed"),
        "bootloader_config": unknown("vcgencmd is not installed"),
        "boot_mode": unknown("there is no /proc/device-tree/chosen/bootloader/boot-mode"),
        "boot_partition": unknown("there is no /proc/device-tree/chosen/bootloader/partition"),
        "tryboot": unknown("there is no /proc/device-tree/chosen/bootloader/tryboot"),
        "root_storage": {"disk": "sda", "partition": 2, "kind": "sata", "controller": "0000:00:17.0", "layers": []},
        "boot_storage": None,
        "boot_mount": None,
        "kernel": "6.1.0-18-amd64",
        "cmdline": "root=UUID=2f6c1b0e-84d7-4a39-b5e2-90c7d13fa486",
        "usb": {"controller": "none", "mode": ""},
        "pending_reboot": [],
        "default_password": False,
        "i2c": True,
        "zkifc": "absent",
        **WITHOUT_MODULE,
        "ledger": None,
    },
}
