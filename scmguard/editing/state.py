"""Whether a wish is fulfilled in an effective configuration, and in which worlds not."""

from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from scmguard.editing.wish import Wish
from scmguard.effective.config import EffectiveConfig
from scmguard.effective.run import Assignment, Load, ParameterSet, Place
from scmguard.effective.worlds import FALSE, TRUE, Condition, Split

# Overlays of which each undoes what another did to the USB controller (scmguard/effective/devicetree.py).
_USB = frozenset(["dwc2", "dwc-otg", "dwc-otg-deprecated", "upstream", "upstream-pi4"])


class Why(NamedTuple):
    """In which worlds a wish is not fulfilled (FALSE: in none), and what is there instead, with its place."""

    worlds: Condition
    instead: str = ""
    place: Optional[Place] = None


def plain(value: str) -> str:
    """A value as it counts here. A carriage return that ends its line is the file's trouble, not this value's."""
    return value[:-1] if value.endswith("\r") else value


def lacking(config: EffectiveConfig, wish: Wish, within: Condition, strict: bool) -> Why:
    """In which worlds of ``within`` the wish is not fulfilled.

    Without ``strict`` it is enough that an overlay or a parameter is asked for: whether this board has it is not.
    """
    if wish.kind == "setting":
        return _setting(config, wish, within)
    if wish.kind == "overlay":
        return _overlay(config, wish, within, strict)
    if wish.kind == "parameter":
        return _parameter(config, wish, within, strict)
    return Why(config.worlds.without(within, _gpio(config, wish)), "another gpio line has the pin")


def _setting(config: EffectiveConfig, wish: Wish, within: Condition) -> Why:
    for when, found in config.outcome(wish.key, wish.port or 0):
        here = config.worlds.both(when, within)
        if here == FALSE or (found is not None and plain(found.value) == wish.value):
            continue
        return Why(here, "it is not set") if found is None else Why(here, "it is {}".format(found.value), found.place)
    return Why(FALSE)


def base_value(config: EffectiveConfig, name: str, strict: bool = True) -> "Split[Optional[ParameterSet]]":
    """The line that gives a parameter of the base device tree its value, world by world."""
    found: Split[Optional[ParameterSet]] = Split.always(config.worlds, None)
    for one in config.run.base:
        if one.name == name:
            found = found.replaced(one.when, one)
    return found.replaced(config.without_tree, None) if strict else found


def _parameter(config: EffectiveConfig, wish: Wish, within: Condition, strict: bool) -> Why:
    for when, found in base_value(config, wish.name, strict):
        here = config.worlds.both(when, within)
        if here == FALSE or (found is not None and plain(found.value) == wish.value):
            continue
        if found is None:
            off = config.worlds.both(here, config.without_tree) != FALSE
            return Why(here, "there is no device tree" if off else "nothing gives it to the base device tree")
        return Why(here, "it is {}".format(found.value), found.place)
    return Why(FALSE)


def loads(config: EffectiveConfig, strict: bool = True) -> List[Tuple[Condition, Load]]:
    """The overlay loads, with the worlds in which each is in effect; without ``strict``, in which each is asked for."""
    return config.loads if strict else [(load.when, load) for load in config.run.loads]


def given(config: EffectiveConfig, when: Condition, load: Load) -> "Iterator[Tuple[Condition, Dict[str, str]]]":
    """The parameters that a load has, in the worlds of ``when``."""
    found: Split[Dict[str, str]] = Split.always(config.worlds, {})
    for one in load.parameters:
        found = found.changed(config.worlds.both(when, one.when), _with(one.name, plain(one.value)))
    for condition, parameters in found:
        here = config.worlds.both(when, condition)
        if here != FALSE:
            yield here, parameters


def _with(name: str, value: str) -> Callable[[Dict[str, str]], Dict[str, str]]:
    return lambda before: {**before, name: value}


def is_named(config: EffectiveConfig, wish: Wish, load: Load) -> bool:
    """Whether a load is one of the overlay that is meant, by its name or after the overlay map."""
    if plain(load.name) == wish.name:
        return True
    resolved, _ = config.overlays.resolve(wish.name)
    return resolved is not None and load.resolved == resolved


def equal_loads(config: EffectiveConfig, wish: Wish, when: Condition, load: Load) -> Condition:
    """The worlds of ``when`` in which a load is the one that is meant, with its parameters."""
    found = FALSE
    if is_named(config, wish, load):
        for here, parameters in given(config, when, load):
            if wish.parameters is None or parameters == wish.parameters:
                found = config.worlds.either(found, here)
    return found


def _overlay(config: EffectiveConfig, wish: Wish, within: Condition, strict: bool) -> Why:
    worlds = config.worlds
    there = FALSE
    undone: Optional[Place] = None
    resolved, remark = config.overlays.resolve(wish.name)
    for when, load in loads(config, strict):
        equal = equal_loads(config, wish, when, load)
        if resolved in _USB and load.resolved in _USB:
            if there != FALSE and worlds.without(worlds.both(there, when), equal) != FALSE:
                undone = load.place
            there = worlds.without(there, when)
        there = worlds.either(there, equal)
    left = worlds.without(within, there)
    if left == FALSE:
        return Why(FALSE)
    if strict and resolved is None:
        return Why(left, "the overlay is not loaded here: {}".format(remark))
    if strict and resolved is not None and config.overlay_present(resolved) is False:
        return Why(left, "there is no {}".format(config.overlays.label(resolved)))
    if strict and worlds.both(left, config.without_tree) != FALSE:
        return Why(left, "there is no device tree")
    return Why(left, "a later line undoes it" if undone is not None else "it is not loaded so", undone)


def _gpio(config: EffectiveConfig, wish: Wish) -> Condition:
    """The worlds in which a gpio line of that value is there, and no later one has one of its pins."""
    there = FALSE
    pins = _pins(wish.value or "")
    for one in config.run.gpio:
        if plain(one.value) == wish.value:
            there = config.worlds.either(there, one.when)
        elif pins & _pins(one.value):
            there = config.worlds.without(there, one.when)
    return there


def _pins(value: str) -> Set[int]:
    """The pins of a gpio line, as in ``4,7-9=op,dh``; -1 stands for what is no number, and is equal to itself alone."""
    found: Set[int] = set()
    for part in value.partition("=")[0].split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit() and len(part) < 12:
            found.update(range(int(first), min(int(last or first), int(first) + 64) + 1))
    return found


def traces(config: EffectiveConfig, wish: Wish) -> Iterator[Tuple[Condition, Place]]:
    """What sets that which is to go, in effect or not: the worlds of each line, and its place."""
    if wish.kind == "setting":
        several: List[Assignment] = [
            one
            for (key, port), each in config.run.settings.items()
            if key == wish.key and wish.port in (None, port)
            for one in each
        ]
        yield from ((one.when, one.place) for one in several)
    elif wish.kind == "gpio":
        yield from ((one.when, one.place) for one in config.run.gpio if wish.value in (None, plain(one.value)))
    elif wish.kind == "parameter":
        for one in config.run.base:
            if one.name == wish.name and wish.value in (None, plain(one.value)):
                yield one.when, one.place
    else:
        for load in config.run.loads:
            # Of a load that no world has its parameters as they stand count.
            when = load.when if load.when != FALSE else TRUE
            if is_named(config, wish, load) and (
                wish.parameters is None or equal_loads(config, wish, when, load) != FALSE
            ):
                yield load.when, load.place
