"""Waivers: findings that somebody answers for, with a reason. They stay in the report, marked, and do not count.

A waiver that has expired waives nothing, and one that covers nothing is of no use; both are findings themselves.
"""

import fnmatch
import os
from typing import Collection, Container, Iterable, Iterator, List, Optional, Sequence, Set

from scmguard.errors import RuleError
from scmguard.finding import Finding, TreeReport, Waiver, order
from scmguard.meant import did_you_mean
from scmguard.text import printable

#: Rules that no file describes: faults of the waivers.
BUILT_IN = {
    "waiver-expired": "Look at the fault again: correct it and remove the waiver, or give the waiver a new date.",
    "waiver-unused": "Remove the waiver, or correct its path or match; it may hide a later fault that nobody has seen.",
}


def verify(waivers: Sequence[Waiver], rules: Collection[str]) -> None:
    """Raises RuleError for a waiver of a rule that is not among ``rules``."""
    for waiver in waivers:
        if waiver.rule not in rules:
            place = "{}:{}".format(waiver.place.path, waiver.place.line)
            hint = did_you_mean(waiver.rule, rules) or "; `scmguard rules` lists them"
            raise RuleError("{}: no rule {!r} to waive{}".format(place, waiver.rule, hint))


def covering(waivers: Sequence[Waiver], finding: Finding, today: str) -> Optional[Waiver]:
    """The first waiver that covers a finding and has not expired; None where none does."""
    return next((each for each in waivers if not _expired(each, today) and _covers(each, finding)), None)


def applied(
    reports: Iterable[TreeReport], waivers: Sequence[Waiver], selected: Container[str], today: str
) -> Iterator[TreeReport]:
    """The reports, with findings marked as waived, and what is wrong with the waivers at the end of the last one.

    ``selected`` are the ids of the rules that are checked: of a waiver for another rule nothing is said. ``today`` is
    a date such as ``2031-12-31``.
    """
    valid = [waiver for waiver in waivers if not _expired(waiver, today)]
    idle: Set[Waiver] = set()
    used: Set[Waiver] = set()
    last: Optional[TreeReport] = None
    for report in reports:
        if last is not None:
            yield last
        findings: List[Finding] = []
        for finding in report.findings:
            waiver = next((waiver for waiver in valid if _covers(waiver, finding)), None)
            if waiver is not None:
                used.add(waiver)
                finding = finding._replace(waived=waiver.waived)
            findings.append(finding)
        idle.update(waiver for waiver in valid if waiver.rule in report.ran and _concerns(waiver, report))
        last = report._replace(findings=findings)
    if last is None:
        return
    found = [
        _fault(
            waiver,
            "waiver-expired",
            "degraded",
            "this waiver of {} ended on {}".format(waiver.rule, waiver.waived.expires),
        )
        for waiver in waivers
        if waiver.rule in selected and _expired(waiver, today)
    ]
    found += [
        _fault(waiver, "waiver-unused", "hygiene", "this waiver of {} covers nothing".format(waiver.rule))
        for waiver in valid
        if waiver in idle - used
    ]
    yield last._replace(findings=sorted(last.findings + found, key=order))


def _expired(waiver: Waiver, today: str) -> bool:
    return waiver.waived.expires is not None and waiver.waived.expires < today


def _covers(waiver: Waiver, finding: Finding) -> bool:
    if waiver.rule != finding.rule or not _names(waiver.path, finding.span.path):
        return False
    return waiver.match is None or any(
        waiver.match in text for text in (finding.excerpt, finding.message, printable(finding.message))
    )


def _names(pattern: Optional[str], path: str) -> bool:
    """Whether a path is what the pattern says, or ends in it: ``config.txt`` and ``boot/*.txt`` name files anywhere."""
    if pattern is None:
        return True
    path = os.path.abspath(path)
    return fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, "*/" + pattern)


def _concerns(waiver: Waiver, report: TreeReport) -> bool:
    """Whether the file that a waiver names may be in a tree, so that it should have been of use there."""
    if waiver.path is None or _names(waiver.path, report.path):
        return True
    return _names(waiver.path, os.path.join(report.path, os.path.basename(waiver.path)))


def _fault(waiver: Waiver, id: str, severity: str, message: str) -> Finding:
    return Finding(id, severity, "certain", None, message, waiver.place, help=BUILT_IN[id], excerpt=waiver.excerpt)
