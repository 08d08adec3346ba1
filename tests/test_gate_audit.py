"""The gate where something is in its way: nobody to listen, a state folder that is no good, a kill at a bad moment."""

import os
import time

import pytest

from tests.machines import BOOT, FATAL, Machine, Maker, needs_machines
from tests.test_gate_after import appends
from tests.test_gate_apt import CONFIG, assert_stopped, install
from tests.test_gate_debian import needs_archive

pytestmark = needs_machines

BAD = {CONFIG: BOOT["config.txt"] + FATAL}


def breaks(machine: Machine) -> str:
    """A package that has nothing to do with booting, but for its script."""
    return machine.deb("breaks", files={"usr/share/breaks/a": "1"}, postinst=appends(FATAL))


def test_a_veto_holds_where_nobody_can_hear_it(maker: Maker) -> None:
    machine = maker.guarded()
    bad = machine.deb("bad", files=BAD)
    for command in ("apt-get install -y", "dpkg -i"):
        done = machine.run("sh", "-c", "{} {} 2>/dev/full".format(command, bad))
        assert done.status != 0 and machine.state("bad") == "", done.output


def test_what_a_script_broke_is_put_back_where_nobody_can_hear_it(maker: Maker) -> None:
    machine = maker.guarded()
    assert machine.run("sh", "-c", "apt-get install -y {} 2>/dev/full".format(breaks(machine))).status == 0
    assert machine.state("breaks") == "ii" and machine.read(CONFIG) == BOOT["config.txt"]


def test_a_terminal_that_stops_who_writes_in_the_background_does_not_stop_the_hook(maker: Maker) -> None:
    machine = maker.guarded()
    bad = machine.deb("bad", files=BAD)
    done = machine.watched("sh", "-c", "stty tostop; exec apt-get install -y " + bad, timeout=60)
    assert_stopped(machine, done, "bad", "device-tree-off")


@pytest.mark.parametrize("action", ["--configure", "--triggers-only"])
def test_what_somebody_edited_is_not_undone_by_dpkgs_ways_out(maker: Maker, action: str) -> None:
    machine = maker.guarded()
    machine.write(CONFIG, BOOT["config.txt"] + FATAL)
    assert machine.run("dpkg", action, "-a").status == 0
    assert machine.read(CONFIG) == BOOT["config.txt"] + FATAL


@pytest.mark.parametrize("action", ["--configure", "--triggers-only"])
def test_dpkgs_ways_out_are_open_whatever_is_broken(maker: Maker, action: str) -> None:
    machine = maker.guarded(settings="strict: true\n")
    machine.write(CONFIG, BOOT["config.txt"] + "# edited\n")
    machine.write("usr/lib/scmguard/hook.py", "raise SystemExit(10)\n")
    assert machine.run("dpkg", action, "-a").status == 0


STATE = "/var/lib/scmguard"


@pytest.mark.parametrize(
    "damage",
    [
        "mount -o bind,ro {0} {0}; mount -o remount,bind,ro {0}",
        "mount -t tmpfs -o size=40k none {0}; cat /dev/zero >{0}/zero; true",
        "rm -r {0}; touch {0}",
        "rm -r {0}/gate; ln -s /nowhere/at/all {0}/gate",
        "rm -rf {0}/gate/lock; mkdir {0}/gate/lock",
        "rm -rf {0}/gate/open; touch {0}/gate/open",
        "rm -rf {0}/gate/state; mkdir {0}/gate/state",
        "rm -rf {0}/snapshots; touch {0}/snapshots",
        "rm -rf {0}/objects; ln -s loop {0}/objects; ln -s objects {0}/loop",
    ],
)
def test_a_state_folder_that_is_no_good_takes_no_verdict_away(maker: Maker, damage: str) -> None:
    machine = maker.guarded()
    machine.write(CONFIG, BOOT["config.txt"] + "# edited\n")
    assert machine.run("sh", "-c", damage.format(STATE)).status == 0
    done = install(machine, machine.deb("bad", files=BAD))
    assert done.status == 100 and "[device-tree-off]" in done.said[-1], done.output
    assert machine.state("bad") == "" and machine.read(CONFIG) == BOOT["config.txt"] + "# edited\n"
    done = install(machine, machine.deb("plain", files={"usr/share/plain/a": "1"}))
    assert done.status == 0 and machine.state("plain") == "ii", done.output


