"""The page about formats: its commands do what it says, its examples are what CI systems read."""

import json
import os
import re
import shlex
from typing import Any

import pytest
from lxml import etree
from ruamel.yaml import YAML

from scmguard.report import gitlab_report, sarif_report, sarif_rules
from scmguard.report.github_report import _LEVELS
from scmguard.report.session import FORMATS
from tests.format_runs import GITLAB, JUNIT, SARIF, commands
from tests.places import TOP
from tests.test_cli import BAD, scmguard, tree

with open(os.path.join(TOP, "docs", "formats.md"), encoding="utf-8") as _stream:
    PAGE = _stream.read()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.S)
COMMANDS = re.findall(r"scmguard (check --format [^|\n']*)", "\n".join(text for _, text in BLOCKS))


def test_the_examples_use_every_format_for_programs() -> None:
    used = {shlex.split(line)[2] for line in COMMANDS}
    assert used == set(FORMATS) - {"text", "json", "html"}
    assert {kind for kind, _ in BLOCKS} == {"yaml", "groovy"}


@pytest.mark.parametrize("line", COMMANDS)
def test_an_example_makes_what_it_says(tmp_path: Any, line: str) -> None:
    tree(tmp_path / "boot", config_txt=BAD)
    arguments = shlex.split(line)
    done = scmguard(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    if "--output" not in arguments:
        assert commands(done.stdout.decode())[0][0][0] == "error"
        return
    data = (tmp_path / arguments[arguments.index("--output") + 1]).read_bytes()
    if arguments[2] == "junit":
        JUNIT.assertValid(etree.fromstring(data))
    else:
        {"sarif": SARIF, "gitlab": GITLAB}[arguments[2]].validate(json.loads(data))


def test_what_is_written_is_what_is_uploaded() -> None:
    written = {shlex.split(line)[4] for line in COMMANDS if "--output" in line}
    for kind, text in BLOCKS:
        if kind != "yaml":
            continue
        data = YAML(typ="safe").load(text)
        for step in data.get("steps", ()):
            if "with" in step:
                assert step["with"]["sarif_file"] in written
        for job in data.values():
            if isinstance(job, dict) and "artifacts" in job:
                assert set(job["artifacts"]["reports"].values()) <= written
    assert "junit 'scmguard.xml'" in PAGE and "scmguard.xml" in written


def test_the_table_of_severities() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (\w+) \| (\w+) \| (\w+) \|$", PAGE, re.M)
    assert [row[0] for row in rows] == ["brick", "no-boot", "degraded", "hygiene"]
    for severity, sarif, gitlab, _, github in rows:
        assert sarif_rules.LEVELS[severity] == sarif
        assert gitlab_report.SEVERITIES[severity] == gitlab
        assert _LEVELS[severity] == github


def test_the_limits_are_those_that_are_told() -> None:
    for number in (sarif_report.MOST_RESULTS, sarif_report.MOST_SHOWN):
        assert "{:,}".format(number) in PAGE
    assert sarif_report.FINGERPRINT in PAGE
