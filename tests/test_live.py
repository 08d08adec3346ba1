"""The commands on a whole machine: a recorded SCM's /proc, /sys and programs, boot files, and a module that signs."""

import json
import os
from typing import Any, Dict, List, Mapping

import pytest

from tests.live import Live, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

BOOT = {
    "config.txt": b"[all]\nauto_initramfs=1\ndtoverlay=dwc2,dr_mode=host\n",
    "cmdline.txt": b"console=tty1 root=/dev/mapper/cryptrfs rootwait panic=10\n",
    "kernel8.img": b"MZ" + bytes(62) + b"Linux version 6.6.20+rpt-rpi-v8 (builder) #1 SMP\n" + bytes(64),
}
# What these boot files are about: an SCM's root file system and initramfs are not among them.
SELECTED = "supervised-*, dwc2-host-missing, otg-mode-enabled, usb-controller-*, boot-medium-*"
ETC = {"scmguard.yaml": "profile: scm\nselect: [{}]\n".format(SELECTED)}
NAMES = ["config.txt", "cmdline.txt", "kernel8.img"]


@pytest.fixture
def live(tmp_path: Any) -> Live:
    made = Live(tmp_path, "scm-bookworm", BOOT, ETC)
    for name in NAMES:
        made.module.trust(name)
    return made


def rules(live: Live, *words: str) -> Dict[str, str]:
    run = live.run("check", "--format", "json", *words)
    assert run.returncode in (0, 1), run.stderr
    report = json.loads(run.stdout)
    return {one["rule"]: one["severity"] for one in report["findings"]}


def not_checked(live: Live, *words: str) -> List[str]:
    report = json.loads(live.run("check", "--format", "json", *words).stdout)
    return [one["rule"] for one in report["not_checked"] if one["needs"] == "device"]


def test_the_facts_of_the_machine(live: Live) -> None:
    run = live.run("device", "--format", "json")
    assert run.returncode == 0, run.stderr
    facts = json.loads(run.stdout)["facts"]
    assert facts["board"]["value"] == "cm4" and facts["usb"]["value"] == {"controller": "dwc2", "mode": "host"}
    assert facts["root_storage"]["value"]["kind"] == "emmc"
    assert facts["root_storage"]["value"]["layers"] == ["crypt cryptrfs"]
    assert facts["manifest"]["value"] == NAMES and facts["binding"]["value"] == {"locked": True, "bound": True}
    assert "value" in facts["bootloader_config"], facts


def test_seal_and_check(live: Live) -> None:
    """The whole life of an edit."""
    assert "supervised-file-changed" in not_checked(live)  # nothing was signed through scmguard yet
    run = live.run("seal", "--dry-run")
    assert run.returncode == 0 and "config.txt: to sign: not in the ledger" in run.stdout, run.stdout + run.stderr
    assert not os.path.exists(os.path.join(live.top, "var/lib/scmguard"))
    run = live.run("seal")
    assert run.returncode == 0 and run.stdout.endswith("3 signed, 0 unchanged: the next boot verifies these\n"), (
        run.stderr
    )
    assert "supervised-file-changed" not in {*rules(live), *not_checked(live)}
    live.put("boot/firmware/config.txt", BOOT["config.txt"] + b"# for the fan\n")
    assert rules(live)["supervised-file-changed"] == "brick" and not live.module.would_boot()
    assert "supervised-file-changed" not in rules(live, "--no-device")
    assert "supervised-file-changed" in not_checked(live, "--no-device")
    live.module.write(binding=[False, True])
    assert rules(live)["supervised-file-changed"] == "degraded"
    run = live.run("seal")
    assert run.returncode == 0 and "config.txt: to sign: changed since" in run.stdout, run.stderr
    assert run.stdout.endswith("1 signed, 2 unchanged: the next boot verifies these\n")
    assert live.module.would_boot() and "supervised-file-changed" not in rules(live)


def test_seal_refuses_what_would_not_boot(live: Live) -> None:
    assert live.run("seal").returncode == 0
    live.put("boot/firmware/config.txt", BOOT["config.txt"] + b"dtoverlay=dwc2\n")
    calls = live.module.state()["calls"]
    run = live.run("seal")
    assert run.returncode == 1 and "dwc2-host-missing" in run.stderr and "brick[dwc2-host-missing]" in run.stdout
    assert "Traceback" not in run.stderr and live.module.state()["calls"] == calls and not live.module.would_boot()


def test_seal_refuses_to_guess(live: Live) -> None:
    live.module.fault(get_supervised_boot_file_manifest="raise")
    run = live.run("seal")
    assert run.returncode == 3 and "nothing was signed: which files are supervised is not known" in run.stderr
    live.module.fault(get_current_binding_info="raise")
    assert live.run("seal").returncode == 3


def test_seal_where_supervised_boot_is_off(live: Live) -> None:
    live.module.write(signed={})
    run = live.run("seal")
    assert run.returncode == 0 and "Supervised Boot is off" in run.stdout


