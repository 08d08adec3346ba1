"""What people read: like a compiler of today, worst first, with the line and a caret under the fault."""

from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Set, Tuple

from scmguard.effective.readings import READINGS, meaning
from scmguard.finding import SEVERITIES, Finding, Fix, NotChecked, Statistic, Summary, TreeReport, Waived
from scmguard.report.session import Session, Style
from scmguard.rulebook import Rule
from scmguard.text import Span, printable

_TAB = 4
_WIDEST = 160

# How the reason begins where a rule ran without all that it would use.
_IN_PART = "in part: "
# Rules named for each reason; JSON has them all.
_MOST_NAMED = 4


def render(reports: Iterable[TreeReport], session: Session) -> Iterator[str]:
    """The whole report: on each tree, then what was not checked, and the counts."""
    yield from ("note: {}\n".format(printable(note)) for note in session.notes)
    if session.style.statistics:
        reports = (report._replace(findings=[]) for report in reports)
    yield from trees(reports, session.rules, session.style)
    end = session.tail()
    if end.summary.trees:
        yield from table(end.statistics or (), session.style)
        if not session.style.quiet:
            yield from not_checked_lines(end.not_checked, session.style)
        yield summary_line(end.summary, session.style)


def trees(reports: Iterable[TreeReport], rules: Mapping[str, Rule], style: Style) -> Iterator[str]:
    """The report on each tree, in pieces that end with a line end."""
    explained: Set[str] = set()
    for report in reports:
        for note in report.notes:
            yield "note: {}\n".format(printable(note))
        for finding in report.findings:
            if finding.waived is not None:
                if style.waived:
                    yield _waived(finding, finding.waived, style)
            elif finding.severity == "hygiene":
                if not style.quiet:
                    yield _brief(finding, style)
            else:
                yield "".join(_finding(finding, rules.get(finding.rule), explained, style))


def _waived(finding: Finding, waived: Waived, style: Style) -> str:
    how = "in the baseline" if waived.by == "baseline" else "waived"
    until = "" if waived.expires is None else " (until {})".format(waived.expires)
    return "{}  {}{}: {}\n".format(_brief(finding, style), how, until, printable(waived.reason))


def _brief(finding: Finding, style: Style) -> str:
    return "{}: {}: {}{} [{}]\n".format(
        style.paint(_place(finding.span), "path"),
        style.paint(finding.severity, finding.severity),
        "possible: " if finding.confidence == "possible" else "",
        printable(finding.message),
        finding.rule,
    )


def _finding(finding: Finding, rule: Optional[Rule], explained: Set[str], style: Style) -> Iterator[str]:
    possible = " (possible)" if finding.confidence == "possible" else ""
    head = "{}{}[{}]".format(finding.severity, possible, finding.rule)
    yield "{}: {}\n".format(style.paint(head, finding.severity), style.paint(printable(finding.message), "path"))
    gutter = " " * len(str(finding.span.line))
    yield "{}--> {}\n".format(gutter, _place(finding.span))
    if finding.span.line and finding.excerpt.strip():
        yield "".join(_excerpt(finding, gutter, style))
    for related in finding.related:
        yield "{} = {}: {}\n".format(gutter, _place(related.span), printable(related.message))
    if finding.reading is not None:
        id, choice = finding.reading
        reading = READINGS[id]
        says = meaning(id, choice)
        yield "{} = only if {}={}: {} {}.\n".format(gutter, id, choice, reading.question, says[0].upper() + says[1:])
        for source in reading.sources:
            yield "{}     {}\n".format(gutter, source)
    if finding.when:
        conditions = printable(" and ".join(finding.when))
        yield "{} = only when {}, which is not known here\n".format(gutter, conditions)
    if finding.fix is not None:
        yield from _fix(finding.fix, gutter)
    if not style.quiet and finding.rule not in explained:
        explained.add(finding.rule)
        if rule is not None:
            yield from _wrapped(gutter, "device", rule.rationale)
            yield from _wrapped(gutter, "recovery", rule.recovery)
        yield from _wrapped(gutter, "help", finding.help)
    yield "\n"


def _fix(fix: Fix, gutter: str) -> Iterator[str]:
    how = "fix" if fix.safe else "fix (look at it first)"
    yield "{} = {}: {}\n".format(gutter, how, printable(fix.title))
    for edit in fix.edits:
        lines = "line {}".format(edit.line)
        if edit.end_line == edit.line:
            lines = "after line {}".format(edit.line - 1) if edit.line > 1 else "at the top"
        elif edit.end_line > edit.line + 1:
            lines = "lines {} to {}".format(edit.line, edit.end_line - 1)
        goes = "" if edit.text else ": to be taken out"
        yield "{}     {}, {}{}\n".format(gutter, printable(edit.path), lines, goes)
        for line in edit.text.split("\n")[: -1 if edit.text.endswith("\n") else None]:
            if edit.text:
                yield "{}       {}\n".format(gutter, printable(line))


