"""What becomes of a copy that fails in a hook, held against a real shell."""

import shutil
import subprocess
from pathlib import Path
from typing import Optional

import pytest

from scmguard.initramfs.copies import copies
from scmguard.initramfs.failures import HANDLED, LOST, STOPS, Failures, ends_badly
from scmguard.parse.initramfs_sh import read_script

SHELL = shutil.which("dash") or shutil.which("sh")

# A copy of /missing in each, once.
SCRIPTS = [
    ("copy_exec /missing", STOPS),
    ("copy_exec /missing\ntrue", LOST),
    ("copy_exec /missing\nexit 0", LOST),
    ("set -e\ncopy_exec /missing\ntrue", STOPS),
    ("set -e\nset +e\ncopy_exec /missing\ntrue", LOST),
    ("copy_exec /missing\nset -e\ntrue", LOST),
    ("copy_exec /missing || exit 1\ntrue", STOPS),
    ("copy_exec /missing || { echo no; exit 3; }\ntrue", STOPS),
    ("copy_exec /missing || true", HANDLED),
    ("set -e\ncopy_exec /missing || echo no\ntrue", HANDLED),
    ("if copy_exec /missing; then true; fi", HANDLED),
    ("if ! copy_exec /missing; then exit 1; fi\ntrue", STOPS),
    ("! copy_exec /missing", HANDLED),
    ("copy_exec /missing\nif [ $? -eq 7 ]; then exit 1; fi", HANDLED),
    ("copy_exec /missing; rc=$?\ntrue", HANDLED),
    ("set -e\ncopy_exec /missing && true\ntrue", LOST),
    ("set -e\ntrue && copy_exec /missing && true\ntrue", LOST),
    ("set -e\ntrue && copy_exec /missing\ntrue", STOPS),
    ("copy_exec /missing && true", STOPS),
    ("copy_exec /missing && true || echo no\ntrue", HANDLED),
    ("if copy_exec /missing && true; then true; fi", HANDLED),
    ("set -e\n{ copy_exec /missing; } && true\ntrue", LOST),
    ("set -e\n{ copy_exec /missing; true; } && true\ntrue", LOST),
    ("set -e\ncopy_exec /missing | true", LOST),
    ("set -e\ntrue | copy_exec /missing\ntrue", STOPS),
    ("true | copy_exec /missing\ntrue", LOST),
    ("set -e\ncopy_exec /missing &\nwait\ntrue", LOST),
    ("(copy_exec /missing)\ntrue", LOST),
    ("(copy_exec /missing)", STOPS),
    ("set -e\n(copy_exec /missing; true)\ntrue", STOPS),
    ("set -e\n(set +e; copy_exec /missing; true)\ntrue", LOST),
    ("for f in /missing /there; do copy_exec $f; done", LOST),
    ("set -e\nfor f in /missing /there; do copy_exec $f; done", STOPS),
    ("case a in a) copy_exec /missing ;; esac", STOPS),
    ("f() { copy_exec /missing; }\nf", STOPS),
    ("f() { copy_exec /missing; }\nf\ntrue", LOST),
    ("f() { copy_exec /missing; true; }\nf", LOST),
    ("f() { copy_exec /missing; true; }\nset -e\nf\ntrue", STOPS),
    ("set -e\nf() { set +e; copy_exec /missing; true; }\nf\ntrue", LOST),
    ("set -e\nf() { copy_exec /missing; true; }\nif f; then true; fi", LOST),
    ("set -e\nf() { copy_exec /missing; }\nf || true", HANDLED),
    ("f() { copy_exec /missing; }\nf || exit 1\ntrue", STOPS),
    ("f() { copy_exec /missing || exit 1; }\nf\ntrue", STOPS),
    ("g() { copy_exec /missing; }\nf() { g; }\nf\ntrue", LOST),
    ("g() { copy_exec /missing; true; }\nf() { g; true; }\nset -e\nf\ntrue", STOPS),
    ("f() { copy_exec /missing; }\nset -e\nf && true\ntrue", LOST),
    ("f() { copy_exec /missing; }\ntrue", HANDLED),
]


@pytest.mark.parametrize(
    "status, bad",
    [("0", False), ("00", False), ("1", True), ("0" * 5000, False), ("9" * 5000, True), ("\u00b2", None), ("x", None)],
)
def test_a_status_of_however_many_digits(status: str, bad: Optional[bool]) -> None:
    script = read_script("x", "exit {}".format(status).encode())
    assert ends_badly(script.commands[0]) is bad


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ``copy_exec`` that finds everything but /missing."""
    folder: Path = tmp_path_factory.mktemp("programs")
    program = folder / "copy_exec"
    program.write_text('#!/bin/sh\n[ "$1" != /missing ]\n')
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize("text, fate", SCRIPTS)
def test_what_becomes_of_a_failure(text: str, fate: str) -> None:
    script = read_script("x", b"#!/bin/sh\n" + text.encode())
    command = next(copy.command for copy in copies(script))
    assert Failures(script).fate(command) == fate


@pytest.mark.skipif(SHELL is None, reason="no shell")
@pytest.mark.parametrize("text, fate", SCRIPTS)
def test_a_shell_does_the_same(text: str, fate: str, programs: Path) -> None:
    done = subprocess.run(
        [str(SHELL), "-c", text], env={"PATH": "{}:/usr/bin:/bin".format(programs)}, capture_output=True, check=False
    )
    assert (done.returncode != 0) == (fate == STOPS)
