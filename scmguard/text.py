"""Bytes of a file as text with lines, and places in it.

Nothing here knows what the text means. Decoding never fails and never loses a byte: what is not UTF-8 is kept
byte by byte as lone surrogates (PEP 383), so ``encode(decode(data)) == data`` for all data.
"""

import re
import time
from functools import lru_cache
from typing import List, NamedTuple, Optional

BOM = b"\xef\xbb\xbf"
_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")


def decode(data: bytes) -> str:
    """Text of ``data``: UTF-8 where it is UTF-8, a lone surrogate for every other byte."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes that :func:`decode` made ``text`` from."""
    return text.encode("utf-8", "surrogateescape")


def printable(text: str) -> str:
    """``text`` for people: undecodable bytes and control characters other than tab as ``\\xNN``."""
    if text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def printable_lines(text: str) -> str:
    """``text`` for people, with its line feeds as they are."""
    return "\n".join(map(printable, text.split("\n")))


def shortened(text: str, most: int = 200) -> str:
    """``text``, or where it is longer than ``most`` characters its beginning and its end."""
    if len(text) <= most:
        return text
    return "{} ... {}".format(text[: most * 2 // 3], text[-most // 4 :])


def date(seconds: int, form: str = "%Y-%m-%d %H:%M UTC") -> str:
    """A time, in seconds since 1970, for people."""
    try:
        return time.strftime(form, time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        # No date, or (after 2038) none that a system with 32 bits has.
        return "{} s after 1970".format(seconds)


def _visible(char: str) -> str:
    if char.isprintable() or char == "\t":
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return "\\x%02x" % (code - 0xDC00)
    return "\\x%02x" % code if code < 0x100 else "\\u%04x" % code


class Span(NamedTuple):
    """A place in a file. Lines and columns count from 1, columns in characters; the end is exclusive.

    ``line`` 0 means the file as a whole (a file that is missing or empty has no first line).
    """

    path: str
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0


class Line(NamedTuple):
    """One line: its number (from 1), its text, and what ended it (``\\n``, ``\\r\\n``, ``\\r`` or nothing)."""

    number: int
    text: str
    ending: str


class Source:
    """A file's bytes, decoded and cut into lines. ``path`` is how people know the file."""

    __slots__ = ("path", "data", "bom", "text", "_lines")

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        self.bom = data.startswith(BOM)
        self.text = decode(data[len(BOM) :] if self.bom else data)
        self._lines: Optional[List[Line]] = None

    @property
    def lines(self) -> List[Line]:
        """The lines; LF, CR LF and a lone CR end one, as editors see it. An empty text has none."""
        if self._lines is None:
            self._lines = split(self.text)
        return self._lines

    def line_text(self, number: int) -> str:
        """The text of line ``number`` (from 1), without its ending; empty where there is no such line."""
        lines = self.lines
        return lines[number - 1].text if 0 < number <= len(lines) else ""

    def encoded(self, text: str) -> bytes:
        """The bytes of such a file with another text, behind the byte order mark that this one has, if it has one."""
        return (BOM if self.bom else b"") + encode(text)

    def span(self, number: int, start: int = 0, end: Optional[int] = None) -> Span:
        """The place from offset ``start`` to ``end`` (from 0; the line's end by default) of line ``number``."""
        stop = len(self.line_text(number)) if end is None else end
        return Span(self.path, number, start + 1, number, stop + 1)


@lru_cache(maxsize=16)
def split(text: str) -> List[Line]:
    """The lines of a text; LF, CR LF and a lone CR end one. The list is shared: nobody may change it."""
    if "\r" not in text:
        parts = text.split("\n")
        last = parts.pop()
        lines = [Line(number, part, "\n") for number, part in enumerate(parts, 1)]
        if last:
            lines.append(Line(len(parts) + 1, last, ""))
        return lines
    lines = []
    for number, match in enumerate(_LINE.finditer(text), 1):
        body, ending = match.groups()
        if not body and not ending:
            break
        lines.append(Line(number, body, ending))
    return lines
