"""What stands around a command of a script: held against dash, run with and without a failure."""

import os
import re
import shutil
import subprocess
from collections import Counter
from itertools import count
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from scmguard.initramfs.failures import HANDLED, LOST, STOPS, Failures
from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_model import Command
from scmguard.text import Source, encode

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "120"))
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
        run = subprocess.run(
            [DASH, "-c", _START + text], env=environment, capture_output=True, stdin=subprocess.DEVNULL
        )
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
    "negated": ("! fails || log 1", True, HANDLED),
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
    "in a function with other options that is called with set -e": (
        "f() { set -- a; fails; :; }; set -e; f",
        False,
        STOPS,
    ),
    "in a function that is called with set -e, in a condition": (
        "f() { fails; log 1; }; set -e; f || log 2",
        False,
        LOST,
    ),
    "in a function that nobody calls": ("f() { fails; log 1; }", False, HANDLED),
    "in front of a look at its status": ("fails; [ $? = 0 ] || log 1", False, HANDLED),
    "in front of a look at another's status": ("fails; :; [ $? = 0 ] || log 1", False, LOST),
    "in front of && and a look": ("fails && :; [ $? = 0 ] || log 1", False, HANDLED),
    "in a branch in front of a look": ("if on; then fails; else :; fi; [ $? = 0 ] || log 1", False, HANDLED),
    "in front of a case of its status": ("fails; case $? in 0) ;; *) log 1;; esac", False, HANDLED),
    "in front of an exit without a status": ("fails; exit", False, HANDLED),
    "in front of an exit with one": ("fails; exit 0", False, LOST),
    "in front of a function that looks": ("f() { [ $? = 0 ] || log 1; }; fails; f; log 2", False, HANDLED),
    "in front of a function with a case of the status": (
        "f() { case $? in 0) ;; *) log 1;; esac; }; fails; f; log 2",
        False,
        HANDLED,
    ),
    "in front of a function with a case of something else": (
        "f() { case $C in 0) ;; *) log 1;; esac; }; fails; f; log 2",
        False,
        LOST,
    ),
    "in front of a function that does not look": ("f() { :; }; fails; f; log 2", False, LOST),
    "in front of a pipeline that ends with it": ("fails; : | exit", False, HANDLED),
    "in front of a pipeline that does not": ("fails; : | log 1", False, LOST),
    "in front of a substitution that ends with it": ("fails; x=$(exit)", False, HANDLED),
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
        assert (ill[0] != 0) == (fate == STOPS) or "exit" in text or "substitution" in name


# Statements and constructs; % is numbered, a hole (%s) takes others, and of all `fails` one stays.
_SIMPLE = ["log %", "log %", "true", "false", "set -e", "set +e", "set -- a", "fails", "fails", "fails", "fails"]
_ASKING = ["exit", "exit $?", "exit 0", "[ $? = 0 ]", "log $?", "x=$?", "case $? in 0) log %;; esac"]
_HOLES = [
    "if %s; then %s; fi", "if %s\nthen %s\nelse %s\nfi", "if %s; then %s; elif %s; then %s; fi", "%s && %s", "%s || %s",
    "k@=; while [ ${#k@} -lt 2 ]; do k@=1$k@; %s; done",
    "k@=; until k@=1$k@; %s; [ ${#k@} -gt 2 ]; do %s; done", "! %s",
    "case a in a) %s;; *) %s;; esac", "{ %s; }", "( %s )", "%s | %s", "{ %s; } && { %s; }", "{ %s; } || { %s; }",
    "! { %s; }", "{ %s; } | { %s; }", "%s; %s; %s", "{ %s; } & wait", "f@() { %s; }; f@", "f@() { %s; }; %s; f@; %s",
    "f@() { %s; }; f@ || %s", "f@() { %s; }; if f@; then %s; fi", "f@() ( %s ); f@", "f@() { %s; }; ( f@; %s )",
]  # fmt: skip
_LOOPS_AND_SUBSTITUTIONS = [
    "for i in 1 2; do %s; done", "for i in 1; do %s; done", "for i in $(%s) a b; do %s; done", ": $(%s)", "x=$(%s)",
    "x=$(%s) y=$(%s)", "x=$(%s) :", "if x=$(%s); then %s; fi", "export x=$(%s)", ": <<E\n$(%s)\nE\n",
    "case $(%s) in *) %s;; esac",
]  # fmt: skip


def _filled(hole: str, parts: List[str], number: int) -> str:
    hole = hole.replace("@", str(number))
    for part in parts:
        hole = hole.replace("%s", part, 1)
    return hole


