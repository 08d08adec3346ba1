"""Lines of a file replaced, taken out or added. Text in, bytes out: nothing here knows what lines mean."""

import re
from typing import List, Optional, Sequence

from scmguard import lines
from scmguard.text import Source, encode


def replaced(source: Source, line: int, texts: Sequence[str]) -> bytes:
    """The file with line ``line`` (from 1) replaced by lines with these texts; none takes it out."""
    return source.encoded(lines.replaced(source.text, {line: texts}))


def appended(source: Source, texts: Sequence[str]) -> bytes:
    """The file with lines at its end; what was its last line gets an end if it had none. Without lines that alone."""
    return source.encoded(lines.append(source.text, texts))


def with_text(source: Source, line: int, start: int, end: int, text: str) -> str:
    """The text of line ``line`` with the characters from offset ``start`` to ``end`` (from 0) replaced."""
    old = source.line_text(line)
    return old[:start] + text + old[end:]


def wrapped_comment(text: str, width: int) -> Optional[List[str]]:
    """A comment as several lines of at most ``width`` bytes; None where a word is too long for that.

    ``text`` starts with the ``#``, after blanks. What fits stays as it is. No new line starts with what looks like a
    setting or a header: tools take such a comment for one that is switched off, and switch it on.
    """
    if len(encode(text)) <= width:
        return [text]
    indent = text[: len(text) - len(text.lstrip(" \t"))]
    words: List[str] = []
    for word in re.split("[ \t]+", text.strip(" \t").lstrip("#").strip(" \t")):
        if words and looks_like_code(word):
            words[-1] += " " + word
        else:
            words.append(word)
    wrapped: List[str] = []
    current = indent + "#"
    for word in words:
        if len(encode(current)) + 1 + len(encode(word)) > width and current.strip(" \t") != "#":
            wrapped.append(current)
            current = indent + "#"
        current += " " + word
    wrapped.append(current)
    return wrapped if all(len(encode(line)) <= width for line in wrapped) else None


def looks_like_code(text: str) -> bool:
    """Whether a comment that begins so is a line that somebody has switched off, to tools that look for such."""
    return re.match(r"[ \t]*(?:[A-Za-z0-9_.\-]+(?::[0-9]+)?[ \t]*=|\[|(?:include|initramfs)\b)", text) is not None
