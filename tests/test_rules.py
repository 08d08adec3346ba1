"""Every rule's examples: the bad ones give exactly the findings they name, the good ones none."""

from typing import Any, Mapping

import pytest

from scmguard import assets, rulebook
from scmguard.checks import PREDICATES
from scmguard.device.facts import Device, Fact
from scmguard.effective.board import BOARDS
from scmguard.examples import boot_of, cases, device_of, expected, findings, job_of
from scmguard.lint import run as lint

RULES, PROFILES = rulebook.read_folder(assets.rules_folder())
BOOK = rulebook.load()
CASES = {name: (rule, bad, example) for rule in RULES for name, (bad, example) in cases(rule).items()}


@pytest.mark.parametrize("name", CASES)
def test_example(name: str) -> None:
    rule, bad, example = CASES[name]
    found = findings(rule, example, BOOK.profiles)
    said = ["{}:{}: {}".format(one.span.path, one.span.line, one.message) for one in found]
    if not bad:
        assert said == []
        return
    wanted = [expected(text) for text in example["finds"]]
    assert len(found) == len(wanted), said
    for (path, line, message), one in zip(wanted, found):
        assert (one.span.path, one.span.line) == (path, line), said
        assert one.message.startswith(message), said
        assert one.rule == rule.id
    if "severity" in example:
        assert {one.severity for one in found} == {example["severity"]}
    possible = {one.confidence == "possible" for one in found}
    assert possible == {bool(example.get("possible", False))}


def test_every_predicate_is_used_by_a_rule() -> None:
    used = {rule.check["python"] for rule in RULES if "python" in rule.check}
    assert used == set(PREDICATES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_has_bad_and_good_examples(rule: rulebook.Rule) -> None:
    examples: Mapping[str, Any] = rule.examples
    assert len(examples["bad"]) >= 2 and len(examples["good"]) >= 2


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_page_says_something(rule: rulebook.Rule) -> None:
    for text in (rule.rationale, rule.recovery, rule.help):
        assert len(text) > 20 and text.rstrip()[-1] in ".:"
    assert "\n" not in rule.summary and rule.summary.endswith(".")


@pytest.mark.parametrize(
    "line, severity",
    [
        ("dtoverlay=ads7846," + ",".join("p{}=1".format(number) for number in range(30)), "degraded"),
        ("[all]" + " " * 140, "hygiene"),
        ("# " + "x" * 140, "hygiene"),
        ("# {} force_turbo=1".format("x" * 96), "degraded"),
    ],
)
def test_a_long_line_is_only_serious_where_something_is_lost(line: str, severity: str) -> None:
    found = findings(BOOK.rules["line-too-long"], {"files": {"config.txt": line + "\n"}}, BOOK.profiles)
    assert [one.severity for one in found] == [severity]


def test_what_a_rule_does_not_look_at_makes_no_finding_either() -> None:
    """Rules that are skipped for lack of what they look at say nothing there when they are run all the same."""
    narrow = [rule for rule in RULES if rule.looks_at]
    assert len(narrow) > 10
    always = tuple(rule._replace(looks_at=()) for rule in narrow)
    for rule, _bad, example in CASES.values():
        job = job_of(rule, example, BOOK.profiles)
        for name, tree in (("scm", "cm4"), ("pi4", "pi4")):
            job = job._replace(boards=(BOARDS[tree],), profile=name, parameters=BOOK.profiles[name].parameters)
            wanted = lint(job._replace(rules=always), boot_of(example)).findings
            assert lint(job._replace(rules=tuple(narrow)), boot_of(example)).findings == wanted, example["name"]


def test_a_rule_asks_the_device_only_for_the_facts_that_it_names() -> None:
    """Those are the only ones that are looked for when it runs."""
    assert any(rule.facts for rule in RULES)
    for rule, _bad, example in CASES.values():
        device = device_of(example)
        if device is None:
            continue
        named = device._replace(
            **{name: Fact.missing("not named") for name in Device._fields if name not in rule.facts}
        )
        job = job_of(rule, example, BOOK.profiles)
        assert lint(job, boot_of(example), named).findings == lint(job, boot_of(example), device).findings, example[
            "name"
        ]
