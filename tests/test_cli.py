"""The commands from outside: exit codes, options, JSON, configuration files and house rules."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest

from scmguard import rulebook
from scmguard.cli.rules import page
from tests.places import staged
from tests.terminal import read_all

OTG = "otg-mode-enabled"
BAD = "[cm4]\notg_mode=1\n[all]\ndtoverlay=dwc2,dr_mode=host\n"
GOOD = "[cm5]\notg_mode=1\n[all]\ndtoverlay=dwc2,dr_mode=host\n"
SEVERITIES = ["brick", "no-boot", "degraded", "hygiene"]
HOUSE_RULE = """\
id: house-uart
severity: degraded
summary: The serial console is on.
rationale: Anybody at the plug gets a shell.
recovery: None needed.
help: Remove the line.
sources:
  - "the house book, page 1"
needs: [config]
profiles: [scm]
check: {setting: enable_uart, never: on}
examples:
  bad:
    - name: switched on
      files: {config.txt: "enable_uart=1\\n"}
      finds: ["config.txt:1: enable_uart"]
  good:
    - name: switched off
      files: {config.txt: "enable_uart=0\\n"}
"""


def environment(**more):
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PYTHONPATH")}
    env.update(PYTHONPATH=staged(), PYTHONDONTWRITEBYTECODE="1", PYTHONIOENCODING="utf-8", TERM="xterm", **more)
    return env


def scmguard(*arguments, cwd=None, data=b"", timeout=60, **env):
    command = [sys.executable, "-m", "scmguard", *map(str, arguments)]
    done = subprocess.run(
        command,
        input=data,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd or staged(),
        timeout=timeout,
        env=environment(**env),
    )
    assert b"Traceback" not in done.stderr + done.stdout, done.stderr.decode("utf-8", "replace")
    assert b"internal error" not in done.stderr, done.stderr.decode("utf-8", "replace")
    done.out = done.stdout.decode("utf-8", "surrogateescape")
    done.err = done.stderr.decode("utf-8", "surrogateescape")
    return done


def on_a_terminal(*arguments, cwd=None, **env):
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "scmguard", *map(str, arguments)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, cwd=cwd or staged(), env=environment(**env)
    )
    os.close(slave)
    seen = read_all(master)
    return process.wait(timeout=60), seen.decode("utf-8", "surrogateescape")


def check_json(*arguments, **keywords):
    done = scmguard("check", *arguments, "--format", "json", **keywords)
    return done.returncode, json.loads(done.out)


def tree(folder, **files):
    """A folder with files; `_` in a keyword stands for `.`, so that config_txt is config.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.fixture
def bad(tmp_path):
    return tree(tmp_path / "bad", config_txt=BAD, cmdline_txt="root=/dev/mmcblk0p2 rootwait\n")


@pytest.fixture
def good(tmp_path):
    return tree(tmp_path / "good", config_txt=GOOD, cmdline_txt="root=/dev/mmcblk0p2 rootwait\n")


def one_line(text):
    lines = text.splitlines()
    assert len(lines) == 1, text
    return lines[0]


# exit codes of findings


def test_a_finding_exits_1(bad):
    assert scmguard("check", bad, "--select", OTG).returncode == 1


def test_no_finding_exits_0(good):
    done = scmguard("check", good, "--select", OTG)
    assert (done.returncode, done.err) == (0, "")
    assert OTG not in done.out


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_format_does_not_change_the_code_of_findings(bad, form):
    assert scmguard("check", bad, "--select", OTG, "--format", form).returncode == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_format_does_not_change_the_code_of_a_clean_tree(good, form):
    assert scmguard("check", good, "--select", OTG, "--format", form).returncode == 0


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_format_does_not_change_the_code_of_a_missing_path(tmp_path, form):
    assert scmguard("check", tmp_path / "nowhere", "--format", form).returncode == 3


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_format_does_not_change_the_code_of_an_unknown_board(bad, form):
    assert scmguard("check", bad, "--board", "pi99", "--format", form).returncode == 2


@pytest.mark.parametrize("level", SEVERITIES)
def test_fail_on_any_level_catches_a_brick(bad, level):
    assert scmguard("check", bad, "--select", OTG, "--fail-on", level).returncode == 1


@pytest.mark.parametrize("level", SEVERITIES)
def test_fail_on_any_level_passes_a_clean_tree(good, level):
    assert scmguard("check", good, "--select", OTG, "--fail-on", level).returncode == 0


def house(tmp_path, severity, text=HOUSE_RULE):
    folder = tree(tmp_path / "house-boot", config_txt="enable_uart=1\n")
    tree(folder / "rules")
    (folder / "rules" / "house-uart.yaml").write_text(text.replace("severity: degraded", "severity: " + severity))
    (folder / ".scmguard.yaml").write_text("rules: [rules]\n")
    return folder


@pytest.mark.parametrize(
    "severity, fail_on, code",
    [
        ("hygiene", None, 0),
        ("degraded", None, 1),
        ("no-boot", None, 1),
        ("hygiene", "hygiene", 1),
        ("degraded", "no-boot", 0),
        ("no-boot", "no-boot", 1),
        ("no-boot", "brick", 1),  # what stops the boot of a sealed SCM is a brick
    ],
)
def test_threshold(tmp_path, severity, fail_on, code):
    more = ["--fail-on", fail_on] if fail_on else []
    done = scmguard("check", house(tmp_path, severity), "--select", "house-uart", *more)
    assert done.returncode == code
    assert "house-uart" in done.out  # below the threshold it is still told


