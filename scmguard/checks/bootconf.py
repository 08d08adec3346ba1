"""The EEPROM's configuration (bootconf.txt, boot.conf in usbboot's folders): where the bootloader looks for a system.

Sources: documentation, ``raspberry-pi/eeprom-bootloader.adoc`` (BOOT_ORDER and its modes, SD_BOOT_MAX_RETRIES,
NET_BOOT_MAX_RETRIES, the ``[config.txt]`` section) and ``raspberry-pi/bootflow-eeprom.adoc`` (RPIBOOT has no timeout).
"""

import re
from typing import FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params, carried, hit_at, hit_file, one_hit
from scmguard.checks.kernelargs import root_argument
from scmguard.effective.config import EffectiveConfig, bootloader_config
from scmguard.effective.run import Place
from scmguard.effective.worlds import FALSE, TRUE, Condition

_NAMES = {
    0: "SD card detect (0)",
    1: "SD card or eMMC (1)",
    2: "network (2)",
    3: "RPIBOOT (3)",
    4: "USB mass storage (4)",
    5: "USB 2.0 mass storage (5)",
    6: "NVMe (6)",
    7: "HTTP (7)",
}
_DETECT, _SD, _NETWORK, _RPIBOOT, _HTTP, _STOP, _RESTART = 0, 1, 2, 3, 7, 14, 15
_SD_MODES = frozenset((_DETECT, _SD))
_LOCAL = frozenset((_DETECT, _SD, 4, 5, 6))
_DEFAULT = "0xf41"
_WELL_FORMED = r"(?:0[xX][0-9A-Fa-f]{1,8}|[0-9])(?![0-9A-Za-z_.])"

# Where a root device says that the boot partition is, too: an SD card often starts a system that is on a disk.
_ROOTS = (
    (re.compile(r"/dev/mmcblk\d"), "an SD card or eMMC", _SD_MODES),
    (re.compile(r"/dev/nvme\d"), "an NVMe disk", _SD_MODES | {6}),
    (re.compile(r"/dev/sd[a-z]"), "a USB disk", _SD_MODES | {4, 5}),
)
_SOME_DISK = r"(?:PART)?UUID=|(?:PART)?LABEL=|/dev/(?:disk|mapper)/"


class Order(NamedTuple):
    """A BOOT_ORDER as the bootloader goes through it.

    ``tried`` are the modes it gets to, ``rest`` the digits it never gets to, ``end`` what it meets behind the last
    mode: restart, stop, None (nothing), or that mode itself where it never gives up.
    """

    text: str
    place: Optional[Place]
    tried: Tuple[int, ...]
    rest: Tuple[int, ...]
    end: Optional[int]

    @property
    def waits(self) -> bool:
        """Whether the last mode that is tried goes on for ever."""
        return bool(self.tried) and self.end == self.tried[-1]


class _Medium(NamedTuple):
    """Where a unit boots from, as far as it is known, and how bad it is not to look there."""

    modes: FrozenSet[int]
    why: str
    severity: Optional[str]


def bootloader(context: Context) -> Optional[EffectiveConfig]:
    """The EEPROM's own settings, evaluated once for a context; None where there are none."""
    if "bootconf" not in context.memo:
        context.memo["bootconf"] = bootloader_config(context.boot, context.config.board)
    found: Optional[EffectiveConfig] = context.memo["bootconf"]
    return found


def orders(context: Context, config: EffectiveConfig) -> Iterator[Tuple[Condition, Order]]:
    """The boot order, world by world; nothing for one that is malformed."""
    retries = config.number("SD_BOOT_MAX_RETRIES").product(config.number("NET_BOOT_MAX_RETRIES"))
    for when, (found, (sd, net)) in config.outcome("BOOT_ORDER").product(retries):
        text = found.value if found is not None and found.value else _DEFAULT
        if not re.match(_WELL_FORMED, text):
            continue
        endless = {_DETECT, _RPIBOOT} | ({_SD} if sd < 0 else set()) | ({_NETWORK} if net < 0 else set())
        digits = re.match(r"(?:0[xX])?([0-9A-Fa-f]+)", text)
        order = _walk(int(digits.group(1), 16) if digits else 0, frozenset(endless))
        place = found.place if found is not None else None
        yield carried(context, config, when), order._replace(text=text, place=place)


