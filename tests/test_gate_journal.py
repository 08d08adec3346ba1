"""Transactions without an end, the log, and the programs that are above a hook."""

import json
import os
import pty
import signal
import subprocess
import sys
import syslog
from typing import Any, List, Tuple

import pytest

from scmguard.gate import callers, journal
from scmguard.gate.callers import Process
from scmguard.gate.journal import Entry
from tests.gate_runs import killed, on_small_disk

ENTRY = Entry("1900000000000-7", 1_900_000_000, "apt upgrade", ("a install",), (1, 5), "for a test")


# --- transactions that are open ---


def test_what_began_is_open_until_its_end(tmp_path: Any) -> None:
    folder = str(tmp_path / "open")
    journal.begin(ENTRY, folder)
    journal.begin(ENTRY._replace(id="5-8", begun=5), folder)
    assert journal.entries(folder) == [ENTRY._replace(id="5-8", begun=5), ENTRY], "the oldest first"
    journal.end(ENTRY, folder)
    journal.end(ENTRY, folder)
    assert [entry.id for entry in journal.entries(folder)] == ["5-8"]


def test_nothing_is_open(tmp_path: Any) -> None:
    (tmp_path / ".scmguard-half").write_text("{")
    (tmp_path / "README").write_text("not mine")
    assert journal.entries(str(tmp_path)) == [] == journal.entries(str(tmp_path / "no"))
    journal.end(ENTRY, str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == [".scmguard-half", "README"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "{}", "\udcff", "[" * 100_000, '{"owner": [1, 2]}'),
        json.dumps({**ENTRY._asdict(), "owner": [1]}),
        json.dumps({**ENTRY._asdict(), "owner": ["1", 5]}),
        json.dumps({**ENTRY._asdict(), "caller": None}),
        json.dumps({**ENTRY._asdict(), "overridden": 1}),
        json.dumps({**ENTRY._asdict(), "begun": "x"}),
        json.dumps({**ENTRY._asdict(), "more": 1}),
    ],
)
def test_a_damaged_entry_is_one_all_the_same(tmp_path: Any, text: str) -> None:
    (tmp_path / "9.json").write_text(text, errors="surrogateescape")
    journal.begin(ENTRY, str(tmp_path))
    found = journal.entries(str(tmp_path))
    assert [entry.id for entry in found] == ["9", ENTRY.id] and found[1] == ENTRY
    assert "damaged" in found[0].caller and not found[0].is_running and found[0].overridden == ""
    journal.end(found[0], str(tmp_path))
    assert journal.entries(str(tmp_path)) == [ENTRY]


def test_an_entry_ends_with_its_own_file(tmp_path: Any) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "other.json").write_text("somebody else's")
    (tmp_path / "open" / "9.json").write_text(json.dumps({**ENTRY._asdict(), "id": "../other"}))
    for entry in journal.entries(str(tmp_path / "open")):
        journal.end(entry, str(tmp_path / "open"))
    assert os.listdir(tmp_path / "open") == [] and (tmp_path / "other.json").exists()


_BEGIN = """
from scmguard.gate import journal
journal.begin(journal.Entry("2-2", 2, "killed", (), (1, 1)), sys.argv[2])
"""


def test_killed_while_it_begins(tmp_path: Any) -> None:
    number, completed = 0, False
    while not completed:
        number += 1
        folder = str(tmp_path / str(number))
        completed = killed(number, _BEGIN, folder)
        assert [entry.caller for entry in journal.entries(folder)] in (["killed"], [] if not completed else ["killed"])
        journal.begin(ENTRY, folder)
        assert all(name.endswith(".json") for name in os.listdir(folder)) and ENTRY in journal.entries(folder)
    assert number > 4


def of(pid: int) -> Entry:
    return ENTRY._replace(owner=(pid, callers.started(pid)))


