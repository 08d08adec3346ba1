"""Which findings a baseline knows. They stay in the report, marked, and do not count.

An entry covers findings of its rule in its file whose line has the entry's fingerprint, wherever the line has moved
to; no more of them in one boot tree than it counts, and none that is worse or more certain than it says.
"""

import os
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from scmguard.baseline.file import CONFIDENCES, Baseline, Entry
from scmguard.finding import SEVERITIES, Finding, TreeReport, Waived, order
from scmguard.text import Span, encode, printable

#: Rules that no file describes: faults of the baseline.
BUILT_IN = {
    "baseline-unused": "Shrink the baseline with `scmguard baseline update`; what an entry covers no more could come "
    "back, and nobody would see it.",
}


def fingerprint(finding: Finding) -> str:
    """What a finding is recognised by beside its rule and file: 16 hexadecimal digits.

    Of its line without the blanks around it; of a command line, which is one long line, the argument; of the message
    where there is no line. The line's number is not in it.
    """
    from hashlib import sha256

    text = finding.excerpt.strip()
    if "cmdline" in os.path.basename(finding.span.path).lower() and finding.span.end_line == finding.span.line:
        text = finding.excerpt[finding.span.column - 1 : finding.span.end_column - 1].strip() or text
    kind = "line" if text else "message"
    return sha256(encode("{}:{}".format(kind, text or finding.message))).hexdigest()[:16]


class Known(NamedTuple):
    """What an entry covered: how many findings in one boot tree at most, and the worst and surest that they were."""

    times: int
    severity: str
    confidence: str
    message: str


class Matching:
    """Holds the reports against a baseline, one after the other.

    ``covered`` is what came of each entry that covers something, ``concerned`` are those that should have, because
    their rule looked at their file. Both have the entries' numbers.
    """

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline
        self.covered: Dict[int, Known] = {}
        self.concerned: Set[int] = set()
        self._base = os.path.dirname(os.path.abspath(baseline.path))
        self._inside: Dict[str, List[int]] = {}
        self._numbers: Dict[Tuple[str, str, str], List[int]] = {}
        for number, entry in enumerate(baseline.entries):
            self._numbers.setdefault((entry.rule, os.path.normpath(entry.path), entry.fingerprint), []).append(number)
            # Every folder that the file is in, so that a tree finds its entries at once among those of all others.
            path = self._absolute(entry.path)
            while path not in self._inside or self._inside[path][-1:] != [number]:
                self._inside.setdefault(path, []).append(number)
                path = os.path.dirname(path)

    def path_of(self, path: str, report: TreeReport) -> str:
        """A finding's path from the baseline's folder; what is the name of no file (``<stdin>``) as it is."""
        of_tree = report.path in ("", os.curdir, path) or path.startswith(os.path.join(report.path, ""))
        if path.startswith("<") or not (os.path.isabs(path) or of_tree or os.path.lexists(path)):
            return path
        found = os.path.relpath(os.path.abspath(path), self._base)
        if found.startswith(os.pardir + os.sep):
            # The folder may have been reached through a link.
            folder, name = os.path.split(os.path.abspath(path))
            real = os.path.relpath(os.path.join(os.path.realpath(folder), name), os.path.realpath(self._base))
            found = found if real.startswith(os.pardir + os.sep) else real
        return found

    def of(self, report: TreeReport) -> List[Optional[Entry]]:
        """For each finding of a report the entry that covers it, or None."""
        entries = self.baseline.entries
        left: Dict[int, int] = {}
        keys: List[Tuple[str, str, str]] = []
        for finding in report.findings:
            key = (finding.rule, self.path_of(finding.span.path, report), "")
            if finding.waived is None and entries:
                key = (key[0], key[1], fingerprint(finding))
            keys.append(key)
            left.update((number, entries[number].times) for number in self._numbers.get(key, ()))
        found: List[Optional[int]] = [None] * len(keys)
        # What says the same comes first, so that of two findings in a line the new one is the other. The findings are
        # sorted, worst first.
        for same in (True, False):
            for place, (finding, key) in enumerate(zip(report.findings, keys)):
                if found[place] is None:
                    fitting = [
                        number
                        for number in self._numbers.get(key, ())
                        if left[number] and _covers(entries[number], finding)
                        if not same or entries[number].message == printable(finding.message)
                    ]
                    if fitting:
                        found[place] = number = min(fitting, key=lambda each: _reach(entries[each]))
                        left[number] -= 1
        self._note(report, found)
        return [None if number is None else entries[number] for number in found]

    def _note(self, report: TreeReport, found: Sequence[Optional[int]]) -> None:
        here: Dict[int, Known] = {}
        for finding, number in zip(report.findings, found):
            if number is not None:
                one = Known(1, finding.severity, finding.confidence, printable(finding.message))
                here[number] = _both(here[number], one, here[number].times + 1) if number in here else one
        for number, known in here.items():
            before = self.covered.get(number, known)
            self.covered[number] = _both(before, known, max(before.times, known.times))
        # One file of a tree shows less than the tree; what a rule would also use may be in another.
        partly = {one.rule for one in report.not_checked} if report.boot is not None and report.boot.single else ()
        folders = [report.path, *([report.boot.root.path] if report.boot and report.boot.root else ())]
        for folder in folders:
            for number in self._inside.get(self._absolute(self.path_of(folder, report)), ()):
                rule = self.baseline.entries[number].rule
                if rule in report.ran and rule not in partly:
                    self.concerned.add(number)

    def _absolute(self, path: str) -> str:
        return os.path.normpath(os.path.join(self._base, path))

    def loose(self) -> Iterator[Tuple[Entry, int]]:
        """Entries that cover less than they say, and how much they cover; also those whose folder is no more."""
        for number, entry in enumerate(self.baseline.entries):
            count = self.covered[number].times if number in self.covered else 0
            if count < entry.times and (number in self.concerned or (count == 0 and self.gone(entry))):
                yield entry, count

    def gone(self, entry: Entry) -> bool:
        """Whether the folder of the file that an entry is about is no more."""
        folder = os.path.dirname(entry.path)
        return bool(folder) and not os.path.lexists(os.path.join(self._base, folder))


