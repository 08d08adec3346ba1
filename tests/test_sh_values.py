"""The values of shell words: what is said to be known is what dash passes to a command."""

import os
import shutil
import subprocess
from collections import Counter
from typing import Dict, List, Sequence

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_changes import changed_in
from scmguard.parse.sh_model import Command
from scmguard.parse.sh_values import Run, Values, evaluated
from scmguard.text import Source, decode, encode

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "120"))
DASH = shutil.which("dash")

needs_dash = pytest.mark.skipif(not DASH, reason="dash is not here: nothing to compare values with")

# Prints its arguments so that they can be told apart whatever is in them.
_SHOW = "show() { for shown; do printf '%s\\037' \"$shown\"; done; printf '\\036'; }\n"


def script(text: str) -> Script:
    return Script(Source("x", encode(text)))


def shown(text: str) -> List[List[str]]:
    """The arguments of each run of ``show`` in dash, in the order in which they are run."""
    assert DASH
    run = subprocess.run(
        [DASH, "-f", "-c", _SHOW + text],
        env={"HOME": "/home/u"},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        cwd="/",
    )
    return [each.split("\x1f")[:-1] for each in decode(run.stdout).split("\x1e")[:-1]]


def fits(run: Run, real: Sequence[str]) -> bool:
    """Whether the known words of a run are the real ones. A word that is not known may be any number of fields."""
    if None not in run:
        return [field.text for word in run for field in word or ()] == list(real)
    first = run.index(None)
    last = len(run) - 1 - run[::-1].index(None)
    before = [field.text for word in run[:first] for field in word or ()]
    behind = [field.text for word in run[last + 1 :] for field in word or ()]
    if len(before) + len(behind) > len(real):
        return False
    return list(real[: len(before)]) == before and list(real[len(real) - len(behind) :]) == behind


def commands(found: Script) -> Dict[str, Command]:
    """The commands ``show N …`` by N."""
    return {command.arguments[0] or "": command for command in found.commands if command.name == "show"}


def same_as_dash(text: str) -> "Counter[str]":
    """Compares all commands ``show N …`` of a script. Returns how many words are known, and how many are not."""
    found = script(text)
    assert found.tree is not None, found.refusal
    real = shown(text + "\nshow end")
    whole = ["end"] in real
    values = Values(found)
    counted: "Counter[str]" = Counter()
    for number, command in commands(found).items():
        runs = [run[1:] for run in values.runs(command)]
        theirs = [each for each in real if each[:1] == [number]]
        for run in runs:
            counted.update("known" if word is not None else "unknown" for word in run[1:])
        for each in theirs:
            assert any(fits(run, each) for run in runs), (text, number, runs, each)
        context = command.context
        alone = context.function or context.loops or context.subshell or context.pipeline or context.background
        if whole and context.always_runs and not alone and None not in runs[0]:
            assert len(runs) == len(theirs) == 1, (text, runs, theirs)
    return counted