# select and ignore


@pytest.mark.parametrize("pattern", [OTG, "otg-*", "*-enabled", "otg-mode-enable?", "*"])
def test_select_takes_ids_and_globs(bad, pattern):
    code, report = check_json(bad, "--select", pattern)
    assert code == 1
    assert OTG in {f["rule"] for f in report["findings"]}


@pytest.mark.parametrize("pattern", [OTG, "otg-*", "*-enabled"])
def test_ignore_takes_ids_and_globs(bad, pattern):
    report = check_json(bad, "--ignore", pattern)[1]
    assert OTG not in {f["rule"] for f in report["findings"]}


def test_select_of_another_rule_leaves_this_one_out(bad):
    code, report = check_json(bad, "--select", "glued-lines")
    assert (code, report["findings"]) == (0, [])


def test_ignore_beats_select(bad):
    code, report = check_json(bad, "--select", "*", "--ignore", "otg-*")
    assert OTG not in {f["rule"] for f in report["findings"]}


def test_select_may_be_repeated(bad):
    code, report = check_json(bad, "--select", "glued-lines", "--select", OTG)
    assert {f["rule"] for f in report["findings"]} == {OTG}


def test_nothing_left_to_check_with_is_not_a_pass(bad):
    assert scmguard("check", bad, "--ignore", "*").returncode == 3


# wrong usage


@pytest.mark.parametrize("option", ["--select", "--ignore"])
@pytest.mark.parametrize("name", ["no-such-rule", "no-such-*", ""])
def test_unknown_rule(good, option, name):
    done = scmguard("check", good, option, name)
    assert (done.returncode, done.out) == (2, "")
    assert repr(name) in one_line(done.err)


@pytest.mark.parametrize("command", ["check", "show"])
@pytest.mark.parametrize("name", ["pi99", "CM4 ", ""])
def test_unknown_board(good, command, name):
    done = scmguard(command, good, "--board", name)
    assert (done.returncode, done.out) == (2, "")
    assert "board" in one_line(done.err)
    assert "cm4" in done.err


@pytest.mark.parametrize("command", ["check", "show"])
def test_unknown_profile(good, command):
    done = scmguard(command, good, "--profile", "scn")
    assert (done.returncode, done.out) == (2, "")
    assert "scn" in one_line(done.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--format", "nope"),
        ("show", "--format", "nope"),
        ("rules", "--format", "nope"),
        ("check", "--fail-on", "fatal"),
        ("check", "--as", "kernel8.img"),
        ("check", "--no-such-option"),
        ("no-such-command",),
        ("rules", "no-such-rule"),
        ("check", "--config", "no-such-file.yaml"),
        ("check", "--format"),
    ],
)
def test_wrong_usage_exits_2(tmp_path, arguments):
    done = scmguard(*arguments, cwd=tmp_path)
    assert (done.returncode, done.out) == (2, "")
    assert done.err


@pytest.mark.parametrize("arguments", [("--help",), ("check", "--help"), ("show", "--help"), ("rules", "--help")])
def test_help_exits_0(arguments):
    done = scmguard(*arguments)
    assert (done.returncode, done.err) == (0, "")
    assert "Usage" in done.out


def test_version():
    done = scmguard("--version")
    assert (done.returncode, done.err) == (0, "")
    assert re.match(r"scmguard \d+\.\d+\S*\n\Z", done.out)


def test_version_agrees_with_the_report(good):
    assert scmguard("--version").out.split()[1] == check_json(good, "--select", OTG)[1]["tool"]["version"]


# what cannot be checked


@pytest.mark.parametrize("command", ["check", "show"])
def test_missing_path(tmp_path, command):
    done = scmguard(command, tmp_path / "nowhere")
    assert (done.returncode, done.out.replace("no findings", "").strip()) == (3, "")
    assert str(tmp_path / "nowhere") in one_line(done.err)


@pytest.mark.parametrize("command", ["check", "show"])
def test_folder_without_boot_files(tmp_path, command):
    done = scmguard(command, tree(tmp_path / "pictures", readme_md="hello"))
    assert done.returncode == 3
    assert str(tmp_path / "pictures") in one_line(done.err)


def test_folder_with_only_a_command_line_is_a_boot_folder(tmp_path):
    assert (
        scmguard(
            "check", tree(tmp_path / "b", cmdline_txt="root=/dev/mmcblk0p2 rootwait\n"), "--select", OTG
        ).returncode
        != 3
    )


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_directory_named_config_txt(tmp_path, command):
    (tmp_path / "b" / "config.txt").mkdir(parents=True)
    done = scmguard(command, tmp_path / "b")
    assert done.returncode == 3
    assert str(tmp_path / "b" / "config.txt") in one_line(done.err)


def test_a_directory_named_like_an_included_file(tmp_path):
    boot = tree(tmp_path / "b", config_txt="include user.txt\n")
    (boot / "user.txt").mkdir()
    assert scmguard("check", boot, "--select", OTG).returncode in (0, 3)


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_fifo_named_config_txt_does_not_hang(tmp_path, command):
    os.mkfifo(str(tree(tmp_path / "b") / "config.txt"))
    done = scmguard(command, tmp_path / "b", timeout=20)
    assert done.returncode == 3
    assert "config.txt" in one_line(done.err)


