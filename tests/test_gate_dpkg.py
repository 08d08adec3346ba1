"""The gate under dpkg when it is called directly."""

import subprocess

import pytest

from tests.machines import BOOT, FATAL, Machine, Maker, needs_machines
from tests.test_gate_apt import CONFIG, assert_quiet, events

pytestmark = needs_machines

BAD = {CONFIG: BOOT["config.txt"] + FATAL}
GOOD = {CONFIG: BOOT["config.txt"] + "# by a package\n"}


def assert_refused(machine: Machine, *words: str) -> None:
    done = machine.watched("dpkg", *words)
    assert done.status == 2, done.output
    assert any(line.startswith("vetoed: ") for line in done.said), done.output
    assert machine.audit() == ""
    assert machine.read(CONFIG) == BOOT["config.txt"]


@pytest.mark.core
def test_a_fatal_package_is_refused_in_each_way_to_name_it(maker: Maker) -> None:
    machine = maker.guarded()
    path = machine.deb("bad", files=BAD)
    assert_refused(machine, "-i", path)
    assert_refused(machine, "--install", path)
    assert_refused(machine, "--unpack", path)
    assert_refused(machine, "-R", "-i", "/root")
    assert_refused(machine, "-iBE", path)
    assert_refused(machine, "--force-all", "-i", machine.deb("plain"), path)
    done = machine.run("sh", "-c", "cd /root && dpkg -i bad_1.0_all.deb")
    assert done.status == 2, done.output
    assert machine.state("bad") == "" and machine.state("plain") == ""


@pytest.mark.core
def test_good_packages_come_and_go(maker: Maker) -> None:
    machine = maker.guarded()
    assert machine.run("dpkg", "-i", machine.deb("good", files=GOOD)).status == 0
    assert machine.read(CONFIG).endswith("# by a package\n")
    assert_quiet(machine.run("dpkg", "-i", machine.deb("plain", files={"usr/share/plain/a": "1"})))
    assert_quiet(machine.run("dpkg", "-r", "plain"))
    assert_quiet(machine.run("dpkg", "-P", "plain"))
    assert [event["event"] for event in events(machine)] == ["begin", "changed", "end"]


@pytest.mark.core
def test_what_is_unpacked_can_always_be_configured(maker: Maker) -> None:
    machine = maker.guarded(settings="strict: true\n")
    machine.write("root/fails", "")
    script = "#!/bin/sh\n[ ! -e /root/fails ]\n"
    path = machine.deb("linux-image-6.6.99-test", files={"boot/vmlinuz-6.6.99-test": "k\n"}, postinst=script)
    assert machine.run("dpkg", "-i", path).status == 1
    assert machine.state("linux-image-6.6.99-test") == "iF"
    machine.run("rm", "/root/fails")
    # Neither faults, nor a gate that is broken, stand in the way.
    machine.write(CONFIG, BAD[CONFIG])
    machine.write("usr/lib/scmguard/hook.py", "raise SystemExit(10)\n")
    assert machine.run("dpkg", "--configure", "-a").status == 0
    assert machine.state("linux-image-6.6.99-test") == "ii"
    assert machine.run("dpkg", "--triggers-only", "-a").status == 0
    assert machine.run("dpkg", "--add-architecture", "armhf").status == 0
    assert machine.run("dpkg", "--remove-architecture", "armhf").status == 0


def test_removal_of_what_boots_is_refused(maker: Maker) -> None:
    machine = maker.guarded()
    path = machine.deb("pi-kernel", files={"boot/firmware/kernel8.img": "kernel\n"})
    assert machine.run("dpkg", "-i", path).status == 0
    for action in ("-r", "--remove", "-P", "--purge"):
        done = machine.run("dpkg", action, "pi-kernel")
        assert done.status == 2 and "[boot-file-missing]" in done.said[-1], done.output
    assert machine.exists("boot/firmware/kernel8.img")


