"""``scmguard check``."""

import os
import sys
from functools import partial
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from scmguard import __version__
from scmguard.cli.common import (
    boots,
    choose,
    collecting,
    device_for,
    job_for,
    rulebook_for,
    settings_for,
    with_baseline,
    with_waivers,
)
from scmguard.cli.console import COULD_NOT, FOUND, USAGE, complain, fail, print_pieces
from scmguard.cli.progress import Progress
from scmguard.finding import SEVERITIES, NotChecked, Statistic, Summary, TreeReport, at_least
from scmguard.folder import Unreadable
from scmguard.lint import Job
from scmguard.lint import run as lint
from scmguard.report.session import WITH_FIXES, WITH_STATISTICS, Session, Style, Tail, render

#: What is said where nothing is set aside.
_NO_WAIVERS = "waivers and baselines do not count (--no-waivers)"


class Outcome:
    """What is counted while the reports stream by."""

    def __init__(self, progress: Optional[Progress] = None) -> None:
        self.progress = progress
        self.by_rule: Dict[Tuple[str, str], Tuple[int, int]] = {}
        self.counts: Dict[str, int] = {}
        self.trees = 0
        self.aside = {"waiver": 0, "baseline": 0}
        self.not_checked: Dict[Tuple[str, str], NotChecked] = {}
        self.errors: List[Dict[str, str]] = []
        self.notes: List[str] = []
        self.crashed = False

    def watch(self, reports: Iterable[TreeReport]) -> Iterator[TreeReport]:
        """Passes the reports on, counted."""
        for report in reports:
            self.trees += 1
            self.notes.extend(report.notes)
            for path, reason in report.problems:
                self.error(path, reason)
            here: Dict[Tuple[str, str], int] = {}
            for finding in report.findings:
                if finding.waived is not None:
                    self.aside[finding.waived.by] += 1
                    continue
                self.counts[finding.severity] = self.counts.get(finding.severity, 0) + 1
                here[finding.rule, finding.severity] = here.get((finding.rule, finding.severity), 0) + 1
                self.crashed = self.crashed or finding.rule == "internal-error"
            for entry in report.not_checked:
                self.not_checked.setdefault((entry.rule, entry.needs), entry)
            for kind, count in here.items():
                findings, trees = self.by_rule.get(kind, (0, 0))
                self.by_rule[kind] = findings + count, trees + 1
            yield report
            if self.progress is not None:
                self.progress.step(self.trees)

    def statistics(self) -> List[Statistic]:
        """What each rule found so far, worst and most first."""
        found = [Statistic(*kind, *counts) for kind, counts in self.by_rule.items()]
        return sorted(found, key=lambda one: (-SEVERITIES.index(one.severity), -one.findings, one.rule))

    def error(self, path: str, reason: str) -> None:
        """Takes down, and says, that an input could not be checked."""
        self.errors.append({"path": path, "reason": reason})
        complain("{}: {}".format(path, reason))

    def note(self, text: str) -> None:
        """Takes down, and says, what concerns no boot tree."""
        self.notes.append(text)
        complain("note: " + text)

    def tail(self, statistics: bool = False) -> Tail:
        """What is known so far."""
        summary = Summary(dict(self.counts), self.trees, self.aside["waiver"], self.aside["baseline"])
        by_rule = self.statistics() if statistics else None
        return Tail(list(self.not_checked.values()), self.errors, self.notes, summary, by_rule)


def run(paths: Sequence[str], options: Mapping[str, Any]) -> int:
    """Checks the paths, prints the report, and returns the exit code."""
    if options["statistics"] and options["format_"] not in WITH_STATISTICS:
        fail(USAGE, "--statistics goes with --format {}".format(" or ".join(sorted(WITH_STATISTICS, reverse=True))))
    settings = settings_for(paths, options)
    book = rulebook_for(settings)
    job = job_for(book, choose(book, settings, options), settings, options)
    # How many trees belong to what is staged is not known before.
    progress = Progress(0 if options.get("staged") else len(paths), not options["quiet"])
    outcome = Outcome(progress)
    fail_on = options.get("fail_on") or settings.fail_on or "degraded"
    if options.get("staged"):
        reports = _staged(paths, {**options, "settings": settings.path}, job, outcome)
    else:
        reports = reports_on(paths, options, job, outcome)
    if options["no_waivers"]:
        if options["baseline"] is not None:
            fail(USAGE, "--baseline and --no-waivers contradict each other: with --no-waivers no baseline counts")
        outcome.notes.append(_NO_WAIVERS)
    else:
        if settings.waivers:
            reports = with_waivers(reports, settings, book, job)
        baseline = settings.baseline if options["baseline"] is None else options["baseline"]
        if baseline is not None:
            reports = with_baseline(reports, baseline, book)
    if options["show_fixes"] or options["format_"] in WITH_FIXES:
        reports = _with_fixes(reports, job)
    reports = outcome.watch(reports)
    boards = tuple(board.name for board in job.boards)
    style = Style(_colour(options), options["quiet"], options["show_waived"], options["statistics"])
    asked = tuple(rule.id for rule in job.rules)
    session = Session(
        __version__,
        book.rules,
        job.profile,
        boards,
        style,
        partial(outcome.tail, options["statistics"]),
        tuple(outcome.notes),
        fail_on,
        asked,
        _working_directory(),
    )
    pieces = render(options["format_"], reports, session)
    try:
        _write(pieces if options.get("output") else progress.around(pieces), options.get("output"))
    finally:
        progress.erase()
    if outcome.errors or outcome.crashed:
        return COULD_NOT
    worst = outcome.tail().summary.worst()
    return FOUND if worst is not None and at_least(worst, fail_on) else 0


def reports_on(paths: Sequence[str], options: Mapping[str, Any], job: Job, outcome: Outcome) -> Iterator[TreeReport]:
    """The report on each path's boot tree; what cannot be read is taken down in ``outcome``."""
    for boot in collecting(boots(paths, options)):
        if not isinstance(boot, Unreadable):
            try:
                yield lint(job, boot, None if options["no_device"] else device_for(boot, job))
                continue
            except Unreadable as error:
                boot = error
        outcome.error(boot.path, boot.reason)


def _with_fixes(reports: Iterator[TreeReport], job: Job) -> Iterator[TreeReport]:
    from scmguard.fixes.mend import with_fixes

    for report in reports:
        yield with_fixes(job, report)


def _staged(paths: Sequence[str], options: Mapping[str, Any], job: Job, outcome: Outcome) -> Iterator[TreeReport]:
    from scmguard import templated
    from scmguard.cli import staged

    try:
        change = staged.open_change(paths, options, outcome.note)
        for report in staged.reports(change, paths, partial(templated.run, job)):
            if isinstance(report, Unreadable):
                outcome.error(report.path, report.reason)
            else:
                yield report
    except Unreadable as error:
        outcome.error(error.path, error.reason)


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed; paths are then shown as they were given
        return ""


def _colour(options: Mapping[str, Any]) -> bool:
    if options["no_color"] or os.environ.get("NO_COLOR") or options.get("output"):
        return False
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _write(pieces: Iterable[str], output: Optional[str]) -> None:
    if output is None:
        print_pieces(pieces, sys.stdout)
        return
    from scmguard import atomic

    try:
        atomic.write(output, (piece.encode("utf-8", "backslashreplace") for piece in pieces))
    except OSError as error:
        fail(COULD_NOT, "{}: {}".format(output, (error.strerror or str(error)).lower()))