def applied(reports: Iterable[TreeReport], baseline: Baseline) -> Iterator[TreeReport]:
    """The reports, with what the baseline knows marked, and its idle entries at the end of the last one."""
    matching = Matching(baseline)
    last: Optional[TreeReport] = None
    for report in reports:
        if last is not None:
            yield last
        findings = [
            finding if entry is None else finding._replace(waived=Waived(entry.reason, None, "baseline"))
            for finding, entry in zip(report.findings, matching.of(report))
        ]
        last = report._replace(findings=findings)
    if last is not None:
        unused = [_unused(baseline, entry, count) for entry, count in matching.loose()]
        yield last._replace(findings=sorted(last.findings + unused, key=order))


def _unused(baseline: Baseline, entry: Entry, count: int) -> Finding:
    message = "nothing is left of {} in {}".format(entry.rule, entry.path)
    if count:
        message = "{} of {} findings of {} in {} are left".format(count, entry.times, entry.rule, entry.path)
    excerpt = baseline.lines[entry.line - 1]
    place = Span(baseline.path, entry.line, 1, entry.line, len(excerpt) + 1)
    help = BUILT_IN["baseline-unused"]
    return Finding("baseline-unused", "hygiene", "certain", None, message, place, help=help, excerpt=excerpt)


def _covers(entry: Entry, finding: Finding) -> bool:
    return SEVERITIES.index(finding.severity) <= SEVERITIES.index(entry.severity) and CONFIDENCES.index(
        finding.confidence
    ) <= CONFIDENCES.index(entry.confidence)


def _reach(entry: Entry) -> Tuple[int, int]:
    """How far an entry reaches; the least that serves is taken, so that no other finding goes without."""
    return CONFIDENCES.index(entry.confidence), SEVERITIES.index(entry.severity)


def _both(one: Known, other: Known, count: int) -> Known:
    severity = max(one.severity, other.severity, key=SEVERITIES.index)
    return Known(count, severity, max(one.confidence, other.confidence, key=CONFIDENCES.index), one.message)
