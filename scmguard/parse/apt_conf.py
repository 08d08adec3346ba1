"""apt.conf and the files of apt.conf.d as statements: what is set, cleared and included, and where.

Sources: apt.conf(5) and apt 2.6.1, ``ReadConfigFile`` (``apt-pkg/contrib/configuration.cc``) with ``ParseQuoteWord``
and ``ParseCWord`` (``strutl.cc``), and ``apt-config dump``, which a test compares. Where apt gives up with a syntax
error, this reader notes the error and goes on with the next statement.
"""

import re
from bisect import bisect_right
from typing import Iterator, List, NamedTuple, Optional, Tuple

from scmguard.parse import grammar
from scmguard.text import Line, Source, Span
from scmguard.tree import Token, Tree

# What isspace() knows in the C locale.
_SPACE = " \t\n\v\f\r"
# A word ends at white space, but not inside quotes or brackets; one that is not closed makes no word.
_WORD = re.compile(r'[ ]*((?:"[^"]*"|\[[^\]]*\]|[^ \t\n\v\f\r"\[])+)(?=[ \t\n\v\f\r]|\Z)[ \t\n\v\f\r]*')
_STRINGS = re.compile(r'[ \t\n\v\f\r]*(?:"[^"]*"[ \t\n\v\f\r]*)+\Z')
_STRING_OR_GAP = re.compile(r'"([^"]*)"|[ \t\n\v\f\r]+')
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")


class Statement(NamedTuple):
    """One statement. ``kind`` is ``set``, ``clear`` or ``include``.

    ``name`` is the option with its scopes (``APT::Periodic::Enable``; a trailing ``::`` appends to a list), empty for
    an include. ``value`` is what it is set to, or the file to include. ``start`` and ``end`` are offsets in the text.
    """

    kind: str
    name: str
    value: str
    start: int
    end: int


class Mistake(NamedTuple):
    """What makes apt refuse the file, and where it starts (offset in the file's text)."""

    start: int
    reason: str


class AptConf:
    """A configuration file of apt. Reading it never fails; ``mistakes`` tells what apt would not take."""

    def __init__(self, source: Source) -> None:
        tree = grammar("apt_conf").parse(source.text, "apt_conf")
        if tree is None:
            raise AssertionError("the grammar of apt.conf is total")
        self.source = source
        self.tree = tree
        self.mistakes: List[Mistake] = []
        self.statements: Tuple[Statement, ...] = tuple(self._read())
        self._starts: Optional[List[int]] = None

    def text(self) -> str:
        """The text printed from the tree; equal to ``source.text``."""
        return self.tree.text()

    def span(self, start: int, end: Optional[int] = None) -> Span:
        """The place of a statement or mistake, from its offsets; without an end, to the end of the line."""
        first, column = self._position(start)
        if end is None:
            return self.source.span(first.number, column)
        last, stop = self._position(end - 1)
        return Span(self.source.path, first.number, column + 1, last.number, stop + 2)

    def _position(self, offset: int) -> Tuple[Line, int]:
        lines = self.source.lines
        if self._starts is None:
            self._starts, total = [], 0
            for line in lines:
                self._starts.append(total)
                total += len(line.text) + len(line.ending)
        number = max(bisect_right(self._starts, offset) - 1, 0)
        return lines[number], offset - self._starts[number]

    def _read(self) -> List[Statement]:
        found: List[Statement] = []
        scopes: List[str] = []
        bom = self.source.bom
        for part in self.tree.children:
            if isinstance(part, Token):
                continue
            words = _words(part)
            if words is not None and bom:
                # apt knows no byte order mark: it is the beginning of the first word.
                words, bom = ("\ufeff" if _extent(part)[0] == 0 else "\ufeff ") + words, False
            if words is None:
                if part.kind == "opening":
                    self._mistake(part, "a block starts with no name")
                    scopes.append(scopes[-1] if scopes else "")
            elif part.kind == "leftover":
                self._mistake(part, "the last statement does not end with a semicolon")
            elif part.kind == "opening":
                scopes.append(self._opening(part, words, scopes[-1] if scopes else "", found))
            else:
                self._statement(part, words, scopes[-1] if scopes else "", found)
            if part.kind == "closing" and scopes:
                scopes.pop()
        return found

    def _opening(self, part: Tree, words: str, scope: str, found: List[Statement]) -> str:
        """The scope that a block opens; ``NAME "value" {`` also sets NAME."""
        split = _split(words)
        if split is None:
            self._mistake(part, "there is more than a name and a value before the brace")
            return scope
        name, value = split
        if value == "#clear":
            self._mistake(part, "#clear takes an option's name")
        inner = scope + "::" + name if scope else name
        if value is not None:
            found.append(Statement("set", inner, value, *_extent(part)))
        return inner

    def _statement(self, part: Tree, words: str, scope: str, found: List[Statement]) -> None:
        split = _split(words)
        if split is None:
            self._mistake(part, "there is more than a name and a value; is a semicolon missing?")
            return
        name, value = split
        if value is None:
            name, value = "", name
        if value == "#clear" and not name:
            self._mistake(part, "#clear takes an option's name")
        elif name.startswith("#"):
            if scope:
                self._mistake(part, "{} stands inside a block".format(name))
            elif name == "#clear":
                found.append(Statement("clear", value, "", *_extent(part)))
            elif name == "#include":
                found.append(Statement("include", "", value, *_extent(part)))
            else:
                self._mistake(part, "there is no directive {}".format(name))
        else:
            found.append(Statement("set", scope + "::" + name if scope else name, value, *_extent(part)))

    def _mistake(self, part: Tree, reason: str) -> None:
        self.mistakes.append(Mistake(_extent(part)[0], reason))


