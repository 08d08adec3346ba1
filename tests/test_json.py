"""The JSON report is what its schema says, for every example of every rule."""

import json
from typing import Any, Dict, List

import jsonschema
import pytest

from scmguard import __version__, assets, rulebook
from scmguard.examples import boot_of, cases, job_of
from scmguard.finding import Summary, TreeReport
from scmguard.lint import run
from scmguard.report import json_report
from scmguard.report.session import Tail

BOOK = rulebook.load()
SCHEMA: Dict[str, Any] = json.loads(assets.package_file("schema", "report-1.json"))
CASES = {name: (rule, example) for rule in BOOK.rules.values() for name, (_, example) in cases(rule).items()}


def as_json(reports: List[TreeReport], boards: List[str]) -> Any:
    found = [finding for report in reports for finding in report.findings]
    skipped = [entry for report in reports for entry in report.not_checked]
    summary = Summary({}, len(reports))
    text = json_report.head(__version__, "scm", boards) + "".join(json_report.findings(found))
    return json.loads(text + json_report.tail(Tail(skipped, [{"path": "x", "reason": "y"}], ["note"], summary)))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", CASES)
def test_report_of_an_example(name: str) -> None:
    rule, example = CASES[name]
    job = job_of(rule, example, BOOK.profiles)
    report = run(job, boot_of(example))
    data = as_json([report], [board.name for board in job.boards])
    jsonschema.validate(data, SCHEMA)
    for finding, one in zip(data["findings"], report.findings):
        if one.excerpt and finding["end_line"] == finding["line"]:
            assert 1 <= finding["column"] <= finding["end_column"] <= len(one.excerpt) + 2


def test_text_that_is_no_unicode_is_still_json() -> None:
    boot = boot_of({"files": {"config.txt": "gpu_mem=\xff64 # x\x1b[31m\n"}})
    rule = BOOK.rules["bad-encoding"]
    report = run(job_of(rule, {}, BOOK.profiles), boot)
    jsonschema.validate(as_json([report], ["cm4"]), SCHEMA)
