"""Throw-away Debian machines with the real apt and dpkg, for the scenarios of the gate.

A base is made with debootstrap once, per suite; each machine is an overlay over it in memory, with mounts and processes
of its own, and a small file system in memory for a boot partition. It takes root, and overlayfs.

``SCMGUARD_MACHINES=skip`` leaves these tests out, ``SCMGUARD_MACHINES=DIR`` keeps bases in a folder and takes those
that are there; ``SCMGUARD_SUITES`` names the suites (bookworm alone where it is not set).
"""

import os
import pty
import select
import shutil
import signal
import subprocess
import time
from functools import lru_cache
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import pytest

from tests.archive import archive

CHOICE = os.environ.get("SCMGUARD_MACHINES", "")
SUITES = tuple(os.environ.get("SCMGUARD_SUITES", "bookworm").split())
_PROGRAMS = ("debootstrap", "unshare", "nsenter", "apt-get", "dpkg-deb")
PACKAGES = "python3"
_HERE = Path(__file__).resolve().parent.parent
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# $1 lower folders, $2 a folder for all else, $3 the size of the boot partition in KiB, $4 its place. Nothing of it is
# seen outside.
_KEEPER = """
set -e
mount -t tmpfs none "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
mount -t proc proc "$2/root/proc"
mount -t sysfs -o ro sysfs "$2/root/sys"
mount -t tmpfs none "$2/root/run"
mkdir -p "$2/root/dev/pts" "$2/root/$4"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$2/root/dev/pts"
mount -t tmpfs -o "size=$3k" none "$2/root/$4"
exec chroot "$2/root" sh -c 'echo ready; read -r init && exec $init; exec sleep infinity'
"""
#: A boot partition that a Compute Module 4 boots from.
BOOT: Dict[str, str] = {
    "config.txt": "arm_64bit=1\nkernel=kernel8.img\n[all]\ndtoverlay=dwc2,dr_mode=host\n",
    "cmdline.txt": "root=/dev/mmcblk0p2 rootfstype=ext4 rootwait\n",
    "kernel8.img": "kernel\n",
    "start4.elf": "firmware\n",
    "fixup4.dat": "firmware\n",
    "bcm2711-rpi-cm4.dtb": "tree\n",
}
#: A line for config.txt after which no Raspberry Pi boots, and one that costs an SCM alone.
FATAL, FATAL_ON_SCM = "device_tree=\n", "otg_mode=1\n"


def why_not() -> Optional[str]:
    """Why no machine can be made here; None if it can."""
    if CHOICE == "skip":
        return "SCMGUARD_MACHINES=skip"
    if os.geteuid() != 0:
        return "machines take root"
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    return "not installed: {}".format(" ".join(missing)) if missing else None


needs_machines = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


class Done(NamedTuple):
    """How a command ended, and what it wrote to both outputs."""

    status: int
    output: str

    @property
    def said(self) -> List[str]:
        """The lines that scmguard wrote."""
        return [line[len("scmguard: ") :] for line in self.output.splitlines() if line.startswith("scmguard: ")]


