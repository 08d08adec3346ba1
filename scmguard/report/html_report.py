"""The HTML report: one page with the verdict, and each boot tree's files with the findings beside their lines.

It needs nothing from elsewhere, and runs no script: boards are chosen with radio buttons and style rules.
"""

from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from scmguard.effective import EffectiveConfig, evaluate
from scmguard.effective.board import BOARDS, Board
from scmguard.effective.bootfiles import boot_files, cmdline_names
from scmguard.effective.view import view
from scmguard.effective.worlds import TooComplex
from scmguard.finding import Finding, TreeReport
from scmguard.folder import Unreadable
from scmguard.report.html import page
from scmguard.report.html.cards import Cards, once, place
from scmguard.report.html.effects import Effects
from scmguard.report.html.files import Files, Shown
from scmguard.report.html.lines import Beside, Mark, lines_of, mark_of
from scmguard.report.html.markup import say
from scmguard.report.html.states import States, states
from scmguard.report.session import Session


def render(reports: Iterable[TreeReport], session: Session) -> Iterator[str]:
    """The page, piece by piece. The trees wait as text for the verdict, which is known at the end."""
    cards = Cards(session.rules, session.style.quiet)
    listed: List[page.Listed] = []
    bodies: List[str] = []
    for number, report in enumerate(reports, 1):
        tree = _Tree(number, report, session, cards)
        bodies.append("".join(tree.body()))
        listed.append(tree.listed())
    end = session.tail()
    found = ", ".join("{} {}".format(count, name) for name, count in page.counts(end))
    words = page.worst_of(listed, end)[1]
    yield page.head("scmguard: {}{}".format(words, " ({})".format(found) if found else ""), session.boards)
    yield from page.verdict(session, listed, end)
    yield page.switch(session.boards) if bodies else ""
    yield '<main id="details">\n'
    yield from bodies
    yield "</main>\n" + page.foot()


class _OnBoard(NamedTuple):
    """A tree on one board: what is effective, or ``why_not``; ``cmdlines`` are the names of its command lines."""

    board: Board
    config: Optional[EffectiveConfig]
    data: Optional[Mapping[str, Any]]
    cmdlines: Tuple[str, ...] = ()
    why_not: str = ""


def _on_board(report: TreeReport, board: Board) -> _OnBoard:
    if report.boot is None:
        return _OnBoard(board, None, None, (), "The files are not at hand.")
    config: Optional[EffectiveConfig] = None
    try:
        config = evaluate(report.boot, board)
        names = cmdline_names(config, boot_files(config))
        return _OnBoard(board, config, view(config), tuple(dict.fromkeys(name for _, name in names)))
    except (TooComplex, Unreadable) as error:
        return _OnBoard(board, config, None, (), "Not worked out: {}.".format(error))


def _states(report: TreeReport, boards: Sequence[_OnBoard], cmdlines: Sequence[str]) -> Dict[str, States]:
    """The states of lines by board; none where what they are cannot be worked out."""
    found: Dict[str, States] = {}
    for each in boards:
        found[each.board.name] = States()
        if report.boot is None or each.config is None or each.data is None:
            continue
        try:
            found[each.board.name] = states(report.boot, each.board, each.config, cmdlines)
        except (TooComplex, Unreadable) as error:
            # Of a file that is read beside config.txt, or in its place.
            found[each.board.name].why_not = "Which lines are in effect was not worked out: {}.".format(error)
    return found


