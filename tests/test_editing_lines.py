"""Lines added, replaced and taken out; arguments of the command line set and taken away."""

import os
from typing import Dict, List, Sequence, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scmguard.boot import Boot
from scmguard.editing import cmdline_txt
from scmguard.editing.change import cmdline_in_effect
from scmguard.editing.sections import append_under_all, sections
from scmguard.editing.tree import Tree
from scmguard.editing.wish import Refused
from scmguard.effective.board import BOARDS
from scmguard.effective.meaning import Filter
from scmguard.folder import MemoryFolder
from scmguard.lines import append, completed, ending, insert, replaced
from scmguard.parse.cmdline_txt import CommandLine
from scmguard.text import Source, decode, split
from tests import strategies

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "200"))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "\n"),
        ("a", "\n"),
        ("a\n", "\n"),
        ("a\r\n", "\r\n"),
        ("a\r\nb\n", "\r\n"),
        ("a\n\nb\r\n", "\n"),
        ("a\r", "\n"),
    ],
)
def test_what_ends_new_lines(text: str, expected: str) -> None:
    assert ending(text) == expected


@pytest.mark.parametrize(
    "text, expected", [("", ""), ("a", "a\n"), ("a\n", "a\n"), ("a\r\nb", "a\r\nb\r\n"), ("a\r", "a\r\n"), ("\n", "\n")]
)
def test_a_last_line_gets_an_end(text: str, expected: str) -> None:
    assert completed(text) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "x=1\n"),
        ("a=1", "a=1\nx=1\n"),
        ("[pi4]\na=1\n", "[pi4]\na=1\n[all]\nx=1\n"),
        ("[pi4]\n[all]\n", "[pi4]\n[all]\nx=1\n"),
        ("[pi4]\n [all] \n", "[pi4]\n [all] \nx=1\n"),
        ("[pi4]\n[all]x\n", "[pi4]\n[all]x\n[all]\nx=1\n"),
        ("[HDMI:1]\r\n", "[HDMI:1]\r\n[all]\r\nx=1\r\n"),
    ],
)
def test_lines_under_all(text: str, expected: str) -> None:
    assert append_under_all(text, ["x=1"]) == expected


def test_lines_are_replaced_taken_out_and_put_in() -> None:
    text = "a\r\nb\nc"
    assert replaced(text, {1: ["A"], 3: ["C", "D"]}) == "A\r\nb\nC\r\nD"
    assert replaced(text, {2: []}) == "a\r\nc" and replaced(text, {}) == text
    assert insert(text, 2, ["x"]) == "a\r\nx\r\nb\nc"


def test_sections_are_as_the_text_says_them() -> None:
    lines = split("a=1\n[pi4]\n[gpio4=1]\n[all]\n[PI4]\n# [cm4]\n")
    pi4, gpio = Filter("model", "pi4"), Filter("gpio", "4", 1)
    assert sections(lines) == [(), (), (pi4,), (pi4, gpio), (), (Filter("unknown"),), (Filter("unknown"),)]


@settings(max_examples=EXAMPLES, deadline=None)
@given(strategies.contents(), st.lists(st.sampled_from(["x=1", "# y", "dtoverlay=z"]), max_size=3))
def test_what_is_there_stays_as_it_is(data: bytes, lines: List[str]) -> None:
    text = Source("", data).text
    after = append_under_all(text, lines)
    assert after.startswith(completed(text)) and completed(text).startswith(text)
    assert replaced(text, {}) == text
    assert [line.text for line in split(after)][-len(lines) :] == lines or not lines


@given(strategies.contents(), st.lists(st.sampled_from(["x=1", "# y", "[all]"]), min_size=1, max_size=3), st.data())
def test_new_lines_are_lines_of_their_own_where_a_lone_carriage_return_is_a_character(
    data: bytes, lines: List[str], draw: st.DataObject
) -> None:
    text = Source("", data).text
    after = append(text, lines).split("\n")
    assert after.pop() == "" and [line.rstrip("\r") for line in after[-len(lines) :]] == lines
    # Put in anywhere, they end so that what follows is not theirs.
    number = draw.draw(st.integers(1, len(split(text)) + 1))
    before = "".join(line.text + line.ending for line in split(text)[: number - 1])
    after = insert(text, number, lines)[len(before) :].split("\n")
    assert [line.rstrip("\r") for line in after[: len(lines)]] == lines


# --- the command line ---


def with_words(text: str, *words: str) -> str:
    return cmdline_txt.with_words(text.encode(), [cmdline_txt.word(each) for each in words]).decode()


SET: List[Tuple[str, Sequence[str], str]] = [
    ("", ["quiet"], "quiet\n"),
    ("\n", ["quiet"], "quiet\n"),
    ("a", ["quiet", "splash"], "a quiet splash"),
    ("a quiet\n", ["quiet"], "a quiet\n"),
    ("a  b \n", ["quiet"], "a  b quiet \n"),
    ("  a\n", ["b"], "  a b\n"),
    # of most the last counts
    ("root=/dev/a root=/dev/b\n", ["root=/dev/c"], "root=/dev/a root=/dev/c\n"),
    ("root=/dev/a root=/dev/b\n", ["root=/dev/a"], "root=/dev/a root=/dev/a\n"),
    ("rootwait quiet=1\n", ["quiet"], "rootwait quiet\n"),
    ("usb-storage.quirks=a\n", ["usb_storage.quirks=b"], "usb_storage.quirks=b\n"),
    # others add up
    ("console=tty1\n", ["console=serial0,115200"], "console=tty1 console=serial0,115200\n"),
    ("console=serial0,9600 console=tty1\n", ["console=serial0,115200"], "console=serial0,115200 console=tty1\n"),
    ("console=tty1 console=serial0\n", ["console=tty1"], "console=tty1 console=serial0\n"),
    ("modprobe.blacklist=a\n", ["modprobe.blacklist=b"], "modprobe.blacklist=a modprobe.blacklist=b\n"),
    ("video=HDMI-A-1:800x600\n", ["video=HDMI-A-1:D", "video=DSI-1:D"], "video=HDMI-A-1:D video=DSI-1:D\n"),
    # what is init's stays behind what is the kernel's
    ("a -- b\n", ["c"], "a c -- b\n"),
    ("-- b\n", ["c"], "c -- b\n"),
    # quotes, and other lines
    ("a\n", ["b=c d"], 'a b="c d"\n'),
    ('b="c d"\n', ["b=c d"], 'b="c d"\n'),
    ("a\nb\n", ["c"], "a c\nb\n"),
    ("a\r\n", ["c"], "a c\r\n"),
]


