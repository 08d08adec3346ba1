"""After a transaction: what made it worse is put back, and nothing else."""

import random

import pytest

from scmguard.initrd.writer import Item, image
from tests.machines import BOOT, FATAL, FATAL_ON_SCM, Maker, needs_machines
from tests.test_gate_apt import CONFIG, assert_quiet, events, install

pytestmark = needs_machines

SCRIPT = "#!/bin/sh\nset -e\n"


def appends(text: str, name: str = "config.txt") -> str:
    return SCRIPT + "printf '%s' '{}' >>/boot/firmware/{}\n".format(text, name)


@pytest.mark.core
def test_a_maintainer_script_that_breaks_config_txt_is_undone(maker: Maker) -> None:
    machine = maker.guarded()
    done = install(machine, machine.deb("meddles", postinst=appends(FATAL)))
    assert done.status == 0, done.output
    assert machine.read(CONFIG) == BOOT["config.txt"]
    assert any(line.startswith("config.txt was put back as it was before") for line in done.said), done.output
    assert done.said[-1].startswith("as good as before again"), done.output
    assert "restore" in [event["event"] for event in events(machine)]
    # What was there is kept, and can be had.
    name = done.said[-1].split()[-2]
    assert machine.run("scmguard", "restore", name, "config.txt").status == 0
    assert machine.read(CONFIG) == BOOT["config.txt"] + FATAL


@pytest.mark.core
def test_only_what_made_it_worse_is_put_back(maker: Maker) -> None:
    machine = maker.guarded(profile="scm")
    script = appends(FATAL_ON_SCM) + appends("# harmless\n", "cmdline2.txt") + appends("x\n", "kernel8.img")
    done = install(machine, machine.deb("meddles", postinst=script))
    assert done.status == 0, done.output
    assert machine.read(CONFIG) == BOOT["config.txt"]
    assert machine.read("boot/firmware/cmdline2.txt") == "# harmless\n"
    assert machine.read("boot/firmware/kernel8.img") == BOOT["kernel8.img"] + "x\n"


@pytest.mark.core
def test_a_harmless_script_is_left_alone(maker: Maker) -> None:
    machine = maker.guarded()
    done = install(machine, machine.deb("fan", postinst=appends("dtoverlay=gpio-fan,gpiopin=14\n")))
    assert_quiet(done)
    assert machine.read(CONFIG).endswith("gpiopin=14\n")
    assert_quiet(install(machine, machine.deb("plain")))


def test_a_script_that_takes_a_needed_file_away_is_undone(maker: Maker) -> None:
    machine = maker.guarded()
    done = install(machine, machine.deb("cleans", postinst=SCRIPT + "rm /boot/firmware/kernel8.img\n"))
    assert done.status == 0, done.output
    assert machine.read("boot/firmware/kernel8.img") == BOOT["kernel8.img"]


def test_a_new_file_that_makes_it_worse_is_taken_away(maker: Maker) -> None:
    machine = maker.guarded(config__txt=BOOT["config.txt"] + "include extra.txt\n")
    done = install(machine, machine.deb("trial", postinst=appends(FATAL, "extra.txt")))
    assert done.status == 0, done.output
    assert any(line.startswith("extra.txt was taken away") for line in done.said), done.output
    assert not machine.exists("boot/firmware/extra.txt")


def test_it_holds_under_dpkg_alone(maker: Maker) -> None:
    machine = maker.guarded()
    done = machine.run("dpkg", "-i", machine.deb("meddles", postinst=appends(FATAL)))
    assert done.status == 0, done.output
    assert machine.read(CONFIG) == BOOT["config.txt"]


def test_it_holds_where_the_script_fails_afterwards(maker: Maker) -> None:
    machine = maker.guarded()
    done = install(machine, machine.deb("meddles", postinst=appends(FATAL) + "exit 1\n"))
    assert done.status == 100, done.output
    assert machine.read(CONFIG) == BOOT["config.txt"]
    assert machine.state("meddles") == "iF"
    machine.write("var/lib/dpkg/info/meddles.postinst", "#!/bin/sh\n", 0o755)
    assert machine.run("dpkg", "--configure", "-a").status == 0


