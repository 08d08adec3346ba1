"""What a line of config.txt may mean: its effects, each with the readings under which it has them.

This looks at one line alone and knows no board, so that equal lines are worked out once.
``docs/evaluation.md`` is the specification.
"""

from typing import List, NamedTuple, Optional, Tuple, Union

from scmguard import catalogue
from scmguard.effective.board import MODEL_FILTERS
from scmguard.memo import per_line
from scmguard.parse import grammar
from scmguard.parse.config_txt import Statement, parse_line
from scmguard.text import decode, encode
from scmguard.tree import Token

#: Longest line that all of the firmware reads whole, in bytes (documentation, what_is_config_txt).
LINE_LIMIT = 98

# Pairs of reading and choice, all of which must hold.
When = Tuple[Tuple[str, str], ...]


class Filter(NamedTuple):
    """The text in a header's brackets.

    ``kind`` is ``all none tryboot model board-type serial edid gpio expression hdmi`` or ``unknown``; ``name`` is the
    model, monitor or argument; numbers are the value, and for an expression its mask and comparison
    (``=``, ``<``, ``>``, or ``&`` for "not zero").
    """

    kind: str
    name: str = ""
    number: int = 0
    mask: Optional[int] = None
    comparison: str = ""


UNKNOWN = Filter("unknown")

_WORDS = ("all", "none", "tryboot")
_NUMBERS = ("NUMBER", "SERIAL", "PIN")


class HeaderEffect(NamedTuple):
    """A header that acts as ``filter`` under the readings ``when``."""

    when: When
    filter: Filter


class SetEffect(NamedTuple):
    """A setting that, under the readings ``when``, gives ``key`` that value. ``port`` is None where none is written."""

    when: When
    key: str
    port: Optional[int]
    value: str


Effect = Union[HeaderEffect, SetEffect]


@per_line
def effects(text: str) -> Tuple[Effect, ...]:
    """What the line ``text`` (without its end) may do."""
    if len(text) > LINE_LIMIT or (not text.isascii() and len(encode(text)) > LINE_LIMIT):
        return _long_line(text)
    return _effects(parse_line(text))


def pieces(text: str) -> List[str]:
    """The lines that a reader with a buffer of 100 bytes makes of a long one: 99 bytes each."""
    data = encode(text)
    size = LINE_LIMIT + 1
    return [decode(data[start : start + size]) for start in range(0, len(data), size)]


def _long_line(text: str) -> Tuple[Effect, ...]:
    whole = _effects(parse_line(text))
    cut = _effects(parse_line(decode(encode(text)[:LINE_LIMIT])))
    wrapped = tuple(effect for piece in pieces(text) for effect in _effects(parse_line(piece)))
    if whole == cut == wrapped:
        return whole
    found: List[Effect] = []
    for choice, part in (("whole", whole), ("cut", cut), ("wrap", wrapped)):
        found.extend(effect._replace(when=(("long-line", choice),) + effect.when) for effect in part)
    return tuple(found)


def _effects(statement: Statement) -> Tuple[Effect, ...]:
    if statement.kind == "header":
        return _header_effects(statement)
    if statement.kind in ("setting", "directive"):
        return _set_effects(statement)
    return ()


def _header_effects(statement: Statement) -> Tuple[Effect, ...]:
    text = statement.key
    found: List[Effect] = []
    so_far: When = ()
    if statement.tail:
        found.append(HeaderEffect((("section-tail", "unknown"),), UNKNOWN))
        so_far += (("section-tail", "ignored"),)
    trimmed = text.strip(" \t")
    if trimmed != text:
        found.append(HeaderEffect(so_far + (("section-padding", "unknown"),), UNKNOWN))
        so_far += (("section-padding", "trimmed"),)
    filter, folded = parse_filter(trimmed)
    if folded:
        found.append(HeaderEffect(so_far + (("section-case", "exact"),), UNKNOWN))
        so_far += (("section-case", "folded"),)
    found.append(HeaderEffect(so_far, filter))
    if filter == UNKNOWN:
        return (HeaderEffect((), UNKNOWN),)
    return tuple(found)