def test_a_port_with_odd_digits_is_none(good):
    assert scmguard("show", good, "hdmi_group:\u00b2").returncode in (0, 1, 2)


def test_a_fifo_as_the_path_does_not_hang(tmp_path):
    os.mkfifo(str(tmp_path / "config.txt"))
    assert scmguard("check", tmp_path / "config.txt", timeout=20).returncode == 3


@pytest.mark.parametrize("name", ["cmdline.txt", "autoboot.txt", "tryboot.txt"])
@pytest.mark.parametrize("kind", ["fifo", "directory", "broken link"])
def test_odd_files_beside_a_good_config_txt(good, name, kind):
    path = good / name
    if path.exists():
        path.unlink()
    if kind == "fifo":
        os.mkfifo(str(path))
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("gone")
    assert scmguard("check", good, "--select", OTG, timeout=20).returncode in (0, 3)
    assert scmguard("check", good, timeout=20).returncode in (0, 1, 3)
    assert scmguard("show", good, timeout=20).returncode in (0, 3)


@pytest.mark.parametrize("path", ["b", "b/config.txt"])
def test_a_broken_link_named_config_txt(tmp_path, path):
    (tree(tmp_path / "b") / "config.txt").symlink_to("gone")
    done = scmguard("check", tmp_path / path)
    assert done.returncode == 3
    assert str(tmp_path / "b") in one_line(done.err)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(bad):
    (bad / "config.txt").chmod(0)
    done = scmguard("check", bad)
    assert done.returncode == 3
    assert str(bad / "config.txt") in one_line(done.err)


