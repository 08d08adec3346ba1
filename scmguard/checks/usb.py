"""The DWC2 USB controller in host mode: what a Zymbit SCM cannot boot without; gadgets; boards with USB off.

Gadget drivers are those of Linux, ``drivers/usb/gadget/legacy``. Without a device-mode controller they wait for one
(``drivers/usb/gadget/udc/core.c``). Modules are loaded by systemd-modules-load(8) (command line and ``modules-load.d``;
it takes ``-`` and ``_`` for the same) and listed in ``/etc/modules``.
"""

import re
from typing import Iterator, List, Tuple

from scmguard.checks.base import Context, Hit, Params, because, hit_at, hit_file, one_hit, span_of
from scmguard.checks.kernelargs import roots
from scmguard.effective.devicetree import Usb
from scmguard.effective.run import Load, Place
from scmguard.effective.worlds import FALSE, TRUE, Condition
from scmguard.finding import Related
from scmguard.text import Source, Span

WANTED = "dtoverlay=dwc2,dr_mode=host"

_GADGETS = (
    ("g_acm_ms", "g_audio", "g_cdc", "g_dbgp", "g_ether", "g_ffs", "g_hid", "g_mass_storage", "g_midi", "g_multi")
    + ("g_ncm", "g_nokia", "g_printer", "g_serial", "g_webcam", "g_zero")
    + ("gadgetfs", "raw_gadget", "tcm_usb_gadget")
)
_LIBRARY = "libcomposite"
_USB_DISK = r"/dev/sd[a-z]"


def dwc2_host_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """``dtoverlay=dwc2,dr_mode=host`` must be what is left of all overlays, under every reading.

    ``otg_mode`` has a rule of its own and is left out here.
    """
    config = context.config
    hits: List[Hit] = []
    for condition, usb in config.usb_by_overlays:
        if usb.is_dwc2_host:
            continue
        if usb.place is None:
            hits.append(_never_loaded(context, condition))
        else:
            hits.append(hit_at(usb.place, _says(usb), condition, _undone(context, usb.place, condition)))
    yield from one_hit(hits, context)


def _says(usb: Usb) -> str:
    if usb.controller != "dwc2":
        return "this line leaves the USB port with the {} driver, not with dwc2 in host mode".format(usb.controller)
    if usb.dr_mode in ("otg", "peripheral"):
        return "after this line the USB controller is in {} mode, not in host mode".format(usb.dr_mode)
    return "dr_mode is {!r} here, which Linux takes for otg; it must be exactly host".format(usb.dr_mode)


def _is_host(load: Load) -> bool:
    """Whether a load of dwc2 asks for host mode on its own line."""
    modes = [one.value for one in load.parameters if one.name == "dr_mode" and one.place == load.place]
    return load.resolved == "dwc2" and modes[-1:] == ["host"]


def _undone(context: Context, decides: Place, condition: Condition) -> Iterator[Related]:
    """Loads of dwc2 in host mode that the line at ``decides`` undid."""
    config = context.config
    for load in config.run.loads:
        if load.place == decides:
            return
        if _is_host(load) and config.worlds.both(load.when, condition) != FALSE:
            yield Related(span_of(load.place), "this line is right, and undone")
        if any(one.place == decides for one in load.parameters):
            return


def _never_loaded(context: Context, condition: Condition) -> Hit:
    config = context.config
    for load in config.run.loads:
        if not _is_host(load):
            continue
        if load.when == FALSE:
            message = "{} has no effect on {}: it is under another section".format(WANTED, config.board.name)
            related = tuple(because(load.place, "not active because of"))
            return Hit(load.place.document.source, span_of(load.place), message, condition, related)
        if config.overlay_present("dwc2") is False:
            return hit_at(
                load.place, "the overlay dwc2 is not on the boot partition, so this line does nothing", condition
            )
        if config.worlds.both(condition, config.without_tree) != FALSE:
            return hit_at(load.place, "device_tree= switches the device tree off, and this overlay with it", condition)
        message = "{} may have no effect on {}".format(WANTED, config.board.name)
        related = tuple(because(load.place, "it depends on"))
        return Hit(load.place.document.source, span_of(load.place), message, condition, related)
    message = "no {} is in effect on {}".format(WANTED, config.board.name)
    if not config.run.documents or not config.start.source.data:
        message += "; {}".format(
            "the file is empty" if context.boot.exists(context.boot.start) else "there is no such file"
        )
    return hit_file(config.start, message, condition)


