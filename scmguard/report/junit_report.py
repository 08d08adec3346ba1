"""JUnit's XML, as Jenkins' xunit plugin describes it (``junit-10.xsd``) and Jenkins and GitLab read it.

A test suite for each boot tree, a test case for each rule that had something to look at there. A case fails where a
finding of the threshold (``--fail-on``) or worse is not waived; lesser findings are in its output. What was not checked
is skipped, with the reason, and what could not be checked is an error.

The text is ASCII with character references, so that it is the same whatever a terminal or pipe takes.
"""

from typing import Dict, Iterable, Iterator, List, NamedTuple, Sequence, Set, Tuple

from scmguard.finding import Finding, TreeReport, at_least
from scmguard.report.places import answered, conditions, place, relative
from scmguard.report.session import Session
from scmguard.text import printable

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;"}


class _Case(NamedTuple):
    """A test case: ``outcome`` is failure, error, skipped or empty, with a summary and the whole text; then its output.

    ``type`` is what kind of failure or error it is.
    """

    name: str
    outcome: str = ""
    type: str = ""
    summary: str = ""
    text: str = ""
    output: str = ""


def render(reports: Iterable[TreeReport], session: Session) -> Iterator[str]:
    """The report, suite by suite."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="scmguard">\n'
    known: Set[Tuple[str, str]] = set()
    for report in reports:
        known.update(report.problems)
        notes = "\n".join([*session.notes, *report.notes])
        yield from _suite(relative(report.path, session.folder), _cases(report, session), notes)
    # Inputs of which there is no report, because not even their files could be listed.
    for error in session.tail().errors:
        path, reason = error["path"], error["reason"]
        if (path, reason) not in known:
            yield from _suite(relative(path, session.folder), [_error(path, reason, session)])
    yield "</testsuites>\n"


def _suite(name: str, cases: Sequence[_Case], notes: str = "") -> Iterator[str]:
    outcomes = [case.outcome for case in cases]
    yield '<testsuite name="{}" tests="{}" failures="{}" errors="{}" skipped="{}">\n'.format(
        escaped(name), len(cases), outcomes.count("failure"), outcomes.count("error"), outcomes.count("skipped")
    )
    # What stands before the last dot is a package for Jenkins.
    group = "scmguard." + name.replace(".", "_")
    for case in cases:
        yield "".join(_case(case, group))
    if notes:
        yield "<system-out>{}</system-out>\n".format(escaped_lines(notes))
    yield "</testsuite>\n"


def _case(case: _Case, group: str) -> Iterator[str]:
    yield '<testcase classname="{}" name="{}"'.format(escaped(group), escaped(case.name))
    if not case.outcome and not case.output:
        yield "/>\n"
        return
    yield ">\n"
    if case.outcome:
        type = ' type="{}"'.format(escaped(case.type)) if case.type else ""
        yield '<{0}{1} message="{2}">{3}</{0}>\n'.format(
            case.outcome, type, escaped(case.summary), escaped_lines(case.text)
        )
    if case.output:
        yield "<system-out>{}</system-out>\n".format(escaped_lines(case.output))
    yield "</testcase>\n"


def _cases(report: TreeReport, session: Session) -> List[_Case]:
    findings: Dict[str, List[Finding]] = {}
    for finding in report.findings:
        findings.setdefault(finding.rule, []).append(finding)
    lacks: Dict[str, List[str]] = {}
    for entry in report.not_checked:
        lacks.setdefault(entry.rule, []).append(entry.reason or "needs {}".format(entry.needs))
    cases = []
    for rule in sorted(report.ran.union(findings, lacks)):
        reasons = "; ".join(lacks.get(rule, ()))
        if rule in findings:
            cases.append(_found(rule, findings[rule], reasons, session))
        elif rule in report.ran:
            cases.append(_Case(rule, output=reasons))
        else:
            cases.append(_Case(rule, "skipped", summary=reasons))
    return cases + [_error(path, reason, session) for path, reason in report.problems]


def _error(path: str, reason: str, session: Session) -> _Case:
    shown = relative(path, session.folder)
    return _Case("read {}".format(shown), "error", "could-not-check", reason, "{}: {}".format(shown, reason))


def _found(rule: str, findings: Sequence[Finding], reasons: str, session: Session) -> _Case:
    counting = [one for one in findings if one.waived is None]
    if not counting:
        waived = [answered(one.waived) for one in findings if one.waived is not None]
        return _Case(rule, "skipped", summary="; ".join(dict.fromkeys(waived)), text=_all(findings, session))
    bad = [one for one in counting if at_least(one.severity, session.fail_on)]
    rest = [one for one in findings if one not in bad]
    output = "\n".join(filter(None, [_all(rest, session), reasons]))
    if not bad:
        return _Case(rule, output=output)
    more = " (and {} more)".format(len(bad) - 1) if len(bad) > 1 else ""
    # Not a fault of the files but of scmguard, which does not know what the rule would have said.
    outcome = "error" if rule == "internal-error" else "failure"
    return _Case(rule, outcome, bad[0].severity, bad[0].message + more, _all(bad, session), output)


def _all(findings: Iterable[Finding], session: Session) -> str:
    return "\n\n".join("\n".join(_told(one, session)) for one in findings)


def _told(finding: Finding, session: Session) -> Iterator[str]:
    folder = session.folder
    possible = " (possible)" if finding.confidence == "possible" else ""
    yield "{}: {}{}: {}".format(place(finding.span, folder), finding.severity, possible, finding.message)
    if finding.excerpt.strip():
        yield "    {}".format(finding.excerpt.strip())
    yield from conditions(finding)
    for related in finding.related:
        yield "{}: {}".format(place(related.span, folder), related.message)
    if finding.waived is not None:
        yield answered(finding.waived)
        return
    if finding.help:
        yield "help: {}".format(finding.help)


def escaped(text: str) -> str:
    """Text for an attribute or an element: what XML 1.0 has no character for is shown as ``\\xNN``, as elsewhere."""
    return "".join(
        _ESCAPES.get(char) or (char if char < "\x7f" else "&#{};".format(ord(char))) for char in printable(text)
    )


def escaped_lines(text: str) -> str:
    """Text of an element, with its line feeds as they are."""
    return "\n".join(escaped(line) for line in text.split("\n"))
