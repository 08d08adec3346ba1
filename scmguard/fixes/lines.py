"""Fixes of single lines of config.txt and its relatives: what is wrong with them is in their text alone."""

import re
from typing import Iterator, List, Optional, Tuple

from scmguard import catalogue
from scmguard.effective.meaning import LINE_LIMIT, SetEffect, effects, parse_filter
from scmguard.fixes.proposal import Fault, May, Proposal, about, anything, either, nothing
from scmguard.fixes.rewrite import looks_like_code, replaced, with_text, wrapped_comment
from scmguard.parse.config_txt import Statement, parse_line, parse_overlay, parse_parameters
from scmguard.text import encode, printable

_WHOLE = (("long-line", "whole"),)
_OVERLAYS = ("dtoverlay", "device_tree_overlay")
_PARAMETERS = ("dtparam", "device_tree_param")
_NUMBER = re.compile(r"[+-]?(?:0[xX][0-9A-Fa-f]+|[0-9]+)\Z")
_BLANKS = re.compile(r"[ \t]*([=,:])[ \t]*")


def _line(fault: Fault) -> Tuple[int, str, Statement]:
    number = fault.finding.span.line
    text = fault.source.line_text(number)
    return number, text, parse_line(text)


def _bytes(text: str) -> int:
    return len(encode(text))


def _settling(text: str, key: str, *settles: Tuple[str, str]) -> Tuple[May, Tuple[Tuple[str, str], ...]]:
    """What may differ where a line is read otherwise. A long line may be read in parts, which mean anything."""
    if _bytes(text) > LINE_LIMIT:
        return anything, settles + _WHOLE
    return about(key), settles


def trailing_comment(fault: Fault) -> Iterator[Proposal]:
    """The comment becomes a line of its own above the setting.

    One that reads as a setting would be taken for one that is switched off, by tools that switch on what they find; a #
    without a blank before it may belong to a name. These are not safe.
    """
    number, text, statement = _line(fault)
    value, mark, comment = statement.value.partition("#")
    if not mark:
        return
    setting = (text[: statement.value_start] + value).rstrip(" \t")
    lines = _own_line(text, comment)
    if lines is None:
        return
    may, settles = _settling(text, statement.key, ("trailing-comment", "stripped"))
    title = "move the comment to a line of its own" if lines else "take off the # behind the value"
    safe = not any(looks_like_code(line.lstrip(" \t#")) for line in lines)
    before = text[: statement.value_start + len(value)]
    if not before.endswith((" ", "\t")) and _NUMBER.match(value) is None:
        safe = False
    yield Proposal(title, {fault.name: replaced(fault.source, number, [*lines, setting])}, may, settles, safe)


def _own_line(text: str, comment: str) -> Optional[List[str]]:
    """What stood behind a line's # as comments of their own, indented as the line; None where it does not fit."""
    says = comment.lstrip(" \t#").rstrip(" \t")
    indent = text[: len(text) - len(text.lstrip(" \t"))]
    return wrapped_comment("{}# {}".format(indent, says), LINE_LIMIT) if says else []


def spaces_around_equals(fault: Fault) -> Iterator[Proposal]:
    """Blanks beside the equals sign go; those inside an overlay's value change what it says, and are not safe."""
    number, text, statement = _line(fault)
    if statement.spaced:
        end = statement.value_start if statement.value_start >= 0 else len(text)
        name = re.match(r"[^ \t=]+", text[statement.key_start :])
        if name is None:
            return
        new = text[: statement.key_start] + name.group() + "=" + text[end:]
        may, settles = _settling(text, statement.key, ("spaces-around-equals", "accepted"))
        yield Proposal("take out the blanks", {fault.name: replaced(fault.source, number, [new])}, may, settles)
        return
    value, mark, comment = statement.value.partition("#")
    new = _BLANKS.sub(r"\1", value)
    # Between quotes a blank may be meant.
    if new != value and '"' not in value:
        new = text[: statement.value_start] + new + mark + comment
        contents = {fault.name: replaced(fault.source, number, [new])}
        yield Proposal("take the blanks out of the value", contents, about(statement.key), safe=False)


def glued_lines(fault: Fault) -> Iterator[Proposal]:
    """Two lines again. What had no effect gets one: somebody has to want that."""
    number, text, statement = _line(fault)
    start, end = fault.finding.span.column - 1, fault.finding.span.end_column - 1
    first, second = text[:start].rstrip(" \t"), text[start:].strip(" \t")
    if text[start:end] == "\\n":
        second = text[end:].strip(" \t")
    if not second:
        return
    keys = {effect.key for half in (text, first, second) for effect in effects(half) if isinstance(effect, SetEffect)}
    may = either(*(about(key) for key in sorted(keys)))
    if "\\n" in second or statement.kind == "header":
        may = anything
    contents = {fault.name: replaced(fault.source, number, [first, *second.split("\\n")])}
    yield Proposal("make two lines of it", contents, may, safe=False)


