"""Bytes that have no place in a boot file: byte order marks, carriage returns, NUL, anything that is not ASCII."""

from typing import Iterator

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.lines import character, is_odd, reports
from scmguard.text import Source

_lines = reports("bad-encoding")


def bad_encoding(context: Context, params: Params) -> Iterator[Hit]:
    """In files of config.txt's kind, and in the command line."""
    if context.boot.has_config:
        yield from (hit for hit in _lines(context, params) if hit.source is None or not _is_utf_16(hit.source))
        for document in context.config_documents():
            yield from _marks(document.source)
    if context.boot.has_cmdline:
        for condition, line in context.cmdlines:
            if line is None:
                continue
            for hit in _marks(line.source):
                yield hit._replace(when=condition)
            for place, char in enumerate(line.text):
                if is_odd(char):
                    message = "{} in the command line".format(character(char))
                    yield Hit(line.source, line.source.span(1, place, place + 1), message, condition, boardless=True)
                    break


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
