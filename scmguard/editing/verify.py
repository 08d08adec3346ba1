"""What a change to a file's text does beyond what it is for: evaluated before and after, on every board."""

from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

from scmguard import catalogue
from scmguard.boot import Boot
from scmguard.editing import state
from scmguard.editing.wish import Section, Wish
from scmguard.effective.board import BOARDS, Board
from scmguard.effective.config import EffectiveConfig, evaluate_both
from scmguard.effective.difference import Difference, between
from scmguard.effective.run import Place
from scmguard.effective.worlds import FALSE, TRUE, Condition, Worlds

# All else that can differ follows from these.
_PRIMARY = ("setting", "overlays", "base-parameters", "gpio")
# Settings that decide what overlays and parameters there are.
_PREFIXES = ("os_prefix", "overlay_prefix", "upstream_kernel", "device_tree")


class Aim(NamedTuple):
    """What a change is for: a wish, whether it is to be taken away, and in which section (None: in all)."""

    wish: Wish
    away: bool
    section: Optional[Section]

    @property
    def filters(self) -> Tuple[Any, ...]:
        """Filters that evaluation has to know of."""
        return () if self.section is None else (self.section.filter,)

    def within(self, config: EffectiveConfig) -> Condition:
        """The worlds that it is about."""
        return TRUE if self.section is None else config.applies(self.section.filter)


def objections(aim: Aim, old: Boot, new: Boot, starts: Tuple[str, ...], boards: Tuple[Board, ...]) -> Optional[str]:
    """Why a change is none that may be made; None where nothing speaks against it.

    It must be in effect on ``boards``, and change nothing else on any. Raises Unreadable, TooComplex.
    """
    for board in (*boards, *(each for each in BOARDS.values() if each not in boards)):
        for number, start in enumerate(starts):
            before, after = evaluate_both(old, new, board, start, aim.filters)
            if number == 0 and board in boards:
                why = _not_reached(aim, after, board)
                if why:
                    return why
            # Files that are run beside the first may have other filters before they come to what changes.
            for difference in between(before, after, start):
                if not _is_meant(aim, difference, after, number > 0):
                    return _other(difference, board)
    return None


def _not_reached(aim: Aim, config: EffectiveConfig, board: Board) -> Optional[str]:
    if not aim.away:
        why = state.lacking(config, aim.wish, aim.within(config), True)
        if why.worlds == FALSE:
            return None
        said = "{} would not be in effect on {}: {}".format(aim.wish.line, board.name, why.instead)
        return said + _where(why.place) + _when(config.worlds, why.worlds, config.worlds.both(TRUE, aim.within(config)))
    if aim.section is not None:
        return None
    for when, place in state.traces(config, aim.wish):
        if when != FALSE:
            said = "{} would still be set on {}".format(aim.wish.said, board.name)
            return said + _where(place) + _when(config.worlds, when, TRUE)
    return None


def _where(place: Optional[Place]) -> str:
    return "" if place is None else " ({}:{})".format(place.path, place.line)


def _when(worlds: Worlds, found: Condition, within: Condition) -> str:
    """On what it depends, where it does, beyond what is asked for."""
    if found == within:
        return ""
    values = worlds.explain(found)
    return ", if {}".format(" and ".join("{}={}".format(*each) for each in values)) if values else ""


def when_text(worlds: Worlds, found: Condition) -> str:
    """On what something depends, as a clause; empty where it is so always."""
    return _when(worlds, found, TRUE)


def _other(difference: Difference, board: Board) -> str:
    what = "{} {}".format(difference.kind, difference.name).strip()
    said = "the change would have another effect: {} on {}: {} instead of {}"
    found = said.format(what, board.name, _value(difference.new), _value(difference.old))
    return found + _when(difference.worlds, difference.when, TRUE)


def _value(value: Any) -> str:
    return "nothing" if value in (None, ()) else str(value)


