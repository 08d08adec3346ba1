"""``scmguard fix``."""

import signal
import sys
from typing import TYPE_CHECKING, Any, FrozenSet, List, Mapping, Optional, Sequence, Union

from scmguard.boot import Boot
from scmguard.cli.common import boots, choose, device_for, job_for, rulebook_for, settings_for, today, verify_waivers
from scmguard.cli.console import COULD_NOT, FOUND, USAGE, complain, fail, print_bytes, print_pieces
from scmguard.cli.files import Written, here, on_disk, replace_all, shown
from scmguard.finding import Finding, at_least
from scmguard.fixes.mend import Mended, mend, patch
from scmguard.folder import Unreadable
from scmguard.inputs import discover
from scmguard.inputs.discover import Request
from scmguard.lint import Job
from scmguard.settings import Settings
from scmguard.text import encode, printable_lines
from scmguard.waivers import covering

if TYPE_CHECKING:
    from scmguard.device.facts import Device

# At that and above a file is not signed, so that it must not be written to be signed.
_NOT_SIGNED_AT = "no-boot"
# What signing itself puts right.
_CURED = "supervised-file-changed"


def run(paths: Sequence[str], options: Mapping[str, Any]) -> int:
    """Prints patches or writes files, tells what was done, and returns the exit code."""
    settings = settings_for(paths, options)
    book = rulebook_for(settings)
    # All rules look at what a fix would do; which findings are wanted is another question.
    whole = {**options, "select": (), "ignore": ()}
    choice = choose(book, settings, options)
    job = job_for(book, choice, settings._replace(select=(), ignore=()), whole)
    asked = frozenset(rule.id for rule in job_for(book, choice, settings, options).rules)
    if options["write"] and "-" in paths:
        fail(USAGE, "--write cannot change standard input; without it a patch is printed")
    if options["seal"] and not options["write"]:
        fail(USAGE, "--seal signs what --write has changed; give both")
    verify_waivers(settings, book)
    if options["seal"]:
        from scmguard.cli.seal import prepare

        prepare()
    signing = frozenset(rule.id for rule in job_for(book, choice, settings, whole).rules)
    fixing = _Fixing(job, asked, signing, settings, options)
    codes = []
    try:
        for boot in boots(paths, options):
            codes.append(fixing.tree(boot))
    except SystemExit as end:
        codes.append(end.code if isinstance(end.code, int) else COULD_NOT)
    except BaseException:
        if options["seal"] and fixing.written:
            _put_back(fixing.written)
        raise
    # Whatever became of other trees, what was written has to be signed.
    if options["seal"] and (fixing.written or max(codes, default=0) < USAGE):
        codes.append(_seal(fixing.written, options))
    return max(codes, default=0)


class _Fixing:
    """Fixes trees; ``written`` are the files that were replaced.

    ``asked`` are the rules of which findings are to be corrected, ``signing`` those that seal asks.
    """

    def __init__(
        self,
        job: Job,
        asked: FrozenSet[str],
        signing: FrozenSet[str],
        settings: Settings,
        options: Mapping[str, Any],
    ) -> None:
        self._job = job
        self._asked = asked
        self._signing = signing
        self._settings = settings
        self._options = options
        self._today = today()
        self.written: List[Written] = []

    def _wanted(self, finding: Finding) -> bool:
        return finding.rule in self._asked and not self._waived(finding)

    def _waived(self, finding: Finding) -> bool:
        return covering(self._settings.waivers, finding, self._today) is not None

    def tree(self, boot: Union[Boot, Unreadable]) -> int:
        """Corrects a tree, and returns the exit code for it."""
        if isinstance(boot, Unreadable):
            complain(str(boot))
            return COULD_NOT
        options = self._options
        try:
            device = device_for(boot, self._job)
            mended = mend(self._job, boot, options["unsafe"], self._wanted, device)
            if mended.report.problems:
                # Without them nobody knows what the others mean.
                for path, reason in mended.report.problems:
                    complain("{}: {}".format(path, reason))
                complain("nothing is corrected: what could not be read was not checked")
                return COULD_NOT
            paths = {name: _path(boot, name, options["write"]) for name in mended.contents}
            if options["write"]:
                self._may_write(boot, mended, paths, device)
                files = [Written(paths[name], mended.old[name], data) for name, data in mended.contents.items()]
                if options["seal"] and files:
                    _hear_nothing()
                replace_all(files, "scmguard fix")
                self.written += files
            else:
                _print("".join(patch({name: shown(path) for name, path in paths.items()}, mended.old, mended.contents)))
        except Unreadable as error:
            complain(str(error))
            return COULD_NOT
        threshold = self._settings.fail_on or "degraded"
        findings = mended.report.findings
        remain = sum(
            self._wanted(finding) and at_least(finding.severity, threshold)
            for finding in findings
            if not (options["seal"] and finding.rule == _CURED)
        )
        if not options["quiet"]:
            waiting = sum(at_least(finding.severity, threshold) for finding, _ in mended.unsafe)
            for line in _said(mended, remain - waiting, options):
                complain(line)
        if any(finding.rule == "internal-error" for finding in findings):
            return COULD_NOT
        return FOUND if remain or (mended.contents and not options["write"]) else 0

    def _may_write(self, boot: Boot, mended: Mended, paths: Mapping[str, str], device: "Optional[Device]") -> None:
        """Ends the program where files must not be written: on an SCM a signed one, unless it is signed again."""
        mine = [name for name in (here(path) for path in paths.values()) if name is not None]
        if self._options["seal"]:
            if len(mine) < len(paths):
                fail(USAGE, "nothing was written: --seal is for the boot files of this machine")
            bad = [
                finding
                for finding in mended.report.findings
                if at_least(finding.severity, _NOT_SIGNED_AT) and not self._waived(finding)
                if finding.rule in self._signing and finding.rule != _CURED
            ]
            if mended.contents and bad:
                reason = "nothing was written: with what is left the files would not be signed: {}: {}"
                fail(FOUND, reason.format(bad[0].rule, bad[0].message))
            return
        if mine:
            _refuse_supervised(mine, self._job, boot if boot.live else _this_machine(), device)


