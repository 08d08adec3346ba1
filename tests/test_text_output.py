"""The text report: its form, the caret, and that no byte of a file reaches the terminal as a command."""

import os
import pty
import re
import subprocess
import sys
import unicodedata

import pytest

from tests.places import staged
from tests.terminal import read_all

OTG = "otg-mode-enabled"
EVIL = "\x1b[31mX\x1b]0;owned\x07\x08\r\x7f"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def environment():
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PYTHONPATH")}
    env.update(PYTHONPATH=staged(), PYTHONDONTWRITEBYTECODE="1", PYTHONIOENCODING="utf-8", TERM="xterm")
    return env


def scmguard(*arguments, cwd=None, data=b""):
    done = subprocess.run(
        [sys.executable, "-m", "scmguard", *map(str, arguments)],
        input=data,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd or staged(),
        timeout=60,
        env=environment(),
    )
    assert b"Traceback" not in done.stderr + done.stdout, done.stderr.decode("utf-8", "replace")
    done.out = done.stdout.decode("utf-8")
    done.err = done.stderr.decode("utf-8")
    return done


def on_a_terminal(*arguments, cwd=None):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "scmguard", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
        cwd=cwd or staged(),
        env=environment(),
    )
    os.close(slave)
    seen = read_all(master)
    process.wait(timeout=60)
    return seen.decode("utf-8").replace("\r\n", "\n")  # the terminal line discipline puts the CR in


def boot(tmp_path, config, **files):
    folder = tmp_path / "b"
    folder.mkdir(exist_ok=True)
    files["config_txt"] = config
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def report(tmp_path, config, *more, **files):
    folder = boot(tmp_path, config, **files)
    return scmguard("check", ".", "--select", OTG, *more, cwd=folder).out