class Machine:
    """A machine that is thrown away. Paths have no slash in front."""

    def __init__(
        self, lower: Sequence[Path], folder: Path, boot_kib: int = 65536, place: str = "boot/firmware"
    ) -> None:
        self.place = place
        folder.mkdir(parents=True, exist_ok=True)
        folders = ":".join(str(path) for path in lower)
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "--pid", "--uts", "--fork", "--kill-child", "sh"]
            + ["-c", _KEEPER, "sh", folders, str(folder), str(boot_kib), place],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        assert self._keeper.stdout is not None and self._keeper.stderr is not None
        if self._keeper.stdout.readline() != "ready\n":
            pytest.skip("no machine can be made here: {}".format(self._keeper.stderr.read().strip()[-300:]))
        # The program that unshare started; its own number is outside.
        children = Path("/proc/{0}/task/{0}/children".format(self._keeper.pid)).read_text().split()
        self._pid = int(children[0])
        self.root = Path("/proc/{}/root".format(self._pid))

    def close(self) -> None:
        """Ends all that runs in it."""
        self._keeper.kill()
        self._keeper.wait()
        for stream in (self._keeper.stdin, self._keeper.stdout, self._keeper.stderr):
            if stream is not None:
                stream.close()

    def start_systemd(self) -> str:
        """Lets the systemd that is installed in it take over; why it did not come up, or nothing."""
        mounts = "mount -t tmpfs none /sys/fs/cgroup && mkdir /sys/fs/cgroup/systemd && "
        mounts += "mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd || "
        mounts += "mount -t cgroup2 none /sys/fs/cgroup"
        done = self.run("sh", "-c", mounts)
        if done.status:
            return done.output
        assert self._keeper.stdin is not None
        self._keeper.stdin.write("/usr/bin/env -i container=docker PATH=/usr/sbin:/usr/bin /lib/systemd/systemd\n")
        self._keeper.stdin.flush()
        end = time.monotonic() + 40
        while time.monotonic() < end:
            state = self.run("systemctl", "is-system-running", timeout=60).output.strip()
            if state in ("running", "degraded"):
                return ""
            time.sleep(0.5)
        return "systemd is {}".format(state)

    @property
    def is_up(self) -> bool:
        """Whether it has not been shut down."""
        return self._keeper.poll() is None

    def command(self, *words: str, env: Optional[Mapping[str, str]] = None) -> List[str]:
        """What runs a command in it, for those who start it themselves."""
        values = {
            "PATH": _PATH,
            "LC_ALL": "C.UTF-8",
            "HOME": "/root",
            "DEBIAN_FRONTEND": "noninteractive",
            "TERM": "dumb",
        }
        values.update(env or {})
        pairs = ["{}={}".format(*pair) for pair in values.items()]
        inside = ["nsenter", "--target", str(self._pid), "--mount", "--pid", "--root", "--wd"]
        return [*inside, "/usr/bin/env", "-i", *pairs, *words]

    def run(self, *words: str, env: Optional[Mapping[str, str]] = None, timeout: float = 300) -> Done:
        """Runs a command without a terminal."""
        done = subprocess.run(
            self.command(*words, env=env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=timeout,
            start_new_session=True,
        )
        return Done(done.returncode, done.stdout)

    def watched(
        self,
        *words: str,
        env: Optional[Mapping[str, str]] = None,
        timeout: float = 300,
        keys: Sequence[Tuple[str, str]] = (),
    ) -> Done:
        """Runs a command in a terminal. ``keys`` are texts to wait for, and what is typed then."""
        command = self.command(*words, env=env)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvp(command[0], command)
        pieces: List[bytes] = []
        todo = list(keys)
        end = time.monotonic() + timeout
        while True:
            ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                raise AssertionError("it did not end: {}".format(b"".join(pieces)[-2000:]))
            try:
                data = os.read(terminal, 65536)
            except OSError:  # Linux says so where the other end is closed
                data = b""
            if not data:
                break
            pieces.append(data)
            if todo and todo[0][0].encode() in b"".join(pieces):
                os.write(terminal, todo.pop(0)[1].encode())
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
        return Done(
            os.waitstatus_to_exitcode(status), b"".join(pieces).decode("utf-8", "replace").replace("\r\n", "\n")
        )

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        """Writes a file in it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        path.chmod(mode)

    def read(self, name: str) -> str:
        """The text of a file in it."""
        return (self.root / name).read_bytes().decode("utf-8", "surrogateescape")

    def exists(self, name: str) -> bool:
        """Whether it has a file."""
        return (self.root / name).exists()

    def boot(self, **files: str) -> None:
        """Puts the usual files on the boot partition, and others (``config__txt`` stands for ``config.txt``)."""
        for name, text in {**BOOT, **{name.replace("__", "."): text for name, text in files.items()}}.items():
            self.write("{}/{}".format(self.place, name), text)

    def deb(self, package: str, version: str = "1.0", files: Optional[Mapping[str, str]] = None, **more: str) -> str:
        """Builds a package in it, and gives its path there.

        ``more`` are maintainer scripts (``postinst`` …) and fields (``Depends`` …); ``conffiles`` its list.
        """
        folder = self.root / "root" / "build" / package
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "DEBIAN").mkdir(parents=True)
        fields = {
            "Package": package,
            "Version": version,
            "Architecture": "all",
            "Maintainer": "tests <tests@localhost>",
        }
        fields.update({key: value for key, value in more.items() if key[0].isupper()})
        fields["Description"] = "made by a test"
        control = "".join("{}: {}\n".format(key.replace("_", "-"), value) for key, value in fields.items())
        (folder / "DEBIAN" / "control").write_text(control)
        for key, text in more.items():
            if not key[0].isupper():
                path = folder / "DEBIAN" / key
                path.write_text(text)
                path.chmod(0o644 if key == "conffiles" else 0o755)
        for name, text in (files or {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
            if text.startswith("#!"):
                path.chmod(0o755)
        name = "/root/{}_{}_all.deb".format(package, version)
        done = subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(folder), str(self.root) + name],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return name

    def audit(self) -> str:
        """What dpkg says is not whole; empty if all is."""
        return self.run("dpkg", "--audit").output.strip()

    def state(self, package: str) -> str:
        """The state of a package (``ii``), or nothing for one that dpkg does not know."""
        done = self.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", package)
        return done.output.strip() if done.status == 0 else ""


@lru_cache(maxsize=None)
def built() -> str:
    """The path of the package of scmguard, built from this checkout. Skips where that cannot be done."""
    if shutil.which("dpkg-buildpackage") is None or shutil.which("dh") is None:
        pytest.skip("not installed: dpkg-dev debhelper")
    found = os.environ.get("SCMGUARD_DEB")
    if found:
        return found
    wheels = _HERE / "debian" / "wheels"
    if not wheels.is_dir() and subprocess.run([str(_HERE / "debian/get-wheels")], env=_with_pip()).returncode:
        pytest.skip("the wheels that go into the package cannot be had here")
    import tempfile

    folder = tempfile.mkdtemp(prefix="scmguard-deb-")
    source = os.path.join(folder, "scmguard")
    shutil.copytree(
        _HERE, source, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "*_cache", "__pycache__", "build")
    )
    done = subprocess.run(
        ["dpkg-buildpackage", "-us", "-uc", "-b"],
        cwd=source,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (name,) = [each for each in os.listdir(folder) if each.endswith(".deb")]
    return os.path.join(folder, name)


def _with_pip() -> Dict[str, str]:
    import sys

    return {**os.environ, "PYTHON": sys.executable}


@lru_cache(maxsize=None)
def base(suite: str) -> Path:
    """A folder with a small installation of a suite. Skips where that cannot be made."""
    import tempfile

    folder = Path(CHOICE) if CHOICE else Path(tempfile.mkdtemp(prefix="scmguard-machines-"))
    path = folder / suite
    if (path / "usr/bin/python3").exists():
        return path
    where = archive()
    if where is None:
        pytest.skip("apt knows no Debian archive (apt-get update)")
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", "--include=" + PACKAGES, suite, str(path), where[0]],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=1200,
    )
    if done.returncode:
        pytest.skip("debootstrap {} failed: {}".format(suite, (done.stdout + done.stderr).strip()[-200:]))
    (path / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (path / "usr/sbin/policy-rc.d").chmod(0o755)
    for name in ("resolv.conf", "hosts"):
        if os.path.exists("/etc/" + name):
            shutil.copy("/etc/" + name, path / "etc" / name)
    (path / "etc/apt/apt.conf.d/00test").write_text('APT::Install-Recommends "0";\nAcquire::Languages "none";\n')
    return path


class Maker:
    """Makes machines of one suite; all are thrown away at its end."""

    def __init__(self, suite: str, folder: Path) -> None:
        self.suite = suite
        self._folder = folder
        self._base = base(suite)
        self._made: List[Machine] = []
        self._count = 0

    def bare(self, boot_kib: int = 65536, place: str = "boot/firmware") -> Machine:
        """A machine without scmguard and with an empty boot partition."""
        self._count += 1
        machine = Machine([self._base], self._folder / str(self._count), boot_kib, place)
        self._made.append(machine)
        return machine

    def guarded(
        self,
        profile: str = "cm4",
        settings: str = "",
        boot_kib: int = 65536,
        place: str = "boot/firmware",
        **files: str,
    ) -> Machine:
        """A machine with boot files and scmguard, which has looked at them."""
        machine = self.bare(boot_kib, place)
        machine.boot(**files)
        done = machine.run("dpkg", "-i", self.package(machine))
        assert done.status == 0, done.output
        machine.write("etc/scmguard.yaml", "profile: {}\n{}".format(profile, settings))
        done = machine.run("scmguard", "snapshot")
        assert done.status == 0, done.output
        return machine

    def package(self, machine: Machine) -> str:
        """The package of scmguard in a machine."""
        shutil.copy(built(), str(machine.root) + "/root/scmguard.deb")
        return "/root/scmguard.deb"

    def close(self) -> None:
        """Throws all away that was made so far."""
        for machine in self._made:
            machine.close()
        self._made.clear()
