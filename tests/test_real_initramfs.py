"""Images that the real update-initramfs builds: what scmguard says beforehand is what the image then shows."""

import random
import shutil
from pathlib import Path
from typing import Any, Iterator, List, Sequence

import pytest

from scmguard import rulebook
from scmguard.boot import Boot
from scmguard.effective.board import BOARDS
from scmguard.finding import Finding, at_least
from scmguard.folder import Content
from scmguard.initrd.contents import read_contents
from scmguard.inputs.disk import DiskFolder
from scmguard.lint import Job
from scmguard.lint import run as lint
from scmguard.rootfs import initramfs_tools
from scmguard.rootfs.tsort import order
from tests.chroots import Chroot, make, needs_chroot

pytestmark = needs_chroot

BOOK = rulebook.load()


@pytest.fixture(scope="module")
def stock(tmp_path_factory: Any) -> Iterator[Chroot]:
    """A stock installation, whose boot partition has kernel and image under the names of a Raspberry Pi 4."""
    folder: Path = tmp_path_factory.mktemp("chroot")
    chroot = make(folder)
    chroot.write("boot/firmware/config.txt", "auto_initramfs=1\narm_64bit=1\n")
    chroot.write("boot/firmware/cmdline.txt", "root=PARTUUID=4b1d4f3a-02 rootfstype=ext4 rootwait\n")
    for name in ("start4.elf", "fixup4.dat", "bcm2711-rpi-4-b.dtb"):
        chroot.write("boot/firmware/" + name, "x")
    chroot.write("etc/fstab", "PARTUUID=4b1d4f3a-02 / ext4 defaults 0 1\n")
    publish(chroot)
    yield chroot
    shutil.rmtree(folder, ignore_errors=True)


def publish(chroot: Chroot) -> None:
    """Copies kernel and image to the boot partition, as the hooks of Raspberry Pi OS do."""
    shutil.copy(chroot.path / "boot" / "vmlinuz-{}".format(chroot.release), chroot.path / "boot/firmware/kernel8.img")
    shutil.copy(chroot.image, chroot.path / "boot/firmware/initramfs8")


def found(chroot: Chroot, profile: str = "pi4", rules: Sequence[str] = ()) -> List[Finding]:
    """What is found on the root file system and its boot partition."""
    path = str(chroot.path)
    boot = Boot(DiskFolder(path, is_root=True, base="boot/firmware"), DiskFolder(path, is_root=True))
    chosen = BOOK.profiles[profile]
    wanted = tuple(rule for rule in BOOK.rules.values() if rule.applies_to(profile) and (not rules or rule.id in rules))
    return lint(Job(wanted, (BOARDS[chosen.board],), profile, chosen.parameters), boot).findings


def test_a_stock_installation_has_no_finding_above_hygiene(stock: Chroot) -> None:
    assert [one for one in found(stock) if at_least(one.severity, "degraded")] == []


def test_an_image_cut_anywhere_is_found(stock: Chroot, tmp_path: Path) -> None:
    data = stock.image.read_bytes()
    choose = random.Random(7)
    offsets = [choose.randrange(len(data)) for _ in range(200)] + [0, 1, len(data) - 1]
    missed = [at for at in offsets if read_contents(Content.of_bytes(data[:at])).fault is None]
    assert missed == []
    assert read_contents(Content.of_bytes(data)).faults == []


def test_a_cut_image_is_a_finding(stock: Chroot) -> None:
    image = stock.path / "boot/firmware/initramfs8"
    whole = image.read_bytes()
    try:
        image.write_bytes(whole[: len(whole) // 2])
        (one,) = found(stock, rules=["initrd-truncated"])
        assert one.severity == "no-boot" and "is not whole" in one.message
        assert [each.message[:17] for each in one.related] == ["this one is whole"]
    finally:
        image.write_bytes(whole)


def prerequisites(chroot: Chroot, entry: initramfs_tools.Entry) -> List[str]:
    """What a hook really answers."""
    return chroot.run("env", "BUSYBOX=y", "BUSYBOXDIR=/bin", "/" + entry.path, "prereqs").stdout.split()


def test_hooks_run_in_the_order_that_is_told(stock: Chroot) -> None:
    """mkinitramfs -v says which hook it calls. A few compute their prerequisites: only those are asked here."""
    entries = initramfs_tools.hooks(DiskFolder(str(stock.path), is_root=True))
    pairs, computed = [], []
    for entry in entries:
        assert entry.script is not None
        told, real = initramfs_tools.prerequisites(entry.script), prerequisites(stock, entry)
        if told is None:
            computed.append(entry.name)
        else:
            assert sorted(told) == sorted(real), entry.path
        pairs += [(entry.name, entry.name)] + [(name, entry.name) for name in real]
    assert computed == ["cryptroot-unlock"]
    done = stock.run("mkinitramfs", "-v", "-o", "/tmp/image", stock.release)
    called = [line.split()[-1] for line in done.stdout.splitlines() if line.startswith("Calling hook")]
    assert len(called) > 8
    assert list(order(pairs).names) == called


def test_boot_scripts_run_in_the_order_that_is_told(stock: Chroot) -> None:
    image = read_contents(Content.of_bytes(stock.image.read_bytes()))
    scripts = initramfs_tools.in_image(initramfs_tools.boot_scripts(DiskFolder(str(stock.path), is_root=True)))
    stages = {entry.stage for entry in scripts}
    assert len(stages) > 4
    for stage in stages:
        order = (image.text("scripts/{}/ORDER".format(stage)) or b"").decode()
        real = [line.split()[0].rpartition("/")[2] for line in order.splitlines() if line.startswith("/scripts/")]
        told = initramfs_tools.run_order(tuple(entry for entry in scripts if entry.stage == stage)).names
        assert [name for name in told if name in {entry.name for entry in scripts}] == real, stage