@pytest.mark.parametrize(
    "name", ["gate/state", "gate/override.json", "gate/open/x.json", "gate/booted", "gate/lock", "ledger.json"]
)
def test_what_nobody_writes_to_is_not_waited_for(maker: Maker, name: str) -> None:
    machine = maker.guarded()
    pipe = "rm -f {0}; mkdir -p $(dirname {0}); mkfifo {0}".format("{}/{}".format(STATE, name))
    assert machine.run("sh", "-c", pipe).status == 0
    bad = machine.deb("bad", files=BAD)
    for words in (["apt-get", "install", "-y", bad], ["dpkg", "-i", bad]):
        assert machine.run(*words, timeout=60).status != 0
        assert machine.state("bad") == ""
    assert machine.run("scmguard", "guard", "status", timeout=60).status == 0
    assert machine.run("scmguard", "guard", "reboot", timeout=60).status == 0


@pytest.mark.parametrize("is_boot_package", [False, True])
def test_what_a_kill_kept_from_being_put_back_is_put_back_by_the_next_run(maker: Maker, is_boot_package: bool) -> None:
    machine = maker.guarded()
    stop = "import os, signal, scmguard.gate.after as a\na.put_back = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    hook = machine.read("usr/lib/scmguard/hook.py")
    machine.write("usr/lib/scmguard/hook.py", hook.replace("from scmguard", stop + "from scmguard", 1))
    package = breaks(machine)
    if is_boot_package:
        package = machine.deb("breaks", files={"boot/other": "1"}, postinst=appends(FATAL))
    done = machine.run("apt-get", "install", "-y", package)
    assert done.status == 0 and machine.read(CONFIG) == BOOT["config.txt"] + FATAL, done.output
    machine.write("usr/lib/scmguard/hook.py", hook)
    # Until what was seen of the files can be relied on.
    time.sleep(4)
    done = machine.run("apt-get", "install", "-y", machine.deb("plain", files={"usr/share/plain/a": "1"}))
    assert done.status == 0 and "config.txt was put back" in done.output, done.output
    assert machine.read(CONFIG) == BOOT["config.txt"]
    assert machine.run("ls", "/var/lib/scmguard/gate/open").output == ""


def test_names_from_the_boot_partition_reach_no_terminal_as_they_are(maker: Maker) -> None:
    machine = maker.guarded()
    name = os.fsdecode(b"boot/firmware/red\x1b[31m\xff")
    machine.write(name, "1")
    assert machine.run("scmguard", "snapshot").status == 0
    (machine.root / name).unlink()
    for words in (["--dry-run"], []):
        done = machine.run("scmguard", "restore", *words)
        assert done.status == 0 and "\x1b" not in done.output and "red\\x1b[31m\\xff: " in done.output, done.output


def test_the_hook_takes_nothing_from_its_callers_environment(maker: Maker) -> None:
    machine = maker.guarded()
    hook = machine.read("usr/lib/scmguard/hook.py")
    machine.write(
        "usr/lib/scmguard/hook.py", "import os\nopen('/root/env', 'w').write(repr(dict(os.environ)))\n" + hook
    )
    plain = machine.deb("plain", files={"usr/share/plain/a": "1"})
    odd = {"LD_LIBRARY_PATH": "/odd", "PYTHONPATH": "/odd", "TMPDIR": "/odd", "BASH_ENV": "/odd"}
    assert machine.run("apt-get", "install", "-y", plain, env=odd).status == 0
    assert "odd" not in machine.read("root/env") and "PATH" in machine.read("root/env")
    assert machine.run("dpkg", "-P", "plain", env=odd).status == 0
    assert "odd" not in machine.read("root/env") and "'DPKG_HOOK_ACTION': 'purge'" in machine.read("root/env")


