"""Which files of a boot tree the report shows, which of their lines, and where each line is in the page."""

from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set

from scmguard.boot import Boot
from scmguard.effective import EffectiveConfig
from scmguard.finding import Finding
from scmguard.folder import Folder, Unreadable
from scmguard.report.html.states import beside
from scmguard.text import Line, Source, Span

#: A file larger than this is not shown but for the lines that findings name, which they bring with them; in bytes.
MOST_BYTES = 2 << 20
#: Lines of a boot file that are shown; of others those around a finding.
MOST_LINES = 10_000
_AROUND = 6


class Shown(NamedTuple):
    """A file in the report. ``path`` is what findings call it, ``name`` where it is in its folder.

    ``kind`` is ``config``, ``cmdline`` or ``other``; ``lines`` are those to show, in order; ``size`` is how many
    there are. ``note`` says why there are none. ``id`` begins the ids of its lines.
    """

    id: str
    path: str
    name: str
    kind: str
    lines: Sequence[Line]
    size: int
    note: str = ""

    def anchor(self, line: int) -> str:
        """The id of a line."""
        return "{}-L{}".format(self.id, line)


class _Candidate(NamedTuple):
    path: str
    name: str
    kind: str
    source: Optional[Source]
    note: str = ""


class Files:
    """The files of one tree, in the order in which they are read. ``number`` is the tree's, from 1."""

    def __init__(
        self,
        number: int,
        boot: Optional[Boot],
        configs: Sequence[EffectiveConfig],
        cmdlines: Iterable[str],
        findings: Sequence[Finding],
    ) -> None:
        spans = list(_spans(findings))
        self.by_path: Dict[str, Shown] = {}
        self.sources: Dict[str, Source] = {}
        excerpts = {(each.span.path, each.span.line): each.excerpt for each in findings if each.excerpt}
        for one in _candidates(boot, configs, cmdlines, spans):
            if one.path in self.by_path:
                continue
            named = {span.line for span in spans if span.path == one.path and span.line}
            lines: Sequence[Line]
            if one.source is None:
                lines = [
                    Line(line, excerpts[one.path, line], "") for line in sorted(named) if (one.path, line) in excerpts
                ]
                size, note = len(lines), one.note
            else:
                self.sources[one.path] = one.source
                lines, note = _cut(one, named), one.note
                size = len(one.source.lines)
            id = "tree{}-file{}".format(number, len(self.by_path) + 1)
            self.by_path[one.path] = Shown(id, one.path, one.name, one.kind, lines, size, note)
        self._anchors = {
            (path, line.number): shown.anchor(line.number)
            for path, shown in self.by_path.items()
            for line in shown.lines
        }

    def __iter__(self) -> Iterator[Shown]:
        return iter(self.by_path.values())

    def anchor(self, path: str, line: int) -> Optional[str]:
        """The id of a line that is shown, or of the file where ``line`` is 0; None for one that is not."""
        if not line:
            shown = self.by_path.get(path)
            return None if shown is None else shown.id
        return self._anchors.get((path, line))

    def name(self, path: str) -> str:
        """A path as short as it can be and still say which file is meant."""
        shown = self.by_path.get(path)
        return path if shown is None else shown.name


def _spans(findings: Iterable[Finding]) -> Iterator[Span]:
    """The places to be shown: all with a line, and the files that findings are about as a whole."""
    for finding in findings:
        if finding.span.line:
            yield finding.span
        for related in finding.related:
            if related.span.line:
                yield related.span
        for edit in () if finding.fix is None else finding.fix.edits:
            yield Span(edit.path, edit.line, 1, edit.line, 1)
    for finding in findings:
        if not finding.span.line:
            yield finding.span


def _candidates(
    boot: Optional[Boot], configs: Sequence[EffectiveConfig], cmdlines: Iterable[str], spans: Sequence[Span]
) -> Iterator[_Candidate]:
    if boot is not None:
        try:
            yield from _boot_files(boot, configs, cmdlines)
        except Unreadable as error:
            yield _Candidate(error.path, error.path, "other", None, "It cannot be read: {}.".format(error.reason))
    for span in spans:
        if boot is None or span.path not in ("", boot.files.path):
            yield _other(boot, span)


def _boot_files(boot: Boot, configs: Sequence[EffectiveConfig], cmdlines: Iterable[str]) -> Iterator[_Candidate]:
    if boot.has_config and not boot.exists(boot.start):
        yield _Candidate(boot.files.label(boot.start), boot.start, "config", None, "There is no such file.")
    elif boot.exists(boot.start):
        # First of all, and also where it could not be evaluated.
        yield _config(boot, boot.start)
    for config in configs:
        for document in config.run.documents:
            if boot.name_of(document):
                yield _config(boot, boot.name_of(document))
    for name in beside(boot):
        if boot.document(name) is not None:
            yield _config(boot, name)
    for name in cmdlines:
        if boot.source(name) is not None:
            source = boot.source(name)
            yield _Candidate(boot.files.label(name), name, "cmdline", source)
    if boot.bootconf and boot.document(boot.bootconf) is not None:
        yield _config(boot, boot.bootconf)


def _config(boot: Boot, name: str) -> _Candidate:
    source = boot.source(name)
    return _Candidate(boot.files.label(name) if source is None else source.path, name, "config", source)


def _other(boot: Optional[Boot], span: Span) -> _Candidate:
    """A file that a finding points to, if it is text; what is not gets no lines."""
    for folder in () if boot is None else (boot.files, boot.root):
        name = None if folder is None else _name_in(folder, span.path)
        if folder is None or name is None:
            continue
        if not span.line:
            # The finding is about the file, and not about what is written in it.
            return _Candidate(span.path, name, "other", None)
        try:
            data = folder.read(name)
        except Unreadable as error:
            return _Candidate(span.path, name, "other", None, "It cannot be read: {}.".format(error.reason))
        if data is None:
            continue
        if len(data) <= MOST_BYTES and b"\0" not in data:
            return _Candidate(span.path, name, "other", Source(span.path, data))
        return _Candidate(span.path, name, "other", None)
    return _Candidate(span.path, span.path, "other", None)


def _name_in(folder: Folder, path: str) -> Optional[str]:
    """The name in a folder of what people know by that path; None where it is not in there."""
    name = path
    if folder.path not in ("", "."):
        start = folder.path.rstrip("/") + "/"
        if not path.startswith(start):
            return None
        name = path[len(start) :]
    name = name.strip("/")
    return name if name and folder.label(name) == path else None


def _cut(one: _Candidate, named: Set[int]) -> List[Line]:
    """The lines to show: the first :data:`MOST_LINES` of a boot file, and those around the ones in ``named``."""
    lines = one.source.lines if one.source is not None else []
    most = MOST_LINES if one.kind != "other" else 0
    wanted = set(range(1, min(len(lines), most) + 1))
    if most < len(lines):
        for number in named:
            wanted.update(range(max(1, number - _AROUND), min(len(lines), number + _AROUND) + 1))
    return [lines[number - 1] for number in sorted(wanted)]
