"""Fixes of whole files: how they are encoded, and how they end."""

import re
from typing import Iterator

from scmguard.effective.config import evaluate
from scmguard.effective.worlds import TooComplex
from scmguard.fixes.proposal import Fault, Proposal, anything, nothing
from scmguard.fixes.rewrite import appended, replaced
from scmguard.text import BOM, decode, encode

_UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# What word processors and web pages make of ASCII.
_ASCII = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    **dict.fromkeys("\u2018\u2019", "'"),
    **dict.fromkeys("\u201c\u201d", '"'),
    **dict.fromkeys("\u00a0\u202f", " "),
    **dict.fromkeys("\u200b\ufeff", ""),
}


def bad_encoding(fault: Fault) -> Iterator[Proposal]:
    """LF line ends and no byte order mark. What turns characters into others is not safe."""
    data = fault.source.data
    encoding = _UTF_16.get(data[:2])
    if encoding is not None:
        try:
            text = data[2:].decode(encoding)
        except UnicodeDecodeError:
            return
        yield Proposal("save the file as ASCII", {fault.name: encode(_with_lf(text))}, anything, safe=False)
        return
    message = fault.finding.message
    if "byte order mark" in message and data.startswith(BOM):
        contents = {fault.name: data[len(BOM) :]}
        yield Proposal("take off the byte order mark", contents, anything, (("bom", "skipped"),))
    elif "CR" in message and b"\r" in data:
        if not _is_run(fault) and re.search(rb"\r(?![\r\n]|\Z)", data):
            return  # to the kernel a lone CR is a blank
        contents = {fault.name: encode(_with_lf(decode(data)))}
        yield Proposal("end lines with LF alone", contents, anything, (("carriage-return", "ends-line"),))
    else:
        number = fault.finding.span.line
        old = fault.source.line_text(number)
        new = "".join(_ASCII.get(char, char) for char in old)
        if new != old and new.isascii():
            contents = {fault.name: replaced(fault.source, number, [new])}
            yield Proposal("write ASCII characters", contents, anything, safe=False)


def _is_run(fault: Fault) -> bool:
    """Whether the file is one of config.txt's kind, and not the command line."""
    try:
        documents = evaluate(fault.boot, fault.board).run.documents
    except TooComplex:
        return False
    return any(document.source.path == fault.source.path for document in documents)


def _with_lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def no_final_newline(fault: Fault) -> Iterator[Proposal]:
    """A line end, so that what is appended becomes a line of its own."""
    yield Proposal("end the last line", {fault.name: appended(fault.source, [])}, nothing)


def ends_inside_filter(fault: Fault) -> Iterator[Proposal]:
    """The last line becomes [all], so that what is appended counts on every board."""
    yield Proposal("end the file with [all]", {fault.name: appended(fault.source, ["[all]"])}, nothing)


def cmdline_not_one_line(fault: Fault) -> Iterator[Proposal]:
    """All arguments on one line. Where there are comments, nobody but their author knows which of the words are.

    Nor does anybody know what a quoted value is that goes on over a line's end.
    """
    lines = [line.text.strip(" \t") for line in fault.source.lines]
    if any(line.startswith("#") or line.count('"') % 2 for line in lines):
        return
    joined = " ".join(line for line in lines if line)
    contents = {fault.name: fault.source.encoded(joined + "\n")}
    yield Proposal("put all arguments on one line", contents, anything, (("cmdline-lines", "all"),))