def test_it_holds_for_configuring_what_was_unpacked(maker: Maker) -> None:
    machine = maker.guarded()
    path = machine.deb("meddles", postinst=appends(FATAL))
    assert machine.run("dpkg", "--unpack", path).status == 0
    done = machine.run("dpkg", "--configure", "meddles")
    assert done.status == 0, done.output
    assert machine.read(CONFIG) == BOOT["config.txt"], done.output


def test_it_holds_for_a_removal(maker: Maker) -> None:
    machine = maker.guarded()
    assert install(machine, machine.deb("leaves", postrm=appends(FATAL))).status == 0
    done = machine.run("apt-get", "remove", "-y", "leaves")
    assert done.status == 0 and machine.read(CONFIG) == BOOT["config.txt"], done.output


def test_what_somebody_edited_before_is_not_undone(maker: Maker) -> None:
    machine = maker.guarded()
    machine.write(CONFIG, BOOT["config.txt"] + "# by hand\n")
    done = install(machine, machine.deb("meddles", postinst=appends(FATAL)))
    assert done.status == 0 and machine.read(CONFIG) == BOOT["config.txt"] + "# by hand\n", done.output


def test_what_was_broken_before_is_not_touched(maker: Maker) -> None:
    machine = maker.guarded()
    machine.write(CONFIG, BOOT["config.txt"] + FATAL)
    done = install(machine, machine.deb("fan", postinst=appends("dtoverlay=gpio-fan,gpiopin=14\n")))
    assert done.status == 0, done.output
    assert machine.read(CONFIG) == BOOT["config.txt"] + FATAL + "dtoverlay=gpio-fan,gpiopin=14\n"
    repair = SCRIPT + "cp /root/good /boot/firmware/config.txt\n"
    machine.write("root/good", BOOT["config.txt"])
    done = install(machine, machine.deb("repairs", postinst=repair))
    assert [line[:4] for line in done.said] == ["note"], done.output
    assert machine.read(CONFIG) == BOOT["config.txt"]


def test_what_files_cannot_cure_is_said(maker: Maker) -> None:
    machine = maker.guarded(profile="scm")
    script = (
        SCRIPT
        + "mkdir -p /etc/initramfs-tools/hooks; printf '#!/bin/sh\\nif true; then\\n' >/etc/initramfs-tools/hooks/x"
    )
    done = install(machine, machine.deb("hooked", postinst=script + "\nchmod 755 /etc/initramfs-tools/hooks/x\n"))
    assert done.status == 0, done.output
    assert done.said[-1].startswith("the unit may not boot: brick[hook-does-not-parse]"), done.output
    assert events(machine)[-1]["event"] == "broken"


def test_a_supervised_file_that_changed_wants_a_seal(maker: Maker) -> None:
    machine = maker.guarded(profile="scm")
    done = install(machine, machine.deb("fan", postinst=appends("dtoverlay=gpio-fan,gpiopin=14\n")))
    assert done.status == 0, done.output
    assert done.said == ["config.txt changed and is supervised: run `scmguard seal` before the next boot"], done.output
    done = install(machine, machine.deb("other", postinst=appends("x\n", "notes.txt")))
    assert_quiet(done)


def booted_image(seed: int, size: int) -> bytes:
    """An initramfs image that is whole, and does not get smaller by packing."""
    data = random.Random(seed).randbytes(size)
    return image([Item("init", b"#!/bin/sh\n", 0o755), Item("usr/lib/blob", data)])


