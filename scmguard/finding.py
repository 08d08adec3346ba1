"""Findings and reports: values that nobody changes once they are made."""

from typing import Dict, FrozenSet, List, NamedTuple, Optional, Tuple

from scmguard.boot import Boot
from scmguard.text import Span

#: From the least to the worst.
SEVERITIES = ("hygiene", "degraded", "no-boot", "brick")

#: What each severity means, for people.
SEVERITY_MEANS = {
    "brick": "the device cannot be brought back in the field, or keys or fuses are lost",
    "no-boot": "it will not boot until somebody touches it",
    "degraded": "it boots and loses a function, a setting or a protection",
    "hygiene": "nothing yet",
}


def at_least(severity: str, threshold: str) -> bool:
    """Whether a severity is the threshold's or worse."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(threshold)


class Related(NamedTuple):
    """Another place that belongs to a finding, and why."""

    span: Span
    message: str


class Waived(NamedTuple):
    """That somebody answers for a finding: why, and the last day on which that counts, as in ``2031-12-31``.

    ``by`` is ``waiver`` or ``baseline``.
    """

    reason: str
    expires: Optional[str] = None
    by: str = "waiver"


class Waiver(NamedTuple):
    """An entry of the configuration's ``waivers``: which findings of a rule somebody answers for.

    ``path`` is a pattern for the file of a finding, ``match`` a text in its line or message; None takes any. ``place``
    and ``excerpt`` are where it stands in the configuration file.
    """

    rule: str
    path: Optional[str]
    match: Optional[str]
    waived: Waived
    place: Span
    excerpt: str = ""


class Edit(NamedTuple):
    """A change to a file: the lines from ``line`` up to, not including, ``end_line`` become ``text``.

    Whole lines: with their ends, and the first with the file's byte order mark. Where both numbers are equal, ``text``
    comes before that line; one past the last line is the end of the file.
    """

    path: str
    line: int
    end_line: int
    text: str


class Fix(NamedTuple):
    """What would correct a finding, in words and as edits. ``safe``: nothing but what the finding is about changes."""

    title: str
    edits: Tuple[Edit, ...]
    safe: bool


class Finding(NamedTuple):
    """One fault. ``confidence`` is ``certain`` or ``possible``; ``reading`` is the firmware reading (id, choice) it
    depends on.

    ``when`` are the machine conditions it depends on, in words. ``board`` is None where it is the same for every
    board checked. ``excerpt`` is the source line, for reports. ``waived`` is set where a waiver covers it, ``fix``
    where the format shows what would correct it, and something would.
    """

    rule: str
    severity: str
    confidence: str
    board: Optional[str]
    message: str
    span: Span
    related: Tuple[Related, ...] = ()
    reading: Optional[Tuple[str, str]] = None
    when: Tuple[str, ...] = ()
    help: str = ""
    excerpt: str = ""
    waived: Optional[Waived] = None
    fix: Optional[Fix] = None


def order(finding: Finding) -> Tuple[int, bool, str, int, int, str]:
    """The order of a report: worst first, what is certain before what is possible, then by place."""
    span, possible = finding.span, finding.confidence == "possible"
    return -SEVERITIES.index(finding.severity), possible, span.path, span.line, span.column, finding.rule


class NotChecked(NamedTuple):
    """A rule that could not run, and what it lacks."""

    rule: str
    needs: str
    reason: str = ""


class TreeReport(NamedTuple):
    """What came of one boot tree. ``problems`` are files that could not be read, as path and reason.

    ``ran`` are the ids of the rules that could look, on one board at least; ``boot`` is the tree, for reports that show
    its files.
    """

    path: str
    findings: List[Finding]
    not_checked: List[NotChecked]
    notes: Tuple[str, ...] = ()
    problems: Tuple[Tuple[str, str], ...] = ()
    ran: FrozenSet[str] = frozenset()
    boot: Optional[Boot] = None


class Summary(NamedTuple):
    """How many findings of each severity, how many trees were checked, and how many findings are waived.

    A waived finding does not count in its severity; neither does one that the baseline knows, which is counted in
    ``baseline`` and not in ``waived``.
    """

    counts: Dict[str, int]
    trees: int
    waived: int = 0
    baseline: int = 0

    def worst(self) -> Optional[str]:
        """The worst severity found, or None."""
        for severity in reversed(SEVERITIES):
            if self.counts.get(severity):
                return severity
        return None


class Statistic(NamedTuple):
    """How many findings of one severity a rule has, and in how many boot trees; waived ones are left out."""

    rule: str
    severity: str
    findings: int
    trees: int
