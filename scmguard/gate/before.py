"""Before a transaction: look ahead, and stop what would make it worse."""

import time
from typing import List, Optional

from scmguard.finding import Finding
from scmguard.folder import Folder, Unreadable
from scmguard.gate import after, callers, journal, override
from scmguard.gate.gate import VETO, Gate, present_faults, shown, tell
from scmguard.gate.worse import Faults, worse
from scmguard.packages import future
from scmguard.packages.lay import Pending, outlook
from scmguard.packages.transaction import CONFIGURE, Transaction

_MOST_PACKAGES = 50


def foreseen(root: Folder, transaction: Transaction) -> Pending:
    """A transaction with what it does to the boot files, from its packages. Raises Unreadable."""
    return Pending(transaction, outlook(root, transaction))


def look(gate: Gate, caller: str) -> Faults:
    """The faults of the boot files before a change, which is measured by them. Raises OSError, Unreadable."""
    after.close_stale(gate, caller)
    known = present_faults(gate)
    gate.snapshot("before {}".format(caller or "a transaction"), known)
    return known


def before(gate: Gate, pending: Pending, owner: Optional[callers.Process], trouble: Optional[OSError] = None) -> int:
    """Judges a transaction that is about to begin; the gate is locked. Returns 0, or VETO. Raises OSError, Unreadable.

    What is wrong already is no reason to stop anything. Where nothing can be kept, ``trouble`` or what comes up here,
    that is raised when all has been judged that can be.
    """
    transaction = pending.transaction
    try:
        if trouble is not None:
            raise trouble
        known = look(gate, transaction.caller)
    except OSError as error:
        trouble = error
        known = present_faults(gate)
    if known:
        gate.say("note: the boot files have faults already; `scmguard check` tells which")
    if not pending.matters:
        return _judged(pending, trouble)
    added = worse(known, gate.judge(future.after(gate.find(), pending.outlook), pending).findings)
    answers = override.read(time.time()) if added else None
    if added and answers is None:
        return _veto(gate, transaction, added)
    if trouble is None:
        _begin(gate, transaction, owner, answers, added)
    return _judged(pending, trouble)


def _begin(
    gate: Gate,
    transaction: Transaction,
    owner: Optional[callers.Process],
    answers: Optional[override.Override],
    added: List[Finding],
) -> None:
    entry = _entry(transaction, owner, answers.reason if answers is not None else "")
    journal.begin(entry)
    if answers is not None:
        override.use(answers)
        said = "overridden by {}: {}: {}".format(answers.who, answers.reason, shown(added[0]))
        gate.say(said)
        gate.log("override", said, caller=transaction.caller, findings=[shown(finding) for finding in added])
    gate.log("begin", transaction.caller or "a transaction", id=entry.id, packages=list(entry.packages))


def _judged(pending: Pending, trouble: Optional[OSError]) -> int:
    """The end of what was let through. Raises OSError, Unreadable for what could not be looked at."""
    if trouble is not None:
        raise trouble
    if pending.outlook.broken:
        raise Unreadable("; ".join(pending.outlook.broken[:3]), "what that would change was not looked at")
    return 0


def _veto(gate: Gate, transaction: Transaction, added: List[Finding]) -> int:
    gate.say("this is stopped, because the unit may not boot afterwards:")
    tell(gate, added)
    gate.say("nothing was changed. To go on all the same: scmguard guard override --reason TEXT, then again")
    gate.log("veto", shown(added[0]), caller=transaction.caller, findings=[shown(finding) for finding in added])
    # The last line of the output is what people see first.
    gate.say("vetoed: {}".format(shown(added[0])))
    return VETO


def _entry(transaction: Transaction, owner: Optional[callers.Process], overridden: str) -> journal.Entry:
    now = time.time()
    named = [change for change in transaction.changes if change.action != CONFIGURE][:_MOST_PACKAGES]
    names = tuple("{} {}".format(change.package, change.action) for change in named)
    process = (0, 0) if owner is None else (owner.pid, owner.started)
    return journal.Entry(journal.new_id(), int(now), transaction.caller, names, process, overridden)
