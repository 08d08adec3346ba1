"""Settings in files that a shell reads: what is claimed of a variable is what dash has."""

import os
import shutil
import subprocess
from collections import Counter
from typing import Any, Dict, List, Optional, Tuple

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from scmguard.folder import MemoryFolder, Status
from scmguard.parse.initramfs_sh import Script
from scmguard.rootfs.shell_settings import ShellSettings, read_settings
from scmguard.text import Source, decode, encode

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "100"))
DASH = shutil.which("dash")

needs_dash = pytest.mark.skipif(not DASH, reason="dash is not here: nothing to compare values with")

NAMES = ("X", "Y", "Z")
# In place of a value: what is not known, and what no file sets.
UNKNOWN, UNSET = None, "(unset)"


def claimed(files: Dict[str, str], *paths: str) -> ShellSettings:
    root = MemoryFolder({name: encode(text) for name, text in files.items()})
    return read_settings(root, paths or list(files))


def real(top: Any, files: Dict[str, str], *paths: str) -> Optional[Dict[str, Optional[str]]]:
    """The variables after dash has read the files, None for each that is not set; None where it did not come so far."""
    assert DASH
    for name, text in files.items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(encode(text.replace(" /etc/", " {}/etc/".format(top))))
    reads = "".join('. "{}/{}"\n'.format(top, path) for path in paths or files)
    shows = "".join("[ ${{{0}+set}} ] && printf '{0}=%s\\037' \"${0}\"\n".format(name) for name in NAMES)
    run = subprocess.run(
        [DASH, "-f", "-c", reads + shows + "printf end"], env={"HOME": "/home/u"}, capture_output=True,
        stdin=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    *found, end = decode(run.stdout).split("\x1f")
    if end != "end":
        return None
    values: Dict[str, Optional[str]] = dict.fromkeys(NAMES)
    for each in found:
        name, _, value = each.partition("=")
        values[name] = value
    return values


# A file etc/a, then etc/b; the value of X.
CASES: Dict[str, Tuple[str, str, Optional[str]]] = {
    "a value": ("X=a", "", "a"),
    "quotes": ("X='a b'\"c\"\\ d", "", "a bc d"),
    "a value with blanks behind it": ("X=a # comment", "", "a"),
    "an empty value": ("X=", "", ""),
    "the last one": ("X=a\nX=b", "", "b"),
    "the last file": ("X=a", "X=b", "b"),
    "a value of another": ("Y=a\nX=$Y/b", "", "a/b"),
    "a value of another file": ("Y=a b", "X=\"$Y c\"", "(unset) c"),
    "export": ("export X=a", "", "a"),
    "export of a quoted word": ("X=a\nexport 'X=b c'", "", "b c"),
    "export of what is set": ("X=a\nexport X", "", "a"),
    "two exported": ("export Y=b X=a", "", "a"),
    "readonly": ("readonly X=a", "", "a"),
    "unset": ("X=a\nunset X", "", UNSET),
    "unset of a function": ("X=a\nunset -f X", "", "a"),
    "unset of another": ("X=a\nunset -v Y", "", "a"),
    "nothing": ("# X=a", "", UNSET),
    "for one command": ("X=a\nX=b true", "", "a"),
    "in a subshell": ("X=a\n(X=b)", "", "a"),
    "in a pipeline": ("X=a\nX=b | true", "", "a"),
    "in a substitution": ("X=a\nY=$(X=b)", "", "a"),
    "in the background": ("X=a\nX=b & wait", "", "a"),
    "in a function that is not called": ("X=a\nf() { X=b; }", "", "a"),
    "in a condition": ("X=a\nif X=b; then true; fi", "", "b"),
    "in a group": ("{ X=a; }", "", "a"),
    "behind a condition": ("if true; then X=a; fi\nX=b", "", "b"),
    "behind a doubtful value in another file": ("X=$(echo a)", "X=b", "b"),
    "another file": (". /etc/c", "", "c"),
    "another file and then a value": (". /etc/c\nX=a", "", "a"),
    "another file that is not there, under a condition": ("X=a\n[ -f /etc/none ] && . /etc/none", "", "a"),
    "behind a return": ("X=a\nreturn\nX=b", "", "a"),
    "in the next file behind a return": ("return\nX=a", "X=b", "b"),
    "a return in a subshell": ("X=a\n(return)\nX=b", "", "b"),
    "a return in a function": ("f() { return; }\nf\nX=b", "", "b"),
    "in a case": ("X=a\ncase a in a) X=b;; esac", "", UNKNOWN),
    "under a condition": ("X=a\nif false; then X=b; fi", "", UNKNOWN),
    "behind &&": ("X=a\nfalse && X=b", "", UNKNOWN),
    "in a loop": ("X=a\nfor Y in 1; do X=b; done", "", UNKNOWN),
    "the variable of a loop": ("X=a\nfor X in b c; do true; done", "", UNKNOWN),
    "a substitution": ("X=$(echo a)", "", UNKNOWN),
    "a default": ("X=${X:-a}", "", UNKNOWN),
    "a default that is assigned": ("X=\n: ${X:=a}", "", UNKNOWN),
    "arithmetic that assigns": ("X=1\n: $((X += 1))", "", UNKNOWN),
    "a variable from outside": ("X=$PATH", "", UNKNOWN),
    "a home directory": ("X=~/a", "", UNKNOWN),
    "a home directory in a list": ("X=/a:~/b", "", UNKNOWN),
    "a joined line in a name": ("Y=a\nX=$\\\nY", "", UNKNOWN),
    "read": ("X=a\nread X </dev/null", "", UNKNOWN),
    "eval": ("X=a\neval 'X=b'", "", UNKNOWN),
    "eval of who knows what": ("X=a\nY=X=b\neval \"$Y\"", "", UNKNOWN),
    "eval in front of the value": ("Y=X=b\neval \"$Y\"\nX=a", "", "a"),
    "in a function that is called": ("X=a\nf() { X=b; }\nf", "", UNKNOWN),
    "in a function that another calls": ("X=a\ng() { f; }\nf() { X=b; }\ng", "", UNKNOWN),
    "in front of a special built-in": ("X=a\nX=b :", "", UNKNOWN),
    "unset under a condition": ("X=a\nif true; then unset X; fi", "", UNKNOWN),
    "unset of who knows what": ("X=a\nY=X\nunset $Y", "", UNKNOWN),
    "export of who knows what": ("X=a\nY=X=b\nexport $Y", "", UNKNOWN),
    "behind a return under a condition": ("X=a\n[ -f /none ] || return\nX=b", "", UNKNOWN),
    "another file under a condition": ("X=a\n[ -f /etc/c ] && . /etc/c", "", UNKNOWN),
    "another file, whichever": ("X=a\nY=$(echo /etc/c)\n. $Y", "", UNKNOWN),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_setting(name: str) -> None:
    first, second, value = CASES[name]
    found = claimed({"etc/a": first, "etc/b": second, "etc/c": "X=c"}, "etc/a", "etc/b")
    if name == "a value of another file":  # "Y=a b" runs b with Y=a
        value = UNKNOWN
    assert found.value("X", UNSET) == value
    setting = found.find("X")
    assert (setting is None) == (value == UNSET)


@needs_dash
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2] is not UNKNOWN])
def test_dash_has_that_setting(tmp_path: Any, name: str) -> None:
    first, second, value = CASES[name]
    found = real(tmp_path, {"etc/a": first, "etc/b": second, "etc/c": "X=c"}, "etc/a", "etc/b")
    assert found is not None
    if name == "a value of another file":
        value = " c"
    assert found["X"] == (None if value == UNSET else value)


