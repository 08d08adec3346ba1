"""The reboot guard under a systemd that runs: a path unit that watches, and an inhibitor with the reason."""

import time
from typing import Callable

import pytest

from tests.machines import BOOT, FATAL, Machine, Maker, needs_machines
from tests.test_gate_apt import CONFIG
from tests.test_gate_debian import needs_archive

pytestmark = needs_machines


def wait(machine: Machine, what: Callable[[str], bool]) -> str:
    """Waits until the list of inhibitors is as it should be, and gives it."""
    end = time.monotonic() + 100
    while True:
        found = machine.run("systemd-inhibit", "--list", "--no-pager", "--no-legend").output
        if what(found) or time.monotonic() > end:
            # What happens in the moment in which a run ends is left to the timer.
            time.sleep(2)
            return found
        time.sleep(0.5)


@pytest.mark.core
@pytest.mark.parametrize("polkit", [True, False], ids=["polkit", "no-polkit"])
def test_shutdowns_are_held_back_while_the_next_boot_is_not_safe(maker: Maker, polkit: bool) -> None:
    if not polkit and maker.suite != "trixie":
        pytest.skip("polkit is asked from systemd 257 on")
    machine = maker.guarded()
    needs_archive(machine.run("apt-get", "update"))
    name = "polkitd" if maker.suite != "bullseye" else "policykit-1"
    packages = ["systemd-sysv", "dbus", "libpam-systemd"] + ([name] if polkit else [])
    needs_archive(machine.run("apt-get", "install", "-y", *packages, timeout=600))
    # The timer looks every minute; that is long for a test.
    soon = "[Timer]\nOnUnitInactiveSec=\nOnUnitInactiveSec=10s\nAccuracySec=1s\n"
    machine.write("etc/systemd/system/scmguard-watch.timer.d/soon.conf", soon)
    reason = machine.start_systemd()
    if reason:
        pytest.skip("no systemd runs here: {}".format(reason))
    units = machine.run("systemctl", "is-active", "scmguard-watch.path", "scmguard-boot.service").output.split()
    assert units == ["active", "active"]
    assert "scmguard" not in wait(machine, lambda found: True)

    machine.write(CONFIG, BOOT["config.txt"] + FATAL)
    found = wait(machine, lambda found: "scmguard" in found)
    assert "scmguard" in found and "shutdown" in found and "[device-tree-off]" in found, found
    # Before systemd 257 root is asked only where that is wanted, and before 248 never.
    words = {"bookworm": ["reboot", "--check-inhibitors=yes"], "trixie": ["reboot"] if polkit else []}
    if words.get(maker.suite):
        done = machine.watched("systemctl", *words[maker.suite])
        assert done.status != 0 and "device-tree-off" in done.output, done.output
        assert machine.is_up

    machine.write(CONFIG, BOOT["config.txt"])
    assert "scmguard" not in wait(machine, lambda found: "scmguard" not in found)

    # By a file that is renamed over it, as editors do.
    machine.write("boot/firmware/new", BOOT["config.txt"] + FATAL)
    machine.run("mv", "/boot/firmware/new", "/boot/firmware/config.txt")
    assert "scmguard" in wait(machine, lambda found: "scmguard" in found)
    machine.run("scmguard", "guard", "override", "--reason", "the card is in my hand")
    assert "scmguard" not in wait(machine, lambda found: "scmguard" not in found)
    machine.run("scmguard", "guard", "override", "--end")
    assert "scmguard" in wait(machine, lambda found: "scmguard" in found)

    done = machine.watched("systemctl", "reboot", "-i")
    end = time.monotonic() + 100
    while machine.is_up and time.monotonic() < end:
        time.sleep(0.5)
    assert not machine.is_up, done.output
