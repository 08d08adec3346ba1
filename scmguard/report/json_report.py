"""The JSON report, schema 1: stable, described by ``schema/report-1.json`` in the package.

Written piece by piece, so that the report on ten thousand trees is never in memory as a whole.
"""

import json
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence

from scmguard.finding import SEVERITIES, Finding, Fix, TreeReport, Waived
from scmguard.report.session import Session, Tail
from scmguard.text import Span, printable, printable_lines

SCHEMA = 1


def render(reports: Iterable[TreeReport], session: Session) -> Iterator[str]:
    """The report, piece by piece."""
    yield head(session.version, session.profile, session.boards)
    yield from findings(finding for report in reports for finding in report.findings)
    yield tail(session.tail())


def head(version: str, profile: str, boards: Sequence[str]) -> str:
    """The report up to the first finding."""
    start = {
        "schema": SCHEMA,
        "tool": {"name": "scmguard", "version": version},
        "profile": profile,
        "boards": list(boards),
    }
    return _dump(start)[:-1] + ', "findings": ['


def findings(each: Iterable[Finding]) -> Iterator[str]:
    """The findings, with commas between them."""
    separator = "\n"
    for finding in each:
        yield separator + _dump(finding_data(finding))
        separator = ",\n"


def tail(end: Tail) -> str:
    """The report after the last finding."""
    counts: Dict[str, int] = {severity: end.summary.counts.get(severity, 0) for severity in reversed(SEVERITIES)}
    counts["waived"] = end.summary.waived
    counts["baseline"] = end.summary.baseline
    data: Dict[str, Any] = {
        "not_checked": [
            {"rule": one.rule, "needs": printable(one.needs), "reason": printable(one.reason)}
            for one in end.not_checked
        ],
        "errors": [{key: printable(text) for key, text in error.items()} for error in end.errors],
        "notes": [printable(note) for note in end.notes],
        "trees": end.summary.trees,
        "summary": counts,
    }
    if end.statistics is not None:
        data["statistics"] = [
            {"rule": one.rule, "severity": one.severity, "count": one.findings, "trees": one.trees}
            for one in end.statistics
        ]
    return "], " + _dump(data)[1:] + "\n"


def finding_data(finding: Finding) -> Dict[str, Any]:
    """A finding as the schema has it. Places without a line have null there."""
    data: Dict[str, Any] = {
        "rule": finding.rule,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "board": finding.board,
        "message": printable(finding.message),
    }
    data.update(_span(finding.span))
    data["related"] = [_related(related.span, related.message) for related in finding.related]
    data["reading"] = None if finding.reading is None else {"id": finding.reading[0], "choice": finding.reading[1]}
    data["when"] = [printable(one) for one in finding.when]
    data["help"] = finding.help
    data["fix"] = None if finding.fix is None else fix_data(finding.fix)
    data["waived"] = None if finding.waived is None else _waived(finding.waived)
    return data


def fix_data(fix: Fix) -> Dict[str, Any]:
    """What would correct a finding, as the schema has it."""
    edits = [
        {"path": printable(edit.path), "line": edit.line, "end_line": edit.end_line, "text": printable_lines(edit.text)}
        for edit in fix.edits
    ]
    return {"title": printable(fix.title), "safe": fix.safe, "edits": edits}


def _waived(waived: Waived) -> Dict[str, Any]:
    return {"by": waived.by, "reason": printable(waived.reason), "expires": waived.expires}


def _related(span: Span, message: str) -> Dict[str, Any]:
    where = _span(span)
    return {"path": where["path"], "line": where["line"], "column": where["column"], "message": printable(message)}


def _span(span: Span) -> Dict[str, Any]:
    numbers: List[Optional[int]] = [None] * 4
    if span.line:
        numbers = [span.line, span.column, span.end_line, span.end_column]
    line, column, end_line, end_column = numbers
    return {
        "path": printable(span.path),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


def _dump(data: Any) -> str:
    return json.dumps(data, ensure_ascii=True)
