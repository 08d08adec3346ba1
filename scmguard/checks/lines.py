"""Lines that mean something else than they say. Each distinct line is looked at once in a process.

These faults are in the text, whatever the board; the evaluator knows their consequences, these checks name the cause.
"""

import re
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from scmguard import catalogue
from scmguard.checks.base import Context, Hit, Params
from scmguard.effective.config import SEAM
from scmguard.effective.meaning import LINE_LIMIT, UNKNOWN, SetEffect, effects, parse_filter, pieces
from scmguard.memo import per_line
from scmguard.parse.config_txt import Statement, parse_line
from scmguard.text import Source, decode, encode, printable

# Nothing can be wrong with such a line, and most lines are like that.
_HARMLESS = re.compile(r"(?:#(?!.*(?:dtoverlay|dtparam)=)[ -~]{0,97}|[a-z0-9_]{1,40}=[A-Za-z0-9_.,/:-]{0,50}|)\Z")

_NUMBER_THEN_COMMENT = re.compile(r"[+-]?(?:0[xX][0-9A-Fa-f]+|[0-9]+)[ \t]*#")
# The look behind keeps it from trying every character of a long word.
_WORD_BEFORE_EQUALS = re.compile(r"(?<![A-Za-z0-9_])([A-Za-z0-9_]+)=")
_LONGEST_NAME = 40
_SEPARATOR = re.compile("[,:]")
# In a comment, a word that runs into such a key is the end of a file that something was appended to.
_GLUED_TO_COMMENT = re.compile(r"[A-Za-z0-9.)](dtoverlay|dtparam)=")
_BLANK_BESIDE_SEPARATOR = re.compile(r"(?<![ \t])[ \t]+[=,:]|[=,:][ \t]+")
_HALF_HEADER = re.compile(r"[ \t]*(?:\[[^\]]*|[A-Za-z0-9+=-]+\])[ \t]*\Z")
_OVERLAY_KEYS = ("dtoverlay", "device_tree_overlay", "dtparam", "device_tree_param")


class Quirk(NamedTuple):
    """A fault in one line: the rule's id, offsets from 0, a message, and a severity if milder than the rule's."""

    rule: str
    start: int
    end: int
    message: str
    severity: Optional[str] = None


@per_line
def quirks(text: str) -> Tuple[Quirk, ...]:
    """All faults of the line ``text`` (without its end)."""
    return () if _HARMLESS.match(text) else tuple(_quirks(text))


def _quirks(text: str) -> Iterator[Quirk]:
    statement = parse_line(text)
    yield from _too_long(text)
    yield from _encoding(text, statement)
    if statement.kind == "header":
        yield from _header(statement)
    elif statement.kind == "unknown" and _HALF_HEADER.match(text):
        message = "a bracket is missing: this is no section header, and what follows applies as before"
        yield Quirk("unknown-section", 0, len(text), message)
    elif statement.kind == "comment":
        match = _GLUED_TO_COMMENT.search(text)
        if match is not None:
            message = "{}= stands at the end of a comment: two lines in one, of which the second does nothing"
            yield Quirk("glued-lines", match.start(1), match.end(1), message.format(match.group(1)))
    if statement.kind in ("setting", "directive"):
        yield from _spaces(statement)
        yield from _glued(statement)
        yield from _comment(statement)
        yield from _quotes(statement)


def _wants_number(key: str) -> bool:
    return catalogue.settings().get(key, {}).get("kind") in ("int", "bool")


def _spaces(statement: Statement) -> Iterator[Quirk]:
    if statement.spaced:
        end = statement.value_start if statement.value_start >= 0 else statement.key_start + len(statement.key) + 2
        message = "blanks beside the = of {}; the firmware may discard the whole line".format(statement.key)
        yield Quirk("spaces-around-equals", statement.key_start + len(statement.key), end, message)
    elif statement.key in _OVERLAY_KEYS:
        value = statement.value.partition("#")[0]
        match = _BLANK_BESIDE_SEPARATOR.search(value.rstrip(" \t"))
        if match is not None and value.count('"', 0, match.start()) % 2 == 0:
            start = statement.value_start + match.start()
            message = "blanks in the value of {} become part of a parameter's name or value".format(statement.key)
            yield Quirk("spaces-around-equals", start, start + len(match.group()), message)


