"""The grammar of POSIX sh: dash's verdict, shfmt's counts, lark's tree; lossless; no text takes it down."""

import os
import time
from contextlib import suppress
from typing import Any, Dict, Iterator, List, Optional

import lark
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scmguard import assets
from scmguard.parse import grammar, sh_lexer
from scmguard.parse.initramfs_sh import Script, read_script
from scmguard.parse.lalr import Grammar, Run
from scmguard.parse.sh_facts import tokens
from scmguard.parse.tables import STARTS
from scmguard.text import Source, encode
from scmguard.tree import Token, Tree
from tests.test_sh_oracles import dash_takes, needs_dash, needs_shfmt, our_counts, shfmt_counts

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "400"))


def script(text: str) -> Script:
    return Script(Source("x", encode(text)))


# What scripts are made of. A hole (%s) takes another construct.
_SIMPLE = [
    "a", "a b 'c d' \"e $f\"", "x=1", "x=1 a", "a >b 2>&1", ">a", "a <b >>c", "a \\\n b", "local x=1", "a;b", "# c\na",
    "echo $((1 + 2))", "a ${b:-c} ${d%%.*} ${#e} \"${f#'x'}\"", "cat <<E\nx $y\nE\n",
    "cat <<-'E' <<F\n\t$(\n\tE\n`a`\nF\n",
]  # fmt: skip
_HOLES = [
    "if %s; then %s; fi", "if %s\nthen %s\nelif %s; then %s; else %s; fi", "for x in a b; do %s; done",
    "for x; do %s; done", "while %s; do %s; done", "until %s; do %s\ndone", "case $x in a|'b') %s;; (*) %s; esac",
    "case x in esac", "f() { %s; }", "f() %s", "{ %s; }", "( %s )", "{ %s; } >x 2>&1", "%s && %s || %s", "! %s",
    "%s | %s", "%s; %s", "%s & %s", "%s\n%s", "a $(%s) b", "a \"$(%s)\"", "a `%s`", "cat <<E\n$(%s)\nE\n",
    "x=${y:-$(%s)}", "a $(( $(%s) ))",
]  # fmt: skip


def _filled(pattern_and_parts: Any) -> str:
    pattern, parts = pattern_and_parts
    pieces = pattern.split("%s")
    return "".join(piece + part for piece, part in zip(pieces, parts)) + pieces[-1]


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(_HOLES), st.lists(inner, min_size=5, max_size=5)).map(
        lambda found: _filled((found[0], found[1][: found[0].count("%s")]))
    )


_SCRIPTS = st.recursive(st.sampled_from(_SIMPLE), _grow, max_leaves=6)
_PIECES = st.sampled_from(
    list(" \t\n;&|()<>'\"\\$`{}#=!~*?[]-+:/%@1x\r\x0bé\udcff")
    + ["if", "then", "else", "elif", "fi", "for", "in", "do", "done", "case", "esac", "while", "until", "local", "f()"]
    + [
        ";;",
        "&&",
        "||",
        "<<",
        "<<-",
        "$(",
        "$((",
        "))",
        "${",
        "${x-",
        "${x#",
        "\\\n",
        "<<E ",
        "\nE\n",
        "2>",
        " ",
        "\\`",
    ]
)
_RANDOM = st.lists(_PIECES, max_size=20).map("".join)


@st.composite
def _mutants(draw: Any) -> str:
    text = draw(_SCRIPTS)
    at = draw(st.integers(0, len(text)))
    return str(text[:at] + draw(_PIECES) + text[at + draw(st.integers(0, 2)) :])


_ANY = st.one_of(_SCRIPTS, _mutants(), _RANDOM)


@needs_dash
def test_dash_takes_the_same_texts() -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(_ANY)
    @example("a <<E\n\\\nE\n(")
    @example("`a )`")
    @example("case x in ;) a;; esac")
    def check(text: str) -> None:
        found = script(text)
        assert (found.tree is not None) == dash_takes(text), found.refusal

    check()


@needs_shfmt
def test_shfmt_counts_the_same_constructs() -> None:
    @settings(max_examples=EXAMPLES // 2, deadline=None)
    @given(_SCRIPTS)
    def check(text: str) -> None:
        found = script(text)
        try:
            theirs = shfmt_counts(text)
        except ValueError:
            return  # where the shells differ, dash counts
        if found.tree is not None and "<<" not in text and "`" not in text:
            assert our_counts(found) == theirs

    check()


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.one_of(_ANY, st.text(max_size=60)))
@example("\0")
@example("a\\")
@example("cat <<E")
def test_every_text_is_read_or_refused_and_nothing_is_lost(text: str) -> None:
    data = text.encode("utf-8", "replace") if any("\ud800" <= char < "\udc80" for char in text) else encode(text)
    found = Script(Source("x", data))
    lines = found.text.count("\n") + found.text.count("\r") + 1
    if found.tree is None:
        assert found.refusal is not None and found.refusal.expected
        assert 0 <= found.refusal.start <= len(found.text)
        assert 1 <= found.refusal.line <= lines and found.refusal.column >= 1
        assert found.facts == ((), (), ())
        return
    assert encode(found.printed()) == data
    offset = 0
    for token in tokens(found.tree):
        assert token.start == offset and token.text
        offset = token.end
    for command in found.commands:
        assert found.text[command.start] not in " \t\n"
        assert 1 <= found.line(command) <= lines


