"""A file with its lines: numbers, what is marked in them, whether they are in effect, and the findings below them."""

from typing import Collection, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from scmguard.finding import SEVERITIES, Finding
from scmguard.parse.config_txt import Statement, parse_line
from scmguard.report.html.files import Files, Shown
from scmguard.report.html.markup import escape, folded, say, shown
from scmguard.report.html.states import States
from scmguard.text import Line

#: Characters of a line that are shown as they are; of a longer one its ends and what is marked.
MOST_CHARACTERS = 1500
_END = 200
_AROUND = 100
#: A file with more lines than this is shown around what matters, and the rest is folded.
_MOST_OPEN = 300
_AROUND_FINDING = 8

_HEADER = {"yes": "applies on {}", "maybe": "may apply on {}", "no": "does not apply on {}"}


class Mark(NamedTuple):
    """Part of a line, by offsets from 0, that a finding is about."""

    start: int
    end: int
    severity: str


class Beside(NamedTuple):
    """What is shown with the lines of a file: marks and cards by line, and the lines' states by board."""

    marks: Mapping[int, Sequence[Mark]]
    cards: Mapping[int, Sequence[str]]
    states: Mapping[str, States]


def mark_of(finding: Finding, text: str) -> Mark:
    """Where a finding is in its line."""
    span = finding.span
    start = max(span.column - 1, 0)
    end = span.end_column - 1 if span.end_line == span.line else len(text)
    return Mark(start, max(end, start + 1), finding.severity)


def lines_of(file: Shown, files: Files, beside: Beside) -> Iterator[str]:
    """The lines of a file, in lists; stretches of a long file where nothing is found are folded."""
    kept = _open_lines(file, beside)
    run: List[Line] = []
    previous = 0
    for line in file.lines:
        gap = line.number > previous + 1
        if run and (gap or (line.number in kept) != (run[-1].number in kept)):
            yield from _stretch(file, files, beside, run, run[0].number in kept)
            run = []
        if gap:
            yield _left_out(previous + 1, line.number - 1)
        run.append(line)
        previous = line.number
    if run:
        yield from _stretch(file, files, beside, run, run[0].number in kept)
    if previous < file.size and file.lines:
        yield _left_out(previous + 1, file.size)


def _open_lines(file: Shown, beside: Beside) -> Collection[int]:
    last = file.lines[-1].number if file.lines else 0
    if len(file.lines) <= _MOST_OPEN:
        return range(last + 1)
    kept = set(range(1, _AROUND_FINDING + 1))
    for number in (*beside.marks, *beside.cards):
        kept.update(range(number - _AROUND_FINDING, number + _AROUND_FINDING + 1))
    return kept


def _left_out(first: int, last: int) -> str:
    said = "Line {} is".format(first) if first == last else "Lines {} to {} are".format(first, last)
    return '<p class="left-out">{} not shown.</p>\n'.format(said)


def _stretch(file: Shown, files: Files, beside: Beside, lines: Sequence[Line], is_open: bool) -> Iterator[str]:
    listed = "".join(_line(file, files, beside, line) for line in lines)
    listed = '<ol class="lines" role="list">\n{}</ol>\n'.format(listed)
    if is_open:
        yield listed
    else:
        yield folded("Lines {} to {}".format(lines[0].number, lines[-1].number), listed, "stretch")


def _line(file: Shown, files: Files, beside: Beside, line: Line) -> str:
    statement = parse_line(line.text) if file.kind == "config" else None
    labels, attributes = _labels(file, files, beside, line)
    kinds = ["line"]
    if statement is not None and statement.kind in ("header", "comment"):
        kinds.append(statement.kind)
    marks = beside.marks.get(line.number, ())
    if marks:
        kinds.append("at-" + max((mark.severity for mark in marks), key=SEVERITIES.index))
    return '<li id="{}"><div class="{}"{}><span class="number">{}</span> <code>{}</code>{}</div>{}</li>\n'.format(
        file.anchor(line.number),
        " ".join(kinds),
        attributes,
        line.number,
        code(line.text, marks, statement),
        labels,
        "".join(beside.cards.get(line.number, ())),
    )