def _glued(statement: Statement) -> Iterator[Quirk]:
    value = statement.value
    if "\\n" in value:
        start = statement.value_start + value.index("\\n")
        yield Quirk("glued-lines", start, start + 2, "\\n is two characters here and does not start a new line")
        return
    for match in _WORD_BEFORE_EQUALS.finditer(value):
        word = match.group(1)
        name = _ends_with_setting(word)
        if name is None or _own_parameter(statement, match.start(1), word):
            continue
        start = statement.value_start + match.end(1) - len(name)
        message = (
            "{}= stands inside the value of {}: two lines in one; the second does nothing, and the first may be wrong"
        )
        yield Quirk("glued-lines", start, start + len(name), message.format(name, statement.key))
        return


def _ends_with_setting(word: str) -> Optional[str]:
    """The longest known setting that ``word`` ends with."""
    settings = catalogue.settings()
    starts = range(max(0, len(word) - _LONGEST_NAME), len(word) - 3)
    return next((word[start:] for start in starts if word[start:] in settings), None)


def _own_parameter(statement: Statement, start: int, word: str) -> bool:
    """Whether ``word`` may stand before an equals sign in that value in its own right, as a parameter or argument."""
    if word.endswith(("dtoverlay", "dtparam")) or word in ("include", "initramfs"):
        return False
    if statement.key not in _OVERLAY_KEYS:
        return start > 0 and statement.value[start - 1] in " ,:;&?"
    if statement.key in ("dtoverlay", "device_tree_overlay"):
        first = _SEPARATOR.search(statement.value)
        if first is None or first.start() >= start:
            return False  # only the overlay's name stands before its first parameter
    return start == 0 or statement.value[start - 1] in ",:.-" or catalogue.base_has(word)


def _comment(statement: Statement) -> Iterator[Quirk]:
    place = statement.value.find("#")
    if place < 0:
        return
    start = statement.value_start + place
    end = statement.value_start + len(statement.value)
    if _wants_number(statement.key) and _NUMBER_THEN_COMMENT.match(statement.value):
        message = "a comment behind a number; the firmware reads the number and stops there"
        yield Quirk("trailing-comment", start, end, message, "hygiene")
        return
    message = "comments are whole lines: {} may become part of the value of {}".format(
        repr(printable(statement.value[place : place + 20])), statement.key
    )
    yield Quirk("trailing-comment", start, end, message)


def _quotes(statement: Statement) -> Iterator[Quirk]:
    value = statement.value
    for quote in ('"', "'"):
        whole = len(value) > 1 and value[0] == quote and value[-1] == quote
        if statement.key == "initramfs" and value[:1] == quote and quote in value[1:]:
            whole = True  # the address may stand behind
        parameter = re.search(r"=({0}[^{0},]*{0})(?:,|\Z)".format(quote), value)
        if whole or parameter:
            start, end = (0, len(value)) if whole or parameter is None else parameter.span(1)
            message = "the quotes become part of the value; the firmware does not take them off"
            yield Quirk("quoted-value", statement.value_start + start, statement.value_start + end, message)
            return


def _header(statement: Statement) -> Iterator[Quirk]:
    text, trimmed = statement.key, statement.key.strip(" \t")
    start, end = statement.key_start - 1, statement.key_start + len(text) + 1
    filter, folded = parse_filter(trimmed)
    shown = printable("[{}]".format(text))
    if filter == UNKNOWN:
        message = "{} is no section that the firmware knows; what follows may apply as before, or not at all".format(
            shown
        )
        yield Quirk("unknown-section", start, end, message)
    elif folded:
        yield Quirk("unknown-section", start, end, "{} is only known as [{}]".format(shown, _documented_case(trimmed)))
    elif trimmed != text:
        yield Quirk(
            "unknown-section", start, end, "blanks inside the brackets: {} is only known as [{}]".format(shown, trimmed)
        )
    if statement.tail:
        tail = statement.tail.strip(" \t")
        known = parse_line(tail)
        message = "text behind a section header does nothing, and may keep the header from counting"
        if known.kind == "setting" and known.key in catalogue.settings():
            yield Quirk("glued-lines", end, end + len(statement.tail), message)
        else:
            yield Quirk("unknown-section", end, end + len(statement.tail), message)


