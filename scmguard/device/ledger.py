"""The ledger: what each supervised file was when it was last known to be signed.

The module's own list cannot be read back with hashes. The ledger is one JSON object in a file that only root may read
and write: ``{"ledger": 1, "sha256": SUM, "files": [...]}``; SUM is over the list as it is written, so that a file that
was cut or changed is told.
"""

import hashlib
import json
from typing import Any, Dict, Iterable, Optional, Tuple

from scmguard.device import paths
from scmguard.device.facts import Fact, Signed, Unknown
from scmguard.device.machine import Machine

#: Where it is, and the ones before it, the youngest first.
FOLDER = "var/lib/scmguard"
NAME = "ledger.json"
KEPT = (NAME, "ledger.1.json", "ledger.2.json")
FORMAT = 1


class Damaged(Exception):
    """A ledger that is there and cannot be trusted: why, as a clause."""


def signed_files(machine: Machine) -> "Fact[Tuple[Signed, ...]]":
    """What the ledger says; a known None where there is none."""
    name = "{}/{}".format(FOLDER, NAME)
    data = paths.raw(machine.files, name)
    if data is None:
        return Fact(None, "/" + name)
    try:
        return Fact(parse(data), "/" + name)
    except Damaged as error:
        raise Unknown("/{} is damaged: {}; `scmguard seal --rebuild` makes it anew".format(name, error)) from None


def written(files: Iterable[Signed]) -> bytes:
    """A ledger's file, sorted by name."""
    entries = [entry._asdict() for entry in sorted(files)]
    return _text({"ledger": FORMAT, "sha256": _sum(entries), "files": entries})


def parse(data: bytes) -> Tuple[Signed, ...]:
    """What is in a ledger's file. Raises :class:`Damaged`."""
    try:
        content = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Damaged("it is no JSON") from None
    if not isinstance(content, dict) or content.get("ledger") != FORMAT:
        raise Damaged("it is no ledger of format {}".format(FORMAT))
    entries = content.get("files")
    if not isinstance(entries, list) or content.get("sha256") != _sum(entries):
        raise Damaged("its checksum does not fit")
    found = [_entry(entry) for entry in entries]
    if len({entry.name for entry in found}) != len(found):
        raise Damaged("it names a file twice")
    return tuple(found)


def _entry(entry: Any) -> Signed:
    types: Dict[str, type] = {"name": str, "size": int, "sha256": str, "time": int}
    if not isinstance(entry, dict) or set(entry) != set(types):
        raise Damaged("an entry has other keys than {}".format(", ".join(types)))
    if not all(type(entry[key]) is kind for key, kind in types.items()):
        raise Damaged("an entry has a value of another kind")
    return Signed(**entry)


def _sum(entries: Any) -> str:
    return hashlib.sha256(_text(entries)).hexdigest()


def _text(content: Any) -> bytes:
    return json.dumps(content, indent=1, sort_keys=True).encode("ascii") + b"\n"


def of(files: Optional[Tuple[Signed, ...]]) -> Dict[str, Signed]:
    """The entries of a ledger by name; none for no ledger."""
    return {entry.name: entry for entry in files or ()}