def unsafe(text):
    """Characters that steer a terminal or reorder what is on it."""
    return sorted({c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs")})


def width(text):
    wide = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    return wide - sum(1 for c in text if unicodedata.combining(c))


def underlined(text):
    """What stands above the carets of the first finding, by columns of a terminal, without the gutter."""
    lines = text.splitlines()
    row = next(i for i, line in enumerate(lines) if re.fullmatch(r" *\| +\^+ *", line))
    source, carets = lines[row - 1], lines[row]
    assert "\t" not in carets
    first, last = carets.index("^"), carets.rindex("^")
    column, found = 0, ""
    for character in source:
        if character == "\t":
            column += 8 - column % 8
            continue
        if first <= column <= last:
            found += character
        column += width(character)
    return found


# the form


def test_head_and_place(tmp_path):
    lines = report(tmp_path, "[cm4]\notg_mode=1\n").splitlines()
    assert re.fullmatch(r"brick\[otg-mode-enabled\]: \S.*", lines[0])
    assert re.fullmatch(r" *--> config\.txt:2:1", lines[1])


def test_source_line_and_number(tmp_path):
    assert re.search(r"^ *12 \| otg_mode=1$", report(tmp_path, "\n" * 11 + "otg_mode=1\n"), re.M)


def test_related_line(tmp_path):
    out = report(tmp_path, "#\n[cm4]\n\notg_mode=1\n")
    assert re.search(r"config\.txt:2.*active because of \[cm4\]", out)


def test_no_related_line_without_a_section(tmp_path):
    assert "active because" not in report(tmp_path, "otg_mode=1\n")


def test_what_happens_and_what_to_do(tmp_path):
    out = " ".join(report(tmp_path, "otg_mode=1\n").split())
    assert "XHCI controller" in out
    assert "Remove the line" in out


def test_a_possible_finding_says_so(tmp_path):
    out = report(tmp_path, "[rpi4]\notg_mode=1\n")
    assert "possible" in out
    assert "unknown-filter" in out


def test_a_certain_finding_does_not_say_possible(tmp_path):
    assert "possible" not in report(tmp_path, "[cm4]\notg_mode=1\n").splitlines()[0]


@pytest.mark.parametrize(
    "config, count", [("otg_mode=1\n", "1 brick"), ("", "no findings"), ("[cm5]\notg_mode=1\n", "no findings")]
)
def test_last_line_has_the_counts(tmp_path, config, count):
    assert report(tmp_path, config).splitlines()[-1] == count


def test_last_line_counts_all_trees(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.txt").write_text("otg_mode=1\n")
    done = scmguard("check", "a", "b", "c", "--select", OTG, cwd=tmp_path)
    assert re.search(r"\b3 brick", done.out.splitlines()[-1])


def test_nothing_on_standard_error(tmp_path):
    assert scmguard("check", boot(tmp_path, "otg_mode=1\n"), "--select", OTG).err == ""


# the caret


@pytest.mark.parametrize(
    "line",
    [
        "otg_mode=1",
        "   otg_mode=1",
        "\totg_mode=1",
        "\t\t otg_mode=1",
        " \totg_mode=1",
        "    \t   \totg_mode=1",
    ],
)
def test_caret_stands_under_the_setting(tmp_path, line):
    assert underlined(report(tmp_path, line + "\n")) == "otg_mode=1"


@pytest.mark.parametrize("line", ["otg_mode=1", "\totg_mode=1", "       \totg_mode=1", " \t \totg_mode=1"])
def test_caret_in_an_included_file(tmp_path, line):
    out = report(tmp_path, "include u.txt\n", u_txt=line + "\n")
    assert re.search(r"--> u\.txt:1:%d$" % (line.index("o") + 1), out, re.M)
    assert underlined(out) == "otg_mode=1"


@pytest.mark.parametrize(
    "comment",
    ["\u65e5\u672c\u8a9e", "e\u0301 u\u0308", "\uff21\uff22", "\U0001f600", "\u0939\u093f", "caf\u00e9", "a\tb\tc"],
)
def test_caret_covers_the_line_with_its_comment(tmp_path, comment):
    out = report(tmp_path, "\totg_mode=1 # " + comment + "\n")
    source = next(line for line in out.splitlines() if re.match(r"1 \| ", line))
    carets = next(line for line in out.splitlines() if re.fullmatch(r" *\| +\^+", line))
    assert source[carets.index("^") :].startswith("otg_mode=1")
    assert len(carets) <= width(source.expandtabs())
    assert carets.count("^") >= len("otg_mode=1")


def house(tmp_path, line):
    """A fault behind other characters: an overlay's parameter is judged where it stands on its line."""
    return scmguard("check", ".", "--select", "quoted-value", cwd=boot(tmp_path, line + "\n")).out


@pytest.mark.parametrize("before", ["a", "\u65e5\u672c", "e\u0301", "\uff21", "\u0939\u093f", "caf\u00e9"])
def test_caret_behind_wide_and_combining_characters(tmp_path, before):
    """The place of the quoted value is taken from the column that the report itself names."""
    line = "dtoverlay=" + before + ',x="host"'
    out = house(tmp_path, line)
    if "quoted-value" not in out:
        pytest.fail("quoted-value did not fire on " + line)
    column = int(re.search(r"--> config\.txt:1:(\d+)", out).group(1))
    carets = next(text for text in out.splitlines() if re.fullmatch(r" *\| +\^+", text))
    assert carets.index("^") - len("1 | ") == width(line[: column - 1])


def test_caret_at_the_end_of_a_file_without_newline(tmp_path):
    assert underlined(report(tmp_path, "otg_mode=1")) == "otg_mode=1"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_are_not_shown(tmp_path, end):
    out = report(tmp_path, "# one" + end + "otg_mode=1" + end)
    assert re.search(r"^2 \| otg_mode=1$", out, re.M)


# nothing from a file steers the terminal


@pytest.mark.parametrize(
    "evil",
    [
        "\x1b[31m",
        "\x1b]0;title\x07",
        "\x07",
        "\x08\x08\x08",
        "\x9b31m",
        "\u202e",
        "\u2066",
        "\u2028",
        "\x0c",
        "\x0b",
        "\x7f",
        "\x00",
        "\ufeff",
    ],
)
def test_control_characters_in_a_line(tmp_path, evil):
    out = report(tmp_path, "otg_mode=1" + evil + "\n")
    assert OTG in out
    assert unsafe(out) == []


@pytest.mark.parametrize("data", [b"otg_mode=1\x9b31m", b"otg_mode=1\xff\xfe", b"otg_mode=1\xed\xa0\x80"])
def test_bytes_that_are_not_utf_8(tmp_path, data):
    out = report(tmp_path, data)
    assert OTG in out
    assert unsafe(out) == []


def test_a_lone_cr_cannot_overwrite_a_line(tmp_path):
    out = report(tmp_path, "otg_mode=1 \rno findings\n")
    assert "\r" not in out
    assert "1 brick" in out


def test_control_characters_in_a_header(tmp_path):
    out = report(tmp_path, "[" + EVIL.replace("\r", "") + "]\notg_mode=1\n")
    assert OTG in out
    assert unsafe(out) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "."],
        ["check", ".", "--quiet"],
        ["show", "."],
        ["show", ".", "kernel"],
        ["show", ".", "root"],
        ["show", ".", "dwc2"],
    ],
)
def test_control_characters_everywhere(tmp_path, arguments):
    lines = [
        "kernel=a%s",
        "[%s]",
        "%s=1",
        "dtoverlay=%s",
        "dtoverlay=dwc2,%s=1",
        "dtparam=%s",
        "gpio=%s",
        "initramfs %s",
        "include %s",
    ]
    config = "\n".join(line % EVIL.replace("\r", "") for line in lines) + "\notg_mode=1\n"
    folder = boot(tmp_path, config, cmdline_txt="root=" + EVIL + " " + EVIL + "=1\n")
    (folder / (EVIL.replace("/", "") + ".txt")).write_text(config)
    piped = scmguard(*arguments, cwd=folder)
    assert unsafe(piped.out + piped.err) == []
    seen = on_a_terminal(*arguments, cwd=folder)
    assert unsafe(COLOUR.sub("", seen)) == []
    assert "\x1b[31mX" not in seen


