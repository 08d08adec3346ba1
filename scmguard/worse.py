"""Whether one state of a boot tree is worse than another.

Findings are not compared one by one: an edit moves lines and changes messages. What counts is how many each rule has,
and how bad and how sure they are.
"""

from collections import Counter
from typing import Callable, Dict, Iterable, List, Mapping, Tuple

from scmguard.finding import SEVERITIES, Finding

#: How many faults there are, by rule and weight.
Faults = Dict[Tuple[str, int], int]
# Less than any finding weighs.
_NONE = -9


def every(_finding: Finding) -> bool:
    """All findings count."""
    return True


def weight(finding: Finding) -> int:
    """How bad a finding is: 1 for a possible no-boot, 2 for a certain one, 3 and 4 for a brick; less below."""
    return 2 * SEVERITIES.index(finding.severity) - 3 + (finding.confidence == "certain")


def tally(findings: Iterable[Finding], which: Callable[[Finding], bool]) -> Faults:
    """The findings that count, by rule and weight."""
    return dict(Counter((finding.rule, weight(finding)) for finding in findings if which(finding)))


def worse(
    before: Mapping[Tuple[str, int], int], findings: Iterable[Finding], which: Callable[[Finding], bool]
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
        known += [_NONE] * len(mine)
        added += [finding for finding, old in zip(mine, known) if weight(finding) > old]
    return sorted(added, key=lambda finding: (-weight(finding), finding.rule, finding.span.path, finding.span.line))
