"""Fixes for what a Zymbit SCM cannot boot without, and must not have."""

from typing import Iterator, List

from scmguard.checks.usb import WANTED
from scmguard.effective.board import Board
from scmguard.effective.config import evaluate
from scmguard.effective.difference import Difference
from scmguard.effective.worlds import TooComplex
from scmguard.fixes.proposal import Fault, May, Proposal
from scmguard.fixes.rewrite import appended, replaced
from scmguard.parse.config_txt import parse_line


def otg_mode_enabled(fault: Fault) -> Iterator[Proposal]:
    """The line goes, if no other board obeys it; else a later one switches it off for this board."""
    number = fault.finding.span.line
    statement = parse_line(fault.source.line_text(number))
    if (
        statement.kind == "setting"
        and statement.key == "otg_mode"
        and not statement.tail
        and "#" not in statement.value
    ):
        contents = {fault.name: replaced(fault.source, number, [])}
        yield Proposal("take the line out", contents, _otg_mode(fault))
    start = fault.boot.document(fault.boot.start)
    if start is None:
        return
    lines = ["[{}]".format(fault.board.name), "otg_mode=0", "[all]"]
    contents = {fault.boot.start: appended(start.source, lines)}
    yield Proposal("switch it off for {} in a later line".format(fault.board.name), contents, _otg_mode(fault))


def _otg_mode(fault: Fault) -> May:
    """The setting, and the controller that follows from it, on the board that must not have it."""

    def may(difference: Difference, board: Board) -> bool:
        if board.name != fault.board.name:
            return False
        return difference.kind == "usb" or (difference.kind, difference.name) == ("setting", "otg_mode")

    return may


def dwc2_host_missing(fault: Fault) -> Iterator[Proposal]:
    """The line that is missing, as the last one, for all boards: after whatever would undo it."""
    start = fault.boot.document(fault.boot.start)
    if start is None:
        return
    lines = ["[all]", WANTED] if _is_filtered(fault) else [WANTED]
    contents = {fault.boot.start: appended(start.source, lines)}
    yield Proposal("end the file with {} for all boards".format(WANTED), contents, _dwc2)
    if lines[0] != "[all]":
        contents = {fault.boot.start: appended(start.source, ["[all]", WANTED])}
        yield Proposal("end the file with {} for all boards".format(WANTED), contents, _dwc2)


def _is_filtered(fault: Fault) -> bool:
    """Whether the file ends under a header."""
    try:
        return bool(evaluate(fault.boot, fault.board).run.headers)
    except TooComplex:
        return True


def _dwc2(difference: Difference, _board: Board) -> bool:
    """One more load of dwc2 at the end, and the controller that follows from it."""
    if difference.kind == "usb":
        return True
    if difference.kind != "overlays":
        return False
    others: List[List[object]] = [
        [one for one in side if one[0] != "dwc2"] for side in (difference.old, difference.new)
    ]
    return others[0] == others[1]
