"""The way to a Zymbit module: the I2C bus it is on.

Sources: Zymbit documentation, ``hardware/modules`` (I2C has to be switched on); overlays README and
``configuration/device-tree.adoc``: ``i2c``, ``i2c_arm`` and ``i2c1`` are one parameter on all boards but the first, and
put their value into the bus's ``status``.
"""

import re
from typing import Iterator, List, Optional, Tuple

from scmguard import catalogue
from scmguard.catalogue import pins
from scmguard.checks.base import Context, Hit, Params, hit_at, hit_file, one_hit, span_of
from scmguard.checks.kernelargs import roots
from scmguard.effective.devicetree import switches_on
from scmguard.effective.run import Load, ParameterSet
from scmguard.effective.worlds import FALSE, Condition, Split
from scmguard.finding import Related
from scmguard.rootfs import mounts, zymbit


def key_from_module(context: Context) -> Optional[Related]:
    """The line that says that the root is opened with the module's key: crypttab's, or without it the command line's.

    Raises Unreadable.
    """
    says = "the root is opened with a key from the module"
    root = context.boot.root
    given = {mounts.mapper_name(each.value): each for each in roots(context)}
    if root is None or not root.exists("etc/crypttab"):
        named = given.get(zymbit.CRYPTRFS)
        return Related(named.line.place(named.argument), says) if named is not None else None
    names = {mounts.mapper_name(mount.source) for mount in mounts.fstab(root) if mount.is_root}
    names = names.union(given) - {""}
    from scmguard.rootfs.crypttab import crypttab

    for volume in crypttab(root):
        if zymbit.unlocks(volume) and volume.target in (names or {zymbit.CRYPTRFS}):
            return Related(volume.span, says)
    return None


def over_usb(context: Context) -> bool:
    """Whether the profile's module is found over USB, so that nobody says that it cannot do without pins and I2C."""
    return bool(context.profile.get("usb-host"))


_BUS = ("i2c", "i2c_arm", "i2c1")
_OFF = ("off", "false", "no", "0", "disabled")

# Overlays that switch I2C1 on besides those that have it for good (catalogue/pins.json), or put a bus of their own on
# its pins. Those with a parameter for the bus leave it alone when that names another.
_NAMES = (
    "adau1977-adc ads1015 ads1115 android-i2c-sensor chipcap2 draws ezsound-6x8iso ghost-amp hd44780-i2c-lcd"
    " hifiberry-adc hifiberry-adc8x hifiberry-dac8x hifiberry-dacplus-pro hifiberry-dacplus-std i2c-bcm2708 i2c-fan"
    " i2c-gpio i2c-mux i2c-pwm-pca9685a i2c-rtc i2c-sensor i2c1 i2c1-pi5 interludeaudio-analog interludeaudio-digital"
    " ltc294x mcp23017 mcp342x mlx90640 mpu6050 papirus pca953x pcf857x piglow pisound-micro sc16is750-i2c"
    " sc16is752-i2c seeed-can-fd-hat-v2 sunfounder-pipower3 sunfounder-pironman5 sx150x tinylcd35 tpm-slb9673"
    " vc4-kms-dsi-waveshare-panel vc4-kms-dsi-waveshare-panel-v2"
)
_SWITCHING = frozenset(_NAMES.split())
_OTHER_BUS = r"i2c(?:[02-9]|_csi_dsi[01]?|_vc)\Z"


def zymkey_bus_off(context: Context, _params: Params) -> Iterator[Hit]:
    """I2C1 must be on where a module is. For a module behind USB only a line that switches it off is spoken of."""
    config, worlds = context.config, context.config.worlds
    state: Split[Optional[ParameterSet]] = Split.always(worlds, None)
    for one in config.run.base:
        if one.name in _BUS:
            state = state.replaced(one.when, one)
    mild = over_usb(context)
    off = [(condition, given) for condition, given in state if given is None or not switches_on(given.value)]
    if all(given is None and mild for _, given in off):
        return
    elsewhere, unsure = _by_overlays(context)
    key = None if mild else key_from_module(context)
    hits: List[Hit] = []
    for condition, given in off:
        when = worlds.without(condition, elsewhere)
        if when == FALSE or (given is None and mild):
            continue
        severity = "hygiene" if mild or worlds.both(when, unsure) != FALSE else None if key is not None else "degraded"
        related = [] if key is None else [key]
        if given is not None:
            hits.append(hit_at(given.place, _says(given), when, related, severity))
            continue
        message = "I2C1 is off on {}: no dtparam=i2c_arm=on is in effect, and the security module is on that bus"
        inert = [Related(span_of(each.place), "this line does not count") for each in _inert(context)]
        message = message.format(config.board.name)
        hits.append(hit_file(config.start, message, when, [*inert, *related], severity))
    yield from one_hit(hits, context)


def _says(one: ParameterSet) -> str:
    if one.value in _OFF:
        return "{}={} switches I2C1 off, and the security module is on that bus".format(one.name, one.value)
    return "{} is {!r}, which is none of on, true, yes and 1: I2C1 stays off, and the security module is on it".format(
        one.name, one.value
    )


def _inert(context: Context) -> List[ParameterSet]:
    base = context.config.run.base
    return [one for one in base if one.name in _BUS and switches_on(one.value) and one.when == FALSE]


def _by_overlays(context: Context) -> Tuple[Condition, Condition]:
    """The worlds in which an overlay takes care of I2C1 (or there is no device tree), and those in which one may."""
    config = context.config
    sure, unsure = config.without_tree, FALSE
    for when, load in config.loads:
        if _switches_on(load):
            sure = config.worlds.either(sure, when)
        elif not catalogue.overlay_known(load.resolved or load.name):
            unsure = config.worlds.either(unsure, when)
    return sure, unsure


def _switches_on(load: Load) -> bool:
    name = load.resolved or load.name
    if name in _SWITCHING:
        return not any(re.match(_OTHER_BUS, one.name) for one in load.parameters)
    return "i2c1" in pins.overlay(name).get("bus", ())
