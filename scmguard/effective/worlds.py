"""Sets of worlds, as decision diagrams.

What a file means can depend on things that nobody here knows: machine *conditions* (is GPIO 4 high?) and *readings* of
the firmware's parser (does it fold case?). A world gives each of them one value. A :data:`Condition` is a set of
worlds, kept as a reduced ordered multi-valued decision diagram, so that equal sets are equal numbers, ``TRUE`` is
every world and ``FALSE`` none, and only the variables that a file touches cost anything.
"""

from typing import Callable, Dict, Generic, Iterator, List, Mapping, NamedTuple, Tuple, TypeVar

#: A set of worlds; meaningful only to the :class:`Worlds` it came from.
Condition = int

FALSE: Condition = 0
TRUE: Condition = 1

#: Diagrams grow with the number of unknowns that a file mixes. Past this a file is not configuration but an attack.
MAX_NODES = 200_000
MAX_VARIABLES = 200
MAX_CHOICES = 256


class TooComplex(Exception):
    """A file depends on more unknowns than can be worked out."""


class Variable(NamedTuple):
    """An unknown: its name, and the names of the values it can have."""

    name: str
    choices: Tuple[str, ...]


class Worlds:
    """All worlds of one evaluation, and the operations on sets of them."""

    def __init__(self) -> None:
        self.variables: List[Variable] = []
        self._levels: Dict[str, int] = {}
        # Nodes 0 and 1 are FALSE and TRUE; the others are a level and a child for each choice.
        self._nodes: List[Tuple[int, Tuple[Condition, ...]]] = [(-1, ()), (-1, ())]
        self._unique: Dict[Tuple[int, Tuple[Condition, ...]], Condition] = {}
        self._conjunctions: Dict[Tuple[Condition, Condition], Condition] = {}
        self._negations: Dict[Condition, Condition] = {FALSE: TRUE, TRUE: FALSE}

    def variable(self, name: str, choices: Tuple[str, ...]) -> int:
        """The level of a variable, made on first use. Choices count only then. Raises TooComplex."""
        level = self._levels.get(name)
        if level is None:
            level = self._levels[name] = len(self.variables)
            if level >= MAX_VARIABLES or len(choices) > MAX_CHOICES:
                raise TooComplex("more than {} unknowns".format(MAX_VARIABLES))
            self.variables.append(Variable(name, choices))
        return level

    def among(self, name: str, choices: Tuple[str, ...], holds: Callable[[str], bool]) -> Condition:
        """The worlds in which the variable has a value for which ``holds`` is true."""
        level = self.variable(name, choices)
        children = tuple(TRUE if holds(choice) else FALSE for choice in self.variables[level].choices)
        return self._node(level, children)

    def _node(self, level: int, children: Tuple[Condition, ...]) -> Condition:
        first = children[0]
        if all(child == first for child in children):
            return first
        key = (level, children)
        node = self._unique.get(key)
        if node is None:
            node = len(self._nodes)
            if node > MAX_NODES:
                raise TooComplex("the combinations of its conditions are too many")
            self._nodes.append(key)
            self._unique[key] = node
        return node

    def both(self, a: Condition, b: Condition) -> Condition:
        """The worlds in ``a`` and in ``b``."""
        if a == b or b == TRUE:
            return a
        if a == TRUE:
            return b
        if a == FALSE or b == FALSE:
            return FALSE
        key = (a, b) if a < b else (b, a)
        known = self._conjunctions.get(key)
        if known is None:
            (level_a, children_a), (level_b, children_b) = self._nodes[a], self._nodes[b]
            if level_a == level_b:
                known = self._node(level_a, tuple(map(self.both, children_a, children_b)))
            elif level_a < level_b:
                known = self._node(level_a, tuple(self.both(child, b) for child in children_a))
            else:
                known = self._node(level_b, tuple(self.both(a, child) for child in children_b))
            self._conjunctions[key] = known
        return known

    def none_of(self, a: Condition) -> Condition:
        """The worlds not in ``a``."""
        known = self._negations.get(a)
        if known is None:
            level, children = self._nodes[a]
            known = self._node(level, tuple(self.none_of(child) for child in children))
            self._negations[a] = known
        return known

    def either(self, a: Condition, b: Condition) -> Condition:
        """The worlds in ``a`` or in ``b``."""
        if a == TRUE or b == TRUE:
            return TRUE
        if a in (FALSE, b):
            return b
        if b == FALSE:
            return a
        return self.none_of(self.both(self.none_of(a), self.none_of(b)))

    def without(self, a: Condition, b: Condition) -> Condition:
        """The worlds in ``a`` that are not in ``b``."""
        return self.both(a, self.none_of(b))

    def choose(self, test: Condition, yes: Condition, no: Condition) -> Condition:
        """``yes`` in the worlds of ``test``, ``no`` in the others."""
        if test == TRUE or yes == no:
            return yes
        if test == FALSE:
            return no
        return self.either(self.both(test, yes), self.without(no, test))

    def holds(self, a: Condition, world: Mapping[str, str]) -> bool:
        """Whether the world that gives each variable the choice named in ``world`` is in ``a``. KeyError for a gap."""
        while a > TRUE:
            level, children = self._nodes[a]
            name, choices = self.variables[level]
            a = children[choices.index(world[name])]
        return a == TRUE

    def explain(self, a: Condition) -> List[Tuple[str, str]]:
        """The fewest values that put a world into ``a``, in the order of the variables; empty for TRUE.

        ``a`` must not be FALSE.
        """
        shortest: Dict[Condition, List[Tuple[str, str]]] = {TRUE: []}
        return self._shortest(a, shortest)

    def _shortest(self, a: Condition, known: Dict[Condition, List[Tuple[str, str]]]) -> List[Tuple[str, str]]:
        if a in known:
            return known[a]
        level, children = self._nodes[a]
        name, choices = self.variables[level]
        best = None
        for choice, child in zip(choices, children):
            if child == FALSE:
                continue
            path = [(name, choice)] + self._shortest(child, known)
            if best is None or len(path) < len(best):
                best = path
        if best is None:
            raise ValueError("nothing is true of no world")
        known[a] = best
        return best


