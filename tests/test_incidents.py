"""docs/incidents.yaml: every reported failure is shown by an example that fires, or says why not."""

import os
import re
from typing import Any, Dict, List

import pytest

from scmguard import assets, rulebook
from scmguard.examples import findings
from tests.places import REFERENCE, docs_script, needs_reference

SCRIPT = docs_script("update_incidents")
INCIDENTS: List[Dict[str, Any]] = SCRIPT.incidents()
SHOWN = SCRIPT.examples()
RULES = rulebook.read_folder(assets.rules_folder())[0]
PROFILES = rulebook.load().profiles
NUMBERED = [
    (kind, rule, example)
    for rule in RULES
    for kind in ("bad", "good")
    for example in rule.examples[kind]
    if "incidents" in example
]


def test_the_page_is_up_to_date() -> None:
    with open(SCRIPT.PAGE, encoding="utf-8") as stream:
        assert stream.read() == SCRIPT.page(), "run docs/update_incidents.py"


def test_incidents_are_numbered_in_order() -> None:
    assert [entry["number"] for entry in INCIDENTS] == list(range(1, 98))


@pytest.mark.parametrize("entry", INCIDENTS, ids=lambda entry: str(entry["number"]))
def test_an_incident_is_said_in_plain_text(entry: Dict[str, Any]) -> None:
    assert set(entry) - {"reason"} == {"number", "what", "reference", "static"}
    assert entry["static"] in SCRIPT.SEEN_FROM
    for key in ("what", "reference", "reason"):
        text = entry.get(key, "x.")
        assert text == " ".join(text.split())
        assert key == "reference" or text.endswith(".")


@pytest.mark.parametrize("entry", INCIDENTS, ids=lambda entry: str(entry["number"]))
def test_an_incident_is_shown_or_has_a_reason(entry: Dict[str, Any]) -> None:
    shown, reason = entry["number"] in SHOWN, "reason" in entry
    assert shown or reason, "neither an example nor a reason"
    if entry["static"] not in ("gate", "no"):
        assert not (shown and reason), "an example shows it, so it needs no reason"


def test_examples_name_incidents_that_there_are() -> None:
    assert set(SHOWN) <= {entry["number"] for entry in INCIDENTS}
    for kind, rule, example in NUMBERED:
        numbers = example["incidents"]
        assert kind == "bad", "{}: {!r} is a good example".format(rule.id, example["name"])
        assert numbers and len(numbers) == len(set(numbers)), (rule.id, example["name"])


@pytest.mark.parametrize(
    "kind, rule, example", NUMBERED, ids=["{}: {}".format(r.id, e["name"]) for _, r, e in NUMBERED]
)
def test_the_example_of_an_incident_fires(kind: str, rule: rulebook.Rule, example: Dict[str, Any]) -> None:
    assert findings(rule, example, PROFILES)


@needs_reference
def test_the_marks_are_those_of_the_reference() -> None:
    with open(os.path.join(REFERENCE, "incidents.md"), encoding="utf-8") as stream:
        rows = [line.strip().strip("|").split(" | ") for line in stream if re.match(r"\| [0-9]+ \|", line)]
    marks = {int(row[0]): row[-1].split()[0] for row in rows}
    assert {entry["number"]: entry["static"] for entry in INCIDENTS} == marks
