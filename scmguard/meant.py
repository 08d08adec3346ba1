"""The known name that a wrong one was meant to be."""

from typing import Iterable

_LONGEST = 60


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The name that is most like a word, or nothing where none is like it enough or the word is too long to be a slip.

    ``likeness`` is between 0 and 1, as :func:`difflib.get_close_matches` takes it.
    """
    if len(word) > _LONGEST:
        return ""
    from difflib import get_close_matches  # only what is wrong pays for it

    return "".join(get_close_matches(word, known, 1, likeness))


def did_you_mean(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """``; did you mean NAME?``, to put behind a message, or nothing."""
    near = nearest(word, known, likeness)
    return "; did you mean {}?".format(near) if near else ""