def _finished(start: str, parts: List[str], chosen: int, end: str) -> str:
    """The parts as a script in which one `fails` is left, and each `log` has a number of its own."""
    first, *others = "\n".join(parts).split("fails")
    text = start + first
    for number, other in enumerate(others):
        text += ("fails" if number == chosen % len(others) else "log %") + other
    numbers = count(1)
    return re.sub("log %", lambda _: "log {}".format(next(numbers)), text) + end


def _scripts(simple: List[str], holes: List[str]) -> "st.SearchStrategy[str]":
    def compound(inner: "st.SearchStrategy[str]") -> "st.SearchStrategy[str]":
        body = st.lists(inner, min_size=1, max_size=3).map("\n".join)
        bodies = st.lists(body, min_size=4, max_size=4)
        return st.builds(_filled, st.sampled_from(holes), bodies, st.integers(0, 1 << 30))

    part = st.recursive(st.sampled_from(simple), compound, max_leaves=8)
    parts = st.lists(part, min_size=1, max_size=5).filter(lambda found: any("fails" in each for each in found))
    start, end = st.sampled_from(["", "set -e\n"]), st.sampled_from(["", "\nlog end"])
    return st.builds(_finished, start, parts, st.integers(0, 9), end)


def _lost(shell: Shell, command: Command, text: str) -> bool:
    """Whether a failure of the command is lost: the script runs and ends as it does without.

    It is lost, too, where what stands behind ``&&`` or in the same part of a pipeline is passed over, and then the
    script goes on: such commands are told apart by ``dropped``, and of them only the end is compared.
    """
    well, ill = shell.run(text, 0), shell.run(text, 1)
    if command.context.dropped:
        return well[0] == ill[0] and ("end" in well[1]) == ("end" in ill[1])
    return well == ill


@needs_dash
def test_without_failure_counts_a_failure_is_lost(shell: Shell) -> None:
    """For commands outside functions, in loops the failure of a turn that is not the last, and without ``$?``."""
    counted: "Counter[Tuple[bool, bool]]" = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(_scripts(_SIMPLE, _HOLES + _LOOPS_AND_SUBSTITUTIONS))
    @example("set -e\n( set -e\nset +e\nfails )\nlog end")
    @example("f1() { set -e; }; f1 || true\nfails\nlog end")
    def check(text: str) -> None:
        assume(not script(text).refusal)  # a here-document ends its line, and then no ";" may follow
        command = the(script(text), "fails")
        assume(command.context.function is None)
        assume(not (command.context.dropped and "set" in text))  # what is passed over may be the `set`
        counts, lost = command.context.failure_counts, _lost(shell, command, text)
        assert counts or lost
        counted[counts, lost] += 1

    check()
    assert counted[False, True] > EXAMPLES / 20 and counted[True, False] > EXAMPLES / 20


@needs_dash
def test_what_is_said_to_be_lost_is_lost(shell: Shell) -> None:
    """Also in functions, and with ``$?``; in loops again the failure of a turn that is not the last."""
    counted: "Counter[Tuple[bool, bool]]" = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(_scripts(_SIMPLE, _HOLES + _LOOPS_AND_SUBSTITUTIONS) | _scripts(_SIMPLE + _ASKING, _HOLES))
    @example("fails && log 0\nexit $?")
    @example("f1() { exit $?; }\nfails; f1")
    @example("f0() { case $? in 0) log 1;; esac; }\nfails; f0\nlog 2")
    @example("f0() { case $? in 0) ;; *) exit 1;; esac; }\nfails; f0\nlog 2")
    def check(text: str) -> None:
        found = script(text)
        assume(not found.refusal)
        command = the(found, "fails")
        assume(not (command.context.dropped and "set" in text))
        said, lost = Failures(found).fate(command) == LOST, _lost(shell, command, text)
        assert lost or not said
        counted[said, lost] += 1

    check()
    assert counted[True, True] > EXAMPLES / 20 and counted[False, False] > EXAMPLES / 20


# --- whether a command runs ---

