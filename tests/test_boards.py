"""Boards against tables written down from Raspberry Pi's documentation, by evaluating one section at a time.

Sources: ``config_txt/conditional.adoc`` (filters), ``raspberry-pi/revision-codes.adoc`` (types, revision codes, names
in the device tree), ``config_txt/boot.adoc`` (kernel, arm_64bit, otg_mode).
"""

from typing import Dict, List, Optional, Set

import pytest

from scmguard.boot import Boot
from scmguard.effective import EffectiveConfig, evaluate
from scmguard.effective.board import BOARDS, MODEL_FILTERS, by_compatible, by_revision
from scmguard.effective.bootfiles import boot_files
from scmguard.effective.worlds import FALSE, TRUE
from scmguard.folder import MemoryFolder

# Filter to the boards that obey it.
FILTERS = {
    "pi1": "pi1 cm1",
    "pi2": "pi2",
    "pi3": "pi3 pi3+ cm3 cm3+",
    "pi3+": "pi3+ cm3+",
    "pi4": "pi4 pi400 cm4 cm4s",
    "pi5": "pi5 pi500 cm5",
    "pi400": "pi400",
    "pi500": "pi500",
    "cm0": "cm0",
    "cm1": "cm1",
    "cm3": "cm3",
    "cm3+": "cm3+",
    "cm4": "cm4",
    "cm4s": "cm4s",
    "cm5": "cm5",
    "pi0": "pi0 pi0w pi02",
    "pi0w": "pi0w pi02",
    "pi02": "pi02 cm0",
}
_NAMES = "pi1 cm1 pi2 pi3 pi3+ cm3 cm3+ pi4 pi400 cm4 cm4s pi5 pi500 cm5 pi0 pi0w pi02 cm0"
ALL = _NAMES.split()

# Type number to board; several numbers for one board are models that it covers.
TYPES = {
    0x00: "pi1",
    0x01: "pi1",
    0x02: "pi1",
    0x03: "pi1",
    0x04: "pi2",
    0x06: "cm1",
    0x08: "pi3",
    0x09: "pi0",
    0x0A: "cm3",
    0x0C: "pi0w",
    0x0D: "pi3+",
    0x0E: "pi3+",
    0x10: "cm3+",
    0x11: "pi4",
    0x12: "pi02",
    0x13: "pi400",
    0x14: "cm4",
    0x15: "cm4s",
    0x17: "pi5",
    0x18: "cm5",
    0x19: "pi500",
    0x1A: "cm5",
    0x1B: "cm0",
}

REVISIONS = {
    "pi1": "0002 0003 0004 0005 0006 0007 0008 0009 000d 000e 000f 0010 0012 0013 0015 900021 900032",
    "cm1": "0011 0014 900061",
    "pi2": "a01040 a01041 a21041 a02042 a22042",
    "pi3": "a02082 a22082 a32082 a52082 a22083",
    "pi0": "900092 920092 900093 920093",
    "cm3": "a020a0 a220a0",
    "pi0w": "9000c1",
    "pi3+": "a020d3 a020d4 9020e0 9020e1",
    "cm3+": "a02100",
    "pi4": "a03111 b03111 c03111 b03112 c03112 b03114 c03114 d03114 b03115 c03115 d03115",
    "pi02": "902120",
    "pi400": "c03130",
    "cm4": "a03140 b03140 c03140 d03140",
    "pi5": "b04170 c04170 d04170 a04171 b04171 c04171 d04171 e04171",
    "cm5": "b04180 c04180 d04180 e04180 b041a0 c041a0 d041a0 e041a0",
    "pi500": "d04190 e04190",
}

COMPATIBLE = {
    "500": "pi500",
    "5-compute-module": "cm5",
    "5-model-b": "pi5",
    "400": "pi400",
    "4s-compute-module": "cm4s",
    "4-compute-module": "cm4",
    "4-model-b": "pi4",
    "model-zero-2-w": "pi02",
    "3-plus-compute-module": "cm3+",
    "3-compute-module": "cm3",
    "3-model-a-plus": "pi3+",
    "3-model-b-plus": "pi3+",
    "3-model-b": "pi3",
    "2-model-b": "pi2",
    "model-zero-w": "pi0w",
    "model-zero": "pi0",
    "compute-module": "cm1",
    "model-a-plus": "pi1",
    "model-b-plus": "pi1",
    "model-b-rev2": "pi1",
    "model-a": "pi1",
    "model-b": "pi1",
}

EARLY = "kernel.img"
SEVEN = "kernel7.img"
# By default, with arm_64bit=0, with arm_64bit=1.
KERNELS: Dict[str, List[List[str]]] = {}
for _boards, _kernels in {
    "pi1 cm1 pi0 pi0w": [[EARLY], [EARLY], [EARLY]],
    "pi2 pi3 pi3+ cm3 cm3+ pi02 cm0": [[SEVEN], [SEVEN], ["kernel8.img"]],
    "pi4 pi400 cm4 cm4s": [["kernel8.img"], ["kernel7l.img"], ["kernel8.img"]],
    "pi5 pi500 cm5": [["kernel_2712.img", "kernel8.img"]] * 3,
}.items():
    for _name in _boards.split():
        KERNELS[_name] = _kernels


