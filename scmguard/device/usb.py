"""The USB controller of the SoC's own port: which driver has it, and in which mode.

Sources: paths in sysfs from public logs, of a CM4 ``/sys/bus/platform/drivers/dwc2/fe980000.usb``, ``drivers/dwc_otg``,
``drivers/xhci-hcd/fe9c0000.xhci``, of a Raspberry Pi 5 ``1f00200000.usb/xhci-hcd.0`` (``/sys/class/udc`` has a
controller that may be a peripheral); Linux,
``Documentation/devicetree/bindings/usb/usb-drd.yaml`` (``dr_mode``; otg where it is not said).
"""

import re
from typing import List

from scmguard.device import paths
from scmguard.device.facts import Fact, Unknown, Usb
from scmguard.device.machine import Machine

DRIVERS = "sys/bus/platform/drivers"
# By its address, or (below the dwc3 of an RP1, which makes the xHCI a device of its own) by its number.
_UNIT = re.compile(r"([0-9a-f]+\.[a-z][\w-]*|xhci-hcd\.[0-9]+(\.auto)?)\Z")
# The xHCI that otg_mode=1 puts behind the port of a Pi 4, 400 or CM4; others are behind PCIe or an RP1.
_OWN_XHCI = re.compile(r"fe9c0000\.")


def usb(machine: Machine) -> "Fact[Usb]":
    """The controller and its mode; the controller ``none`` where no driver has one."""
    if not paths.names(machine.files, DRIVERS):
        raise Unknown("there is no /{}".format(DRIVERS))
    for driver in ("dwc2", "dwc_otg"):
        for unit in _units(machine, driver):
            folder = "{}/{}".format(DRIVERS, driver)
            mode = "host" if driver == "dwc_otg" else _mode(machine, "{}/{}".format(folder, unit), unit)
            return Fact(Usb(driver, mode), "/{}/{}".format(folder, unit))
    for unit in _units(machine, "xhci-hcd"):
        return Fact(Usb("xhci", "host"), "/{}/xhci-hcd/{}".format(DRIVERS, unit))
    return Fact(Usb("none"), "/" + DRIVERS)


def _units(machine: Machine, driver: str) -> List[str]:
    folder = "{}/{}".format(DRIVERS, driver)
    names = paths.names(machine.files, folder)
    if driver in paths.names(machine.files, DRIVERS) and "uevent" not in names:
        # Every driver has that. Without this look a driver whose folder cannot be listed would have no device.
        raise Unknown("/{} cannot be listed".format(folder))
    units = [name for name in names if _UNIT.match(name)]
    if driver == "xhci-hcd":
        own = [unit for unit in units if _OWN_XHCI.match(unit)]
        return own or units
    return units


def _mode(machine: Machine, device: str, unit: str) -> str:
    """``dr_mode`` of the controller's node; where it says nothing, what the driver made of it."""
    said = paths.text(machine.files, device + "/of_node/dr_mode")
    if said is not None:
        if said not in ("host", "peripheral", "otg"):
            raise Unknown("dr_mode of {} is {!r}".format(unit, said[:20]))
        return said
    return "otg" if unit in paths.names(machine.files, "sys/class/udc") else "host"
