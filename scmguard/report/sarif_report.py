"""SARIF 2.1.0 (OASIS), as GitHub's code scanning, editors and result servers read it.

One run. Results are written as they come; what is known at the end (the rules that have results, what was not checked)
stands behind them, so that ten thousand trees need no memory.
"""

import json
from typing import Any, Dict, Iterable, Iterator, List, Optional

from scmguard.boot import Boot
from scmguard.finding import Finding, NotChecked, TreeReport, Waived
from scmguard.report import sarif_fixes
from scmguard.report.places import STDIN, Fingerprints, conditions, place, region, relative, sentence, uri
from scmguard.report.sarif_rules import LEVELS, Rules, message
from scmguard.report.session import Session, Tail
from scmguard.text import Span

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
#: The name of our fingerprint, with its version. GitHub's own (primaryLocationLineHash) is made by its upload action.
FINGERPRINT = "scmguard/v1"
#: GitHub refuses a run with more results, and shows the worst of them: documented limits of code scanning.
MOST_RESULTS, MOST_SHOWN = 25000, 5000
_LONGEST_SNIPPET = 500
_ROOT = "%SRCROOT%"
_NOTIFICATIONS = {
    "could-not-check": "An input could not be read or evaluated.",
    "not-checked": "A rule was not checked, or only in part, because something that it looks at is not there.",
    "note": "What was done to find the files.",
    "many-results": "There are more results than GitHub's code scanning takes or shows.",
}


def render(reports: Iterable[TreeReport], session: Session) -> Iterator[str]:
    """The log, piece by piece."""
    rules = Rules(session.rules, session.asked)
    fingerprints = Fingerprints(session.folder)
    yield '{{"$schema": {}, "version": "2.1.0", "runs": [{{"results": ['.format(json.dumps(SCHEMA))
    separator, count, crashed = "\n", 0, False
    for report in reports:
        for finding in report.findings:
            data = _result(finding, fingerprints.of(finding), rules.note(finding), report.boot, session.folder)
            yield separator + json.dumps(data)
            separator = ",\n"
            count += 1
            crashed = crashed or (finding.rule == "internal-error" and finding.waived is None)
    yield "], " + json.dumps(_run(session, rules, count, crashed))[1:] + "]}\n"


def _result(finding: Finding, fingerprint: str, index: int, boot: Optional[Boot], folder: str) -> Dict[str, Any]:
    span = finding.span
    where = _location(span, folder)
    snippet = finding.excerpt[span.column - 1 : span.end_column - 1] if span.line == span.end_line else ""
    if snippet and len(snippet) <= _LONGEST_SNIPPET and snippet.isprintable():
        where["physicalLocation"]["region"]["snippet"] = {"text": snippet}
    properties: Dict[str, Any] = {"severity": finding.severity, "confidence": finding.confidence}
    if finding.board is not None:
        properties["board"] = finding.board
    if finding.reading is not None:
        properties["reading"] = "{}={}".format(*finding.reading)
    data: Dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": LEVELS[finding.severity],
        "message": message("\n".join([sentence(finding.message), *conditions(finding)])),
        "locations": [where],
        "partialFingerprints": {FINGERPRINT: fingerprint},
        "properties": properties,
    }
    if finding.related:
        data["relatedLocations"] = [
            dict(_location(related.span, folder), id=number, message=message(related.message))
            for number, related in enumerate(finding.related, 1)
        ]
    if finding.waived is not None:
        data["suppressions"] = [_suppression(finding.waived)]
    fix = None if finding.fix is None else sarif_fixes.changes(finding.fix, boot)
    if fix and finding.fix is not None:
        made = [{"artifactLocation": _artifact(path, folder), "replacements": each} for path, each in fix]
        data["fixes"] = [{"description": sarif_fixes.description(finding.fix), "artifactChanges": made}]
    return data


def _suppression(waived: Waived) -> Dict[str, Any]:
    properties = {"by": waived.by}
    if waived.expires is not None:
        properties["expires"] = waived.expires
    return {
        "kind": "external",
        "status": "accepted",
        "justification": message(waived.reason)["text"],
        "properties": properties,
    }


def _location(span: Span, folder: str) -> Dict[str, Any]:
    line, column, end_line, end_column = region(span)
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(span.path, folder),
            "region": {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column},
        }
    }


def _artifact(path: str, folder: str) -> Dict[str, Any]:
    shown = relative(path, folder)
    if shown == STDIN:
        return {"uri": uri(shown), "description": {"text": "standard input"}}
    if shown.startswith("/"):
        return {"uri": uri(shown)}
    return {"uri": uri(shown), "uriBaseId": _ROOT}


def _run(session: Session, rules: Rules, count: int, crashed: bool) -> Dict[str, Any]:
    """The run but for its results."""
    end = session.tail()
    notifications = list(_execution(end, count, session.folder))
    configuration = [_not_checked(entry, rules) for entry in end.not_checked]
    root: Dict[str, Any] = {"description": {"text": "The working directory of scmguard."}}
    invocation: Dict[str, Any] = {
        "executionSuccessful": not (end.errors or crashed),
        "toolConfigurationNotifications": configuration,
        "toolExecutionNotifications": notifications,
    }
    if session.folder:
        root["uri"] = uri(session.folder.rstrip("/") + "/")
        invocation["workingDirectory"] = {"uri": root["uri"]}
    # GitHub's rules for descriptors ask for all three, of notifications, too.
    texts = ("shortDescription", "fullDescription", "help")
    kinds = [dict({key: {"text": text} for key in texts}, id=id) for id, text in _NOTIFICATIONS.items()]
    return {
        "tool": {
            "driver": {
                "name": "scmguard",
                "version": session.version,
                "rules": list(rules.descriptors()),
                "notifications": kinds,
            }
        },
        "automationDetails": {"id": "scmguard/{}/".format(session.profile)},
        "invocations": [invocation],
        "originalUriBaseIds": {_ROOT: root},
        "columnKind": "unicodeCodePoints",
        "defaultEncoding": "UTF-8",
        "newlineSequences": ["\r\n", "\n", "\r"],
        "properties": {
            "profile": session.profile,
            "boards": list(session.boards),
            "trees": end.summary.trees,
            "waived": end.summary.waived,
            "baseline": end.summary.baseline,
        },
    }


def _execution(end: Tail, count: int, folder: str) -> Iterator[Dict[str, Any]]:
    for error in end.errors:
        made = _notification(
            "could-not-check", "error", "{}: {}".format(place(Span(error["path"]), folder), error["reason"])
        )
        made["locations"] = [{"physicalLocation": {"artifactLocation": _artifact(error["path"], folder)}}]
        yield made
    for note in end.notes:
        yield _notification("note", "note", note)
    if count > MOST_SHOWN:
        said = "There are {} results. GitHub's code scanning shows the worst {}, and refuses a run with more than {}."
        yield _notification("many-results", "warning", said.format(count, MOST_SHOWN, MOST_RESULTS))


def _not_checked(entry: NotChecked, rules: Rules) -> Dict[str, Any]:
    made = _notification("not-checked", "note", "{}: {}".format(entry.rule, entry.reason or "needs " + entry.needs))
    made["associatedRule"] = {"id": entry.rule, "index": rules.index(entry.rule)}
    made["properties"] = {"needs": message(entry.needs)["text"]}
    return made


def _notification(id: str, level: str, text: str) -> Dict[str, Any]:
    kinds: List[str] = list(_NOTIFICATIONS)
    return {"descriptor": {"id": id, "index": kinds.index(id)}, "level": level, "message": message(text)}
