"""``scmguard set`` and ``scmguard unset``."""

import sys
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from scmguard.boot import BOOTCONF_NAMES
from scmguard.cli.console import COULD_NOT, FOUND, USAGE, complain, fail, print_pieces
from scmguard.cli.judge import Judge, after_writing, held, log_reason, write
from scmguard.editing import cmdline_txt, wish
from scmguard.editing.change import Boards, Change, cmdline_in_effect, set_one, still_set, unset_one
from scmguard.editing.editor import Interrupted, Watch
from scmguard.editing.target import CMDLINE, Target
from scmguard.editing.wish import Refused, Section, Wish
from scmguard.effective.worlds import TooComplex
from scmguard.finding import Finding
from scmguard.folder import Unreadable

# A change by another process takes moments; somebody in an editor does not.
_WAIT = 10.0


def run(words: Sequence[str], options: Mapping[str, Any], away: bool) -> int:
    """Changes the file, says whether it did, and returns the exit code."""
    reason = " ".join(options["reason"].split())
    if options["force"] and not reason:
        fail(USAGE, "--force takes a reason: --reason TEXT")
    if reason and not options["force"]:
        fail(USAGE, "--reason is for --force")
    try:
        with held(options.get("file"), options, _WAIT) as target, Watch() as watch:
            plan = _plan(target, words, options, away)
            judge = Judge(target, options)
            target = judge.target
            data, notes = _changed(target, plan, words, judge, options, away)
            for note in notes:
                complain("note: {}".format(note))
            return _Outcome(target, judge, options, reason, watch).done(data)
    except Refused as error:
        fail(COULD_NOT, "nothing was changed: {}".format(error))
    except (TooComplex, Unreadable) as error:
        fail(COULD_NOT, "nothing was changed: {}".format(error))
    except Interrupted as error:
        complain("interrupted by {}".format(error))
        return 128 + error.number


def _plan(target: Target, words: Sequence[str], options: Mapping[str, Any], away: bool) -> "List[Wish]":
    """What the words ask for. Ends the program for words that ask for nothing."""
    kind = target.tree.kind
    try:
        if kind in BOOTCONF_NAMES:
            raise Refused("{} is for the EEPROM, which rpi-eeprom-config changes".format(kind))
        if kind == CMDLINE:
            if options.get("section") is not None:
                raise Refused("a command line has no sections")
            for each in words:
                cmdline_txt.word(each)
            return []
        found: List[Wish] = []
        for each in words:
            found += [wish.to_unset(each)] if away else wish.to_set(each)
        twice = None if away else wish.conflicts(found)
        if twice is not None:
            raise Refused("{} is given twice".format(twice))
        return found
    except Refused as error:
        fail(USAGE, str(error))


def _section(options: Mapping[str, Any], away: bool) -> Optional[Section]:
    """The section that is meant; None for all of them."""
    given = options.get("section")
    try:
        return (None if away else Section()) if given is None else wish.section(given)
    except Refused as error:
        fail(USAGE, str(error))


def _changed(
    target: Target,
    plan: Sequence[Wish],
    words: Sequence[str],
    judge: Judge,
    options: Mapping[str, Any],
    away: bool,
) -> Tuple[bytes, List[str]]:
    """The file's bytes as they are to be, and remarks. Raises Refused, Unreadable, TooComplex."""
    if target.tree.kind == CMDLINE:
        return _command_line(target, words, judge, away), []
    tree = target.tree
    notes: List[str] = []
    section = _section(options, away)
    boards = Boards(judge.choice.boards, judge.said)
    for each in plan:
        change: Change = unset_one(tree, each, section) if away else set_one(tree, each, section or Section(), boards)
        notes += change.notes
        if change.how != "unchanged":
            tree = tree._replace(data=change.data, boot=tree.replaced(change.data))
    if not away and len(plan) > 1:
        for each in plan:
            still_set(tree, each, section or Section(), boards)
    return tree.data or b"", notes


def _command_line(target: Target, words: Sequence[str], judge: Judge, away: bool) -> bytes:
    data = target.tree.data or b""
    if away:
        return cmdline_txt.without(data, list(words))
    wanted = [cmdline_txt.word(each) for each in words]
    new = cmdline_txt.with_words(data, wanted)
    cmdline_in_effect(target.tree, new, wanted, judge.choice.boards)
    return new


class _Outcome:
    """Judging, writing and saying."""

    def __init__(self, target: Target, judge: Judge, options: Mapping[str, Any], reason: str, watch: Watch) -> None:
        self._target = target
        self._judge = judge
        self._options = options
        self._reason = reason
        self._watch = watch
        self._json = options["format_"] == "json"

    def done(self, data: bytes) -> int:
        """The exit code, with all said and done."""
        target, judge = self._target, self._judge
        if data == (target.tree.data or b""):
            self._say("unchanged", [], b"")
            return 0
        boot = target.tree.replaced(data)
        after = judge.report(boot)
        for where, reason in after.problems:
            complain("{}: {}".format(where, reason))
        new = judge.new(after)
        against = judge.against(new)
        if not self._json or against:
            shown = judge.said_of(after, new) if new else iter(())
            print_pieces(shown, sys.stderr)
        if against and not self._options["force"]:
            rules = ", ".join(dict.fromkeys(finding.rule for finding in against))
            self._say("refused", new, data)
            complain(
                "nothing was changed: it would lead to {}; --force --reason TEXT writes it all the same".format(rules)
            )
            return FOUND
        if self._options["dry_run"]:
            self._say("changed", new, data)
            return 0
        with self._watch.held():
            trouble = write(target, data)
            if trouble is None and against:
                log_reason(target, self._reason, against)
        if trouble is not None:
            complain(trouble)
            return COULD_NOT
        after_writing(judge, target, boot)
        self._say("changed", new, data)
        return 0

    def _say(self, result: str, new: Sequence[Finding], data: bytes) -> None:
        dry = self._options["dry_run"]
        if not self._json:
            if dry:
                print_pieces(self._patch(data) if result == "changed" else [], sys.stdout)
            elif result != "refused":
                print_pieces([result, "\n"], sys.stdout)
            return
        import json

        said: Dict[str, Any] = {
            "schema": 1,
            "result": result,
            "path": self._target.path,
            "dry_run": dry,
            "diff": "" if result == "unchanged" else "".join(self._patch(data)),
            "findings": [
                {"rule": one.rule, "severity": one.severity, "confidence": one.confidence, "message": one.message}
                for one in new
            ],
        }
        print_pieces([json.dumps(said, indent=2), "\n"], sys.stdout)

    def _patch(self, data: bytes) -> List[str]:
        from scmguard.fixes.mend import patch
        from scmguard.text import printable_lines

        name = self._target.tree.name
        pieces = patch({name: self._target.path}, {name: self._target.tree.data or b""}, {name: data})
        return list(pieces) if self._json or not sys.stdout.isatty() else [printable_lines(piece) for piece in pieces]