def _documented_case(text: str) -> str:
    lower = text.lower()
    for keyword in ("EDID=", "HDMI:"):
        if lower.startswith(keyword.lower()):
            return keyword + text[len(keyword) :]
    return lower


def _encoding(text: str, statement: Statement) -> Iterator[Quirk]:
    if text.isascii() and text.isprintable():
        return
    comment = statement.kind in ("comment", "blank")
    for place, char in enumerate(text):
        if is_odd(char) and (not comment or char == "\0"):
            yield Quirk("bad-encoding", place, place + 1, "{} in this line".format(character(char)))
            return


def is_odd(char: str) -> bool:
    """Whether a character has no place in a setting: not ASCII, or a control character other than tab and CR."""
    return not (32 <= ord(char) < 127 or char in "\t\r")


def character(char: str) -> str:
    """What an odd character is, for people."""
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return "byte 0x{:02x}, which is not UTF-8,".format(code - 0xDC00)
    if code == 0:
        return "a NUL byte"
    if code < 32 or code == 127:
        return "control character 0x{:02x}".format(code)
    return "{!r} (U+{:04X}), which is not ASCII,".format(char, code)


def _too_long(text: str) -> Iterator[Quirk]:
    data = encode(text)
    if len(data) <= LINE_LIMIT:
        return
    start = min(len(decode(data[:LINE_LIMIT])), len(text))
    statement = parse_line(text)
    tails = [_would_set(piece) for piece in pieces(text)[1:]]
    becomes = [tail for tail in tails if tail]
    length = "{} bytes, {} more than the firmware is documented to read".format(len(data), len(data) - LINE_LIMIT)
    if becomes:
        message = "{}; the excess may be taken for a line of its own: {}".format(length, becomes[0])
        yield Quirk("line-too-long", start, len(text), message)
    elif statement.kind == "comment":
        yield Quirk("line-too-long", start, len(text), "a comment of " + length, "hygiene")
    elif statement.kind not in ("blank", "unknown", "word"):
        # Where the line means the same whole, cut and wrapped (blanks behind a header), nothing is lost yet.
        differs = any(
            ("long-line", "cut") in effect.when or ("long-line", "whole") in effect.when for effect in effects(text)
        )
        yield Quirk("line-too-long", start, len(text), length, None if differs else "hygiene")


def _would_set(piece: str) -> str:
    """The setting that a piece of a line would make, if it is a known one."""
    for effect in effects(piece):
        if isinstance(effect, SetEffect) and effect.key in catalogue.settings():
            return printable("{}={}".format(effect.key, effect.value))[:60]
    return ""


def by_rule(context: Context) -> Dict[str, List[Tuple[Source, int, Quirk]]]:
    """The quirks of all files of a context, as (source, line number, quirk), by rule."""
    found: Optional[Dict[str, List[Tuple[Source, int, Quirk]]]] = context.memo.get("quirks")
    if found is None:
        found = context.memo["quirks"] = {}
        boot = context.boot
        eeprom = boot.document(boot.bootconf) if boot.bootconf else None
        for document in context.config_documents():
            for line in document.lines:
                if document is eeprom and line.text.strip() == SEAM:
                    continue  # no section of config.txt, but where the EEPROM's lines for it begin
                for quirk in quirks(line.text):
                    found.setdefault(quirk.rule, []).append((document.source, line.number, quirk))
    return found


def reports(rule: str) -> Callable[[Context, Params], Iterator[Hit]]:
    """The check that reports the quirks of ``rule``."""

    def check(context: Context, _params: Params) -> Iterator[Hit]:
        for source, number, quirk in by_rule(context).get(rule, ()):
            span = source.span(number, quirk.start, quirk.end)
            yield Hit(source, span, quirk.message, severity=quirk.severity, boardless=True)

    return check
