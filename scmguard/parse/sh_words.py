"""Words of POSIX sh: where they end, and the commands inside them.

Sources: POSIX.1-2017, XCU 2.2 (quoting), 2.6 (expansions), 2.7.4 (here-documents); where the standard leaves a choice
or dash goes its own way, what ``dash -n`` of Debian does (0.5.12; a test compares). Most words are taken by one regular
expression; the others by a machine with a stack of levels, one for each place where other quoting rules begin.

Scanners are generators, so that nesting costs no recursion: they yield the generator of what is nested and are resumed
with what it returned.
"""

import re
from typing import Any, Callable, Generator, List, NoReturn, Optional, Tuple, Union

from scmguard.parse.sh_quoting import Mark, Refused, Rewritten, joined, parameter, rewritten, unquoted
from scmguard.tree import Token, Tree

Node = Union[Token, Tree]
#: A scanner: yields nested scanners.
Frame = Generator[Any, Any, Any]

# Quoting rules: outside quotes, outside quotes inside ${}, in '…', in "…" and here-documents, in $((…)).
_BARE, _BRACED, _SINGLE, _DOUBLE, _ARITHMETIC = range(5)
# What has no meaning under each of these rules. Line ends stand alone: in a here-document the delimiter may follow.
_RUNS: List[Callable[..., Any]] = [
    re.compile(pattern).match
    for pattern in (
        r"""[^ \t\n;&|()<>'"\\$`}]+""",
        r"""[^\n'"\\$`}]+""",
        r"[^\n']+",
        r"""[^\n"\\$`}]+""",
        r"[^\n\\$`}()]+",
    )
]
_ENDS = frozenset(" \t\n;&|()<>")
_SPECIAL = frozenset("!#$*?@-0123456789")

# The words that hardly need a look. No alternative of a repetition can take what another one leaves, so that no text
# makes it try twice.
_EASY = re.compile(
    r"""(?: [^ \t\n;&|()<>'"\\$`]+ | '[^']*' | \\[\s\S]
        | "[^"\\$`]*(?:(?:\\[\s\S]|\$(?![({\\])|\$\{(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+)\})[^"\\$`]*)*"
        | \$(?:[A-Za-z_0-9!#*?@-]|\{(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+)(?:(?::?[-+=?]|%|\#)[^'"\\$`{}]*)?\})
    )+""",
    re.VERBOSE,
).match
_DELIMITER = re.compile(
    r"""(?:[^ \t\n;&|()<>'"\\]+|'[^']*'|\\[\s\S]?|"[^"\\]*(?:\\[\s\S][^"\\]*)*")+""", re.VERBOSE
).match
_LONG = 1000
_BACKQUOTED = re.compile(r"[^`\\]*(?:\\[\s\S][^`\\]*)*`").match


class _Level:
    """One level of quoting rules, and how many ``${`` and brackets are open in it."""

    __slots__ = ("rules", "braces", "quoted_braces", "inner", "double", "pushed", "brackets")

    def __init__(self, rules: int, double: bool, pushed: bool = False) -> None:
        self.rules = rules
        self.braces = 0
        self.quoted_braces = 0
        self.inner = False  # between two " inside ${} that were opened inside ${}
        self.double = double
        self.pushed = pushed  # left with the last } of its ${
        self.brackets = 0


