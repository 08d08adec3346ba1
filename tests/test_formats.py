"""The formats for programs are valid by their published schemas, for every rule and whatever is in a file."""

import json
import os
import subprocess
import sys
from typing import Any, Dict, List

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from scmguard.finding import SEVERITIES, Finding, NotChecked, Related, Waived
from scmguard.report.session import FORMATS
from scmguard.text import Span, decode
from tests.format_runs import BOOK, commands, finding, gitlab, junit, of_example, rendered, report, sarif
from tests.test_cli import BAD, GOOD, environment, scmguard, tree

MACHINE = ("sarif", "gitlab", "junit", "github")
NASTY = [
    "",
    "a b/c:d,e;f%25.txt",
    "../up/config.txt",
    "a/../../../config.txt",
    "/boot/firmware/config.txt",
    "//boot//config.txt",
    "/work tree/α/boot/config.txt",
    "/work tree/α",
    "<stdin>",
    "-",
    "x:y/config.txt",
    "#?[]{}|^`\"'<>\\.txt",
    "über/配置/\U0001f600.txt",
    decode(b"bytes-\xff\xfe/config.txt"),
    "tab\there\nand\rthere\x1b[31m\x00\x7f\x85\u2028\ufffe\uffff",
    "]]>&amp;<!--",
    "::error::x",
    "x\n::set-env name=PATH::/evil",
    "%0A::add-mask::x",
    "[link](http://example.org) {0} {{1}}",
    "\ud800 lone \udfff",
    "x" * 3000,
]


@pytest.mark.parametrize("rule", BOOK.rules.values(), ids=lambda rule: rule.id)
def test_reports_on_the_bad_examples_of_a_rule(rule: Any) -> None:
    examples = rule.examples["bad"]
    assert examples
    for example in examples:
        made = of_example(rule, example)
        ids = [one.rule for one in made.findings]
        assert rule.id in ids, "the example finds nothing"
        run = sarif([made], asked=(rule.id,))
        assert [result["ruleId"] for result in run["results"]] == ids
        assert run["tool"]["driver"]["rules"][0]["help"]["markdown"]
        assert run["invocations"][0]["executionSuccessful"]
        assert [entry["check_name"] for entry in gitlab([made])] == ids
        suite = junit([made], fail_on="hygiene")[0]
        failed = [case.get("name") for case in suite if case.find("failure") is not None]
        assert failed == sorted(set(ids))
        found, other = commands(rendered("github", [made]))
        assert sorted(p["title"].split(": ")[1] for _, p, _ in found if "file" in p) == sorted(ids)
        assert len(other) == 1


def test_there_are_rules_and_formats_to_try() -> None:
    assert len(BOOK.rules) >= 133
    assert set(MACHINE) < set(FORMATS)


def test_all_rules_together_describe_themselves() -> None:
    rules = sarif([], asked=tuple(BOOK.rules))["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(BOOK.rules)
    for rule, own in zip(rules, BOOK.rules.values()):
        assert all(source.split()[0].rstrip(":,") in rule["help"]["text"] for source in own.sources)
        assert own.recovery.strip() in rule["help"]["text"]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_hostile_paths_and_messages(text: str) -> None:
    span = Span(text, 3, 2, 3, 5)
    one = finding(
        message=text or "m",
        span=span,
        related=(Related(span, text),),
        excerpt=text,
        waived=None,
        when=(text,),
        confidence="possible",
    )
    waived = one._replace(waived=Waived(text, "2031-12-31"), rule="house-rule")
    lacks = [NotChecked("boot-file-missing", text, text)]
    made = report(one, waived, path=text, not_checked=lacks, notes=(text,), problems=((text, text),))
    run = sarif([made])
    assert len(run["results"]) == 2
    assert len(gitlab([made])) == 2  # the finding, and the file that could not be read
    cases = {case.get("name"): case for case in junit([made])[0]}
    assert cases["otg-mode-enabled"].find("failure") is not None
    assert cases["house-rule"].find("skipped").get("message").startswith("waived (until 2031-12-31): ")
    found, other = commands(rendered("github", [made]))
    assert [name for name, _, _ in found] == ["error", "error", "notice", "notice"]
    assert other == ["1 brick, 1 waived (--show-waived lists them)"]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.builds(
            finding,
            rule=st.sampled_from(["otg-mode-enabled", "inert-setting", "internal-error", "house-rule"]),
            severity=st.sampled_from(SEVERITIES),
            message=st.text(min_size=1),
            span=st.builds(Span, st.sampled_from(NASTY) | st.text(), *[st.integers(0, 5)] * 4),
            excerpt=st.text(),
            help=st.text(),
            waived=st.none() | st.builds(Waived, st.text(), st.none(), st.sampled_from(["waiver", "baseline"])),
        ),
        max_size=6,
    ),
    st.lists(st.tuples(st.text(), st.text()), max_size=2),
)
def test_any_findings_at_all(findings: List[Finding], errors: Any) -> None:
    made = report(*findings)
    run = sarif([made], errors=errors)
    assert len(run["results"]) == len(findings)
    assert run["invocations"][0]["executionSuccessful"] == (
        not errors and not any(one.rule == "internal-error" and one.waived is None for one in findings)
    )
    junit([made], errors=errors)
    assert len(commands(rendered("github", [made], errors=errors))[1]) == 1
    data = json.loads(rendered("gitlab", [made], errors=errors))
    assert len(data) == len([one for one in findings if one.waived is None]) + len(errors)


