"""What a baseline becomes: less, as a rule, and more only where somebody says so, with a reason."""

from typing import Callable, Container, Dict, Iterable, List, NamedTuple, Optional, Tuple

from scmguard.baseline.file import Baseline, Entry
from scmguard.baseline.match import Matching, fingerprint
from scmguard.finding import Finding, TreeReport
from scmguard.text import printable


class Change(NamedTuple):
    """A baseline's entries after an update, and what became of those before, in findings.

    ``new`` are the findings that it does not know; ``held`` those that it must not take in, or not like that.
    """

    entries: Tuple[Entry, ...]
    removed: int
    lowered: int
    added: int
    new: Tuple[Finding, ...]
    held: Tuple[Finding, ...]


class Adding(NamedTuple):
    """That new findings are taken in: why, on which day, and which of them may be."""

    reason: str
    day: str
    allows: Callable[[Finding], bool]


def updated(
    baseline: Baseline, reports: Iterable[TreeReport], known: Container[str], adding: Optional[Adding] = None
) -> Change:
    """Holds the reports against the baseline: entries shrink to what they cover, and new findings are told.

    An entry that nothing was looked at for stays as it is; that of a rule which is not ``known`` any more goes.
    """
    matching = Matching(baseline)
    most: Dict[Entry, int] = {}
    new: List[Finding] = []
    held: List[Finding] = []
    for report in reports:
        here: Dict[Entry, int] = {}
        for finding, entry in zip(report.findings, matching.of(report)):
            if finding.waived is not None or entry is not None:
                continue
            if finding.rule in known and adding is None:
                new.append(finding)
            elif adding is None or finding.rule not in known or not adding.allows(finding):
                held.append(finding)
            else:
                fresh = _fresh(finding, matching.path_of(finding.span.path, report), adding)
                here[fresh] = here.get(fresh, 0) + 1
        for fresh, count in here.items():
            most[fresh] = max(most.get(fresh, 0), count)
    kept, removed, lowered = _shrunk(matching, known)
    added = sum(most.values())
    entries = _joined([*kept, *(fresh._replace(times=count) for fresh, count in most.items())])
    return Change(entries, removed, lowered, added, tuple(new), tuple(held))


def _fresh(finding: Finding, path: str, adding: Adding) -> Entry:
    mark, message = fingerprint(finding), printable(finding.message)
    return Entry(path, finding.rule, message, finding.severity, finding.confidence, 1, mark, adding.reason, adding.day)


def _shrunk(matching: Matching, known: Container[str]) -> Tuple[List[Entry], int, int]:
    """The entries that are left, how many findings fewer they count, and how many of them cover milder ones."""
    kept, removed, lowered = [], 0, 0
    loose = dict(matching.loose())
    for number, entry in enumerate(matching.baseline.entries):
        count = loose.get(entry, entry.times)
        if entry.rule not in known or count == 0:
            removed += entry.times
            continue
        removed += entry.times - count
        now = matching.covered.get(number)
        if now is not None and number in matching.concerned:
            lowered += (now.severity, now.confidence) != (entry.severity, entry.confidence)
            entry = entry._replace(severity=now.severity, confidence=now.confidence, message=now.message)
        kept.append(entry._replace(times=count))
    return kept, removed, lowered


def _joined(entries: Iterable[Entry]) -> Tuple[Entry, ...]:
    """The entries, with what differs in nothing but the count as one."""
    counts: Dict[Entry, int] = {}
    for entry in entries:
        key = entry._replace(times=1, line=0)
        counts[key] = counts.get(key, 0) + entry.times
    return tuple(key._replace(times=count) for key, count in counts.items())
