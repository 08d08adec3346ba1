"""What the stages of the gate share: the unit's boot files, how they are judged, and where things are kept."""

import fcntl
import os
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from scmguard.boot import Boot
from scmguard.digest import digest
from scmguard.finding import Finding, TreeReport
from scmguard.folder import Folder
from scmguard.gate import fingerprint, journal, state
from scmguard.gate.places import LOCK, LOG
from scmguard.gate.snapshot import Snapshot
from scmguard.gate.snapshots import Snapshots
from scmguard.gate.worse import Faults, faults
from scmguard.packages.lay import Pending

#: What the hooks end with to stop a change.
VETO = 10
# How long to wait for another run of the gate, in seconds.
_WAIT = 60.0


class Busy(Exception):
    """Another run of the gate has not ended in time."""


class Keeps(NamedTuple):
    """How many snapshots are kept, and how many bytes of contents."""

    number: int = 10
    size: int = 512 << 20


class Gate(NamedTuple):
    """``find`` gives the boot files as they are now: what was read of a tree is kept with it, and files change.

    ``judge`` runs the rules over a tree; ``say`` prints a line; ``supervised`` are the files the module verifies,
    ``signed`` their SHA-256 as they were signed last, where that is known.
    """

    find: Callable[[], Boot]
    root: Folder
    top: str
    judge: Callable[[Boot, Optional[Pending]], TreeReport]
    say: Callable[[str], None]
    supervised: FrozenSet[str] = frozenset()
    signed: Mapping[str, str] = {}
    keeps: Keeps = Keeps()
    snapshots: Snapshots = Snapshots()

    def log(self, event: str, message: str, **fields: Any) -> None:
        """A line in the log; that it could not be written is said, and stops nothing."""
        trouble = journal.record(event, message, LOG, **fields)
        if trouble:
            self.say("note: the log could not be written: {}".format(trouble))

    def snapshot(self, why: str, found: Faults) -> Snapshot:
        """The boot files as they are, kept, and what the next change is measured by. Raises OSError, Unreadable."""
        taken, lines, settled = self._take(why, not found)
        self.snapshots.prune(self.keeps.number, self.keeps.size)
        state.write(state.State(lines, settled, found, taken.name))
        return taken

    def set_aside(self, why: str) -> Snapshot:
        """The boot files as they are, kept, while the next change is measured by what was there before.

        Raises OSError, Unreadable.
        """
        return self._take(why, False)[0]

    def _take(self, why: str, good: bool) -> Tuple[Snapshot, str, bool]:
        began = time.time_ns()
        lines = fingerprint.fingerprint()
        settled = fingerprint.is_settled(lines, began)
        seen = looks(lines, self.top)
        return self.snapshots.take(self.find().files, seen, settled, why, good, int(time.time())), lines, settled


def unsealed(gate: Gate, names: Iterable[str]) -> List[str]:
    """Those of some files that the module verifies and that are not as they were signed last. Raises Unreadable."""
    files = gate.find().files
    found: List[str] = []
    for name in sorted(set(names) & gate.supervised):
        now = digest(files, name)
        if now is None or now.sha256 != gate.signed.get(name):
            found.append(name)
    return found


def looks(lines: str, top: str) -> Dict[str, str]:
    """How each file of the boot partition looks from outside, by its name there."""
    prefix = os.path.realpath(top) + "/"
    # A name that is written in another way there is not told apart here.
    pairs = (line.partition("\t") for line in lines.split("\n") if "\\" not in line)
    return {path[len(prefix) :]: rest for path, _, rest in pairs if path.startswith(prefix)}


@contextmanager
def locked(path: str = LOCK) -> Iterator[None]:
    """Keeps every other run of the gate out until the end. Raises Busy, OSError."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + _WAIT
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Busy("another run of the gate has not ended within {:g} s".format(_WAIT)) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)


def shown(finding: Finding) -> str:
    """A finding in one line."""
    possible = " (possible)" if finding.confidence == "possible" else ""
    return "{}{}[{}]: {}".format(finding.severity, possible, finding.rule, finding.message)


def tell(gate: Gate, findings: List[Finding]) -> None:
    """Says findings, each with what to do."""
    for finding in findings:
        gate.say(shown(finding))
        place = finding.span.path + (":{}".format(finding.span.line) if finding.span.line else "")
        gate.say("  at {}".format(place))
        if finding.help:
            gate.say("  help: {}".format(" ".join(finding.help.split())))


def present_faults(gate: Gate) -> Faults:
    """The faults of the boot files as they are now. Raises Unreadable."""
    return faults(gate.judge(gate.find(), None).findings)
