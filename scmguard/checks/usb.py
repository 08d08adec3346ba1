"""The DWC2 USB controller in host mode: what a Zymbit SCM cannot boot without."""

from typing import Iterator, List

from scmguard.checks.base import Context, Hit, Params, because, hit_at, hit_file, one_hit, span_of
from scmguard.effective.devicetree import Usb
from scmguard.effective.resolve import Load, Place
from scmguard.effective.worlds import FALSE, Condition
from scmguard.finding import Related

WANTED = "dtoverlay=dwc2,dr_mode=host"


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
    yield from one_hit(hits, config)


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
