"""Workflow commands of GitHub Actions: annotations beside the lines of a pull request.

GitHub shows ten errors, ten warnings and ten notices of a step, the first ones; so the worst comes first, over all
trees. Everything is in the step's log. Form and escapes are those of actions/runner, ``ActionCommand.cs``.
"""

from typing import Iterable, Iterator, List, Tuple

from scmguard.finding import Finding, NotChecked, TreeReport, order
from scmguard.report.places import answered, conditions, place, region, relative
from scmguard.report.session import Session, Style
from scmguard.report.text import not_checked_lines, summary_line
from scmguard.text import printable

_LEVELS = {"brick": "error", "no-boot": "error", "degraded": "warning", "hygiene": "notice"}
# GitHub cuts a longer title off.
_LONGEST_TITLE = 255


def render(reports: Iterable[TreeReport], session: Session) -> Iterator[str]:
    """A line for each finding, worst first, and a last line with the counts."""
    findings: List[Finding] = []
    for report in reports:
        findings.extend(report.findings)
    end = session.tail()
    for error in end.errors:
        reason = printable(error["reason"])
        yield command("error", [("file", relative(error["path"], session.folder)), ("title", "not checked")], reason)
    loud = sorted((one for one in findings if one.waived is None), key=order)
    quiet = session.style.quiet
    yield from (_finding(one, session.folder) for one in loud if one.severity != "hygiene")
    if not quiet:
        if end.notes:
            yield command("notice", [("title", "note")], "\n".join(end.notes))
        if end.not_checked:
            yield _not_checked(end.not_checked)
        yield from (_finding(one, session.folder) for one in loud if one.severity == "hygiene")
    if session.style.waived:
        yield from (_finding(one, session.folder) for one in sorted(findings, key=order) if one.waived is not None)
    yield summary_line(end.summary, Style(waived=session.style.waived))


def _finding(finding: Finding, folder: str) -> str:
    line, column, end_line, end_column = region(finding.span)
    where: List[Tuple[str, str]] = [("file", relative(finding.span.path, folder)), ("line", str(line))]
    if finding.span.line:
        where.append(("endLine", str(end_line)))
        if end_line == line:  # the runner drops columns of an annotation over several lines, with a complaint
            where += [("col", str(column)), ("endColumn", str(max(column, end_column - 1)))]
    possible = " (possible)" if finding.confidence == "possible" else ""
    said = [finding.message, *conditions(finding)]
    said += ["{}: {}".format(place(related.span, folder), related.message) for related in finding.related]
    level = _LEVELS[finding.severity]
    title = "{}{}: {}".format(finding.severity, possible, finding.rule)
    if finding.waived is not None:
        level = "notice"
        said.append(answered(finding.waived))
    else:
        said.append(finding.help)
    return command(
        level, [*where, ("title", title[:_LONGEST_TITLE])], "\n".join(printable(each) for each in said if each)
    )


def _not_checked(entries: Iterable[NotChecked]) -> str:
    lines = "".join(not_checked_lines(entries, Style()))
    return command("notice", [("title", "not checked")], lines.rstrip("\n"))


def command(name: str, properties: Iterable[Tuple[str, str]], message: str) -> str:
    """A workflow command with its line end. Only line feeds of the message are kept; they are escaped."""
    said = ",".join("{}={}".format(key, _property(value)) for key, value in properties)
    text = "\n".join(printable(line) for line in message.split("\n"))
    return "::{} {}::{}\n".format(name, said, _data(text))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")