def _labels(file: Shown, files: Files, beside: Beside, line: Line) -> Tuple[str, str]:
    """What is said behind a line, and the attributes by which it is dimmed, board by board."""
    said: Dict[str, List[str]] = {}
    dimmed: List[str] = []
    for board, states in beside.states.items():
        spot = file.path, line.number
        state = states.lines.get(spot)
        if state is not None and state.state in ("off", "lost"):
            dimmed.append(board)
        if state is not None and state.beaten_by is not None:
            anchor = files.anchor(*state.beaten_by)
            path, number = state.beaten_by
            where = "line {}".format(number) if path == file.path else "{}:{}".format(files.name(path), number)
            beaten = "overridden by {} {}".format(link(anchor, where), escape(state.why))
            said.setdefault(beaten.strip(), []).append(board)
        elif state is not None and state.why:
            only = "only " if state.state == "maybe" else ""
            said.setdefault(only + escape(state.why), []).append(board)
        elif state is not None and state.state == "off":
            said.setdefault("", []).append(board)
        if spot in states.headers:
            said.setdefault(escape(_HEADER[states.headers[spot]].format(board)), []).append(board)
    labels = "".join(
        ' <span class="label" data-only="{}">{}</span>'.format(" ".join(boards), text)
        if text
        else ' <span class="unseen" data-only="{}">(not in effect on {})</span>'.format(
            " ".join(boards), ", ".join(boards)
        )
        for text, boards in said.items()
    )
    return labels, ' data-off="{}"'.format(" ".join(dimmed)) if dimmed else ""


def link(anchor: Optional[str], text: str) -> str:
    """A link to a place in the page; the text alone where there is no such place."""
    said = say(text)
    return said if anchor is None else '<a href="#{}">{}</a>'.format(anchor, said)


def code(text: str, marks: Sequence[Mark] = (), statement: Optional[Statement] = None) -> str:
    """A line's text with its marks, and its key told apart from its value."""
    borders = {0, len(text)}
    for mark in marks:
        borders.update((min(mark.start, len(text)), min(mark.end, len(text))))
    key = (0, 0)
    if statement is not None and statement.kind in ("setting", "directive"):
        key = (statement.key_start, statement.key_start + len(statement.key))
        borders.update(key)
    gaps = _gaps(text, marks)
    for gap in gaps:
        borders.update(gap)
    pieces: List[str] = []
    ordered = sorted(borders)
    for start, end in zip(ordered, ordered[1:]):
        left_out = next((gap for gap in gaps if gap[0] <= start < gap[1]), None)
        if left_out is not None:
            if left_out[0] == start:
                pieces.append('<span class="gap">{} characters more</span>'.format(left_out[1] - start))
            continue
        piece = shown(text[start:end])
        if key[0] <= start < key[1]:
            piece = '<span class="key">{}</span>'.format(piece)
        over = [mark.severity for mark in marks if mark.start <= start < mark.end]
        if over:
            piece = '<mark class="{}">{}</mark>'.format(max(over, key=SEVERITIES.index), piece)
        pieces.append(piece)
    if any(mark.start >= len(text) for mark in marks):
        pieces.append('<mark class="{}"> </mark>'.format(marks[0].severity))
    return "".join(pieces)


def _gaps(text: str, marks: Sequence[Mark]) -> List[Tuple[int, int]]:
    """The parts of a very long line that are left out."""
    if len(text) <= MOST_CHARACTERS:
        return []
    kept = [(0, MOST_CHARACTERS // 2), (len(text) - _END, len(text))]
    kept += [(mark.start - _AROUND, min(mark.end, mark.start + MOST_CHARACTERS // 2) + _AROUND) for mark in marks]
    gaps, at = [], 0
    for start, end in sorted(kept):
        if start > at:
            gaps.append((at, start))
        at = max(at, end)
    return gaps
