"""``scmguard edit`` as a whole program: with real editors, terminals, signals, locks, and disks that are full."""

import os
import pty
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest

from tests.killed import counting
from tests.live import Live
from tests.live import why_not as why_no_live
from tests.places import staged
from tests.terminal import read_all

GOOD = "# mine\narm_boost=1\n"
BAD = "gpu_mem = 64\n"
RULE = "spaces-around-equals"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="takes root")


class Desk:
    """A folder with boot files, one for private copies, and editors that are scripts."""

    def __init__(self, top: Any) -> None:
        self.top = top
        self.boot, self.copies, self.bin = top / "boot", top / "copies", top / "bin"
        for folder in (self.boot, self.copies, self.bin):
            folder.mkdir()
        self.config = self.boot / "config.txt"
        self.config.write_text(GOOD)

    def editor(self, script: str, name: str = "ed-script") -> str:
        """An editor that is a shell script; $1 is the copy."""
        path = self.bin / name
        path.write_text("#!/bin/sh\n" + script + "\n")
        path.chmod(0o755)
        return str(path)

    def environment(self, **more: str) -> Dict[str, str]:
        keep = {key: value for key, value in os.environ.items() if key not in ("VISUAL", "EDITOR", "NO_COLOR")}
        made = {"PYTHONPATH": staged(), "TMPDIR": str(self.copies), "PYTHONDONTWRITEBYTECODE": "1", "TERM": "xterm"}
        return {**keep, **made, **more}

    def command(self, *words: str) -> List[str]:
        return [sys.executable, "-m", "scmguard", "edit", "--profile", "pi4", *(words or (str(self.config),))]

    def run(self, script: str, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """edit, without a terminal."""
        env = self.environment(EDITOR=self.editor(script), **more)
        done = subprocess.run(
            self.command(*words), env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def kept(self, said: str) -> str:
        """The copy that a message names."""
        (path,) = [
            line.split(" is kept in ")[1].split(";")[0] for line in said.splitlines() if "the edit is kept" in line
        ]
        return path

    def left(self) -> List[str]:
        """What is in the folders for copies and boot files that should not be."""
        extra = [name for name in os.listdir(self.boot) if name.startswith(".")]
        return sorted(os.listdir(self.copies)) + extra


@pytest.fixture
def desk(tmp_path: Any) -> Desk:
    return Desk(tmp_path)


def append(text: str) -> str:
    return "printf '%s' '{}' >> \"$1\"".format(text)


# --- what comes of an edit ---


def test_a_good_edit_is_written(desk: Desk) -> None:
    done = desk.run(append("gpu_mem=64\n"))
    assert (done.returncode, done.stdout) == (0, "{}: written\n".format(desk.config)), done.stderr
    assert desk.config.read_text() == GOOD + "gpu_mem=64\n" and desk.left() == []


def test_an_edit_that_changes_nothing_writes_nothing(desk: Desk) -> None:
    before = os.stat(desk.config)
    done = desk.run('touch "$1"; echo >> "$1"; sed -i \'$d\' "$1"')
    assert (done.returncode, done.stdout) == (0, "{}: unchanged\n".format(desk.config))
    after = os.stat(desk.config)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns) and desk.left() == []


def test_what_is_bad_is_refused_without_a_terminal_and_kept(desk: Desk) -> None:
    done = desk.run(append(BAD))
    assert done.returncode == 1 and RULE in done.stdout and "What now" not in done.stdout + done.stderr
    kept = desk.kept(done.stderr)
    with open(kept, encoding="utf-8") as stream:
        assert stream.read() == GOOD + BAD
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(kept)).st_mode) == 0o700
    assert desk.config.read_text() == GOOD and os.path.basename(kept) == "config.txt"
    # The next edit tells of it.
    again = desk.run("true")
    assert "an earlier edit of {} is kept in {}".format(desk.config, kept) in again.stderr