def line_too_long(fault: Fault) -> Iterator[Proposal]:
    """Parameters get lines of their own, comments are broken."""
    number, text, statement = _line(fault)
    lines: Optional[List[str]] = None
    title = "break the comment"
    if statement.kind == "comment":
        lines = wrapped_comment(text, LINE_LIMIT)
    elif statement.kind == "setting" and "#" not in statement.value and not statement.tail:
        title = "give parameters dtparam= lines of their own"
        head = text[: statement.value_start]
        if statement.key in _OVERLAYS:
            lines = _split_overlay(head, statement.value)
        elif statement.key in _PARAMETERS:
            lines = _packed(head, [_written(statement.value, one) for one in _places(statement.value, 0)])
    if lines:
        contents = {fault.name: replaced(fault.source, number, lines)}
        yield Proposal(title, contents, anything, _WHOLE)


def _split_overlay(head: str, value: str) -> Optional[List[str]]:
    """An overlay with as many parameters as fit on its line, and the others on lines below it."""
    places = _places(value, 1)
    name = value[: places[0][0] - 1] if places else value
    if not places or parse_overlay(value).name == "none":
        return None
    first, rest = head + name, [_written(value, place) for place in places]
    while rest and _bytes(first + "," + rest[0]) <= LINE_LIMIT:
        first += "," + rest.pop(0)
    below = _packed("dtparam=", rest)
    return None if below is None or _bytes(first) > LINE_LIMIT else [first, *below]


def _places(value: str, skip: int) -> List[Tuple[int, int]]:
    """Offsets of the parameters in a value; ``skip`` is 1 where a name stands in front."""
    found = parse_overlay(value).parameters if skip else parse_parameters(value)
    starts = [one.start for one in found]
    ends = [start - 1 for start in starts[1:]] + [len(value)]
    return [(start, end) for start, end in zip(starts, ends) if end > start]


def _written(value: str, place: Tuple[int, int]) -> str:
    return value[place[0] : place[1]].rstrip(",")


def _packed(head: str, parameters: List[str]) -> Optional[List[str]]:
    """Lines with as many parameters as fit on each; None where one is too long."""
    lines: List[str] = []
    for one in parameters:
        if lines and _bytes(lines[-1] + "," + one) <= LINE_LIMIT:
            lines[-1] += "," + one
        else:
            lines.append(head + one)
    return lines if all(_bytes(line) <= LINE_LIMIT for line in lines) else None


def overlay_renamed(fault: Fault) -> Iterator[Proposal]:
    """The name of today. Where the old one did nothing, the overlay gets loaded: not safe."""
    number, text, statement = _line(fault)
    if statement.key not in _OVERLAYS:
        return
    old = parse_overlay(statement.value).name
    new = catalogue.overlay_map().get(old, {}).get("renamed")
    loads = bool(new)
    if not new:
        new = re.sub(r"(?:-overlay(?:\.dtb)?|\.dtb)\Z", "", old)
    start = statement.value.find(old)
    if new == old or start < 0 or not isinstance(new, str):
        return
    at = statement.value_start + start
    changed = with_text(fault.source, number, at, at + len(old), new)
    contents = {fault.name: replaced(fault.source, number, [changed])}
    title = "write {}, its name of today".format(printable(new))
    if loads:
        yield Proposal(title, contents, nothing)
    yield Proposal(title, contents, about("dtoverlay"), safe=False)


def unknown_section(fault: Fault) -> Iterator[Proposal]:
    """A header as it is documented: in its case, without blanks inside, and nothing behind it."""
    number, text, statement = _line(fault)
    if statement.kind != "header":
        return
    trimmed = statement.key.strip(" \t")
    filter, folded = parse_filter(trimmed)
    if filter.kind == "unknown":
        return
    name = trimmed.lower()
    for keyword in ("EDID=", "HDMI:"):
        if name.startswith(keyword.lower()):
            name = keyword + trimmed[len(keyword) :]
    settles: Tuple[Tuple[str, str], ...] = ()
    if folded:
        settles += (("section-case", "folded"),)
    if trimmed != statement.key:
        settles += (("section-padding", "trimmed"),)
    lines = ["[{}]".format(name if folded else trimmed)]
    if statement.tail:
        settles += (("section-tail", "ignored"),)
        comment = statement.tail.strip(" \t")
        above = _own_line("", comment) if comment.startswith("#") else None
        if above is None or any(looks_like_code(line.lstrip(" \t#")) for line in above):
            return
        lines = [*above, *lines]
    if _bytes(text) > LINE_LIMIT:
        settles += _WHOLE
    contents = {fault.name: replaced(fault.source, number, lines)}
    yield Proposal("write the header as it is documented", contents, anything, settles)


def unknown_setting(fault: Fault) -> Iterator[Proposal]:
    """A name that is only known in another case."""
    number, text, statement = _line(fault)
    folded = catalogue.other_case(statement.key) if statement.kind in ("setting", "directive") else None
    if folded is None:
        return
    changed = with_text(fault.source, number, statement.key_start, statement.key_start + len(statement.key), folded)
    may, settles = _settling(text, folded, ("key-case", "folded"))
    contents = {fault.name: replaced(fault.source, number, [changed])}
    yield Proposal("write {}".format(folded), contents, may, settles)
