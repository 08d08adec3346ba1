"""Running rules: what is said once, and what a rule found before it could not go on."""

from typing import Any, Iterator, List

import pytest

from scmguard import lint, rulebook
from scmguard.boot import Boot, MemoryFolder, Unreadable
from scmguard.checks.base import Context, Hit
from scmguard.effective.board import BOARDS
from scmguard.finding import TreeReport
from scmguard.text import Span

RULE = rulebook.load().rules["bad-encoding"]


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
