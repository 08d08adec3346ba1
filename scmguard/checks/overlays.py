"""Overlays and their parameters: names that nothing answers to, and loads that the firmware does not do."""

import re
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from scmguard import catalogue
from scmguard.checks.base import Context, Hit, Params, hit_at, span_of
from scmguard.effective.overlays import Overlays
from scmguard.effective.run import Load, ParameterSet
from scmguard.effective.worlds import FALSE
from scmguard.finding import Related
from scmguard.meant import did_you_mean

_OLD_ENDING = r"(?:-overlay(?:\.dtb)?|\.dtb)\Z"
# What the overlay map says of overlays whose function came without them.
_NEEDLESS = r"no longer (?:necessary|needed|required)"
# Comparing a name with hundreds of known ones takes its time.
_MOST_GUESSES = 50


class _Guesses:
    """Near names, for a bounded number of unknown ones."""

    def __init__(self) -> None:
        self._left = _MOST_GUESSES

    def near(self, name: str, known: Iterable[str]) -> str:
        """``; did you mean …?`` for the nearest of the known names, or nothing."""
        if not self._left:
            return ""
        self._left -= 1
        return did_you_mean(name, sorted(known), 0.75)


def _loads(context: Context) -> Iterator[Load]:
    """The loads that are effective somewhere, each place of a name once, with all worlds in which it is."""
    found: Dict[Tuple[str, str, int], Load] = {}
    for load in context.config.run.loads:
        key = load.name, load.place.path, load.place.line
        if key in found:
            found[key] = found[key]._replace(when=context.config.worlds.either(found[key].when, load.when))
        elif load.when != FALSE:
            found[key] = load
    yield from found.values()


def unknown_overlay(context: Context, _params: Params) -> Iterator[Hit]:
    """Overlays that neither the boot tree nor the catalogue has. Where the tree carries overlays, it decides."""
    overlays = context.config.overlays
    if overlays.names:
        return
    guesses = _Guesses()
    for load in _loads(context):
        name = load.resolved
        if name is None or catalogue.overlay_known(name) or name in overlays.map or re.search(_OLD_ENDING, name):
            continue
        parameter = name.partition("=")[0]
        if not _is_name(name):
            continue
        if parameter != name and overlays.base_has(parameter):
            near = "; did you mean dtparam={}?".format(name)
        else:
            near = guesses.near(name, catalogue.overlay_names())
        message = "{} is no overlay that scmguard knows{}".format(load.name, near)
        yield hit_at(load.place, message, load.when)


def overlay_file_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """Overlays whose file the boot partition does not have, or has damaged."""
    overlays = context.config.overlays
    guesses = _Guesses()
    for load in _loads(context):
        name = load.resolved
        if name is None or not _is_name(name) or overlays.present(name) is not False:
            continue
        if name == "dwc2" and context.profile.get("usb-host"):
            continue  # dwc2-host-missing says that, and what it means
        if name in overlays.damaged:
            message = "{} is no overlay ({}): it is not loaded".format(overlays.label(name), overlays.damaged[name])
        else:
            other = "" if name == load.name else " (which the overlay map gives for {})".format(load.name)
            near = _new_name(name) or guesses.near(name, overlays.names)
            message = "the overlay {}{} is not on the boot partition: this line does nothing{}".format(
                name, other, near
            )
        yield hit_at(load.place, message, load.when)


def _new_name(name: str) -> str:
    """What to write instead of a name that the catalogue's map renames."""
    renamed = catalogue.overlay_map().get(name, {}).get("renamed")
    return "; it is called {} now".format(renamed) if renamed else ""


def overlay_renamed(context: Context, _params: Params) -> Iterator[Hit]:
    """Names that only load by way of the overlay map, and names with the ending of ten years ago."""
    overlays = context.config.overlays
    for load in _loads(context):
        name = load.name
        renamed = overlays.map.get(name, {}).get("renamed")
        if renamed:
            message = "{} is called {} now; the old name only works where overlay_map.dtb is shipped".format(
                name, load.resolved or renamed
            )
            yield hit_at(load.place, message, load.when, severity="hygiene")
        elif re.search(_OLD_ENDING, name) and overlays.present(name) is not True:
            short = re.sub(_OLD_ENDING, "", name)
            if overlays.names or not (overlays.known(short) or short in overlays.map):
                continue  # where there are files, overlay-file-missing says it
            message = "overlays have no {} at the end of their name any more: this line does nothing".format(
                name[len(short) :]
            )
            yield hit_at(load.place, message, load.when)


