"""The gate under the real apt: what is stopped beforehand, and what is not."""

import json
from typing import Any, List

import pytest

from tests.machines import BOOT, FATAL, FATAL_ON_SCM, Done, Machine, Maker, needs_machines

pytestmark = needs_machines

CONFIG = "boot/firmware/config.txt"


def install(machine: Machine, *debs: str) -> Done:
    """What somebody types in a terminal."""
    return machine.watched("apt-get", "install", "-y", "--allow-downgrades", *debs)


def events(machine: Machine) -> List[Any]:
    """What the log has."""
    return [json.loads(line) for line in machine.read("var/log/scmguard.log").splitlines()]


def assert_stopped(machine: Machine, done: Done, package: str, rule: str) -> None:
    """Nothing is unpacked, dpkg's database is whole, the reason stands last, and the log has it."""
    assert done.status == 100, done.output
    assert done.said[-1].startswith("vetoed: ") and "[{}]".format(rule) in done.said[-1], done.output
    assert machine.state(package) == "", done.output
    assert machine.audit() == ""
    assert machine.run("apt-get", "check").status == 0
    assert events(machine)[-1]["event"] == "veto"
    assert machine.run("ls", "/var/lib/scmguard/gate/open").output.strip() == "" or not machine.exists(
        "var/lib/scmguard/gate/open"
    )


def assert_quiet(done: Done, status: int = 0) -> None:
    """It went through, and scmguard said nothing."""
    assert done.status == status, done.output
    assert done.said == [], done.output


@pytest.mark.core
def test_a_package_that_has_nothing_to_do_with_booting_comes_and_goes_without_a_word(maker: Maker) -> None:
    machine = maker.guarded()
    assert_quiet(install(machine, machine.deb("plain", "1.0", {"usr/share/plain/a": "1"})))
    assert_quiet(install(machine, machine.deb("plain", "2.0", {"usr/share/plain/a": "2"})))
    assert_quiet(machine.run("apt-get", "remove", "-y", "plain"))
    assert_quiet(install(machine, "/root/plain_1.0_all.deb"))
    assert_quiet(machine.run("apt-get", "purge", "-y", "plain"))
    assert machine.read("var/log/scmguard.log") == ""
    assert machine.read(CONFIG) == BOOT["config.txt"]


@pytest.mark.core
def test_a_package_with_a_fatal_config_txt_is_stopped(maker: Maker) -> None:
    machine = maker.guarded()
    done = install(machine, machine.deb("bad", files={CONFIG: BOOT["config.txt"] + FATAL}))
    assert_stopped(machine, done, "bad", "device-tree-off")
    assert machine.read(CONFIG) == BOOT["config.txt"]
    assert_quiet(install(machine, machine.deb("plain", files={"usr/share/plain/a": "1"})))


@pytest.mark.core
def test_a_package_with_a_good_config_txt_goes_through(maker: Maker) -> None:
    machine = maker.guarded()
    done = install(machine, machine.deb("good", files={CONFIG: BOOT["config.txt"] + "# by a package\n"}))
    assert done.status == 0, done.output
    assert machine.read(CONFIG).endswith("# by a package\n")
    assert [event["event"] for event in events(machine)] == ["begin", "changed", "end"]
    names = machine.run("scmguard", "snapshot", "--list").output
    assert names.count("good") >= 2, names


@pytest.mark.core
def test_a_broken_initramfs_hook_is_stopped(maker: Maker) -> None:
    machine = maker.guarded(profile="scm")
    hook = {"etc/initramfs-tools/hooks/broken": "#!/bin/sh\nif true; then\n"}
    done = install(machine, machine.deb("hooked", files=hook, conffiles="/etc/initramfs-tools/hooks/broken\n"))
    assert_stopped(machine, done, "hooked", "hook-does-not-parse")
    fine = {"etc/initramfs-tools/hooks/fine": '#!/bin/sh\ncase "$1" in prereqs) exit 0;; esac\nexit 0\n'}
    assert install(machine, machine.deb("hooked", files=fine)).status == 0


