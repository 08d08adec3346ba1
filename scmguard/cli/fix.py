"""``scmguard fix``."""

import sys
from contextlib import ExitStack
from typing import Any, Dict, FrozenSet, List, Mapping, Sequence, Union

from scmguard.boot import Boot
from scmguard.checks.base import Context
from scmguard.checks.device.signed import manifest_of
from scmguard.cli.common import boots, choose, device_for, job_for, rulebook_for, settings_for, today, verify_waivers
from scmguard.cli.console import COULD_NOT, FOUND, USAGE, complain, fail, print_pieces
from scmguard.editing.store import Busy, Changed, Original, locked
from scmguard.effective import evaluate
from scmguard.effective.worlds import TooComplex
from scmguard.finding import Finding, at_least
from scmguard.fixes.mend import Mended, mend, patch
from scmguard.folder import Lacking, Unreadable
from scmguard.lint import Job
from scmguard.settings import Settings
from scmguard.waivers import covering


def run(paths: Sequence[str], options: Mapping[str, Any]) -> int:
    """Prints patches or writes files, tells what was done, and returns the exit code."""
    settings = settings_for(paths, options)
    book = rulebook_for(settings)
    # All rules look at what a fix would do; which findings are wanted is another question.
    whole = {**options, "select": (), "ignore": ()}
    choice = choose(book, settings, options)
    job = job_for(book, choice, settings, whole)
    asked = frozenset(rule.id for rule in job_for(book, choice, settings, options).rules)
    if options["write"] and "-" in paths:
        fail(USAGE, "--write cannot change standard input; without it a patch is printed")
    if options["seal"] and not options["write"]:
        fail(USAGE, "--seal signs what --write has changed; give both")
    verify_waivers(settings, book)
    codes = [_tree(boot, job, asked, settings, options) for boot in boots(paths, options)]
    if options["seal"] and max(codes, default=0) < COULD_NOT:
        from scmguard.cli.seal import run as seal

        codes.append(seal({**options, "dry_run": False, "all_": False, "rebuild": False}))
    return max(codes, default=0)


def _tree(
    boot: Union[Boot, Unreadable], job: Job, asked: FrozenSet[str], settings: Settings, options: Mapping[str, Any]
) -> int:
    if isinstance(boot, Unreadable):
        complain(str(boot))
        return COULD_NOT

    date = today()

    def wanted(finding: Finding) -> bool:
        return finding.rule in asked and covering(settings.waivers, finding, date) is None

    try:
        mended = mend(job, boot, options["unsafe"], wanted)
        old = {name: boot.files.read(name) or b"" for name in mended.contents}
        labels = {name: boot.files.label(name) for name in mended.contents}
        if options["write"]:
            _refuse_supervised(boot, job, mended, options)
            code = _write(boot, old, mended.contents)
            if code:
                return code
        else:
            print_pieces(patch(labels, old, mended.contents), sys.stdout)
    except Unreadable as error:
        complain(str(error))
        return COULD_NOT
    threshold = settings.fail_on or "degraded"
    remains = sum(wanted(finding) and at_least(finding.severity, threshold) for finding in mended.report.findings)
    if not options["quiet"]:
        waiting = sum(at_least(finding.severity, threshold) for finding, _ in mended.unsafe)
        for line in _said(mended, remains - waiting, options):
            complain(line)
    return FOUND if remains or (mended.contents and not options["write"]) else 0


def _said(mended: Mended, remains: int, options: Mapping[str, Any]) -> List[str]:
    done = "corrected" if options["write"] else "to be corrected"
    lines = ["{}: {} ({})".format(_place(one), fix.title, one.rule) for one, fix in mended.done]
    for one, fix in mended.unsafe:
        lines.append("{}: with --unsafe: {} ({})".format(_place(one), fix.title, one.rule))
    for one, reason in mended.left:
        lines.append("{}: not corrected ({}): {}".format(_place(one), one.rule, reason))
    parts = ["{} {}".format(len(mended.done), done)]
    if mended.unsafe:
        parts.append("{} more with --unsafe".format(len(mended.unsafe)))
    if mended.left:
        parts.append("{} that no fix passes for".format(len(mended.left)))
    said = ", ".join(parts) if lines else "nothing to be corrected"
    if remains:
        said += "; {} left that only you can correct (scmguard check tells)".format(
            "1 finding is" if remains == 1 else "{} findings are".format(remains)
        )
    return [*lines, said]


def _place(finding: Finding) -> str:
    span = finding.span
    return "{}:{}".format(span.path, span.line) if span.line else span.path


def _refuse_supervised(boot: Boot, job: Job, mended: Mended, options: Mapping[str, Any]) -> None:
    """On an SCM a file that was signed is not changed unless it is signed again in the same run."""
    if options["seal"] or not mended.contents or not boot.live:
        return
    device = device_for(boot, job)
    if device is None:
        return
    try:
        manifest = manifest_of(Context(evaluate(boot, job.boards[0]), job.parameters, device))
    except (Lacking, TooComplex) as error:
        fail(COULD_NOT, "whether the files are supervised is not known: {}".format(error))
    signed = {name.lower() for name in manifest.names}
    touched = sorted(name for name in mended.contents if name.lower() in signed)
    if touched:
        reason = "{} is supervised, and the next boot would fail with an unsigned change; add --seal to have it signed"
        fail(FOUND, reason.format(", ".join(touched)))


def _write(boot: Boot, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> int:
    """Replaces files as a whole. Nothing is written if one of them is not what it was, or cannot be."""
    with ExitStack() as stack:
        originals: Dict[str, Original] = {}
        for name in new:
            path = boot.files.label(name)
            try:
                if boot.files.link(name) is not None:
                    raise Unreadable(path, "is a symbolic link; name the file that it leads to")
                stack.enter_context(locked(path, "scmguard fix"))
                originals[name] = Original.opened(path)
                stack.callback(originals[name].close)
                if originals[name].data != old[name]:
                    raise Changed("somebody else has changed it meanwhile")
            except Unreadable as error:
                return _refused(error.path, error.reason, False)
            except (Busy, Changed) as error:
                return _refused(path, str(error), False)
            except OSError as error:
                return _refused(path, (error.strerror or str(error)).lower(), False)
        written = False
        for name, data in new.items():
            try:
                originals[name].replace(data)
                written = True
            except (Changed, Unreadable) as error:
                return _refused(originals[name].path, str(error), written)
            except OSError as error:
                return _refused(originals[name].path, (error.strerror or str(error)).lower(), written)
    return 0


def _refused(path: str, reason: str, written: bool) -> int:
    rest = "; files before it were written" if written else "; nothing was written"
    complain("{}: {}{}".format(path, reason, rest))
    return COULD_NOT