def test_nothing_at_all() -> None:
    assert sarif([])["results"] == []
    assert rendered("gitlab", []) == "[]\n"
    assert len(junit([])) == 0
    assert commands(rendered("github", [])) == ([], ["no findings in 0 boot trees"])


def test_a_tree_without_a_finding() -> None:
    made = report(ran=frozenset(["otg-mode-enabled"]))
    assert sarif([made])["results"] == [] and gitlab([made]) == []
    (case,) = junit([made])[0]
    assert case.get("name") == "otg-mode-enabled" and len(case) == 0
    assert commands(rendered("github", [made])) == ([], ["no findings"])


def test_a_thousand_trees_are_passed_on_as_they_come() -> None:
    taken = 0

    def reports() -> Any:
        nonlocal taken
        for number in range(1000):
            taken = number + 1
            path = "boots/{}/config.txt".format(number)
            yield report(finding(span=Span(path, 2, 1, 2, 11)), path=os.path.dirname(path))

    assert len(sarif(reports())["results"]) == 1000
    assert len(gitlab(reports())) == 1000
    assert len(junit(reports())) == 1000
    assert len(commands(rendered("github", reports()))[0]) == 1000
    assert taken == 1000


@pytest.mark.parametrize("format", ["sarif", "gitlab", "junit"])
def test_what_is_known_is_written_before_the_next_tree_is_asked_for(format: str) -> None:
    from scmguard.finding import Summary
    from scmguard.report.session import Session, Style, Tail, render

    asked: List[int] = []

    def reports() -> Any:
        for number in range(3):
            asked.append(number)
            yield report(finding(message="number {} is bad".format(number)))

    tail = Tail([], [], [], Summary({}, 3))
    pieces = render(format, reports(), Session("1", BOOK.rules, "scm", ("cm4",), Style(), lambda: tail))
    for piece in pieces:
        if "number 0 is bad" in piece:
            break
    assert asked == [0]


@pytest.mark.parametrize(
    "config, arguments, code",
    [
        (BAD, [], 1),
        (GOOD, [], 0),
        (BAD, ["nowhere"], 3),
        (BAD, ["--ignore", "otg-mode-enabled", "--fail-on", "brick"], 0),
        ("disable_splash=1\n[pi3]\ngpu_mem=16\n", ["--fail-on", "hygiene"], 1),
    ],
)
def test_the_format_never_changes_the_exit_code(tmp_path: Any, config: str, arguments: List[str], code: int) -> None:
    tree(tmp_path, config_txt=config)
    for format in FORMATS:
        done = scmguard("check", "--format", format, tmp_path / "config.txt", *arguments, cwd=tmp_path)
        assert done.returncode == code, (format, done.stderr)
        assert done.stdout


def test_the_report_goes_to_a_file(tmp_path: Any) -> None:
    tree(tmp_path, config_txt=BAD)
    for format in MACHINE:
        plain = scmguard("check", "--format", format, "config.txt", cwd=tmp_path)
        done = scmguard("check", "--format", format, "--output", "out", "config.txt", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, b"")
        assert (tmp_path / "out").read_bytes() == plain.stdout


def test_real_files_with_bytes_that_are_no_text(tmp_path: Any) -> None:
    folder = os.path.join(os.fsencode(tmp_path), b"caf\xe9 \xff")
    os.mkdir(folder)
    with open(os.path.join(folder, b"config.txt"), "wb") as stream:
        stream.write(b"otg_mode=1 # \xff\x1b]]>\x0b\xf0\x9f\x98\x80\n")
    outputs: Dict[str, bytes] = {}
    for format in MACHINE:
        for encoding in ("utf-8", "ascii:strict", "latin-1:strict"):
            env = dict(environment(), PYTHONIOENCODING=encoding)
            command = [sys.executable, "-m", "scmguard", "check", "--format", format, folder]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=env)
            assert done.returncode == 1
            assert b"\x1b" not in done.stdout and b"\xff" not in done.stdout
            if format != "github":  # which is text; the others are ASCII, so that no encoding changes them
                assert outputs.setdefault(format, done.stdout) == done.stdout
    etree.fromstring(outputs["junit"])
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in json.loads(outputs["sarif"])["runs"][0]["results"]
    }
    assert uris == {"caf%E9%20%FF/config.txt"}


def test_standard_input_is_no_file_of_the_tree(tmp_path: Any) -> None:
    done = scmguard("check", "--format", "sarif", "-", data=BAD.encode(), cwd=tmp_path)
    assert done.returncode == 1
    (result,) = json.loads(done.stdout)["runs"][0]["results"]
    where = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert where == {"uri": "%3Cstdin%3E", "description": {"text": "standard input"}}
    done = scmguard(
        "check", "--format", "gitlab", "--stdin-filename", "a/config.txt", "-", data=BAD.encode(), cwd=tmp_path
    )
    assert json.loads(done.stdout)[0]["location"]["path"] == "a/config.txt"