T = TypeVar("T")
U = TypeVar("U")


class Split(Generic[T]):
    """A value that depends on the world: disjoint conditions, together TRUE, each with the value there."""

    __slots__ = ("worlds", "parts")

    def __init__(self, worlds: Worlds, parts: List[Tuple[Condition, T]]) -> None:
        self.worlds = worlds
        self.parts = parts

    @classmethod
    def always(cls, worlds: Worlds, value: T) -> "Split[T]":
        """The same value everywhere."""
        return cls(worlds, [(TRUE, value)])

    def __iter__(self) -> Iterator[Tuple[Condition, T]]:
        return iter(self.parts)

    def replaced(self, when: Condition, value: T) -> "Split[T]":
        """``value`` in the worlds of ``when``, as it was elsewhere."""
        return self.changed(when, lambda _old: value)

    def changed(self, when: Condition, change: Callable[[T], T]) -> "Split[T]":
        """``change`` applied to the value in the worlds of ``when``."""
        if when == FALSE:
            return self
        worlds = self.worlds
        if when == TRUE and len(self.parts) == 1:
            return Split(worlds, [(TRUE, change(self.parts[0][1]))])
        parts: List[Tuple[Condition, T]] = []
        for condition, value in self.parts:
            inside = worlds.both(condition, when)
            if inside != FALSE:
                _join(worlds, parts, inside, change(value))
            outside = worlds.without(condition, when)
            if outside != FALSE:
                _join(worlds, parts, outside, value)
        return Split(worlds, parts)

    def map(self, function: Callable[[T], U]) -> "Split[U]":
        """``function`` of the value in every world; equal results are joined."""
        parts: List[Tuple[Condition, U]] = []
        for condition, value in self.parts:
            _join(self.worlds, parts, condition, function(value))
        return Split(self.worlds, parts)

    def product(self, other: "Split[U]") -> "Split[Tuple[T, U]]":
        """Both values, world by world."""
        parts: List[Tuple[Condition, Tuple[T, U]]] = []
        for condition, value in self.parts:
            for condition_too, value_too in other.parts:
                common = self.worlds.both(condition, condition_too)
                if common != FALSE:
                    parts.append((common, (value, value_too)))
        return Split(self.worlds, parts)

    def where(self, test: Callable[[T], bool]) -> Condition:
        """The worlds in which the value passes ``test``."""
        found = FALSE
        for condition, value in self.parts:
            if test(value):
                found = self.worlds.either(found, condition)
        return found

    def at(self, world: Mapping[str, str]) -> T:
        """The value in one world."""
        for condition, value in self.parts:
            if self.worlds.holds(condition, world):
                return value
        raise KeyError("a world in no part")


def _join(worlds: Worlds, parts: List[Tuple[Condition, T]], condition: Condition, value: T) -> None:
    for number, (known, old) in enumerate(parts):
        if old == value:
            parts[number] = (worlds.either(known, condition), old)
            return
    parts.append((condition, value))
