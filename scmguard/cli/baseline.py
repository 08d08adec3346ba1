"""``scmguard baseline``."""

import os
import sys
from typing import Any, Container, List, Mapping, Optional, Sequence

from scmguard import atomic
from scmguard.baseline import file as baseline_file
from scmguard.baseline.file import Baseline
from scmguard.baseline.update import Adding, Change, updated
from scmguard.cli.check import Outcome, reports_on
from scmguard.cli.common import choose, job_for, rulebook_for, settings_for, with_waivers
from scmguard.cli.console import COULD_NOT, FOUND, USAGE, complain, fail, print_pieces, reason_of
from scmguard.cli.progress import Progress
from scmguard.errors import RuleError
from scmguard.finding import Finding, at_least


def run_create(file: str, paths: Sequence[str], reason: str, options: Mapping[str, Any]) -> int:
    """Writes a new baseline; returns the exit code."""
    if os.path.lexists(file):
        fail(USAGE, "{}: is there already; `scmguard baseline update` changes it".format(file))
    if not reason.strip():
        fail(USAGE, "a baseline takes a reason: --reason TEXT")
    return _run(file, Baseline(file), paths, reason, options)


def run_update(file: str, paths: Sequence[str], add: bool, reason: str, options: Mapping[str, Any]) -> int:
    """Shrinks a baseline, and lets it grow where that is said; returns the exit code."""
    if add and not reason.strip():
        fail(USAGE, "what is added takes a reason: --reason TEXT")
    if reason and not add:
        fail(USAGE, "--reason is for what is added, with --add")
    try:
        before = baseline_file.read(file)
    except RuleError as error:
        fail(USAGE, str(error))
    return _run(file, before, paths, reason if add else None, options)


def _run(file: str, before: Baseline, paths: Sequence[str], reason: Optional[str], options: Mapping[str, Any]) -> int:
    settings = settings_for(paths, options)
    book = rulebook_for(settings)
    job = job_for(book, choose(book, settings, options), settings, options)
    progress = Progress(len(paths), True)
    outcome = Outcome(progress)
    reports = reports_on(paths, options, job, outcome)
    if settings.waivers:
        reports = with_waivers(reports, settings, book, job)
    adding: Optional[Adding] = None
    if reason is not None:
        named = set(options["select"])

        def allows(finding: Finding) -> bool:
            demanding = finding.severity == "brick" or book.rules[finding.rule].waiver == "required"
            return finding.rule in named or not demanding

        adding = Adding(" ".join(reason.split()), _today(), allows)
    try:
        change = updated(before, outcome.watch(reports), book.rules, adding)
    finally:
        progress.erase()
    if outcome.errors or outcome.crashed:
        complain("{}: not written, because not everything could be checked".format(file))
        return COULD_NOT
    _write(file, before, change)
    _tell(file, change, book.rules)
    fail_on = options.get("fail_on") or settings.fail_on or "degraded"
    left = [*change.new, *change.held]
    return FOUND if any(at_least(finding.severity, fail_on) for finding in left) else 0


def _write(file: str, before: Baseline, change: Change) -> None:
    text = baseline_file.written(change.entries)
    if before.lines and "\n".join(before.lines) == text:
        return
    try:
        atomic.write(file, [text.encode("utf-8")])
    except OSError as error:
        fail(COULD_NOT, reason_of(error, file))


def _tell(file: str, change: Change, rules: Container[str]) -> None:
    left = sum(entry.times for entry in change.entries)
    parts = ["{} in the baseline".format(left)]
    for count, what in ((change.added, "added"), (change.removed, "removed"), (change.lowered, "lowered")):
        if count:
            parts.append("{} {}".format(count, what))
    print_pieces(["{}: {}\n".format(file, ", ".join(parts))], sys.stdout)
    if change.new:
        complain("{}; `--add --reason TEXT` takes them in".format(_named(change.new, "not in the baseline")))
    own = [finding for finding in change.held if finding.rule in rules]
    if own:
        complain(
            "{}; each rule takes a reason of its own: --select RULE --reason TEXT".format(_named(own, "not added"))
        )
    others = [finding for finding in change.held if finding.rule not in rules]
    if others:
        complain("{}; no baseline holds these".format(_named(others, "not in the baseline")))


def _named(findings: Sequence[Finding], what: str) -> str:
    rules: List[str] = list(dict.fromkeys(finding.rule for finding in findings))
    return "{} {}: {}".format(len(findings), what, ", ".join(rules))


def _today() -> str:
    from datetime import datetime, timezone

    return datetime.now(timezone.utc).date().isoformat()