def test_seal_with_a_file_that_is_missing(live: Live) -> None:
    live.module.trust("initrd.img")
    run = live.run("seal")
    # The check says it first: a missing supervised file stops the boot.
    assert run.returncode == 1 and "initrd.img is supervised and not on the boot partition" in run.stdout
    assert live.module.state()["calls"] == []


def test_a_damaged_ledger_is_said_and_made_anew(live: Live) -> None:
    assert live.run("seal").returncode == 0
    live.put("var/lib/scmguard/ledger.json", live.read("var/lib/scmguard/ledger.json")[:-20])
    run = live.run("seal")
    assert run.returncode == 3 and "is damaged" in run.stderr and "seal --rebuild" in run.stderr
    assert "supervised-file-changed" in not_checked(live)
    assert live.run("seal", "--rebuild").returncode == 0
    assert "supervised-file-changed" not in {*rules(live), *not_checked(live)}


def test_a_signature_that_fails_says_what_is_signed(live: Live) -> None:
    live.module.fault(add_or_update_supervised_boot_file={"return": -5})
    run = live.run("seal")
    assert run.returncode == 3 and "returned -5" in run.stderr and "do not reboot" in run.stderr
    assert "signed: none; not signed: kernel8.img, cmdline.txt, config.txt" in run.stderr


def test_a_read_only_place_for_the_ledger(live: Live) -> None:
    live.put("var/lib/scmguard", b"a file in the way")
    run = live.run("seal")
    assert run.returncode == 3 and "Traceback" not in run.stderr and "not signed: kernel8.img" in run.stderr
    assert live.module.state()["calls"] == []


def test_a_module_that_hangs_does_not_hang_the_check(live: Live) -> None:
    live.module.fault(get_current_binding_info="hang")
    run = live.run("check", "--format", "json", timeout=40)
    assert run.returncode in (0, 1), run.stderr
    reasons = [one["reason"] for one in json.loads(run.stdout)["not_checked"] if one["needs"] == "device"]
    assert any("did not answer within 8 s" in reason for reason in reasons), reasons


def test_a_recording_of_it_says_the_same(live: Live) -> None:
    first = live.run("device", "--record", "/var/lib/recording.json", "--format", "json")
    assert first.returncode == 0, first.stderr
    again = live.run("device", "--from", "/var/lib/recording.json", "--format", "json")
    one, two = json.loads(first.stdout)["facts"], json.loads(again.stdout)["facts"]
    different = {name for name in one if one[name] != two[name]}
    assert {"serial", "module_serial"} <= different <= {"serial", "module_serial", "cmdline", "ledger", "root_storage"}
    text = live.read("var/lib/recording.json").decode()
    assert one["serial"]["value"] not in text and one["module_serial"]["value"] not in text


@pytest.mark.parametrize("stub", [False, True])
def test_a_boot_partition_that_is_not_mounted_is_said(tmp_path: Any, stub: bool) -> None:
    """What Raspberry Pi OS leaves in /boot is no configuration that could be judged."""
    fstab = "/dev/mmcblk0p1 /boot/firmware vfat defaults 0 2\n"
    live = unmounted(tmp_path, {"fstab": fstab, "scmguard.yaml": "profile: scm\n"})
    for name in ("config.txt", "cmdline.txt") if stub else ():
        text = "DO NOT EDIT THIS FILE\n\nThe file you are looking for has moved to /boot/firmware/{}\n".format(name)
        live.put("boot/" + name, text.encode())
    run = live.run("check")
    assert run.returncode == 3 and run.stdout.strip() == "", run.stdout
    assert run.stderr.strip() == (
        "scmguard: /: no boot files under /boot/firmware or /boot;"
        " fstab has the boot partition at /boot/firmware, so it is not mounted, or empty"
    )


def test_boot_files_in_the_folder_below_a_boot_partition_that_is_not_mounted(tmp_path: Any) -> None:
    etc = {"fstab": "/dev/mmcblk0p1 /boot/firmware vfat defaults 0 2\n"}
    etc["scmguard.yaml"] = "profile: scm\nselect: [boot-partition-not-mounted]\n"
    live = unmounted(tmp_path, etc, BOOT)
    assert rules(live) == {"boot-partition-not-mounted": "degraded"}


def test_without_boot_files_and_fstab_nothing_is_guessed(tmp_path: Any) -> None:
    run = unmounted(tmp_path, {"fstab": "/dev/mmcblk0p2 / ext4 defaults 0 1\n"}).run("check")
    assert run.returncode == 3 and run.stderr.strip() == "scmguard: /: no boot files under /boot/firmware or /boot"


def unmounted(tmp_path: Any, etc: Dict[str, str], boot: Mapping[str, bytes] = {}) -> Live:
    """The machine without a mounted boot partition; ``boot`` is in the folder where it belongs."""
    live = Live(tmp_path, "scm-bookworm", boot, etc)
    lines = live.read("proc/self/mountinfo").splitlines(True)
    kept = [line for line in lines if b" /boot" not in line]
    assert len(kept) < len(lines)
    live.put("proc/self/mountinfo", b"".join(kept))
    return live
