"""Boards that are left out where fixes are proved: nothing differs on them that does not on one of their kind."""

import os
from typing import Dict, Tuple

from hypothesis import HealthCheck, given, settings

from scmguard.boot import Boot
from scmguard.effective.board import BOARDS, Board
from scmguard.effective.difference import differences
from scmguard.fixes.kinds import of_each_kind
from scmguard.folder import MemoryFolder
from tests.test_difference import pairs

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "60"))
ALL = list(BOARDS.values())


def trees(*files: Dict[str, bytes]) -> Tuple[Boot, ...]:
    return tuple(Boot(MemoryFolder(each)) for each in files)


def kinds(*files: Dict[str, bytes]) -> Dict[str, Board]:
    return {board.name: board for board in of_each_kind(ALL, trees(*files))}


def what(old: Boot, new: Boot, board: Board) -> "set[str]":
    return {
        "{} {} {} {} {} {}".format(
            one.file, one.kind, one.name, one.old, one.new, one.worlds.explain(one.when) if one.when > 1 else one.when
        )
        for one in differences(old, new, board)
        if (one.kind, one.name) != ("boot-file", "device-tree")  # names that say the board
    }


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(pairs())
def test_what_differs_on_any_board_differs_on_one_that_is_looked_at(
    files: Tuple[Dict[str, bytes], Dict[str, bytes]],
) -> None:
    old, new = trees(*files)
    looked_at = of_each_kind(ALL, (old, new))
    seen = [what(old, new, board) for board in looked_at]
    for board in ALL:
        assert what(old, new, board) in seen, board.name


def test_filters_tell_boards_apart() -> None:
    plain = kinds({"config.txt": b"gpu_mem=64\n"})
    assert "pi400" not in plain and "pi5" in plain and "pi4" in plain and len(plain) < len(ALL)
    assert "pi400" in kinds({"config.txt": b"[pi400]\ngpu_mem=64\n"})
    assert "pi400" in kinds({"config.txt": b"include a.txt\n", "a.txt": b"include b.txt\n", "b.txt": b"[pi400]\n"})
    assert "pi400" in kinds({"config.txt": b""}, {"config.txt": b"", "tryboot.txt": b"[pi400]\n"})


def test_types_and_binaries_make_every_board_a_kind_of_its_own() -> None:
    assert len(kinds({"config.txt": b"[board-type=0x14]\ngpu_mem=64\n"})) == len(ALL)
    assert len(kinds({"config.txt": b"", "start4.elf": b""})) == len(ALL)
