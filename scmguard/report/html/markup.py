"""Text as HTML: nothing that comes from a file is markup, and no character of it is hidden or turns others around."""

import re
import unicodedata
from typing import Iterable

from scmguard.text import printable

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})

#: The severities as pictures, for ``<use>``; each differs in its shape and not in its colour alone.
ICONS = {
    "brick": '<path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z"/><path class="cut" d="m5.3 5.3 5.4 5.4m0-5.4-5.4 5.4"/>',
    "no-boot": '<circle cx="8" cy="8" r="7"/><path class="cut" d="M4.2 8h7.6"/>',
    "degraded": '<path d="M8 1 15.4 14.6H.6z"/><path class="cut" d="M8 5.8v3.7m0 2.1v.4"/>',
    "hygiene": '<path d="M3.5 1h9A2.5 2.5 0 0 1 15 3.5v9a2.5 2.5 0 0 1-2.5 2.5h-9A2.5 2.5 0 0 1 1 12.5v-9'
    'A2.5 2.5 0 0 1 3.5 1z"/><path class="cut" d="M8 7v4.6m0-7.2v.4"/>',
    "none": '<circle cx="8" cy="8" r="7"/><path class="cut" d="m4.7 8.3 2.3 2.4 4.4-5"/>',
}


def escape(text: str) -> str:
    """``text`` for element content and quoted attributes. It is to be printable already.

    What is not ASCII is spelled out, so that the page is the same in whatever encoding it is printed.
    """
    text = text.translate(_ENTITIES)
    return text if text.isascii() else text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def say(text: str) -> str:
    """Text for people, whatever is in it."""
    return escape(printable(text))


def shown(text: str) -> str:
    """A piece of a file, every character that would not be seen marked as what it is."""
    if text.isprintable():
        return escape(text)
    pieces = []
    for part in re.split("([^ -~]+)", text):
        if part.isprintable():
            pieces.append(escape(part))
        else:
            pieces.extend(escape(char) if char.isprintable() or char == "\t" else _odd(char) for char in part)
    return "".join(pieces)


def _odd(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        name = "a byte that is no UTF-8"
    else:
        name = "U+{:04X} {}".format(code, unicodedata.name(char, "")).strip()
    return '<span class="odd" title="{}">{}</span>'.format(escape(name), escape(printable(char)))


def icon(severity: str) -> str:
    """The picture of a severity, or of ``none``; the word has to stand beside it."""
    return '<svg class="icon" aria-hidden="true" viewBox="0 0 16 16"><use href="#icon-{}"/></svg>'.format(severity)


def symbols() -> str:
    """What :func:`icon` refers to, once for a page."""
    each = ['<symbol id="icon-{}" viewBox="0 0 16 16">{}</symbol>'.format(*pair) for pair in ICONS.items()]
    return '<svg class="symbols" aria-hidden="true" width="0" height="0">{}</svg>\n'.format("".join(each))


def severity(name: str) -> str:
    """The badge of a severity: picture and word."""
    return '<span class="severity {0}">{1}{0}</span>'.format(escape(name), icon(name))


def items(kind: str, each: Iterable[str]) -> str:
    """A list of pieces of HTML; nothing for no pieces."""
    found = ["<li>{}</li>\n".format(one) for one in each]
    return '<ul class="{}">\n{}</ul>\n'.format(kind, "".join(found)) if found else ""


def folded(title: str, body: str, kind: str = "") -> str:
    """What is opened by who wants to see it; both are HTML."""
    return '<details class="fold {}">\n<summary>{}</summary>\n{}</details>\n'.format(kind, title, body)
