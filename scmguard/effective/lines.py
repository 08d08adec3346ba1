"""From the lines of a file to their effects, by the readings of byte order marks and carriage returns."""

from typing import Iterator, List, Tuple

from scmguard.effective.meaning import Effect, When, effects
from scmguard.parse.config_txt import Document
from scmguard.text import Line

_MARK = "\ufeff"
_ENDS_LINE: When = (("carriage-return", "ends-line"),)
_IS_TEXT: When = (("carriage-return", "text"),)


def units(document: Document) -> Iterator[Tuple[Line, When, Tuple[Effect, ...]]]:
    """Each line's effects, for the ways in which a byte order mark and carriage returns may be read."""
    lines, joined = document.lines, []  # type: List[Line], List[Line]
    plain = "\r" not in document.source.text
    for line in lines:
        marked = document.source.bom and line.number == 1
        if plain or (not joined and line.ending in ("\n", "")):
            if marked:
                yield from _marked_units(line, line.text, ())
            else:
                yield line, (), effects(line.text)
            continue
        joined.append(line)
        if line.ending != "\r" or line is lines[-1]:
            yield from _carriage_return_units(joined, document.source.bom)
            joined = []


def _marked_units(line: Line, text: str, when: When) -> Iterator[Tuple[Line, When, Tuple[Effect, ...]]]:
    yield line, (("bom", "skipped"),) + when, effects(text)
    yield line, (("bom", "text"),) + when, effects(_MARK + text)


def _carriage_return_units(lines: List[Line], bom: bool) -> Iterator[Tuple[Line, When, Tuple[Effect, ...]]]:
    """Lines that end with CR LF, or that hang together by lone CRs: apart, and as one."""
    text = "".join(line.text + ("\r" if line.ending[:1] == "\r" else "") for line in lines)
    first = lines[0]
    bom = bom and first.number == 1
    as_text = effects(text)
    if len(lines) == 1 and not bom and as_text == effects(first.text):
        yield first, (), as_text
        return
    for line in lines:
        if bom and line is first:
            yield from _marked_units(line, line.text, _ENDS_LINE)
        else:
            yield line, _ENDS_LINE, effects(line.text)
    if bom:
        yield from _marked_units(first, text, _IS_TEXT)
    else:
        yield first, _IS_TEXT, as_text
