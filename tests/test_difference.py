"""What differs in effect: held against the slow evaluator, world by world, and by hand."""

import os
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scmguard.boot import Boot
from scmguard.effective.board import BOARDS
from scmguard.effective.config import evaluate_both
from scmguard.effective.difference import Difference, between, differences
from scmguard.effective.worlds import TRUE
from scmguard.folder import MemoryFolder
from tests import slow_evaluator, strategies
from tests.test_evaluator_agrees import SLOW_CATALOGUE, catalogue, slow_board

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "150"))


def boot(*lines: str, **files: str) -> Boot:
    texts = {"config.txt": "".join(line + "\n" for line in lines), **{k.replace("_", "."): v for k, v in files.items()}}
    return Boot(MemoryFolder({name: text.encode() for name, text in texts.items()}))


def found(old: Boot, new: Boot, board: str = "cm4") -> List[Tuple[str, str, Any, Any, str]]:
    return [(one.kind, one.name, one.old, one.new, said(one)) for one in differences(old, new, BOARDS[board])]


def said(one: Difference) -> str:
    return " ".join("{}={}".format(*pair) for pair in one.worlds.explain(one.when)) if one.when != TRUE else ""


# --- by hand ---


@pytest.mark.parametrize(
    "old, new",
    [
        (("gpu_mem=64", "arm_boost=1"), ("arm_boost=1", "gpu_mem=64")),
        (("gpu_mem=64", "gpu_mem=32"), ("gpu_mem=32",)),
        (("# a", "gpu_mem=32"), ("gpu_mem=32", "", "# b")),
        (("[pi5]", "gpu_mem=1", "[all]"), ()),
        (("dtoverlay=dwc2,dr_mode=host",), ("dtoverlay=dwc2", "dtparam=dr_mode=host")),
        (("dtparam=spi=on,audio=on",), ("dtparam=spi=on", "dtparam=audio=on")),
        (("dtoverlay=none",), ()),
        (("[cm4]", "enable_uart=1"), ("enable_uart=1",)),
    ],
)
def test_nothing(old: Tuple[str, ...], new: Tuple[str, ...]) -> None:
    assert found(boot(*old), boot(*new)) == []


@pytest.mark.parametrize(
    "old, new, expected",
    [
        (("gpu_mem=64",), ("gpu_mem=32",), ("setting", "gpu_mem", "64", "32", "")),
        ((), ("gpu_mem=32",), ("setting", "gpu_mem", None, "32", "")),
        (("hdmi_mode:1=4",), (), ("setting", "hdmi_mode:1", "4", None, "")),
        (("dtparam=spi=on",), ("dtparam=spi=off",), ("base-parameters", "", (("spi", "on"),), (("spi", "off"),), "")),
        (("kernel=a",), ("kernel=a # b",), ("setting", "kernel", "a", "a # b", "trailing-comment=kept")),
        (("[gpio4=1]", "gpu_mem=64"), ("gpu_mem=64",), ("setting", "gpu_mem", None, "64", "gpio4=0")),
        (("gpio=4=op",), (), ("gpio", "", ("4=op",), (), "")),
        (
            ("dtoverlay=a", "dtoverlay=b", "dtoverlay=c"),
            ("dtoverlay=a", "dtoverlay=c"),
            ("overlays", "", (("b", ()),), (), ""),
        ),
        (("dtoverlay=a", "dtoverlay=b"), ("dtoverlay=b", "dtoverlay=a"),
         ("overlays", "", (("a", ()), ("b", ())), (("b", ()), ("a", ())), "")),
        # The two names mean one node: the last wins.
        (("dtparam=i2c=on", "dtparam=i2c_arm=off"), ("dtparam=i2c_arm=off", "dtparam=i2c=on"),
         ("base-parameters", "", (("i2c", "on"), ("i2c_arm", "off")), (("i2c_arm", "off"), ("i2c", "on")), "")),
    ],
)  # fmt: skip
def test_one_thing(old: Tuple[str, ...], new: Tuple[str, ...], expected: Tuple[Any, ...]) -> None:
    # What follows from it (the kernel's file, the USB controller) comes beside it.
    assert found(boot(*old), boot(*new))[0] == expected


def test_what_follows_is_told_too() -> None:
    kinds = {one[0] for one in found(boot("[cm4]", "otg_mode=1"), boot("dtoverlay=dwc2,dr_mode=host", "kernel=x"))}
    assert kinds == {"setting", "overlays", "usb", "boot-file"}


def test_the_same_change_on_another_board() -> None:
    old, new = boot("[pi5]", "gpu_mem=64"), boot("[pi5]", "gpu_mem=32")
    assert found(old, new, "cm4") == [] and len(found(old, new, "pi5")) == 1


