"""Signing a file, and being sure of what was signed.

The ledger says of a file that its signing has begun before the module is asked, and what was signed afterwards.
Whenever it is interrupted, the ledger is one of the two, and the next run signs the file again.
"""

from typing import Any, Callable, Dict, Iterable, Iterator, Tuple

from scmguard.device.facts import Signed, Unknown
from scmguard.device.ledger import written
from scmguard.device.machine import Machine
from scmguard.device.zymbit import answered
from scmguard.digest import Digest, digest
from scmguard.folder import Folder
from scmguard.programs import Answer
from scmguard.seal.plan import Item, Plan
from scmguard.seal.store import Store


class Failed(Exception):
    """A file that is not signed, or of which that is not known: its name, and why as a clause."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__("{}: {}".format(name, reason))
        self.name = name
        self.reason = reason


def sign_all(
    machine: Machine,
    files: Folder,
    plan: Plan,
    store: Store,
    clock: Callable[[], float],
    others: Iterable[Signed] = (),
) -> Iterator[Signed]:
    """Signs file after file and gives each that is signed and entered. ``others`` stay in the ledger as they are.

    Where the ledger says already what it would be made to say, nothing is written, and none of the last is lost.
    Raises :class:`Failed` at the first one that fails, OSError where the ledger cannot be written, and Unreadable.
    """
    entries: Dict[str, Signed] = {entry.name: entry for entry in (*others, *plan.unchanged)}
    if not plan.items and store.read() == written(entries.values()):
        return
    store.keep()
    for item in plan.items:
        # What the ledger says of a file holds until the module is asked to sign it.
        if digest(files, item.name) != item.digest:
            raise Failed(item.name, "it was changed after it was checked; nothing of it was signed")
        entries[item.name] = Signed(item.name, 0, "", int(clock()))
        store.write(entries.values())
        sign(machine, files, item)
        entries[item.name] = Signed(item.name, item.digest.size, item.digest.sha256, int(clock()))
        store.write(entries.values())
        yield entries[item.name]
    if not plan.items:
        store.write(entries.values())


def sign(machine: Machine, files: Folder, item: Item) -> None:
    """Has the module sign one file, which must afterwards be what was to be signed. Raises Failed, Unreadable."""
    try:
        answer = machine.sign(item.name)
    except Unknown as error:
        raise Failed(item.name, str(error)) from None
    code, fault = _code(answer)
    if fault:
        raise Failed(item.name, fault)
    if code != 0:
        raise Failed(
            item.name, "the module did not sign it: add_or_update_supervised_boot_file returned {}".format(code)
        )
    if digest(files, item.name) != item.digest:
        raise Failed(item.name, "it was changed while it was being signed; which content is signed is not known")


def changed(files: Folder, plan: Plan) -> Tuple[str, ...]:
    """The files that are no longer what was planned with, signed ones and unchanged ones. Raises Unreadable."""
    planned = {item.name: item.digest for item in plan.items}
    planned.update((entry.name, Digest(entry.size, entry.sha256)) for entry in plan.unchanged)
    return tuple(name for name, known in planned.items() if digest(files, name) != known)


def _code(answer: Answer) -> Tuple[Any, str]:
    """What the module returned, and why nothing did."""
    found = answered(answer.out)
    for fact in ("imported", "signed"):
        if "error" in found.get(fact, {}):
            return None, "Zymbit's Python module failed: {}".format(str(found[fact]["error"])[:200])
    if answer.late:
        return None, "{}; whether it is signed is not known".format(answer.late)
    if "signed" not in found:
        last = (answer.err.strip().splitlines() or ["status {}".format(answer.status)])[-1]
        return None, "no answer came: {}".format(last[:200])
    code = found["signed"].get("value")
    return (code, "") if type(code) is int else (None, "the module answered {!r} and no number".format(code))