@pytest.mark.core
def test_boot_packages_are_for_people_on_an_scm(maker: Maker) -> None:
    machine = maker.guarded(profile="scm")
    deb = machine.deb("linux-image-6.6.99-test", files={"boot/vmlinuz-6.6.99-test": "kernel\n"})
    done = machine.run("apt-get", "install", "-y", deb)
    assert_stopped(machine, done, "linux-image-6.6.99-test", "boot-package-unattended")
    assert "it has no terminal" in done.said[-1]
    assert install(machine, deb).status == 0
    assert machine.state("linux-image-6.6.99-test") == "ii"


def test_boot_packages_may_come_unattended_where_the_card_can_be_taken_out(maker: Maker) -> None:
    machine = maker.guarded(profile="pi4", config__txt="kernel=kernel8.img\n")
    deb = machine.deb("linux-image-6.6.99-test", files={"boot/vmlinuz-6.6.99-test": "kernel\n"})
    done = machine.run("apt-get", "install", "-y", deb)
    assert done.status == 0, done.output


def test_what_has_nothing_to_do_with_booting_may_come_unattended_on_an_scm(maker: Maker) -> None:
    machine = maker.guarded(profile="scm")
    done = machine.run("apt-get", "install", "-y", machine.deb("plain", files={"usr/share/plain/a": "1"}))
    assert_quiet(done)


@pytest.mark.core
def test_an_override_lets_one_transaction_through(maker: Maker) -> None:
    machine = maker.guarded()
    bad = machine.deb("bad", files={CONFIG: BOOT["config.txt"] + FATAL})
    assert install(machine, bad).status == 100
    done = machine.run("scmguard", "guard", "override", "--reason", "the bench unit", "--for", "1", "transaction")
    assert done.status == 0 and "the bench unit" in done.output, done.output
    # It waits for a transaction that would be stopped.
    assert_quiet(install(machine, machine.deb("plain", files={"usr/share/plain/a": "1"})))
    done = install(machine, bad)
    assert done.status == 0, done.output
    assert any("the bench unit" in line for line in done.said), done.output
    assert machine.read(CONFIG).endswith(FATAL)
    assert machine.run("scmguard", "guard", "status").output.splitlines()[2] == "override: none"
    assert [event["event"] for event in events(machine)].count("override") == 2
    # What is wrong by now is no reason to stop anything else, and its repair is not stopped.
    assert install(machine, machine.deb("plain", "2.0", files={"usr/share/plain/a": "2"})).status == 0
    assert install(machine, machine.deb("bad", "2.0", files={CONFIG: BOOT["config.txt"]})).status == 0
    worse = {CONFIG: BOOT["config.txt"] + FATAL}
    assert install(machine, machine.deb("bad", "3.0", files=worse)).status == 100


def test_an_override_needs_a_reason_and_a_time_to_come(maker: Maker) -> None:
    machine = maker.guarded()
    for words, said in (
        (["--for", "1"], "takes a reason"),
        (["--reason", " "], "takes a reason"),
        (["--reason", "x", "--until", "2001-01-01"], "is over already"),
        (["--reason", "x", "--until", "tomorrow"], "is no time such as"),
        (["--reason", "x", "--for", "0"], "--for"),
        (["--reason", "x", "transaction"], "comes after --for"),
    ):
        done = machine.run("scmguard", "guard", "override", *words)
        assert done.status == 2 and said in done.output, (words, done.output)
    assert not machine.exists("var/lib/scmguard/gate/override.json")
    done = machine.run("setpriv", "--reuid", "65534", "scmguard", "guard", "override", "--reason", "x")
    assert done.status == 3 and "is for root" in done.output