def foreign(machine: Machine, package: str, architecture: str) -> str:
    """A package with kernel8.img that may be there for several architectures."""
    machine.deb(package, files={"boot/firmware/kernel8.img": BOOT["kernel8.img"]})
    control = "root/build/{}/DEBIAN/control".format(package)
    fields = "Architecture: {}\nMulti-Arch: same\n".format(architecture)
    machine.write(control, machine.read(control).replace("Architecture: all\n", fields))
    path = "/root/{}_{}.deb".format(package, architecture)
    assert machine.run("dpkg-deb", "--build", "/root/build/" + package, path).status == 0
    return path


def test_what_another_architecture_of_a_package_keeps_is_not_taken_away(maker: Maker) -> None:
    machine = maker.guarded()
    own = machine.run("dpkg", "--print-architecture").output.strip()
    other = "arm64" if own != "arm64" else "amd64"
    assert machine.run("dpkg", "--add-architecture", other).status == 0
    for architecture in (own, other):
        assert machine.run("dpkg", "-i", foreign(machine, "shared", architecture)).status == 0
    done = machine.watched("dpkg", "-r", "shared:" + other)
    assert done.status == 0 and done.said == [], done.output
    done = machine.watched("dpkg", "-r", "shared")
    assert done.status == 2 and "[boot-file-missing]" in done.said[-1], done.output
    assert machine.run("dpkg", "-i", "/root/shared_{}.deb".format(other)).status == 0
    done = machine.watched("apt-get", "remove", "-y", "shared:" + other)
    assert done.status == 0 and done.said == [], done.output
    assert machine.run("dpkg", "-i", "/root/shared_{}.deb".format(other)).status == 0
    done = machine.watched("dpkg", "-r", "shared:" + own, "shared:" + other)
    assert done.status == 2 and "[boot-file-missing]" in done.said[-1], done.output


@pytest.mark.parametrize("option", ["--root", "--instdir"])
def test_what_apt_has_dpkg_do_elsewhere_is_not_looked_at(maker: Maker, option: str) -> None:
    machine = maker.guarded()
    assert machine.run("mkdir", "-p", "/x/var/lib/dpkg/info", "/x/var/lib/dpkg/updates").status == 0
    machine.write("x/var/lib/dpkg/status", "")
    bad = machine.deb("bad", files=BAD)
    done = machine.run("apt-get", "install", "-y", "-o", "DPkg::Options::={}=/x".format(option), bad)
    assert done.said == [] and machine.read(CONFIG) == BOOT["config.txt"], done.output
    assert machine.exists("x/" + CONFIG)


def test_strict_stops_an_archive_that_cannot_be_read(maker: Maker) -> None:
    machine = maker.guarded()
    data = (machine.root / machine.deb("plain", files={"usr/share/plain/a": "1"})[1:]).read_bytes()
    (machine.root / "root/cut.deb").write_bytes(data[:-40])
    done = machine.run("dpkg", "-i", "/root/cut.deb")
    assert done.status == 1 and "goes on unchecked" in done.said[-1], done.output
    machine.write("etc/scmguard.yaml", "profile: cm4\nstrict: True\n")
    done = machine.run("dpkg", "-i", "/root/cut.deb")
    assert done.status == 2 and "strict: true" in done.said[-1], done.output


def test_a_hook_may_come_with_the_program_that_it_copies(maker: Maker) -> None:
    machine = maker.guarded("scm")
    needs_archive(machine.run("apt-get", "update"))
    done = machine.watched("apt-get", "install", "-y", "initramfs-tools")
    assert done.status == 0 and done.said == [], done.output
    hook = "#!/bin/sh\n. /usr/share/initramfs-tools/hook-functions\ncopy_exec /usr/sbin/{}\n"
    place = "etc/initramfs-tools/hooks/{}"
    tool = machine.deb("tool", files={"usr/sbin/tool": "#!/bin/sh\n"})
    hooks = machine.deb("hooks", files={place.format("tool"): hook.format("tool")}, Depends="tool")
    both = machine.deb("both", files={place.format("own"): hook.format("own"), "usr/sbin/own": "#!/bin/sh\n"})
    lacks = machine.deb("lacks", files={place.format("no"): hook.format("no")})
    for debs in ([tool, hooks], [both]):
        done = install(machine, *debs)
        assert done.status == 0 and done.said == [], done.output
    done = install(machine, lacks)
    assert done.status == 100 and "[hook-copies-missing-file]" in done.said[-1], done.output
