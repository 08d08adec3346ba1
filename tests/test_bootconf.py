"""The EEPROM's configuration as an input: a file of its own, standard input, and a file in a boot folder."""

import json

import pytest

from tests.test_cli import scmguard

NEVER = "boot-order-never-restarts"
MEDIUM = "boot-order-without-own-medium"
RPIBOOT = "rpiboot-is-no-recovery"
BAD = "[all]\nBOOT_ORDER=0x2\n"
GOOD = "[all]\nBOOT_ORDER=0xf1\n"
NAMES = ["bootconf.txt", "boot.conf"]


def report(*arguments, **keywords):
    done = scmguard("check", *arguments, "--format", "json", **keywords)
    assert done.returncode in (0, 1), done.err
    return json.loads(done.out)


def found(*arguments, **keywords):
    """What the boot-order rules find, as (rule, path, line)."""
    findings = report(*arguments, **keywords)["findings"]
    return {(f["rule"], f["path"], f["line"]) for f in findings if "boot" in f["rule"]}


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_its_own(tmp_path, name):
    (tmp_path / name).write_text(BAD)
    path = str(tmp_path / name)
    assert found(path) == {(NEVER, path, 2), (MEDIUM, path, 2)}


@pytest.mark.parametrize("name", NAMES)
def test_a_clean_file(tmp_path, name):
    (tmp_path / name).write_text(GOOD)
    assert report(tmp_path / name)["findings"] == []


def test_the_name_in_capitals_is_known(tmp_path):
    (tmp_path / "BOOTCONF.TXT").write_text(BAD)
    assert len(found(tmp_path / "BOOTCONF.TXT")) == 2


@pytest.mark.parametrize("name", NAMES)
def test_as(tmp_path, name):
    (tmp_path / "eeprom.txt").write_text(BAD)
    assert len(found("--as", name, tmp_path / "eeprom.txt")) == 2


@pytest.mark.parametrize("name", NAMES)
def test_standard_input(name):
    assert found("-", "--as", name, data=BAD.encode()) == {(NEVER, "<stdin>", 2), (MEDIUM, "<stdin>", 2)}
    assert found("-", "--stdin-filename", name, data=GOOD.encode()) == set()


def test_a_name_that_is_not_known_is_told_of_as(tmp_path):
    (tmp_path / "eeprom.txt").write_text(BAD)
    done = scmguard("check", tmp_path / "eeprom.txt")
    assert done.returncode == 3
    assert "--as" in done.err and "bootconf.txt" in done.err


def test_help_names_it():
    assert "bootconf.txt" in scmguard("check", "--help").out


def test_nothing_else_is_judged_by_it(tmp_path):
    # Lines that would be faults of a config.txt, and one that belongs to it by way of [config.txt].
    (tmp_path / "bootconf.txt").write_text("otg_mode=1\n[cm5]\nx=1\n" + GOOD + "[config.txt]\notg_mode=1\n")
    data = report(tmp_path / "bootconf.txt")
    assert data["findings"] == []
    not_checked = {(entry["rule"], entry["needs"]) for entry in data["not_checked"]}
    assert {("dwc2-host-missing", "config"), ("otg-mode-enabled", "config"), ("root-missing", "cmdline")} <= not_checked
    assert not {NEVER, RPIBOOT} & {rule for rule, _ in not_checked}


def test_text_report(tmp_path):
    write(tmp_path, bootconf__txt=BAD)
    done = scmguard("check", "bootconf.txt", cwd=tmp_path)
    assert done.returncode == 1
    assert "brick[{}]".format(MEDIUM) in done.out
    assert " --> bootconf.txt:2:1\n" in done.out
    assert "not checked, needs a config.txt: " in done.out
    assert "1 brick, 1 degraded\n" in done.out


def test_a_config_txt_beside_it_is_not_judged(tmp_path):
    write(tmp_path, bootconf__txt=GOOD, config__txt="otg_mode=1\n", autoboot__txt="boot_partition=99\n")
    assert report(tmp_path / "bootconf.txt")["findings"] == []


def test_the_command_line_beside_it_is_not_judged(tmp_path):
    write(tmp_path, bootconf__txt="BOOT_ORDER=0xf4\n", cmdline__txt="root=/dev/mmcblk0p2\n")
    assert found(tmp_path / "bootconf.txt", "--profile", "pi4") == set()
    assert found(tmp_path, "--profile", "pi4", "--select", MEDIUM) == {(MEDIUM, str(tmp_path / "bootconf.txt"), 1)}


@pytest.mark.parametrize("name", NAMES)
def test_in_a_boot_folder(tmp_path, name):
    write(tmp_path, config__txt="")
    (tmp_path / name).write_text(BAD)
    assert found(tmp_path, "--select", "boot-order-*") == {(rule, str(tmp_path / name), 2) for rule in (NEVER, MEDIUM)}


def test_a_folder_without_it_is_told(tmp_path):
    write(tmp_path, config__txt="")
    lacking = {entry["rule"] for entry in report(tmp_path)["not_checked"] if entry["needs"] == "bootconf"}
    assert {NEVER, MEDIUM, RPIBOOT, "signed-boot-without-key"} <= lacking


def test_it_alone_makes_no_boot_folder(tmp_path):
    done = scmguard("check", write(tmp_path, bootconf__txt=GOOD))
    assert done.returncode == 3
    assert "no boot files here" in done.err


def test_boards_without_an_eeprom_have_nothing_to_judge(tmp_path):
    write(tmp_path, bootconf__txt=BAD)
    assert found(tmp_path / "bootconf.txt", "--profile", "pi3") == set()


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe\x00", b"\xef\xbb\xbfBOOT_ORDER=0xf1", b"BOOT_ORDER=0xf1\r\n", b"[config.txt]"]
)
def test_odd_bytes(tmp_path, data):
    (tmp_path / "bootconf.txt").write_bytes(data)
    done = scmguard("check", tmp_path / "bootconf.txt", "--select", "boot-order-*")
    assert (done.returncode, done.err) == (0, "")


def test_a_lone_autoboot_txt_is_judged(tmp_path):
    write(tmp_path, autoboot__txt="boot_partition=99\n", config__txt="otg_mode=1\n")
    data = report(tmp_path / "autoboot.txt")
    assert [(f["rule"], f["line"], f["severity"]) for f in data["findings"]] == [("bad-autoboot", 1, "brick")]


def test_where_the_eeprom_s_lines_for_config_txt_begin_is_no_unknown_section(tmp_path):
    (tmp_path / "config.txt").write_text("dtoverlay=dwc2,dr_mode=host\n")
    (tmp_path / "bootconf.txt").write_text("[all]\nBOOT_ORDER=0xf1\n[config.txt]\nenable_uart=1\n[cmX]\n")
    said = report(tmp_path, "--select", "unknown-section")["findings"]
    assert [(one["path"].rpartition("/")[2], one["line"]) for one in said] == [("bootconf.txt", 5)]