def test_who_runs_it_is_there_or_not() -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        entry = of(process.pid)
        assert entry.is_running and of(os.getpid()).is_running
        pid, started = entry.owner
        assert not entry._replace(owner=(pid, started + 1)).is_running, "another one of that number"
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert os.path.exists("/proc/{}".format(pid)) and not entry.is_running, "a zombie"
    finally:
        process.kill()
        process.wait()
    assert not entry.is_running and callers.started(pid) == 0
    assert not ENTRY._replace(owner=(0, 0)).is_running and not of(2**22 + 1).is_running


# --- the log ---


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> List[bytes]:
    """What syslog would have got, as C takes it."""
    lines: List[bytes] = []
    monkeypatch.setattr(syslog, "syslog", lambda _priority, line: lines.append(line.encode("utf-8")))
    return lines


def record(path: Any, *arguments: Any, **fields: Any) -> Any:
    return journal.record(*arguments, path=str(path), **fields)


def test_lines_are_added(tmp_path: Any, said: List[bytes]) -> None:
    path = tmp_path / "log"
    path.write_text('{"event": "old", "message": "first"}\n')
    assert record(path, "veto", "caf\u00e9\n\udcff\0", findings=["a"]) is None and record(path, "end", "x") is None
    assert [(line["event"], line["message"]) for line in journal.last(9, str(path))] == [
        *(("old", "first"), ("veto", "caf\u00e9\n\udcff\0"), ("end", "x"))
    ]
    assert said[0].startswith("veto: caf\u00e9".encode()) and b"\0" not in said[0] and said[1] == b"end: x"
    assert len(path.read_text().split("\n")) == 4 and journal.last(9, str(path))[1]["findings"] == ["a"]


@pytest.mark.parametrize(
    "count, expected", [(0, []), (1, ["c"]), (2, ["b", "c"]), (3, ["a", "b", "c"]), (9, ["a", "b", "c"])]
)
def test_the_last_lines(tmp_path: Any, count: int, expected: List[str]) -> None:
    for message in "abc":
        record(tmp_path / "log", "end", message)
    assert [line["message"] for line in journal.last(count, str(tmp_path / "log"))] == expected
    assert journal.last(count, str(tmp_path / "no")) == []


def test_what_is_no_line_is_left_out(tmp_path: Any) -> None:
    path = tmp_path / "log"
    path.write_bytes(
        b'\xff\n[]\n{"x": 1}\nnull\n\n{"event": "end", "message": "a"}\n' + b"[" * 100_000 + b'\n{"event": "en'
    )
    assert [line["message"] for line in journal.last(9, str(path))] == ["a"]
    assert record(path, "end", "b") is None
    assert [line["message"] for line in journal.last(9, str(path))] == ["a", "b"], "half a line does not spoil the next"


def linked(path: Any) -> None:
    (path.parent / "other").write_text("somebody else's")
    path.symlink_to("other")


@pytest.mark.parametrize(
    "prepare",
    [linked, lambda path: path.mkdir(), os.mkfifo, lambda path: path.parent.chmod(0o755) or path.symlink_to("no")],
)
def test_what_is_no_file_is_refused_and_stops_nothing(tmp_path: Any, prepare: Any) -> None:
    prepare(tmp_path / "log")
    names = sorted(os.listdir(tmp_path))
    assert record(tmp_path / "log", "end", "x").startswith(str(tmp_path / "log") + ": ")
    assert sorted(os.listdir(tmp_path)) == names
    assert "other" not in names or (tmp_path / "other").read_text() == "somebody else's"


def test_no_folder_for_the_log(tmp_path: Any) -> None:
    assert "no such file" in record(tmp_path / "no" / "log", "end", "x") and os.listdir(tmp_path) == []