class Words:
    """Scanners of one text. :class:`scmguard.parse.sh_lexer.Lexer` adds those of commands."""

    def __init__(self, text: str) -> None:
        self.text = text

    def nested(self, start: int, after: int, end: int, budget: int) -> Frame:
        """``$(`` from ``start`` to ``after``, with commands to the matching bracket. Returns node and offset."""
        raise NotImplementedError

    def backquoted(self, start: int, stop: int, inner: Optional[Rewritten], budget: int) -> Frame:
        """Backquotes from ``start`` to the one at ``stop``. ``inner`` is None where the text stands as it is."""
        raise NotImplementedError

    def easy(self, start: int, end: int) -> int:
        """Where the part of a word ends that needs no machine; the word goes on if no delimiter is there."""
        match = _EASY(self.text, start, end)
        return match.end() if match else start

    def ended(self, position: int, end: int) -> bool:
        """Whether a word ends at ``position``."""
        return position >= end or self.text[position] in _ENDS

    def delimiter(self, start: int, end: int, strip: bool) -> Tuple[int, Mark]:
        """The delimiter behind ``<<``: quotes count, nothing else has a meaning."""
        text = self.text
        match = _DELIMITER(text, start, end)
        stop = match.end() if match else start
        if not self.ended(stop, end):
            raise Refused(end, "a closing {}".format(text[stop]))
        raw = text[start:stop]
        plain = unquoted(raw)
        if "\n" in plain and len(plain) > _LONG:
            # A line may be compared with all of it, so that time would grow with the square of the text.
            raise Refused(start, "a shorter here-document delimiter")
        return stop, Mark(plain, plain != raw.replace("\\\n", "") or bool(re.search(r"['\"]", raw)), strip)

    def _mark_at(self, mark: Mark, position: int, end: int) -> int:
        """The end of the line at ``position``, with its line end, where it is the delimiter; -1 elsewhere."""
        text = self.text
        if mark.strip:
            while position < end and text[position] == "\t":
                position += 1
        if not text.startswith(mark.text, position, end):
            return -1
        position += len(mark.text)
        if position >= end:
            return end
        return position + 1 if text[position] == "\n" else -1

    def here_document(self, start: int, end: int, mark: Mark, budget: int) -> Frame:
        """A here-document's body and delimiter line. One that is not ended ends with the text. Returns tree, offset."""
        text, line = self.text, start
        while True:
            stop = self._mark_at(mark, line, end)
            if stop >= 0:
                break
            following = text.find("\n", line, end) + 1
            if not following:
                line = stop = end
                break
            line = following
        parts: List[Node] = []
        if not mark.quoted and _meant(text, start, line):
            parts, line, stop = yield self.scan(start, start, end, budget, mark)
        elif line > start:
            parts = [Token("TEXT", text[start:line], start)]
        if stop > line:
            parts.append(Token("HERE_END", text[line:stop], line))
        return Tree("here_document", tuple(parts)), stop

    def scan(self, start: int, position: int, end: int, budget: int, mark: Optional[Mark] = None) -> Frame:
        """A word from ``start``, known to be outside quotes at ``position``, or the body of a here-document.

        Returns its parts (TEXT tokens and trees of commands), its end, and for a here-document the end of the
        delimiter's line.
        """
        text = self.text
        parts: List[Node] = []
        levels = [_Level(_BARE if mark is None else _DOUBLE, mark is not None)]
        level = levels[0]
        done, stop = start, -1
        new_line = mark is not None
        while True:
            if new_line and mark is not None:
                new_line = False
                stop = self._mark_at(mark, position, end)
                if stop >= 0:
                    break
                if text.startswith("\\\n", position, end) and level.rules != _SINGLE:
                    # dash looks for the delimiter behind a joined line only where nothing else is on the line.
                    position, new_line = position + 2, True
                    continue
            rules = level.rules
            match = _RUNS[_BRACED if rules == _BARE and level.braces else rules](text, position, end)
            if match:
                position = match.end()
            if position >= end:
                break
            char = text[position]
            if char == "\n":
                if rules == _BARE and not level.braces:
                    break
                position += 1
                new_line = True
            elif char == "\\":
                position = min(position + 2, end)
            elif char == "$":
                after = joined(text, position + 1, end)
                following = text[after] if after < end else ""
                if following == "(":
                    inner = joined(text, after + 1, end)
                    if text.startswith("(", inner, end):
                        level = _Level(_ARITHMETIC, True)
                        levels.append(level)
                        position = inner + 1
                    else:
                        if position > done:
                            parts.append(Token("TEXT", text[done:position], done))
                        node, position = yield self.nested(position, after + 1, end, budget)
                        parts.append(node)
                        done = position
                elif following == "{":
                    position = self._parameter(after, end, levels)
                    level = levels[-1]
                elif following.isascii() and following.isalpha() or following == "_" or following in _SPECIAL:
                    position = after + 1
                else:
                    position += 1
            elif char == "`":
                close = _BACKQUOTED(text, position + 1, end)
                if close is None:
                    raise Refused(end, "a closing `")
                if position > done:
                    parts.append(Token("TEXT", text[done:position], done))
                last = close.end() - 1
                inner_text = rewritten(text, position, last, level.double)
                node, position = yield self.backquoted(position, last, inner_text, budget)
                parts.append(node)
                done = position
            elif char == "'" or char == '"':
                position += 1
                _quote(level, char, mark is not None)
            elif char == "}":
                position += 1
                if level.braces and not level.inner:
                    level.braces -= 1
                    if not level.braces and level.pushed:
                        levels.pop()
                        level = levels[-1]
                    elif level.quoted_braces:
                        level.quoted_braces -= 1
            elif rules == _ARITHMETIC:
                position += 1
                if char == "(":
                    level.brackets += 1
                elif level.brackets:
                    level.brackets -= 1
                else:
                    after = joined(text, position, end)
                    if text.startswith(")", after, end):
                        position = after + 1
                        levels.pop()
                        level = levels[-1]
            else:
                break
        _check_closed(level, position, mark is not None)
        if position > done:
            parts.append(Token("TEXT", text[done:position], done))
        return parts, position, max(stop, position)

    def _parameter(self, brace: int, end: int, levels: List[_Level]) -> int:
        """Takes ``${``, the parameter and its operator; opens a level where other quoting rules begin behind it."""
        level = levels[-1]
        position, open_, trims = parameter(self.text, joined(self.text, brace + 1, end), end)
        if open_:
            rules = _BARE if trims else _DOUBLE if level.rules == _ARITHMETIC else level.rules
            if rules != level.rules or level.inner:
                level = _Level(rules, rules != _BARE, pushed=True)
                levels.append(level)
            level.braces += 1
            if level.double:
                level.quoted_braces += 1
        return position


def _meant(text: str, start: int, end: int) -> bool:
    """Whether an unquoted here-document has more than text: then its end may not be the first line that looks it."""
    return any(text.find(char, start, end) >= 0 for char in "$`\\")


def _quote(level: _Level, char: str, here: bool) -> None:
    """What a quote does to its level: opens, closes, or, inside ``"${…}"``, begins or ends a part of its own."""
    if level.rules == _BARE:
        level.rules = _SINGLE if char == "'" else _DOUBLE
        level.double = level.double or char == '"'
    else:
        if here and not level.braces:
            return
        if not level.quoted_braces:
            level.rules = _BARE
            level.double = False
    if char == '"' and level.braces:
        level.inner = not level.inner


def _check_closed(level: _Level, position: int, here: bool) -> None:
    if level.rules == _ARITHMETIC:
        _refuse(position, "))")
    if level.rules != _BARE and not here:
        _refuse(position, "'" if level.rules == _SINGLE else '"')
    if level.braces:
        _refuse(position, "}")


def _refuse(position: int, closing: str) -> NoReturn:
    raise Refused(position, "a closing {}".format(closing))
