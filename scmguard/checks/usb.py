"""The DWC2 USB controller in host mode: what a Zymbit SCM cannot boot without."""

from typing import Iterator, List

from scmguard.checks.base import Context, Hit, Params, because, hit_at, hit_file, one_hit, span_of
from scmguard.effective.devicetree import Usb
from scmguard.effective.worlds import FALSE
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
            hits.append(hit_at(usb.place, _says(usb), condition, _undone(context)))
    yield from one_hit(hits, config)


def _says(usb: Usb) -> str:
    if usb.controller != "dwc2":
        return "this line leaves the USB port with the {} driver, not with dwc2 in host mode".format(usb.controller)
    if usb.dr_mode in ("otg", "peripheral"):
        return "after this line the USB controller is in {} mode, not in host mode".format(usb.dr_mode)
    return "dr_mode is {!r} here, which Linux takes for otg; it must be exactly host".format(usb.dr_mode)


def _undone(context: Context) -> Iterator[Related]:
    """Loads of dwc2 in host mode that a later line undid."""
    for load in context.config.run.loads:
        if load.when != FALSE and load.resolved == "dwc2":
            modes = [one.value for one in load.parameters if one.name == "dr_mode"]
            if modes[:1] == ["host"]:
                yield Related(span_of(load.place), "this line is right, and undone")


def _never_loaded(context: Context, condition: int) -> Hit:
    config = context.config
    for load in config.run.loads:
        if load.resolved == "dwc2" and load.when == FALSE:
            message = "{} has no effect on {}: it is under another section".format(WANTED, config.board.name)
            return Hit(
                load.place.document.source,
                span_of(load.place),
                message,
                condition,
                tuple(because(load.place, "not active because of")),
            )
        if load.resolved == "dwc2":
            message = "{} is only in effect under some conditions".format(WANTED)
            return hit_at(load.place, message, condition)
    message = "no {} is in effect on {}".format(WANTED, config.board.name)
    if not config.run.documents or not config.start.source.data:
        message += "; {}".format("the file is empty" if context.boot.exists(context.boot.start) else "there is no such file")
    return hit_file(config.start, message, condition)
