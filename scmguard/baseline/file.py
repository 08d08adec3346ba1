"""A baseline's file: JSON with one entry a line, sorted, so that a review shows each entry and branches merge.

Whatever is wrong with it is said with its line, and nothing of it counts then: a damaged baseline must neither make
everything new nor everything known. JSON, because a check reads it each time, and YAML takes a hundred times as long.
"""

import json
import re
from typing import Any, Container, Dict, Iterable, Iterator, List, NamedTuple, NoReturn, Tuple

from scmguard.errors import RuleError
from scmguard.finding import SEVERITIES

SCHEMA = 1
CONFIDENCES = ("possible", "certain")

_KEYS = ("path", "rule", "message", "severity", "confidence", "count", "fingerprint", "reason", "added")
# The names of an entry's parts in the file; Python has a use of its own for one of them.
_FIELDS = {"count": "times"}
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})( |$)", re.M)
# A string, in which brackets mean nothing, or a bracket.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


class Entry(NamedTuple):
    """Findings that are known: so many ``times`` at most in one boot tree, in a line with this ``fingerprint``.

    ``path`` is that of the file, from the baseline's folder. ``severity`` and ``confidence`` are the most that the
    entry covers. ``message`` is what was said, for people. ``reason`` and ``added`` (a date such as ``2031-12-31``) are
    why and when it was taken in. ``line`` is where it stands in the file, 0 for one that is not written yet.
    """

    path: str
    rule: str
    message: str
    severity: str
    confidence: str
    times: int
    fingerprint: str
    reason: str
    added: str
    line: int = 0


class Baseline(NamedTuple):
    """A baseline's path, as it was named, its entries, and the lines of its file."""

    path: str
    entries: Tuple[Entry, ...] = ()
    lines: Tuple[str, ...] = ()


def read(path: str) -> Baseline:
    """A baseline. Raises RuleError, with path and line, for anything but a whole and valid one."""
    from scmguard.rulefile import text_of

    return parse(path, text_of(path))


def parse(path: str, text: str) -> Baseline:
    """A baseline's text. Raises RuleError."""
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        _refuse(path, _line_at(text, conflict.start()), "a conflict of a merge is in this baseline")
    try:
        data = json.loads(text, object_pairs_hook=_no_key_twice)
    except json.JSONDecodeError as error:
        _refuse(path, error.lineno, "this is no baseline: {}".format(error.msg[:1].lower() + error.msg[1:]))
    except (ValueError, RecursionError) as error:
        raise RuleError("{}: this is no baseline: {}".format(path, error)) from None
    if not isinstance(data, dict):
        _refuse(path, 1, "a baseline is an object with schema and findings")
    for key in data:
        if key not in ("schema", "findings"):
            _refuse(path, _line_of(text, key), "unknown key {!r}".format(key))
    if type(data.get("schema")) is not int or data["schema"] != SCHEMA:
        _refuse(path, _line_of(text, "schema"), "schema must be {}".format(SCHEMA))
    found = data.get("findings")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        _refuse(path, _line_of(text, "findings"), "findings must be a list of objects")
    entries = tuple(_entry(path, line, each) for line, each in zip(_starts(text), found))
    told: Dict[Entry, int] = {}
    for entry in entries:
        first = told.setdefault(entry._replace(times=1, line=0), entry.line)
        if first != entry.line:
            _refuse(path, entry.line, "this entry is there twice, also in line {}".format(first))
    return Baseline(path, entries, tuple(text.split("\n")))


def verify(baseline: Baseline, rules: Container[str]) -> None:
    """Raises RuleError for an entry of a rule that is not among ``rules``."""
    for entry in baseline.entries:
        if entry.rule not in rules:
            says = "no rule {!r}; `scmguard baseline update` removes this entry".format(entry.rule)
            _refuse(baseline.path, entry.line, says)


def written(entries: Iterable[Entry]) -> str:
    """The text of a baseline with these entries."""
    lines = [_dump(entry) for entry in sorted(entries)]
    body = "\n" + ",\n".join(lines) + "\n" if lines else ""
    return '{{\n"schema": {},\n"findings": [{}]\n}}\n'.format(SCHEMA, body)


def _dump(entry: Entry) -> str:
    data = {key: getattr(entry, _FIELDS.get(key, key)) for key in _KEYS}
    # Text stays readable; what a terminal or an editor would act on, and what is no Unicode, is escaped.
    return "".join(
        char if char.isprintable() else json.dumps(char)[1:-1] for char in json.dumps(data, ensure_ascii=False)
    )


def _entry(path: str, line: int, data: Dict[str, Any]) -> Entry:
    for key in data:
        if key not in _KEYS:
            _refuse(path, line, "unknown key {!r}".format(key))
    for key in _KEYS:
        if key not in data:
            _refuse(path, line, "the key {} is missing".format(key))
        value = data[key]
        if key == "count":
            if type(value) is not int or value < 1:
                _refuse(path, line, "count must be a number from 1 up")
        elif not isinstance(value, str) or not value.strip():
            _refuse(path, line, "{} must be text".format(key))
    for key, known in (("severity", SEVERITIES), ("confidence", CONFIDENCES)):
        if data[key] not in known:
            _refuse(path, line, "{} must be one of {}".format(key, ", ".join(known)))
    if not _FINGERPRINT.fullmatch(data["fingerprint"]):
        _refuse(path, line, "a fingerprint is 16 hexadecimal digits")
    if not _DATE.fullmatch(data["added"]):
        _refuse(path, line, "added must be a date such as 2031-12-31")
    return Entry(**{_FIELDS.get(key, key): data[key] for key in _KEYS}, line=line)


def _no_key_twice(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError("the key {!r} is there twice".format(next(name for name in data if names.count(name) > 1)))
    return data


def _starts(text: str) -> Iterator[int]:
    """The lines in which the objects inside a list inside an object begin, in text that is JSON."""
    depth, line, seen = 0, 1, 0
    for token in _TOKEN.finditer(text):
        if token.group() in "[{":
            if depth == 2 and token.group() == "{":
                line += text.count("\n", seen, token.start())
                seen = token.start()
                yield line
            depth += 1
        elif token.group() in "]}":
            depth -= 1


def _line_of(text: str, key: str) -> int:
    place = text.find(json.dumps(key))
    return _line_at(text, place) if place >= 0 else 1


def _line_at(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _refuse(path: str, line: int, reason: str) -> NoReturn:
    raise RuleError("{}:{}: {}".format(path, line, reason))