def test_an_override_until_a_time_holds_for_several_and_can_be_ended(maker: Maker) -> None:
    machine = maker.guarded()
    machine.run("scmguard", "guard", "override", "--reason", "a day in the lab", "--until", "2099-01-01T10:00")
    for version in ("1.0", "2.0"):
        text = BOOT["config.txt"] + FATAL + "# {}\n".format(version)
        machine.write(CONFIG, BOOT["config.txt"])
        assert install(machine, machine.deb("bad", version, files={CONFIG: text})).status == 0
    machine.write(CONFIG, BOOT["config.txt"])
    assert machine.run("scmguard", "guard", "override", "--end").status == 0
    text = BOOT["config.txt"] + FATAL
    assert install(machine, machine.deb("bad", "3.0", files={CONFIG: text})).status == 100


def test_what_is_broken_already_does_not_block_other_boot_packages(maker: Maker) -> None:
    machine = maker.guarded(config__txt=BOOT["config.txt"] + FATAL)
    deb = machine.deb("linux-image-6.6.99-test", files={"boot/vmlinuz-6.6.99-test": "kernel\n"})
    done = install(machine, deb)
    assert done.status == 0, done.output
    assert any(line.startswith("note: the boot files have faults already") for line in done.said)


def test_a_kernel_that_is_loaded_is_not_removed(maker: Maker) -> None:
    machine = maker.guarded()
    assert install(machine, machine.deb("pi-kernel", files={"boot/firmware/kernel8.img": "kernel\n"})).status == 0
    done = machine.run("apt-get", "remove", "-y", "pi-kernel")
    assert done.status == 100 and "[boot-file-missing]" in done.said[-1], done.output
    assert machine.exists("boot/firmware/kernel8.img") and machine.state("pi-kernel") == "ii"


def test_zkifc_is_not_removed_from_an_scm(maker: Maker) -> None:
    machine = maker.guarded(profile="scm")
    assert install(machine, machine.deb("zkifc", files={"usr/bin/zkifc": "x"})).status == 0
    done = machine.watched("apt-get", "autoremove", "--purge", "-y", "zkifc")
    assert done.status == 100 and "[needed-package-removed]" in done.said[-1], done.output
    assert machine.state("zkifc") == "ii"


def test_unattended_upgrades_does_not_come_onto_an_scm(maker: Maker) -> None:
    machine = maker.guarded(profile="scm")
    machine.deb("unattended-upgrades", "2.9")
    done = install(machine, "/root/unattended-upgrades_2.9_all.deb")
    assert_stopped(machine, done, "unattended-upgrades", "unattended-upgrades-installed")


def test_the_bootloader_of_an_scm_is_not_updated(maker: Maker) -> None:
    machine = maker.guarded(profile="scm")
    done = install(machine, machine.deb("rpi-eeprom", "24.0"))
    assert_stopped(machine, done, "rpi-eeprom", "bootloader-package-update")
    elsewhere = maker.guarded(profile="cm4")
    assert install(elsewhere, elsewhere.deb("rpi-eeprom", "24.0")).status == 0


def test_another_release_does_not_come_onto_a_locked_unit(maker: Maker) -> None:
    machine = maker.guarded(profile="scm")
    version = machine.run("dpkg-query", "-W", "-f", "${Version}", "base-files").output
    deb = machine.deb("base-files", "99.1", files={"etc/debian_version": "99.1\n"}, Essential="yes")
    done = install(machine, deb)
    assert done.status == 100 and "[release-upgrade-started]" in done.said[-1], done.output
    assert machine.run("dpkg-query", "-W", "-f", "${Version}", "base-files").output == version


def test_what_does_not_fit_on_the_boot_partition_is_stopped(maker: Maker) -> None:
    machine = maker.guarded(boot_kib=2048)
    big = "kernel\n" + "x" * 3_000_000
    done = install(machine, machine.deb("pi-kernel", files={"boot/firmware/kernel8.img": big}))
    assert_stopped(machine, done, "pi-kernel", "transaction-without-room")
    fits = maker.guarded(boot_kib=8192)
    assert install(fits, fits.deb("pi-kernel", files={"boot/firmware/kernel8.img": big})).status == 0


