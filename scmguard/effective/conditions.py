"""Filters as sets of worlds: what is known of the board decides, the rest are conditions."""

from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from scmguard.effective.board import Board
from scmguard.effective.meaning import Filter
from scmguard.effective.readings import CHOICES
from scmguard.effective.worlds import FALSE, TRUE, Condition, TooComplex, Worlds

_BITS = 32
_MOST = (1 << _BITS) - 1
_MASK_BITS = 8
_MOST_PATTERNS = 20_000
_LEVELS = ("0", "1")
_TRUTH = ("false", "true")


class Known(NamedTuple):
    """Facts of the machine that settle conditions. None where they are not known."""

    tryboot: Optional[bool] = None


class Conditions:
    """The conditions of one evaluation. ``numbers`` has every numeric filter of the files, by variable."""

    def __init__(self, worlds: Worlds, board: Board, known: Known, filters: Iterable[Filter]) -> None:
        self.worlds = worlds
        self.board = board
        self.known = known
        self._tests: Dict[str, List[Filter]] = {}
        for filter in filters:
            name = _numeric_name(filter)
            if name and filter not in self._tests.setdefault(name, []):
                self._tests[name].append(filter)
        self._samples: Dict[str, List[int]] = {}
        self._literals: Dict[Tuple[str, str], Condition] = {}

    def reading(self, id: str, choice: str) -> Condition:
        """The worlds in which the reading has that choice."""
        key = (id, choice)
        condition = self._literals.get(key)
        if condition is None:
            condition = self.worlds.among(id, CHOICES[id], lambda each: each == choice)
            self._literals[key] = condition
        return condition

    def all_of(self, when: Iterable[Tuple[str, str]]) -> Condition:
        """The worlds in which all those readings have those choices."""
        condition = TRUE
        for id, choice in when:
            condition = self.worlds.both(condition, self.reading(id, choice))
        return condition

    def of(self, filter: Filter) -> Condition:
        """The worlds in which a filter that is no ``all``, ``none``, ``hdmi`` or ``unknown`` applies."""
        worlds, board = self.worlds, self.board
        if filter.kind == "model":
            return TRUE if filter.name in board.filters else FALSE
        if filter.kind == "board-type":
            if filter.number not in board.types:
                return FALSE
            types = tuple(str(number) for number in board.types)
            return worlds.among("board-type", types, lambda each: int(each) == filter.number)
        if filter.kind == "gpio":
            return worlds.among("gpio" + filter.name, _LEVELS, lambda each: int(each) == filter.number)
        if filter.kind == "edid":
            return worlds.among("EDID=" + filter.name, _TRUTH, lambda each: each == "true")
        if filter.kind == "tryboot":
            if self.known.tryboot is not None:
                return TRUE if self.known.tryboot else FALSE
            return worlds.among("tryboot", _TRUTH, lambda each: each == "true")
        name = _numeric_name(filter)
        samples = self._choose_samples(name)
        return worlds.among(name, tuple(map(str, samples)), lambda each: _passes(filter, int(each)))

    def _choose_samples(self, name: str) -> List[int]:
        """One number of each kind that the files' filters on ``name`` tell apart."""
        if name not in self._samples:
            self._samples[name] = _samples(self._tests.get(name, []))
        return self._samples[name]

    def world(self, facts: Mapping[str, object]) -> Dict[str, str]:
        """Choices for all variables from plain facts: readings by choice, conditions by number or truth.

        A condition that is not among the facts is 0, false, or the board's first type.
        """
        choices: Dict[str, str] = {}
        for name, options in self.worlds.variables:
            fact = facts.get(name)
            if name in CHOICES:
                choices[name] = str(fact)
            elif name in self._samples:
                number = int(fact) if isinstance(fact, int) else 0
                tests = self._tests[name]
                kind = [_passes(test, number) for test in tests]
                choices[name] = next(one for one in options if [_passes(test, int(one)) for test in tests] == kind)
            elif options == _TRUTH:
                choices[name] = _TRUTH[bool(fact)]
            else:
                choices[name] = str(int(fact)) if isinstance(fact, int) else options[0]
        return choices


def _numeric_name(filter: Filter) -> str:
    if filter.kind == "serial":
        return "serial"
    return filter.name if filter.kind == "expression" else ""


def _passes(filter: Filter, number: int) -> bool:
    if filter.mask is not None:
        number &= filter.mask
    if filter.comparison == "<":
        return number < filter.number
    if filter.comparison == ">":
        return number > filter.number
    if filter.comparison == "&":
        return number != 0
    return number == filter.number


def _samples(tests: List[Filter]) -> List[int]:
    """Numbers of 32 bits such that every combination of answers that some number gives is given by one of them."""
    starts = {0}
    masks = [test.mask for test in tests if test.mask is not None]
    masked = 0
    for test in tests:
        if test.mask is not None:
            masked |= test.mask
        else:
            starts.update((test.number, min(test.number + 1, _MOST)))
    if bin(masked).count("1") <= _MASK_BITS:
        patterns = _subsets(masked)
    elif len(starts) == 1:
        patterns = _telling_patterns(tests, masks)
    else:
        raise TooComplex("its filters compare one number and look at more than {} of its bits".format(_MASK_BITS))
    found: Dict[Tuple[bool, ...], int] = {}
    ordered = sorted(starts)
    for low, high in zip(ordered, ordered[1:] + [_MOST + 1]):
        for pattern in patterns:
            number = _least(low, masked, pattern)
            if number is not None and number < high:
                found.setdefault(tuple(_passes(test, number) for test in tests), number)
    return sorted(found.values())


def _subsets(mask: int) -> Set[int]:
    patterns = {0}
    for place in range(_BITS):
        if mask >> place & 1:
            patterns |= {pattern | 1 << place for pattern in patterns}
    return patterns


def _telling_patterns(tests: List[Filter], masks: List[int]) -> Set[int]:
    """Patterns of bits that give every combination of answers to tests of masked bits.

    Bits that the same masks look at are one group; of a group it only matters which of the values asked for it has,
    if any.
    """
    groups: Dict[Tuple[bool, ...], int] = {}
    for place in range(_BITS):
        seen = tuple(bool(mask >> place & 1) for mask in masks)
        if any(seen):
            groups[seen] = groups.get(seen, 0) | 1 << place
    patterns = {0}
    for group in groups.values():
        asked = {0} | {test.number & group for test in tests if test.mask is not None and test.mask & group}
        other = next((value for value in _submasks(group) if value not in asked), None)
        values = asked if other is None else asked | {other}
        patterns = {pattern | value for pattern in patterns for value in values}
        if len(patterns) > _MOST_PATTERNS:
            raise TooComplex("its filters look at too many bits of one number")
    return patterns


def _submasks(mask: int) -> Iterator[int]:
    value = mask
    while value:
        yield value
        value = (value - 1) & mask


def _least(low: int, mask: int, pattern: int) -> Optional[int]:
    """The least number from ``low`` up whose bits under ``mask`` are ``pattern``, or None."""
    if low & mask == pattern:
        return low
    for place in range(_BITS):
        if not low >> place & 1:
            number = (low >> place | 1) << place
            number |= pattern & ((1 << place) - 1)
            if number & mask == pattern:
                return number
    return None