def test_a_binary_config_txt_is_input(tmp_path):
    data = bytes((i * 7919 + i // 256) % 256 for i in range(50000))
    assert scmguard("check", tree(tmp_path / "b", config_txt=data)).returncode in (0, 1)


def test_an_empty_config_txt_enables_nothing(tmp_path):
    done = scmguard("check", tree(tmp_path / "b", config_txt=""), "--select", OTG)
    assert (done.returncode, done.err) == (0, "")


@pytest.mark.parametrize("wrong", ["missing", "empty", "directory"])
@pytest.mark.parametrize("first", [True, False])
def test_one_bad_path_of_several(tmp_path, bad, wrong, first):
    path = tmp_path / wrong
    if wrong == "empty":
        path.mkdir()
    if wrong == "directory":
        (path / "config.txt").mkdir(parents=True)
    paths = [path, bad] if first else [bad, path]
    code, report = check_json(*paths, "--select", OTG)
    assert code == 3
    assert [(f["rule"], f["path"]) for f in report["findings"]] == [(OTG, str(bad / "config.txt"))]
    done = scmguard("check", *paths, "--select", OTG)
    assert done.returncode == 3
    assert str(bad / "config.txt") + ":2:1" in done.out
    assert str(path) in one_line(done.err)


def test_several_good_paths(tmp_path, good):
    assert scmguard("check", good, tree(tmp_path / "two", config_txt=GOOD), "--select", OTG).returncode == 0


def test_each_of_several_trees_is_reported(tmp_path, good, bad):
    other = tree(tmp_path / "other", config_txt="otg_mode=1\n")
    code, report = check_json(bad, good, other, "--select", OTG)
    assert code == 1
    assert {f["path"] for f in report["findings"]} == {str(bad / "config.txt"), str(other / "config.txt")}


# standard input and files under any name


def test_standard_input(tmp_path):
    done = scmguard("check", "-", "--select", OTG, "--as", "config.txt", data=BAD.encode(), cwd=tmp_path)
    assert done.returncode == 1
    assert ":2:1" in done.out


def test_clean_standard_input(tmp_path):
    done = scmguard("check", "-", "--select", OTG, "--as", "config.txt", data=GOOD.encode(), cwd=tmp_path)
    assert done.returncode == 0


def test_standard_input_has_the_name_it_is_given(tmp_path):
    code, report = check_json(
        "-", "--stdin-filename", "boot/config.txt", "--select", OTG, data=BAD.encode(), cwd=tmp_path
    )
    assert code == 1
    assert [f["path"] for f in report["findings"]] == ["boot/config.txt"]


def test_the_name_of_standard_input_says_what_it_is(tmp_path):
    data = b"otg_mode=1\n"
    report = check_json("-", "--stdin-filename", "cmdline.txt", "--select", OTG, data=data, cwd=tmp_path)[1]
    assert report["findings"] == []


def test_standard_input_with_name_and_kind(tmp_path):
    arguments = ["-", "--stdin-filename", "tmp.ab12", "--as", "config.txt", "--select", OTG]
    code, report = check_json(*arguments, data=BAD.encode(), cwd=tmp_path)
    assert (code, report["findings"][0]["path"]) == (1, "tmp.ab12")


@pytest.mark.parametrize("text, code", [(BAD, 1), (GOOD, 0), ("", 0)])
def test_a_file_under_any_name(tmp_path, text, code):
    (tmp_path / "ansible-tmp.1234").write_text(text)
    done = scmguard("check", "--as", "config.txt", "--select", OTG, tmp_path / "ansible-tmp.1234")
    assert done.returncode == code


def test_a_file_under_any_name_needs_a_kind(tmp_path):
    (tmp_path / "ansible-tmp.1234").write_text(BAD)
    done = scmguard("check", tmp_path / "ansible-tmp.1234")
    assert done.returncode in (2, 3)
    assert "--as" in one_line(done.err)


def test_as_wins_over_the_name(tmp_path):
    (tmp_path / "config.txt").write_text("otg_mode=1\n")
    report = check_json("--as", "cmdline.txt", "--select", OTG, tmp_path / "config.txt")[1]
    assert report["findings"] == []


def test_one_file_by_its_name(bad):
    done = scmguard("check", bad / "config.txt", "--select", OTG)
    assert done.returncode == 1
    assert str(bad / "config.txt") + ":2:1" in done.out


# output


def test_output_to_a_file(tmp_path, bad):
    plain = scmguard("check", bad, "--select", OTG, "--format", "json")
    done = scmguard("check", bad, "--select", OTG, "--format", "json", "--output", tmp_path / "report.json")
    assert (done.returncode, done.out) == (1, "")
    assert (tmp_path / "report.json").read_text(encoding="utf-8") == plain.out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad", "report.json"]


def test_output_replaces_the_file_as_a_whole(tmp_path, good):
    (tmp_path / "report").write_text("old\n" * 10000)
    before = (tmp_path / "report").stat().st_ino
    with (tmp_path / "report").open() as reader:
        assert scmguard("check", good, "--select", OTG, "--output", tmp_path / "report").returncode == 0
        assert reader.read() == "old\n" * 10000  # whoever reads the old one reads it to its end
    assert "old" not in (tmp_path / "report").read_text()
    assert (tmp_path / "report").stat().st_ino != before


@pytest.mark.parametrize("where", ["nowhere/report", "bad", ""])
def test_output_to_an_impossible_place(tmp_path, bad, where):
    done = scmguard("check", bad, "--select", OTG, "--output", str(tmp_path / where) if where else "")
    assert done.returncode in (2, 3)
    assert done.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad"]
    assert sorted(p.name for p in bad.iterdir()) == ["cmdline.txt", "config.txt"]


def test_output_is_left_alone_when_the_usage_is_wrong(tmp_path, bad):
    (tmp_path / "report").write_text("old\n")
    assert scmguard("check", bad, "--board", "pi99", "--output", tmp_path / "report").returncode == 2
    assert (tmp_path / "report").read_text() == "old\n"


def test_quiet_still_tells_the_finding(bad):
    loud, quiet = scmguard("check", bad, "--select", OTG), scmguard("check", bad, "--select", OTG, "--quiet")
    assert (loud.returncode, quiet.returncode) == (1, 1)
    assert ":2:1" in quiet.out
    assert len(quiet.out) < len(loud.out)


def test_quiet_leaves_hygiene_out(tmp_path):
    done = scmguard("check", house(tmp_path, "hygiene"), "--select", "house-uart", "--quiet")
    assert done.returncode == 0
    assert "house-uart" not in done.out


@pytest.mark.parametrize("command", [["check"], ["show"], ["rules"]])
def test_no_colour_without_a_terminal(bad, command):
    done = scmguard(*command, *([] if command == ["rules"] else [bad]))
    assert "\x1b" not in done.out + done.err


def test_colour_on_a_terminal(bad):
    code, seen = on_a_terminal("check", bad, "--select", OTG)
    assert code == 1
    assert "\x1b[" in seen
    assert re.sub(r"\x1b\[[0-9;]*m", "", seen).replace("\r\n", "\n") == scmguard("check", bad, "--select", OTG).out


def test_no_color_option_on_a_terminal(bad):
    code, seen = on_a_terminal("check", bad, "--select", OTG, "--no-color")
    assert code == 1
    assert "\x1b" not in seen


@pytest.mark.parametrize("command", [["check"], ["show"], ["rules"]])
def test_no_color_variable_on_a_terminal(bad, command):
    code, seen = on_a_terminal(*command, *([] if command == ["rules"] else [bad]), NO_COLOR="1")
    assert "\x1b" not in seen


def test_an_empty_no_color_variable_does_not_count(bad):
    assert "\x1b[" in on_a_terminal("check", bad, "--select", OTG, NO_COLOR="")[1]


def test_json_has_no_colour_on_a_terminal(bad):
    code, seen = on_a_terminal("check", bad, "--select", OTG, "--format", "json")
    assert "\x1b" not in seen
    assert json.loads(seen)["summary"]["brick"] == 1


def test_output_has_no_colour_on_a_terminal(tmp_path, bad):
    on_a_terminal("check", bad, "--select", OTG, "--output", tmp_path / "report")
    assert "\x1b" not in (tmp_path / "report").read_text()


@pytest.mark.parametrize(
    "arguments", [["rules", "--format", "json"], ["rules"], ["rules", OTG], ["show", "."], ["check", "."]]
)
def test_closed_standard_output(bad, arguments):
    read, write = os.pipe()
    os.close(read)  # what is left of `| head -1` when head is gone
    process = subprocess.Popen(
        [sys.executable, "-m", "scmguard", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=subprocess.PIPE,
        cwd=str(bad),
        env=environment(),
    )
    os.close(write)
    err = process.communicate(timeout=60)[1]
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err


def test_full_disk_is_not_a_pass(good):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "scmguard", "check", str(good), "--select", OTG],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=60,
        )
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr


# the JSON report


def test_json_report_has_the_documented_keys(bad):
    code, report = check_json(bad, "--select", OTG)
    assert code == 1
    assert report["schema"] == 1
    assert report["tool"]["name"] == "scmguard"
    assert isinstance(report["tool"]["version"], str)
    assert (report["profile"], report["boards"]) == ("scm", ["cm4"])
    assert isinstance(report["not_checked"], list)
    assert report["summary"] == {"brick": 1, "no-boot": 0, "degraded": 0, "hygiene": 0, "waived": 0, "baseline": 0}


def test_json_finding_has_the_documented_keys(bad):
    finding = check_json(bad, "--select", OTG)[1]["findings"][0]
    for key in ("rule", "severity", "confidence", "board", "message", "path", "help"):
        assert isinstance(finding[key], str), key
    for key in ("line", "column", "end_line", "end_column"):
        assert type(finding[key]) is int, key
    assert (finding["rule"], finding["severity"], finding["confidence"]) == (OTG, "brick", "certain")
    assert (finding["board"], finding["path"]) == ("cm4", str(bad / "config.txt"))
    assert (finding["reading"], finding["fix"], finding["waived"]) == (None, None, None)


def test_json_related_line(bad):
    (related,) = check_json(bad, "--select", OTG)[1]["findings"][0]["related"]
    assert related == {"path": str(bad / "config.txt"), "line": 1, "column": 1, "message": "active because of [cm4]"}


@pytest.mark.parametrize(
    "text, span",
    [
        ("otg_mode=1\n", (1, 1, 1, 11)),
        ("otg_mode=1", (1, 1, 1, 11)),
        ("\n\n  otg_mode=1\n", (3, 3, 3, 13)),
        ("\totg_mode=1\n", (1, 2, 1, 12)),
        ("otg_mode=1\r\n", (1, 1, 1, 11)),
        ("# 電\notg_mode=1\n", (2, 1, 2, 11)),
    ],
)
def test_lines_and_columns_start_at_1_and_ends_are_exclusive(tmp_path, text, span):
    findings = check_json(tree(tmp_path / "b", config_txt=text), "--select", OTG)[1]["findings"]
    assert [(f["line"], f["column"], f["end_line"], f["end_column"]) for f in findings] == [span]


def test_json_of_a_clean_tree(good):
    code, report = check_json(good, "--select", OTG)
    assert (code, report["findings"], report["not_checked"]) == (0, [], [])
    assert set(report["summary"].values()) == {0}


def test_a_possible_finding_names_its_reading(tmp_path):
    code, report = check_json(tree(tmp_path / "b", config_txt="[rpi4]\notg_mode=1\n"), "--select", OTG)
    (finding,) = report["findings"]
    assert (code, finding["confidence"]) == (1, "possible")
    assert "unknown-filter" in json.dumps(finding["reading"])


def test_the_summary_counts_the_findings(tmp_path, bad):
    report = check_json(bad, tree(tmp_path / "two", config_txt="otg_mode=1\n"))[1]
    for severity in SEVERITIES:
        assert report["summary"][severity] == len([f for f in report["findings"] if f["severity"] == severity])


def test_not_checked_lists_what_needs_a_root_file_system(good):
    code, report = check_json(good, "--select", "unattended-upgrades-active")
    assert [(n["rule"], n["needs"]) for n in report["not_checked"]] == [("unattended-upgrades-active", "rootfs")]
    assert report["findings"] == []


def test_not_checked_lists_what_needs_a_config_txt(tmp_path):
    boot = tree(tmp_path / "b", cmdline_txt="root=/dev/mmcblk0p2 rootwait\n")
    report = check_json(boot / "cmdline.txt", "--select", OTG)[1]
    assert [(n["rule"], n["needs"]) for n in report["not_checked"]] == [(OTG, "config")]


def test_not_checked_leaves_out_what_was_not_selected(good):
    assert check_json(good, "--select", OTG)[1]["not_checked"] == []


def test_not_checked_is_told_in_the_text_too(good):
    assert "unattended-upgrades-active" in scmguard("check", good, "--select", "unattended-*").out


def test_several_boards_report_each(tmp_path):
    boot = tree(tmp_path / "b", config_txt="otg_mode=1\n")
    code, report = check_json(boot, "--board", "cm4", "--board", "pi4", "--select", "*")
    assert report["boards"] == ["cm4", "pi4"]


def test_a_plain_compute_module_4_may_use_otg_mode(bad):
    report = check_json(bad, "--profile", "cm4")[1]
    assert (report["profile"], report["boards"]) == ("cm4", ["cm4"])
    assert OTG not in {f["rule"] for f in report["findings"]}


# show


def test_show_everything(bad):
    done = scmguard("show", bad)
    assert (done.returncode, done.err) == (0, "")
    assert re.search(r"otg_mode=1\s.*config\.txt:2", done.out)
    assert "dwc2" in done.out


def test_show_leaves_out_what_is_not_effective(good):
    done = scmguard("show", good)
    assert done.returncode == 0
    assert "otg_mode" not in done.out


def test_show_one_key(bad):
    done = scmguard("show", bad, "otg_mode")
    assert done.returncode == 0
    assert "otg_mode=1" in done.out
    assert "config.txt:2" in done.out
    assert "[cm4]" in done.out
    assert "dwc2" not in done.out


def test_show_a_key_that_is_not_set(good):
    done = scmguard("show", good, "enable_uart")
    assert done.returncode == 0
    assert "enable_uart" in done.out


def test_show_for_another_board(bad):
    assert "otg_mode=1" not in scmguard("show", bad, "--board", "cm5").out


def test_show_takes_one_file(bad):
    assert "otg_mode=1" in scmguard("show", bad / "config.txt").out


def test_show_json(tmp_path):
    text = (
        "arm_64bit=0\n[cm4]\narm_64bit=1\n[all]\ndtparam=audio=on\ndtoverlay=disable-bt\n"
        "dtoverlay=dwc2,dr_mode=host\ndtoverlay=disable-bt\n[foo]\nkernel=x\n"
    )
    boot = tree(tmp_path / "b", config_txt=text, cmdline_txt="root=/dev/mmcblk0p2 rootwait quiet\n")
    done = scmguard("show", boot, "--format", "json")
    assert (done.returncode, done.err) == (0, "")
    shown = json.loads(done.out)
    assert (shown["schema"], shown["board"]) == (1, "cm4")
    path = str(boot / "config.txt")
    assert shown["settings"]["arm_64bit"] == {
        "value": "1",
        "path": path,
        "line": 3,
        "filters": ["[cm4]"],
        "overridden": [{"path": path, "line": 1, "value": "0"}],
    }
    loads = [(o["name"], o["params"], o["path"], o["line"]) for o in shown["overlays"]]
    assert loads == [("disable-bt", {}, path, 6), ("dwc2", {"dr_mode": "host"}, path, 7), ("disable-bt", {}, path, 8)]
    assert shown["base_params"].keys() == {"audio"}
    assert shown["cmdline"] == [
        {"name": "root", "value": "/dev/mmcblk0p2"},
        {"name": "rootwait", "value": None},
        {"name": "quiet", "value": None},
    ]
    assert shown["usb"] == {"controller": "dwc2", "dr_mode": "host"}
    (reading,) = shown["readings"]
    assert reading["id"] == "unknown-filter"
    assert reading["choice"] in ("ignored", "inactive")
    assert isinstance(reading["differs"], list)


@pytest.mark.parametrize(
    "text, usb",
    [
        ("otg_mode=1\ndtoverlay=dwc2,dr_mode=host\n", "xhci"),
        ("dtoverlay=dwc2,dr_mode=host\ndtoverlay=dwc-otg\n", "dwc_otg"),
        ("dtoverlay=dwc2,dr_mode=host\ndtoverlay=dwc2\n", "dwc2"),
        ("", "none"),
    ],
)
def test_show_json_usb_controller(tmp_path, text, usb):
    shown = json.loads(scmguard("show", tree(tmp_path / "b", config_txt=text), "--format", "json").out)
    assert shown["usb"]["controller"] == usb
    assert shown["usb"]["dr_mode"] in ("host", "peripheral", "otg", None)


def test_show_json_of_an_empty_file(tmp_path):
    shown = json.loads(scmguard("show", tree(tmp_path / "b", config_txt=""), "--format", "json").out)
    empty = [shown[key] for key in ("settings", "overlays", "base_params", "cmdline", "readings")]
    assert empty == [{}, [], {}, [], []]


# rules


def test_rules_table():
    done = scmguard("rules")
    assert (done.returncode, done.err) == (0, "")
    (line,) = [line for line in done.out.splitlines() if line.startswith(OTG)]
    assert "brick" in line


def test_rules_json_and_table_list_the_same():
    listed = [rule["id"] for rule in json.loads(scmguard("rules", "--format", "json").out)]
    assert sorted(listed) == sorted(line.split()[0] for line in scmguard("rules").out.splitlines())
    assert len(listed) == len(set(listed))


def test_rules_json_says_everything_about_a_rule():
    for rule in json.loads(scmguard("rules", "--format", "json").out):
        for key in ("id", "summary", "rationale", "recovery"):
            assert isinstance(rule[key], str) and rule[key].strip(), (rule["id"], key)
        assert "\n" not in rule["summary"].strip()
        assert rule["severity"] in SEVERITIES
        assert rule["sources"], rule["id"]
        assert rule["profiles"], rule["id"]
        assert rule["examples"]["bad"] and rule["examples"]["good"], rule["id"]


def test_page_of_a_rule():
    done = scmguard("rules", OTG)
    assert (done.returncode, done.err) == (0, "")
    rule = json.loads(scmguard("rules", OTG, "--format", "json").out)
    flat = " ".join(done.out.split())
    assert OTG in flat and "brick" in flat
    for text in [rule["rationale"], rule["recovery"], *rule["sources"]]:
        assert " ".join(text.split()) in flat
    assert "otg_mode=0" in flat


def test_every_rule_has_a_page():
    listed = [rule["id"] for rule in json.loads(scmguard("rules", "--format", "json").out)]
    rules = rulebook.load().rules
    assert listed == list(rules) and len(rules) > 130
    for rule in rules.values():
        text = "".join(page(rule))
        words = "".join(text.split())
        assert text.startswith(rule.id) and "".join(rule.help.split()) in words, text
        assert "".join(rule.summary.split()) in words and "".join(rule.recovery.split()) in words, text
    assert scmguard("rules", listed[0]).out == "".join(page(rules[listed[0]]))


# .scmguard.yaml


@pytest.mark.parametrize(
    "text, code",
    [
        ("profile: scm\n", 1),
        ("profile: scm\nboards: [cm4]\n", 1),
        ("fail-on: brick\n", 1),
        ("select: [otg-*]\n", 1),
        ("ignore: [glued-lines]\n", 1),
        ("", 1),
        ("# nothing\n", 1),
        ("ignore: ['*-enabled']\nselect: [otg-*, unattended-*]\n", 0),
        ("select: [unattended-upgrades-active]\n", 0),
    ],
)
def test_configuration_file(bad, text, code):
    (bad / ".scmguard.yaml").write_text(text)
    assert scmguard("check", bad).returncode == code


def test_configured_profile(bad):
    (bad / ".scmguard.yaml").write_text("profile: cm4\n")
    report = check_json(bad)[1]
    assert report["profile"] == "cm4"
    assert OTG not in {f["rule"] for f in report["findings"]}


def test_configured_boards(bad):
    (bad / ".scmguard.yaml").write_text("boards: [cm4, pi4]\n")
    assert check_json(bad)[1]["boards"] == ["cm4", "pi4"]


@pytest.mark.parametrize("level, code", [("hygiene", 1), ("degraded", 1), ("no-boot", 0)])
def test_configured_threshold(tmp_path, level, code):
    boot = house(tmp_path, "degraded")
    (boot / ".scmguard.yaml").write_text("rules: [rules]\nselect: [house-uart]\nfail-on: %s\n" % level)
    assert scmguard("check", boot).returncode == code


def test_configuration_is_found_upward(bad):
    (bad.parent / ".scmguard.yaml").write_text("select: [unattended-upgrades-active]\n")
    assert scmguard("check", bad, cwd="/").returncode == 0
    assert scmguard("check", bad / "config.txt", cwd="/").returncode == 0


def test_the_nearest_configuration_counts(bad):
    (bad.parent / ".scmguard.yaml").write_text("select: [unattended-upgrades-active]\n")
    (bad / ".scmguard.yaml").write_text("select: [otg-mode-enabled]\n")
    assert scmguard("check", bad).returncode == 1


def test_configuration_of_a_sibling_does_not_count(tmp_path, bad):
    tree(tmp_path / "sibling")
    (tmp_path / "sibling" / ".scmguard.yaml").write_text("select: [unattended-upgrades-active]\n")
    assert scmguard("check", bad).returncode == 1


def test_options_win_over_the_configuration(bad):
    (bad / ".scmguard.yaml").write_text("profile: cm4\nfail-on: brick\nboards: [pi4]\n")
    code, report = check_json(bad, "--profile", "scm", "--board", "cm4", "--select", OTG)
    assert (code, report["profile"], report["boards"]) == (1, "scm", ["cm4"])


def test_configuration_named_by_option(tmp_path, bad):
    (tmp_path / "mine.yaml").write_text("select: [unattended-upgrades-active]\n")
    assert scmguard("check", bad, "--config", tmp_path / "mine.yaml").returncode == 0


@pytest.mark.parametrize(
    "text, line",
    [
        ("profil: scm\n", 1),
        ("profile: scm\n\nigonre: [otg-*]\n", 3),
        ("# one\n# two\nboards: [cm4]\nfail_on: brick\n", 4),
        ("profile: scm\nprofile: cm4\n", 2),
        ("profile: scm\nfail-on: fatal\n", 2),
        ("profile: scm\nselect: otg-mode-enabled\n", 2),
        ("\nprofile: [scm]\n", 2),
        ("- profile\n", 1),
        ("just text\n", 1),
        ("profile: scm\nselect: [otg-*\n", None),
        ("profile: !!python/object/apply:os.getcwd []\n", 1),
    ],
)
def test_fault_in_the_configuration(bad, text, line):
    (bad / ".scmguard.yaml").write_text(text)
    done = scmguard("check", bad)
    assert (done.returncode, done.out) == (2, "")
    place = str(bad / ".scmguard.yaml") + (":%d" % line if line else "")
    assert place in one_line(done.err)


@pytest.mark.parametrize(
    "text", ["profile: nope\n", "boards: [nope]\n", "ignore: [nope]\n", "select: [nope]\n", "rules: [nope]\n"]
)
def test_unknown_name_in_the_configuration(bad, text):
    (bad / ".scmguard.yaml").write_text(text)
    done = scmguard("check", bad)
    assert (done.returncode, done.out) == (2, "")
    assert "nope" in one_line(done.err)


@pytest.mark.parametrize("text", ["profile: nope\n", "boards: [nope]\n", "ignore: [nope]\n", "select: [nope]\n"])
def test_unknown_name_in_the_configuration_says_in_which_file(bad, text):
    (bad / ".scmguard.yaml").write_text(text)
    assert str(bad / ".scmguard.yaml") in one_line(scmguard("check", bad).err)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"profile: \x00\n", b"profile: caf\xe9\n"])
