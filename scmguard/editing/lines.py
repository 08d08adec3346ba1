"""Changes to the lines of a file of config.txt's format: text in, text out.

A text is that of a :class:`scmguard.text.Source`: without byte order mark, with its line ends. Lines that are given
have none; they get those that the file has. Nothing here knows a board or a file.
"""

from typing import Iterable, List, Mapping, Sequence, Tuple

from scmguard.effective.meaning import Filter, HeaderEffect, effects
from scmguard.text import Line, split

ALL = Filter("all")
ALL_HEADER = "[all]"


def ending(text: str) -> str:
    """What ends the lines of a text: CR LF where half of them or more end so, else LF."""
    returns = text.count("\r\n")
    return "\r\n" if returns and 2 * returns >= text.count("\n") else "\n"


def completed(text: str) -> str:
    """The text with an end behind its last line, so that what is appended is a line of its own."""
    if not text or text.endswith("\n"):
        return text
    # Behind a CR a LF makes one line end of both; the CR alone might be a character of the line.
    return text + ("\n" if text.endswith("\r") else ending(text))


def append(text: str, lines: Iterable[str]) -> str:
    """The text with lines behind it, whatever section its end is in."""
    end = ending(text)
    return completed(text) + "".join(line + end for line in lines)


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


def insert(text: str, number: int, lines: Iterable[str]) -> str:
    """The text with lines before the line ``number`` (from 1)."""
    every, end = split(text), ending(text)
    pieces = [line.text + line.ending for line in every]
    return "".join([*pieces[: number - 1], *(line + end for line in lines), *pieces[number - 1 :]])


def replaced(text: str, changes: Mapping[int, Sequence[str]]) -> str:
    """The text with lines, by number from 1, each replaced by others: by none, it is taken out.

    The last of the new lines has the end of the line that it replaces.
    """
    end = ending(text)
    pieces: List[str] = []
    for line in split(text):
        new = changes.get(line.number)
        if new is None:
            pieces.append(line.text + line.ending)
        elif new:
            pieces += [each + end for each in new[:-1]]
            pieces.append(new[-1] + line.ending)
    return "".join(pieces)


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
