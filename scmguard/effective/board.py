"""The boards: which filters they answer to, how they name themselves, and what the firmware does by default.

Sources: Raspberry Pi documentation, ``config_txt/conditional.adoc`` (filters), ``config_txt/boot.adoc`` (kernel
defaults, ``arm_64bit``), ``raspberry-pi/revision-codes.adoc`` (types, revision codes, names in the device tree). One
name covers models that have filters and kernels in common: a CM5 Lite is ``cm5``, a 500+ is ``pi500``. The
documentation gives the CM0 ``[cm0]`` and ``[pi02]``, and is silent on ``[pi0w]`` and ``[pi0]``; dtapply
(raspberrypi/utils) gives it ``[cm0]`` alone. The state of the USB controller in the base tree of the CM4 was read with
dtmerge; it ties in with the documentation, which says that USB on a Compute Module is off unless asked for.
"""

from typing import Dict, FrozenSet, Iterable, NamedTuple, Optional, Tuple


class Board(NamedTuple):
    """A kind of board, as a profile names it."""

    name: str
    model: str
    #: Names of model filters that this board obeys, its own among them.
    filters: FrozenSet[str]
    #: ``[board-type=…]`` numbers; several where the name covers several boards.
    types: Tuple[int, ...]
    #: bcm2835 (with 2836 and 2837), bcm2711 or bcm2712, as the overlay map says it.
    soc: str
    #: Device tree files, any of which may be the board's.
    device_trees: Tuple[str, ...]
    #: Kernel names the firmware tries in order: with 64 bits, and without (empty: cannot).
    kernels_64: Tuple[str, ...]
    kernels_32: Tuple[str, ...]
    #: Default of ``arm_64bit``.
    arm_64bit: bool
    #: USB controller of the base tree and its mode: dwc_otg, dwc2, xhci or none.
    usb: Tuple[str, Optional[str]]
    #: Names in ``compatible`` of its device trees, without ``raspberrypi,`` in front; none where undocumented.
    compatible: Tuple[str, ...]

    @property
    def pi4_family(self) -> bool:
        """Pi 4, 400, CM4 and CM4S: ``otg_mode`` has a meaning, and start4.elf reads config.txt."""
        return self.soc == "bcm2711"

    @property
    def pi5_family(self) -> bool:
        """Pi 5, 500 and CM5: the bootloader, not start*.elf, reads config.txt; it has no EDID filter."""
        return self.soc == "bcm2712"

    @property
    def has_eeprom(self) -> bool:
        """Whether the bootloader is in an EEPROM, with a configuration of its own."""
        return self.pi4_family or self.pi5_family


_Kernels = Tuple[Tuple[str, ...], Tuple[str, ...], bool]

_K6: _Kernels = ((), ("kernel.img",), False)
_K7: _Kernels = (("kernel8.img",), ("kernel7.img",), False)
_K7L: _Kernels = (("kernel8.img",), ("kernel7l.img",), True)
_K2712: _Kernels = (("kernel_2712.img", "kernel8.img"), (), True)