KNOWN = {
    "a literal word": ("show 1 a", ["a"]),
    "quotes of every kind": ("show 1 'a b'\"c d\"e\\ f", ["a bc de f"]),
    "what quotes keep": (r"""show 1 '$x' "\$x" \$x "it's" '"' "\a" '\\' "\\" """,
        ["$x", "$x", "$x", "it's", '"', r"\a", r"\\", "\\"]),
    "a dollar alone": ('show 1 $ a$ "$" "a$" $/', ["$", "a$", "$", "a$", "$/"]),
    "dollar quotes that dash has not": ("show 1 $'a' $\"b\"", ["$a", "$b"]),
    "joined lines": ("show 1 a\\\nb \"a\\\nb\" 'a\\\nb'", ["ab", "ab", "a\\\nb"]),
    "a variable": ("x=a; show 1 $x ${x} \"$x\" ${x}b $x.b", ["a", "a", "a", "ab", "a.b"]),
    "a value is split at blanks": ("x=' a  b\t\nc'; show 1 $x", ["a", "b", "c"]),
    "a quoted value is not split": ("x='a  b'; show 1 \"$x\"", ["a  b"]),
    "a value joins what is around it": ("x='a b'; show 1 1$x'2' \"$x\"$x", ["1a", "b2", "a ba", "b"]),
    "an empty value is no word": ("x=; show 1 $x b $x$x", ["b"]),
    "an empty quoted value is a word": ("x=; show 1 \"$x\" '' \"\"", ["", "", ""]),
    "an empty value beside quotes is a word": ("x=; show 1 $x\"\" ''$x", ["", ""]),
    "a blank value beside quotes": ("x=' '; show 1 ''$x $x'' ''$x''", ["", "", "", ""]),
    "a value is not expanded again": ("x='$y' y=b; show 1 $x", ["$y"]),
    "a value of values": ("x=a; y=$x$x; z=\"$y $x\"; show 1 $z", ["aa", "a"]),
    "two assignments in one command": ("x=a y=$x; show 1 $y", ["a"]),
    "patterns": ("x='*'; show 1 * 'a*' [a] $x", ["*", "a*", "[a]", "*"]),
    "a condition that always runs": ("if x=a; then :; fi; show 1 $x", ["a"]),
    "a group": ("{ x=a; }; show 1 $x", ["a"]),
    "before an assignment for one command": ("x=a; x=b show 1 $x; show 2 $x", ["a"]),
    "no home directory behind a quote or in the middle": ("show 1 \\~ '~' a~ a:~", ["~", "~", "a~", "a:~"]),
    "a variable set for another program": ("x=a; x=b /bin/true; show 1 $x", ["a"]),
    "IFS for one command": ("x='a b'; IFS=: read y </dev/null; show 1 $x", ["a", "b"]),
    "a function's own text behind the assignment": ("x=a; f() { show 1 $x; }; f", ["a"]),
    "an eval of another variable": ("x=a; eval 'y=b'; show 1 $x", ["a"]),
    "a comparison in arithmetic": ("x=1; : $((x == 2)); show 1 $x", ["1"]),
    "bytes that are no text": ("x=\udcff; show 1 $x", ["\udcff"]),
}  # fmt: skip


@needs_dash
@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_is_known_is_what_dash_passes(name: str) -> None:
    text, words = KNOWN[name]
    found = script(text)
    (run,) = Values(found).runs(commands(found)["1"])
    assert None not in run and [field.text for word in run[2:] for field in word or ()] == words
    same_as_dash(text)