def _extent(part: Tree) -> Tuple[int, int]:
    """Offsets of a statement without what ended it and without the white space and comments before that."""
    tokens = [token for token in part.tokens() if token.kind in ("WORD", "QUOTED", "DIRECTIVE")]
    if not tokens:
        tokens = list(part.tokens())
    return tokens[0].start, tokens[-1].end


def _words(part: Tree) -> Optional[str]:
    """A statement on one line, as apt's line buffer has it: comments out, lines stripped and joined by a space.

    None where there are no words. A tab is eight spaces, also inside quotes.
    """
    pieces = []
    for token in part.tokens():
        if token.kind == "COMMENT":
            pieces.append("\n" if "\n" in token.text else "")
        elif token.kind not in ("SEMICOLON", "LBRACE", "RBRACE"):
            pieces.append(token.text)
    if not pieces:
        return None
    lines = [line.strip(_SPACE) for line in "".join(pieces).replace("\t", " " * 8).split("\n")]
    return " ".join(line for line in lines if line)


def _split(words: str) -> Optional[Tuple[str, Optional[str]]]:
    """Name and value; the value is None where there is one word. None for what apt refuses.

    A value is either strings in quotes, joined with what is between them, or one word; a word loses its quotes and has
    ``%41`` and its like replaced.
    """
    match = _WORD.match(words)
    if match is None:
        return None
    name, rest = _unquote(match.group(1)), words[match.end() :]
    if not rest:
        return name, None
    if _STRINGS.match(rest):
        return name, "".join(" " if text is None else text for text in _strings(rest))
    match = _WORD.match(rest)
    if match is None or match.end() != len(rest):
        return None
    return name, _unquote(match.group(1))


def _strings(text: str) -> Iterator[Optional[str]]:
    """The strings of a value, and None for white space between two."""
    for match in _STRING_OR_GAP.finditer(text):
        yield match.group(1)


def _unquote(word: str) -> str:
    return _PERCENT.sub(lambda match: chr(int(match.group(1), 16)), word).replace('"', "")
