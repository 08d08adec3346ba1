"""What has to be signed, and why."""

from typing import Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from scmguard.device.facts import Signed
from scmguard.digest import Digest, digest
from scmguard.folder import Folder

#: Why a file is signed.
NEW, CHANGED, INTERRUPTED, ASKED = "new", "changed", "interrupted", "asked"

# The files that people edit come last: what was begun and is not done with them is told by the earlier ones, too, and
# they are what somebody changes while signing goes on.
_LAST = ("cmdline.txt", "config.txt")


class Impossible(Exception):
    """Supervised files that cannot be signed: what is wrong with each, in lines."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class Item(NamedTuple):
    """A file to sign: its name on the boot partition, what it is now, why, and when it was signed before (0: never)."""

    name: str
    digest: Digest
    why: str
    signed: int = 0


class Plan(NamedTuple):
    """What to sign, in that order, and the files that are as they were signed."""

    items: Tuple[Item, ...]
    unchanged: Tuple[Signed, ...]


def plan(files: Folder, manifest: Iterable[str], ledger: Mapping[str, Signed], every: bool = False) -> Plan:
    """Compares the supervised files with the ledger; with ``every``, unchanged ones are signed, too.

    Raises :class:`Impossible`, and Unreadable.
    """
    items: List[Item] = []
    unchanged: List[Signed] = []
    faults: List[str] = []
    for name in sorted(manifest, key=_order):
        found = digest(files, name) if _is_inside(name) else None
        if found is None:
            reason = (
                "is not on the boot partition" if _is_inside(name) else "is no name of a file on the boot partition"
            )
            faults.append("{} is supervised and {}".format(name, reason))
            continue
        entry = ledger.get(name)
        why = _why(found, entry, every)
        if why is None and entry is not None:
            unchanged.append(entry)
        else:
            items.append(Item(name, found, why or NEW, 0 if entry is None else entry.time))
    if faults:
        raise Impossible(faults)
    return Plan(tuple(items), tuple(unchanged))


def _why(found: Digest, entry: Optional[Signed], every: bool) -> Optional[str]:
    if entry is None:
        return NEW
    if not entry.sha256:
        return INTERRUPTED
    if found != (entry.size, entry.sha256):
        return CHANGED
    return ASKED if every else None


def _is_inside(name: str) -> bool:
    parts = name.split("/")
    return name.isprintable() and not any(part in ("", ".", "..") for part in parts)


def _order(name: str) -> Tuple[int, str]:
    return (_LAST.index(name) + 1 if name in _LAST else 0), name
