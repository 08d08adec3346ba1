"""Lines added to a section of a file of config.txt's format, and which section each line is in: text in, text out.

As in :mod:`scmguard.lines`, texts have their line ends and lines have none. Nothing here knows a board or a file.
"""

from typing import Iterable, List, Sequence, Tuple

from scmguard.effective.meaning import Filter, HeaderEffect, effects
from scmguard.lines import append, insert
from scmguard.text import Line, split

ALL = Filter("all")
ALL_HEADER = "[all]"


def append_under_all(text: str, lines: Iterable[str], always: bool = False) -> str:
    """The text with lines behind it that count on every board.

    A header ``[all]`` goes before them unless the end of the text is under one, or under none; with ``always`` in any
    case (a file that is included at the end may leave a filter).
    """
    return append_under(text, ALL, ALL_HEADER, lines, always)


def append_under(text: str, filter: Filter, header: str, lines: Iterable[str], always: bool = False) -> str:
    """The text with lines behind it in the section of one filter, which is written as ``header``.

    Where the text ends in that very section they are added to it; where only an empty ``[all]`` follows it, before
    that. Else they get a section of their own, which ``[all]`` ends. ``always`` as in :func:`append_under_all`.
    """
    every = split(text)
    states = sections(every)
    wanted: Tuple[Filter, ...] = () if filter == ALL else (filter,)
    if not always and states[-1] == wanted:
        return append(text, lines)
    if filter == ALL:
        return append(text, [ALL_HEADER, *lines])
    last = next((number for number in range(len(every), 0, -1) if every[number - 1].text.strip()), 0)
    if not always and last and states[last - 1] == wanted and every[last - 1].text == ALL_HEADER:
        return insert(text, last, lines)
    start = [] if states[-1] == () and not always else [ALL_HEADER]
    return append(text, [*start, header, *lines, ALL_HEADER])


def sections(lines: Sequence[Line]) -> List[Tuple[Filter, ...]]:
    """The filters that hold as the text says it, before each line and behind the last; none is ``[all]``.

    Only headers that mean the same under every reading of the firmware count for what they are. Any other is there as
    an unknown filter, until a plain ``[all]``.
    """
    now: Tuple[Filter, ...] = ()
    found = [now]
    for line in lines:
        headers = [effect for effect in effects(line.text) if isinstance(effect, HeaderEffect)]
        if len(headers) == 1 and not headers[0].when:
            filter = headers[0].filter
            now = () if filter == ALL else (*now, filter)
        elif headers:
            now = (*now, Filter("unknown"))
        found.append(now)
    return found