@pytest.mark.parametrize("evil", ["\x1b[31mX", "\x1b]0;owned\x07", "\x08\x08", "a\nb", "\u202e"])
def test_control_characters_in_a_path_of_a_finding(tmp_path, evil):
    folder = tmp_path / evil
    folder.mkdir()
    (folder / "config.txt").write_text("otg_mode=1\n")
    seen = on_a_terminal("check", evil, "--select", OTG, cwd=tmp_path)
    assert OTG in seen
    assert unsafe(COLOUR.sub("", seen)) == []
    assert "\x1b[31mX" not in seen
    assert len(re.findall(r"--> .*config\.txt:1:1", seen)) == 1


@pytest.mark.parametrize("evil", ["\x1b[31mX", "\x1b]0;owned\x07", "\x08\x08", "a\nb", "\u202e"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "{}"],
        ["show", "{}"],
        ["check", "--root", "{}"],
        ["check", ".", "--board", "{}"],
        ["check", ".", "--profile", "{}"],
        ["check", ".", "--select", "{}"],
        ["check", ".", "--config", "{}"],
        ["check", ".", "--output", "nowhere/{}"],
        ["show", ".", "{}"],
        ["rules", "{}"],
    ],
)
def test_control_characters_in_a_message(tmp_path, evil, arguments):
    """Names come out of scripts and archives: a message about one must not steer the terminal either."""
    folder = boot(tmp_path, "arm_64bit=1\n")
    seen = on_a_terminal(*[a.format(evil) for a in arguments], cwd=folder)
    assert seen
    assert unsafe(COLOUR.sub("", seen)) == []
    assert "\x1b[31mX" not in seen
    assert len(seen.splitlines()) == 1