_ROWS = (
    ("pi1", "Raspberry Pi 1", "pi1", (0x00, 0x01, 0x02, 0x03), "bcm2835",
     "bcm2708-rpi-b bcm2708-rpi-b-rev1 bcm2708-rpi-b-plus", _K6, "dwc_otg",
     "model-b model-b-rev2 model-b-plus model-a model-a-plus"),
    ("cm1", "Compute Module 1", "cm1 pi1", (0x06,), "bcm2835", "bcm2708-rpi-cm", _K6, "dwc_otg", "compute-module"),
    ("pi0", "Raspberry Pi Zero", "pi0", (0x09,), "bcm2835", "bcm2708-rpi-zero", _K6, "dwc_otg", "model-zero"),
    ("pi0w", "Raspberry Pi Zero W", "pi0w pi0", (0x0C,), "bcm2835", "bcm2708-rpi-zero-w", _K6, "dwc_otg",
     "model-zero-w"),
    ("pi2", "Raspberry Pi 2", "pi2", (0x04,), "bcm2835", "bcm2709-rpi-2-b bcm2710-rpi-2-b", _K7, "dwc_otg",
     "2-model-b"),
    ("pi02", "Raspberry Pi Zero 2 W", "pi02 pi0w pi0", (0x12,), "bcm2835",
     "bcm2710-rpi-zero-2-w bcm2710-rpi-zero-2", _K7, "dwc_otg", "model-zero-2-w"),
    ("pi3", "Raspberry Pi 3B", "pi3", (0x08,), "bcm2835", "bcm2710-rpi-3-b", _K7, "dwc_otg", "3-model-b"),
    ("pi3+", "Raspberry Pi 3B+ or 3A+", "pi3+ pi3", (0x0D, 0x0E), "bcm2835", "bcm2710-rpi-3-b-plus", _K7, "dwc_otg",
     "3-model-b-plus 3-model-a-plus"),
    ("cm0", "Compute Module 0", "cm0 pi02", (0x1B,), "bcm2835", "bcm2710-rpi-cm0 bcm2710-rpi-zero-2-w", _K7, "dwc_otg",
     ""),
    ("cm3", "Compute Module 3", "cm3 pi3", (0x0A,), "bcm2835", "bcm2710-rpi-cm3", _K7, "dwc_otg", "3-compute-module"),
    ("cm3+", "Compute Module 3+", "cm3+ pi3+ pi3", (0x10,), "bcm2835", "bcm2710-rpi-cm3", _K7, "dwc_otg",
     "3-plus-compute-module"),
    ("pi4", "Raspberry Pi 4B", "pi4", (0x11,), "bcm2711", "bcm2711-rpi-4-b", _K7L, "dwc_otg", "4-model-b"),
    ("pi400", "Raspberry Pi 400", "pi400 pi4", (0x13,), "bcm2711", "bcm2711-rpi-400", _K7L, "dwc_otg", "400"),
    ("cm4", "Compute Module 4", "cm4 pi4", (0x14,), "bcm2711", "bcm2711-rpi-cm4", _K7L, "none", "4-compute-module"),
    ("cm4s", "Compute Module 4S", "cm4s pi4", (0x15,), "bcm2711", "bcm2711-rpi-cm4s", _K7L, "dwc_otg",
     "4s-compute-module"),
    ("pi5", "Raspberry Pi 5", "pi5", (0x17,), "bcm2712", "bcm2712-rpi-5-b bcm2712d0-rpi-5-b", _K2712, "xhci",
     "5-model-b"),
    ("pi500", "Raspberry Pi 500 or 500+", "pi500 pi5", (0x19,), "bcm2712", "bcm2712-rpi-500", _K2712, "xhci", "500"),
    ("cm5", "Compute Module 5 or 5 Lite", "cm5 pi5", (0x18, 0x1A), "bcm2712",
     "bcm2712-rpi-cm5-cm5io bcm2712-rpi-cm5-cm4io bcm2712-rpi-cm5l-cm5io bcm2712-rpi-cm5l-cm4io", _K2712, "xhci",
     "5-compute-module"),
)  # fmt: skip


def _board(row: Tuple[str, str, str, Tuple[int, ...], str, str, _Kernels, str, str]) -> Board:
    name, model, filters, types, soc, trees, (kernels_64, kernels_32, arm_64bit), usb, compatible = row
    return Board(
        name,
        model,
        frozenset(filters.split()),
        types,
        soc,
        tuple(tree + ".dtb" for tree in trees.split()),
        kernels_64,
        kernels_32,
        arm_64bit,
        (usb, "host" if usb == "xhci" else None),
        tuple(compatible.split()),
    )


#: All boards by name.
BOARDS: Dict[str, Board] = {row[0]: _board(row) for row in _ROWS}

#: Every name that a model filter can have.
MODEL_FILTERS: FrozenSet[str] = frozenset(name for board in BOARDS.values() for name in board.filters)

_OLD_CODES = {
    "pi1": (0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0D, 0x0E, 0x0F, 0x10, 0x12, 0x13, 0x15),
    "cm1": (0x11, 0x14),
}
# The processor's number in a revision code, as the overlay map names its family.
_PROCESSORS = ("bcm2835", "bcm2835", "bcm2835", "bcm2711", "bcm2712")
_NEW_STYLE = 1 << 23


def by_revision(code: int) -> Optional[Board]:
    """The board that has a revision code, as ``/proc/cpuinfo`` and the bootloader say it; None for an unknown one.

    Bits 24 to 31 (overvoltage, OTP and warranty) say nothing about the model; early boards, with codes of the old
    style, have the warranty in bit 24.
    """
    if not 0 <= code < 1 << 32:
        return None
    code &= (1 << 24) - 1
    if not code & _NEW_STYLE:
        return next((BOARDS[name] for name, codes in _OLD_CODES.items() if code in codes), None)
    kind, processor = code >> 4 & 0xFF, code >> 12 & 0xF
    board = next((one for one in BOARDS.values() if kind in one.types), None)
    if board is None or processor >= len(_PROCESSORS) or _PROCESSORS[processor] != board.soc:
        return None
    return board


def by_compatible(names: Iterable[str]) -> Optional[Board]:
    """The board whose device tree has these strings in its root node's ``compatible``; None where none is known."""
    for name in names:
        maker, _, model = name.partition(",")
        if maker == "raspberrypi":
            for board in BOARDS.values():
                if model in board.compatible:
                    return board
    return None