# Scripts with `log 1`: does it run whenever the script does, and does it never run?
RUNS: Dict[str, Tuple[str, bool, bool]] = {
    "alone": ("log 1", True, False),
    "in a group": ("{ log 1; }", True, False),
    "in a subshell": ("(log 1)", True, False),
    "in a condition": ("if log 1; then :; fi", True, False),
    "the condition of a loop": ("while log 1; false; do :; done", True, False),
    "first of a list": ("log 1 && on", True, False),
    "negated": ("! log 1", True, False),
    "in a pipeline": (": | log 1", True, False),
    "in a substitution": (": $(log 1)", True, False),
    "in a here-document": (": <<E\n$(log 1)\nE\n", True, False),
    "in a loop": ("for x in a; do log 1; done", True, False),
    "behind an exit under a condition": ("on && exit; log 1", True, False),  # as the answer to prereqs is one
    "behind an exit in a subshell": ("(exit); log 1", True, False),
    "behind an exit in a pipeline": ("exit | :; log 1", True, False),
    "behind an exit in a substitution": (": $(exit); log 1", True, False),
    "behind an exit in the background": ("exit & log 1", True, False),
    "behind an exit of a function that is not called": ("f() { exit; }; log 1", True, False),
    "behind an exec of redirections alone": ("exec 3>&1; log 1", True, False),
    "behind &&": ("on && log 1", False, False),
    "behind ||": ("on || log 1", False, False),
    "in a branch": ("if on; then log 1; fi", False, False),
    "in another branch": ("if on; then :; else log 1; fi", False, False),
    "the second condition": ("if on; then :; elif log 1; then :; fi", False, False),
    "in a case": ("case $C in 1) log 1;; esac", False, False),
    "in a while": ("while on; do log 1; break; done", False, False),
    "in an until": ("until on; do log 1; break; done", False, False),
    "in a loop over what may be nothing": ("x=; on && x=a; for y in $x; do log 1; done", False, False),
    "in a loop over the parameters": ("on && set -- a; for y; do log 1; done", False, False),
    "in a function's branch": ("f() { if on; then log 1; fi; }; f", False, False),
    "behind an exit": ("exit; log 1", False, True),
    "behind an exit in a group": ("{ exit; }; log 1", False, True),
    "behind an exit in a condition": ("if exit; then log 1; fi", False, True),
    "behind an exit in a loop": ("for x in a; do exit; done; log 1", False, True),
    "behind an exit in the same subshell": ("(exit; log 1)", False, True),
    "behind exec of a program": ("exec true; log 1", False, True),
    "in a subshell behind an exit": ("exit; (log 1)", False, True),
}  # fmt: skip


@needs_dash
@pytest.mark.parametrize("name", RUNS)
def test_whether_a_command_runs(shell: Shell, name: str) -> None:
    text, always, never = RUNS[name]
    command = the(script(text), "log")
    assert (command.context.always_runs, command.context.unreached) == (always, never)
    ran = ["1" in shell.run(text, on=on)[1] for on in (0, 1)]
    if "exit under a condition" not in name:
        assert (all(ran), not any(ran)) == (always, never)


_DECIDING = ["log %", "log %", "on", "true", ":"]
_BRANCHES = [
    "if %s; then %s; fi", "if %s\nthen %s\nelse %s\nfi", "if %s; then %s; elif %s; then %s; fi", "%s && %s", "%s || %s",
    "k@=; while [ ${#k@} -lt 1 ] && { %s; }; do k@=1$k@; %s; done",
    "k@=; until k@=1$k@; [ ${#k@} -gt 1 ] || { %s; }; do %s; done",
    "case $C in 1) %s;; *) %s;; esac", "{ %s; }", "( %s )", "%s | %s", "! %s", "for i in a b; do %s; done",
    "for i; do %s; done", "for i in $(%s); do %s; done", ": $(%s)", "x=$(%s)", ": <<E\n$(%s)\nE\n", "{ %s; } & wait",
]  # fmt: skip


def _paths() -> "st.SearchStrategy[str]":
    ends = st.sampled_from(
        ["", "", "exit\nlog %", "(exit; log %)\nlog %", "exit | :\nlog %", "{ exit; } & wait\nlog %"]
    )
    return st.builds("{}\n{}".format, _scripts([*_DECIDING, "fails"], _BRANCHES), ends)


@needs_dash
def test_what_always_runs_runs_and_what_is_not_reached_does_not(shell: Shell) -> None:
    counted: "Counter[str]" = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(_paths())
    def check(text: str) -> None:
        numbers = count(1)
        text = re.sub("log [%0-9end]+|fails", lambda _: "log {}".format(next(numbers)), text.replace("set -e\n", ""))
        ran = [set(shell.run(text, on=on)[1]) for on in (0, 1)]
        for command in script(text).commands:
            number = command.arguments[0] if command.name == "log" else None
            if number is not None:
                context = command.context
                assert not context.always_runs or all(number in each for each in ran)
                assert not context.unreached or not any(number in each for each in ran)
                counted["always"] += context.always_runs
                counted["never"] += context.unreached
                counted["perhaps"] += context.conditional

    check()
    assert min(counted.values()) > EXAMPLES / 30