def _wrapped(gutter: str, label: str, text: str) -> Iterator[str]:
    if not text:
        return
    lead = "{} = {}: ".format(gutter, label)
    line, indent = lead, " " * len(lead)
    for word in text.split():
        if len(line) + len(word) > 100 and line.strip() and line != lead:
            yield line.rstrip() + "\n"
            line = indent
        line += word + " "
    yield line.rstrip() + "\n"


def _place(span: Span) -> str:
    path = printable(span.path)
    return "{}:{}:{}".format(path, span.line, span.column) if span.line else path


def _excerpt(finding: Finding, gutter: str, style: Style) -> Iterator[str]:
    span = finding.span
    text = finding.excerpt
    start = max(span.column - 1, 0)
    end = span.end_column - 1 if span.end_line == span.line else len(text)
    shown, caret, width = _cells(text, start, max(end, start + 1))
    yield "{} |\n".format(gutter)
    yield "{} | {}\n".format(span.line, shown)
    yield "{} | {}{}\n".format(gutter, " " * caret, style.paint("^" * width, finding.severity))


def _cells(text: str, start: int, end: int) -> Tuple[str, int, int]:
    """The line as it is printed, and the column and width of the marked part in terminal cells.

    Tabs are printed as blanks, wide characters take two cells, what cannot be printed is escaped, and of a very
    long line only the part around the mark is shown.
    """
    first = 0
    cut = len(text) > _WIDEST
    if cut:
        first = max(0, start - _WIDEST // 3)
        text = text[first : first + _WIDEST]
        start, end = start - first, min(end - first, len(text))
    pieces: List[str] = []
    caret = width = cell = 0
    for place, char in enumerate(text):
        piece = " " * (_TAB - cell % _TAB) if char == "\t" else printable(char)
        cells = sum(_width(each) for each in piece)
        if place < start:
            caret += cells
        elif place < end:
            width += cells
        cell += cells
        pieces.append(piece)
    lead = "... " if first else ""
    return lead + "".join(pieces) + (" ..." if cut else ""), caret + len(lead), max(width, 1)


def _width(char: str) -> int:
    if char < "\x7f":
        return 1
    import unicodedata

    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def not_checked_lines(entries: Iterable[NotChecked], style: Style) -> Iterator[str]:
    """The rules that could not run, by what they lack."""
    by_reason: Dict[str, List[str]] = {}
    for entry in entries:
        by_reason.setdefault(entry.reason, []).append(entry.rule)
    for reason, rules in sorted(by_reason.items(), key=lambda each: each[0].startswith(_IN_PART)):
        names = ", ".join(rules)
        if len(rules) > _MOST_NAMED:
            names = "{} and {} more".format(", ".join(rules[: _MOST_NAMED - 1]), len(rules) - _MOST_NAMED + 1)
        line = "not checked, {}: {}".format(reason, names)
        if reason.startswith(_IN_PART):
            line = "checked in part, {}: {}".format(reason[len(_IN_PART) :], names)
        yield style.paint(printable(line), "dim") + "\n"


def table(statistics: Iterable[Statistic], style: Style) -> Iterator[str]:
    """How many findings each rule has."""
    shown = [one for one in statistics if not (style.quiet and one.severity == "hygiene")]
    if shown:
        yield style.paint("findings  trees  severity  rule", "dim") + "\n"
        for one in shown:
            severity = style.paint("{:<8}".format(one.severity), one.severity)
            yield "{:>8}  {:>5}  {}  {}\n".format(one.findings, one.trees, severity, one.rule)
        yield "\n"


def summary_line(summary: Summary, style: Style) -> str:
    """The last line: counts, and what they mean for the exit code is the caller's business."""
    parts = []
    for severity in reversed(SEVERITIES):
        count = summary.counts.get(severity, 0)
        if count:
            parts.append(style.paint("{} {}".format(count, severity), severity))
    aside = ["{} waived".format(summary.waived)] if summary.waived else []
    aside += ["{} in the baseline".format(summary.baseline)] if summary.baseline else []
    if aside:
        hint = "" if style.waived else " (--show-waived lists them)"
        parts = parts or ["no findings"]
        parts.append(style.paint(", ".join(aside) + hint, "dim"))
    trees = "" if summary.trees == 1 else " in {} boot trees".format(summary.trees)
    return "{}{}\n".format(", ".join(parts) if parts else "no findings", trees)
