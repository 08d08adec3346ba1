"""Settings that contradict each other. Two values of one setting are the business of inert-setting."""

from typing import Dict, Iterator, List, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params, hit_at, span_of
from scmguard.effective.bootfiles import kernel_bits
from scmguard.effective.config import integer, is_on
from scmguard.effective.run import Assignment, Load
from scmguard.effective.worlds import FALSE, Condition
from scmguard.finding import Related
from scmguard.parse.config_txt import parse_initramfs

Found = Tuple[Condition, Assignment]


def conflicting_values(context: Context, _params: Params) -> Iterator[Hit]:
    """Pairs of lines in effect of which one undoes the other."""
    yield from _usb(context)
    yield from _graphics(context)
    yield from _camera(context)
    yield from _kernel_bits(context)
    yield from _initramfs(context)
    yield from _hdmi(context)


def _set(context: Context, key: str, port: int = 0) -> Iterator[Found]:
    """The assignments of a key that win somewhere, with the worlds in which they do."""
    if (key, port) in context.config.run.settings:
        for when, one in context.config.outcome(key, port):
            if one is not None:
                yield when, one


def _on(context: Context, key: str, port: int = 0) -> Iterator[Found]:
    return ((when, one) for when, one in _set(context, key, port) if is_on(one))


def _usb(context: Context) -> Iterator[Hit]:
    """otg_mode takes the port from dwc2 (documentation#1217). Where USB host is required, other rules say so."""
    config = context.config
    if not config.board.pi4_family or context.profile.get("usb-host"):
        return
    for when, one in _on(context, "otg_mode"):
        for condition, usb in config.usb_by_overlays:
            if usb.controller == "dwc2" and usb.place is not None:
                message = "otg_mode={} defeats this line: the port goes to the XHCI controller, as a host only".format(
                    one.value
                )
                related = [Related(span_of(one.place), "this line wins")]
                yield hit_at(usb.place, message, config.worlds.both(when, condition), related)


def _graphics(context: Context) -> Iterator[Hit]:
    """vc4-kms-v3d drives the display hardware itself, vc4-fkms-v3d leaves that to the firmware (overlays README)."""
    config = context.config
    first: Dict[str, Tuple[Condition, Load]] = {}
    for when, load in config.loads:
        name = load.resolved or ""
        kind = next((each for each in ("vc4-fkms-v3d", "vc4-kms-v3d") if name.startswith(each)), "")
        if not kind:
            continue
        other = first.get("vc4-kms-v3d" if kind == "vc4-fkms-v3d" else "vc4-fkms-v3d")
        if other is not None and kind not in first:
            message = "{} and {} are both loaded; a display can have one driver".format(other[1].name, load.name)
            related = [Related(span_of(other[1].place), "{} is loaded here".format(other[1].name))]
            yield hit_at(load.place, message, config.worlds.both(when, other[0]), related)
        first.setdefault(kind, (when, load))


_CAMERA_MEMORY = 64
_CUT_DOWN_BELOW = 32


def _camera(context: Context) -> Iterator[Hit]:
    """Too little memory for the camera firmware; with less than 32 MB one is started that has no camera at all.

    Source: a Raspberry Pi engineer in raspberrypi/linux#503. The documentation says 128, and 16.
    """
    config = context.config
    if config.board.pi5_family or any(
        (key, 0) in config.run.settings for key in ("gpu_mem_256", "gpu_mem_512", "gpu_mem_1024")
    ):
        return
    for when, camera in _on(context, "start_x"):
        for condition, memory in _set(context, "gpu_mem"):
            size = integer(memory.value)
            if not 0 < size < _CAMERA_MEMORY:
                continue
            related = [Related(span_of(camera.place), "start_x asks for the camera firmware")]
            message, severity = (
                "gpu_mem={} is too little for start_x=1: the firmware's camera wants 64 to 128",
                "hygiene",
            )
            if size < _CUT_DOWN_BELOW:
                message, severity = "gpu_mem={} starts the cut-down firmware, and start_x has no effect", ""
            both = config.worlds.both(when, condition)
            yield hit_at(memory.place, message.format(size), both, related, severity or None)


def _kernel_bits(context: Context) -> Iterator[Hit]:
    """A kernel of a known name sets arm_64bit (``config_txt/boot.adoc``); which wins if both say it is not said."""
    config = context.config
    if not config.board.kernels_64 or not config.board.kernels_32:
        return
    for when, kernel in _set(context, "kernel"):
        named = kernel_bits(kernel.value)
        for condition, bits in _set(context, "arm_64bit"):
            if named is not None and is_on(bits) != (named == 64):
                message = "kernel={} is a kernel of {} bits, and arm_64bit={} says otherwise".format(
                    kernel.value, named, bits.value
                )
                related = [Related(span_of(bits.place), "arm_64bit is set here")]
                yield hit_at(kernel.place, message, config.worlds.both(when, condition), related, "hygiene")


def _initramfs(context: Context) -> Iterator[Hit]:
    """auto_initramfs picks a file by the kernel's name; next to an initramfs line it is not said which counts."""
    config = context.config
    board = config.board
    names = {"initramfs" + kernel[len("kernel") : -len(".img")] for kernel in board.kernels_64 + board.kernels_32}
    for when, automatic in _on(context, "auto_initramfs"):
        for condition, line in _set(context, "initramfs"):
            given = [name.rpartition("/")[2] for name in parse_initramfs(line.value)[0]]
            if given and not names.intersection(given):
                message = (
                    "auto_initramfs={} picks a file of its own beside this line; which one counts is not documented"
                )
                related = [Related(span_of(automatic.place), "auto_initramfs is set here")]
                yield hit_at(
                    line.place,
                    message.format(automatic.value),
                    config.worlds.both(when, condition),
                    related,
                    "hygiene",
                )


def _hdmi(context: Context) -> Iterator[Hit]:
    """hdmi_safe stands for a mode of its own, and a hotplug cannot be both (``legacy_config_txt/video.adoc``)."""
    if context.config.board.pi5_family:
        return
    for port in (0, 1):
        for key, message in (
            ("hdmi_group", "hdmi_safe sets hdmi_group and hdmi_mode itself; this line may do nothing"),
            ("hdmi_ignore_hotplug", "hdmi_force_hotplug says that a display is there, this line that none is"),
        ):
            other = "hdmi_safe" if key == "hdmi_group" else "hdmi_force_hotplug"
            yield from _pair(context, list(_on(context, key, port)), list(_on(context, other, port)), message)


def _pair(context: Context, ones: List[Found], others: List[Found], message: str) -> Iterator[Hit]:
    severity: Optional[str] = "hygiene"
    for when, one in ones:
        for condition, other in others:
            both = context.config.worlds.both(when, condition)
            if both != FALSE:
                related = [Related(span_of(other.place), "{}={}".format(other.key, other.value))]
                yield hit_at(one.place, message, both, related, severity)
