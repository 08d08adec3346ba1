"""``scmguard diff``."""

import json
import os
import sys
from contextlib import ExitStack
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence

from scmguard import __version__
from scmguard.boot import Boot
from scmguard.cli.common import choose, collecting, job_for, rulebook_for, settings_for, today, verify_waivers
from scmguard.cli.console import COULD_NOT, FOUND, USAGE, complain, fail, print_pieces
from scmguard.effective.difference import differences
from scmguard.effective.worlds import TooComplex
from scmguard.finding import Finding, TreeReport, at_least
from scmguard.folder import Unreadable
from scmguard.inputs.discover import Request
from scmguard.inputs.git import Repository
from scmguard.inputs.gittree import SUBMODULE, changed_submodules
from scmguard.inputs.sides import Pair, Side, pairs, side, standard_input
from scmguard.lint import Job
from scmguard.lint import run as lint
from scmguard.report import diff_report
from scmguard.report.diff_report import BoardDiff, TreeDiff
from scmguard.settings import Settings
from scmguard.waivers import covering
from scmguard.worse import every, tally, worse


def run(sides: Sequence[str], options: Mapping[str, Any]) -> int:
    """Prints what differs, and returns the exit code. With ``staged`` the sides are paths in the index, or none."""
    if not options["staged"] and len(sides) != 2:
        fail(USAGE, "it takes two sides, OLD and NEW; with --staged the paths that it is about, or none")
    settings = settings_for(sides[-1:], options)
    book = rulebook_for(settings)
    job = job_for(book, choose(book, settings, options), settings, options)
    verify_waivers(settings, book)
    if list(sides) == ["-", "-"]:
        fail(USAGE, "standard input can be one side alone")
    comparison = Comparison(job, settings, options.get("fail_on"))
    with ExitStack() as stack:
        try:
            if options["staged"]:
                names = "HEAD", "what is staged"
                found = _staged(sides, {**options, "settings": settings.path}, comparison)
            else:
                names = sides[0], sides[1]
                found = _named(sides, options, stack)
            trees = list(comparison.trees(found))
        except Unreadable as error:
            complain(str(error))
            return COULD_NOT
    if options["format_"] == "json":
        data = diff_report.data(trees, __version__, job.profile, names, comparison.errors)
        print_pieces([json.dumps(data, indent=2), "\n"], sys.stdout)
    else:
        print_pieces(diff_report.text(trees) if trees else ["nothing changes\n"], sys.stdout)
    for entry in comparison.errors:
        complain("{path}: {reason}".format(**entry))
    if comparison.errors or any(one.unknown for tree in trees for one in tree.boards):
        return COULD_NOT
    return FOUND if any(tree.worse for tree in trees) else 0


def _named(sides: Sequence[str], options: Mapping[str, Any], stack: ExitStack) -> Iterator[Pair]:
    request = Request(options.get("kind"), options.get("root"), options.get("stdin_filename"))
    repositories: Dict[str, Repository] = {}
    stack.callback(_close, repositories)
    old, new = [_side(text, request, repositories) for text in sides]
    for path in changed_submodules(old.submodules, new.submodules):
        complain("note: {}: passed over: it {}".format(path, SUBMODULE))
    return pairs(old, new)


def _staged(paths: Sequence[str], options: Mapping[str, Any], comparison: "Comparison") -> Iterator[Pair]:
    """The boot trees that are staged, against the last commit."""
    from scmguard import templated
    from scmguard.cli.staged import open_change

    comparison.lint = templated.run
    for entry in open_change(paths, options, lambda text: complain("note: " + text)).pairs(paths):
        if isinstance(entry, Unreadable):
            comparison.errors.append({"path": entry.path, "reason": entry.reason})
        elif not isinstance(entry, Boot):
            yield Pair(entry.after.files.path or os.curdir, entry.before, entry.after)


def _side(text: str, request: Request, repositories: Dict[str, Repository]) -> Side:
    return standard_input(sys.stdin.buffer.read(), request) if text == "-" else side(text, request, repositories)


def _close(repositories: Mapping[str, Repository]) -> None:
    for repository in repositories.values():
        repository.close()


class Comparison:
    """Compares boot trees with the rules and boards of a job; ``errors`` are trees that could not be."""

    def __init__(self, job: Job, settings: Settings, fail_on: Optional[str] = None) -> None:
        self._job = job
        self._settings = settings
        self._threshold = fail_on or settings.fail_on or "degraded"
        self._today = today()
        self.errors: List[Dict[str, str]] = []
        #: What checks a tree.
        self.lint: Callable[[Job, Boot], TreeReport] = lint

    def trees(self, pairs: Iterable[Pair]) -> Iterator[TreeDiff]:
        """What differs in each of the trees, one after the other."""
        for pair in collecting(pairs):
            try:
                found = self.tree(pair)
            except Unreadable as error:
                self.errors.append({"path": error.path, "reason": error.reason})
                continue
            if (
                found.state != "changed"
                or found.files
                or found.new
                or found.gone
                or any(one.differences or one.unknown for one in found.boards)
            ):
                yield found

    def tree(self, pair: Pair) -> TreeDiff:
        """What differs between two states of a tree. Raises Unreadable."""
        if pair.old is None or pair.new is None:
            return self._lone(pair)
        boards = []
        for board in self._job.boards:
            try:
                boards.append(BoardDiff(board.name, differences(pair.old, pair.new, board)))
            except TooComplex as error:
                boards.append(BoardDiff(board.name, (), str(error)))
        before, after = self._findings(pair.old), self._findings(pair.new)
        new = worse(tally(before, every), after, every)
        gone = worse(tally(after, every), before, every)
        bad = self._is_bad(new)
        return TreeDiff(pair.path, "changed", _different_files(pair.old, pair.new), boards, new, gone, bad)

    def _lone(self, pair: Pair) -> TreeDiff:
        """A tree that is new, or that is gone: what is in effect in it is no change of anything."""
        boot = pair.new or pair.old
        findings = [] if boot is None else self._findings(boot)
        if pair.new is None:
            return TreeDiff(pair.path, "gone", (), (), (), findings, False)
        return TreeDiff(pair.path, "new", (), (), findings, (), self._is_bad(findings))

    def _is_bad(self, findings: Iterable[Finding]) -> bool:
        return any(at_least(finding.severity, self._threshold) for finding in findings)

    def _findings(self, boot: Boot) -> List[Finding]:
        report = self.lint(self._job, boot)
        for path, reason in report.problems:
            self.errors.append({"path": path, "reason": reason})
        waivers = self._settings.waivers
        return [one for one in report.findings if covering(waivers, one, self._today) is None]


def _different_files(old: Boot, new: Boot) -> List[str]:
    """The names of files that were read on either side and are not the same."""
    names = dict.fromkeys([*old.read_names(), *new.read_names()])
    return [name for name in names if old.data(name) != new.data(name)]
