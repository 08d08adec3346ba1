"""The pin that wakes a Zymbit module, which newer kernels count differently.

Source: Zymbit documentation, ``troubleshooting/general`` (numbers of the wake pin).
"""

import re
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params, known
from scmguard.checks.zymkey import key_from_module, over_usb
from scmguard.finding import Related
from scmguard.folder import Lacking
from scmguard.rootfs import kernels, zymbit
from scmguard.text import Span

_NEW = (6, 6)
# The last kernels of which it is sure that Raspberry Pi's own count GPIO from 0.
_OLD = (6, 1)
_FROM_RASPBERRY_PI = r"rpi|raspi|v[678]l?\+"
_LARGEST = 10


class _Numbers(NamedTuple):
    """The numbers that Linux gives the pins of the header's chip, and those that GPIO4 can have."""

    pins: range
    wake: FrozenSet[int]

    @property
    def says(self) -> str:
        return " or ".join(map(str, sorted(self.wake)))


_2711_NEW = _Numbers(range(512, 512 + 58), frozenset([516]))
_2711_OLD = _Numbers(range(58), frozenset([4]))
_NUMBERS: Dict[str, Tuple[_Numbers, Optional[_Numbers]]] = {
    "pi4": (_2711_NEW, _2711_OLD),
    "pi400": (_2711_NEW, _2711_OLD),
    "cm4": (_2711_NEW, _2711_OLD),
    "cm4s": (_2711_NEW, _2711_OLD),
    "pi5": (_Numbers(range(569, 571 + 54), frozenset([573, 575])), None),
    "cm5": (_Numbers(range(569, 569 + 54), frozenset([573])), None),
}
# GPIO4 where Zymbit's software is told nothing.
_DEFAULT = 4


def wake_pin_wrong(context: Context, _params: Params) -> Iterator[Hit]:
    """The wake pin in zkenv.conf must have the number that the installed kernels give it.

    Any pin of the header may be the wake pin, so only numbers are wrong that no pin has with these kernels.
    """
    root = context.boot.root
    if root is None or not root.exists(zymbit.HOME):
        return
    found = _expected(context)
    if found is None:
        return
    numbers, release = found
    pin = zymbit.wake_pin(root)
    board = context.config.board.name
    fits = "with kernel {} it is {} on {}".format(release.name, numbers.says, board)
    key = key_from_module(context)
    severity = None if key is not None else "degraded"
    related = [Related(Span(root.label(release.path)), "the kernel's modules")]
    related += [] if key is None else [key]
    if pin is None or not pin.value:
        if _DEFAULT in numbers.pins:
            return
        if pin is not None:
            message = "{} is empty, and the module does not bind: {}".format(zymbit.WAKE_PIN, fits)
            yield Hit(pin.file, pin.span, message, related=tuple(related), severity=severity)
            return
        message = "nothing sets {}: {}".format(zymbit.WAKE_PIN, fits)
        mild = "hygiene" if over_usb(context) else severity
        yield Hit(None, Span(root.label(zymbit.ENVIRONMENT)), message, related=tuple(related), severity=mild)
        return
    number = int(pin.value) if pin.value.isdecimal() and len(pin.value) < _LARGEST else None
    if number is None:
        message = "{} is {!r}, which is no number: {}".format(zymbit.WAKE_PIN, pin.value, fits)
    elif number not in numbers.pins:
        message = "{} is {}, which is no pin of the header: {}".format(zymbit.WAKE_PIN, number, fits)
    elif board == "cm5" and number == 575:
        message = "{} is 575, which is GPIO4 on a Raspberry Pi 5 and GPIO6 here: {}".format(zymbit.WAKE_PIN, fits)
        severity = "hygiene"
    else:
        return
    yield Hit(pin.file, pin.span, message, related=tuple(related), severity=severity)


def _expected(context: Context) -> Optional[Tuple[_Numbers, kernels.Release]]:
    """The numbers that hold with every installed kernel, and one of these; None where they are unknown.

    Where kernels differ the one that runs decides: it is what uses the pin now. Raises Lacking where that is not known.
    """
    root, numbers = context.boot.root, _NUMBERS.get(context.config.board.name)
    releases = kernels.releases(root) if root is not None and numbers is not None else []
    if numbers is None or not releases:
        return None
    found = _numbers(*numbers, releases)
    if found is not None or all(_numbers(*numbers, [release]) is None for release in releases):
        return found
    if context.device is None:
        raise Lacking("device", "needs to know which kernel runs: some that are installed count the pins differently")
    running = known(context.device.kernel, "which kernel runs")
    return _numbers(*numbers, [release for release in releases if release.name == running])


def _numbers(
    new: _Numbers, old: Optional[_Numbers], releases: List[kernels.Release]
) -> Optional[Tuple[_Numbers, kernels.Release]]:
    """The numbers that hold with all of these kernels, and one of these; None where they differ or are unknown."""
    if not releases:
        return None
    if all(release.number >= _NEW for release in releases):
        return new, releases[-1]
    if old is not None and all(
        release.number <= _OLD and re.search(_FROM_RASPBERRY_PI, release.name) for release in releases
    ):
        return old, releases[-1]
    return None
