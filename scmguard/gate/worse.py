"""Whether one state of the boot files is worse than another.

Findings are not compared one by one: an edit moves lines and changes messages. What counts is how many each rule has,
and how bad and how sure they are.
"""

from collections import Counter
from typing import Callable, Dict, Iterable, List, Mapping, Tuple

from scmguard.finding import Finding, at_least

#: Findings from here up stop a change.
VETO_AT = "no-boot"
# What the gate does not judge by: signing comes after every change, and what is running is what was there before.
_NOT_JUDGED = frozenset(["supervised-file-changed", "running-differs-from-files"])

#: How many faults there are, by rule and weight.
Faults = Dict[Tuple[str, int], int]


def counts(finding: Finding) -> bool:
    """Whether a finding can stop a change."""
    return after_boot(finding) and finding.rule not in _NOT_JUDGED


def after_boot(finding: Finding) -> bool:
    """Whether a finding can keep the unit from booting: files that are not signed do, too."""
    return finding.waived is None and at_least(finding.severity, VETO_AT)


def weight(finding: Finding) -> int:
    """How bad a finding is: 1 for a possible no-boot, 2 for a certain one, 3 and 4 for a brick."""
    return (3 if finding.severity == "brick" else 1) + (finding.confidence == "certain")


def faults(findings: Iterable[Finding]) -> Faults:
    """The faults that can stop a change."""
    return dict(Counter((finding.rule, weight(finding)) for finding in findings if counts(finding)))


def worse(
    before: Mapping[Tuple[str, int], int], findings: Iterable[Finding], which: Callable[[Finding], bool] = counts
) -> List[Finding]:
    """The findings that the state before does not have, worst first; none where nothing is worse.

    Of a rule that had findings before, those of a weight that it did not have so often count.
    """
    found = [finding for finding in findings if which(finding)]
    added: List[Finding] = []
    for rule in {finding.rule for finding in found}:
        mine = sorted((finding for finding in found if finding.rule == rule), key=weight, reverse=True)
        known = sorted((w for (name, w), count in before.items() if name == rule for _ in range(count)), reverse=True)
        # The worst now stands against the worst before, the next against the next.
        known += [0] * len(mine)
        added += [finding for finding, old in zip(mine, known) if weight(finding) > old]
    return sorted(added, key=lambda finding: (-weight(finding), finding.rule, finding.span.path, finding.span.line))
