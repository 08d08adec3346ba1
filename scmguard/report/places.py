"""Where a finding is and what it is, for the formats that other programs read: paths, URIs, identities, conditions."""

import os.path
from hashlib import sha256
from typing import Dict, Iterator, Tuple

from scmguard.effective.readings import READINGS, meaning
from scmguard.finding import Finding, Waived
from scmguard.text import Span, encode, printable

#: The label of what was given on standard input: no file.
STDIN = "<stdin>"

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def relative(path: str, folder: str) -> str:
    """A path as seen from the working directory ``folder``: relative inside of it, absolute outside.

    ``.`` and ``..`` are taken out by name, without a look at links. Without a working directory a relative path that
    leads above it stays as it is.
    """
    if path == STDIN:
        return path
    joined = os.path.normpath(os.path.join(folder, path))
    if joined.startswith("//"):  # POSIX allows two slashes a meaning of their own; Linux gives them none
        joined = joined[1:]
    base = folder.rstrip("/") + "/"
    if folder and joined.startswith(base):
        return joined[len(base) :]
    return "." if joined == folder else joined


def uri(path: str) -> str:
    """A path as RFC 3986 has it: bytes that are not unreserved are percent-encoded, so that any name is left whole.

    A relative path becomes a relative reference, an absolute one a ``file`` URI.
    """
    quoted = "".join(chr(byte) if byte in _PLAIN else "%{:02X}".format(byte) for byte in encode_any(path))
    return "file://" + quoted if path.startswith("/") else quoted


def region(span: Span) -> Tuple[int, int, int, int]:
    """Line, column, end line and end column, from 1, the end exclusive: of the file's very beginning where there is no
    line. What is impossible (an end before the start) is put right, since readers refuse a whole report for it.
    """
    if not span.line:
        return 1, 1, 1, 1
    line, column = span.line, max(span.column, 1)
    if span.end_line < line or (span.end_line == line and span.end_column < column):
        return line, column, line, column
    return line, column, span.end_line, max(span.end_column, 1)


class Fingerprints:
    """Identities of findings that outlive moved lines.

    SHA-256 over the rule, the path as reported, and the text of the line (blanks around it left out), or the message
    where the finding has no line; and the how-manieth of those that are alike it is, in the order of the report. The
    number of the line is no part of it: lines that come or go above do not change it.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._seen: Dict[bytes, int] = {}

    def of(self, finding: Finding) -> str:
        """64 hexadecimal digits. To be called once for each finding, in the order of the report."""
        text = finding.excerpt.strip() or finding.message
        parts = [finding.rule, relative(finding.span.path, self._folder), text]
        same = sha256(b"\0".join(encode_any(part) for part in parts)).digest()
        number = self._seen[same] = self._seen.get(same, 0) + 1
        return sha256(same + str(number).encode()).hexdigest()


def encode_any(text: str) -> bytes:
    """The bytes of a text; for one that no bytes were ever decoded to, some that are its own all the same."""
    try:
        return encode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def conditions(finding: Finding) -> Iterator[str]:
    """What a finding depends on, in sentences; nothing for a certain one."""
    if finding.reading is not None:
        id, choice = finding.reading
        says = meaning(id, choice)
        yield "Only if {}={}: {} {}.".format(id, choice, READINGS[id].question, says[0].upper() + says[1:])
    if finding.when:
        yield "Only when {}, which is not known here.".format(printable(" and ".join(finding.when)))
    if finding.confidence == "possible" and finding.reading is None and not finding.when:
        yield "Possible: what is known does not decide it."


def sentence(text: str) -> str:
    """A message with a full stop: where there is little room, readers show one up to the end of its first sentence."""
    return text if text.endswith((".", "!", "?")) else text + "."


def answered(waived: Waived) -> str:
    """Where somebody answers for a finding: whether it is waived or in the baseline, until when, and why."""
    how = "in the baseline" if waived.by == "baseline" else "waived"
    until = "" if waived.expires is None else " (until {})".format(waived.expires)
    return "{}{}: {}".format(how, until, waived.reason)


def place(span: Span, folder: str) -> str:
    """A place for people: ``path:line:column``, or the path alone."""
    path = printable(relative(span.path, folder))
    return "{}:{}:{}".format(path, span.line, span.column) if span.line else path