def config(text: str, board: str) -> EffectiveConfig:
    return evaluate(Boot(MemoryFolder({"config.txt": text.encode()})), BOARDS[board])


def applies(header: str, board: str) -> Optional[bool]:
    """Whether a section applies; None where that depends on something."""
    condition = (
        config("[{}]\nkernel=x\n".format(header), board).outcome("kernel").where(lambda found: found is not None)
    )
    return {TRUE: True, FALSE: False}.get(condition)


def depends_on(header: str, board: str) -> Set[str]:
    made = config("[{}]\nkernel=x\n".format(header), board)
    made.outcome("kernel")
    return {variable.name for variable in made.worlds.variables}


def test_the_boards_and_filters_are_those_of_the_documentation() -> None:
    assert set(BOARDS) == set(ALL)
    assert set(MODEL_FILTERS) == set(FILTERS)


@pytest.mark.parametrize("board", ALL)
@pytest.mark.parametrize("header", FILTERS)
def test_model_filter(header: str, board: str) -> None:
    assert applies(header, board) is (board in FILTERS[header].split())


@pytest.mark.parametrize("board", ALL)
def test_every_board_type(board: str) -> None:
    own = [number for number, name in TYPES.items() if name == board]
    for number in range(0x100):
        expected = False if number not in own else True if len(own) == 1 else None
        for text in ("0x{:02x}", "0x{:X}", "{}"):
            assert applies("board-type=" + text.format(number), board) is expected, number


@pytest.mark.parametrize("board", ALL)
def test_filters_for_all_and_none(board: str) -> None:
    assert applies("all", board) is True
    assert applies("none", board) is False


@pytest.mark.parametrize("board", ALL)
@pytest.mark.parametrize("header", ["pi6", "cm2", "pi500+", "cm5l", "rpi4", "pi"])
def test_no_board_knows_other_names(header: str, board: str) -> None:
    assert applies(header, board) is None
    assert depends_on(header, board) == {"unknown-filter"}


@pytest.mark.parametrize("board", ALL)
def test_monitors_are_not_known_on_the_pi5_family(board: str) -> None:
    known = board not in ("pi5", "pi500", "cm5")
    assert depends_on("EDID=VSC-TD2220", board) == {"EDID=VSC-TD2220" if known else "unknown-filter"}


@pytest.mark.parametrize("board", ALL)
@pytest.mark.parametrize("number, text", [(0, ""), (1, "arm_64bit=0\n"), (2, "arm_64bit=1\n")])
def test_default_kernels(number: int, text: str, board: str) -> None:
    kernel = boot_files(config(text, board)).kernel
    assert [list(choice.names) for _, choice in kernel] == [KERNELS[board][number]]


@pytest.mark.parametrize("board", ALL)
def test_otg_mode_means_something_on_the_pi4_family_alone(board: str) -> None:
    plain, asked = (config(text, board).usb.parts[0][1] for text in ("", "otg_mode=1\n"))
    changed = (plain.controller, plain.dr_mode) != (asked.controller, asked.dr_mode)
    assert changed is (board in ("pi4", "pi400", "cm4", "cm4s"))


@pytest.mark.parametrize("board", REVISIONS)
def test_revision_codes_in_use(board: str) -> None:
    for text in REVISIONS[board].split():
        # As it is, and with the bits for warranty, OTP and overvoltage.
        for extra in (0, 1 << 24, 1 << 25, 0xE0000000, 0xFF000000):
            found = by_revision(int(text, 16) | extra)
            assert found is not None and found.name == board, text


@pytest.mark.parametrize("code", [
    -1, 0, 1, 0x0A, 0x0B, 0x0C, 0x16, 0x2082, 0x10002, 1 << 32, (1 << 32) + 0xC03111,
    0xA01050,  # type 5, an early prototype
    0x9000F0, 0xC04160,  # for internal use
    0xC041C0, 0xC05180,  # a type and a processor of later times
    0xC04140,  # a CM4 with the processor of the Pi 5
])  # fmt: skip
def test_no_revision_code(code: int) -> None:
    assert by_revision(code) is None


def test_every_type_has_a_revision_code() -> None:
    processors = {"bcm2835": 0, "bcm2711": 3, "bcm2712": 4}
    for number, board in TYPES.items():
        found = by_revision(1 << 23 | processors[BOARDS[board].soc] << 12 | number << 4)
        assert found is BOARDS[board]


def test_names_in_the_device_tree() -> None:
    for model, board in COMPATIBLE.items():
        assert by_compatible(["raspberrypi," + model, "brcm," + BOARDS[board].soc]) is BOARDS[board]
    for names in (
        [],
        ["raspberrypi,"],
        ["brcm,bcm2711"],
        ["acme,4-model-b"],
        ["raspberrypi,6-model-b", "brcm,bcm2712"],
    ):
        assert by_compatible(names) is None


def test_an_own_device_tree_for_every_board() -> None:
    for board in BOARDS.values():
        assert board.device_trees and all(name.startswith("bcm27") for name in board.device_trees)
