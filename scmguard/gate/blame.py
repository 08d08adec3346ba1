"""Which of the files that changed have to be put back, and no more of them."""

from typing import Callable, FrozenSet, Iterable, List, Sequence, Tuple

#: How bad it would be with those files put back.
Try = Callable[[FrozenSet[str]], int]
# A trial is a whole check; a kernel package changes hundreds of files.
_MOST_TRIES = 60


def to_put_back(changed: Sequence[str], named: Iterable[str], harm: Try) -> Tuple[str, ...]:
    """As few of the changed files as make it as good as putting all back would; none where that helps nothing.

    ``harm`` counts what is worse than before with some files put back; ``named`` are those that findings name.
    """
    tries, suspects = _Counted(harm), frozenset(named)
    now = tries(frozenset())
    best = tries(frozenset(changed))
    if not changed or best >= now:
        return ()
    likely = [name for name in changed if name in suspects]
    chosen = likely if likely and tries(frozenset(likely)) <= best else list(changed)
    return tuple(_fewest(chosen, lambda names: tries(frozenset(names)) <= best, tries))


class _Counted:
    """A trial that answers each question once, and knows how many it has answered."""

    def __init__(self, harm: Try) -> None:
        self._harm = harm
        self._known: "dict[FrozenSet[str], int]" = {}

    def __call__(self, names: FrozenSet[str]) -> int:
        if names not in self._known:
            self._known[names] = self._harm(names)
        return self._known[names]

    @property
    def are_over(self) -> bool:
        return len(self._known) >= _MOST_TRIES


def _fewest(names: List[str], is_enough: Callable[[List[str]], bool], tries: _Counted) -> List[str]:
    """Leaves parts out, from halves to single names, as long as the rest is enough (delta debugging)."""
    parts = 2
    while len(names) > 1 and not tries.are_over:
        size = max(1, len(names) // parts)
        for start in range(0, len(names), size):
            if tries.are_over:
                return names
            rest = names[:start] + names[start + size :]
            if rest and is_enough(rest):
                names, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(parts * 2, len(names))
    return names
