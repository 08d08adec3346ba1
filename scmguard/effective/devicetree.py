"""What the overlays and base parameters make of the device tree, as far as booting depends on it: USB and eMMC.

Sources: overlays README (dwc2, dwc-otg, upstream, disable-emmc2, ``dtparam=sd``); the sequences of dwc2 loads were tried with
dtmerge (raspberrypi/utils) on a CM4's device tree. ``otg_mode``: documentation, ``config_txt/boot.adoc``, and
raspberrypi/documentation#1217: with XHCI the firmware disables the node labelled ``usb``. Linux takes any ``dr_mode`` that it
does not know for ``otg`` (drivers/usb/common/common.c, drivers/usb/dwc2/platform.c) and any ``status`` but ``okay`` and ``ok``
for disabled.
"""

from typing import NamedTuple, Optional

from scmguard.effective.board import Board
from scmguard.effective.resolve import Load, ParameterSet, Place, Run
from scmguard.effective.worlds import FALSE, Condition, Split, Worlds

DR_MODES = ("host", "peripheral", "otg")
_ON = ("true", "1", "yes", "on")


class Usb(NamedTuple):
    """The controller behind the USB port: dwc2, dwc_otg, xhci or none; its mode as stored; the line that decided."""

    controller: str
    dr_mode: Optional[str]
    place: Optional[Place] = None

    @property
    def is_dwc2_host(self) -> bool:
        """Whether this is what a Zymbit SCM needs."""
        return self.controller == "dwc2" and self.dr_mode == "host"


class Storage(NamedTuple):
    """Whether Linux gets the SD/eMMC controller, and the line that took it away."""

    enabled: bool
    place: Optional[Place] = None


def usb(worlds: Worlds, board: Board, run: Run, without_tree: Condition, xhci: "Split[Optional[Place]]") -> "Split[Usb]":
    """The USB controller. ``without_tree`` are the worlds without a device tree; ``xhci`` has the line that asks for XHCI."""
    state: Split[Usb] = Split.always(worlds, Usb(*board.usb))
    for load in run.loads:
        when = worlds.without(load.when, without_tree)
        if when == FALSE or load.resolved is None:
            continue
        if load.resolved == "dwc2":
            state = state.replaced(when, Usb("dwc2", "otg", load.place))
            for parameter in load.parameters:
                if parameter.name == "dr_mode":
                    state = state.replaced(worlds.both(when, parameter.when), _mode(load, parameter))
        elif load.resolved in ("upstream", "upstream-pi4"):
            state = state.replaced(when, Usb("dwc2", "otg", load.place))
        elif load.resolved == "dwc-otg":
            state = state.replaced(when, Usb("dwc_otg", None, load.place))
    for condition, place in xhci:
        if place is not None:
            state = state.replaced(condition, Usb("xhci", "host", place))
    return state


def _mode(load: Load, parameter: ParameterSet) -> Usb:
    return Usb("dwc2", parameter.value, parameter.place)


def storage(worlds: Worlds, run: Run, without_tree: Condition) -> "Split[Storage]":
    """Whether the SD/eMMC controller is left on. Once off by an overlay, no parameter is trusted to bring it back."""
    state: Split[Storage] = Split.always(worlds, Storage(True))
    for parameter in run.base:
        if parameter.name == "sd":
            when = worlds.without(parameter.when, without_tree)
            enabled = parameter.value in _ON
            state = state.replaced(when, Storage(enabled, None if enabled else parameter.place))
    for load in run.loads:
        if load.resolved == "disable-emmc2":
            state = state.replaced(worlds.without(load.when, without_tree), Storage(False, load.place))
    return state