def test_a_configuration_file_that_somebody_edited_is_kept_and_stops_nothing(maker: Maker) -> None:
    machine = maker.guarded(profile="cm4")
    name = "etc/initramfs-tools/hooks/mine"
    machine.write("usr/sbin/mkinitramfs", "#!/bin/sh\n", 0o755)
    fine = '#!/bin/sh\ncase "$1" in prereqs) exit 0;; esac\nexit 0\n'
    list_ = "/" + name + "\n"
    assert install(machine, machine.deb("hooked", "1.0", files={name: fine}, conffiles=list_)).status == 0
    machine.write(name, fine + "# edited\n", 0o755)
    deb = machine.deb("hooked", "2.0", files={name: "#!/bin/sh\nif true; then\n"}, conffiles=list_)
    done = machine.run("apt-get", "-o", "Dpkg::Options::=--force-confold", "install", "-y", deb)
    assert done.status == 0, done.output
    assert machine.read(name).endswith("# edited\n")


@pytest.mark.core
def test_what_only_looks_is_not_looked_at(maker: Maker) -> None:
    machine = maker.guarded()
    bad = machine.deb("bad", files={CONFIG: BOOT["config.txt"] + FATAL})
    assert_quiet(machine.run("apt-get", "-s", "install", bad))
    assert_quiet(machine.run("apt-get", "-o", "Debug::pkgDPkgPM=1", "install", "-y", bad))
    assert_quiet(machine.run("apt-get", "clean"))
    assert_quiet(machine.run("apt-mark", "hold", "dpkg"))
    assert machine.read("var/log/scmguard.log") == ""


def test_without_boot_files_there_is_nothing_to_guard(maker: Maker) -> None:
    machine = maker.bare()
    done = machine.run("dpkg", "-i", maker.package(machine))
    assert_quiet(done)
    deb = machine.deb("linux-image-6.6.99-test", files={"boot/vmlinuz-6.6.99-test": "kernel\n"})
    assert_quiet(machine.run("apt-get", "install", "-y", deb))
    assert_quiet(machine.run("dpkg", "-P", "linux-image-6.6.99-test"))


def test_a_boot_partition_that_is_not_mounted_is_said_and_stops_nothing(maker: Maker) -> None:
    machine = maker.guarded()
    machine.write("etc/fstab", "/dev/mmcblk0p1 /boot/firmware vfat defaults 0 2\n")
    machine.run("sh", "-c", "rm -rf /boot/firmware/*")
    deb = machine.deb("linux-image-6.6.99-test", files={"boot/vmlinuz-6.6.99-test": "kernel\n"})
    done = install(machine, deb)
    assert done.status == 0 and any("it is not mounted, or empty" in line for line in done.said), done.output
    machine.write("etc/scmguard.yaml", "profile: cm4\nstrict: true\n")
    deb = machine.deb("linux-image-6.6.99-test", "2.0", files={"boot/vmlinuz-6.6.99-test": "kernel\n"})
    done = install(machine, deb)
    assert done.status == 100 and "strict: true" in done.said[-1], done.output


def test_waivers_hold_for_the_gate(maker: Maker) -> None:
    waiver = "waivers:\n  - rule: boot-package-unattended\n    reason: the deployment is watched in the lab\n"
    machine = maker.guarded(profile="scm", settings=waiver)
    deb = machine.deb("linux-image-6.6.99-test", files={"boot/vmlinuz-6.6.99-test": "kernel\n"})
    assert machine.run("apt-get", "install", "-y", deb).status == 0
    text = BOOT["config.txt"] + FATAL_ON_SCM
    assert machine.run("apt-get", "install", "-y", machine.deb("bad", files={CONFIG: text})).status == 100
