"""What checks of the device share: the facts, and findings that stand on no line."""

from typing import TYPE_CHECKING, Iterable, Optional

from scmguard.checks.base import Context, Hit
from scmguard.finding import Related
from scmguard.text import Span

if TYPE_CHECKING:
    from scmguard.device.facts import Device, Fact


def asked(context: Context) -> "Device":
    """The facts of the device, for a rule that needs them."""
    assert context.device is not None, "the rule does not name the device among its needs"
    return context.device


def hit_fact(
    fact: "Fact[object]", message: str, severity: Optional[str] = None, related: Iterable[Related] = ()
) -> Hit:
    """A hit on where a fact is from: a file, or the question to a program."""
    return Hit(None, Span(fact.source or "the device"), message, related=tuple(related), severity=severity)