def test_what_was_bad_before_is_told_and_holds_nothing_back(desk: Desk) -> None:
    desk.config.write_text(BAD)
    done = desk.run(append("arm_boost=1\n"))
    assert done.returncode == 0 and "as before: degraded {}\n".format(RULE) in done.stdout, done.stderr
    assert desk.config.read_text() == BAD + "arm_boost=1\n"


def test_the_threshold(desk: Desk) -> None:
    assert desk.run(append(BAD), "--fail-on", "no-boot", str(desk.config)).returncode == 0
    done = desk.run(append("my_key=1\n"), "--fail-on", "hygiene", str(desk.config))
    assert done.returncode == 1 and desk.config.read_text() == GOOD + BAD


def test_the_tree_is_checked_and_not_the_file_alone(desk: Desk) -> None:
    """A command line that names another root than the device has is seen with the config.txt beside it."""
    desk.config.write_text("cmdline=other.txt\n")
    (desk.boot / "other.txt").write_text("console=tty1 root=/dev/mmcblk0p2 rootwait\n")
    done = desk.run("sed -i 's/ root=[^ ]*//' \"$1\"", str(desk.boot / "other.txt"))
    assert done.returncode == 1 and "root-missing" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    "script, message",
    [
        ('echo x >> "$1"; exit 3', "the editor ended with status 3"),
        ('echo x >> "$1"; kill -9 $$', "the editor was ended by signal 9"),
        ('rm "$1"', "the editor took the copy away"),
        ('rm "$1"; mkdir "$1"', "is a folder"),
        ('rm "$1"; ln -s /etc/passwd "$1"', "too many levels"),
        ('rm "$1"; mkfifo "$1"', "is not a regular file"),
    ],
)
def test_an_editor_that_fails(desk: Desk, script: str, message: str) -> None:
    done = desk.run(script)
    assert done.returncode == 3 and message in done.stderr, done.stderr
    assert desk.config.read_text() == GOOD
    if "echo" in script:
        with open(desk.kept(done.stderr), encoding="utf-8") as stream:
            assert stream.read() == GOOD + "x\n"


def test_an_editor_that_fails_and_changed_nothing_leaves_nothing(desk: Desk) -> None:
    assert desk.run("exit 1").returncode == 3 and desk.left() == []


@pytest.mark.parametrize("script", [': > "$1"', 'echo > "$1"'])
def test_an_emptied_file_is_not_written(desk: Desk, script: str) -> None:
    done = desk.run(script)
    assert done.returncode == 1 and "the edit is empty" in done.stderr and desk.config.read_text() == GOOD


def test_an_editor_that_puts_another_file_in_the_copys_place(desk: Desk) -> None:
    done = desk.run('sed \'s/mine/yours/\' "$1" > "$1.new" && mv "$1.new" "$1"')
    assert done.returncode == 0 and desk.config.read_text() == GOOD.replace("mine", "yours") and desk.left() == []


def test_what_an_editor_saves_beside_the_copy_is_kept_where_it_failed(desk: Desk) -> None:
    done = desk.run('echo mine > "$1.save"; exit 1')
    assert os.path.exists(os.path.join(desk.kept(done.stderr), "config.txt.save"))


# --- which editor ---


