"""The stages of the hooks of apt and dpkg, each as an exit code."""

import os
from contextlib import ExitStack
from typing import Optional

from scmguard.cli.console import COULD_NOT, complain, reason_of
from scmguard.cli.the_gate import boot_files, the_gate
from scmguard.folder import Unreadable
from scmguard.gate import after, before, callers, calls, journal, quick
from scmguard.gate.gate import Busy, locked
from scmguard.packages import protocol


def hook(stage: str, payload: bytes) -> int:
    """One stage of a hook: pre, post, dpkgpre, dpkgpost, or dpkgnote, which is before what is never stopped.

    Returns 0, VETO, or what says that nothing could be judged; never raises but for SystemExit.

    A fault of scmguard is in the log with its traceback, and one line on standard error.
    """
    try:
        return _hook(stage, payload)
    except (Unreadable, Busy, protocol.Malformed) as error:
        complain(str(error))
    except OSError as error:
        complain(reason_of(error, "the gate's files"))
    except Exception as error:  # a bug must not stop apt
        import traceback

        journal.record("internal-error", repr(error), traceback=traceback.format_exc())
        complain("internal error, a bug in scmguard; its traceback is in the log: {!r}".format(error))
    return COULD_NOT


def _hook(stage: str, payload: bytes) -> int:
    above = callers.above(os.getpid())
    owner = callers.owner(above)
    if stage.startswith("dpkg") and calls.is_elsewhere(os.environ):
        return 0
    boot = boot_files()
    if boot is None or boot.root is None:
        return 0
    if stage in ("post", "dpkgpost"):
        gate = the_gate(boot)
        with ExitStack() as stack:
            trouble = _lock(stack)
            after.after(gate, above)
        if trouble is not None:
            raise trouble
        return 0
    if stage == "dpkgnote":
        if not quick.is_unchanged():
            gate = the_gate(boot)
            with locked():
                before.look(gate, os.environ.get("DPKG_HOOK_ACTION", ""))
        return 0
    transaction = calls.of_apt(payload, above) if stage == "pre" else calls.of_dpkg(boot.root, os.environ, above)
    if transaction is None:
        return 0
    pending = before.foreseen(boot.root, transaction)
    if not pending.matters and not pending.outlook.broken and quick.is_unchanged():
        return 0
    gate = the_gate(boot)
    with ExitStack() as stack:
        return before.before(gate, pending, owner, _lock(stack))


def _lock(stack: ExitStack) -> Optional[OSError]:
    """Locks the gate. Returns why that cannot be done: files can be judged all the same. Raises Busy."""
    try:
        stack.enter_context(locked())
    except OSError as error:
        return error
    return None
