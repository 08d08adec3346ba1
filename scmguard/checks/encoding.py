"""Bytes that have no place in a boot file: byte order marks, carriage returns, NUL, anything that is not ASCII.

And one that has its place: the line end of the last line.
"""

from itertools import chain
from typing import Dict, Iterator

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.lines import character, is_odd, reports
from scmguard.effective.worlds import FALSE, Condition
from scmguard.text import Source

_lines = reports("bad-encoding")


def bad_encoding(context: Context, params: Params) -> Iterator[Hit]:
    """In files of config.txt's kind, and in the command line."""
    if context.boot.has_config:
        yield from (hit for hit in _lines(context, params) if hit.source is None or not _is_utf_16(hit.source))
        for document in context.config_documents():
            yield from _marks(document.source)
    if context.boot.has_cmdline:
        sources: Dict[Source, Condition] = {}
        for condition, line in context.cmdlines:
            if line is not None:
                sources[line.source] = context.config.worlds.either(condition, sources.get(line.source, FALSE))
        for source, condition in sources.items():
            for hit in chain(_marks(source), _odd_characters(source)):
                yield hit._replace(when=condition)


def _odd_characters(source: Source) -> Iterator[Hit]:
    for line in source.lines[:1]:
        for place, char in enumerate(line.text):
            if is_odd(char):
                message = "{} in the command line".format(character(char))
                yield Hit(source, source.span(line.number, place, place + 1), message, boardless=True)
                return


def _is_utf_16(source: Source) -> bool:
    return source.data.startswith((b"\xff\xfe", b"\xfe\xff"))


def _marks(source: Source) -> Iterator[Hit]:
    if _is_utf_16(source):
        message = "the file is in UTF-16, of which the firmware cannot be expected to read a line"
        yield Hit(source, source.span(1, 0, 1), message, boardless=True)
        return
    if source.bom:
        message = "the file starts with a byte order mark, which may spoil the first line"
        yield Hit(source, source.span(1, 0, 0), message, boardless=True)
    if "\r" in source.text:
        ended = [line for line in source.lines if line.ending.startswith("\r")]
        first = ended[0]
        alone = "a lone CR" if first.ending == "\r" else "CR LF"
        more = ", as do {} more".format(len(ended) - 1) if len(ended) > 1 else ""
        message = "this line ends with {}{}; the CR may become part of its value".format(alone, more)
        span = source.span(first.number, len(first.text), len(first.text) + 1)
        yield Hit(source, span, message, boardless=True)


def no_final_newline(context: Context, _params: Params) -> Iterator[Hit]:
    """Files of config.txt's kind whose last line has no end."""
    for document in context.config_documents():
        if document.lines and not document.lines[-1].ending and not _is_utf_16(document.source):
            last = document.lines[-1]
            message = "the last line has no line end: a line appended to the file would become part of it"
            span = document.source.span(last.number, len(last.text))
            yield Hit(document.source, span, message, boardless=True)
