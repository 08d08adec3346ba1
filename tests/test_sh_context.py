"""What stands around a command of a script: held against dash, run with and without a failure."""

import os
import shutil
import subprocess
from collections import Counter
from itertools import count
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_model import Command
from scmguard.rootfs.hookfailures import HANDLED, LOST, STOPS, Failures
from scmguard.text import Source, encode

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "200"))
DASH = shutil.which("dash")

needs_dash = pytest.mark.skipif(not DASH, reason="dash is not here: nothing to compare with")

# `log N` leaves a trace; `fails` fails once, if F says so, and `on` is true if C says so.
_START = """exec 9>>"$LOG"
log() { echo "$1" >&9; }
on() { [ "$C" = 1 ]; }
fails() { [ -e "$LOG.failed" ] && return 0; : >"$LOG.failed"; return "$F"; }
"""


def script(text: str) -> Script:
    return Script(Source("x", encode(text)))


class Shell:
    """dash with a log."""

    def __init__(self, folder: Any) -> None:
        self._log = str(folder / "log")

    def run(self, text: str, fails: int = 0, on: int = 1) -> Tuple[int, List[str]]:
        """Exit status, and what was logged; without its order, as commands of a pipeline run at the same time."""
        assert DASH
        for name in (self._log, self._log + ".failed"):
            if os.path.exists(name):
                os.remove(name)
        environment = {"LOG": self._log, "F": str(fails), "C": str(on), "PATH": "/usr/bin:/bin"}
        run = subprocess.run([DASH, "-c", _START + text], env=environment, capture_output=True, stdin=subprocess.DEVNULL)
        with open(self._log, encoding="utf-8") as stream:
            return run.returncode, sorted(stream.read().split("\n"))


@pytest.fixture
def shell(tmp_path: Any) -> Iterator[Shell]:
    yield Shell(tmp_path)


def the(found: Script, name: str) -> Command:
    (command,) = [each for each in found.commands if each.name == name]
    return command


# --- a failure ---

