"""The package of scmguard itself: it comes, is upgraded and goes, and leaves nothing behind that can fail."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.machines import BOOT, FATAL, Machine, Maker, built, needs_machines
from tests.places import TOP
from tests.test_gate_apt import CONFIG, assert_quiet, install

pytestmark = needs_machines

CONFFILES = (
    "etc/apt/apt.conf.d/90scmguard",
    "etc/dpkg/dpkg.cfg.d/90scmguard",
    "etc/scmguard.yaml",
    "etc/kernel/postinst.d/zzz-scmguard",
    "etc/initramfs/post-update.d/zzz-scmguard",
)


def left(machine: Machine) -> str:
    done = machine.run("sh", "-c", "find / -xdev -name '*scmguard*' -not -path '/proc/*' -not -path '/root/*' | sort")
    return done.output


def assert_works(machine: Machine) -> None:
    """Every kind of apt and dpkg run comes to its end."""
    plain = machine.deb("plain", files={"usr/share/plain/a": "1"})
    for words in (
        ["apt-get", "install", "-y", plain],
        ["apt-get", "remove", "-y", "plain"],
        ["dpkg", "-i", plain],
        ["dpkg", "-P", "plain"],
        ["dpkg", "--configure", "-a"],
        ["apt-get", "check"],
    ):
        done = machine.run(*words)
        assert done.status == 0, (words, done.output)
        assert "error" not in done.output.lower(), (words, done.output)


@pytest.mark.core
def test_it_is_installed_without_anything_of_the_distribution_but_python(maker: Maker) -> None:
    machine = maker.guarded()
    assert machine.state("scmguard") == "ii"
    # Neither its libraries are there, nor would others count.
    machine.write("usr/lib/python3/dist-packages/click.py", "raise Exception('another click')\n")
    machine.write("usr/lib/python3/dist-packages/lark.py", "raise Exception('another lark')\n")
    done = machine.run("scmguard", "check", "-q", env={"PYTHONPATH": "/usr/lib/python3/dist-packages"})
    assert done.status == 0 and done.output == "no findings\n", done.output
    assert machine.run("sh", "-c", "ls /usr/lib/scmguard/lib/scmguard/__pycache__/*.pyc").status == 0


@pytest.mark.core
def test_removed_and_not_purged_it_stands_in_nobodys_way(maker: Maker) -> None:
    machine = maker.guarded()
    done = machine.run("apt-get", "remove", "-y", "scmguard")
    assert done.status == 0, done.output
    assert machine.state("scmguard") == "rc"
    assert all(machine.exists(name) for name in CONFFILES)
    assert not machine.exists("usr/lib/scmguard")
    assert_works(machine)
    assert install(machine, machine.deb("bad", files={CONFIG: BOOT["config.txt"] + FATAL})).status == 0
    done = machine.run("apt-get", "purge", "-y", "scmguard")
    assert done.status == 0, done.output
    assert left(machine) == ""
    assert_works(machine)


@pytest.mark.core
def test_purged_it_leaves_nothing(maker: Maker) -> None:
    machine = maker.guarded()
    install(machine, machine.deb("good", files={CONFIG: BOOT["config.txt"] + "# x\n"}))
    assert machine.run("dpkg", "-P", "scmguard").status == 0
    assert left(machine) == ""
    assert_works(machine)


@pytest.mark.core
def test_it_can_be_installed_over_itself_and_upgraded(maker: Maker) -> None:
    machine = maker.guarded()
    assert_quiet(machine.run("dpkg", "-i", "/root/scmguard.deb"))
    done = machine.run("apt-get", "install", "-y", "--reinstall", "/root/scmguard.deb")
    assert done.status == 0 and done.said == [], done.output
    newer = upgraded(machine)
    assert machine.run("dpkg", "-i", newer).status == 0
    assert machine.run("dpkg", "-i", "/root/scmguard.deb").status == 0
    assert machine.read("etc/scmguard.yaml") == "profile: cm4\n"
    assert machine.run("scmguard", "check", "-q").output == "no findings\n"


def upgraded(machine: Machine) -> str:
    """The package under a later version."""
    folder = machine.root / "root" / "newer"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", built(), str(folder)], check=True)
    control = folder / "DEBIAN" / "control"
    text = control.read_text().splitlines()
    control.write_text("".join(("Version: 99.0\n" if line.startswith("Version:") else line + "\n") for line in text))
    path = str(machine.root) + "/root/newer.deb"
    subprocess.run(["dpkg-deb", "-b", str(folder), path], check=True, stdout=subprocess.DEVNULL)
    return "/root/newer.deb"


def test_half_removed_it_stands_in_nobodys_way(maker: Maker) -> None:
    machine = maker.guarded()
    for victim in ("/usr/lib/scmguard/lib", "/usr/lib/scmguard/hook.py", "/usr/lib/scmguard/apt-hook"):
        machine.run("rm", "-rf", victim)
        plain = machine.deb("plain", files={"usr/share/plain/a": "1"})
        assert machine.run("apt-get", "install", "-y", plain).status == 0
        assert machine.run("dpkg", "-P", "plain").status == 0
    assert machine.run("dpkg", "-P", "scmguard").status == 0
    assert_works(machine)


def test_it_is_removed_from_a_system_that_lost_its_python(maker: Maker) -> None:
    machine = maker.guarded()
    machine.run("sh", "-c", "rm /usr/bin/python3*")
    assert machine.run("dpkg", "-P", "scmguard").status == 0
    assert left(machine) == ""


@pytest.mark.core
def test_the_recorders_of_kernels_and_images_never_fail(maker: Maker) -> None:
    machine = maker.guarded()
    for folder in ("kernel/postinst.d", "initramfs/post-update.d"):
        name = "/etc/{}/zzz-scmguard".format(folder)
        assert machine.run(name, "6.6.1", "/boot/x").status == 0
        assert machine.run(name).status == 0
        assert machine.run("run-parts", "--exit-on-error", "--arg=6.6.1", "/etc/" + folder).status == 0
        machine.run("mv", "/usr/lib/scmguard/record", "/root/")
        assert machine.run(name, "6.6.1", "/boot/x").status == 0
        machine.run("mv", "/root/record", "/usr/lib/scmguard/")


def test_lintian_finds_no_error() -> None:
    if shutil.which("lintian") is None:
        pytest.skip("not installed: lintian")
    done = subprocess.run(["lintian", "--allow-root", built()], capture_output=True, text=True)
    assert [line for line in done.stdout.splitlines() if line[:2] in ("E:", "W:")] == [], done.stdout


def test_what_is_inside_is_what_is_named(tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", built(), str(tmp_path)], check=True)
    folders = sorted(os.listdir(tmp_path / "usr/lib/scmguard/lib"))
    assert [name for name in folders if not name.endswith(".dist-info")] == ["click", "lark", "ruamel", "scmguard"]
    with open(os.path.join(TOP, "debian", "vendor.txt"), encoding="ascii") as stream:
        wanted = sorted(line.split(" ")[0].replace("==", "-") for line in stream if "==" in line)
    assert sorted(name[: -len(".dist-info")] for name in folders if name.endswith(".dist-info")) == wanted
    assert [path for path in tmp_path.rglob("*") if path.suffix in (".pyc", ".so", ".pth")] == []
    for name in ("man1/scmguard.1.gz", "man5/scmguard.yaml.5.gz"):
        assert (tmp_path / "usr/share/man" / name).exists()
    for name in ("bash-completion/completions/scmguard", "zsh/vendor-completions/_scmguard"):
        assert "_SCMGUARD_COMPLETE" in (tmp_path / "usr/share" / name).read_text()
