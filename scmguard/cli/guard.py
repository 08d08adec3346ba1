"""``scmguard guard``."""

import os
import sys
import time
from typing import List, Optional

from scmguard import programs
from scmguard.cli.console import COULD_NOT, USAGE, complain, fail, reason_of
from scmguard.cli.the_gate import boot_files, the_gate
from scmguard.cli.who import who
from scmguard.folder import Unreadable
from scmguard.gate import fingerprint, journal, override, reboot, state
from scmguard.gate.gate import VETO, Busy, locked, present_faults, shown
from scmguard.gate.places import OVERRIDE
from scmguard.text import date, printable

# How often the boot files are looked at again because they changed meanwhile.
_LOOKS = 10
_PAUSE = 1.0


def run_reboot(quiet: bool) -> int:
    """Says whether the next boot is safe: 0 if so, VETO if not."""
    reasons = _next_boot()
    if reasons is None:
        if not quiet:
            complain("there are no boot files here, and nothing to guard")
        return 0
    if not reasons:
        if not quiet:
            complain("the next boot is safe, as far as can be told")
        return 0
    answers = override.read(time.time())
    if answers is not None:
        complain("overridden by {}: {}: {}".format(answers.who, answers.reason, reasons[0]))
        return 0
    complain("do not reboot: {}".format(reasons[0]))
    return VETO


def _next_boot() -> Optional[List[str]]:
    """Why the next boot is not safe, in lines with the worst first; None where there are no boot files."""
    try:
        boot = boot_files()
        if boot is None or boot.root is None:
            return None
        gate = the_gate(boot)
        found = reboot.unsafe(gate.judge(gate.find(), None).findings, reboot.began_with())
    except Unreadable as error:
        fail(COULD_NOT, str(error))
    return [shown(finding) for finding in found]


def run_watch() -> int:
    """Looks at the boot files and keeps the reason why the next boot is not safe, for the inhibitor and the login."""
    _as_root("watch")
    try:
        before = reboot.noted()
        # What changes meanwhile starts no second run.
        for _ in range(_LOOKS):
            lines = fingerprint.fingerprint(watched=fingerprint.FOR_REBOOT)
            reason = printable(_unsafe())
            again = fingerprint.fingerprint(watched=fingerprint.FOR_REBOOT)
            if again == lines and fingerprint.is_settled(lines, time.time_ns()):
                break
            time.sleep(_PAUSE)
        reboot.note(reason)
        if override.read(time.time()) is None:
            override.end(OVERRIDE)  # one that is over is of no use
            reboot.saw(lines if again == lines else "")
        else:
            # What it lets through counts again when it ends.
            reboot.saw("")
    except OSError as error:
        fail(COULD_NOT, reason_of(error, "the gate's files"))
    if reason != before:
        _systemctl("restart", "scmguard-inhibit.service")
        journal.record("unsafe", reason) if reason else journal.record("safe", "the next boot is safe again")
    if reason:
        complain("the next boot is not safe: {}".format(reason))
    return 0


def _unsafe() -> str:
    """Why the next boot is not safe, where nobody answers for it; empty if it is."""
    reasons = _next_boot()
    return reasons[0] if reasons and override.read(time.time()) is None else ""


def run_boot() -> int:
    """At the start of the system: what this boot began with, and an end for what the last one left open."""
    _as_root("boot")
    try:
        boot = boot_files()
        if boot is None or boot.root is None:
            return 0
        gate = the_gate(boot)
        with locked():
            found = present_faults(gate)
            for entry in journal.entries():
                if not entry.is_running:
                    gate.log("stale", "a transaction has no end: {}; the unit has booted since".format(entry.caller))
                    journal.end(entry)
            reboot.remember(found)
            gate.snapshot("this boot began with it", found)
    except (Unreadable, Busy) as error:
        fail(COULD_NOT, str(error))
    except OSError as error:
        fail(COULD_NOT, reason_of(error, "the gate's files"))
    return run_watch()


def run_override(reason: str, transactions: Optional[int], until: Optional[str], ends: bool) -> int:
    """Lets what the gate would stop through, for a while."""
    _as_root("override")
    now = int(time.time())
    try:
        if ends:
            override.end(OVERRIDE)
            _systemctl("restart", "scmguard-watch.service")
            journal.record("override", "ended by {}".format(who()))
            complain("no override is in force")
            return 0
        if not reason.strip():
            fail(USAGE, "an override takes a reason: --reason TEXT")
        if until is not None and transactions is not None:
            fail(USAGE, "--for and --until exclude each other")
        end = now + override.LONGEST if until is None else _time(until, now)
        made = override.Override(" ".join(reason.split()), who(), now, end, 0 if until else transactions or 1)
        override.write(made)
        _systemctl("restart", "scmguard-watch.service")
    except OSError as error:
        fail(COULD_NOT, reason_of(error, "the gate's files"))
    said = "what would be stopped is let through {}until {}: {}"
    many = made.transactions
    count = "for {} transaction{}, and ".format(many, "" if many == 1 else "s") if many else ""
    message = said.format(count, date(made.until), made.reason)
    trouble = journal.record("override", "made by {}: {}".format(made.who, message))
    complain(message)
    if trouble:
        complain("note: the log could not be written: {}".format(trouble))
    return 0


def _systemctl(what: str, unit: str) -> None:
    """Has systemd do something with a unit, where it runs, without waiting for that."""
    systemctl = programs.find("systemctl")
    if systemctl is not None and os.path.isdir("/run/systemd/system"):
        try:
            programs.ask(systemctl, ["--no-block", what, unit], 5.0)
        except programs.Silent as error:
            complain("note: systemctl: {}".format(error))


def _time(text: str, now: int) -> int:
    from datetime import datetime, timezone

    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        fail(USAGE, "{!r} is no time such as 2031-12-31T18:00 (UTC unless it says otherwise)".format(text))
    end = int((found if found.tzinfo is not None else found.replace(tzinfo=timezone.utc)).timestamp())
    if end <= now:
        fail(USAGE, "{} is over already".format(text))
    return end


def _as_root(what: str) -> None:
    if os.geteuid() != 0:
        fail(COULD_NOT, "guard {} is for root: run it with sudo".format(what))


def run_status(count: int) -> int:
    """Says what the gate knows: the present faults, what is open, the override, and the last decisions."""
    _as_root("status")
    known = state.read()
    lines: List[str] = []
    if known is None:
        lines.append("the gate has not looked at this machine yet")
    else:
        total = sum(known.faults.values())
        lines.append("boot files: {}".format("{} faults at no-boot or above".format(total) if total else "no fault"))
        lines.append("snapshot: {}".format(known.snapshot))
    answers = override.read(time.time())
    lines.append("override: {}".format("none" if answers is None else _override(answers)))
    for entry in journal.entries():
        lines.append("{}: {}".format("running" if entry.is_running else "without an end", entry.caller))
    try:
        for event in journal.last(count):
            lines.append("{} {}: {}".format(event.get("time"), event.get("event"), event.get("message")))
    except OSError as error:
        lines.append("the log cannot be read: {}".format((error.strerror or str(error)).lower()))
    sys.stdout.write("".join(printable(line) + "\n" for line in lines))
    return 0


def _override(one: override.Override) -> str:
    count = "{} transactions, ".format(one.transactions) if one.transactions else ""
    return "{}until {}, by {}: {}".format(count, date(one.until), one.who, one.reason)