# Each with `show 1` and a word that is not known there.
UNKNOWN = {
    "a command": "x=$(echo a); show 1 $x",
    "a command in backquotes": "show 1 `echo a`",
    "a parameter of the script": "set -- a; show 1 $1",
    "a default": "x=a; show 1 ${x:-b}",
    "arithmetic": "show 1 $((1 + 1))",
    "a home directory": "show 1 ~",
    "a home directory in an assignment": "x=~; show 1 $x",
    "a home directory behind a colon of an assignment": "x=/a:~/b; show 1 $x",
    "a variable that is not set": "show 1 $x",
    "before the assignment": "show 1 $x; x=a",
    "two assignments": "x=a; x=b; show 1 $x",
    "an assignment under a condition": "x=a; if false; then x=b; fi; show 1 $x",
    "an assignment that may not run": "false && x=a; show 1 $x",
    "an assignment in a case": "case a in b) x=a;; esac; show 1 $x",
    "an assignment in a loop": "for i in 1 2; do show 1 $x; x=a; done",
    "an assignment in a while": "while x=$x1; [ ${#x} -lt 2 ]; do break; done; show 1 $x",
    "an assignment in a function": "f() { x=a; }; show 1 $x; f",
    "an assignment in a subshell": "(x=a); show 1 $x",
    "an assignment in a pipeline": "x=a | :; show 1 $x",
    "an assignment in the background": "x=a & wait; show 1 $x",
    "an assignment in a substitution": ": $(x=a); show 1 $x",
    "an assignment whose redirection fails": "x=a </nonexistent; show 1 $x",
    "itself": "x=$x; show 1 $x",
    "read": "x=a; read x </dev/null; show 1 $x",
    "read by way of command": "x=a; command read x </dev/null; show 1 $x",
    "getopts": "x=a; getopts b x -b; show 1 $x",
    "local": "x=a; f() { local x=b; show 1 $x; }; f",
    "export with an unknown value": "x=a; export x=$HOME; show 1 $x",
    "readonly": "readonly x=a; show 1 $x",
    "unset": "x=a; unset x; show 1 $x",
    "unset of given variables": "unset given; show 1 $given",
    "eval": "x=a; eval x=b; show 1 $x",
    "eval of who knows what": "x=a; y=b; eval \"$HOME=c\" 2>/dev/null; show 1 $x",
    "eval behind it in a loop": "x=a; for i in 1 2; do show 1 $x; eval \"$(echo x=b)\"; done",
    "a default that is assigned": "x=; : ${x:=a}; show 1 $x",
    "arithmetic that assigns": "x=1; : $((x += 2)); show 1 $x",
    "an assignment in front of a special built-in": "x=a; x=b :; show 1 $x",
    "an assignment in front of a function": "x=a; f() { show 1 $x; }; x=b f",
    "PWD behind cd": "PWD=/a; cd /; show 1 $PWD",
    "split at other characters": "x=a:b; IFS=:; show 1 $x",
    "a line joined between the dollar and the name": "x=a; show 1 $\\\nx",
    "a line joined in the name": "x=a; xy=b; show 1 $x\\\ny",
    "the parameters": "for x; do show 1 $x; done; show 1 $x",
    "a loop's variable behind the loop": "for x in a b; do :; done; show 1 $x",
    "a loop's variable set in the loop": "for x in a b; do x=c; show 1 $x; done",
    "a loop's variable read in the loop": "for x in a b; do read x </dev/null; show 1 $x; done",
    "a loop's variable set by a function": "f() { x=c; }; for x in a b; do f; show 1 $x; done",
    "a loop's variable in an inner loop": "for x in a b; do for x in c; do :; done; show 1 $x; done",
    "a loop's variable in a function's loop": "f() { for x in c; do :; done; }; for x in a b; do f; show 1 $x; done",
}  # fmt: skip


@needs_dash
@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_what_is_not_known_is_not_claimed(name: str) -> None:
    found = script(UNKNOWN[name])
    assert found.tree is not None
    for run in Values(found, {"given": "g"}).runs(commands(found)["1"]):
        assert run[2:] == (None,)
    same_as_dash(UNKNOWN[name])


RUNS = {
    "one loop": ("for i in a 'b c'; do show 1 $i; done", [["a"], ["b", "c"]]),
    "a loop over a value": ("x='a b'; for i in $x \"$x\"; do show 1 \"$i\"; done", [["a"], ["b"], ["a b"]]),
    "two loops": ("for i in a b; do for j in 1 2; do show 1 $i$j; done; done", [["a1"], ["a2"], ["b1"], ["b2"]]),
    "a loop in one of the same name": ("for i in a b; do for i in c d; do show 1 $i; done; done", [["c"], ["d"]] * 2),
    "two loops one after the other": ("for i in a b; do :; done; for i in c d; do show 1 $i; done", [["c"], ["d"]]),
    "a variable set for one program in a loop": ("for i in a b; do i=c /bin/true; show 1 $i; done", [["a"], ["b"]]),
}  # fmt: skip


@needs_dash
@pytest.mark.parametrize("name", sorted(RUNS))
def test_a_command_runs_once_for_each_turn(name: str) -> None:
    text, expected = RUNS[name]
    found = script(text)
    runs = [
        [field.text for word in run[2:] for field in word or ()] for run in Values(found).runs(commands(found)["1"])
    ]
    assert runs == expected == [each[1:] for each in shown(text)]


def test_loops_without_end_are_looked_at_for_a_while() -> None:
    text = "".join("for v{} in 1 2 3 4 5 6 7 8 9; do ".format(number) for number in range(9)) + "a $v0" + "; done" * 9
    found = script(text)
    assert 100 < sum(1 for _ in Values(found).runs(found.commands[0])) < 1000