def test_the_command_line_and_the_other_files_that_are_run() -> None:
    old = boot(cmdline_txt="root=/dev/a quiet\n", tryboot_txt="gpu_mem=1\n", autoboot_txt="[all]\nboot_partition=2\n")
    new = boot(cmdline_txt="root=/dev/a\n", tryboot_txt="gpu_mem=2\n", autoboot_txt="[all]\nboot_partition=3\n")
    assert [(one.file, one.kind, one.old, one.new) for one in differences(old, new, BOARDS["cm4"])] == [
        ("config.txt", "cmdline", ("root=/dev/a", "quiet"), ("root=/dev/a",)),
        ("tryboot.txt", "setting", "1", "2"),
        ("tryboot.txt", "cmdline", ("root=/dev/a", "quiet"), ("root=/dev/a",)),
        ("autoboot.txt", "setting", "2", "3"),
    ]


def test_the_eeprom() -> None:
    old, new = boot(bootconf_txt="[all]\nBOOT_ORDER=0x1\n"), boot(bootconf_txt="[all]\nBOOT_ORDER=0xf41\n")
    assert [(one.file, one.name, one.old, one.new) for one in differences(old, new, BOARDS["cm4"])] == [
        ("bootconf.txt", "BOOT_ORDER", "0x1", "0xf41")
    ]
    assert differences(old, new, BOARDS["pi3"]) == []


def test_numbers_that_only_one_of_the_files_asks_for() -> None:
    old, new = evaluate_both(boot("[boot_count>5]", "gpu_mem=64"), boot("[boot_count>9]", "gpu_mem=64"), BOARDS["cm4"])
    [one] = between(old, new, "config.txt")
    holds = {n: one.worlds.holds(one.when, old._runner.conditions.world({"boot_count": n})) for n in (0, 5, 6, 9, 10)}
    assert holds == {0: False, 5: False, 6: True, 9: True, 10: False}


# --- held against the slow evaluator ---

LINES = st.one_of(strategies.PLAIN_LINES, strategies.LOOSE_LINES, strategies.HEADERS, strategies.JUNK)


@st.composite
def pairs(draw: st.DrawFn) -> Tuple[Dict[str, bytes], Dict[str, bytes]]:
    """A tree, and the same with a few lines moved, taken out, changed or put in."""
    files: Dict[str, bytes] = draw(strategies.flat_trees())
    name = draw(st.sampled_from(sorted(files)))
    lines = files[name].splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(lines)))
        what = draw(st.sampled_from(("move", "delete", "insert", "change")))
        taken = lines[place : place + 1] if what != "insert" else []
        del lines[place : place + len(taken)]
        if what == "move":
            lines[draw(st.integers(0, len(lines))) : 0] = taken
        elif what != "delete":
            lines.insert(place, strategies.to_bytes(draw(LINES)) + b"\n")
    return files, {**files, name: b"".join(lines)}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(pairs(), st.lists(strategies.worlds(), min_size=2, max_size=6), st.sampled_from(sorted(BOARDS)))
def test_a_world_in_which_nothing_differs_is_one_in_which_the_slow_evaluator_sees_no_difference(
    trees: Tuple[Dict[str, bytes], Dict[str, bytes]], worlds: List[Dict[str, Any]], name: str
) -> None:
    board = BOARDS[name] if BOARDS[name].types else BOARDS["cm4"]
    old, new = evaluate_both(*(Boot(MemoryFolder(files)) for files in trees), board)
    difference = list(between(old, new, "config.txt"))
    # The files that are picked, and the order of what is given twice, are not the slow evaluator's.
    telling = [one for one in difference if one.kind in ("setting", "gpio", "usb")]
    base = catalogue.tree_parameters(board.device_trees) or catalogue.base_parameters()
    slow_catalogue = SLOW_CATALOGUE._replace(base_params=base)
    for facts in worlds:
        if facts.get("board-type") not in board.types:
            facts = {**facts, "board-type": board.types[0]}
        before, after = (
            slow_evaluator.evaluate(files, "config.txt", slow_board(board), facts, slow_catalogue) for files in trees
        )
        # A load that the overlay map blocks has no effect, whatever its place.
        before, after = (
            each._replace(overlays=[load for load in each.overlays if load[1] is not None]) for each in (before, after)
        )
        world = old._runner.conditions.world(facts)
        held = [one for one in difference if old.worlds.holds(one.when, world)]
        # Overlays that the overlay map blocks have no effect.
        sides = [
            one._replace(overlays=[load for load in one.overlays if load[1] is not None]) for one in (before, after)
        ]
        assert sides[0] == sides[1] or held
        assert before != after or not set(map(id, held)) & set(map(id, telling))