def _is_meant(aim: Aim, one: Difference, after: EffectiveConfig, elsewhere: bool) -> bool:
    """Whether a difference is what the change is for, or follows from that."""
    if one.kind not in _PRIMARY:
        return True
    wish = aim.wish
    worlds = one.worlds
    if wish.kind == "setting" and wish.key in _PREFIXES and one.kind in ("overlays", "base-parameters"):
        return True
    if not elsewhere and worlds.without(one.when, aim.within(after)) != FALSE:
        return False
    if wish.kind == "setting":
        return one.kind == "setting" and _is_key(one.name, wish, aim.away) and (aim.away or _has(one.new, wish))
    if wish.kind == "parameter":
        return one.kind == "base-parameters" and _without(one.old, wish.name) == _without(one.new, wish.name)
    if wish.kind == "gpio":
        if one.kind != "gpio":
            return False
        if not aim.away:
            return not one.old and [state.plain(each) for each in one.new] == [wish.value]
        return _rest([state.plain(each) for each in one.old], wish.value) == [state.plain(each) for each in one.new]
    return one.kind == "overlays" and _overlays(aim, one, after)


def _is_key(name: str, wish: Wish, away: bool) -> bool:
    key, _, port = name.partition(":")
    # A line in another case is taken away with the others: it sets the key, if the firmware folds case.
    same = key == wish.key or (away and catalogue.other_case(key) == wish.key)
    return same and ((away and wish.port is None) or int(port or 0) == (wish.port or 0))


def _has(value: Optional[str], wish: Wish) -> bool:
    return value is not None and state.plain(value) == wish.value


def _without(pairs: Tuple[Tuple[str, str], ...], name: str) -> List[Tuple[str, str]]:
    return [pair for pair in pairs if pair[0] != name]


def _rest(values: List[str], value: Optional[str]) -> List[str]:
    return [] if value is None else [each for each in values if each != value]


def _overlays(aim: Aim, one: Difference, after: EffectiveConfig) -> bool:
    wish = aim.wish
    name = after.overlays.resolve(wish.name)[0] or wish.name

    def is_it(load: Tuple[str, Tuple[Tuple[str, str], ...]]) -> bool:
        parameters = {key: state.plain(value) for key, value in load[1]}
        return state.plain(load[0]) == name and (wish.parameters is None or parameters == wish.parameters)

    if not aim.away:
        return not one.old and len(one.new) == 1 and is_it(one.new[0])
    return [each for each in one.old if not is_it(each)] == list(one.new)


def reached(aim: Aim, boot: Boot, start: str, strict: Tuple[Board, ...], others: bool) -> bool:
    """Whether a wish is fulfilled: on the boards in ``strict``, and with ``others`` as far as they go on all others."""
    for board, config in _configs(aim, boot, start, strict if not others else tuple(BOARDS.values())):
        if state.lacking(config, aim.wish, aim.within(config), board in strict).worlds != FALSE:
            return False
    return True


def _configs(aim: Aim, boot: Boot, start: str, boards: Tuple[Board, ...]) -> Iterator[Tuple[Board, EffectiveConfig]]:
    for board in boards:
        yield board, evaluate_both(boot, boot, board, start, aim.filters)[0]


def concerned(aim: Aim, boot: Boot, start: str, boards: Tuple[Board, ...]) -> Tuple[Board, ...]:
    """The boards among these on which the section can apply."""
    return tuple(board for board, config in _configs(aim, boot, start, boards) if aim.within(config) != FALSE)


def elsewhere(aim: Aim, boot: Boot, start: str, strict: Tuple[Board, ...]) -> List[Tuple[Board, state.Why]]:
    """The other boards on which the section can apply and the wish is not fulfilled, with what is there instead."""
    found: List[Tuple[Board, state.Why]] = []
    others = tuple(board for board in BOARDS.values() if board not in strict)
    for board, config in _configs(aim, boot, start, others):
        why = state.lacking(config, aim.wish, aim.within(config), False)
        if why.worlds != FALSE:
            found.append((board, why))
    return found
