"""``scmguard snapshot`` and ``scmguard restore``."""

import os
import sys
from typing import Any, List, Mapping, Optional, Sequence

from scmguard.cli.console import COULD_NOT, USAGE, complain, fail, reason_of
from scmguard.cli.the_gate import the_gate
from scmguard.folder import Unreadable
from scmguard.gate import fingerprint
from scmguard.gate.gate import Busy, Gate, locked, looks, present_faults, shown, unsealed
from scmguard.gate.putback import Back, NotPutBack, put_back
from scmguard.gate.snapshot import Damaged, Kept, Snapshot
from scmguard.gate.snapshots import Snapshots, changed
from scmguard.gate.worse import after_boot
from scmguard.inputs import discover
from scmguard.inputs.discover import Request
from scmguard.text import date, printable


def run_snapshot(options: Mapping[str, Any]) -> int:
    """Keeps the boot files of this machine as they are now, or lists what is kept."""
    _as_root()
    if options["list_"]:
        return _list()
    gate = _gate()
    try:
        with locked():
            found = present_faults(gate)
            taken = gate.snapshot(options["reason"] or "by hand", found)
    except (Unreadable, Busy) as error:
        fail(COULD_NOT, str(error))
    except OSError as error:
        fail(COULD_NOT, reason_of(error, "the snapshots"))
    missing = [each.name for each in taken.files if not each.stored]
    if missing:
        complain("note: there was no room for the content of {}".format(", ".join(missing[:5])))
    sys.stdout.write("{}: {} files{}\n".format(taken.name, len(taken.files), "" if taken.good else ", with faults"))
    return COULD_NOT if missing else 0


def _list() -> int:
    found = list(Snapshots().every())
    for one in reversed(found):
        mark = "good" if one.good else "-"
        size = sum(each.size for each in one.files if each.stored)
        sys.stdout.write(
            "{:24} {:5} {:4} files {:>8.1f} MB  {}\n".format(
                one.name, mark, len(one.files), size / 1_000_000, printable(one.why)
            )
        )
    for name in sorted(set(Snapshots().names()) - {one.name for one in found}):
        complain("{} is damaged".format(name))
    return 0


def run_restore(name: Optional[str], files: Sequence[str], options: Mapping[str, Any]) -> int:
    """Puts boot files back as they were in a snapshot: the one named, or the last one that is known to be good."""
    _as_root()
    gate = _gate()
    try:
        with locked():
            return _restore(gate, _snapshot(gate, name), files, options)
    except (Unreadable, Busy, Damaged) as error:
        fail(COULD_NOT, str(error))
    except OSError as error:
        fail(COULD_NOT, reason_of(error, "the snapshots"))


def _snapshot(gate: Gate, name: Optional[str]) -> Snapshot:
    if name is None:
        good = next((one for one in gate.snapshots.every() if one.good), None)
        if good is None:
            fail(COULD_NOT, "no snapshot is known to be good; name one of `scmguard snapshot --list`")
        return good
    try:
        return gate.snapshots.read(name)
    except FileNotFoundError:
        fail(USAGE, "there is no snapshot {!r}; `scmguard snapshot --list` tells which there are".format(name))


def _restore(gate: Gate, snapshot: Snapshot, files: Sequence[str], options: Mapping[str, Any]) -> int:
    differ = changed(snapshot, gate.find().files, looks(fingerprint.fingerprint(), gate.top))
    known = snapshot.by_name
    for name in files:
        if name not in known and name not in differ:
            fail(USAGE, "{} has no {!r}".format(snapshot.name, name))
    # Files that came since are no part of what was kept; they go only where they are named.
    wanted = [name for name in differ if (name in files if files else name in known)]
    if not wanted:
        complain("nothing to do: the files are as in {} ({})".format(snapshot.name, date(snapshot.time)))
        return 0
    backs = [_back(gate, known.get(name), name) for name in wanted]
    if options["dry_run"]:
        for back in backs:
            sys.stdout.write(
                "{}: {}\n".format(printable(back.name), "to take away" if back.data is None else "to put back")
            )
        return 0
    kept = gate.snapshot("before restore", present_faults(gate))
    done: List[str] = []
    for back in backs:
        try:
            put_back(gate.top, back)
        except NotPutBack as error:
            complain("NOT put back: {}".format(error))
            continue
        done.append(back.name)
        said = "taken away" if back.data is None else "put back"
        sys.stdout.write("{}: {}\n".format(printable(back.name), said))
        gate.log("restore", "{}: {}, by hand".format(back.name, said), snapshot=snapshot.name, instead_of=kept.name)
    findings = gate.judge(gate.find(), None).findings
    gate.snapshot("after restore", present_faults(gate))
    due = unsealed(gate, done)
    if due:
        complain("{}: supervised; run `scmguard seal` before the next boot".format(", ".join(due)))
    bad = [finding for finding in findings if after_boot(finding)]
    for finding in bad[:3]:
        complain("note: {}".format(shown(finding)))
    return 0 if len(done) == len(backs) else COULD_NOT


def _back(gate: Gate, kept: Optional[Kept], name: str) -> Back:
    return Back(name, None) if kept is None else Back(name, gate.snapshots.content(kept), kept.mtime)


def _gate() -> Gate:
    try:
        return the_gate(discover.this_machine(Request()))
    except Unreadable as error:
        fail(COULD_NOT, str(error))


def _as_root() -> None:
    if os.geteuid() != 0:
        fail(COULD_NOT, "snapshots are for root: run it with sudo")