def test_visual_comes_before_editor_and_words_are_split_without_a_shell(desk: Desk) -> None:
    script = desk.editor(
        'printf "%s\\n" "$#" "$1" "$2" >> "{}"; eval "f=\\${{$#}}"; echo arm_boost=0 >> "$f"'.format(desk.top / "said")
    )
    env = desk.environment(EDITOR="false", VISUAL="'{}' --wait '$(touch {})'".format(script, desk.top / "run"))
    done = subprocess.run(desk.command(), env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (desk.top / "said").read_text().splitlines()[:2] == ["3", "--wait"] and not (desk.top / "run").exists()


@pytest.mark.parametrize(
    "value, message", [("'x", "no closing quotation"), ("/no/such", "there is no program /no/such"), ("", "no editor")]
)
def test_no_editor(desk: Desk, value: str, message: str) -> None:
    env = desk.environment(EDITOR=value, PATH=str(desk.bin))
    done = subprocess.run(desk.command(), env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 3 and message in done.stderr.lower() and desk.left() == []


def test_without_a_word_it_is_the_systems_editor(desk: Desk) -> None:
    desk.editor('echo nano >> "$1"', "nano")
    desk.editor('echo x=1 >> "$1"', "sensible-editor")
    env = desk.environment(PATH="{}:/usr/bin:/bin".format(desk.bin))
    subprocess.run(desk.command(), env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert desk.config.read_text() == GOOD + "x=1\n"


@pytest.mark.skipif(shutil.which("ed") is None, reason="ed is not installed")
def test_ed(desk: Desk) -> None:
    env = desk.environment(EDITOR="ed -s")
    done = subprocess.run(
        desk.command(), env=env, input="$a\ngpu_mem=64\n.\nw\nq\n", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and desk.config.read_text() == GOOD + "gpu_mem=64\n", done.stderr


@pytest.mark.skipif(shutil.which("vi") is None, reason="vi is not installed")
def test_vi(desk: Desk) -> None:
    env = desk.environment(EDITOR="vi -es -u NONE -c '%s/mine/ours/' -c wq")
    done = subprocess.run(desk.command(), env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and desk.config.read_text() == GOOD.replace("mine", "ours"), done.stderr


# --- the file ---


def test_permissions_owner_and_attributes_stay(desk: Desk) -> None:
    os.chmod(desk.config, 0o640)
    if os.geteuid() == 0:
        os.chown(desk.config, 1234, 4321)
    with_attributes = True
    try:
        os.setxattr(desk.config, "user.note", b"mine")
    except OSError:
        with_attributes = False
    assert desk.run(append("gpu_mem=64\n")).returncode == 0
    found = os.stat(desk.config)
    assert stat.S_IMODE(found.st_mode) == 0o640
    assert os.geteuid() != 0 or (found.st_uid, found.st_gid) == (1234, 4321)
    assert not with_attributes or os.getxattr(desk.config, "user.note") == b"mine"


def test_a_link_inside_is_followed_and_stays(desk: Desk) -> None:
    (desk.boot / "real.txt").write_text(GOOD)
    desk.config.unlink()
    desk.config.symlink_to("real.txt")
    done = desk.run(append("gpu_mem=64\n"))
    assert done.returncode == 0 and "is a link; {} is changed".format(desk.boot / "real.txt") in done.stderr
    assert desk.config.is_symlink() and (desk.boot / "real.txt").read_text() == GOOD + "gpu_mem=64\n"


def test_a_link_that_leaves_the_folder_is_refused(desk: Desk) -> None:
    (desk.top / "outside.txt").write_text(GOOD)
    desk.config.unlink()
    desk.config.symlink_to("../outside.txt")
    done = desk.run(append("gpu_mem=64\n"))
    assert done.returncode == 3 and "edit that file itself" in done.stderr
    assert desk.config.is_symlink() and (desk.top / "outside.txt").read_text() == GOOD


def test_other_names_of_the_file_are_told(desk: Desk) -> None:
    os.link(desk.config, desk.top / "second")
    done = desk.run(append("gpu_mem=64\n"))
    assert done.returncode == 0 and "hard links" in done.stderr and (desk.top / "second").read_text() == GOOD


def test_a_file_in_another_case_is_the_same(desk: Desk) -> None:
    desk.config.rename(desk.boot / "CONFIG.TXT")
    assert desk.run(append("gpu_mem=64\n")).returncode == 0
    assert os.listdir(desk.boot) == ["CONFIG.TXT"]


@pytest.mark.parametrize("name", ["config.txt", "cmdline.txt", "tryboot.txt", "autoboot.txt"])
def test_a_missing_file_is_made(desk: Desk, name: str) -> None:
    desk.config.unlink()
    line = "console=tty1 root=/dev/mmcblk0p2 rootwait" if name == "cmdline.txt" else "[all]"
    done = desk.run(append(line + "\n"), str(desk.boot / name))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (desk.boot / name).read_text() == line + "\n" and desk.left() == []


def test_other_names_and_places(desk: Desk) -> None:
    other = desk.top / "config.txt.j2"
    other.write_text(GOOD)
    assert desk.run(append("gpu_mem=64\n"), str(other)).returncode == 3
    done = desk.run(append(BAD), "--as", "config.txt", str(other))
    assert done.returncode == 1 and desk.kept(done.stderr).endswith("/config.txt.j2")
    assert desk.run(append("gpu_mem=64\n"), "--as", "config.txt", str(other)).returncode == 0
    assert other.read_text() == GOOD + "gpu_mem=64\n"
    for path, message in ((desk.boot, "is a folder"), (desk.top / "no" / "config.txt", "no such folder")):
        done = desk.run("true", str(path))
        assert done.returncode == 3 and message in done.stderr


def test_the_note_that_the_file_moved_leads_to_the_file(desk: Desk) -> None:
    (desk.boot / "firmware").mkdir()
    (desk.boot / "firmware" / "config.txt").write_text(GOOD)
    stub = "DO NOT EDIT THIS FILE\n\nThe file you are looking for has moved to /boot/firmware/config.txt\n"
    desk.config.write_text(stub)
    done = desk.run(append("gpu_mem=64\n"))
    assert done.returncode == 0 and "only says that the file moved" in done.stderr
    assert desk.config.read_text() == stub
    assert (desk.boot / "firmware" / "config.txt").read_text() == GOOD + "gpu_mem=64\n"


def test_a_file_that_the_file_includes(desk: Desk) -> None:
    desk.config.write_text("include user.txt\n")
    (desk.boot / "user.txt").write_text("# mine\n")
    done = desk.run(append(BAD), str(desk.boot / "user.txt"))
    assert done.returncode == 1 and RULE in done.stdout


def test_a_root_file_system_elsewhere(desk: Desk) -> None:
    place = desk.top / "root" / "boot" / "firmware"
    place.mkdir(parents=True)
    (place / "config.txt").write_text(GOOD)
    done = desk.run(append("gpu_mem=64\n"), "--root", str(desk.top / "root"))
    assert done.returncode == 0 and (place / "config.txt").read_text() == GOOD + "gpu_mem=64\n", done.stderr


# --- what happens meanwhile ---


@pytest.mark.parametrize(
    "meanwhile, message, left",
    [
        ("echo other >> {0}", "has changed it", GOOD + "other\n"),
        ("cp {0} {0}.new; mv {0}.new {0}", "has replaced it", GOOD),
        ("rm {0}", "has taken it away", None),
        ("rm {0}; mkdir {0}", "is a folder", None),
        ("chmod 600 {0}", "", GOOD + "gpu_mem=64\n"),
        ("touch {0}", "", GOOD + "gpu_mem=64\n"),
    ],
)
def test_somebody_else_writes_the_file(desk: Desk, meanwhile: str, message: str, left: Optional[str]) -> None:
    done = desk.run(append("gpu_mem=64\n") + "; " + meanwhile.format("'{}'".format(desk.config)))
    assert done.returncode == (3 if message else 0) and message in done.stderr, done.stderr
    if message:
        with open(desk.kept(done.stderr), encoding="utf-8") as stream:
            assert stream.read() == GOOD + "gpu_mem=64\n"
    assert (desk.config.read_text() if desk.config.is_file() else None) == left


def test_somebody_else_makes_the_file_that_was_missing(desk: Desk) -> None:
    desk.config.unlink()
    done = desk.run(append("gpu_mem=64\n") + "; echo theirs > '{}'".format(desk.config))
    assert done.returncode == 3 and "has made it" in done.stderr and desk.config.read_text() == "theirs\n"


def wait_for(what: Callable[[], bool]) -> None:
    for _ in range(600):
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def started(desk: Desk, script: str, first: str = "true", **more: Any) -> "Tuple[subprocess.Popen[str], Any]":
    """edit in a process group of its own, whose editor has written a flag by now."""
    flag = desk.top / "flag"
    typing = "{}; echo typed >> \"$1\"; echo $$ > '{}'; {}".format(first, flag, script)
    env = desk.environment(EDITOR=desk.editor(typing))
    process = subprocess.Popen(
        desk.command(), env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, **more
    )  # fmt: skip
    wait_for(lambda: flag.exists() and flag.read_text().endswith("\n"))
    return process, flag


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize("to_group", [True, False])
@pytest.mark.parametrize("deaf", [False, True])
def test_a_signal_keeps_the_edit(desk: Desk, number: int, to_group: bool, deaf: bool) -> None:
    process, flag = started(desk, "exec sleep 60", "trap '' HUP TERM" if deaf else "true")
    (os.killpg if to_group else os.kill)(process.pid, number)
    try:
        err = "" if deaf else process.communicate(timeout=30)[1]
        if deaf:
            # The editor goes on, and holds the pipe.
            assert process.wait(30) == 128 + number
            assert process.stderr is not None
            os.set_blocking(process.stderr.fileno(), False)
            err = process.stderr.read() or ""
        assert process.returncode == 128 + number
        assert "interrupted by {}".format(signal.Signals(number).name) in err
        with open(desk.kept(err), encoding="utf-8") as stream:
            assert stream.read() == GOOD + "typed\n"
        assert desk.config.read_text() == GOOD
    finally:
        subprocess.run(["kill", "-9", flag.read_text().strip()], capture_output=True)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_keys_of_the_terminal_are_the_editors(desk: Desk) -> None:
    process, _ = started(desk, "sleep 60 & wait", "trap 'echo heard >> \"$1\"; exit 0' INT")
    os.killpg(process.pid, signal.SIGINT)
    # What the shell left behind holds the pipes.
    assert process.wait(30) == 0 and desk.config.read_text() == GOOD + "typed\nheard\n"
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_second_editor_is_told_who_is_first(desk: Desk) -> None:
    process, flag = started(desk, "exec sleep 60")
    try:
        done = desk.run("true")
        assert done.returncode == 3 and "(process {}, since ".format(process.pid) in done.stderr, done.stderr
        # Another file of the folder is free, the same file by another way is not.
        (desk.boot / "cmdline.txt").write_text("console=tty1 root=/dev/mmcblk0p2 rootwait\n")
        assert desk.run("true", str(desk.boot / "cmdline.txt")).returncode == 0
        assert desk.run("true", str(desk.boot / ".." / "boot" / "config.txt")).returncode == 3
    finally:
        # Who is killed holds nothing, whatever becomes of the editor; that still has the pipes.
        process.kill()
        process.wait()
    try:
        assert desk.run(append("gpu_mem=64\n")).returncode == 0
        assert os.path.exists("/proc/{}".format(flag.read_text().strip()))
    finally:
        subprocess.run(["kill", "-9", flag.read_text().strip()], capture_output=True)
        process.communicate()
    assert desk.config.read_text() == GOOD + "gpu_mem=64\n"


@AS_ROOT
def test_a_full_disk_keeps_the_edit(desk: Desk) -> None:
    place = desk.top / "small"
    place.mkdir()
    script = (
        'mount -t tmpfs -o size=32k none "$0" || exit 99; printf "# mine\\n" > "$0/config.txt"; '
        'head -c 24576 /dev/zero > "$0/filler"; "$@"; code=$?; cat "$0/config.txt" >&2; ls -A "$0" >&2; exit $code'
    )
    editor = desk.editor(
        'i=0; while [ $i -lt 200 ]; do echo "# $i and so on, until it is long"; i=$((i+1)); done >> "$1"'
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(place), *desk.command(str(place / "config.txt"))],
        env=desk.environment(EDITOR=editor), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no mounts of its own here: {}".format(done.stderr.strip()))
    assert done.returncode == 3 and "no space left on device" in done.stderr, done.stderr
    assert done.stderr.endswith("# mine\nconfig.txt\nfiller\n")
    with open(desk.kept(done.stderr), encoding="utf-8") as stream:
        assert stream.read().endswith("# 199 and so on, until it is long\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told_before_anybody_types(desk: Desk) -> None:
    os.chmod(desk.boot, 0o555)
    done = desk.run("touch '{}'".format(desk.top / "ran"))
    assert done.returncode == 3 and not (desk.top / "ran").exists()


_KILLED = (
    counting("fsync", "replace", "unlink", "fchmod")
    + "\nsys.argv[:] = ['scmguard'] + sys.argv[2:]\nfrom scmguard.cli import main\nmain()\n"
)


def test_killed_at_every_step_there_is_a_whole_file_and_the_edit(desk: Desk) -> None:
    """Whenever it is killed, the file is the old one or the new one, and the next edit finds no lock."""
    env = desk.environment(EDITOR=desk.editor(append("gpu_mem=64\n")))
    new = GOOD + "gpu_mem=64\n"
    number, seen = 0, set()
    while True:
        number += 1
        desk.config.write_text(GOOD)
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, str(number), *desk.command()[3:]],
            env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        found = desk.config.read_text()
        assert found in (GOOD, new)
        seen.add((done.returncode, found == new))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert number < 60
    assert (-signal.SIGKILL, False) in seen and (-signal.SIGKILL, True) in seen
    assert desk.run("true").returncode == 0


# --- on a terminal ---


def on_terminal(
    desk: Desk, script: str, typed: List[Tuple[str, str]], hang_up: str = "", words: Tuple[str, ...] = ()
) -> Tuple[int, str]:
    """edit on a pseudo terminal: each text is typed after what is to be seen before it. Exit code and what was seen."""
    master, slave = pty.openpty()

    env = desk.environment(EDITOR=desk.editor(script))
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *desk.command(*words)], env=env, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    seen = b""

    def until(text: str) -> None:
        nonlocal seen
        end = time.monotonic() + 30
        while text.encode() not in seen:
            assert select.select([master], [], [], max(0, end - time.monotonic()))[0], seen
            seen += os.read(master, 65536)

    for before, text in typed:
        until(before)
        seen = seen[seen.index(before.encode()) + len(before) :] if text else seen
        os.write(master, text.encode())
    if hang_up:
        until(hang_up)
        os.close(master)
        return process.wait(30), seen.decode()
    rest = read_all(master)
    return process.wait(30), (seen + rest).decode()


def test_written_anyway_with_a_reason(desk: Desk) -> None:
    code, seen = on_terminal(
        desk, append(BAD), [("(q)uit: ", "w\n"), ("Reason", "\n"), ("Reason", "  the fan \x07 needs it\n")]
    )
    assert code == 0 and desk.config.read_text() == GOOD + BAD and desk.left() == []
    assert "in spite of {}: the fan needs it".format(RULE) in seen and "no log is kept here" in seen


def test_edited_again(desk: Desk) -> None:
    script = 'if grep -q " = " "$1"; then sed -i "s/ = /=/" "$1"; else echo "gpu_mem = 64" >> "$1"; fi'
    code, seen = on_terminal(desk, script, [("(q)uit: ", "what\n"), ("(q)uit: ", "e\n")])
    assert code == 0 and desk.config.read_text() == GOOD + "gpu_mem=64\n", seen


@pytest.mark.parametrize(
    "typed", [[("(q)uit: ", "q\n")], [("(q)uit: ", "\x04")], [("(q)uit: ", "w\n"), ("Reason", "\x04")]]
)
def test_quit(desk: Desk, typed: List[Tuple[str, str]]) -> None:
    code, seen = on_terminal(desk, append(BAD), typed)
    assert code == 1 and desk.config.read_text() == GOOD, seen
    with open(desk.kept(seen.replace("\r\n", "\n")), encoding="utf-8") as stream:
        assert stream.read() == GOOD + BAD


def test_interrupted_at_the_question(desk: Desk) -> None:
    code, seen = on_terminal(desk, append(BAD), [("(q)uit: ", "\x03")])
    assert code == 128 + signal.SIGINT and desk.config.read_text() == GOOD
    assert os.path.exists(desk.kept(seen.replace("\r\n", "\n")))


def test_a_terminal_that_is_closed_at_the_question(desk: Desk) -> None:
    code, _ = on_terminal(desk, append(BAD), [], hang_up="(q)uit: ")
    assert code in (128 + signal.SIGHUP, 1) and desk.config.read_text() == GOOD
    (folder,) = desk.left()
    assert (desk.copies / folder / "config.txt").read_text() == GOOD + BAD


def test_an_emptied_file_on_a_terminal(desk: Desk) -> None:
    script = 'if [ -s "$1" ]; then : > "$1"; else echo arm_boost=1 > "$1"; fi'
    code, seen = on_terminal(desk, script, [("(q)uit: ", "w\n"), ("(q)uit: ", "e\n")])
    assert code == 0 and desk.config.read_text() == "arm_boost=1\n", seen


def test_what_the_file_has_cannot_reach_the_terminal(desk: Desk) -> None:
    code, seen = on_terminal(desk, "printf 'gpu_mem = \\033]0;x\\007\\n' >> \"$1\"", [("(q)uit: ", "q\n")])
    assert code == 1 and "\x1b]0" not in seen and "\x07" not in seen


# --- on a device ---

needs_live = pytest.mark.skipif(bool(why_no_live()), reason=why_no_live())


@pytest.fixture
def live(tmp_path: Any) -> Live:
    from tests.test_live import BOOT, ETC, NAMES

    made = Live(tmp_path, "scm-bookworm", BOOT, ETC)
    for name in NAMES:
        made.module.trust(name)
    return made


def edited(live: Live, script: str, *words: str) -> "subprocess.CompletedProcess[str]":
    live.put("usr/bin/my-editor", ("#!/bin/sh\n" + script + "\n").encode())
    os.chmod(os.path.join(live.top, "usr/bin/my-editor"), 0o755)
    return live.sh('EDITOR=my-editor; export EDITOR; exec "$@" < /dev/null', "edit", *words)


@needs_live
def test_a_supervised_file_is_to_be_sealed(live: Live) -> None:
    done = edited(live, append("gpu_mem=64\n"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "scmguard: config.txt is supervised: run `scmguard seal` before the next boot\n"
    assert live.read("boot/firmware/config.txt").endswith(b"gpu_mem=64\n")
    done = edited(live, append("# mine\n"), "/boot/firmware/other.txt")
    assert done.returncode == 0 and "seal" not in done.stderr, done.stdout + done.stderr


@needs_live
def test_what_would_brick_the_device_is_refused(live: Live) -> None:
    before = live.read("boot/firmware/config.txt")
    done = edited(live, append("otg_mode=1\n"))
    assert done.returncode == 1 and "otg-mode-enabled" in done.stdout, done.stderr
    assert live.read("boot/firmware/config.txt") == before


@needs_live
def test_a_reason_goes_to_the_log(live: Live) -> None:
    os.makedirs(os.path.join(live.top, "var/lib/scmguard"))
    os.makedirs(os.path.join(live.top, "var/log"), exist_ok=True)
    words = ("set", "otg_mode=1", "--force", "--reason", "on the bench")
    done = live.sh('"$@" && tail -n 1 /var/log/scmguard.log && rm /var/log/scmguard.log', *words)
    assert done.returncode == 0 and "supervised: run `scmguard seal`" in done.stderr, done.stderr
    assert '"event": "edit"' in done.stdout and '"reason": "on the bench"' in done.stdout, done.stdout
    assert "otg-mode-enabled" in done.stdout and "no log" not in done.stderr