def test_who_won_and_what_was_overridden() -> None:
    found = claimed({"etc/a": "# c\nX=a\nX=$(b)\n", "etc/b": "if c; then\n  export X=d # e\nfi\n"}).find("X")
    assert found is not None and found.value is None
    places = [
        (place.source.path, place.span.line, place.span.column, place.value)
        for place in (*found.overridden, found.place)
    ]
    assert places == [("etc/a", 2, 1, "a"), ("etc/a", 3, 1, None), ("etc/b", 2, 3, "d")]
    assert found.place.span.end_column == len("  export X=d # e") + 1


def test_a_file_that_is_refused_sets_nothing() -> None:
    found = claimed({"etc/a": "X=a\nif", "etc/b": "Y=b"})
    assert found.find("X") is None and found.value("Y", "") == "b"
    assert [script.source.path for script in found.refused] == ["etc/a"] and found.files == ["etc/a", "etc/b"]


def test_files_that_read_themselves_and_each_other_end() -> None:
    found = claimed({"etc/a": ". /etc/a\n. /etc/b\nX=a", "etc/b": ". /etc/a\nX=b"}, "etc/a")
    assert found.value("X", UNSET) == "a"
    often = {"etc/{}".format(number): ". /etc/{}\n".format(number + 1) * 100 + "X=a" for number in range(20)}
    assert claimed({**often, "etc/x": ". /etc/x\n" * 1000 + "X=a"}, "etc/0", "etc/x").value("X", UNSET) == "a"


def test_a_value_that_doubles_itself_is_not_known_in_the_end() -> None:
    """Forty lines of that would be as many bytes as no machine has."""
    assert claimed({"etc/a": "X=a\n" + "X=$X$X\n" * 3}).value("X", UNSET) == "a" * 8
    assert claimed({"etc/a": "X=a\n" + "X=$X$X\n" * 2000 + "Y=$X"}).value("Y", UNSET) is UNKNOWN


