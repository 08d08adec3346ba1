"""Questions to other programs, asked with real ones: shells, Pythons, and what misbehaves in every way."""

import os
import signal
import stat
import sys
import time
from typing import Any, Sequence

import pytest

from scmguard.programs import ENVIRONMENT, Answer, Silent, ask, find

SHELL = "/bin/sh"
#: A busy computer may need this much longer than a limit says.
SLACK = 3.0


def sh(script: str, limit: float = 20.0, *words: str) -> Answer:
    return ask(SHELL, ["-c", script, "sh", *words], limit)


def python(script: str, limit: float = 20.0) -> Answer:
    return ask(sys.executable, ["-I", "-S", "-c", script], limit)


def alive(process: int) -> bool:
    """Whether a process runs: a zombie that nobody waits for does not."""
    try:
        with open("/proc/{}/stat".format(process), encoding="ascii") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def soon_gone(process: int) -> bool:
    end = time.monotonic() + SLACK
    while alive(process) and time.monotonic() < end:
        time.sleep(0.01)
    return not alive(process)


def test_status_and_both_outputs() -> None:
    assert sh("echo out; echo err >&2; exit 7") == Answer(7, "out\n", "err\n", "")


def test_words_are_passed_as_they_are() -> None:
    words: Sequence[str] = ["a b", "$HOME", "*", "'\"", ";exit 3"]
    assert sh('printf "%s|" "$@"', 20.0, *words) == Answer(0, "".join(word + "|" for word in words))


def test_ended_by_a_signal() -> None:
    assert sh("echo before; kill -SEGV $$").status == -signal.SIGSEGV
    assert sh("echo before; kill -KILL $$") == Answer(-signal.SIGKILL, "before\n")


def test_bytes_that_are_no_text() -> None:
    assert sh(r"printf 'a\377\000b\342\202'").out == "a\ufffd\0b\ufffd"


def test_no_output_at_all() -> None:
    assert sh("exit 0") == Answer(0, "")


def test_standard_input_is_empty() -> None:
    assert sh("cat; echo end") == Answer(0, "end\n")


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(Silent, match="^it could not be started: no such file or directory$"):
        ask("/no/such/program", [], 5)


def test_a_file_that_nobody_may_run(tmp_path: Any) -> None:
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\necho no\n")
    with pytest.raises(Silent, match="^it could not be started: permission denied$"):
        ask(str(path), [], 5)


def test_a_file_that_is_no_program(tmp_path: Any) -> None:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF and nothing else")
    path.chmod(0o755)
    with pytest.raises(Silent, match="^it could not be started: exec format error$"):
        ask(str(path), [], 5)


def test_a_script_whose_interpreter_is_gone(tmp_path: Any) -> None:
    path = tmp_path / "program"
    path.write_text("#!/no/such/interpreter\n")
    path.chmod(0o755)
    with pytest.raises(Silent, match="^it could not be started: no such file or directory$"):
        ask(str(path), [], 5)


def test_a_folder_is_no_program(tmp_path: Any) -> None:
    with pytest.raises(Silent, match="^it could not be started: "):
        ask(str(tmp_path), [], 5)


# Time.


def test_what_does_not_answer_is_ended_in_time_and_what_it_said_is_there() -> None:
    begin = time.monotonic()
    answer = sh("echo $$; sleep 60; echo never", 0.5)
    assert time.monotonic() - begin < 0.5 + SLACK
    assert answer.late == "it did not answer within 0.5 s"
    assert answer.status == -signal.SIGKILL
    assert soon_gone(int(answer.out))


def test_what_ignores_signals_is_ended_too() -> None:
    answer = sh("trap '' TERM INT HUP; echo $$; while :; do sleep 60; done", 0.5)
    assert answer.late and soon_gone(int(answer.out))


def test_what_it_started_is_ended_with_it() -> None:
    answer = sh("sleep 60 & echo $!; sleep 60 & echo $!; echo $$; wait", 0.5)
    assert answer.late
    assert all(soon_gone(int(number)) for number in answer.out.split()) and len(answer.out.split()) == 3


def test_a_grandchild_that_holds_the_pipe_does_not_hold_us() -> None:
    """The program itself has ended; what it left behind has its output open, and is ended when the time is over."""
    begin = time.monotonic()
    answer = sh("sleep 60 & echo $!", 0.5)
    assert time.monotonic() - begin < 0.5 + SLACK
    assert answer.late == "it did not answer within 0.5 s"
    assert soon_gone(int(answer.out))


