"""The order that ``tsort`` gives names in, cycles included: initramfs-tools sorts hooks and boot scripts with it.

Source: POSIX.1-2017, ``tsort``; what it leaves open (the order of names that nothing orders, and how a cycle is broken)
as GNU coreutils 9.1 does it, which a test compares.
"""

from typing import Dict, Iterable, List, NamedTuple, Tuple


class Order(NamedTuple):
    """Names in their order, and the cycles that were broken to get one, each as the names in it."""

    names: Tuple[str, ...]
    cycles: Tuple[Tuple[str, ...], ...]


class _Name:
    __slots__ = ("name", "waits_for", "before", "printed")

    def __init__(self, name: str) -> None:
        self.name = name
        self.waits_for = 0
        # Those that wait for this one, the last pair first.
        self.before: List[_Name] = []
        self.printed = False


def order(pairs: Iterable[Tuple[str, str]]) -> Order:
    """Sorts pairs of names, the first of which is to come before the second; equal ones only name it."""
    names: Dict[str, _Name] = {}
    for first, second in pairs:
        one, other = (names.setdefault(each, _Name(each)) for each in (first, second))
        if one is not other:
            one.before.insert(0, other)
            other.waits_for += 1
    waiting = sorted(names.values(), key=lambda each: each.name.encode("utf-8", "surrogateescape"))
    result: List[str] = []
    cycles: List[Tuple[str, ...]] = []
    while waiting:
        ready = [each for each in waiting if not each.waits_for]
        for each in ready:  # grows while it is gone through
            result.append(each.name)
            each.printed = True
            for other in each.before:
                other.waits_for -= 1
                if not other.waits_for:
                    ready.append(other)
        waiting = [each for each in waiting if not each.printed]
        if waiting:
            cycles.append(_break_cycle(waiting))
    return Order(tuple(result), tuple(cycles))


def _break_cycle(waiting: List[_Name]) -> Tuple[str, ...]:
    """Finds a cycle among names that wait for each other, takes one pair out of it, and returns its names.

    The names are gone through in their order, again and again, and each that comes before the head of a chain becomes
    its new head. One that is already in the chain closes the cycle; its pair with the head goes.
    """
    head = waiting[0]
    follows: Dict[str, _Name] = {}
    first = True
    while True:
        for one in waiting[1:] if first else waiting:
            if head not in one.before:
                continue
            if one.name in follows:
                cycle = [head]
                while cycle[-1] is not one:
                    cycle.append(follows[cycle[-1].name])
                one.before.remove(head)
                head.waits_for -= 1
                return tuple(each.name for each in cycle)
            follows[one.name] = head
            head = one
        first = False
