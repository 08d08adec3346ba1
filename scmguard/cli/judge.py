"""What ``edit``, ``set`` and ``unset`` have in common: what a change is judged by, and how it is written and said."""

import os
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, Mapping, Optional, Sequence, Tuple

from scmguard.boot import Boot
from scmguard.cli.common import choose, device_for, job_for, rulebook_for, settings_for, with_waivers
from scmguard.cli.console import COULD_NOT, complain, fail, reason_of
from scmguard.cli.who import who
from scmguard.editing.store import Busy, Changed, locked
from scmguard.editing.target import Target, find, is_link
from scmguard.effective import evaluate
from scmguard.effective.worlds import TooComplex
from scmguard.finding import Finding, TreeReport, at_least
from scmguard.folder import Lacking, Unreadable
from scmguard.gate.worse import NOT_JUDGED
from scmguard.lint import lend_eeprom
from scmguard.lint import run as lint
from scmguard.report.session import Style
from scmguard.worse import tally, worse

if TYPE_CHECKING:
    from scmguard.device.facts import Device


class Judge:
    """Rules, boards and the machine, as options and configuration have them; and the tree as it was."""

    def __init__(self, target: Target, options: Mapping[str, Any]) -> None:
        settings = settings_for((target.path,), options)
        self._settings = settings
        self._book = rulebook_for(settings)
        self.choice = choose(self._book, settings, options)
        self._job = job_for(self._book, self.choice, settings, options)
        #: Whether somebody said what the device is.
        self.said = bool(options.get("profile") or options.get("boards") or settings.profile or settings.boards)
        self.threshold: str = options.get("fail_on") or settings.fail_on or "degraded"
        self.device: Optional[Device] = device_for(target.tree.boot, self._job)
        #: The target, with what is in the EEPROM of this machine in its trees.
        self.target = target._replace(tree=target.tree._replace(replaced=self._with_eeprom(target.tree.replaced)))
        self.before = self.report(target.tree.boot)
        self._style = Style(_colour(options))

    def _with_eeprom(self, replaced: Callable[[bytes], Boot]) -> Callable[[bytes], Boot]:
        def also(data: bytes) -> Boot:
            boot = replaced(data)
            lend_eeprom(boot, self.device)
            return boot

        return also

    def report(self, boot: Boot) -> TreeReport:
        """What the rules say of a tree, with waivers. Raises Unreadable."""
        report = lint(self._job, boot, self.device)
        if self._settings.waivers:
            report = next(with_waivers(iter([report]), self._settings, self._book, self._job))
        return report

    def new(self, after: TreeReport) -> List[Finding]:
        """The findings that the state before does not have, worst first."""
        known = {_known(finding) for finding in self.before.findings}
        # Those that are as they were stand for themselves; the others are what came.
        findings = sorted(after.findings, key=lambda finding: _known(finding) not in known)
        return worse(tally(self.before.findings, _judged), findings, _judged)

    def against(self, new: Sequence[Finding]) -> List[Finding]:
        """Those of them that hold a change back."""
        return [finding for finding in new if at_least(finding.severity, self.threshold)]

    def said_of(self, after: TreeReport, new: Sequence[Finding]) -> Iterator[str]:
        """New findings in full, and a line on those that were there before."""
        from scmguard.report import text

        yield from text.trees([after._replace(findings=list(new), notes=())], self._book.rules, self._style)
        old = [finding for finding in after.findings if _judged(finding) and finding not in new]
        if old:
            names = dict.fromkeys("{} {}".format(finding.severity, finding.rule) for finding in old)
            yield "as before: {}\n".format(", ".join(names))

    def seal_due(self, target: Target, boot: Boot) -> bool:
        """Whether the file is one that the module of this machine verifies at the next boot."""
        if not boot.live or self.device is None:
            return False
        from scmguard.checks.base import Context
        from scmguard.checks.device.signed import manifest_of

        board = self._job.boards[0]
        try:
            manifest = manifest_of(Context(evaluate(boot, board), self._job.parameters_of(board), self.device))
        except (Lacking, TooComplex):  # no module, as far as is known
            return False
        return target.tree.name.lower() in {name.lower() for name in manifest.names}


def _judged(finding: Finding) -> bool:
    return finding.waived is None and finding.rule not in NOT_JUDGED


def _known(finding: Finding) -> Tuple[str, str, str, str, str]:
    return finding.rule, finding.severity, finding.confidence, finding.message, finding.excerpt


def _colour(options: Mapping[str, Any]) -> bool:
    if options.get("no_color") or os.environ.get("NO_COLOR"):
        return False
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def held(path: Optional[str], options: Mapping[str, Any], wait: float) -> Iterator[Target]:
    """The file to change, with everybody else kept out who would change it by these commands."""
    with ExitStack() as stack:
        try:
            first = find(path, options.get("kind"), options.get("root"))
            first.original.close()
            stack.enter_context(locked(first.real, who(), wait))
            target = find(path, options.get("kind"), options.get("root"))
        except (Unreadable, Busy) as error:
            fail(COULD_NOT, str(error))
        except OSError as error:
            fail(COULD_NOT, reason_of(error, path or "the lock"))
        stack.callback(target.original.close)
        for note in target.tree.boot.notes:
            complain("note: {}".format(note))
        if is_link(target):
            complain("note: {} is a link; {} is changed".format(target.path, target.real))
        if target.original.names > 1:
            complain("note: {} has other names (hard links), which keep the old content".format(target.path))
        yield target


def write(target: Target, data: bytes) -> Optional[str]:
    """Replaces the file. Returns why it is as it was; None where it is written."""
    try:
        for missing in target.original.replace(data):
            complain("note: {}: the new file could not be given the {} of the old one".format(target.path, missing))
    except Changed as error:
        return "{}: {}; it was left as it is".format(target.path, error)
    except Unreadable as error:
        return str(error)
    except OSError as error:
        return "{}: {}; it is as it was".format(target.path, (error.strerror or str(error)).lower())
    return None


def after_writing(judge: Judge, target: Target, boot: Boot) -> None:
    """Says that a seal is due, where it is."""
    if judge.seal_due(target, boot):
        complain("{} is supervised: run `scmguard seal` before the next boot".format(target.tree.name))


def log_reason(target: Target, reason: str, findings: Sequence[Finding]) -> None:
    """Puts on record that a file was written in spite of findings, on a device that keeps a log; else says it."""
    from scmguard.gate import journal
    from scmguard.gate.places import STATE_FOLDER

    rules = list(dict.fromkeys(finding.rule for finding in findings))
    message = "{} was written by {} in spite of {}: {}".format(target.path, who(), ", ".join(rules), reason)
    if not os.path.isdir(STATE_FOLDER) or os.geteuid() != 0:
        complain("{} (no log is kept here)".format(message))
        return
    trouble = journal.record("edit", message, file=target.real, rules=rules, reason=reason)
    if trouble:
        complain("note: the log could not be written: {}".format(trouble))