def test_binary_configuration(bad, data):
    (bad / ".scmguard.yaml").write_bytes(data)
    done = scmguard("check", bad)
    assert (done.returncode, done.out) == (2, "")
    assert str(bad / ".scmguard.yaml") in one_line(done.err)


# house rules


def test_house_rule_fires(tmp_path):
    code, report = check_json(house(tmp_path, "degraded"), "--select", "house-*")
    assert code == 1
    assert [(f["rule"], f["severity"], f["line"]) for f in report["findings"]] == [("house-uart", "degraded", 1)]


def test_house_rule_stays_quiet(tmp_path):
    boot = house(tmp_path, "degraded")
    (boot / "config.txt").write_text("enable_uart=0\n")
    code, report = check_json(boot, "--select", "house-*")
    assert (code, report["findings"]) == (0, [])


def test_house_rules_come_on_top_of_the_shipped_ones(tmp_path):
    boot = house(tmp_path, "degraded")
    (boot / "config.txt").write_text("enable_uart=1\notg_mode=1\n")
    assert {"house-uart", OTG} <= {f["rule"] for f in check_json(boot)[1]["findings"]}


def test_page_of_a_house_rule(tmp_path):
    boot = house(tmp_path, "degraded")
    done = scmguard("rules", "house-uart", "--config", boot / ".scmguard.yaml")
    assert done.returncode == 0
    assert "the house book" in done.out


