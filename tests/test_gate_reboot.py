"""Whether the next boot is safe, and who is told."""

import pytest

from tests.machines import BOOT, FATAL, FATAL_ON_SCM, Maker, needs_machines
from tests.test_gate_apt import CONFIG, events

pytestmark = needs_machines


@pytest.mark.core
def test_an_edit_by_hand_holds_the_reboot_back(maker: Maker) -> None:
    machine = maker.guarded()
    assert machine.run("scmguard", "guard", "reboot").status == 0
    machine.write(CONFIG, BOOT["config.txt"] + FATAL)
    done = machine.run("scmguard", "guard", "reboot")
    assert done.status == 10 and done.said[0].startswith("do not reboot: no-boot[device-tree-off]"), done.output
    assert machine.run("scmguard", "guard", "watch").status == 0
    assert machine.read("run/scmguard/unsafe").startswith("no-boot[device-tree-off]")
    motd = machine.run("/etc/update-motd.d/92-scmguard").output
    assert motd.startswith("DO NOT REBOOT: no-boot[device-tree-off]"), motd
    assert machine.run("/etc/molly-guard/run.d/20-scmguard", env={"MOLLYGUARD_CMD": "reboot"}).status == 1
    assert machine.run("/etc/molly-guard/run.d/20-scmguard", env={"MOLLYGUARD_CMD": "suspend"}).status == 0
    machine.write(CONFIG, BOOT["config.txt"])
    assert machine.run("scmguard", "guard", "watch").status == 0
    assert not machine.exists("run/scmguard/unsafe")
    assert machine.run("/etc/update-motd.d/92-scmguard").output == ""
    assert machine.run("/etc/molly-guard/run.d/20-scmguard", env={"MOLLYGUARD_CMD": "reboot"}).status == 0
    assert "unsafe" in [event["event"] for event in events(machine)]


def test_what_this_boot_began_with_does_not_hold_it_back(maker: Maker) -> None:
    machine = maker.guarded(profile="scm", config__txt=BOOT["config.txt"] + FATAL)
    assert machine.run("scmguard", "guard", "reboot").status == 10
    assert machine.run("scmguard", "guard", "boot").status == 0
    assert machine.run("scmguard", "guard", "reboot", "-q").output == ""
    machine.write(CONFIG, BOOT["config.txt"] + FATAL + FATAL_ON_SCM)
    done = machine.run("scmguard", "guard", "reboot")
    assert done.status == 10 and "[otg-mode-enabled]" in done.output, done.output


def test_an_override_lets_it_reboot(maker: Maker) -> None:
    machine = maker.guarded(config__txt=BOOT["config.txt"] + FATAL)
    assert machine.run("scmguard", "guard", "reboot").status == 10
    machine.run("scmguard", "guard", "override", "--reason", "I have the card in my hand")
    done = machine.run("scmguard", "guard", "reboot")
    assert done.status == 0 and "I have the card in my hand" in done.output
    machine.run("scmguard", "guard", "watch")
    assert not machine.exists("run/scmguard/unsafe")
    machine.run("scmguard", "guard", "override", "--end")
    assert machine.run("scmguard", "guard", "reboot").status == 10


def test_a_boot_closes_what_the_last_one_left_open(maker: Maker) -> None:
    machine = maker.guarded()
    entry = '{"id": "1", "begun": 1, "caller": "apt upgrade", "packages": [], "owner": [4000000, 5], "overridden": ""}'
    machine.write("var/lib/scmguard/gate/open/1.json", entry)
    machine.write("var/lib/scmguard/gate/open/2.json", "cut o")
    assert machine.run("scmguard", "guard", "boot").status == 0
    assert machine.run("ls", "/var/lib/scmguard/gate/open").output == ""
    assert [event["event"] for event in events(machine)] == ["stale", "stale"]
    status = machine.run("scmguard", "guard", "status").output
    assert "boot files: no fault" in status and "apt upgrade" in status, status


def test_status_and_watch_are_for_root_and_reboot_is_for_everybody(maker: Maker) -> None:
    machine = maker.guarded()
    other = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "scmguard", "guard")
    for word in ("status", "watch", "boot"):
        done = machine.run(*other, word)
        assert done.status == 3 and "is for root" in done.output, done.output
    assert machine.run(*other, "reboot").status == 0


@pytest.mark.core
def test_the_units_are_what_systemd_takes(maker: Maker) -> None:
    machine = maker.guarded()
    if machine.run("apt-get", "update").status or machine.run("apt-get", "install", "-y", "systemd").status:
        pytest.skip("systemd cannot be installed from here")
    units = ["scmguard-boot.service", "scmguard-watch.service", "scmguard-watch.path", "scmguard-watch.timer"]
    units.append("scmguard-inhibit.service")
    done = machine.run("systemd-analyze", "verify", "--man=no", *units)
    assert [line for line in done.output.splitlines() if "scmguard" in line] == [], done.output
    for unit, state in (("scmguard-boot.service", "enabled"), ("scmguard-watch.path", "enabled")):
        assert machine.run("systemctl", "is-enabled", unit).output.strip() == state
