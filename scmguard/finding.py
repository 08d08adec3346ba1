"""Findings and reports: values that nobody changes once they are made."""

from typing import Dict, List, NamedTuple, Optional, Tuple

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


class Finding(NamedTuple):
    """One fault. ``confidence`` is ``certain`` or ``possible``; ``reading`` is the firmware reading (id, choice) it
    depends on.

    ``when`` are the machine conditions it depends on, in words. ``board`` is None where it is the same for every
    board checked. ``excerpt`` is the source line, for reports.
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


class NotChecked(NamedTuple):
    """A rule that could not run, and what it lacks."""

    rule: str
    needs: str
    reason: str = ""


class TreeReport(NamedTuple):
    """What came of one boot tree. ``problems`` are files that could not be read, as path and reason."""

    path: str
    findings: List[Finding]
    not_checked: List[NotChecked]
    notes: Tuple[str, ...] = ()
    problems: Tuple[Tuple[str, str], ...] = ()


class Summary(NamedTuple):
    """How many findings of each severity, and how many of the trees were checked."""

    counts: Dict[str, int]
    trees: int

    def worst(self) -> Optional[str]:
        """The worst severity found, or None."""
        for severity in reversed(SEVERITIES):
            if self.counts.get(severity):
                return severity
        return None