_FULL = """
import os, sys, syslog
from scmguard.gate import journal
syslog.syslog = lambda *_: None
path = sys.argv[1] + "/log"
def record(message):
    print(journal.record("end", message, path) is None, [len(line["message"]) for line in journal.last(9, path)])
record("first")
with open(sys.argv[1] + "/fill", "wb", buffering=0) as fill:
    fill.write(b"x" * (64 << 10))
record("x" * 6000)
record("x" * 6000)
os.unlink(sys.argv[1] + "/fill")
record("last one")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_log_on_a_full_disk(tmp_path: Any) -> None:
    """It is said, and what was cut off spoils neither what was there nor what comes."""
    done = on_small_disk(tmp_path / "log", "size=64k", _FULL)
    assert done.splitlines() == ["True [5]", "False [5]", "False [5]", "True [5, 8]"]


# --- who called ---


def process(*words: str) -> Process:
    return Process(1, 1, words)


@pytest.mark.parametrize(
    "words, name",
    [
        (("/usr/bin/apt", "upgrade"), "apt"),
        (("/usr/bin/python3", "/usr/bin/unattended-upgrade", "-v"), "unattended-upgrade"),
        (("/usr/bin/python3.11", "-u", "/usr/bin/unattended-upgrade"), "unattended-upgrade"),
        (("/bin/sh", "/usr/lib/apt/apt.systemd.daily", "install"), "apt.systemd.daily"),
        (("sh", "-c", "/usr/lib/scmguard/apt-hook pre"), "sh"),
        (("bash",), "bash"),
        (("/usr/sbin/shutdown", "-r", "now"), "shutdown"),
        (("perlbrew", "exec"), "perlbrew"),
        ((), ""),
    ],
)
def test_what_a_program_is_called(words: Tuple[str, ...], name: str) -> None:
    assert process(*words).name == name


def test_what_stands_between_is_no_owner() -> None:
    hook = [process("timeout", "300", "python3"), process("/bin/sh", "/usr/lib/scmguard/apt-hook", "pre")]
    hook.append(process("sh", "-c", "/usr/lib/scmguard/apt-hook pre || test $? -ne 10"))
    apt = process("apt-get", "install", "x")
    assert callers.owner([*hook, apt, process("bash")]) == apt and callers.owner(hook) is None
    assert callers.owner([]) is None


_ABOVE = """
import json, os
from scmguard.gate import callers
print(json.dumps([[p.name, p.words, p.folder] for p in callers.above(os.getpid())]))
"""


def test_the_programs_above_a_real_one(tmp_path: Any) -> None:
    """As a hook is run: a shell, a time limit, a shell; the words come as they were given."""
    (tmp_path / "hook.py").write_text(_ABOVE)
    folder = tmp_path / "a b\n"
    folder.mkdir()
    inner = "{} {}; true".format(sys.executable, tmp_path / "hook.py")
    script = 'cd "$1"; timeout 60 sh -c "$2" inner "" "two words"; true'
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    run = subprocess.run(
        ["sh", "-c", script, "outer", str(folder), inner], capture_output=True, text=True, env=environment
    )
    found = json.loads(run.stdout)
    assert [each[0] for each in found[:3]] == ["sh", "timeout", "sh"], run.stderr
    assert found[0][1] == ["sh", "-c", inner, "inner", "", "two words"] and found[0][2] == str(folder)
    assert found[2][1][3] == "outer" and found[1][1][:2] == ["timeout", "60"]


def test_a_process_that_is_gone_has_none_above() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert callers.above(child.pid) == [] == callers.above(0)
    assert callers.above(os.getpid())[0].pid == os.getppid()


@pytest.mark.parametrize(
    "words, says",
    [
        (("/usr/bin/python3", "/usr/bin/unattended-upgrade"), "unattended-upgrade runs it"),
        (("/bin/sh", "/usr/lib/apt/apt.systemd.daily", "install"), "apt.systemd.daily runs it"),
        (("/usr/sbin/cron", "-f"), "cron runs it"),
        (("/usr/libexec/packagekitd",), "packagekitd runs it"),
    ],
)
def test_nobody_watches(words: Tuple[str, ...], says: str) -> None:
    assert callers.unattended([process("apt-get"), process(*words)]) == says


def test_whether_there_is_a_terminal() -> None:
    code = "from scmguard.gate import callers; print(repr(callers.unattended([])))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, start_new_session=True)
    assert run.stdout == "'it has no terminal'\n"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])
    try:
        data = b""
        while b"\n" not in data:
            data += os.read(terminal, 1000)
        assert data.strip() == b"''"
    finally:
        os.waitpid(pid, 0)
        os.close(terminal)
