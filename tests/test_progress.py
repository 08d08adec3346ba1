"""The line that tells how far a long run is: on a terminal alone, gone in the end, and never mixed into anything."""

import fcntl
import os
import pty
import re
import resource
import signal
import struct
import subprocess
import sys
import termios

import pytest

from tests.terminal import read_all
from tests.test_cli import BAD, OTG, environment, tree

SELECT = ["--select", OTG, "--no-color"]
LINE = re.compile(r"checked ([0-9]+) of ([0-9]+)")


def screen(text):
    """What a terminal shows after a text: lines, without the blanks at their ends."""
    lines, row, column = [[]], 0, 0
    for piece in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[^\x1b]", text):
        if piece == "\r":
            column = 0
        elif piece == "\n":
            row += 1
            if row == len(lines):
                lines.append([])
        elif piece == "\x1b[K":
            del lines[row][column:]
        else:
            assert not piece.startswith("\x1b"), piece
            lines[row][column:] = [" "] * (column - len(lines[row])) + [piece] + lines[row][column + 1 :]
            column += 1
    return ["".join(line).rstrip() for line in lines]


def command(*arguments):
    return [sys.executable, "-m", "scmguard", "check", *SELECT, *arguments]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with boot trees, and names of so many of them that they take some seconds."""
    folder = tmp_path_factory.mktemp("trees")
    tree(folder / "a", config_txt="".join("# {}\ngpu_mem={}\n".format(n, n) for n in range(400)))
    tree(folder / "b", config_txt=BAD)
    names = ["a"] * 100
    while True:
        # No run takes less than the processor's time for it, however busy the machine was at the first.
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command(*names), cwd=str(folder), env=environment(), stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if after.ru_utime - before.ru_utime > 2.5:
            return str(folder), names
        names = names * 2


def run(place, names, *more, out="terminal", err="terminal", columns=80, **env):
    """Exit code, and what a terminal and a file got of a run; each stream goes to one of the two."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    path = os.path.join(place[0], "captured")
    with open(path, "wb") as file:
        ways = {"terminal": slave, "file": file.fileno()}
        process = subprocess.Popen(
            command(*more, *names), cwd=place[0], env={**environment(), **env}, stdout=ways[out], stderr=ways[err]
        )
        os.close(slave)
        seen = read_all(master).decode()
    code = process.wait(timeout=60)
    with open(path, encoding="utf-8") as file:
        return code, seen, file.read()


def test_the_line_is_drawn_and_gone_in_the_end(place):
    code, seen, _ = run(place, place[1])
    steps = [(int(done), int(total)) for done, total in LINE.findall(seen)]
    assert code == 0 and steps == sorted(steps) and steps
    assert all(0 < done <= total == len(place[1]) for done, total in steps)
    assert len(steps) < 200
    assert screen(seen) == ["no findings in {} boot trees".format(len(place[1])), ""]


def test_between_findings_nothing_is_mixed(place):
    names = ["b" if number % 5 == 0 else "a" for number in range(len(place[1]))]
    code, seen, _ = run(place, names)
    plain = run(place, names, out="file", err="file")
    assert code == plain[0] == 1
    assert LINE.search(seen) and plain[1] == ""
    assert screen(seen) == plain[2].split("\n")


def test_complaints_are_not_mixed_in_either(place):
    names = ["nowhere" if number % 7 == 0 else "a" for number in range(len(place[1]) * 7 // 6)]
    code, seen, _ = run(place, names)
    assert code == 3 and LINE.search(seen)
    lines = screen(seen)
    assert set(lines[:-2]) == {"scmguard: nowhere: no such file or folder"}
    assert len(lines) - 2 == names.count("nowhere")


def test_the_report_in_a_file_has_nothing_of_it(place):
    code, seen, file = run(place, place[1], out="file")
    assert code == 0 and LINE.search(seen)
    assert screen(seen) == [""]
    assert file == "no findings in {} boot trees\n".format(len(place[1]))


def test_json_on_the_terminal_is_whole(place):
    names = ["b" if number % 5 == 0 else "a" for number in range(len(place[1]))]
    code, seen, _ = run(place, names, "--format", "json")
    plain = run(place, names, "--format", "json", out="file", err="file")
    assert code == 1 and screen(seen) == plain[2].split("\n")


@pytest.mark.parametrize(
    "how", [{"err": "file"}, {"columns": 10}, {"more": ["--quiet"]}, {"TERM": "dumb"}, {"out": "file", "err": "file"}]
)
def test_nobody_to_see_it(place, how):
    more = how.pop("more", [])
    code, seen, file = run(place, place[1], *more, **how)
    assert code == 0
    assert "checked " not in seen + file and "\r" not in (seen + file).replace("\r\n", "")


def test_a_short_run_has_none(place):
    code, seen, _ = run(place, ["a", "b"])
    assert code == 1 and "checked " not in seen and "\x1b" not in seen


def test_a_full_disk_is_said_on_a_clean_line(place):
    master, slave = pty.openpty()
    names = place[1] + ["b"]
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(command(*names), cwd=place[0], env=environment(), stdout=full, stderr=slave)
        os.close(slave)
        seen = read_all(master).decode()
    assert process.wait(timeout=60) == 3 and LINE.search(seen)
    assert screen(seen) == ["scmguard: standard output: no space left on device", ""]


def test_an_interrupt_takes_it_away(place):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command(*place[1], *place[1], *place[1]), cwd=place[0], env=environment(), stdout=slave, stderr=slave
    )
    os.close(slave)
    seen = b""
    while not LINE.search(seen.decode()):
        seen += os.read(master, 65536)
    process.send_signal(signal.SIGINT)
    seen += read_all(master)
    assert process.wait(timeout=60) == 130
    # The library for the command line ends the line.
    assert "".join(screen(seen.decode())) == ""


def test_the_terminal_may_go_away(place):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command(*place[1], "b"), cwd=place[0], env=environment(), stdout=subprocess.DEVNULL, stderr=slave
    )
    os.close(slave)
    seen = b""
    while not LINE.search(seen.decode()):
        seen += os.read(master, 65536)
    os.close(master)
    assert process.wait(timeout=60) == 1