def test_values_of_values_are_followed_for_a_while() -> None:
    text = (
        "x0=a\n"
        + "".join("x{}=$x{}$x{}\n".format(number + 1, number, number) for number in range(200))
        + "show 1 $x200"
    )
    found = script(text)
    assert [run[2:] for run in Values(found).runs(commands(found)["1"])] == [(None,)]


@pytest.mark.parametrize("start", ["", "a"])
def test_values_that_use_each_other_often_are_worked_out_once(start: str) -> None:
    """Without that, eight variables of a few hundred uses each are more than any time, or any memory, is enough for."""
    uses = "".join("x{}={}\n".format(number + 1, "$x{}".format(number) * 300) for number in range(7))
    found = script("x0={}\n{}show 1 $x7 b".format(start, uses))
    (run,) = Values(found).runs(commands(found)["1"])
    assert run[2:] == (None if start else (), (("b", False),))


def test_a_long_value_is_known_and_a_very_long_one_is_not() -> None:
    found = script('x=\'{}\'; y=$x$x; z=$y$y; show 1 "$y" "$z"'.format("a" * 8000))
    (run,) = Values(found).runs(commands(found)["1"])
    assert run[2:] == ((("a" * 16000, False),), None)


def test_many_commands_in_many_loops_are_looked_at_for_a_while() -> None:
    """What is behind that is looked at once, and of the loops' variables nothing is claimed."""
    loops = "".join("for v{} in 1 2 3 4 5 6 7 8 9; do\n".format(number) for number in range(30))
    found = script("{}{}{}".format(loops, "a $v0\n" * 2000, "done\n" * 30))
    values = Values(found)
    runs = [list(values.runs(command)) for command in found.commands]
    assert sum(map(len, runs)) < 30_000
    assert runs[0][0][1:] == ((("1", False),),) and [run[1:] for run in runs[-1]] == [(None,)]


def test_names_in_arithmetic_are_found_however_long() -> None:
    found = changed_in("$((a=1, b1 += 2, $1c = 3, 4d<<=1, e == 5, 6 = 7, {} + f=8))".format("A1" * 100_000))
    assert found == {"a", "b1", "c", "d", "f"}


def test_given_variables_are_known_until_they_are_set() -> None:
    found = script("show 1 $given/a; given=b; show 2 $given")
    values = Values(found, {"given": "g"})
    assert [run[2:] for run in values.runs(commands(found)["2"])] == [((("b", False),),)]


def test_a_pattern_is_told_from_its_quoted_characters() -> None:
    found = script("x='*'; show 1 a* 'a*' \"a?\" \\* [ab] $x \"$x\"")
    (run,) = Values(found).runs(commands(found)["1"])
    assert [field.pattern for word in run[2:] for field in word or ()] == [True, False, False, False, True, True, False]


def test_evaluated_asks_for_variables() -> None:
    word = script('x=$a"$b"c').commands[0].assignments[0].value
    assert evaluated(word, {"a": "1 2", "b": "3"}.get) == "1 23c"
    assert evaluated(word, {"a": "1"}.get) is None


_NAMES = st.sampled_from(["x", "y", "xy", "i", "j"])
_PARTS = st.one_of(
    st.sampled_from(
        list("ab1./:-=~*?#!{},$é%") + ["[a]", "[", "$/", "\\\n", "''", '""', "\\a", "\\ ", "\\$", '\\"', "\\'", "\\\\"]
        + ["\\*", '"\\a\\$\\"\\\\\\`"', "'\\'", '"\'"', "'\"'"]
    ),
    st.text(alphabet='ab *\t\n?$~\\"', max_size=4).map("'{}'".format),
    st.text(alphabet="ab *\t\n?'~", max_size=4).map('"{}"'.format),
    st.builds(str.format, st.sampled_from(["${}", "${{{}}}", '"${}"', '"a ${{{}}} b"']), _NAMES),
)  # fmt: skip
_FAR = st.sampled_from(
    ["$(echo a b)", "`echo a`", "${x-b}", "${x:=b}", "${y:=c}", "$((1 + 1))", "$((i=3))", "$1", "$#", '"$@"', "~/a"]
    + ["a:~/b", "$(x=1; echo $x)"]
)  # fmt: skip
# Commands and constructs after which variables are not what the text says. A hole (%s) takes other commands.
_ODD = [
    "unset x", "read x y </dev/null", "export x=b", "export y", 'export "$x=1"', "readonly j", "eval x=b",
    'eval "$y=a"', "x=b :", "x=b show %", "y=$x show % $x", "y=b f", "IFS=:", "f", "cd /", "getopts a i -a",
    ": ${x:=c}", "command read i <<E\na\nE\n", "set -- a b", "trap 'x=1' EXIT", "x=b </nonexistent", "eval : $x",
]  # fmt: skip
_HOLES = [
    "if true; then %s; else %s; fi", "if false; then %s; else %s; fi",
    "while [ ${#k} -lt 2 ]; do k=1$k; %s; done", "case a in a) %s;; *) %s;; esac", "f() { %s; }; f",
    "f() { local x; %s; }; f", "f() { %s; }", "( %s )", "{ %s; } | cat", "%s | cat; %s", "true && { %s; }",
    "false && { %s; }", "false || { %s; }", "{ %s; } & wait", "set -- c d; for x; do %s; done",
    "for i in a b; do %s; break; %s; done", "! { %s; }",
]  # fmt: skip


