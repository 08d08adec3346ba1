"""What the HTML report says of lines, against the evaluator; and pages of generated trees are sound."""

import os
from typing import Any, Dict

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scmguard.boot import Boot
from scmguard.effective import evaluate
from scmguard.effective.board import BOARDS
from scmguard.folder import MemoryFolder
from scmguard.report.html.states import State, states
from scmguard.text import BOM, Source, encode
from tests import strategies
from tests.html_pages import boot_of, page_of, reports_of

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "400"))
WITH_TYPES = sorted(name for name, board in BOARDS.items() if board.types)


def without(files: Dict[str, bytes], found: Dict[Any, State]) -> Dict[str, bytes]:
    """The files with every line emptied that is said to have no effect, but for overlays that are not loaded."""
    changed = {}
    for name, data in files.items():
        source = Source(name, data)
        lines = []
        for line in source.lines:
            state = found.get((name, line.number))
            idle = state is not None and (state.state == "lost" or (state.state == "off" and "loaded" not in state.why))
            lines.append(("" if idle else line.text) + line.ending)
        changed[name] = (BOM if source.bom else b"") + encode("".join(lines))
    return changed


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.trees(), st.lists(strategies.worlds(), min_size=2, max_size=5), st.sampled_from(WITH_TYPES))
def test_a_dimmed_line_can_be_taken_away(files: Dict[str, bytes], worlds: Any, name: str) -> None:
    # A lone carriage return makes two lines of one in some readings only.
    assume(not any(b"\r" in data.replace(b"\r\n", b"") for data in files.values()))
    board = BOARDS[name]
    boot = Boot(MemoryFolder(files))
    config = evaluate(boot, board)
    changed = without(files, states(boot, board, config, ()).lines)
    after = evaluate(Boot(MemoryFolder(changed)), board)
    for world in worlds:
        world = dict(world)
        if world["board-type"] not in board.types:
            world["board-type"] = board.types[0]
        assert after.at(world) == config.at(world)


@settings(max_examples=max(EXAMPLES // 8, 20), deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.trees(), st.binary(max_size=200), st.lists(st.sampled_from(sorted(BOARDS)), min_size=1, unique=True))
def test_page_of_a_generated_tree(files: Dict[str, bytes], cmdline: bytes, boards: Any) -> None:
    pytest.importorskip("html5lib", reason="html5lib is not installed")
    from tests.test_html_report import cards, sound

    boards = boards[:3]
    reports = reports_of([boot_of({**files, "cmdline.txt": cmdline})], boards)
    tree = sound(page_of(reports, boards))
    assert len(cards(tree)) == len({each._replace(board=None) for each in reports[0].findings})