@pytest.mark.parametrize("evil", ["\x1b[31mX", "\x1b]0;owned\x07", "\x08\x08", "\u202e"])
@pytest.mark.parametrize("kind", ["leaving link", "loop", "directory", "fifo", "dots"])
def test_control_characters_in_an_include_that_cannot_be_read(tmp_path, evil, kind):
    name = "../" + evil if kind == "dots" else evil
    folder = boot(tmp_path, "include " + name + "\n")
    if kind == "leaving link":
        (folder / evil).symlink_to("/etc/hostname")
    elif kind == "loop":
        (folder / evil).symlink_to(evil)
    elif kind == "directory":
        (folder / evil).mkdir()
    elif kind == "fifo":
        os.mkfifo(str(folder / evil))
    for command in ("check", "show"):
        seen = on_a_terminal(command, ".", cwd=folder)
        assert unsafe(COLOUR.sub("", seen)) == []
        assert "\x1b[31mX" not in seen


@pytest.mark.parametrize(
    "text", ['"a\\e[31mX": 1\n', 'profile: "\\e[31mX"\n', 'select: ["\\e[31mX"]\n', 'rules: ["\\e[31mX"]\n']
)
def test_control_characters_in_a_configuration(tmp_path, text):
    folder = boot(tmp_path, "", _scmguard_yaml=text)
    seen = on_a_terminal("check", ".", cwd=folder)
    assert unsafe(COLOUR.sub("", seen)) == []
    assert "\x1b[31mX" not in seen


def test_control_characters_in_the_name_of_standard_input(tmp_path):
    done = scmguard("check", "-", "--as", "config.txt", "--stdin-filename", EVIL, "--select", OTG, data=b"otg_mode=1\n")
    assert OTG in done.out
    assert unsafe(done.out + done.err) == []


def test_ordinary_characters_are_left_as_they_are(tmp_path):
    out = report(tmp_path, "otg_mode=1 # gr\u00fc\u00dfe \u65e5\u672c \U0001f600 \\x1b \\ %s {}\n")
    assert "otg_mode=1 # gr\u00fc\u00dfe \u65e5\u672c \U0001f600 \\x1b \\ %s {}" in out


def test_an_encoding_that_lacks_the_characters_is_no_crash(tmp_path):
    folder = boot(tmp_path, "otg_mode=1 # \u65e5\u672c\n")
    env = dict(environment(), PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
    done = subprocess.run(
        [sys.executable, "-m", "scmguard", "check", str(folder), "--select", OTG],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=60,
        env=env,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"1 brick" in done.stdout


# long lines


@pytest.mark.parametrize("length", [500, 5000, 1_000_000])
@pytest.mark.parametrize("line", ["otg_mode=1 # {}", "otg_mode=1{}"])
def test_long_lines_are_cut(tmp_path, line, length):
    out = report(tmp_path, line.format("x" * length) + "\n")
    assert OTG in out
    assert max(map(len, out.splitlines())) < 300
    assert len(out) < 5000


@pytest.mark.parametrize("blanks", [1000, 100_000])
def test_a_fault_far_to_the_right_is_still_shown(tmp_path, blanks):
    out = report(tmp_path, " " * blanks + "otg_mode=1\n")
    assert ":1:%d" % (blanks + 1) in out
    assert max(map(len, out.splitlines())) < 300
    assert underlined(out) == "otg_mode=1"


def test_a_long_header_is_cut(tmp_path):
    out = report(tmp_path, "[%s]\notg_mode=1\n" % ("y" * 10_000))
    assert max(map(len, out.splitlines())) < 400


def test_short_lines_are_not_cut(tmp_path):
    line = "otg_mode=1 # " + "abc " * 10 + "end"
    assert "1 | " + line in report(tmp_path, line + "\n")