def test_a_grandchild_in_a_session_of_its_own_does_not_hold_us_either() -> None:
    """Nobody can find that one; its pipe has no reader any more."""
    script = "import os, time\nif os.fork() == 0:\n os.setsid(); print(os.getpid(), flush=True); time.sleep(60)\n"
    begin = time.monotonic()
    answer = python(script, 1.0)
    try:
        assert time.monotonic() - begin < 1.0 + SLACK
        assert answer.late
    finally:
        os.kill(int(answer.out), signal.SIGKILL)


def test_what_closes_its_pipes_and_lives_on_is_ended() -> None:
    begin = time.monotonic()
    answer = sh("echo $$; exec >&- 2>&-; sleep 60", 0.5)
    assert time.monotonic() - begin < 0.5 + SLACK
    assert answer.late and soon_gone(int(answer.out))


def test_what_closes_its_pipes_and_ends_is_waited_for() -> None:
    assert sh("echo out; exec >&- 2>&-; sleep 0.2; exit 5") == Answer(5, "out\n")


def test_a_background_process_without_our_pipes_is_not_waited_for() -> None:
    begin = time.monotonic()
    answer = sh("sleep 60 >/dev/null 2>&1 & echo $!")
    try:
        assert time.monotonic() - begin < 10
        assert not answer.late and answer.status == 0
    finally:
        os.kill(int(answer.out), signal.SIGKILL)


# Size.


def test_output_that_does_not_end_is_cut_and_ended() -> None:
    begin = time.monotonic()
    answer = sh("yes 2>/dev/null", 0.7)
    assert time.monotonic() - begin < 0.7 + SLACK
    assert answer.late and len(answer.out) == 1 << 20
    assert set(answer.out) == {"y", "\n"}


def test_large_outputs_on_both_pipes_do_not_block_each_other() -> None:
    script = "import os\nfor _ in range(64): os.write(2, b'e' * 65536); os.write(1, b'o' * 65536)\nos.write(1, b'end')"
    answer = python(script, 60.0)
    assert not answer.late and answer.status == 0
    assert answer.out == "o" * (1 << 20) and answer.err == "e" * (1 << 20)


def test_much_on_standard_error_before_the_answer() -> None:
    answer = python("import sys\nsys.stderr.write('e' * 3000000)\nprint('answer')", 60.0)
    assert (answer.status, answer.out, len(answer.err)) == (0, "answer\n", 1 << 20)


# What does not leak into a program.


def test_the_environment_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PYTHONHOME",
        "BASH_ENV",
        "ENV",
        "IFS",
    ):
        monkeypatch.setenv(name, "/tmp/evil")
    monkeypatch.setenv("PATH", "/tmp/evil")
    monkeypatch.setenv("HOME", "/tmp/evil")
    found = dict(line.split("=", 1) for line in ask("/usr/bin/env", [], 20).out.splitlines())
    assert found == ENVIRONMENT
    assert "evil" not in python("import os, sys; print(os.environ, sys.path)").out


def test_no_open_file_is_passed_on() -> None:
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    os.set_inheritable(writer, True)
    try:
        answer = sh("ls /proc/$$/fd")
    finally:
        os.close(reader)
        os.close(writer)
    assert answer.out.split() == ["0", "1", "2"]


def test_the_folder_and_the_session_are_others() -> None:
    answer = python("import os; print(os.getcwd(), os.getpid() == os.getsid(0) == os.getpgid(0))")
    assert answer.out == "/ True\n"


def test_our_pipes_are_closed_afterwards() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for script in ("echo x", "sleep 60"):
        sh(script, 0.5)
    with pytest.raises(Silent):
        ask("/no/such/program", [], 1)
    assert len(os.listdir("/proc/self/fd")) == before


# Where programs are.


def test_programs_are_not_looked_for_in_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    own = tmp_path / "vcgencmd-of-somebody"
    own.write_text("#!/bin/sh\n")
    own.chmod(own.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find("vcgencmd-of-somebody") is None
    assert find("sh") in ("/usr/bin/sh", "/bin/sh")


def test_a_file_that_nobody_may_run_and_a_folder_are_not_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "text").write_text("")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr("scmguard.programs.FOLDERS", (str(tmp_path),))
    assert find("text") is None and find("folder") is None
