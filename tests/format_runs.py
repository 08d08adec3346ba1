"""The formats of ``check`` in tests: reports rendered, held against published schemas, and read as their readers do."""

import base64
import json
import os
import re
from typing import Any, Dict, Iterable, List, Optional, Tuple

import jsonschema
from lxml import etree

from scmguard import __version__, rulebook
from scmguard.cli.check import Outcome
from scmguard.examples import boot_of, device_of, job_of, pending_of
from scmguard.finding import Finding, TreeReport
from scmguard.lint import run as lint
from scmguard.report.session import Session, Style, render
from scmguard.text import Span

BOOK = rulebook.load()
SCHEMAS = os.path.join(os.path.dirname(__file__), "schemas")
FOLDER = "/work tree/α"


def _json(name: str) -> Any:
    with open(os.path.join(SCHEMAS, name), encoding="utf-8") as stream:
        return json.load(stream)


SARIF = jsonschema.Draft4Validator(_json("sarif-schema-2.1.0.json"))
GITLAB = jsonschema.Draft7Validator(_json("gitlab-code-quality.json"))
JUNIT = etree.XMLSchema(etree.parse(os.path.join(SCHEMAS, "junit-10.xsd")))

# RFC 3986: a file URI, or a relative reference, whose first segment has no colon; what is not ASCII is encoded.
_CHARS = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=@/]|%[0-9A-F]{2})"
URI = re.compile(r"\A(?:file://(?:/(?::|" + _CHARS + r")*)|(?!/)(?:" + _CHARS + r")+)\Z")


def rendered(format: str, reports: Iterable[TreeReport], **given: Any) -> str:
    """The report in a format, from a session as ``check`` makes one; errors are told with ``errors``."""
    errors = given.pop("errors", ())
    outcome = Outcome()
    outcome.errors.extend({"path": path, "reason": reason} for path, reason in errors)
    seen = outcome.watch(reports)
    session = Session(__version__, BOOK.rules, "scm", ("cm4",), Style(), outcome.tail, folder=FOLDER)._replace(**given)
    pieces = list(render(format, seen, session))
    assert all(isinstance(piece, str) for piece in pieces)
    return "".join(pieces)


def report(*findings: Finding, path: str = "boot", **more: Any) -> TreeReport:
    """A report on a tree, with findings made by hand."""
    return TreeReport(path, list(findings), list(more.pop("not_checked", ())), **more)


def finding(rule: str = "otg-mode-enabled", severity: str = "brick", **more: Any) -> Finding:
    """A finding made by hand."""
    given: Dict[str, Any] = {
        "confidence": "certain",
        "board": "cm4",
        "message": "otg_mode=1 is in effect on cm4",
        "span": Span("boot/config.txt", 2, 1, 2, 11),
        "excerpt": "otg_mode=1",
        "help": "Remove the line.",
    }
    given.update(more)
    return Finding(rule, severity, **given)


def of_example(rule: rulebook.Rule, example: Any) -> TreeReport:
    """The report on a rule's example, run as the rule's own tests run it."""
    pending, boot = pending_of(example), boot_of(example)
    if pending is not None:
        from scmguard.packages.future import after

        boot = after(boot, pending.outlook)
    return lint(job_of(rule, example, BOOK.profiles), boot, device_of(example), pending)


