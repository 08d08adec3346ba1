"""Rules about the device that cannot say anything: they are listed with the reason, and do not pass in silence."""

from typing import Any, List, Mapping, Tuple

import pytest

from scmguard import rulebook
from scmguard.examples import boot_of, device_of, job_of
from scmguard.lint import run as lint

BOOK = rulebook.load()
KERNELS = {
    "var/lib/zymbit/zkenv.conf": "ZK_GPIO_WAKE_PIN=4\n",
    "lib/modules/6.1.21-v8+/modules.dep": "",
    "lib/modules/6.6.20+rpt-rpi-v8/modules.dep": "",
}
UPGRADE = {
    "etc/os-release": "ID=debian\nVERSION_CODENAME=bookworm\n",
    "etc/apt/sources.list": "deb http://deb.debian.org/debian trixie main\n",
}
FSTAB = {"etc/fstab": "/dev/mmcblk0p1 /boot/firmware vfat defaults 0 2\n"}


def not_checked(id: str, **example: Any) -> List[Tuple[str, str]]:
    """What is listed for a rule that finds nothing."""
    given: Mapping[str, Any] = {"files": {"config.txt": ""}, **example}
    rule = BOOK.rules[id]
    report = lint(job_of(rule, given, BOOK.profiles), boot_of(given), device_of(given))
    assert report.findings == []
    return [(entry.needs, entry.reason) for entry in report.not_checked]


@pytest.mark.parametrize(
    "id, example, reason",
    [
        (
            "wake-pin-wrong",
            {"profile": "zymkey", "root": KERNELS, "files": {"config.txt": "", "cmdline.txt": "root=/dev/mmcblk0p2\n"}},
            "needs to know which kernel runs: some that are installed count the pins differently",
        ),
        (
            "wake-pin-wrong",
            {
                "profile": "zymkey",
                "root": KERNELS,
                "files": {"config.txt": "", "cmdline.txt": "root=/dev/mmcblk0p2\n"},
                "device": {"kernel": {"unknown": "there is no /proc/version"}},
            },
            "needs to know which kernel runs: there is no /proc/version",
        ),
        (
            "release-upgrade-pending",
            {"profile": "zymkey", "root": UPGRADE},
            "needs to know whether the module is locked (run scmguard on the device)",
        ),
        (
            "release-upgrade-pending",
            {"profile": "zymkey", "root": UPGRADE, "device": {"binding": {"unknown": "it did not answer within 8 s"}}},
            "needs to know whether the module is locked: it did not answer within 8 s",
        ),
        (
            "bootloader-too-old",
            {"root": FSTAB, "device": {"bootloader": {"version": "94c9dc7a"}}},
            "needs to know when the bootloader was built, and its version does not say it",
        ),
        (
            "bootloader-too-old",
            {"root": FSTAB, "device": {"bootloader": {"unknown": "vcgencmd is not installed"}}},
            "needs to know the bootloader's version: vcgencmd is not installed",
        ),
        (
            "boot-partition-not-mounted",
            {"root": FSTAB, "device": {"boot_mount": {"unknown": "there is no /proc/self/mountinfo"}}},
            "needs to know whether the boot partition is mounted: there is no /proc/self/mountinfo",
        ),
        (
            "default-password",
            {"device": {"default_password": {"unknown": "only root may read /etc/shadow"}}},
            "needs to know how the password of zymbit is stored: only root may read /etc/shadow",
        ),
    ],
)
def test_what_is_not_known_is_said(id: str, example: Mapping[str, Any], reason: str) -> None:
    assert not_checked(id, **example) == [("device", reason)]


@pytest.mark.parametrize(
    "id, example",
    [
        # One kernel is enough, and so are several that count alike, or any on a board whose numbers nobody gives.
        ("wake-pin-wrong", {"root": {**KERNELS, "lib/modules/6.6.20+rpt-rpi-v8/modules.dep": None}}),
        ("wake-pin-wrong", {"root": KERNELS, "board": "pi3"}),
        ("release-upgrade-pending", {"root": {**UPGRADE, "etc/apt/sources.list": ""}}),
    ],
)
def test_nobody_is_asked_for_what_decides_nothing(id: str, example: Mapping[str, Any]) -> None:
    root = {name: text for name, text in example["root"].items() if text is not None}
    files = {"config.txt": "", "cmdline.txt": "root=/dev/mmcblk0p2\n"}
    assert not_checked(id, **{"profile": "zymkey", **example, "root": root, "files": files}) == []
