"""Tries what fixers propose, and takes what the evaluator and the rules let pass.

Nothing is taken on trust: for every board there is, in every world, whatever differs in effect must be what the fix is
about; the finding must be gone; and no rule may have more, worse or surer findings than before.
"""

import difflib
import re
from typing import TYPE_CHECKING, Callable, Dict, Iterator, List, Mapping, Match, NamedTuple, Optional, Tuple, Union

from scmguard.boot import Boot
from scmguard.effective.board import BOARDS, Board
from scmguard.effective.difference import Difference, differences
from scmguard.effective.readings import CHOICES
from scmguard.effective.worlds import FALSE, TRUE, TooComplex
from scmguard.finding import Edit, Finding, Fix, TreeReport, at_least
from scmguard.fixes import TOPICS, fixer
from scmguard.fixes.kinds import of_each_kind
from scmguard.fixes.placeholders import depends_on_template
from scmguard.fixes.proposal import Fault, Proposal, name_of
from scmguard.folder import Unreadable
from scmguard.lint import Job
from scmguard.lint import run as lint
from scmguard.packages.future import edited
from scmguard.text import Source, decode
from scmguard.worse import every, tally, worse

if TYPE_CHECKING:
    from scmguard.device.facts import Device

# A tree with more faults is not mended line by line.
_MOST_FIXES = 500


class Mended(NamedTuple):
    """A tree with its faults corrected: the report on it, new contents by name, and what was done.

    ``old`` are the contents that these files had when they were looked at.
    ``unsafe`` are findings that only an unsafe fix would correct, where these were not asked for; ``left`` are those
    for which no proposal passed, with the reason. ``more``: there was no end to it, and another run corrects more.
    """

    report: TreeReport
    contents: Dict[str, bytes]
    old: Dict[str, bytes]
    done: List[Tuple[Finding, Fix]]
    unsafe: List[Tuple[Finding, Fix]]
    left: List[Tuple[Finding, str]]
    more: bool = False


class Passed(NamedTuple):
    """A proposal that holds, with the tree as it would be and the report on that."""

    proposal: Proposal
    boot: Boot
    report: TreeReport


def mend(
    job: Job,
    boot: Boot,
    unsafe: bool = False,
    wanted: Callable[[Finding], bool] = every,
    device: "Optional[Device]" = None,
) -> Mended:
    """Corrects what can be corrected, one finding after the other: of those that are ``wanted``. Raises Unreadable.

    ``device`` are the facts of the machine that the files are on.
    """
    contents: Dict[str, bytes] = {}
    done: List[Tuple[Finding, Fix]] = []
    waiting: Dict[_Key, Tuple[Finding, Fix]] = {}
    left: Dict[_Key, Tuple[Finding, str]] = {}
    now, report = boot, lint(job, boot, device)
    changed_since = False
    while len(done) < _MOST_FIXES:
        step: Optional[Passed] = None
        for finding in report.findings:
            if finding.rule not in TOPICS or not wanted(finding) or _key(finding) in waiting or _key(finding) in left:
                continue
            found, reason = proved(job, now, report, finding, device)
            if found is None:
                left[_key(finding)] = finding, reason
                continue
            fix = _fix(now, found.proposal)
            if fix.safe or unsafe:
                step = found
                done.append((finding, fix))
                break
            waiting[_key(finding)] = finding, fix
        if step is not None:
            contents.update(step.proposal.contents)
            now, report = step.boot, step.report
            changed_since = True
        elif changed_since:
            # What was in the way before may have been another fault, corrected since: all are tried once more.
            waiting, left, changed_since = {}, {}, False
        else:
            break
    old = {name: boot.data(name) or b"" for name in contents}
    changed = {name: data for name, data in contents.items() if data != old[name]}
    refused = [found for found in left.values() if found[1]]
    return Mended(
        report,
        changed,
        {name: old[name] for name in changed},
        done,
        list(waiting.values()),
        refused,
        len(done) == _MOST_FIXES,
    )


# What tells a finding from others, however the lines around it move.
_Key = Tuple[str, str, str, str]


def _key(finding: Finding) -> _Key:
    return finding.rule, finding.message, finding.excerpt, finding.span.path


def with_fixes(job: Job, report: TreeReport, device: "Optional[Device]" = None) -> TreeReport:
    """The report with what would correct each finding by itself. Raises Unreadable."""
    if report.boot is None:
        return report
    findings = []
    for finding in report.findings:
        if finding.rule in TOPICS and finding.waived is None:
            found, _ = proved(job, report.boot, report, finding, device)
            if found is not None:
                finding = finding._replace(fix=_fix(report.boot, found.proposal))
        findings.append(finding)
    return report._replace(findings=findings)


def proved(
    job: Job, boot: Boot, report: TreeReport, finding: Finding, device: "Optional[Device]" = None
) -> Tuple[Optional[Passed], str]:
    """The first proposal for a finding that holds; None, with the reason, where none does.

    The reason is empty where there was no proposal at all. ``report`` is the one on ``boot``.
    """
    reason = ""
    for proposal in _proposals(job, boot, finding):
        found = _tried(job, boot, report, finding, proposal, device)
        if isinstance(found, Passed):
            return found, ""
        reason = found
    return None, reason


