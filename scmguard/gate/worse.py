"""Which findings the gate judges a change by."""

from typing import Callable, Iterable, List, Mapping, Tuple

from scmguard import worse as states
from scmguard.finding import Finding, at_least
from scmguard.worse import Faults, weight

__all__ = ["NOT_JUDGED", "VETO_AT", "Faults", "after_boot", "counts", "faults", "weight", "worse"]

#: Findings from here up stop a change.
VETO_AT = "no-boot"
#: What is not judged by: signing comes after every change, and what is running is what was there before.
NOT_JUDGED = frozenset(["supervised-file-changed", "running-differs-from-files"])


def counts(finding: Finding) -> bool:
    """Whether a finding can stop a change."""
    return after_boot(finding) and finding.rule not in NOT_JUDGED


def after_boot(finding: Finding) -> bool:
    """Whether a finding can keep the unit from booting: files that are not signed do, too."""
    return finding.waived is None and at_least(finding.severity, VETO_AT)


def faults(findings: Iterable[Finding]) -> Faults:
    """The faults that can stop a change."""
    return states.tally(findings, counts)


def worse(
    before: Mapping[Tuple[str, int], int], findings: Iterable[Finding], which: Callable[[Finding], bool] = counts
) -> List[Finding]:
    """The findings that the state before does not have, worst first; none where nothing is worse."""
    return states.worse(before, findings, which)