def _set_effects(statement: Statement) -> Tuple[Effect, ...]:
    exists: When = ()
    if statement.spaced:
        exists += (("spaces-around-equals", "accepted"),)
    key = statement.key
    keys: List[Tuple[When, str]] = [((), key)]
    other = catalogue.other_case(key)
    if other is not None:
        keys = [((("key-case", "folded"),), other), ((("key-case", "exact"),), key)]
    values = _values(statement)
    found: List[Effect] = []
    for key_when, name in keys:
        form = _form(statement.kind, name)
        if form is not None:
            for value_when, value in values:
                found.append(SetEffect(exists + key_when + form + value_when, name, statement.port, value))
    return tuple(found)


def _form(kind: str, key: str) -> Optional[When]:
    """The readings under which ``key`` may be written in that form."""
    space_only = key in ("initramfs", "include")
    if kind == "setting":
        return (("equals-form", "accepted"),) if space_only else ()
    return () if space_only else (("space-form", "accepted"),)


def _values(statement: Statement) -> List[Tuple[When, str]]:
    value, tail = statement.value, statement.tail
    if "#" in value:
        stripped = value.partition("#")[0].rstrip(" \t")
        return [((("trailing-comment", "stripped"),), stripped)] + [
            ((("trailing-comment", "kept"),) + when, kept) for when, kept in _tails(value, tail)
        ]
    return _tails(value, tail)


def _tails(value: str, tail: str) -> List[Tuple[When, str]]:
    if not tail or not value:
        return [((), value)]
    return [((("trailing-space", "stripped"),), value), ((("trailing-space", "kept"),), value + tail)]


def parse_filter(text: str) -> Tuple[Filter, bool]:
    """The filter that the text in brackets is, and whether only with its case folded. ``UNKNOWN`` if it is none."""
    filter = _filter(text)
    if filter != UNKNOWN:
        return filter, False
    lower = text.lower()
    for keyword in ("edid=", "hdmi:"):
        if lower.startswith(keyword):
            lower = keyword.upper() + text[len(keyword) :]
    filter = _filter(lower)
    return filter, filter != UNKNOWN


def _filter(text: str) -> Filter:
    if text in MODEL_FILTERS:
        return Filter("model", text)
    if text in _WORDS:
        return Filter(text)
    tree = grammar("config_txt").parse(text, "filter")
    if tree is None or any(token.kind in _NUMBERS and not _fits(token.text) for token in tree.tokens()):
        return UNKNOWN
    inner = tree.children[0]
    assert not isinstance(inner, Token)
    words = {token.kind: token.text for token in inner.tokens()}
    kind = inner.kind
    if kind == "name":
        return UNKNOWN  # the known ones were found above
    if kind == "board_type":
        return Filter("board-type", "", _number(words["NUMBER"]))
    if kind == "serial":
        return Filter("serial", "", int(words["SERIAL"], 16))
    if kind == "gpio":
        return Filter("gpio", str(int(words["PIN"])), int(words["LEVEL"]))
    if kind == "edid":
        return Filter("edid", words["MONITOR"])
    if kind == "hdmi":
        return Filter("hdmi", "", int(words["DISPLAY"]))
    numbers = [_number(token.text) for token in inner.tokens() if token.kind == "NUMBER"]
    comparison = next((token.text for token in inner.tokens() if token.kind in ("EQUALS", "LESS", "GREATER")), "&")
    if "AMPERSAND" in words:
        return Filter("expression", words["ARGUMENT"], numbers[-1] if len(numbers) > 1 else 0, numbers[0], comparison)
    return Filter("expression", words["ARGUMENT"], numbers[0], None, comparison)


def _fits(text: str) -> bool:
    # The firmware's numbers have 32 bits; no longer text is one (and Python refuses to convert very long ones).
    return len(text) <= 10 and _number(text) < 1 << 32


def _number(text: str) -> int:
    return int(text, 16) if text[:2] in ("0x", "0X") else int(text)
