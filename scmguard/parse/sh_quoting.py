"""Quotes, parameters and joined lines of POSIX sh: what needs no look at commands.

Sources: POSIX.1-2017, XCU 2.2 (quoting), 2.6.2 (parameter expansion), 2.6.3 (backquotes), and what dash 0.5.12 does.
"""

import re
from bisect import bisect_right
from typing import Any, Dict, List, NamedTuple, Optional, Pattern, Tuple

_SPECIAL = frozenset("!#$*?@-0123456789")
_JOINED = re.compile(r"(?:\\\n)*").match
_NAME = re.compile(r"(?:[A-Za-z0-9_]|\\\n)*").match
_DIGITS = re.compile(r"(?:[0-9]|\\\n)*").match
_ESCAPES: Dict[bool, Pattern[str]] = {
    quoted: re.compile(r"\\(?:(\n)|([\\`$" + ('"' if quoted else "") + r"])|[\s\S])") for quoted in (False, True)
}
_UNQUOTE = re.compile(r"""\\\n|\\([\s\S])|'([^']*)'|"([^"\\]*(?:\\[\s\S][^"\\]*)*)\"""")
_PIECES = re.compile(
    r"""'[^']*'|\\[\s\S]|"[^"\\$`]*(?:(?:\\[\s\S]|\$(?![A-Za-z_0-9!#$*?@({\\-]))[^"\\$`]*)*"?"""
    r"""|(?P<meant>`|\$[A-Za-z_0-9!#$*?@({\\-])|(?P<pattern>[*?\[])"""
)
_IN_DOUBLE = re.compile(r'\\(?:\n|([\\`$"]))')


class Refused(Exception):
    """What dash would not take: where (offset), and what it would have taken, in words. Never leaves the parser."""

    def __init__(self, start: int, expected: str) -> None:
        super().__init__(start, expected)
        self.start = start
        self.expected = expected


class Mark(NamedTuple):
    """What ends a here-document: its delimiter, whether it was quoted, whether tabs go (``<<-``)."""

    text: str
    quoted: bool
    strip: bool


def joined(text: str, position: int, end: int) -> int:
    """The offset behind backslashes at line ends, which join lines."""
    match = _JOINED(text, position, end)
    return match.end() if match else position


def _name(text: str, position: int, end: int) -> int:
    match = _NAME(text, position, end)
    return match.end() if match else position


def _digits(text: str, position: int, end: int) -> int:
    match = _DIGITS(text, position, end)
    return match.end() if match else position


def parameter(text: str, position: int, end: int) -> Tuple[int, bool, bool]:
    """Where a word begins in ``${name-word}``; whether a ``}`` is still to come; whether the operator trims.

    dash refuses a bad substitution only when it runs it, so that what follows the parameter may be anything; one
    character of it is taken whatever it is.
    """
    char = text[position : position + 1] if position < end else ""
    length = False
    if char == "#":
        second = joined(text, position + 1, end)
        char = text[second : second + 1] if second < end else ""
        if char == "_" or char.isascii() and char.isalnum():
            length, position = True, second
        else:
            third = joined(text, second + 1, end) if second < end else end
            if char != "}" and text.startswith("}", third, end):
                return third, True, False
            position = second
    elif not char or char == "}":
        return position, True, False
    elif not (char == "_" or char.isascii() and char.isalnum()):
        position = joined(text, position + 1, end)
        if char not in _SPECIAL:
            return position, True, False
        char = ""
    if char.isascii() and char.isdigit():
        position = _digits(text, position, end)
    elif char == "_" or char.isascii() and char.isalpha():
        position = _name(text, position, end)
    if length or position >= end:
        return position, True, False
    char = text[position]
    if char in "%#":
        following = joined(text, position + 1, end)
        return (following + 1 if text.startswith(char, following, end) else following), True, True
    if char == "}":
        return position + 1, False, False
    if char == ":":
        position = joined(text, position + 1, end)
    return min(position + 1, end), True, False


class Rewritten(NamedTuple):
    """Backquotes with what is between them, without the backslashes that they ask for.

    ``starts`` has the offsets of its pieces, ``origins`` where they stand in the text that it was made from.
    """

    text: str
    starts: List[int]
    origins: List[int]

    def place(self, offset: int) -> int:
        """Where a character stands in the text that this was made from."""
        piece = bisect_right(self.starts, offset) - 1
        return self.origins[piece] + offset - self.starts[piece]


def rewritten(text: str, start: int, stop: int, quoted: bool) -> Optional[Rewritten]:
    """The text from the backquote at ``start`` to the one at ``stop``; None where it stands as it is.

    ``quoted`` tells that they stand in double quotes.
    """
    kept: List[str] = []
    starts, origins = [0], [start]
    size, done = 0, start
    for match in _ESCAPES[quoted].finditer(text, start, stop):
        if match.lastindex is not None:
            piece = text[done : match.start()] + (match.group(2) or "")
            kept.append(piece)
            size += len(piece)
            done = match.end()
            starts.append(size)
            origins.append(done)
    if not kept:
        return None
    kept.append(text[done : stop + 1])
    return Rewritten("".join(kept), starts, origins)


def unquoted(raw: str) -> str:
    """A word without its quotes; what would be expanded stands as written (POSIX.1-2017, XCU 2.2, 2.6.7)."""
    if "\\" not in raw and '"' not in raw and "'" not in raw:
        return raw
    return _UNQUOTE.sub(_plain, raw)


def _plain(match: Any) -> str:
    escaped, single, double = match.groups()
    if double is not None:
        return _IN_DOUBLE.sub(lambda inner: inner.group(1) or "", double)
    return str(escaped or single or "")


def expands(raw: str) -> bool:
    """Whether a word has an expansion: of a parameter, a command, arithmetic, or a home directory."""
    if raw.startswith("~"):
        return True
    if "$" not in raw and "`" not in raw:
        return False
    return any(match.lastgroup == "meant" for match in _PIECES.finditer(raw))


def has_pattern(raw: str) -> bool:
    """Whether a word has a character, outside quotes, that makes it a pattern for files' names."""
    if "*" not in raw and "?" not in raw and "[" not in raw:
        return False
    return raw not in ("[", "[[") and any(match.lastgroup == "pattern" for match in _PIECES.finditer(raw))