@pytest.mark.core
def test_an_image_that_a_plain_copy_cut_off_on_a_full_partition_is_put_back(maker: Maker) -> None:
    config = BOOT["config.txt"] + "initramfs initrd.img followkernel\n"
    machine = maker.guarded(profile="scm", boot_kib=4096, config__txt=config)
    old = booted_image(1, 1_500_000)
    (machine.root / "boot/firmware/initrd.img").write_bytes(old)
    (machine.root / "root/new.img").write_bytes(booted_image(2, 2_500_000))
    machine.run("scmguard", "snapshot")
    script = "#!/bin/sh\nhead -c 2000000 /dev/zero >/boot/firmware/filler\n"
    script += "cp /root/new.img /boot/firmware/initrd.img\nexit 0\n"
    done = install(machine, machine.deb("copies", postinst=script))
    assert "No space left on device" in done.output
    assert (machine.root / "boot/firmware/initrd.img").read_bytes() == old, done.output
    assert any(line.startswith("initrd.img was put back") for line in done.said), done.output
    assert machine.exists("boot/firmware/filler")
    assert [name for name in machine.run("ls", "-A", "/boot/firmware").output.split() if name.startswith(".")] == []


def test_a_state_folder_without_room_loses_nothing(maker: Maker) -> None:
    machine = maker.guarded()
    machine.run("sh", "-c", "mount -t tmpfs -o size=1m none /var/lib/scmguard")
    done = install(machine, machine.deb("meddles", postinst=appends(FATAL)))
    assert done.status == 0, done.output
    # Small files are kept even then.
    assert machine.read(CONFIG) == BOOT["config.txt"], done.output


def test_snapshots_are_listed_and_restored_by_hand(maker: Maker) -> None:
    machine = maker.guarded()
    name = machine.run("scmguard", "snapshot", "--reason", "before my edit").output.split(":")[0]
    machine.write(CONFIG, BOOT["config.txt"] + "# mine\n")
    machine.write("boot/firmware/new.txt", "x\n")
    done = machine.run("scmguard", "restore", "--dry-run")
    assert done.output == "config.txt: to put back\n", done.output
    assert machine.read(CONFIG).endswith("# mine\n")
    done = machine.run("scmguard", "restore", name)
    assert done.status == 0 and "config.txt: put back" in done.output, done.output
    assert machine.read(CONFIG) == BOOT["config.txt"] and machine.exists("boot/firmware/new.txt")
    assert "nothing to do" in machine.run("scmguard", "restore", name).output
    assert machine.run("scmguard", "restore", name, "new.txt").output.startswith("new.txt: taken away")
    for words, status in ((["restore", "nothing"], 2), (["restore", name, "nothing.txt"], 2), (["restore", "../x"], 2)):
        assert machine.run("scmguard", *words).status == status
    done = machine.run("setpriv", "--reuid", "65534", "scmguard", "snapshot", "--list")
    assert done.status == 3 and "for root" in done.output


def test_a_damaged_snapshot_is_said_and_not_restored(maker: Maker) -> None:
    machine = maker.guarded()
    machine.run("sleep", "3.5")
    machine.run("scmguard", "snapshot")
    # Whatever looks at the files before would mend it.
    machine.run("sh", "-c", "for f in /var/lib/scmguard/objects/*/*; do echo damage >>$f; done")
    done = install(machine, machine.deb("meddles", postinst=appends(FATAL)))
    assert done.status == 0 and any("is damaged" in line for line in done.said), done.output
    assert machine.read(CONFIG) == BOOT["config.txt"] + FATAL
    assert any("Do not reboot" in line for line in done.said), done.output


@pytest.mark.core
def test_it_holds_where_the_boot_partition_is_mounted_at_boot(maker: Maker) -> None:
    machine = maker.guarded(place="boot")
    bad = machine.deb("bad", files={"boot/config.txt": BOOT["config.txt"] + FATAL})
    assert install(machine, bad).status == 100
    script = SCRIPT + "printf '{}' >>/boot/config.txt; printf x >>/boot/kernel8.img\n".format(FATAL.strip() + "\\n")
    done = install(machine, machine.deb("meddles", postinst=script))
    assert done.status == 0, done.output
    assert machine.read("boot/config.txt") == BOOT["config.txt"], done.output
    assert machine.read("boot/kernel8.img") == BOOT["kernel8.img"] + "x"
    kernel = machine.deb("pi-kernel", files={"boot/kernel8.img": "newer\n"})
    assert install(machine, kernel).status == 0
    assert machine.run("apt-get", "remove", "-y", "pi-kernel").status == 100