class _Tree:
    """One boot tree on its way into the page."""

    def __init__(self, number: int, report: TreeReport, session: Session, cards: Cards) -> None:
        self.number = number
        self.report = report
        self.cards = cards
        self.findings = [each for each in report.findings if not (session.style.quiet and each.severity == "hygiene")]
        self.boards = [_on_board(report, BOARDS[name]) for name in session.boards]
        cmdlines = _cmdlines(report, self.boards)
        self.files = Files(
            number,
            report.boot,
            [each.config for each in self.boards if each.config is not None],
            cmdlines,
            self.findings,
        )
        self.states = _states(report, self.boards, cmdlines)
        self.said = once(self.findings)
        self.ids = ["finding-{}-{}".format(number, n) for n in range(1, len(self.said) + 1)]

    @property
    def anchor(self) -> str:
        """The id of the tree's heading."""
        return "tree{}".format(self.number)

    def _place(self, finding: Finding, whole: bool = False) -> str:
        return place(finding.span, self.files, whole=whole)

    def listed(self) -> page.Listed:
        """What the top of the page says of the tree."""
        entries = [
            page.Entry(each.finding, each.boards, id, self._place(each.finding), self._place(each.finding, True))
            for each, id in zip(self.said, self.ids)
        ]
        return page.Listed(
            self.report.path,
            self.anchor,
            [entry for entry in entries if entry.finding.waived is None],
            [entry for entry in entries if entry.finding.waived is not None],
        )

    def body(self) -> Iterator[str]:
        """The tree's part of the page."""
        beside, top = self._sorted()
        yield '<section class="tree" aria-labelledby="{0}">\n<h2 id="{0}">{1}</h2>\n'.format(
            self.anchor, say(self.report.path or "Boot files")
        )
        for path, reason in self.report.problems:
            yield '<p class="callout">{} was not taken into account: {}.</p>\n'.format(say(path), say(reason))
        yield from self._contents()
        yield '<div class="columns">\n<div class="files">\n'
        if top.get(""):
            yield '<section class="file">\n<h3>The tree as a whole</h3>\n{}</section>\n'.format("".join(top[""]))
        for file in self.files:
            yield from self._file(file, beside.get(file.path), top.get(file.path, []))
        yield '</div>\n<div class="boards" id="{}-effects">\n'.format(self.anchor)
        effects = Effects(self.files, 3)
        for each in self.boards:
            why_not = filter(None, (each.why_not, self.states[each.board.name].why_not))
            yield effects.board(each.board.name, each.board.model, each.data, tuple(why_not))
        yield "</div>\n</div>\n</section>\n"

    def _contents(self) -> Iterator[str]:
        links = ['<a href="#{}">{}</a>'.format(file.id, say(file.name)) for file in self.files]
        links.append('<a href="#{}-effects">what is in effect</a>'.format(self.anchor))
        yield '<nav class="contents" aria-label="Files of {}">{}</nav>\n'.format(
            say(self.report.path or "the tree"), " ".join(links)
        )

    def _file(self, file: Shown, beside: Optional[Beside], top: List[str]) -> Iterator[str]:
        yield '<section class="file" id="{}">\n<h3>{}</h3>\n{}'.format(file.id, say(file.name), "".join(top))
        if file.note:
            yield '<p class="callout">{}</p>\n'.format(say(file.note))
        elif not file.lines and not top:
            yield '<p class="left-out">The file is empty.</p>\n'
        if file.lines:
            yield '<div class="code">\n'
            yield from lines_of(file, self.files, beside or Beside({}, {}, self.states))
            yield "</div>\n"
        yield "</section>\n"

    def _sorted(self) -> Tuple[Dict[str, Beside], Dict[str, List[str]]]:
        """Marks and cards by file and line, and the cards that stand above a file, or above all (the name is empty)."""
        marks: Dict[str, Dict[int, List[Mark]]] = {}
        lines: Dict[str, Dict[int, List[str]]] = {}
        top: Dict[str, List[str]] = {}
        texts = {(file.path, line.number): line.text for file in self.files for line in file.lines if file.lines}
        for said, id in zip(self.said, self.ids):
            finding, span = said.finding, said.finding.span
            spot = span.path, span.line
            text = texts.get(spot)
            known = span.path in self.files.by_path
            card = self.cards.card(said, id, self.files, 4)
            if text is None:
                top.setdefault(span.path if known else "", []).append(card)
                continue
            lines.setdefault(span.path, {}).setdefault(span.line, []).append(card)
            if finding.waived is None:
                marks.setdefault(span.path, {}).setdefault(span.line, []).append(mark_of(finding, text))
        return {path: Beside(marks.get(path, {}), lines[path], self.states) for path in lines}, top


def _cmdlines(report: TreeReport, boards: Sequence[_OnBoard]) -> List[str]:
    """The names of command lines: those that a board reads, and the usual one."""
    if report.boot is None or not report.boot.has_cmdline:
        return []
    return list(dict.fromkeys([*(name for each in boards for name in each.cmdlines), "cmdline.txt"]))