class _Recording(Grammar):
    """Notes the tokens that the lexer feeds to each run."""

    runs: List[Any]

    def run(self, start: str) -> Run:
        kept: List[Any] = []
        self.runs.append((start, kept))

        class Recorder(Run):
            __slots__ = ()

            def feed(self, kind: str, node: Any, before: Any = None) -> bool:
                taken = super().feed(kind, node, before)
                if taken:
                    kept.append((kind, node))
                return taken

            def finish(self, before: Any = None) -> Optional[Tree]:
                tree = super().finish(before)
                kept.append(tree)
                return tree

        made = super().run(start)
        made.__class__ = Recorder
        return made


class _Replay(lark.lexer.Lexer):
    def __init__(self, _conf: Any) -> None:
        pass

    def lex(self, data: Any) -> Iterator[lark.Token]:
        for number, (kind, _) in enumerate(data):
            yield lark.Token(kind, str(number), number)


def test_the_grammar_gives_what_lark_makes_of_the_same_tokens() -> None:
    parser = lark.Lark(
        assets.grammar("initramfs_sh"), parser="lalr", lexer=_Replay, start=list(STARTS["initramfs_sh"]),
        keep_all_tokens=True, maybe_placeholders=False,
    )  # fmt: skip
    recording = grammar("initramfs_sh")
    noting = _Recording.__new__(_Recording)
    for slot in Grammar.__slots__:
        setattr(noting, slot, getattr(recording, slot))

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(_ANY)
    def check(text: str) -> None:
        noting.runs = []
        with suppress(sh_lexer.Refused):
            sh_lexer.parse(text, noting, 400)
        for start, kept in noting.runs:
            if kept and isinstance(kept[-1], Tree):
                fed = kept[:-1]
                assert _plain(parser.parse(fed, start=start), fed) == _without_gaps(kept[-1])

    check()


def _plain(node: Any, fed: List[Any]) -> Any:
    if isinstance(node, lark.Token):
        return fed[int(node)][1]
    return Tree(str(node.data), tuple(_plain(child, fed) for child in node.children))


def _without_gaps(node: Any) -> Any:
    """A tree of the grammar's own rules without what stands beside the grammar."""
    if isinstance(node, Token) or node.kind in ("word", "assignment", "here_document"):
        return node
    beside = ("BLANK", "COMMENT", "IGNORED")
    return Tree(node.kind, tuple(_without_gaps(child) for child in node.children if child.kind not in beside))


@pytest.mark.parametrize("text, line, column, expected", [
    ("if a\nthen b\n", 3, 1, "`elif`, `else` or `fi`"),
    ("a )", 1, 3, "the end"),
    ("for 1 in a; do b; done", 1, 5, "the name of a variable"),
    ("f-g() { a; }", 1, 1, "the name of a function"),
    ("echo 'a\nb", 2, 2, "a closing '"),
    ("a\r\ncase x in\r\na) b;;\r\nesac\r\n", 2, 8, "`in`"),
    ("x=$(a", 1, 6, "`)`"),
    ("`echo \\`x`", 1, 10, "a closing `"),
    ("\ufeffif", 1, 1, ""),
    ("{ " * 5000, 1, 0, "fewer constructs inside each other"),
])  # fmt: skip
def test_refusals_say_where_and_what_was_expected(text: str, line: int, column: int, expected: str) -> None:
    refusal = script(text).refusal
    if not expected:
        assert refusal is None  # the byte order mark makes it another word
        return
    assert refusal is not None and expected in refusal.expected
    assert (refusal.line, refusal.column) == (line, column or refusal.column)


HOOK = """#!/bin/sh
PREREQ="udev lvm2"
prereqs() { echo "$PREREQ"; }
case "$1" in
# asked for them
prereqs) prereqs; exit 0;;
esac
. /usr/share/initramfs-tools/hook-functions
copy_exec /a/b /c
cp -p "/x y" ${DESTDIR}/etc || exit 1
set -e
if [ -x /foo ]; then copy_exec /foo; fi
x=$(cat `echo \\`foo *\\``) y=1
a | b 2>/dev/null &
( set +e; c )
! d && { e; f; }
while read x <<E; do g; done
$(h)
E
V=1 copy_exec /z
"""


