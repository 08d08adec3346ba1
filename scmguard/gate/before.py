"""Before a transaction: look ahead, and stop what would make it worse."""

import os
import time
from typing import List, Optional

from scmguard.finding import Finding
from scmguard.folder import Folder
from scmguard.gate import after, callers, journal, override
from scmguard.gate.gate import VETO, Gate, present_faults, shown, tell
from scmguard.gate.worse import worse
from scmguard.packages import future
from scmguard.packages.attention import matters
from scmguard.packages.lay import Pending, outlook
from scmguard.packages.transaction import CONFIGURE, Transaction

_MOST_PACKAGES = 50


def foreseen(root: Folder, transaction: Transaction) -> Pending:
    """A transaction with what it does to the boot files, from its packages. Raises Unreadable."""
    return Pending(transaction, outlook(root, transaction))


def before(gate: Gate, pending: Pending, owner: Optional[callers.Process]) -> int:
    """Judges a transaction that is about to begin; the gate is locked. Returns 0, or VETO. Raises OSError, Unreadable.

    What is wrong already is no reason to stop anything.
    """
    transaction = pending.transaction
    after.close_stale(gate, transaction.caller)
    known = present_faults(gate)
    gate.snapshot("before {}".format(transaction.caller or "a transaction"), known)
    if known:
        gate.say("note: the boot files have faults already; `scmguard check` tells which")
    for problem in pending.outlook.broken:
        gate.say("note: {}; what it would change was not looked at".format(problem))
    if not matters(pending):
        return 0
    added = worse(known, gate.judge(future.after(gate.find(), pending.outlook), pending).findings)
    answers = override.read(time.time()) if added else None
    if added and answers is None:
        return _veto(gate, transaction, added)
    entry = _entry(transaction, owner, answers.reason if answers is not None else "")
    journal.begin(entry)
    if answers is not None:
        override.use(answers)
        said = "overridden by {}: {}: {}".format(answers.who, answers.reason, shown(added[0]))
        gate.say(said)
        gate.log("override", said, caller=transaction.caller, findings=[shown(finding) for finding in added])
    gate.log("begin", transaction.caller or "a transaction", id=entry.id, packages=list(entry.packages))
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
    id = "{}-{}".format(int(now * 1000), os.getpid())
    return journal.Entry(id, int(now), transaction.caller, names, process, overridden)
