"""config.txt and its relatives (tryboot.txt, autoboot.txt, included files) as statements.

Each distinct line is parsed once in a process; trees and statements are shared and know no line number.
"""

from typing import Iterator, List, NamedTuple, Optional, Tuple

from scmguard.memo import per_line
from scmguard.parse import grammar
from scmguard.text import Line, Source
from scmguard.tree import Token, Tree


class Statement(NamedTuple):
    """One line: its tree, and what rules and the evaluator ask of it.

    ``kind`` is ``blank``, ``comment``, ``header``, ``setting``, ``directive``, ``word`` or ``unknown``. ``key`` is the
    key's text, or for a header the text in the brackets. ``value`` is what follows the ``=`` (or, for a directive,
    the key) without blanks at its ends, ``tail`` the blanks behind it, or for a header what follows the bracket.
    ``spaced`` tells that blanks stand beside the ``=``. Offsets count characters from 0; -1 means "not there".
    """

    kind: str
    tree: Tree
    key: str = ""
    port: Optional[int] = None
    value: str = ""
    tail: str = ""
    spaced: bool = False
    key_start: int = -1
    value_start: int = -1


@per_line
def parse_line(text: str) -> Statement:
    """The statement that a line (without its end) makes. Never fails: what fits nothing is ``unknown``."""
    tree = grammar("config_txt").parse(text, "line")
    if tree is None:
        raise AssertionError("the line grammar is total, but not for {!r}".format(text[:200]))
    return _statement(tree)


def _statement(tree: Tree) -> Statement:
    inner = tree.children[-1] if tree.children else None
    if inner is None or isinstance(inner, Token):
        return Statement("blank", tree)
    kind = inner.kind
    if kind in ("comment", "unknown"):
        return Statement(kind, tree)
    if kind == "header":
        return _header(tree, inner)
    leaves = inner.leaves
    key = leaves[0]
    port: Optional[int] = None
    value: Optional[Token] = None
    before = spaced = False
    tail = ""
    for token in leaves[1:]:
        if token.kind == "BLANK":
            if value is not None:
                tail = token.text
            elif kind == "setting":
                spaced = True
        elif token.kind == "VALUE":
            value = token
        elif token.kind == "EQUALS":
            before = spaced
        elif token.kind == "PORT":
            port = int(token.text[1:10])
    if value is None:
        # Blanks behind an `=` with nothing after them are a tail, not a gap.
        return Statement(kind, tree, key.text, port, "", "", before, key.start, -1)
    return Statement(kind, tree, key.text, port, value.text, tail, spaced, key.start, value.start)


def _header(tree: Tree, inner: Tree) -> Statement:
    name, tail = inner.token("FILTER"), inner.token("TAIL")
    return Statement(
        "header",
        tree,
        name.text if name else "",
        None,
        "",
        tail.text if tail else "",
        False,
        name.start if name else inner.leaves[0].end,
    )


def header_span(statement: Statement) -> Tuple[int, int]:
    """Offsets of a header from bracket to bracket, or of the key and value of another statement."""
    if statement.kind == "header":
        return statement.key_start - 1, statement.key_start + len(statement.key) + 1
    if statement.value_start >= 0:
        return statement.key_start, statement.value_start + len(statement.value)
    return statement.key_start, statement.key_start + len(statement.key)


class Document:
    """A file as lines with their statements. Printing it gives the file's bytes back."""

    __slots__ = ("source", "lines")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.lines: List[Line] = source.lines

    def statements(self) -> Iterator[Tuple[Line, Statement]]:
        """Each line with its statement, in order."""
        for line in self.lines:
            yield line, parse_line(line.text)

    def text(self) -> str:
        """The text printed from the trees; equal to ``source.text``."""
        return "".join(statement.tree.text() + line.ending for line, statement in self.statements())


class Parameter(NamedTuple):
    """One parameter of an overlay or dtparam: name, value (``true`` where none was given), offset in the value."""

    name: str
    value: str
    start: int


class OverlayValue(NamedTuple):
    """What stands behind ``dtoverlay=``."""

    name: str
    parameters: Tuple[Parameter, ...]


@per_line
def parse_overlay(value: str) -> OverlayValue:
    """``name,p=v,q`` or ``name:p=v,q``. The name is without folder and ending; empty or ``none`` ends a scope."""
    tree = grammar("config_txt").parse(value, "overlay")
    if tree is None:
        return OverlayValue(value, ())
    token = tree.token("OVERLAY")
    name = token.text if token else ""
    name = name.rpartition("/")[2]
    if name.endswith(".dtbo"):
        name = name[:-5]
    return OverlayValue(name, _parameters(tree))


@per_line
def parse_parameters(value: str) -> Tuple[Parameter, ...]:
    """``p=v,q,…``, as behind ``dtparam=``."""
    tree = grammar("config_txt").parse(value, "parameters")
    return () if tree is None else _parameters(tree)


def _parameters(tree: Tree) -> Tuple[Parameter, ...]:
    found = []
    for token in tree.leaves:
        if token.kind == "PARAMETER":
            name, equals, value = token.text.partition("=")
            found.append(Parameter(name, value if equals else "true", token.start))
    return tuple(found)


def parse_initramfs(value: str) -> Tuple[Tuple[str, ...], str]:
    """The files and the address (empty where none is given) of an ``initramfs`` line."""
    tree = grammar("config_txt").parse(value, "initramfs")
    if tree is None:
        return (value,), ""
    files = tuple(token.text for token in tree.leaves if token.kind == "FILE")
    address = tree.token("ADDRESS")
    return files, address.text if address else ""
