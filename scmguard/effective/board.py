"""The boards: which filters they answer to, and what the firmware does on them by default.

Sources: Raspberry Pi documentation, ``config_txt/conditional.adoc`` (filters and board types), ``config_txt/boot.adoc``
(kernel defaults, ``arm_64bit``), ``raspberry-pi/revision-codes.adoc`` (types). ``[cm0]`` is from raspberrypi/utils
(dtapply). The state of the USB controller in the base tree of the CM4 was read with dtmerge; it ties in with the
documentation, which says that USB on a Compute Module is off unless asked for.
"""

from typing import Dict, FrozenSet, NamedTuple, Optional, Tuple


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

    @property
    def pi4_family(self) -> bool:
        """Whether ``otg_mode`` has a meaning here."""
        return self.soc == "bcm2711"

    @property
    def pi5_family(self) -> bool:
        """Whether the bootloader, not start*.elf, reads config.txt; it has no EDID filter."""
        return self.soc == "bcm2712"


_K6: Tuple[Tuple[str, ...], Tuple[str, ...], bool] = ((), ("kernel.img",), False)
_K7: Tuple[Tuple[str, ...], Tuple[str, ...], bool] = (("kernel8.img",), ("kernel7.img",), False)
_K7L: Tuple[Tuple[str, ...], Tuple[str, ...], bool] = (("kernel8.img",), ("kernel7l.img",), True)
_K2712: Tuple[Tuple[str, ...], Tuple[str, ...], bool] = (("kernel_2712.img", "kernel8.img"), (), True)

_ROWS = (
    ("pi1", "Raspberry Pi 1", "pi1", (0x00, 0x01, 0x02, 0x03), "bcm2835",
     "bcm2708-rpi-b bcm2708-rpi-b-rev1 bcm2708-rpi-b-plus", _K6, "dwc_otg"),
    ("cm1", "Compute Module 1", "cm1 pi1", (0x06,), "bcm2835", "bcm2708-rpi-cm", _K6, "dwc_otg"),
    ("pi0", "Raspberry Pi Zero", "pi0", (0x09,), "bcm2835", "bcm2708-rpi-zero", _K6, "dwc_otg"),
    ("pi0w", "Raspberry Pi Zero W", "pi0w pi0", (0x0C,), "bcm2835", "bcm2708-rpi-zero-w", _K6, "dwc_otg"),
    ("pi2", "Raspberry Pi 2", "pi2", (0x04,), "bcm2835", "bcm2709-rpi-2-b bcm2710-rpi-2-b", _K7, "dwc_otg"),
    ("pi02", "Raspberry Pi Zero 2 W", "pi02 pi0w pi0", (0x12,), "bcm2835",
     "bcm2710-rpi-zero-2-w bcm2710-rpi-zero-2", _K7, "dwc_otg"),
    ("pi3", "Raspberry Pi 3B", "pi3", (0x08,), "bcm2835", "bcm2710-rpi-3-b", _K7, "dwc_otg"),
    ("pi3+", "Raspberry Pi 3B+ or 3A+", "pi3+ pi3", (0x0D, 0x0E), "bcm2835", "bcm2710-rpi-3-b-plus", _K7, "dwc_otg"),
    ("cm0", "Compute Module 0", "cm0", (), "bcm2835", "bcm2710-rpi-cm0 bcm2710-rpi-zero-2-w", _K7, "dwc_otg"),
    ("cm3", "Compute Module 3", "cm3 pi3", (0x0A,), "bcm2835", "bcm2710-rpi-cm3", _K7, "dwc_otg"),
    ("cm3+", "Compute Module 3+", "cm3+ pi3+ pi3", (0x10,), "bcm2835", "bcm2710-rpi-cm3", _K7, "dwc_otg"),
    ("pi4", "Raspberry Pi 4B", "pi4", (0x11,), "bcm2711", "bcm2711-rpi-4-b", _K7L, "dwc_otg"),
    ("pi400", "Raspberry Pi 400", "pi400 pi4", (0x13,), "bcm2711", "bcm2711-rpi-400", _K7L, "dwc_otg"),
    ("cm4", "Compute Module 4", "cm4 pi4", (0x14,), "bcm2711", "bcm2711-rpi-cm4", _K7L, "none"),
    ("cm4s", "Compute Module 4S", "cm4s pi4", (0x15,), "bcm2711", "bcm2711-rpi-cm4s", _K7L, "dwc_otg"),
    ("pi5", "Raspberry Pi 5", "pi5", (0x17,), "bcm2712", "bcm2712-rpi-5-b bcm2712d0-rpi-5-b", _K2712, "xhci"),
    ("pi500", "Raspberry Pi 500", "pi500 pi5", (0x19,), "bcm2712", "bcm2712-rpi-500", _K2712, "xhci"),
    ("cm5", "Compute Module 5", "cm5 pi5", (0x18, 0x1A), "bcm2712",
     "bcm2712-rpi-cm5-cm5io bcm2712-rpi-cm5-cm4io bcm2712-rpi-cm5l-cm5io bcm2712-rpi-cm5l-cm4io", _K2712, "xhci"),
)  # fmt: skip


def _board(
    row: Tuple[str, str, str, Tuple[int, ...], str, str, Tuple[Tuple[str, ...], Tuple[str, ...], bool], str],
) -> Board:
    name, model, filters, types, soc, trees, (kernels_64, kernels_32, arm_64bit), usb = row
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
    )


#: All boards by name.
BOARDS: Dict[str, Board] = {row[0]: _board(row) for row in _ROWS}

#: Every name that a model filter can have.
MODEL_FILTERS: FrozenSet[str] = frozenset(name for board in BOARDS.values() for name in board.filters)