def _filled(hole: str, parts: List[str]) -> str:
    for part in parts:
        hole = hole.replace("%s", part, 1)
    return hole


def _numbered(text: str) -> str:
    """Each ``show %`` with a number of its own."""
    pieces = text.split("show %")
    return pieces[0] + "".join("show {}{}".format(number, piece) for number, piece in enumerate(pieces[1:]))


def _scripts(odd: bool) -> "st.SearchStrategy[str]":
    """Scripts of assignments, loops and ``show``; with ``odd`` of anything else, too."""
    parts = st.one_of(_PARTS, _PARTS, _PARTS, _FAR) if odd else _PARTS
    words = st.lists(parts, min_size=1, max_size=4).map("".join).filter(lambda word: word[0] != "#")
    assignment = st.tuples(_NAMES, st.just("") | words).map("=".join)
    show = st.lists(words, max_size=3).map(lambda found: " ".join(["show %", *found]))
    simple = st.one_of(assignment, show, *([st.sampled_from(_ODD)] if odd else []))

    def compound(inner: "st.SearchStrategy[str]") -> "st.SearchStrategy[str]":
        body = st.lists(inner, min_size=1, max_size=4).map("\n".join)
        loop = st.builds("for {} in {}; do {}\ndone".format, _NAMES, st.lists(words, max_size=3).map(" ".join), body)
        holes = st.builds(_filled, st.sampled_from(_HOLES), st.lists(body, min_size=2, max_size=2))
        return st.one_of(loop, body.map("{{ {}\n}}".format), *([holes, holes] if odd else []))

    statements = st.recursive(simple, compound, max_leaves=8)
    return st.lists(statements, min_size=1, max_size=6).map(lambda found: _numbered("\n".join(found)))


@needs_dash
def test_of_plain_scripts_much_is_known_and_right() -> None:
    counted: "Counter[str]" = Counter()

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(_scripts(odd=False))
    @example("x=' '; show 0 ''$x")
    def check(text: str) -> None:
        assume(script(text).tree is not None)  # "${" has no end
        counted.update(same_as_dash(text))

    check()
    assert counted["known"] > counted["unknown"] / 5 > 0


@needs_dash
def test_of_odd_scripts_what_is_known_is_right() -> None:
    counted: "Counter[str]" = Counter()

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(_scripts(odd=True))
    def check(text: str) -> None:
        assume(script(text).tree is not None)
        counted.update(same_as_dash(text))

    check()
    assert counted["known"] > counted["unknown"] / 30


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(st.one_of(_scripts(odd=True), st.text(max_size=60)), st.sampled_from(["", "a b", "*"]))
def test_no_script_takes_it_down(text: str, given_value: str) -> None:
    found = Script(Source("x", text.encode("utf-8", "replace")))
    values = Values(found, {"x": given_value})
    for command in found.commands:
        assert all(len(run) == len(command.words) for run in values.runs(command))
        for assignment in command.assignments:
            values.value(assignment.value)