@pytest.mark.parametrize(
    "old, new, line",
    [
        ("severity: degraded", "severty: degraded", 2),
        ("severity: degraded", "severity: degarded", 2),
        ("needs: [config]", "needs: [confg]", 9),
        ("profiles: [scm]", "profiles: [scn]", 10),
        ("setting: enable_uart", "seting: enable_uart", 11),
        ("never: on", "nevr: on", 11),
        ("{setting: enable_uart, never: on}", "{python: no_such_predicate}", 11),
        ("{setting: enable_uart, never: on}", "{python: os.system}", 11),
        ("{setting: enable_uart, never: on}", "{python: 'import os'}", 11),
        ("{setting: enable_uart, never: on}", "{}", 11),
        ("      finds: [", "      find: [", 16),
        ("summary: The", "summary: [The", None),
        ("recovery: None needed.\n", "", None),
        ('sources:\n  - "the house book, page 1"\n', "sources: []\n", 7),
        ("id: house-uart", "id: house-usart", 1),
    ],
)
def test_fault_in_a_house_rule(tmp_path, old, new, line):
    assert old in HOUSE_RULE
    boot = house(tmp_path, "degraded", HOUSE_RULE.replace(old, new))
    done = scmguard("check", boot)
    assert (done.returncode, done.out) == (2, "")
    place = str(boot / "rules" / "house-uart.yaml") + ":" + (str(line) + ":" if line else "")
    assert place in one_line(done.err)


