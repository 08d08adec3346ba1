"""Boards that no two files can tell apart: what holds on one of them holds on all."""

from typing import Dict, Iterable, List, Optional, Set, Tuple

from scmguard import catalogue
from scmguard.boot import BOOTCONF_NAMES, Boot
from scmguard.effective.board import Board
from scmguard.effective.difference import ALSO_RUN
from scmguard.effective.lines import units
from scmguard.effective.meaning import HeaderEffect

_Kind = Tuple[object, ...]


def of_each_kind(boards: Iterable[Board], trees: Tuple[Boot, ...], alone: Iterable[Board] = ()) -> List[Board]:
    """One board of each kind, the first, as far as these trees go.

    Evaluation asks a board for its answers to filters, its SoC, its kernels, the state of its USB controller, and the
    parameters and the presence of its device trees. Trees with binaries have these; there each board is a kind.
    Those that are ``alone`` stand for no others: what may differ on them may not differ elsewhere.
    """
    every, special = list(boards), {board.name for board in alone}
    if any(boot.has_binaries for boot in trees):
        return every
    names = _model_filters(trees)
    if names is None:
        return every
    found: Dict[_Kind, Board] = {}
    for board in every:
        kind = (
            board.name if board.name in special else "",
            frozenset(name for name in names if name in board.filters),
            board.soc,
            board.kernels_64,
            board.kernels_32,
            board.arm_64bit,
            board.usb,
            catalogue.tree_parameters(board.device_trees),
        )
        found.setdefault(kind, board)
    return list(found.values())


def _model_filters(trees: Tuple[Boot, ...]) -> Optional[Set[str]]:
    """The names of models that section headers of all files ask for; None where they ask for types of boards, too."""
    found: Set[str] = set()
    for boot in trees:
        todo = [boot.start, *ALSO_RUN, *BOOTCONF_NAMES]
        seen: Set[str] = set()
        while todo:
            name = todo.pop()
            document = None if name in seen else boot.document(name)
            seen.add(name)
            for _line, _when, effects in units(document) if document is not None else ():
                for effect in effects:
                    if not isinstance(effect, HeaderEffect):
                        if effect.key == "include":
                            todo.append(effect.value.strip("/"))
                    elif effect.filter.kind == "board-type":
                        return None
                    elif effect.filter.kind == "model":
                        found.add(effect.filter.name)
    return found
