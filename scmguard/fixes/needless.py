"""Fixes of lines that need not be there: they go."""

from typing import Iterator

from scmguard.effective.board import Board
from scmguard.effective.difference import Difference
from scmguard.fixes.proposal import Fault, Proposal, nothing
from scmguard.fixes.rewrite import replaced
from scmguard.parse.config_txt import parse_line, parse_overlay
from scmguard.text import printable


def inert_setting(fault: Fault) -> Iterator[Proposal]:
    """A line that a later one always replaces goes. Sections for other boards stay: they count there."""
    span = fault.finding.span
    if "never takes effect" in fault.finding.message and span.line == span.end_line:
        contents = {fault.name: replaced(fault.source, span.line, [])}
        yield Proposal("take the line out; it never takes effect", contents, nothing)


def duplicate_overlay(fault: Fault) -> Iterator[Proposal]:
    """The second of two equal loads goes, if nothing was loaded between them."""
    number = fault.finding.span.line
    statement = parse_line(fault.source.line_text(number))
    if statement.kind != "setting" or statement.key not in ("dtoverlay", "device_tree_overlay"):
        return

    def once_more(difference: Difference, _board: Board) -> bool:
        """Of the same load several in a row became one less."""
        if difference.kind != "overlays" or difference.new:
            return False
        # What both have in front and at the end is left out: what is left is the load that went.
        return len(difference.old) == 1

    name = printable(parse_overlay(statement.value).name)
    contents = {fault.name: replaced(fault.source, number, [])}
    yield Proposal("load {} once".format(name), contents, once_more)
