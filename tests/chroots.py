"""A throw-away Debian root file system with the real initramfs-tools, for tests that build real images.

Made with debootstrap from the archive that apt on this machine is set up for; takes root and some minutes.
``SCMGUARD_CHROOT=skip`` leaves these tests out, ``SCMGUARD_CHROOT=DIR`` takes a copy of one that is there.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import List, Optional, Sequence

import pytest

from tests.archive import archive

CHOICE = os.environ.get("SCMGUARD_CHROOT", "")
SUITE = "bookworm"
PACKAGES = ("initramfs-tools", "cryptsetup-initramfs", "zstd", "busybox", "kmod", "udev")
PROGRAMS = ("debootstrap", "unshare", "chroot", "apt-get", "dpkg")


def _why_not() -> Optional[str]:
    if CHOICE == "skip":
        return "SCMGUARD_CHROOT=skip"
    if os.geteuid() != 0:
        return "a chroot takes root"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return "not installed: {}".format(" ".join(missing)) if missing else None


needs_chroot = pytest.mark.skipif(_why_not() is not None, reason=_why_not() or "")


class Chroot:
    """A root file system in which programs are run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *command: str, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
        """Runs a command in it, with /proc, /sys and a bare /dev of its own."""
        script = (
            'mount -t proc proc "$0/proc"; mount -t sysfs -o ro sysfs "$0/sys"; mount -t tmpfs tmpfs "$0/run"; '
            'exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 '
            'DEBIAN_FRONTEND=noninteractive HOME=/root "$@"'
        )
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, str(self.path), *command],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        """Writes a file in it."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        path.chmod(mode)
        return path

    @property
    def release(self) -> str:
        """The release of its kernel."""
        (name,) = [each for each in os.listdir(self.path / "boot") if each.startswith("vmlinuz-")]
        return name[len("vmlinuz-") :]

    @property
    def image(self) -> Path:
        """Its initramfs image."""
        return self.path / "boot" / "initrd.img-{}".format(self.release)

    def update(self) -> "subprocess.CompletedProcess[str]":
        """``update-initramfs -u``."""
        return self.run("update-initramfs", "-u")

    def members(self) -> List[str]:
        """The names in its image, as lsinitramfs lists them."""
        done = self.run("lsinitramfs", "/boot/{}".format(self.image.name))
        return done.stdout.split("\n")

    def copy(self, path: Path) -> "Chroot":
        """A copy of it."""
        subprocess.run(["cp", "-a", "--reflink=auto", str(self.path), str(path)], check=True)
        return Chroot(path)


def make(folder: Path) -> Chroot:
    """A new one in a folder. Skips the test where that cannot be done here."""
    path = folder / "root"
    if CHOICE:
        return Chroot(Path(CHOICE)).copy(path)
    where = archive()
    if where is None:
        pytest.skip("apt knows no Debian archive (apt-get update)")
    made = _quiet(["debootstrap", "--variant=minbase", SUITE, str(path), where[0]])
    if made.returncode:
        pytest.skip("debootstrap failed: {}".format((made.stdout + made.stderr).strip()[-200:]))
    chroot = Chroot(path)
    # Nothing in it may be started, and a small kernel will do: its size is that of the images.
    chroot.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    chroot.write("etc/apt/apt.conf.d/00test", 'APT::Install-Recommends "0";\nAcquire::Languages "none";\n')
    for name in ("resolv.conf", "hosts"):
        if os.path.exists("/etc/" + name):
            shutil.copy("/etc/" + name, path / "etc" / name)
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True).stdout.strip()
    kernel = "linux-image-{}{}".format("cloud-" if architecture in ("amd64", "arm64") else "", architecture)
    installed = chroot.run("apt-get", "install", "-y", "-q", kernel, *PACKAGES, timeout=900)
    assert installed.returncode == 0, installed.stdout[-2000:] + installed.stderr[-2000:]
    return chroot


def _quiet(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=900)