def test_a_house_rule_cannot_take_the_id_of_a_shipped_one(tmp_path):
    boot = house(tmp_path, "degraded")
    (boot / "rules" / (OTG + ".yaml")).write_text(HOUSE_RULE.replace("house-uart", OTG))
    done = scmguard("check", boot)
    assert (done.returncode, done.out) == (2, "")
    assert OTG in one_line(done.err)
    assert str(boot / "rules" / (OTG + ".yaml")) in done.err


def test_an_id_twice_in_two_house_folders(tmp_path):
    boot = house(tmp_path, "degraded")
    tree(boot / "more")
    (boot / "more" / "house-uart.yaml").write_text(HOUSE_RULE)
    (boot / ".scmguard.yaml").write_text("rules: [rules, more]\n")
    done = scmguard("check", boot)
    assert (done.returncode, done.out) == (2, "")
    assert "house-uart" in one_line(done.err)


def test_other_files_among_house_rules_do_not_matter(tmp_path):
    boot = house(tmp_path, "degraded")
    (boot / "rules" / "README.md").write_text("# ours\n")
    (boot / "rules" / "old").mkdir()
    assert scmguard("check", boot, "--select", "house-uart").returncode == 1


def test_a_fifo_among_house_rules_does_not_hang(tmp_path):
    boot = house(tmp_path, "degraded")
    os.mkfifo(str(boot / "rules" / "odd.yaml"))
    assert scmguard("check", boot, timeout=20).returncode in (2, 3)


