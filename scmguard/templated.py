"""Boot trees with templates: what holds whatever is filled in, and what does not is not checked.

No rule knows of templates. The tree is checked as it may become: with each block of lines there and not there, with
values and lines in the places that are filled in. Only a finding that is there every time, and does not touch what is
filled in, is one; a rule whose finding comes and goes is not checked. Where anything may be filled in, the tries for a
finding are what its rule's own examples show to be right, and what switches off or overrides lines: who writes a rule
shows in its examples how the fault is avoided.
"""

from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from scmguard.boot import Boot
from scmguard.finding import SEVERITIES, Finding, NotChecked, TreeReport, order
from scmguard.folder import Unreadable
from scmguard.lint import Job
from scmguard.lint import run as lint
from scmguard.parse.config_txt import parse_line
from scmguard.repository.templates import FILLER, Choices, Rendering, Template
from scmguard.repository.view import View
from scmguard.rulebook import Rule, examples_of
from scmguard.text import Source, Span, printable, shortened

_FILES = ("config.txt", "cmdline.txt", "tryboot.txt", "autoboot.txt", "bootconf.txt", "boot.conf")
_MOST_FILES = 64
# Without any of these a file is no template.
_MARKS = (b"{{", b"{%", b"{#", b"@", b"$", b"%", b"__", b"ROOT", b"DEV", b"IMGID")
# Ways to fill in all places at once that are tried.
_TOGETHER = 100
# Notes on the places of one template; more are counted.
_MOST_NOTES = 12

# What tells a finding from others, however the lines around it move.
_Key = Tuple[str, Optional[str], str, int, str]


def run(job: Job, boot: Boot) -> TreeReport:
    """The report on a boot tree of a repository, with templates or without. Raises Unreadable."""
    templates = {} if boot.partial else templates_of(boot)
    return _Templated(job, boot, templates).report() if templates else lint(job, boot)


def templates_of(boot: Boot) -> Dict[str, Template]:
    """The files of a tree that are templates, by their names in it, those that they include among them."""
    found: Dict[str, Template] = {}
    todo = list(_FILES)
    seen: Set[str] = set()
    while todo and len(seen) < _MOST_FILES:
        name = todo.pop(0)
        if name in seen:
            continue
        seen.add(name)
        try:
            data = boot.files.read(name)
        except Unreadable:
            continue  # which is said where it is checked
        if data is None:
            continue
        is_cmdline = "cmdline" in name
        if any(mark in data for mark in _MARKS):
            from scmguard.repository.templateparser import template  # few files are templates

            made = template(boot.files.label(name), data, is_cmdline)
            if made is not None:
                found[name] = made
        if not is_cmdline:
            statements = [parse_line(line.text) for line in Source(name, data).lines]
            todo += [one.value.lstrip("/") for one in statements if one.key in ("include", "cmdline") and one.value]
    return found


class _Checked(NamedTuple):
    """A tree filled in one way: the report on it, and its findings."""

    report: TreeReport
    findings: Dict[_Key, Finding]


