"""How a file could be changed so that something is set, or no longer set: texts, the one to try first in front.

Whether a text does that, and nothing else, is not known here.
"""

from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from scmguard.editing.sections import ALL, append_under, sections
from scmguard.editing.wish import Section, Wish
from scmguard.effective.meaning import Filter
from scmguard.lines import completed, replaced
from scmguard.parse.config_txt import Statement, parse_line, parse_parameters
from scmguard.text import Source, split

#: Ends the scope of the overlay loaded last, so that parameters that follow go to the base device tree.
END_OF_SCOPE = "dtoverlay="


class Candidate(NamedTuple):
    """A text, and how it came about: ``replaced``, ``appended`` or ``removed``."""

    text: str
    how: str


def to_set(source: Source, wish: Wish, section: Section, winners: Sequence[int]) -> Iterator[Candidate]:
    """Texts that may fulfil a wish. ``winners`` are the lines of the file (from 1) that set it to another value now."""
    text = source.text
    if len(winners) == 1 and wish.kind in ("setting", "parameter"):
        number = winners[0]
        if sections(split(text))[number - 1] == filters(section):
            line = split(text)[number - 1].text
            new = _line_set(line, wish) if wish.kind == "setting" else _line_with(line, wish)
            if new is not None:
                yield Candidate(replaced(text, {number: new}), "replaced")
    # What stands in a file with a byte order mark may be lost with the first line.
    first = [""] if source.bom and not text else []
    before: Sequence[List[str]] = ([], [END_OF_SCOPE]) if wish.kind == "parameter" else ([],)
    # A CR more may be one more character of a last line that had no end.
    bases = [text] + ([text + "\n"] if text and completed(text).endswith("\r\n") and completed(text) != text else [])
    for base in bases:
        for lines in before:
            for always in (False, True):
                every = [*first, *lines, wish.line]
                yield Candidate(append_under(base, section.filter, section.header, every, always), "appended")


def filters(section: Section) -> Tuple[Filter, ...]:
    return () if section.filter == ALL else (section.filter,)


def _line_set(line: str, wish: Wish) -> List[str]:
    """The lines instead of one that sets the key; a comment behind the value becomes a line of its own."""
    statement = parse_line(line)
    lead = line[: len(line) - len(line.lstrip(" \t"))]
    _, mark, comment = statement.value.partition("#")
    return ([lead + mark + comment] if mark else []) + [lead + wish.line]


def _line_with(line: str, wish: Wish) -> Optional[List[str]]:
    """A dtparam line with the last parameter of that name at its new value."""
    statement = parse_line(line)
    found = [one for one in parse_parameters(statement.value) if one.name == wish.name]
    if not found or statement.value_start < 0:
        return None
    start = statement.value_start + found[-1].start
    end = start + _length(statement.value, found[-1].start)
    return ["{}{}={}{}".format(line[:start], wish.name, wish.value, line[end:])]


def _length(value: str, start: int) -> int:
    """How long the parameter at an offset of a value is; commas between double quotes do not end one."""
    quoted = False
    for number, char in enumerate(value[start:]):
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            return number
    return len(value) - start


def to_unset(text: str, wish: Wish, lines: Set[int], parameters: Dict[int, Set[str]]) -> Iterator[Candidate]:
    """Texts without the lines (by number from 1) that set something.

    ``parameters`` are names to take out of ``dtparam`` lines, by line; a line that has no others goes as a whole.
    """
    changes: Dict[int, List[str]] = {number: [] for number in lines}
    every = split(text)
    for number, names in parameters.items():
        changes[number] = _line_without(every[number - 1].text, names, wish)
    yield Candidate(replaced(text, changes), "removed")
    if wish.kind == "overlay":
        # What follows an overlay that goes must not become the one's before it.
        kept = {number: [END_OF_SCOPE] if number in lines else new for number, new in changes.items()}
        yield Candidate(replaced(text, kept), "removed")


def _line_without(line: str, names: Set[str], wish: Wish) -> List[str]:
    statement: Statement = parse_line(line)
    every = parse_parameters(statement.value)
    exact = wish.kind == "parameter" and wish.value is not None
    kept = [one for one in every if one.name not in names or (exact and one.value != wish.value)]
    if not kept:
        return []
    pieces = [statement.value[one.start : one.start + _length(statement.value, one.start)] for one in kept]
    behind = statement.value_start + len(statement.value)
    return [line[: statement.value_start] + ",".join(pieces) + line[behind:]]
