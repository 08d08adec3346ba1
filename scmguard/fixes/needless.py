"""Fixes of lines that need not be there: they go."""

from typing import Iterator

from scmguard import catalogue
from scmguard.effective.board import Board
from scmguard.effective.config import evaluate
from scmguard.effective.difference import Difference, loaded
from scmguard.effective.worlds import FALSE
from scmguard.fixes.proposal import Fault, Proposal, nothing
from scmguard.fixes.rewrite import replaced
from scmguard.parse.config_txt import parse_line, parse_overlay
from scmguard.text import printable


def inert_setting(fault: Fault) -> Iterator[Proposal]:
    """A line that a later one always replaces goes. Sections for other boards stay: they count there.

    So do settings that are read before ``include`` is understood, where what replaces them is in another file.
    """
    span = fault.finding.span
    key = parse_line(fault.source.line_text(span.line)).key
    is_first = fault.name in (fault.boot.start, "config.txt", "tryboot.txt")
    elsewhere = is_first and any(related.span.path != span.path for related in fault.finding.related)
    if elsewhere and (catalogue.other_case(key) or key) in catalogue.settings_with("main_file_only"):
        return
    if "never takes effect" in fault.finding.message and span.line == span.end_line:
        contents = {fault.name: replaced(fault.source, span.line, [])}
        yield Proposal("take the line out; it never takes effect", contents, nothing)


def duplicate_overlay(fault: Fault) -> Iterator[Proposal]:
    """The second of two equal loads goes, if nothing was loaded between them."""
    number = fault.finding.span.line
    statement = parse_line(fault.source.line_text(number))
    if statement.kind != "setting" or statement.key not in ("dtoverlay", "device_tree_overlay"):
        return

    def once_more(difference: Difference, board: Board) -> bool:
        """Of the same load several in a row became one less."""
        return difference.kind == "overlays" and _repeats(fault, number, board, difference.file)

    name = printable(parse_overlay(statement.value).name)
    contents = {fault.name: replaced(fault.source, number, [])}
    yield Proposal("load {} once".format(name), contents, once_more)


def _repeats(fault: Fault, number: int, board: Board, start: str) -> bool:
    """Whether each load on that line comes right behind the same one, in every world in which it is there."""
    config = evaluate(fault.boot, board, start)
    worlds = config.worlds
    items = loaded(config)
    for place, (_, load) in enumerate(config.loads):
        if (load.place.path, load.place.line) != (fault.source.path, number):
            continue
        for when, value in items[place].values:
            left = when
            for item in reversed(items[:place]):
                for condition, before in item.values:
                    if before != value and worlds.both(left, condition) != FALSE:
                        return False
                left = worlds.without(left, item.when)
            if left != FALSE:
                return False
    return True
