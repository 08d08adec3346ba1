"""Lines of a text added, replaced and taken out: text in, text out.

A text is that of a :class:`scmguard.text.Source`: without byte order mark, with its line ends. Lines that are given
have none; they get those that the file has. Nothing here knows what lines mean, a board or a file.
"""

from typing import Iterable, List, Mapping, Sequence

from scmguard.text import split


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
