"""What a fixer proposes: new contents, and what may differ in effect because of them."""

from typing import Callable, Dict, Iterator, Mapping, NamedTuple, Optional, Tuple

from scmguard.boot import Boot
from scmguard.effective.board import Board
from scmguard.effective.difference import Difference
from scmguard.finding import Finding
from scmguard.text import Source

#: What follows from settings and overlays and is no thing of its own.
DERIVED = frozenset(["usb", "storage", "boot-file", "boot.img", "cmdline"])

#: Whether something may differ on a board.
May = Callable[[Difference, Board], bool]


class Proposal(NamedTuple):
    """New contents of files, by name on the boot partition, and what may differ in effect.

    ``settles`` are readings with the choice that the fix makes the only one: in worlds in which they all have it
    nothing at all may differ. Elsewhere, and without them, only what ``may``. ``safe``: nobody has to look at it first.
    """

    title: str
    contents: Mapping[str, bytes]
    may: May
    settles: Tuple[Tuple[str, str], ...] = ()
    safe: bool = True


class Fault(NamedTuple):
    """A finding that is to be corrected, in the file of that name on the boot partition.

    ``board`` is the finding's own, or the first of those that are checked.
    """

    boot: Boot
    finding: Finding
    name: str
    source: Source
    board: Board


#: From a fault to what may correct it, the best first.
Fixer = Callable[[Fault], Iterator[Proposal]]


def nothing(_difference: Difference, _board: Board) -> bool:
    """Nothing may differ."""
    return False


def anything(_difference: Difference, _board: Board) -> bool:
    """What a whole file means may differ, in worlds in which it is read in another way."""
    return True


def about(key: str) -> May:
    """What a line that sets ``key`` does may differ, and what follows from it."""
    if key in ("include", "os_prefix", "overlay_prefix", "device_tree"):
        return anything
    if key in ("dtoverlay", "device_tree_overlay", "dtparam", "device_tree_param"):
        kinds = DERIVED | {"overlays", "base-parameters"}
        return lambda difference, _board: difference.kind in kinds
    if key == "gpio":
        return lambda difference, _board: difference.kind == "gpio"

    def may(difference: Difference, _board: Board) -> bool:
        if difference.kind == "setting":
            return difference.name.partition(":")[0].lower() == key.lower()
        return difference.kind in DERIVED

    return may


def either(*several: May) -> May:
    """What any of them allows."""
    return lambda difference, board: any(may(difference, board) for may in several)


def name_of(boot: Boot, path: str) -> Optional[str]:
    """The name on the boot partition of a file that a finding names; None for one that is none of the tree's."""
    known: Dict[str, str] = boot.memo.setdefault("names", {})
    if path not in known:
        known.update((boot.files.label(name), name) for name in boot.read_names())
    return known.get(path)
