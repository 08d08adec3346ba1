"""What the running system booted from, and which driver has the USB port: the live twins of rules about files."""

from typing import Iterator

from scmguard.checks.base import Context, Hit, Params, known
from scmguard.checks.device.common import asked, hit_fact
from scmguard.effective.worlds import FALSE
from scmguard.finding import Related
from scmguard.text import Span

_MODE = "sd-or-emmc"


def boot_medium_not_emmc(context: Context, _params: Params) -> Iterator[Hit]:
    """The root, the boot partition and the bootloader's choice must be the eMMC."""
    device = asked(context)
    for fact, what in ((device.root_storage, "the root file system"), (device.boot_storage, "the boot partition")):
        storage = fact.value
        if storage is not None and storage.kind != "emmc":
            message = "{} is on {} ({}), not on the eMMC".format(what, storage.disk, storage.kind)
            yield hit_fact(fact, message)
    mode = device.boot_mode.value
    if mode is not None and mode != _MODE:
        yield hit_fact(device.boot_mode, "the bootloader started this system from {}, not from the eMMC".format(mode))
    known(device.root_storage, "what is behind the root file system")
    known(device.boot_storage, "what is behind the boot partition")


def usb_controller_not_dwc2_host(context: Context, _params: Params) -> Iterator[Hit]:
    """The USB port must be run by dwc2 as a host now; whether it will be is what the files say."""
    usb = known(asked(context).usb, "which driver has the USB port")
    if usb is None or (usb.controller == "dwc2" and usb.mode == "host"):
        return
    state = "{} in {} mode".format(usb.controller, usb.mode) if usb.mode else usb.controller
    message = "the USB port is run by {} now, and not by dwc2 in host mode".format(state)
    if usb.controller == "none":
        message = "no driver has the USB port now, and it has to be dwc2 in host mode"
    config = context.config
    start = Span(config.start.source.path)
    wrong = config.usb.where(lambda each: not each.is_dwc2_host)
    says = "after the next boot it will be dwc2 in host mode" if wrong == FALSE else "the next boot may not change that"
    yield hit_fact(asked(context).usb, message, related=[Related(start, says)])
