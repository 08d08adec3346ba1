"""GitLab's Code Quality report: a JSON list of what GitLab takes from Code Climate's form, and nothing else.

Waived findings are left out: GitLab has no word for them, and would count them. What could not be checked is an entry
of its own, because GitLab takes a finding that is missing for one that was corrected.
"""

import json
from typing import Any, Dict, Iterable, Iterator, Tuple

from scmguard.finding import Finding, TreeReport
from scmguard.report.places import Fingerprints, conditions, encode_any, region, relative, sentence
from scmguard.report.session import Session
from scmguard.text import printable

#: GitLab's severities are info, minor, major, critical and blocker. What costs the device is the worst there is, what
#: stops it until somebody comes is next; a lost function is a fault and no matter of taste, so that it is not minor;
#: and what does nothing yet is for information.
SEVERITIES = {"brick": "blocker", "no-boot": "critical", "degraded": "major", "hygiene": "info"}


def render(reports: Iterable[TreeReport], session: Session) -> Iterator[str]:
    """The report, piece by piece."""
    fingerprints = Fingerprints(session.folder)
    separator = "[\n"
    for report in reports:
        for finding in report.findings:
            # Counted all the same: a waiver must not change the identity of others.
            fingerprint = fingerprints.of(finding)
            if finding.waived is None:
                yield separator + json.dumps(_issue(finding, fingerprint, session.folder))
                separator = ",\n"
    for error in session.tail().errors:
        yield separator + json.dumps(_error(error["path"], error["reason"], session.folder))
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _issue(finding: Finding, fingerprint: str, folder: str) -> Dict[str, Any]:
    said = [printable(sentence(finding.message)), *conditions(finding)]
    return _entry(
        " ".join(said),
        finding.rule,
        fingerprint,
        SEVERITIES[finding.severity],
        (relative(finding.span.path, folder), region(finding.span)[0]),
    )


def _error(path: str, reason: str, folder: str) -> Dict[str, Any]:
    from hashlib import sha256

    where = relative(path, folder)
    fingerprint = sha256(b"could-not-check\0" + encode_any(where)).hexdigest()
    said = "{}: this could not be checked: {}".format(printable(path), printable(reason))
    return _entry(said, "could-not-check", fingerprint, "blocker", (where, 1))


def _entry(
    description: str, check_name: str, fingerprint: str, severity: str, place: Tuple[str, int]
) -> Dict[str, Any]:
    path, line = place
    return {
        "description": description,
        "check_name": check_name,
        # As many digits as an MD5 has, which is what GitLab's own examples show.
        "fingerprint": fingerprint[:32],
        "severity": severity,
        "location": {"path": printable(path), "lines": {"begin": line}},
    }
