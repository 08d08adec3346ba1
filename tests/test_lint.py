"""Running rules: what is said once, and what a rule found before it could not go on."""

from typing import Any, Iterator, List

import pytest

from scmguard import lint, rulebook
from scmguard.boot import Boot
from scmguard.checks.base import Context, Hit
from scmguard.effective.board import BOARDS
from scmguard.finding import TreeReport
from scmguard.folder import MemoryFolder, Unreadable
from scmguard.text import Span

BOOK = rulebook.load()
RULE = BOOK.rules["bad-encoding"]


def report(monkeypatch: Any, check: Any, config: str = "") -> TreeReport:
    monkeypatch.setitem(lint.PREDICATES, RULE.check["python"], check)
    boot = Boot(MemoryFolder({"config.txt": config.encode()}))
    return lint.run(lint.Job((RULE,), (BOARDS["cm4"],), "cm4", {}), boot)


def said(found: TreeReport) -> List[Any]:
    return [(one.rule, one.message, one.confidence) for one in found.findings if one.rule == RULE.id]


@pytest.mark.parametrize("error, rule", [(ValueError("x"), "internal-error"), (Unreadable("a", "b"), None)])
def test_what_a_rule_found_before_it_stopped_counts(monkeypatch: Any, error: Exception, rule: Any) -> None:
    def check(_context: Context, _params: Any) -> Iterator[Hit]:
        yield Hit(None, Span("a"), "one")
        raise error

    found = report(monkeypatch, check)
    assert said(found) == [(RULE.id, "one", "certain")] and RULE.id not in found.ran
    assert [one.rule for one in found.findings if one.rule != RULE.id] == ([rule] if rule else [])
    assert bool(found.problems) is (rule is None)


def test_a_hit_that_is_none_is_a_crash(monkeypatch: Any) -> None:
    found = report(monkeypatch, lambda _context, _params: iter([None]))
    assert [one.rule for one in found.findings] == ["internal-error"]


def test_one_fault_in_several_worlds_is_said_once(monkeypatch: Any) -> None:
    def check(context: Context, _params: Any) -> Iterator[Hit]:
        for when, _ in context.config.outcome("x"):
            yield Hit(None, Span("a"), "one", when)
        yield Hit(None, Span("a"), "never", 0)

    found = report(monkeypatch, check, "[gpio4=1]\nx=1\n")
    assert said(found) == [(RULE.id, "one", "certain")]


def test_what_stops_the_boot_is_a_brick_on_a_sealed_unit_alone() -> None:
    tree = MemoryFolder({"config.txt": b"device_tree=\n"})
    for profile, severity in (("scm", "brick"), ("cm4", "no-boot")):
        chosen = BOOK.profiles[profile]
        job = lint.Job((BOOK.rules["device-tree-off"],), (BOARDS[chosen.board],), profile, chosen.parameters)
        assert [one.severity for one in lint.run(job, Boot(tree)).findings] == [severity]


def test_a_trial_boot_is_no_brick() -> None:
    tree = MemoryFolder({"config.txt": b"dtoverlay=dwc2,dr_mode=host\n", "tryboot.txt": b"otg_mode=1\n"})
    chosen = BOOK.profiles["scm"]
    job = lint.Job((BOOK.rules["tryboot-differs"],), (BOARDS["cm4"],), "scm", chosen.parameters)
    assert {one.severity for one in lint.run(job, Boot(tree)).findings} == {"no-boot"}


def test_files_that_include_each_other_many_times_over_are_refused_at_once() -> None:
    files = {"config.txt": b"include f1.txt\n", "f8.txt": b"hdmi_mode=4\n"}
    files.update({"f{}.txt".format(n): "include f{}.txt\n".format(n + 1).encode() * 10 for n in range(1, 8)})
    rules = (BOOK.rules["otg-mode-enabled"],)
    found = lint.run(lint.Job(rules, (BOARDS["cm4"],), "scm", {}), Boot(MemoryFolder(files))).findings
    assert [one.rule for one in found] == ["too-many-unknowns"] and "256 files" in found[0].message