# Script, and what becomes of the failure of `fails`: as the context alone tells, and with its callers and $?.
FAILURES: Dict[str, Tuple[str, bool, str]] = {
    "the last command": ("log 1; fails", True, STOPS),
    "before another": ("fails; log 1", False, LOST),
    "with set -e": ("set -e; fails; log 1", True, STOPS),
    "with set -e taken back": ("set -e; set +e; fails; log 1", False, LOST),
    "with set -e that may be taken back": ("set -e; if false; then set +e; fi; fails; log 1", True, STOPS),
    "with set -e taken back behind &&": ("set -e; false && set +e; fails; log 1", True, STOPS),
    "with set -e taken back in a subshell": ("set -e; (set +e); fails; log 1", True, STOPS),
    "with set -e taken back in the background": ("set -e; { set +e; } & fails; log 1", True, STOPS),
    "with set -e taken back in a pipeline": ("set -e; set +e | :; fails; log 1", True, STOPS),
    "with set -e of a subshell": ("(set -e); fails; log 1", False, LOST),
    "with set -e of a function that is called": ("f() { set -e; }; f; fails; log 1", True, STOPS),
    "with set -e of a function that is not called": ("f() { set -e; }; fails; log 1; f", False, LOST),
    "in a subshell without set -e in a script with it": ("set -e; (set +e; fails); log 1", True, STOPS),
    "in the middle of that subshell": ("set -e; (set +e; fails; log 1); log 2", False, LOST),
    "a condition": ("if fails; then log 1; fi; log 2", True, HANDLED),
    "in front of ||": ("fails || log 1; log 2", True, HANDLED),
    "in front of || and an exit": ("fails || exit 1; log 2", True, STOPS),
    "in front of &&, with set -e": ("set -e; fails && log 1; log 2", False, LOST),
    "in front of &&, last": ("fails && log 1", True, STOPS),
    "behind &&, with set -e": ("set -e; true && fails; log 2", True, STOPS),
    "negated": ("! fails; log 1", True, HANDLED),
    "in a group that is a condition, with set -e": ("set -e; if { fails; log 1; }; then log 2; fi", False, LOST),
    "in a subshell that is a condition, with set -e": ("set -e; if (fails; log 1); then log 2; fi", False, LOST),
    "in a substitution that is a condition, with set -e": ("set -e; if x=$(fails; log 1); then log 2; fi", True, STOPS),
    "in a pipeline": ("fails | :; log 1", False, LOST),
    "last in a pipeline, with set -e": ("set -e; : | fails; log 1", True, STOPS),
    "first in a pipeline, with set -e": ("set -e; fails | :; log 1", False, LOST),
    "in the background, with set -e": ("set -e; fails & wait; log 1", False, LOST),
    "in an assignment": ("x=$(fails)", True, STOPS),
    "in an assignment for a command": ("x=$(fails) :", False, LOST),
    "in an argument": ("log $(fails)", False, LOST),
    "in a here-document": (": <<E\n$(fails)\nE\n", False, LOST),
    "in a loop": ("for x in a b; do fails; done", False, LOST),
    "in a loop with set -e": ("set -e; for x in a b; do fails; done; log 1", True, STOPS),
    "in a loop of one turn": ("for x in a; do fails; done", True, STOPS),
    "last in a branch": ("if true; then fails; fi", True, STOPS),
    "last in a case": ("case a in a) fails;; esac", True, STOPS),
    "last in a function that is last": ("f() { fails; }; f", True, STOPS),
    "last in a function that is not last": ("f() { fails; }; f; log 1", True, LOST),
    "last in a function that is tested": ("f() { fails; }; f || log 1; log 2", True, HANDLED),
    "in a function": ("f() { fails; log 1; }; f", False, LOST),
    "in a function that is called with set -e": ("f() { fails; log 1; }; set -e; f", False, STOPS),
    "in a function with other options that is called with set -e": ("f() { set -- a; fails; :; }; set -e; f", False, STOPS),
    "in a function that is called with set -e, in a condition": ("f() { fails; log 1; }; set -e; f || log 2", False, LOST),
    "in a function that nobody calls": ("f() { fails; log 1; }", False, HANDLED),
    "in front of a look at its status": ("fails; [ $? = 0 ] || log 1", False, HANDLED),
    "in front of a look at another's status": ("fails; :; [ $? = 0 ] || log 1", False, LOST),
    "in front of && and a look": ("fails && :; [ $? = 0 ] || log 1", False, HANDLED),
    "in a branch in front of a look": ("if on; then fails; else :; fi; [ $? = 0 ] || log 1", False, HANDLED),
    "in front of a case of its status": ("fails; case $? in 0) ;; *) log 1;; esac", False, HANDLED),
    "in front of an exit without a status": ("fails; exit", False, HANDLED),
    "in front of an exit with one": ("fails; exit 0", False, LOST),
    "in front of a function that looks": ("f() { [ $? = 0 ] || log 1; }; fails; f; log 2", False, HANDLED),
    "in front of a function that does not look": ("f() { :; }; fails; f; log 2", False, LOST),
    "in front of a status that is kept": ("fails; x=$?; log 1; exit $x", False, HANDLED),
    "in front of a quoted look": ("fails; log '$?'", False, HANDLED),  # said to be noticed, to be sure
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_becomes_of_a_failure(name: str) -> None:
    text, counts, fate = FAILURES[name]
    found = script(text)
    command = the(found, "fails")
    assert (command.context.failure_counts, Failures(found).fate(command)) == (counts, fate)


@needs_dash
@pytest.mark.parametrize("name", [name for name in FAILURES if "nobody" not in name and "quoted" not in name])
def test_dash_agrees_what_becomes_of_a_failure(shell: Shell, name: str) -> None:
    text, _, fate = FAILURES[name]
    well, ill = shell.run(text, 0), shell.run(text, 1)
    if fate == LOST:
        # What stands behind && in the same list is passed over.
        assert ill[0] == well[0] and {*well[1]} - {*ill[1]} <= ({"1"} if "&& log 1" in text else set())
    else:
        assert well != ill
        assert (ill[0] != 0) == (fate == STOPS) or "exit" in text or "tested" in name


# Statements and constructs; % is numbered, a hole (%s) takes others, and of all `fails` one stays.
_SIMPLE = ["log %", "log %", "true", "false", "set -e", "set +e", "set -- a", "fails", "fails", "fails", "fails"]
_ASKING = ["exit", "exit $?", "exit 0", "[ $? = 0 ]", "log $?", "x=$?", "case $? in 0) log %;; esac"]
_HOLES = [
    "if %s; then %s; fi", "if %s\nthen %s\nelse %s\nfi", "if %s; then %s; elif %s; then %s; fi", "%s && %s", "%s || %s",
    "k=; while [ ${#k} -lt 2 ]; do k=1$k; %s; done", "k=; until k=1$k; %s; [ ${#k} -gt 2 ]; do %s; done", "! %s",
    "case a in a) %s;; *) %s;; esac", "{ %s; }", "( %s )", "%s | %s", "{ %s; } && { %s; }", "{ %s; } || { %s; }",
    "! { %s; }", "{ %s; } | { %s; }", "%s; %s; %s", "{ %s; } & wait", "f@() { %s; }; f@", "f@() { %s; }; %s; f@; %s",
    "f@() { %s; }; f@ || %s", "f@() { %s; }; if f@; then %s; fi", "f@() ( %s ); f@", "f@() { %s; }; ( f@; %s )",
]  # fmt: skip
_LOOPS_AND_SUBSTITUTIONS = [
    "for i in 1 2; do %s; done", "for i in 1; do %s; done", "for i in $(%s) a b; do %s; done", ": $(%s)", "x=$(%s)",
    "x=$(%s) y=$(%s)", "x=$(%s) :", "if x=$(%s); then %s; fi", "export x=$(%s)", ": <<E\n$(%s)\nE\n",
    "case $(%s) in *) %s;; esac",
]  # fmt: skip


def _filled(hole: str, parts: List[str]) -> str:
    for part in parts:
        hole = hole.replace("%s", part, 1)
    return hole


def _finished(start: str, parts: List[str], chosen: int, end: str) -> str:
    """The parts as a script in which one `fails` is left, and each `log` and function has a number of its own."""
    first, *others = "\n".join(parts).split("fails")
    text = start + first
    for number, other in enumerate(others):
        text += ("fails" if number == chosen % len(others) else "log %") + other
    numbers = count(1)
    text = "".join(piece.replace("%", str(next(numbers)), 1) if piece == "log %" else piece for piece in _cut(text))
    return text + end


def _cut(text: str) -> List[str]:
    pieces = text.split("log %")
    return [piece for each in pieces for piece in (each, "log %")][:-1]


def _scripts(simple: List[str], holes: List[str]) -> "st.SearchStrategy[str]":
    def compound(inner: "st.SearchStrategy[str]") -> "st.SearchStrategy[str]":
        body = st.lists(inner, min_size=1, max_size=3).map("\n".join)
        return st.builds(_filled, st.sampled_from(holes), st.lists(body, min_size=4, max_size=4))

    part = st.recursive(st.sampled_from(simple), compound, max_leaves=8)
    parts = st.lists(part, min_size=1, max_size=5).filter(lambda found: any("fails" in each for each in found))
    start, end = st.sampled_from(["", "set -e\n"]), st.sampled_from(["", "\nlog end"])
    return st.builds(_finished, start, parts, st.integers(0, 9), end)