def _proposals(job: Job, boot: Boot, finding: Finding) -> Iterator[Proposal]:
    name = name_of(boot, finding.span.path)
    source = None if name is None else boot.source(name)
    if name is None or source is None or finding.span.line > len(source.lines):
        return
    board = BOARDS[finding.board] if finding.board else job.boards[0]
    for proposal in fixer(finding.rule)(Fault(boot, finding, name, source, board)):
        if proposal.safe and depends_on_template(boot, finding.rule, name, finding.span.line):
            # What is filled in may be anything, and so may what the file means then.
            proposal = proposal._replace(safe=False)
        if all(_is_text(boot, each) or finding.rule == "bad-encoding" for each in proposal.contents):
            yield proposal


def _is_text(boot: Boot, name: str) -> bool:
    """Whether a line can be put into a file: not into one in UTF-16."""
    return not (boot.data(name) or b"").startswith((b"\xff\xfe", b"\xfe\xff"))


def _tried(
    job: Job, boot: Boot, report: TreeReport, finding: Finding, proposal: Proposal, device: "Optional[Device]"
) -> "Union[Passed, str]":
    """What speaks against a proposal, in words, where something does."""
    new = edited(boot, proposal.contents)
    try:
        # The boards that are checked are the likeliest to tell.
        boards = sorted(BOARDS.values(), key=lambda one: one not in job.boards)
        for board in of_each_kind(boards, (_whole(boot), _whole(new)), job.boards):
            for difference in differences(_whole(boot), _whole(new), board, frozenset(proposal.contents)):
                reason = _objection(difference, board, proposal)
                if reason:
                    return reason
        after = lint(job, new, device)
    except (TooComplex, Unreadable) as error:
        return "what it would change cannot be worked out: {}".format(error)
    if _number(after, finding.rule) >= _number(report, finding.rule):
        return "the fault would still be there"
    added = worse(tally(_weighed(report, proposal), every), _weighed(after, proposal), every)
    if finding.severity != "hygiene":
        # A line that is of no use any more is no price for a unit that boots.
        added = [one for one in added if one.severity != "hygiene"]
    if added:
        return "it would lead to {}: {}".format(added[0].rule, added[0].message)
    return Passed(proposal, new, after)


def _whole(boot: Boot) -> Boot:
    """The tree that a single file is in, for what else is run with it: tryboot.txt, what the EEPROM appends."""
    if not boot.single:
        return boot
    if "whole" not in boot.memo:
        boot.memo["whole"] = Boot(boot.files, boot.root)
    whole: Boot = boot.memo["whole"]
    return whole


def _objection(difference: Difference, board: Board, proposal: Proposal) -> str:
    worlds = difference.worlds
    settled = TRUE
    for id, choice in proposal.settles:
        settled = worlds.both(settled, worlds.among(id, CHOICES[id], _is(choice)))
    if (not proposal.settles or worlds.both(difference.when, settled) == FALSE) and proposal.may(difference, board):
        return ""
    what = " ".join(part for part in (difference.kind, difference.name) if part)
    return "it would change {} on {}, which is not what the finding is about".format(what, board.name)


def _is(choice: str) -> Callable[[str], bool]:
    return lambda each: each == choice


def _number(report: TreeReport, rule: str) -> int:
    return sum(finding.rule == rule for finding in report.findings)


def _weighed(report: TreeReport, proposal: Proposal) -> List[Finding]:
    """The findings as they are compared: where a reading is settled, what was possible may become certain.

    Not what stops the boot: there each reading under which it boots is worth keeping.
    """
    if not proposal.settles:
        return report.findings
    return [
        finding if at_least(finding.severity, "no-boot") else finding._replace(confidence="certain")
        for finding in report.findings
    ]


def _fix(boot: Boot, proposal: Proposal) -> Fix:
    edits: List[Edit] = []
    for name, data in proposal.contents.items():
        edits += edits_of(boot.files.label(name), boot.data(name) or b"", data)
    return Fix(proposal.title, tuple(edits), proposal.safe)


def edits_of(path: str, old: bytes, new: bytes) -> List[Edit]:
    """What turns one content of a file into another, as whole lines."""
    before, after = _lines(path, old), _lines(path, new)
    return [
        Edit(path, start + 1, end + 1, "".join(after[first:last]))
        for tag, start, end, first, last in difflib.SequenceMatcher(None, before, after, False).get_opcodes()
        if tag != "equal"
    ]


def _lines(path: str, data: bytes) -> List[str]:
    source = Source(path, data)
    lines = [line.text + line.ending for line in source.lines]
    if source.bom:
        lines[:1] = ["\ufeff" + "".join(lines[:1])]
    return lines


def patch(names: Mapping[str, str], old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[str]:
    """A unified diff of files, which ``patch -p0`` and ``git apply -p0`` take; ``names`` are their paths.

    Line ends are LF alone to both: a CR is the last character of its line.
    """
    for name, data in new.items():
        before, after = _at_lf(decode(old.get(name, b""))), _at_lf(decode(data))
        header = _header(names[name])
        for piece in difflib.unified_diff(before, after, header, header):
            yield piece if piece.endswith("\n") else piece + "\n\\ No newline at end of file\n"


def _at_lf(text: str) -> List[str]:
    return [line + "\n" for line in text.split("\n")[:-1]] + [line for line in text.split("\n")[-1:] if line]


def _header(name: str) -> str:
    """A file's name as patches have it: a tab ends one with blanks in it, and odd characters are quoted as in C."""
    if re.search(r'[\x00-\x1f\x7f"\\]', name):
        return '"{}"'.format(re.sub(r'[\x00-\x1f\x7f"\\]', _octal, name))
    return name + "\t" if " " in name else name


def _octal(match: "Match[str]") -> str:
    return "\\{:03o}".format(ord(match.group()))