def test_facts_of_a_hook() -> None:
    hook = script(HOOK)
    assert hook.answer is not None and hook.interpreter == ("/bin/sh", "")
    assert [(one.value.literal, hook.line(one)) for one in hook.assigned("PREREQ")] == [("udev lvm2", 2)]
    assert [one.name for one in hook.functions] == ["prereqs"] and not hook.assigned("V")
    found = {(hook.line(one), one.name): one for one in hook.commands}
    assert [one.name for one in hook.commands][-3:] == ["g", "h", "copy_exec"]
    assert found[10, "cp"].arguments == ("-p", "/x y", None)
    assert found[10, "cp"].words[3].text == "${DESTDIR}/etc"
    assert found[3, "echo"].context.function == "prereqs" and found[3, "echo"].context.last
    assert not found[9, "copy_exec"].context.failure_counts
    assert found[10, "cp"].context.tested and found[10, "cp"].context.failure_counts
    assert found[12, "copy_exec"].context.errexit and found[12, "copy_exec"].context.failure_counts
    assert found[12, "["].context.condition
    assert found[13, None].assignments[0].name == "x"
    assert found[13, "cat"].context.substitution and found[13, "cat"].context.errexit
    assert found[13, "foo"].arguments == (None,) and found[13, "foo"].context.substitution
    assert found[14, "b"].redirections[0][:2] == (2, ">") and found[14, "b"].context.pipeline
    assert found[14, "a"].context.background
    assert found[15, "c"].context.subshell and not found[15, "c"].context.errexit
    assert found[16, "d"].context.tested and found[16, "f"].context.errexit
    assert found[17, "read"].context.condition and found[18, "h"].context.substitution
    assert found[20, "copy_exec"].context.last


@pytest.mark.parametrize("text, before, behind", [
    ("#!/bin/sh -e\na\nb", True, True), ("a\nset -eu\nb", False, True), ("a\nset -o errexit\nb", False, True),
    ("set -e; a\nset +e\nb", True, False), ("a\n(set -e)\nb", False, False), ("a\nset -- -e\nb", False, False),
    ("#! /bin/sh -xe\na; b", True, True), ("a; set -xo errexit; b", False, True), ("a\nx=$(set -e)\nb", False, False),
])  # fmt: skip
def test_whether_set_e_is_in_force(text: str, before: bool, behind: bool) -> None:
    found: Dict[Optional[str], bool] = {one.name: one.context.errexit for one in script(text).commands}
    assert (found["a"], found["b"]) == (before, behind)


@pytest.mark.parametrize("word, literal", [
    ("a", "a"), ("'a b'", "a b"), ('"a b"', "a b"), ("a\\ b", "a b"), ('"a\\$b"', "a$b"), ('"a$b"', None),
    ("'$b'", "$b"), ("a*", None), ("'a*'", "a*"), ("~/x", None), ('"\\d"', "\\d"), ("a\\\nb", "ab"),
    ('"it\'s"', "it's"), ("$(a)", None), ("a$", "a$"), ("[", "["), ('"`a`"', None), ("$((1))", None), ('"a$"', "a$"),
])  # fmt: skip
def test_what_is_literal(word: str, literal: Optional[str]) -> None:
    assert script("x " + word).commands[0].arguments[0] == literal


MANY = 20_000
LONG = {
    "words": "a " * MANY, "lines": "\n" * MANY, "one word": "a" * 1_000_000, "open quote": '"' + "$abc " * MANY,
    "open brace": "${x-" * MANY, "open quoted brace": '"${x#' * MANY, "open arithmetic": "$((" * MANY,
    "brackets": "(" * MANY, "ifs": "if " * MANY, "functions": "f() " * MANY, "substitutions": "$(" * MANY,
    "quoted substitutions": '"$(' * MANY, "backquotes": "`" * MANY, "backslashes": "`" + "\\" * MANY + "`",
    "escaped backquotes": "`" + "\\`" * MANY + "`", "joined lines": ";" + "\\\n" * MANY + "a",
    "here-documents": "cat " + "<<E " * MANY + "\n", "name": "a" + " " * MANY + "(",
    "here-document": "cat <<E\n" + "$x\n" * MANY, "nested here-documents": "cat <<E\n$(" * MANY,
    "and": "a && " * MANY + "a", "elif": "if a; then b; " + "elif a; then b; " * MANY + "fi",
    "case": "case x in " + "a) b;; " * MANY + "esac", "patterns": "case x in " + "a|" * MANY + "a) b;; esac",
    "dollars": "$" * MANY, "joined quotes": "'a'\"b\"" * MANY, "not": "! " * MANY, "pipes": "a|" * MANY + "a",
    "long delimiter": "cat <<'" + "a\n" * MANY + "'\n" + "a\n" * MANY,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LONG))
def test_long_texts_take_no_recursion_and_no_square_of_time(name: str) -> None:
    start = time.process_time()
    found = script(LONG[name])
    assert found.printed() == (LONG[name] if found.tree else "")
    assert (found.tree is None) == (found.refusal is not None) and len(found.facts.commands) <= MANY * 3
    # Some tenths of a second, seldom more; where it grew with the square, it was most of a minute.
    assert time.process_time() - start < 15


def test_equal_files_are_read_once() -> None:
    assert read_script("x", b"a") is read_script("x", b"a")
