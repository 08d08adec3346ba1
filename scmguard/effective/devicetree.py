"""What the overlays and base parameters make of the device tree, as far as booting depends on it: USB and eMMC.

Sources: overlays README (dwc2, dwc-otg, upstream, disable-emmc2, ``dtparam=sd``); the sequences of dwc2 loads were
tried with dtmerge (raspberrypi/utils) on a CM4's device tree. ``otg_mode``: documentation, ``config_txt/boot.adoc``,
and raspberrypi/documentation#1217: with XHCI the firmware disables the node labelled ``usb``. Linux takes any
``dr_mode`` that it does not know for ``otg`` (drivers/usb/common/common.c, drivers/usb/dwc2/platform.c) and any
``status`` but ``okay`` and ``ok`` for disabled.
"""

from typing import List, NamedTuple, Optional, Tuple

from scmguard.effective.board import Board
from scmguard.effective.run import Load, ParameterSet, Place
from scmguard.effective.worlds import Condition, Split, Worlds

_ON = ("y", "yes", "on", "true", "enable", "1", "okay", "ok")


def switches_on(value: str) -> bool:
    """Whether a parameter that sets a node's ``status`` switches it on with that value.

    The merge engine stores ``okay`` for some words, in small letters alone, and anything else as it is
    (raspberrypi/utils, ``dtmerge/dtoverlay.c``); Linux takes ``okay`` and ``ok``.
    """
    return value in _ON


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


Loads = List[Tuple[Condition, Load]]


def usb(worlds: Worlds, board: Board, loads: Loads) -> "Split[Usb]":
    """The USB controller after all effective overlay loads, each of which replaces what was there before."""
    state: Split[Usb] = Split.always(worlds, Usb(*board.usb))
    for when, load in loads:
        if load.resolved == "dwc2":
            state = state.replaced(when, Usb("dwc2", "otg", load.place))
            for one in load.parameters:
                if one.name == "dr_mode":
                    state = state.replaced(worlds.both(when, one.when), Usb("dwc2", one.value, one.place))
        elif load.resolved in ("upstream", "upstream-pi4"):
            state = state.replaced(when, Usb("dwc2", "otg", load.place))
        elif load.resolved in ("dwc-otg", "dwc-otg-deprecated"):  # renamed with Linux 6.18
            state = state.replaced(when, Usb("dwc_otg", None, load.place))
    return state


def storage(worlds: Worlds, base: List[Tuple[Condition, ParameterSet]], loads: Loads) -> "Split[Storage]":
    """Whether the SD/eMMC controller is left on. Once off by an overlay, no parameter is trusted to bring it back."""
    state: Split[Storage] = Split.always(worlds, Storage(True))
    for when, parameter in base:
        if parameter.name == "sd":
            enabled = switches_on(parameter.value)
            state = state.replaced(when, Storage(enabled, None if enabled else parameter.place))
    for when, load in loads:
        if load.resolved == "disable-emmc2":
            state = state.replaced(when, Storage(False, load.place))
    return state