def overlay_deprecated(context: Context, _params: Params) -> Iterator[Hit]:
    """Overlays that the overlay map refuses as gone."""
    for load in _loads(context):
        if load.resolved is None and load.remark.startswith("deprecated: "):
            message = "the overlay {} is gone, and this line does nothing: {}".format(
                load.name, load.remark[len("deprecated: ") :]
            )
            severity = "hygiene" if re.search(_NEEDLESS, load.remark) else None
            yield hit_at(load.place, message, load.when, severity=severity)


def overlay_wrong_soc(context: Context, _params: Params) -> Iterator[Hit]:
    """Overlays that the overlay map has, but not for the board's SoC."""
    board = context.config.board
    for load in _loads(context):
        if load.resolved is None and load.remark.startswith("not for this SoC"):
            overlays = context.config.overlays
            entry = overlays.map.get(load.name, {})
            message = "the overlay {} is for {} alone{}; on {} ({} in the overlay map) this line does nothing".format(
                load.name,
                ", ".join(sorted(entry)) or "another SoC",
                "" if overlays.names else ", as far as scmguard knows",
                board.name,
                board.soc,
            )
            # The catalogue's map has a date; overlays are made fit for more SoCs as time goes by.
            yield hit_at(load.place, message, load.when, severity=None if overlays.names else "hygiene")


def unknown_overlay_parameter(context: Context, _params: Params) -> Iterator[Hit]:
    """Parameters that their overlay, or the base tree, does not have: they are ignored."""
    config = context.config
    overlays = config.overlays
    guesses = _Guesses()
    for load in config.run.loads:
        name = load.resolved
        if name is None or load.when == FALSE or overlays.present(name) is False or not overlays.known(name):
            continue
        for one in load.parameters:
            if one.scope < 0 and _is_name(one.name) and not overlays.has(name, one.name):
                own = overlays.parameters(name)
                near = guesses.near(one.name, catalogue.overlay_parameters(name) if own is None else own)
                says = "the overlay {} has no parameter {}{}".format(name, one.name, near)
                yield hit_at(one.place, says, one.when, severity=None if own is not None else "hygiene")
    said = set()
    for one in config.run.base:
        # What only other boards have is in every stock file (dtparam=audio=on on a Pi 5), and loses nothing.
        if one.when == FALSE or not _is_name(one.name) or catalogue.base_has(one.name):
            continue
        key = one.name, one.scope, one.when, one.place
        if key not in said and not overlays.base_has(one.name):
            said.add(key)
            yield _unknown_to_base(one, config.run.loads, overlays, guesses)


def _unknown_to_base(one: ParameterSet, loads: List[Load], overlays: Overlays, guesses: _Guesses) -> Hit:
    scope: Optional[Load] = loads[one.scope] if one.scope >= 0 else None
    related: Tuple[Related, ...] = ()
    where, certain = "the board", overlays.base_known
    if scope is not None:
        where = "the overlay {} or the board".format(scope.name)
        certain = certain and overlays.parameters(scope.resolved or scope.name) is not None
        related = (Related(span_of(scope.place), "this overlay is in scope"),)
    known = catalogue.base_parameters()
    if scope is not None and catalogue.overlay_known(scope.resolved or scope.name):
        known = known | catalogue.overlay_parameters(scope.resolved or scope.name)
    message = "{} is no parameter of {}{}".format(one.name, where, guesses.near(one.name, known))
    return hit_at(one.place, message, one.when, related, None if certain else "hygiene")


def _is_name(text: str) -> bool:
    """Whether a name can be one at all: faults such as blanks have rules of their own, templates are to be filled."""
    return bool(text) and not any(char in text for char in " \t#\"'\r[]@$%{}")


def duplicate_overlay(context: Context, _params: Params) -> Iterator[Hit]:
    """The same overlay with the same parameters, loaded again in a world in which it is loaded already."""
    config = context.config
    first: Dict[Tuple[str, Tuple[Tuple[str, str], ...]], List[Tuple[int, Load]]] = {}
    for when, load in config.loads:
        key = load.resolved or load.name, tuple((one.name, one.value) for one in load.parameters)
        earlier = first.setdefault(key, [])
        for before, other in earlier:
            both = config.worlds.both(before, when)
            if both != FALSE and other.place != load.place:
                related = [Related(span_of(other.place), "it is loaded here already")]
                yield hit_at(load.place, "{} is loaded again, in the same way".format(load.name), both, related)
                break
        else:
            earlier.append((when, load))