def test_folders_missing_and_large_files_are_passed_over() -> None:
    root = MemoryFolder(
        {"etc/a/b": b"", "etc/c": b"X=c", "etc/d": b"X=d" + b" " * (1 << 20), "etc/e": b"X=e"},
        statuses={"etc/e": Status("other", 0o644)},
    )
    assert read_settings(root, ["etc/none", "etc/a", "etc/c", "etc/d", "etc/e"]).value("X", UNSET) == "c"


def test_which_variables_a_file_sets() -> None:
    found = claimed({"etc/a": "X=a\nY=b", "etc/b": "X=c\nZ=d"})
    assert {name for name, _ in found.set_by("etc/a")} == {"X", "Y"} and {
        name for name, _ in found.set_by("etc/b")
    } == {"X", "Z"}


_NAME = st.sampled_from(NAMES)
_PART = st.one_of(
    st.sampled_from(
        ["a", "b/c", "1", ".", ":", "-", "=", "~", "*", "#", "'a  b'", '" c "', "''", "\\ ", "\\\\", "$", "é"]
    ),
    st.builds(str.format, st.sampled_from(["${}", "${{{}}}", '"${}"', '"a ${{{}}} b"']), _NAME),
    st.sampled_from(["$(echo a)", "${Y:-b}", "${Z:=c}", "$((1 + 1))", "$((X = 3))", "a:~/b", "\\\n"]),
)
# What is set on the way in the head of a case or in a here-document is not looked at.
_SIMPLE = st.lists(_PART.filter(lambda part: "=c" not in part and "= 3" not in part), max_size=3).map("".join)
_WORD = st.lists(_PART, max_size=3).map("".join)
_FORMS = [
    "unset N", "N=W true", "N=W :", "if true; then N=W; fi", "if false; then N=W; fi", "false || N=W", "(N=W)",
    "N=W | cat", "f() { N=W; }", "f() { N=W; }; f", "f", "for N in W; do :; done", "for i in 1; do N=W; done",
    "{ N=W; }", "N=W & wait", "eval N=b", 'eval "$N"', ": $(N=W)", "return", "false && return", "true && return",
    ". /etc/c", "false && . /etc/c", "true && . /etc/c", ". $Y", "unset -f N", "if true; then unset N; fi", "cd /",
    "export N", "export 'N=a b'", 'export "N=W"', "command N=W", "while N=W; do break; done", "! N=W", "set -- W",
    "alias N=W", "(return); N=W", "export N=W", "readonly Q=1; export N=W", "Y=b N=W", "true; N=W",
]  # fmt: skip
_LINES = st.one_of(
    st.builds("{}={}".format, _NAME, _WORD),
    st.builds(
        lambda form, name, word: form.replace("N", name).replace("W", word), st.sampled_from(_FORMS), _NAME, _WORD
    ),
    st.builds("read {} <<E\n{}\nE\n".format, _NAME, _SIMPLE),
    st.builds("case {2} in a) {0}=b;; *) {0}={1};; esac".format, _NAME, _WORD, _SIMPLE),
)
_FILE = st.lists(_LINES, max_size=6).map("\n".join)


@needs_dash
def test_what_is_claimed_is_what_dash_has(tmp_path: Any) -> None:
    counted: "Counter[str]" = Counter()

    @settings(max_examples=EXAMPLES * 2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(_FILE, _FILE, _FILE)
    @example("Y='a b'\nexport X=$Y", "", "")
    def check(first: str, second: str, other: str) -> None:
        files = {"etc/a": first, "etc/b": second, "etc/c": other.replace(". /etc/c", ":")}
        assume(all(Script(Source("x", encode(text))).tree is not None for text in files.values()))
        theirs = real(tmp_path, files, "etc/a", "etc/b")
        if theirs is None:  # it ended: `readonly`, or a file that is not there
            counted["ended"] += 1
            return
        ours = claimed(files, "etc/a", "etc/b")
        for name in NAMES:
            setting = ours.find(name)
            if setting is None:
                assert theirs[name] is None, name
                counted["unset"] += 1
            elif setting.value is not None:
                assert theirs[name] == setting.value, name
                counted["known"] += 1
            else:
                counted["unknown"] += 1

    check()
    assert min(counted["known"], counted["unset"]) > EXAMPLES / 20


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.one_of(_FILE.map(encode), st.binary(max_size=60)))
def test_no_file_takes_it_down(data: bytes) -> None:
    found = read_settings(MemoryFolder({"etc/a": data}), ["etc/a"])
    assert found.files == ["etc/a"] and len(found.refused) <= 1
    values: List[Optional[str]] = [found.value(name, "") for name in NAMES]
    assert len(values) == 3