def _walk(number: int, endless: FrozenSet[int]) -> Order:
    digits = [number >> shift & 15 for shift in range(0, 32, 4)]
    while len(digits) > 1 and not digits[-1]:
        digits.pop()
    tried: List[int] = []
    for place, mode in enumerate(digits):
        rest = tuple(digits[place + 1 :])
        if mode in (_STOP, _RESTART):
            return Order("", None, tuple(tried), rest, mode)
        tried.append(mode)
        if mode in endless:
            return Order("", None, tuple(tried), rest, mode)
    return Order("", None, tuple(tried), (), None)


def _name(mode: int) -> str:
    return _NAMES.get(mode, "mode {:x}".format(mode))


def _hit(config: EffectiveConfig, order: Order, message: str, when: Condition, severity: Optional[str] = None) -> Hit:
    if order.place is not None:
        return hit_at(order.place, message, when, severity=severity)
    return hit_file(config.start, message, when, severity=severity)


def boot_order_without_own_medium(context: Context, _params: Params) -> Iterator[Hit]:
    """A boot order that never gets to the medium that the unit boots from, or gets to others first on an SCM."""
    config = bootloader(context)
    if config is None:
        return
    worlds = context.config.worlds
    sealed = context.profile.get("medium") == "emmc"
    hits: List[Hit] = []
    for when, order in orders(context, config):
        for known, medium in _media(context):
            both = worlds.both(when, known)
            if both == FALSE:
                continue
            if not medium.modes.intersection(order.tried):
                message = "BOOT_ORDER={} {}; {}".format(order.text, _why_never(order, medium), medium.why)
                hits.append(_hit(config, order, message, both, medium.severity if order.tried else None))
            elif sealed and order.tried[0] != _SD:
                message = "{} is tried before the eMMC: what answers there boots in its place".format(
                    _name(order.tried[0])
                )
                hits.append(_hit(config, order, message, both, "degraded"))
    yield from one_hit(hits, context)


def _media(context: Context) -> Iterator[Tuple[Condition, _Medium]]:
    """Where the unit boots from: as the profile says, else as ``root=`` lets one guess."""
    if context.profile.get("medium") == "emmc":
        yield TRUE, _Medium(frozenset((_SD,)), "this unit boots from its eMMC (1) and from nothing else", None)
        return
    unknown = _Medium(_LOCAL, "right only for a unit that boots over the network", "hygiene")
    if not context.boot.has_cmdline or context.config.shadowed != FALSE:
        yield TRUE, unknown
        return
    for when, line in context.cmdlines:
        root = root_argument(line)
        value = root.value if root is not None and root.value else ""
        text = root.text if root is not None else ""
        for pattern, what, modes in _ROOTS:
            if pattern.match(value):
                yield when, _Medium(modes, "{} says that this unit runs from {}".format(text, what), None)
                break
        else:
            if re.match(_SOME_DISK, value):
                yield when, _Medium(_LOCAL, "{} says that this unit runs from a disk".format(text), "degraded")
            elif not value:
                yield when, unknown


def _why_never(order: Order, medium: _Medium) -> str:
    if not order.tried:
        return "tries nothing at all"
    if order.waits and medium.modes.intersection(order.rest):
        return "never gets past {}, which {}".format(_name(order.tried[-1]), _waiting(order.tried[-1]))
    return "tries {} alone".format(" and ".join(dict.fromkeys(_name(mode) for mode in order.tried)))


