"""Pins: what overlays, base parameters and gpio= lines take, against each other and against reserved ones.

Sources: overlays README and the compiled overlays (see ``catalogue/pins.json``); documentation,
``config_txt/gpio.adoc`` (the gpio setting); Zymbit documentation, ``hardware/modules`` (GPIO4 and I2C1).
"""

import re
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from scmguard.catalogue import pins
from scmguard.checks.base import Context, Hit, Params, hit_at, span_of
from scmguard.effective.config import EffectiveConfig
from scmguard.effective.devicetree import switches_on
from scmguard.effective.run import Assignment, Load, ParameterSet, Place
from scmguard.effective.worlds import FALSE, Condition, Split
from scmguard.finding import Related

_MOST_PINS = 54
_NUMBER = r"0[xX][0-9A-Fa-f]{1,4}\Z|[0-9]{1,4}\Z"
_RANGE = r"([0-9]{1,3})(?:-([0-9]{1,3}))?\Z"
_FUNCTION = r"ip\Z|op\Z|a[0-5]\Z"
_I2C1 = "i2c1"


class Claim(NamedTuple):
    """A pin that something takes. ``role`` is shared by what shares pins by design; ``alone`` marks what never does."""

    pin: int
    by: str
    role: str
    alone: bool
    default: bool
    place: Place
    when: Condition


class Reserved(NamedTuple):
    """A pin that the profile keeps for something, and for what."""

    pin: int
    use: str

    def is_for(self, role: str) -> bool:
        """Whether the reservation is for that bus itself, so that the bus may have it."""
        return bool(role) and role in self.use.lower()


def pin_conflict(context: Context, _params: Params) -> Iterator[Hit]:
    """Overlays on pins that the profile reserves, and overlays on one pin."""
    reserved = list(_reserved(context))
    claims = list(_claims(context.config))
    yield from _on_reserved(context, reserved, claims)
    yield from _gpio_lines(context, reserved)
    yield from _pairs(context, claims)


def _reserved(context: Context) -> Iterator[Reserved]:
    entries = context.profile.get("reserved-pins")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("pin"), int):
            yield Reserved(entry["pin"], str(entry.get("use", "something else")))


# ---- claims -------------------------------------------------------------------------------------------------


def _claims(config: EffectiveConfig) -> Iterator[Claim]:
    yield from _base_claims(config)
    for when, load in config.loads:
        known = pins.overlay(load.resolved or load.name)
        if known:
            yield from _overlay_claims(config, load, when, known)


def _base_claims(config: EffectiveConfig) -> Iterator[Claim]:
    """The last value of each base parameter that takes pins."""
    given: Dict[str, Split[Optional[ParameterSet]]] = {}
    for one in config.run.base:
        if pins.base_bus(one.name) or pins.base_pins(one.name) or pins.base_moved(one.name):
            before = given.get(one.name) or Split.always(config.worlds, None)
            given[one.name] = before.replaced(config.worlds.without(one.when, config.without_tree), one)
    for name, split in given.items():
        for condition, found in split:
            if found is None:
                continue
            by = "dtparam={}".format(name)
            if pins.base_moved(name):
                pin = _pin(found.value)
                if pin is not None:
                    yield Claim(pin, by, by, True, False, found.place, condition)
            elif switches_on(found.value):
                bus = pins.base_bus(name)
                for pin in pins.bus(bus) if bus else pins.base_pins(name):
                    yield Claim(pin, by, bus or name, False, True, found.place, condition)


def _overlay_claims(config: EffectiveConfig, load: Load, when: Condition, known: Any) -> Iterator[Claim]:
    by, alone = load.name, bool(known.get("alone"))
    role = known.get("role") or load.resolved or load.name
    for pin in known.get("fixed", ()):
        yield Claim(pin, by, role, alone, True, load.place, when)
    for bus in known.get("bus", ()):
        for pin in pins.bus(bus):
            yield Claim(pin, by, bus, False, True, load.place, when)
    moved = known.get("moved", {})
    for names, default in moved.items():
        state: Split[Tuple[Optional[int], Optional[Place]]] = Split.always(config.worlds, (default, None))
        for one in load.parameters:
            if one.name in names.split("|"):
                state = state.replaced(one.when, (_pin(one.value), one.place))
            elif names in known.get("unless", {}).get(one.name, ()) and switches_on(one.value):
                state = state.replaced(one.when, (None, one.place))
        for condition, (pin, place) in state:
            condition = config.worlds.both(condition, when)
            if pin is not None and condition != FALSE:
                yield Claim(pin, by, role, alone, place is None, place or load.place, condition)
    if "choices" in known:
        yield from _choice(config, load, when, known, role)
    for one in load.parameters:
        condition = config.worlds.both(one.when, when)
        if one.name in known.get("adds", {}) and switches_on(one.value) and condition != FALSE:
            for pin in known["adds"][one.name]:
                yield Claim(pin, by, role, False, False, one.place, condition)