def _this_machine() -> Optional[Boot]:
    try:
        return discover.this_machine(Request())
    except Unreadable:
        return None


def _refuse_supervised(names: Sequence[str], job: Job, boot: Optional[Boot], device: "Optional[Device]") -> None:
    from scmguard.checks.base import Context
    from scmguard.checks.device.signed import manifest_of
    from scmguard.effective import evaluate
    from scmguard.effective.worlds import TooComplex
    from scmguard.folder import Lacking

    if boot is not None and device is None:
        device = device_for(boot, job)
    if boot is None or device is None:
        return
    try:
        manifest = manifest_of(Context(evaluate(boot, job.boards[0]), job.parameters, device))
    except (Lacking, TooComplex) as error:
        fail(COULD_NOT, "nothing was written: whether the files are supervised is not known: {}".format(error))
    signed = {name.lower() for name in manifest.names}
    touched = sorted(name for name in names if name.lower() in signed)
    if touched:
        reason = "nothing was written: {} is supervised, and the next boot would fail with an unsigned change; "
        fail(FOUND, (reason + "add --seal to have it signed").format(", ".join(touched)))


def _seal(files: Sequence[Written], options: Mapping[str, Any]) -> int:
    """Has the files signed. What no signature was asked for, because of an error, becomes what it was."""
    from scmguard.cli.seal import ledger_now
    from scmguard.cli.seal import run as seal

    before, code = ledger_now(), COULD_NOT
    try:
        code = seal({**options, "select": (), "ignore": (), "dry_run": False, "all_": False, "rebuild": False})
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else COULD_NOT
    finally:
        if code and files and ledger_now() == before:
            _put_back(files)
    return code


def _put_back(files: Sequence[Written]) -> None:
    try:
        replace_all([Written(one.path, one.new, one.old) for one in reversed(files)], "scmguard fix")
    except Unreadable as error:
        complain(str(error))
        complain("do not reboot; run `scmguard seal` again")
    else:
        complain("the files are as they were: they could not be signed")


def _hear_nothing() -> None:
    """From here on a lost connection, or an interrupt, must not leave a file that is written and not signed."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _print(text: str) -> None:
    """Prints a patch: byte by byte, but on a terminal without control characters."""
    if sys.stdout.isatty():
        print_pieces([printable_lines(text)], sys.stdout)
    else:
        print_bytes(encode(text))


def _path(boot: Boot, name: str, is_written: bool) -> str:
    """The path of a file, in the case in which it is there; what is only shown need not be anywhere."""
    label = boot.files.label(name)
    try:
        return on_disk(label)
    except Unreadable:
        if is_written:
            raise
        return label


def _said(mended: Mended, remain: int, options: Mapping[str, Any]) -> List[str]:
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
    if mended.more:
        said += "; no more are corrected at once: do it again"
    elif remain:
        said += "; {} left that only you can correct (scmguard check tells)".format(
            "1 finding is" if remain == 1 else "{} findings are".format(remain)
        )
    return [*lines, said]


def _place(finding: Finding) -> str:
    span = finding.span
    return "{}:{}".format(span.path, span.line) if span.line else span.path
