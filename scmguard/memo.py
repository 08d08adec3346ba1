"""Equal lines are worked out once in a process, in bounded memory however many files it looks at."""

from functools import wraps
from typing import Callable, Dict, TypeVar

# Longer lines are rare and hardly ever equal.
_LENGTH = 400
_LINES = 20_000

T = TypeVar("T")


def per_line(function: Callable[[str], T]) -> Callable[[str], T]:
    """Keeps what ``function`` makes of a line. When too many are kept, it starts over."""
    kept: Dict[str, T] = {}

    @wraps(function)
    def remembered(text: str) -> T:
        found = kept.get(text)
        if found is None:
            found = function(text)
            if len(text) <= _LENGTH:
                if len(kept) >= _LINES:
                    kept.clear()
                kept[text] = found
        return found

    return remembered