class _Templated:
    def __init__(self, job: Job, boot: Boot, templates: Mapping[str, Template]) -> None:
        self._job = job
        self._boot = boot
        self._templates = dict(templates)
        self._view = boot.files if isinstance(boot.files, View) else View(boot.files, {})
        self._names = {boot.files.label(name): name for name in templates}

    def report(self) -> TreeReport:
        """The findings that are there whatever is filled in."""
        there = self._check({}, self._job.rules)
        found, every = dict(there.findings), set(there.findings)
        if any(each.blocks for each in self._templates.values()):
            gone = self._check({name: each.least for name, each in self._templates.items()}, self._job.rules)
            every.update(gone.findings)
            found = _common(found, gone.findings)
        if any(each.broken for each in self._templates.values()):
            found = {}
            lost = set(there.report.ran)
        else:
            found = {key: finding for key, finding in found.items() if not self._touches(finding)}
            found = self._tried(found)
            lost = {key[0] for key in every if key not in found}
        entries = [entry for entry in there.report.not_checked if entry.rule not in lost]
        labels = ", ".join(each.source.path for each in self._templates.values())
        reason = "needs what is filled in for the template{} {}".format("s" * (len(self._templates) > 1), labels)
        entries += [NotChecked(id, "template", reason) for id in sorted(lost)]
        findings = sorted((self._shown(finding) for finding in found.values()), key=order)
        notes = self._boot.notes + tuple(self._notes())
        return there.report._replace(findings=findings, not_checked=entries, notes=notes, boot=self._boot)

    def _tried(self, found: Dict[_Key, Finding]) -> Dict[_Key, Finding]:
        """The findings that are still there whatever is tried; there are fewer and fewer rules to ask."""
        for name, each in self._templates.items():
            for choices in each.combinations():
                found = self._left(found, {name: choices})
        if not found or not any(line.why for each in self._templates.values() for line in each.lines.values()):
            return found
        from scmguard.repository.fillings import Fillings  # few trees have templates

        fillings = Fillings(examples_of(self._job.rules))
        texts: Dict[str, Dict[int, List[str]]] = {}
        for name, each in self._templates.items():
            for line in each.unknown():
                segments = [(key[0], key[4]) for key in found]
                mine = list(dict.fromkeys(fillings.of(line, "cmdline" in name, segments)))
                texts.setdefault(name, {})[line.number] = mine
                for text in mine:
                    found = self._left(found, {name: Choices(each.way_to_line[line.number], {line.number: text})})
        return self._together(found, texts)

    def _together(
        self, found: Dict[_Key, Finding], texts: Mapping[str, Mapping[int, Sequence[str]]]
    ) -> Dict[_Key, Finding]:
        """The findings that are there also when all places are filled in at once, by chance, the same each time."""
        import random

        chance = random.Random(0)  # noqa: S311  (nobody is to be surprised)
        for _ in range(_TOGETHER if sum(map(len, texts.values())) + self._count_blocks() > 1 else 0):
            if not found:
                break
            choices = {}
            for name, each in self._templates.items():
                branches = {
                    block.number: chance.randrange(-1 if block.optional else 0, len(block.branches))
                    for block in each.blocks
                }
                filled = {number: chance.choice(mine) for number, mine in texts.get(name, {}).items() if mine}
                choices[name] = Choices(branches, filled)
            found = self._left(found, choices)
        return found

    def _count_blocks(self) -> int:
        return sum(len(each.blocks) for each in self._templates.values())

    def _left(self, found: Dict[_Key, Finding], choices: Mapping[str, Choices]) -> Dict[_Key, Finding]:
        if not found:
            return found
        ids = {key[0] for key in found}
        rules = [rule for rule in self._job.rules if rule.id in ids]
        return _common(found, self._check(choices, rules).findings)

    def _check(self, choices: Mapping[str, Choices], rules: Sequence[Rule]) -> _Checked:
        """The report on the tree filled in that way, in which lines are those of the templates."""
        # What is said at last is said of the tree with all lines, in their places.
        made = {n: each.render(choices.get(n, Choices()), not choices) for n, each in self._templates.items()}
        files = self._view.with_contents({name: rendering.data for name, rendering in made.items()})
        report = lint(self._job._replace(rules=tuple(rules)), self._boot.with_files(files))
        findings = {}
        for finding in report.findings:
            finding = self._placed(finding, made)
            span, excerpt = finding.span, finding.excerpt
            text = excerpt[span.column - 1 : span.end_column - 1] if span.end_line == span.line else excerpt
            findings[finding.rule, finding.board, span.path, span.line, text] = finding
        return _Checked(report, findings)

    def _placed(self, finding: Finding, made: Mapping[str, Rendering]) -> Finding:
        def at(span: Span) -> Span:
            name = self._names.get(span.path)
            lines = made[name].lines if name is not None else ()
            if not 0 < span.line <= len(lines):
                return span
            last = lines[span.end_line - 1] if 0 < span.end_line <= len(lines) else span.end_line
            return span._replace(line=lines[span.line - 1], end_line=last)

        related = tuple(each._replace(span=at(each.span)) for each in finding.related)
        return finding._replace(span=at(finding.span), related=related)

    def _touches(self, finding: Finding) -> bool:
        """Whether a finding is about something that is filled in."""
        if FILLER * 2 in finding.message:
            return True
        return any(self._is_filled_in(span) for span in (finding.span, *(each.span for each in finding.related)))

    def _is_filled_in(self, span: Span) -> bool:
        name = self._names.get(span.path)
        if name is None:
            return False
        each = self._templates[name]
        if not span.line:
            # What a file as a whole lacks may be in lines that are not known.
            return any(line.free for line in each.unknown())
        line = each.lines.get(span.line)
        if "cmdline" not in name and span.line in each.unsure:
            return True
        if line is None or not line.why:
            return False
        if line.free or "cmdline" not in name:
            return True
        return any(hole.start < span.end_column - 1 and span.column - 1 < hole.end for hole in line.holes)

    def _shown(self, finding: Finding) -> Finding:
        name = self._names.get(finding.span.path)
        if name is None or not finding.span.line:
            return finding
        return finding._replace(excerpt=self._templates[name].source.line_text(finding.span.line))

    def _notes(self) -> Iterator[str]:
        """What is not checked, by its lines."""
        for each in self._templates.values():
            path = each.source.path
            if each.broken:
                yield "{}: not checked: the template is not understood: {}".format(path, each.broken)
                continue
            places: List[Tuple[int, str]] = [
                (line.number, "{}:{}: not checked: {}".format(path, line.number, line.said)) for line in each.unknown()
            ]
            for block in each.blocks:
                said = "{}:{}-{}: may be there or not, depending on {}"
                tag = shortened(printable(block.tag), 80)
                places.append((block.first, said.format(path, block.first, block.last, tag)))
            places.sort()
            yield from [text for _, text in places[:_MOST_NOTES]]
            if len(places) > _MOST_NOTES:
                yield "{}: {} more places are filled in".format(path, len(places) - _MOST_NOTES)


def _common(found: Mapping[_Key, Finding], other: Mapping[_Key, Finding]) -> Dict[_Key, Finding]:
    """The findings that both have, as the milder of the two has them."""
    return {key: _milder(finding, other[key]) for key, finding in found.items() if key in other}


def _milder(one: Finding, other: Finding) -> Finding:
    severity = min(one.severity, other.severity, key=SEVERITIES.index)
    if one.confidence == "certain" and other.confidence == "possible":
        one = one._replace(confidence="possible", reading=other.reading, when=other.when)
    return one._replace(severity=severity)