def _choice(config: EffectiveConfig, load: Load, when: Condition, known: Any, role: str) -> Iterator[Claim]:
    state: Split[Tuple[Tuple[int, ...], Optional[Place]]] = Split.always(config.worlds, (tuple(known["default"]), None))
    for one in load.parameters:
        if one.name in known["choices"] and switches_on(one.value):
            state = state.replaced(one.when, (tuple(known["choices"][one.name]), one.place))
    for condition, (chosen, place) in state:
        condition = config.worlds.both(condition, when)
        if condition != FALSE:
            for pin in chosen:
                yield Claim(pin, load.name, role, False, place is None, place or load.place, condition)


def _pin(text: str) -> Optional[int]:
    if not re.match(_NUMBER, text):
        return None
    number = int(text, 16) if text[:2] in ("0x", "0X") else int(text)
    return number if number < _MOST_PINS else None


# ---- reserved pins ------------------------------------------------------------------------------------------


def _on_reserved(context: Context, reserved: List[Reserved], claims: List[Claim]) -> Iterator[Hit]:
    """One finding for each line that takes reserved pins."""
    kept = {one.pin: one for one in reserved}
    found: Dict[Tuple[int, int, Condition, str], List[Claim]] = {}
    for claim in claims:
        if claim.pin in kept and not kept[claim.pin].is_for(claim.role):
            key = id(claim.place.document), claim.place.line, claim.when, claim.by
            several = found.setdefault(key, [])
            if claim.pin not in [one.pin for one in several]:
                several.append(claim)
    severity = None if _holds_the_key(context) else "degraded"
    for several in found.values():
        first = several[0]
        uses = "; ".join(dict.fromkeys(kept[one.pin].use for one in several))
        message = "{} takes GPIO {}{}, kept for {}".format(
            first.by, _listed([one.pin for one in several]), " by default" if first.default else "", uses
        )
        yield hit_at(first.place, message, first.when, (), severity)


def _holds_the_key(context: Context) -> bool:
    """Whether the root file system is opened with a key from a module behind the reserved pins."""
    from scmguard.checks.zymkey import key_from_module, over_usb

    # What is known of the SCM says that its module is found over USB; whether it needs these pins to boot is not said.
    if not context.profile.get("zymkey") or over_usb(context):
        return False
    return bool(context.profile.get("encrypted-root")) or key_from_module(context) is not None


def _listed(numbers: List[int]) -> str:
    texts = [str(number) for number in sorted(numbers)]
    return texts[0] if len(texts) == 1 else "{} and {}".format(", ".join(texts[:-1]), texts[-1])


def _gpio_lines(context: Context, reserved: List[Reserved]) -> Iterator[Hit]:
    """Functions that gpio= lines leave reserved pins with; pulls and inputs do no harm.

    Drivers set their pins up again, so that of a bus's pins only the moments before are disturbed.
    """
    lines = [(one, _gpio(one.value)) for one in context.config.run.gpio] if reserved else []
    for kept in reserved:
        state: Split[Optional[Tuple[str, Assignment]]] = Split.always(context.config.worlds, None)
        for one, (ranges, function) in lines:
            if function and any(low <= kept.pin <= high for low, high in ranges):
                state = state.replaced(one.when, (function, one))
        for condition, found in state:
            if found is None or found[0] == "ip":
                continue
            function, one = found
            of_bus = kept.is_for(_I2C1)
            if of_bus and function == "a0":
                continue
            makes = "an output" if function == "op" else "function {}".format(function)
            message = "this makes GPIO {} {}, and it is kept for {}".format(kept.pin, makes, kept.use)
            yield hit_at(one.place, message, condition, (), "hygiene" if of_bus else "degraded")


def _gpio(value: str) -> Tuple[List[Tuple[int, int]], str]:
    """The ranges of pins of a gpio= line, and the last function that it gives them."""
    left, _, right = value.partition("=")
    ranges = []
    for part in left.split(","):
        match = re.match(_RANGE, part)
        if match is not None:
            low = int(match.group(1))
            ranges.append((low, int(match.group(2) or low)))
    functions = [option for option in right.split(",") if re.match(_FUNCTION, option)]
    return ranges, functions[-1] if functions else ""


# ---- two on one pin -----------------------------------------------------------------------------------------


def _pairs(context: Context, claims: List[Claim]) -> Iterator[Hit]:
    """Two overlays on one pin that do not share it by design; each pair is said once."""
    worlds = context.config.worlds
    on_pin: Dict[int, Dict[Tuple[str, str], Claim]] = {}
    said: Set[Tuple[str, str]] = set()
    for claim in claims:
        others = on_pin.setdefault(claim.pin, {})
        for other in others.values():
            pair = other.by, claim.by
            if other.role == claim.role or other.by == claim.by or pair in said:
                continue
            when = worlds.both(other.when, claim.when)
            if when == FALSE:
                continue
            said.add(pair)
            message = "{} and {} both use GPIO {}".format(claim.by, other.by, claim.pin)
            related = [Related(span_of(other.place), "{} takes it here".format(other.by))]
            severity = "degraded" if claim.alone and other.alone else "hygiene"
            yield hit_at(claim.place, message, when, related, severity)
        key = claim.by, claim.role
        if key not in others:
            others[key] = claim
        else:
            before = others[key]
            others[key] = before._replace(when=worlds.either(before.when, claim.when))
