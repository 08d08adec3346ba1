"""The evaluator and the slow one written from the specification agree, world by world."""

import os
from typing import Any, Dict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scmguard import catalogue
from scmguard.boot import Boot
from scmguard.effective import evaluate
from scmguard.effective.board import BOARDS, MODEL_FILTERS, Board
from scmguard.effective.readings import CHOICES
from scmguard.folder import MemoryFolder
from tests import slow_evaluator, strategies

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "400"))


class OverlayParameters(Dict[str, Any]):
    """The catalogue's parameters by overlay, as the slow evaluator asks for them."""

    def __missing__(self, name: str) -> Any:
        raise KeyError(name)


SLOW_CATALOGUE = slow_evaluator.SlowCatalogue(
    known_keys=frozenset(catalogue.settings()),
    port_keys=frozenset(key for key in catalogue.settings() if catalogue.has_port(key)),
    overlay_params={name: frozenset(names) for name, names in catalogue._overlays()[0].items()},
    base_params=catalogue.base_parameters(),
    overlay_map=lambda name, soc: catalogue.map_overlay(name, soc)[0],
    model_names=MODEL_FILTERS,
)


def slow_board(board: Board) -> slow_evaluator.SlowBoard:
    return slow_evaluator.SlowBoard(board.name, board.filters, board.soc, board.pi5_family, board.pi4_family, board.usb)


def compare(files: Dict[str, bytes], world: Dict[str, Any], board: Board, start: str) -> None:
    world = dict(world)
    if world.get("board-type") not in board.types:
        world["board-type"] = board.types[0]
    config = evaluate(Boot(MemoryFolder(files), start=start), board)
    fast = config.at(world)
    base = catalogue.tree_parameters(board.device_trees) or catalogue.base_parameters()
    slow_catalogue = SLOW_CATALOGUE._replace(base_params=base)
    slow = slow_evaluator.evaluate(files, start, slow_board(board), world, slow_catalogue)
    assert fast.settings == slow.settings
    assert fast.overlays == [tuple(one) for one in slow.overlays]
    assert fast.base_params == slow.base_params
    assert fast.gpio == slow.gpio
    assert fast.usb == slow.usb


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.trees(), st.lists(strategies.worlds(), min_size=3, max_size=8), st.sampled_from(sorted(BOARDS)))
def test_generated_trees_in_any_world_on_any_board(files: Any, worlds: Any, name: str) -> None:
    if not BOARDS[name].types:
        name = "cm4"
    for world in worlds:
        compare(files, world, BOARDS[name], "config.txt")


@settings(max_examples=max(EXAMPLES // 8, 20), deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.trees("tryboot.txt"), strategies.worlds())
def test_tryboot_txt_as_the_first_file(files: Any, world: Any) -> None:
    compare(files, world, BOARDS["cm4"], "tryboot.txt")


def test_the_strategies_know_every_reading() -> None:
    of_config_txt = {key: value for key, value in CHOICES.items() if not key.startswith("cmdline-")}
    assert {key: tuple(value) for key, value in strategies.READINGS.items()} == of_config_txt


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_every_board_obeys_its_own_filter(name: str) -> None:
    assert name in BOARDS[name].filters