def sarif(reports: Iterable[TreeReport], **given: Any) -> Any:
    """The one run of a SARIF log that is valid by the schema and holds what the schema cannot say."""
    log = json.loads(rendered("sarif", reports, **given))
    SARIF.validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    ids = [rule["id"] for rule in rules]
    assert len(set(ids)) == len(ids)
    for rule in rules:
        assert len(rule["properties"]["tags"]) <= 10
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024 and 0 < len(rule["shortDescription"]["text"]) <= 1024
        assert rule["help"]["text"]
    prints = [result["partialFingerprints"]["scmguard/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["message"]["text"].strip()
        assert len(result["locations"]) == 1
    invocation = run["invocations"][0]
    kinds = run["tool"]["driver"]["notifications"]
    for one in invocation["toolConfigurationNotifications"] + invocation["toolExecutionNotifications"]:
        assert kinds[one["descriptor"]["index"]]["id"] == one["descriptor"]["id"]
        if "associatedRule" in one:
            assert ids[one["associatedRule"]["index"]] == one["associatedRule"]["id"]
    _walk(run)
    return run


def _walk(value: Any) -> None:
    if isinstance(value, list):
        for each in value:
            _walk(each)
    elif isinstance(value, dict):
        if "uri" in value:
            assert URI.match(value["uri"]), value["uri"]
            assert ("uriBaseId" in value) <= (not value["uri"].startswith("file:"))
        if "startLine" in value:
            assert (value["startLine"], value["startColumn"]) <= (value["endLine"], value["endColumn"])
        for each in value.values():
            _walk(each)
    elif isinstance(value, str):
        value.encode("utf-8")


def gitlab(reports: Iterable[TreeReport], **given: Any) -> Any:
    """A Code Quality report that GitLab takes as a whole: it merges entries with the same fingerprint."""
    data = json.loads(rendered("gitlab", reports, **given))
    GITLAB.validate(data)
    assert len({entry["fingerprint"] for entry in data}) == len(data)
    return data


def junit(reports: Iterable[TreeReport], **given: Any) -> Any:
    """A JUnit report that is valid by the XSD, and whose suites count right."""
    text = rendered("junit", reports, **given)
    root = etree.fromstring(text.encode("ascii"))
    JUNIT.assertValid(root)
    for suite in root:
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(key) == str(sum(case.find(tag) is not None for case in cases))
        names = [(case.get("classname"), case.get("name")) for case in cases]
        assert len(set(names)) == len(names)
    return root


def commands(text: str) -> Tuple[List[Tuple[str, Dict[str, str], str]], List[str]]:
    """What GitHub's runner takes from a step's output: commands with properties and message, and the other lines.

    As actions/runner does it (ActionCommand.TryParseV2): a line that begins with two colons, up to the next two.
    """
    found, other = [], []
    # The runner reads lines as .NET does: CR, LF or both end one.
    for line in re.split("\r\n|\r|\n", text):
        body = line.lstrip()
        end = body.find("::", 2)
        if not body.startswith("::") or end < 0:
            if line:
                other.append(line)
            continue
        name, _, rest = body[2:end].partition(" ")
        pairs = (pair.split("=", 1) for pair in rest.strip().split(",") if pair)
        properties = {pair[0]: _back(_back(pair[1], ":", "%3A"), ",", "%2C") for pair in pairs if len(pair) == 2}
        found.append((name, {key: _plain(value) for key, value in properties.items()}, _plain(body[end + 2 :])))
    return found, other


def _back(text: str, char: str, escape: str) -> str:
    return text.replace(escape, char)


def _plain(text: str) -> str:
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def applied(change: Any, data: bytes) -> bytes:
    """A file after the replacements of an artifactChange, as a reader of SARIF makes them."""
    bom = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    text = data[len(bom) :].decode("utf-8", "surrogateescape")
    lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", text)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def at(line: int, column: int) -> int:
        place = starts[line - 1] + column - 1
        assert place <= len(text), "behind the end of the file"
        return len(bom) + len(text[:place].encode("utf-8", "surrogateescape"))

    edits: List[Tuple[int, int, bytes]] = []
    for made in change["replacements"]:
        region: Dict[str, int] = made["deletedRegion"]
        content: Optional[Dict[str, str]] = made.get("insertedContent")
        if "byteOffset" in region:
            start, end = region["byteOffset"], region["byteOffset"] + region["byteLength"]
            new = base64.b64decode(content["binary"]) if content else b""
        else:
            start = at(region["startLine"], region["startColumn"])
            end = at(region["endLine"], region["endColumn"])
            new = content["text"].encode("utf-8") if content else b""
        edits.append((start, end, new))
    for start, end, new in sorted(edits, reverse=True):
        data = data[:start] + new + data[end:]
    return data
