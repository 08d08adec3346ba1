"""What the gate knew when it looked last: how the boot files looked, and what was wrong with them.

Loaded by every apt run, so that it imports nothing; who writes imports more.
"""

from __future__ import annotations

from scmguard.gate import plain
from scmguard.gate.places import STATE

_HEAD = "scmguard gate 1"


class State:
    """``seen`` is a fingerprint, ``settled`` whether a later change is sure to differ from it.

    ``faults`` are counted by rule and weight, as :mod:`scmguard.gate.worse` weighs them; ``snapshot`` names the boot
    files as they were.
    """

    def __init__(self, seen: str, settled: bool, faults: dict[tuple[str, int], int], snapshot: str) -> None:
        self.seen = seen
        self.settled = settled
        self.faults = faults
        self.snapshot = snapshot


def read(path: str = STATE) -> State | None:
    """The state as it was written last; None where there is none, or none that can be read."""
    try:
        text = plain.read(path).decode("utf-8", "surrogateescape")
    except OSError:
        return None
    head, _, rest = text.partition("\n\n")
    seen, end, _ = rest.partition("\n\n")
    lines = head.split("\n")
    # A file that was cut off has no end mark, and is none.
    if len(lines) < 3 or lines[0] != _HEAD or not end:
        return None
    faults = {}
    for line in lines[3:]:
        try:
            rule, weight, count = line.split(" ")
            faults[rule, int(weight)] = int(count)
        except ValueError:
            return None
    return State(seen, lines[1] == "settled", faults, lines[2])


def write(state: State, path: str = STATE) -> None:
    """Replaces the state. Raises OSError."""
    from scmguard import atomic

    lines = [_HEAD, "settled" if state.settled else "unsettled", state.snapshot]
    lines += ["{} {} {}".format(rule, weight, count) for (rule, weight), count in sorted(state.faults.items())]
    text = "{}\n\n{}\n\n".format("\n".join(lines), state.seen)
    atomic.replace(path, [text.encode("utf-8", "surrogateescape")], 0o600)