# ---- gadgets ------------------------------------------------------------------------------------------------


def dwc2_gadget(context: Context, _params: Params) -> Iterator[Hit]:
    """Gadget drivers where the port has to be a host.

    While the controller is a host they only wait. The mode itself is the affair of ``dwc2_host_missing``.
    """
    if not context.profile.get("usb-host"):
        return
    config = context.config
    device_mode = config.usb.where(lambda usb: usb.controller == "dwc2" and usb.dr_mode != "host")
    for source, span, name, when in _gadgets(context):
        now = FALSE if name == _LIBRARY else config.worlds.both(when, device_mode)
        if now != FALSE:
            message = "{} makes this unit a USB device, and its port has to be a host".format(name)
            yield Hit(source, span, message, now)
        elif when != FALSE:
            message = "{} waits for the USB port to become a device; it has to stay a host".format(name)
            yield Hit(source, span, message, when, severity="hygiene")


def _gadgets(context: Context) -> Iterator[Tuple[Source, Span, str, Condition]]:
    """Gadget drivers that are loaded: where that is said, the name, and in which worlds."""
    if context.boot.has_cmdline:
        for condition, line in context.cmdlines:
            for argument in line.arguments if line is not None else ():
                if line is not None and argument.name.replace("_", "-") in ("modules-load", "rd.modules-load"):
                    for name in _gadget_names((argument.value or "").split(",")):
                        yield line.source, line.place(argument), name, condition
    for source in _module_lists(context):
        for each in source.lines:
            for name in _gadget_names(each.text.split()[:1]):
                yield source, source.span(each.number), name, TRUE


def _gadget_names(words: List[str]) -> Iterator[str]:
    for word in words:
        name = word.replace("-", "_")
        if name in _GADGETS or name == _LIBRARY:
            yield name


def _module_lists(context: Context) -> Iterator[Source]:
    """The files that name modules to be loaded; of one name in several folders the first counts."""
    root = context.boot.root
    if root is None:
        return
    names = ["etc/modules", "etc/initramfs-tools/modules"]
    seen = set()
    for folder in ("etc/modules-load.d", "usr/lib/modules-load.d"):
        for name in root.names(folder):
            # Debian links /etc/modules into modules-load.d.
            if name.endswith(".conf") and name not in seen:
                seen.add(name)
                if not (root.link(folder + "/" + name) or "").endswith("/modules"):
                    names.append(folder + "/" + name)
    for name in names:
        source = root.source(name)
        if source is not None:
            yield source


# ---- boards with USB off ------------------------------------------------------------------------------------


def usb_off(context: Context, _params: Params) -> Iterator[Hit]:
    """A board whose USB controller is off unless asked for, and nothing asks."""
    config = context.config
    if not config.run.documents or config.board.usb[0] != "none" or context.profile.get("usb-host"):
        return  # with usb-host, dwc2-host-missing says it
    off = config.usb.where(lambda usb: usb.controller == "none")
    for when, load in config.loads:
        if load.resolved == "vl805":  # USB behind PCIe, on the carrier
            off = config.worlds.without(off, when)
    if off == FALSE:
        return
    related = []
    for load in config.run.loads:
        if load.name == "dwc2" and load.when == FALSE:
            related.append(Related(span_of(load.place), "this line does not count on {}".format(config.board.name)))
    for one in config.run.settings.get(("otg_mode", 0), []):
        if one.when == FALSE:
            related.append(Related(span_of(one.place), "this line does not count on {}".format(config.board.name)))
    said = FALSE
    for root in roots(context):
        when = config.worlds.both(root.when, off)
        if re.match(_USB_DISK, root.value) and when != FALSE:
            message = "USB is off on {}, and {} may be behind it".format(config.board.name, root.argument.text)
            said = config.worlds.either(said, when)
            yield hit_file(config.start, message, when, related)
    if said == FALSE:
        message = "USB is off on {}: neither otg_mode=1 nor dtoverlay=dwc2 is in effect".format(config.board.name)
        yield hit_file(config.start, message, off, related, "hygiene")
