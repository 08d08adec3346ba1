"""The gate under Debian's own packages: a kernel, unattended-upgrades, and an upgrade to the next release.

They take the Debian archive that apt is set up for.
"""

import hashlib
import os

import pytest

from tests.machines import BOOT, Done, Machine, Maker, needs_machines
from tests.test_gate_apt import CONFIG, events
from tests.test_gate_package import assert_works

pytestmark = needs_machines


def needs_archive(done: Done) -> None:
    if done.status:
        pytest.skip("the Debian archive cannot be reached: {}".format(done.output[-200:]))


@pytest.mark.core
def test_a_kernel_and_its_initramfs_come_go_and_are_made_anew(maker: Maker) -> None:
    machine = maker.guarded(boot_kib=200_000)
    needs_archive(machine.run("apt-get", "update"))
    done = machine.watched("apt-get", "install", "-y", "initramfs-tools", "linux-image-cloud-amd64", timeout=900)
    assert done.status == 0 and done.said == [], done.output[-3000:]
    for words in (["update-initramfs", "-u"], ["apt-get", "install", "-y", "busybox"]):
        done = machine.watched(*words)
        assert done.status == 0 and done.said == [], done.output
    assert machine.run("scmguard", "check", "-q").status == 0
    done = machine.watched("sh", "-c", "apt-get purge -y 'linux-image-*'", env={"DEBIAN_FRONTEND": "noninteractive"})
    assert done.status == 0, done.output
    assert not any("could not" in line for line in done.said), done.output


def repository(machine: Machine, *debs: str) -> None:
    """Makes apt find packages, as those of an archive whose origin is Test."""
    stanzas = []
    for deb in debs:
        path = str(machine.root) + deb
        with open(path, "rb") as stream:
            data = stream.read()
        fields = machine.run("dpkg-deb", "-f", deb).output.strip()
        place = "Filename: ./{}\nSize: {}\nSHA256: {}\n"
        name = os.path.basename(deb)
        machine.run("mkdir", "-p", "/srv/test")
        machine.run("cp", deb, "/srv/test/" + name)
        stanzas.append(fields + "\n" + place.format(name, len(data), hashlib.sha256(data).hexdigest()))
    packages = "\n".join(stanzas)
    machine.write("srv/test/Packages", packages)
    release = "Origin: Test\nLabel: Test\nSuite: test\nCodename: test\nSHA256:\n {} {} Packages\n"
    machine.write(
        "srv/test/Release", release.format(hashlib.sha256(packages.encode()).hexdigest(), len(packages.encode()))
    )
    machine.write("etc/apt/sources.list.d/test.list", "deb [trusted=yes] file:/srv/test ./\n")


@pytest.mark.core
def test_unattended_upgrade_upgrades_what_has_nothing_to_do_with_booting(maker: Maker) -> None:
    machine = maker.guarded()
    needs_archive(machine.run("apt-get", "update"))
    needs_archive(machine.run("apt-get", "install", "-y", "unattended-upgrades", timeout=600))
    machine.write("etc/scmguard.yaml", "profile: scm\n")
    kernel = {"boot/vmlinuz-6.6.99-test": "1\n"}
    for deb in (machine.deb("plain", "1.0"), machine.deb("linux-image-6.6.99-test", "1.0", kernel)):
        assert machine.watched("dpkg", "-i", deb).status == 0
    newer = {"boot/vmlinuz-6.6.99-test": "2\n"}
    repository(machine, machine.deb("plain", "2.0"), machine.deb("linux-image-6.6.99-test", "2.0", newer))
    assert machine.run("apt-get", "update").status == 0
    config = 'Unattended-Upgrade::Origins-Pattern:: "origin=Test";\nUnattended-Upgrade::Package-Blacklist {};\n'
    machine.write("etc/apt/apt.conf.d/99test", "#clear Unattended-Upgrade::Origins-Pattern;\n" + config)
    done = machine.run("unattended-upgrade", "-v", timeout=600)
    # It gives up at the first package that is stopped, so that boot packages have to be on its list of exceptions.
    assert machine.state("linux-image-6.6.99-test") == "ii" and machine.read("boot/vmlinuz-6.6.99-test") == "1\n"
    config = config.replace("Blacklist {}", 'Blacklist:: "linux-"')
    machine.write("etc/apt/apt.conf.d/99test", "#clear Unattended-Upgrade::Origins-Pattern;\n" + config)
    done = machine.run("unattended-upgrade", "-v", timeout=600)
    versions = machine.run(
        "dpkg-query", "-W", "-f", "${Package} ${Version}\n", "plain", "linux-image-6.6.99-test"
    ).output
    assert versions == "linux-image-6.6.99-test 1.0\nplain 2.0\n", done.output
    assert machine.audit() == ""
    vetoes = [event for event in events(machine) if event["event"] == "veto"]
    assert len(vetoes) == 1 and "unattended-upgrade runs it" in vetoes[0]["message"], events(machine)
    # Somebody who watches gets it.
    assert machine.watched("apt-get", "-y", "dist-upgrade").status == 0
    assert machine.read("boot/vmlinuz-6.6.99-test") == "2\n"


def test_the_next_release_comes_with_the_gate_at_work(makers: object, request: pytest.FixtureRequest) -> None:
    from tests.machines import SUITES

    if "bullseye" not in SUITES:
        pytest.skip("SCMGUARD_SUITES has no bullseye")
    from pathlib import Path

    maker = Maker("bullseye", request.getfixturevalue("tmp_path"))
    assert isinstance(request.getfixturevalue("tmp_path"), Path)
    try:
        upgrade(maker)
    finally:
        maker.close()


def upgrade(maker: Maker) -> None:
    machine = maker.guarded()
    machine.run("sed", "-i", "s/bullseye/bookworm/g", "/etc/apt/sources.list")
    needs_archive(machine.run("apt-get", "update"))
    options = ["-o", "Dpkg::Options::=--force-confold"]
    done = machine.watched("apt-get", "-y", *options, "dist-upgrade", timeout=1500)
    assert done.status == 0, done.output[-3000:]
    assert [line for line in done.said if "could not" in line or "error" in line] == [], done.output
    assert machine.run("dpkg-query", "-W", "-f", "${Version}", "base-files").output.startswith("12")
    assert machine.audit() == ""
    assert machine.read(CONFIG) == BOOT["config.txt"]
    assert machine.run("scmguard", "check", "-q").status == 0
    assert machine.run("sh", "-c", "ls /var/lib/scmguard/gate/open").output == ""
    assert_works(machine)