def test_a_directory_among_house_rules_is_named(tmp_path):
    boot = house(tmp_path, "degraded")
    (boot / "rules" / "odd.yaml").mkdir()
    done = scmguard("check", boot)
    assert done.returncode == 2
    assert str(boot / "rules" / "odd.yaml") in one_line(done.err)


def test_a_rule_about_transactions_is_none_for_check(tmp_path):
    (tmp_path / "config.txt").write_text("")
    done = scmguard("check", "--select", "boot-package-unattended", str(tmp_path))
    assert done.returncode == 2
    assert "boot-package-unattended is about transactions of apt and dpkg; the gate alone asks it" in done.err


def test_the_page_of_a_rule_about_transactions_shows_them():
    done = scmguard("rules", "boot-package-unattended")
    assert done.returncode == 0
    assert "    (nobody watches: unattended-upgrade runs it)\n    install linux-image-6.6.31+rpt-rpi-v8" in done.out
    assert "      brings /boot/vmlinuz-6.6.31+rpt-rpi-v8\n" in done.out


def test_a_folder_that_is_gone_is_no_fault_of_scmguard(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    script = 'cd "$1" && rmdir "$1" && exec "$2" -m scmguard check "$3"'
    boot = tmp_path / "boot"
    boot.mkdir()
    (boot / "config.txt").write_text("")
    words = ["sh", "-c", script, "sh", str(folder), sys.executable, str(boot)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment())
    assert "Traceback" not in done.stderr and done.returncode in (0, 1)
    words[-1] = ""
    done = subprocess.run(words, capture_output=True, text=True, env=environment())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [[], ["guard"]])
def test_without_a_command_the_help_is_shown(words):
    done = scmguard(*words)
    text = done.out + done.err
    assert done.returncode in (0, 2)
    assert "Commands:\n" in text and "\\x0a" not in text