def test_other_roots_and_dry_runs_are_none_of_its_business(maker: Maker) -> None:
    machine = maker.guarded()
    path = machine.deb("bad", files=BAD)
    assert_quiet(machine.run("dpkg", "--no-act", "-i", path))
    assert_quiet(machine.run("dpkg", "--dry-run", "-i", path))
    machine.run("mkdir", "-p", "/srv/other/var/lib/dpkg/info", "/srv/other/var/lib/dpkg/updates")
    machine.write("srv/other/var/lib/dpkg/status", "")
    done = machine.run("dpkg", "--root=/srv/other", "-i", path)
    assert done.status == 0 and done.said == [], done.output
    assert machine.read("srv/other/" + CONFIG) == BAD[CONFIG]


def test_questions_run_no_hook(maker: Maker) -> None:
    machine = maker.guarded()
    for words in (["-l"], ["-s", "dpkg"], ["--audit"], ["-V", "dpkg"], ["--print-architecture"]):
        assert machine.run("dpkg", *words).said == []
    assert_quiet(machine.run("dpkg-deb", "-c", machine.deb("plain")))


def test_a_broken_archive_is_dpkgs_business(maker: Maker) -> None:
    machine = maker.guarded()
    path = machine.deb("good", files=GOOD)
    data = (machine.root / path[1:]).read_bytes()
    (machine.root / "root/cut.deb").write_bytes(data[: len(data) // 2])
    done = machine.run("dpkg", "-i", "/root/cut.deb")
    assert done.status == 1, done.output
    assert any("cannot be read" in line for line in done.said), done.output
    assert machine.read(CONFIG) == BOOT["config.txt"]
    assert machine.run("dpkg", "-i", "/root/missing.deb").status in (1, 2)


def test_two_runs_at_once_end_both(maker: Maker) -> None:
    machine = maker.guarded()
    slow = machine.deb("slow", files=GOOD, preinst="#!/bin/sh\nsleep 3\n")
    other = machine.deb("other", files={"boot/firmware/other.txt": "x\n"})
    first = subprocess.Popen(machine.command("dpkg", "-i", slow), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        second = machine.run("dpkg", "-i", other)
    finally:
        output, _ = first.communicate(timeout=120)
    # dpkg has a lock of its own; whoever lost may try again.
    assert first.returncode == 0, output
    assert second.status in (0, 2), second.output
    assert machine.run("dpkg", "-i", other).status == 0
    assert machine.audit() == ""
    assert machine.run("sh", "-c", "ls /var/lib/scmguard/gate/open").output == ""
    assert machine.read(CONFIG) == GOOD[CONFIG]


def test_twenty_calls_cost_one_check_at_most(maker: Maker) -> None:
    machine = maker.guarded()
    machine.run("sleep", "3.5")
    machine.run("dpkg", "-i", machine.deb("plain", "0"))
    paths = [machine.deb("plain", str(number + 1), {"usr/share/plain/a": str(number)}) for number in range(20)]
    # No check can be made from then on.
    machine.write("usr/lib/scmguard/lib/scmguard/_data/compiled/rules.json", "damaged")
    for path in paths:
        assert_quiet(machine.run("dpkg", "-i", path))
    done = machine.run("dpkg", "-i", machine.deb("good", files=GOOD))
    assert done.status == 0 and any("unchecked" in line for line in done.said), done.output


@pytest.mark.core
def test_under_apt_dpkgs_own_hooks_stay_away(maker: Maker) -> None:
    machine = maker.guarded()
    machine.write("usr/lib/scmguard/apt-hook", '#!/bin/sh\necho "$1" >>/root/stages\n', 0o755)
    assert machine.run("apt-get", "install", "-y", machine.deb("plain")).status == 0
    assert machine.read("root/stages") == "pre\npost\n"
    assert machine.run("dpkg", "-i", machine.deb("plain", "2.0")).status == 0
    assert machine.read("root/stages") == "pre\npost\ndpkgpre\ndpkgpost\n"
