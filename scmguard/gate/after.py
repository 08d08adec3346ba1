"""After a transaction: check again, and put back what made it worse."""

import time
from contextlib import suppress
from typing import Dict, FrozenSet, Iterable, List, Mapping, Tuple

from scmguard.finding import Finding
from scmguard.gate import fingerprint, journal, state
from scmguard.gate.blame import to_put_back
from scmguard.gate.callers import Process
from scmguard.gate.gate import Gate, looks, present_faults, shown, tell, unsealed
from scmguard.gate.putback import Back, NotPutBack, put_back
from scmguard.gate.snapshot import Damaged, Kept, Snapshot
from scmguard.gate.snapshots import changed
from scmguard.gate.worse import faults, worse
from scmguard.packages import future
from scmguard.packages.ahead import GONE
from scmguard.packages.archive import Member


def after(gate: Gate, above: Iterable[Process]) -> None:
    """Closes the entries of the processes above (and stale ones), and looks at what changed. The gate is locked.

    apt runs its hooks afterwards in another process than those before. Raises OSError, Unreadable.
    """
    mine = {(process.pid, process.started) for process in above}
    open_ = [entry for entry in journal.entries() if entry.owner in mine or not entry.is_running]
    overridden = next((entry.overridden for entry in open_ if entry.overridden), "")
    names = ", ".join(entry.caller for entry in open_ if entry.caller)
    # Whatever ends this too soon, the next run goes on with it, and does not take what is there for somebody's edit.
    mark = journal.Entry("after", int(time.time()), "a change that was not looked at to the end", (), (0, 0))
    if not open_:
        with suppress(OSError):
            journal.begin(mark)
    _look(gate, names or "a change", overridden)
    if not open_:
        with suppress(OSError):
            journal.end(mark)
    for entry in open_:
        journal.end(entry)
        gate.log("end", entry.caller or "a transaction", id=entry.id)


def close_stale(gate: Gate, caller: str) -> None:
    """Closes entries whose process is gone: another hook stopped it, or it was killed. Raises OSError, Unreadable."""
    stale = [entry for entry in journal.entries() if not entry.is_running]
    for entry in stale:
        said = "a transaction has no end, it was stopped or killed: {}".format(entry.caller or "not known which")
        gate.log("stale", said, id=entry.id, found_by=caller)
        gate.say("note: {}".format(said))
    if stale:
        _look(gate, stale[-1].caller, next((entry.overridden for entry in stale if entry.overridden), ""))
    for entry in stale:
        journal.end(entry)


def _look(gate: Gate, caller: str, overridden: str) -> None:
    known = state.read()
    lines = fingerprint.fingerprint()
    if known is None:
        gate.snapshot("after {}".format(caller), present_faults(gate))
        return
    if known.settled and known.seen == lines:
        return
    report = gate.judge(gate.find(), None)
    added = worse(known.faults, report.findings)
    snapshot = _snapshot(gate, known.snapshot)
    names = changed(snapshot, gate.find().files, looks(lines, gate.top)) if snapshot is not None else ()
    restored: Tuple[str, ...] = ()
    if added and not overridden:
        tell(gate, added)
        if snapshot is not None:
            restored = _restore(gate, snapshot, names, known.faults, added)
        if not restored:
            gate.say("the unit may not boot: {}. Do not reboot before it is repaired".format(shown(added[0])))
            gate.log("broken", shown(added[0]), caller=caller, findings=[shown(finding) for finding in added])
    left = sorted(set(names) - set(restored))
    _seal_is_due(gate, left)
    # What is there now is what the next change is measured by, for better or worse.
    gate.snapshot("after {}".format(caller), present_faults(gate) if restored else faults(report.findings))
    if left:
        gate.log("changed", ", ".join(left[:20]), caller=caller)


def _snapshot(gate: Gate, name: str) -> "Snapshot | None":
    try:
        return gate.snapshots.read(name)
    except (Damaged, FileNotFoundError) as error:
        gate.say("note: nothing can be put back: {}".format(error))
        return None


def _restore(
    gate: Gate, snapshot: Snapshot, names: Tuple[str, ...], known: Mapping[Tuple[str, int], int], added: List[Finding]
) -> Tuple[str, ...]:
    """Puts back the files that made it worse. Gives their names; what cannot be put back is said."""
    members = _members(gate, snapshot, names)
    named = _named(gate, added)

    def harm(chosen: FrozenSet[str]) -> int:
        tree = future.put_back(gate.find(), {name: members[name] for name in chosen})
        return len(worse(known, gate.judge(tree, None).findings))

    chosen = to_put_back([name for name in names if name in members], named, harm)
    if not chosen:
        return ()
    kept = _set_aside(gate)
    done = []
    for name in chosen:
        member = members[name]
        data = None if member.kind == "gone" else member.data
        try:
            put_back(gate.top, Back(name, data, member.mtime, name in named))
        except NotPutBack as error:
            gate.say("NOT put back: {}".format(error))
            gate.log("broken", "not put back: {}".format(error))
            continue
        done.append(name)
        said = "taken away, as it was before" if data is None else "put back as it was before"
        gate.say("{} was {}: {}".format(name, said, shown(added[0])))
        gate.log("restore", "{} was {}".format(name, said), snapshot=snapshot.name, instead_of=kept)
    left = worse(known, gate.judge(gate.find(), None).findings)
    if left:
        gate.say("still worse than before: {}. Do not reboot before it is repaired".format(shown(left[0])))
        gate.log("broken", shown(left[0]))
    elif done:
        hint = "; what was there is kept: scmguard restore {} {}".format(kept, done[0]) if kept else ""
        gate.say("as good as before again" + hint)
    return tuple(done)


def _set_aside(gate: Gate) -> str:
    """Keeps what is there now, and gives its name; without room for it the unit has to boot all the same."""
    try:
        return gate.set_aside("what made it worse").name
    except OSError as error:
        gate.say("note: what is there now could not be kept: {}".format(error.strerror or error))
        return ""


def _members(gate: Gate, snapshot: Snapshot, names: Tuple[str, ...]) -> Dict[str, Member]:
    """What would be put back, by name; what is not kept, or damaged, is said and left out."""
    known: Dict[str, Kept] = snapshot.by_name
    found: Dict[str, Member] = {}
    for name in names:
        if name not in known:
            found[name] = GONE
            continue
        try:
            kept = known[name]
            found[name] = Member("file", 0o755, kept.size, kept.mtime, data=gate.snapshots.content(kept))
        except (Damaged, OSError) as error:
            gate.say("note: {}".format(error))
    return found


def _named(gate: Gate, added: List[Finding]) -> FrozenSet[str]:
    """The names on the boot partition of the files that findings are about."""
    paths = {span.path for one in added for span in (one.span, *(related.span for related in one.related))}
    prefix = gate.find().files.label("")
    return frozenset(path[len(prefix) :] for path in paths if path.startswith(prefix))


def _seal_is_due(gate: Gate, names: List[str]) -> None:
    due = unsealed(gate, names)
    if due:
        said = "{} changed and {} supervised: run `scmguard seal` before the next boot"
        gate.say(said.format(", ".join(due), "is" if len(due) == 1 else "are"))
        gate.log("seal-due", ", ".join(due))
