"""Findings as cards: what is wrong, why, what it costs, and what to do."""

from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from scmguard.effective.readings import READINGS, meaning
from scmguard.finding import Edit, Finding, Fix
from scmguard.report.html.files import Files
from scmguard.report.html.lines import code, link
from scmguard.report.html.markup import escape, folded, items, say, severity
from scmguard.rulebook import Rule
from scmguard.text import Source, Span, printable


class Said(NamedTuple):
    """A finding, and the boards on which it is the same; none where no board decides."""

    finding: Finding
    boards: Tuple[str, ...]


def once(findings: Sequence[Finding]) -> List[Said]:
    """The findings in their order, those together that differ in their board alone."""
    found: Dict[Finding, List[str]] = {}
    for finding in findings:
        boards = found.setdefault(finding._replace(board=None), [])
        if finding.board is not None:
            boards.append(finding.board)
    return [Said(finding, tuple(boards)) for finding, boards in found.items()]


class Cards:
    """Makes cards for one report. Explanations of a rule are open in its first card, and folded in the others."""

    def __init__(self, rules: Mapping[str, Rule], quiet: bool) -> None:
        self._rules = rules
        self._quiet = quiet
        self._explained: Set[str] = set()

    def card(self, said: Said, id: str, files: Files, level: int) -> str:
        """A finding. ``level`` is that of its heading; ``files`` has the places to link to."""
        finding = said.finding
        if finding.waived is not None:
            return self._waived(finding, id)
        return '<article class="card {}" id="{}">\n{}{}{}</article>\n'.format(
            escape(finding.severity),
            id,
            _head(said, level),
            "".join(_why(finding, files)),
            "".join(self._explanation(finding, files)),
        )

    def _waived(self, finding: Finding, id: str) -> str:
        title = "{} waived: {} {}".format(severity(finding.severity), say(finding.message), _rule(finding))
        return '<div class="waived-card" id="{}">{}</div>\n'.format(id, folded(title, waived_text(finding), "waived"))

    def _explanation(self, finding: Finding, files: Files) -> Iterator[str]:
        fix = "" if finding.fix is None else _fix(finding.fix, files)
        if self._quiet:
            yield fix
            return
        rule = self._rules.get(finding.rule)
        told = [("What to do", finding.help)]
        if rule is not None:
            told = [("On the device", rule.rationale), ("Recovery", rule.recovery), *told]
        pairs = "".join("<dt>{}</dt>\n<dd>{}</dd>\n".format(name, say(text)) for name, text in told if text)
        body = '<dl class="told">\n{}</dl>\n'.format(pairs) if pairs else ""
        sources = items("sources", map(say, rule.sources)) if rule is not None else ""
        if sources:
            sources = folded("Sources", sources, "quiet")
        if body + sources and (finding.rule in self._explained or finding.severity == "hygiene"):
            yield fix + folded("What it means, and what to do", body + sources)
        else:
            yield body + fix + sources
        self._explained.add(finding.rule)


def waived_text(finding: Finding) -> str:
    """Why a finding is waived, and until when."""
    waived = finding.waived
    if waived is None:
        return ""
    until = "No end." if waived.expires is None else "Until {}.".format(say(waived.expires))
    return '<p>{} <span class="until">{}</span></p>\n'.format(say(waived.reason), until)


def _head(said: Said, level: int) -> str:
    finding = said.finding
    tags = [severity(finding.severity)]
    if finding.confidence == "possible":
        tags.append('<span class="tag">possible</span>')
    if said.boards:
        tags.append('<span class="tag">on {}</span>'.format(say(", ".join(said.boards))))
    tags.append(_rule(finding))
    return '<p class="tags">{}</p>\n<h{level}>{}</h{level}>\n'.format(" ".join(tags), say(finding.message), level=level)


def _rule(finding: Finding) -> str:
    return '<code class="rule">{}</code>'.format(escape(printable(finding.rule)))


def _why(finding: Finding, files: Files) -> Iterator[str]:
    yield items(
        "related",
        ("{}: {}".format(place(one.span, files, finding.span.path), say(one.message)) for one in finding.related),
    )
    if finding.reading is not None:
        id, choice = finding.reading
        said = "<p>Only if <code>{}={}</code>: {} {}.</p>\n".format(escape(id), escape(choice), *_reading(id, choice))
        yield '<div class="condition">{}{}</div>\n'.format(said, items("sources", map(say, READINGS[id].sources)))
    if finding.when:
        conditions = "{}".format(printable(" and ".join(finding.when)))
        yield '<p class="condition">Only when <code>{}</code>, which is not known here.</p>\n'.format(
            escape(conditions)
        )


def _reading(id: str, choice: str) -> Tuple[str, str]:
    says = meaning(id, choice)
    return escape(READINGS[id].question), escape(says[0].upper() + says[1:])


def place(span: Span, files: Files, near: Optional[str] = None, whole: bool = False) -> str:
    """A place as a link to its line; without the file's name where it is ``near``, with its path if ``whole``."""
    text = span.path if whole else files.name(span.path)
    if span.line:
        text = "line {}".format(span.line) if span.path == near else "{}:{}".format(text, span.line)
    return link(files.anchor(span.path, span.line), text)


def _fix(fix: Fix, files: Files) -> str:
    kind = "nothing else changes" if fix.safe else "look at what else it changes"
    body = "".join(_edit(edit, files) for edit in fix.edits)
    return (
        '<figure class="fix">\n<figcaption><strong>Proposed change:</strong> {} <span>({})</span></figcaption>\n{}'
        "</figure>\n".format(say(fix.title), kind, body)
    )


def _edit(edit: Edit, files: Files) -> str:
    source = files.sources.get(edit.path)
    rows: List[str] = []
    before = source.line_text(edit.line - 1) if source is not None else ""
    if before:
        rows.append('<span class="same"><i>&nbsp;</i>{}</span>'.format(code(before)))
    for number in range(edit.line, edit.end_line):
        old = _old(source, number) if source is not None else "line {}".format(number)
        rows.append("<del><i>-</i>{}</del>".format(code(old)))
    new = edit.text.split("\n")
    for text in new[:-1] if new[-1] == "" else new:
        rows.append("<ins><i>+</i>{}</ins>".format(code(text)))
    return '<p class="where">{}</p>\n<pre class="diff">{}</pre>\n'.format(
        place(Span(edit.path, edit.line, 1, edit.line, 1), files), "".join(rows)
    )


def _old(source: Source, number: int) -> str:
    """A line with what of it a change may be about and that is no part of its text: byte order mark and CR."""
    mark = "\ufeff" if source.bom and number == 1 else ""
    ending = source.lines[number - 1].ending if 0 < number <= len(source.lines) else ""
    return mark + source.line_text(number) + ending.rstrip("\n")