def _waiting(mode: int) -> str:
    if mode == _DETECT:
        return "waits until somebody changes the card"
    if mode == _RPIBOOT:
        return "has no timeout"
    return "retries for ever ({}_BOOT_MAX_RETRIES)".format("SD" if mode == _SD else "NET")


def boot_order_never_restarts(context: Context, _params: Params) -> Iterator[Hit]:
    """A boot order that comes to an end: one failure of the medium, and the unit waits for somebody."""
    config = bootloader(context)
    if config is None:
        return
    yield from one_hit(list(_malformed(context, config)), context)
    ends: List[Hit] = []
    unused: List[Hit] = []
    for when, order in orders(context, config):
        message = _how_it_ends(order)
        if message:
            ends.append(_hit(config, order, message, when))
        message = _never_used(order)
        if message:
            unused.append(_hit(config, order, message, when, "hygiene"))
    yield from one_hit(ends, context)
    yield from one_hit(unused, context)


def _how_it_ends(order: Order) -> str:
    """Why the order comes to an end; empty where it starts again, or retries its last medium for ever."""
    last = order.tried[-1] if order.tried else None
    if last is not None and order.waits:
        if last not in (_DETECT, _RPIBOOT):
            return ""
        return "{} {}: BOOT_ORDER={} never starts again from there".format(_name(last), _waiting(last), order.text)
    if order.end == _RESTART:
        return ""
    ending = "ends in e (stop)" if order.end == _STOP else "has no f (restart) behind its last mode"
    failed = "once {} has failed".format(_name(last)) if last is not None else "without trying anything"
    return "{} the unit stops until it is power-cycled: BOOT_ORDER={} {}".format(failed, order.text, ending)


def _never_used(order: Order) -> str:
    """What of the order is in vain; empty where nothing is."""
    strange = sorted({mode for mode in order.tried if mode not in _NAMES})
    if strange:
        digits = " ".join("{:x}".format(mode) for mode in strange)
        return "BOOT_ORDER={} has digits that are no boot mode: {}".format(order.text, digits)
    modes = list(dict.fromkeys(_name(mode) for mode in order.rest if mode not in (_STOP, _RESTART)))
    if not modes:
        return ""
    why = "everything left of f or e is ignored"
    if order.waits:
        why = "{} {}".format(_name(order.tried[-1]), _waiting(order.tried[-1]))
    return "{} {} never tried: {}".format(" and ".join(modes), "is" if len(modes) == 1 else "are", why)


def _malformed(context: Context, config: EffectiveConfig) -> Iterator[Hit]:
    for condition, found in config.outcome("BOOT_ORDER"):
        when = carried(context, config, condition)
        if found is None:
            for (key, _port), several in config.run.settings.items():
                if key.upper() == "BOOT_ORDER":
                    message = "{} is no setting of the bootloader, whose names are in capitals".format(key)
                    yield hit_at(several[-1].place, message, when, severity="hygiene")
        elif found.value and not re.match(_WELL_FORMED, found.value):
            message = "BOOT_ORDER={} is no 0x with up to eight digits".format(found.value)
            decimal = re.match(r"[0-9]{2,9}(?![0-9A-Za-z_.])", found.value)
            if decimal:
                message += "; read as a decimal number it is {:#x}".format(int(decimal.group()))
            yield hit_at(found.place, message, when)


def rpiboot_is_no_recovery(context: Context, _params: Params) -> Iterator[Hit]:
    """RPIBOOT in the boot order: somebody may take it for a way back in."""
    config = bootloader(context)
    if config is None:
        return
    hits: List[Hit] = []
    for when, order in orders(context, config):
        if order.place is not None and _RPIBOOT in order.tried + order.rest:
            message = "RPIBOOT (3) is no way back into a unit that does not boot: it needs {}".format(
                "nRPIBOOT pulled low"
                if context.config.board.name.startswith("cm")
                else "somebody with a USB cable at the unit"
            )
            hits.append(_hit(config, order, message, when))
    yield from one_hit(hits, context)