@pytest.mark.parametrize("old, words, new", SET)
def test_arguments_are_set(old: str, words: Sequence[str], new: str) -> None:
    assert with_words(old, *words) == new
    assert with_words(new, *words) == new


@pytest.mark.parametrize(
    "old, names, new",
    [
        ("a quiet b\n", ["quiet"], "a b\n"),
        ("quiet a\n", ["quiet"], "a\n"),
        ("a quiet\n", ["quiet"], "a\n"),
        ("quiet", ["quiet"], ""),
        ("console=tty1 a console=serial0\n", ["console"], "a\n"),
        ("console=tty1 a console=serial0\n", ["console=tty1"], "a console=serial0\n"),
        ("a=1 a-b=2 a_b=3\n", ["a_b"], "a=1\n"),
        ("a quiet -- quiet\n", ["quiet"], "a -- quiet\n"),
        ("a\n", ["b", "c=1"], "a\n"),
        ('a="b c" d\n', ["a"], "d\n"),
        ("a b\nb\n", ["b"], "a\nb\n"),
    ],
)
def test_arguments_are_taken_away(old: str, names: List[str], new: str) -> None:
    assert cmdline_txt.without(old.encode(), names).decode() == new


@pytest.mark.parametrize("text", ["", "=1", "a b", "--", 'a=b"c', '"a"', "a=\n", "a\x1b=1", "a=\x07"])
def test_words_that_are_no_arguments(text: str) -> None:
    with pytest.raises(Refused):
        cmdline_txt.word(text)


@pytest.mark.parametrize("text", ['a "b c\n', "\ufeffa\n"])
def test_lines_that_no_change_is_sure_to_reach(text: str) -> None:
    with pytest.raises(Refused):
        with_words(text, "quiet")


ARGUMENTS = st.sampled_from(
    ["quiet", "root=/dev/a", "console=tty1", "console=serial0,9600", "a=1", 'b="x y"', "--", "é"]
)
WORDS = st.sampled_from(["quiet", "root=/dev/b", "console=tty1", "console=serial0,115200", "a=2", "b=x y", "c"])
BLANKS = st.sampled_from([" ", "  ", "\t", " "])


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.tuples(ARGUMENTS, BLANKS), max_size=6), WORDS, st.sampled_from(["", "\n", "\nmore\n"]))
def test_nothing_but_the_argument_changes(parts: List[Tuple[str, str]], text: str, end: str) -> None:
    data = ("".join(part + blank for part, blank in parts) + end).encode()
    word = cmdline_txt.word(text)

    def arguments(data: bytes) -> List[str]:
        return [each.text for each in CommandLine(Source("", data)).arguments]

    def others(data: bytes) -> List[str]:
        return [each for each in arguments(data) if each.partition("=")[0] != word.name]

    new = cmdline_txt.with_words(data, [word])
    assert word.text in arguments(new) and others(new) == others(data)
    assert cmdline_txt.with_words(new, [word]) == new
    assert cmdline_txt.is_set(CommandLine(Source("", new)).arguments, word)
    gone = cmdline_txt.without(new, [word.name])
    assert others(gone) == others(data) and word.name not in [each.partition("=")[0] for each in arguments(gone)]
    tail = decode(data).partition("--")[2] if "--" in arguments(data + b" x") else ""
    assert decode(new).endswith(tail)


def tree(files: Dict[str, bytes]) -> Tree:
    def replaced(data: bytes) -> Boot:
        return Boot(MemoryFolder({**files, "cmdline.txt": data}))

    return Tree("cmdline.txt", "cmdline.txt", files["cmdline.txt"], Boot(MemoryFolder(files)), replaced)


def in_effect(files: Dict[str, bytes], text: str) -> None:
    words = [cmdline_txt.word(text)]
    new = cmdline_txt.with_words(files["cmdline.txt"], words)
    cmdline_in_effect(tree(files), new, words, (BOARDS["cm4"],))


def test_a_command_line_that_is_not_in_effect() -> None:
    in_effect({"cmdline.txt": b"a\n"}, "quiet")
    in_effect({"cmdline.txt": b"a\n", "config.txt": b"[pi5]\ncmdline=other.txt\n"}, "quiet")
    for config in (b"cmdline=other.txt\n", b"os_prefix=x/\n"):
        with pytest.raises(Refused, match="would not be in effect on cm4"):
            in_effect({"cmdline.txt": b"a\n", "config.txt": config, "other.txt": b"b\n"}, "quiet")
    with pytest.raises(Refused, match="undoes it, if cmdline-lines=all"):
        in_effect({"cmdline.txt": b"a\nroot=/dev/b\n"}, "root=/dev/a")
