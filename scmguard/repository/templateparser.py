"""From the bytes of a boot file to a template: what is filled in, and which lines may be there or not.

Understood are what is filled in (``{{ x }}``, ``@VAR@``, ``${VAR}``, ``$VAR``, ``%VAR%``, ``__VAR__``, ``<%= x %>``,
and pi-gen's ROOTDEV, BOOTDEV and IMGID), and blocks of lines between tags: ``{% if %}`` and ``{% for %}`` of Jinja,
``{{ if }}``, ``{{ range }}`` and ``{{ with }}`` of Go, ``{{#x}}`` of Mustache. A value that is filled in is taken to
stay on its line; one that stands alone on its line may become any number of lines. Of a template whose tags do not fit
together nothing is known.
"""

import re
from typing import List, NamedTuple, Optional, Sequence, Tuple

from scmguard.parse.config_txt import parse_line
from scmguard.repository.templates import Block, Hole, Node, Template, TLine
from scmguard.text import Source, encode

_HOLE = re.compile(
    r"\{\{.*?\}\}|@[A-Za-z_][\w.-]*@|\$\{[^}]*\}|\$\([^)]*\)|\$[A-Z_][A-Z0-9_]+|<%.*?%>|%[A-Z][A-Z0-9_]{2,}%"
    r"|__[A-Z][A-Z0-9_]*__"
)
# Of the command line: pi-gen's marks; and beside one of them others of that form (FILE_SYSTEM_TYPE).
_MARK = re.compile(r"(?<![\w./-])(?:ROOTDEV|BOOTDEV|IMGID|ROOT_?UUID)(?![\w./])")
_MARK_LIKE = re.compile(r"(?<![\w./-])(?:ROOTDEV|BOOTDEV|IMGID|ROOT_?UUID|[A-Z]+(?:_[A-Z0-9]+)+)(?![\w./])")
_JINJA = re.compile(r"\{%[-+]?\s*(\w+).*?%\}")
_GO = re.compile(r"\{\{-?\s*(if|range|with|else|end|define|block)\b.*?\}\}")
_MUSTACHE = re.compile(r"\{\{([#^/])\s*[\w.]+\s*\}\}")
_COMMENT = re.compile(r"\{#.*?#\}|\{\{!.*?\}\}|\{\{-?\s*/\*.*?\*/\s*-?\}\}", re.DOTALL)
_OPENING = frozenset(["if", "for", "range", "with", "#", "^"])
_HIDDEN = frozenset(["macro", "define"])
_CLOSING = frozenset(["endif", "endfor", "end", "/", "endmacro"])
_BRANCHES = frozenset(["else", "elif", "elseif"])
# Tags that make no text and hold none.
_NOTHING = frozenset(["set", "import", "from", "do", "autoescape", "endautoescape", "block", "endblock"])


class _Unfit(Exception):
    """Tags that do not fit together: why."""


def template(path: str, data: bytes, is_cmdline: bool = False) -> Optional[Template]:
    """A file as a template; None for one that is known as it is."""
    source = Source(path, data)
    text = source.text
    marked = is_cmdline and _MARK.search(text) is not None
    if not (marked or _HOLE.search(text) or "{%" in text or "{#" in text):
        return None
    # A comment of the template makes no text; its lines are still counted.
    text = _COMMENT.sub(lambda match: re.sub(r"[^\r\n]", " ", match.group()), text)
    plain = Source(path, encode(text))
    parser = _Parser(is_cmdline, _MARK_LIKE if marked else None)
    try:
        nodes = parser.parse(plain)
    except _Unfit as error:
        lines = [
            TLine(line.number, line.text, line.ending, (), True, "the template is not understood")
            for line in source.lines
        ]
        return Template(source, lines, str(error))
    found = Template(source, nodes)
    return found if found.blocks or any(found.unknown()) else None


class _Open(NamedTuple):
    """A block that is not closed yet; ``complete``: one of its branches is there in any case."""

    word: str
    branches: List[List[Node]]
    complete: bool
    first: int
    tag: str


class _Parser:
    def __init__(self, is_cmdline: bool, marks: "Optional[re.Pattern[str]]") -> None:
        self._is_cmdline = is_cmdline
        self._marks = marks
        self._count = 0

    def parse(self, source: Source) -> List[Node]:
        """The nodes of a file. Raises _Unfit."""
        stack: List[_Open] = [_Open("", [[]], False, 0, "")]
        for line in source.lines:
            words = _tags(line.text)
            alone = words is not None and not words[1].strip()
            if words is None:
                stack[-1].branches[-1].append(self._line(line.number, line.text, line.ending))
                continue
            tags, _rest = words
            if not alone:
                if _balance(tags) != 0 or any(tag in _BRANCHES for tag in tags) and not _OPENING & set(tags):
                    raise _Unfit("line {}: a tag and other text on a line".format(line.number))
                stack[-1].branches[-1].append(self._line(line.number, line.text, line.ending))
                continue
            for tag in tags:
                self._tag(tag, line.number, line.text, line.ending, stack)
        if len(stack) > 1:
            raise _Unfit("a block is not closed")
        return stack[0].branches[0]

    def _tag(self, tag: str, number: int, text: str, ending: str, stack: "List[_Open]") -> None:
        if tag in _OPENING or tag in _HIDDEN:
            stack.append(_Open(tag, [[]], False, number, text.strip()))
        elif tag in _BRANCHES or tag in _CLOSING:
            opened = stack.pop()
            if not opened.word:
                raise _Unfit("line {}: {} without a block".format(number, tag))
            if tag in _BRANCHES:
                complete = tag == "else" and opened.word not in ("for", "range")
                stack.append(opened._replace(branches=[*opened.branches, []], complete=complete))
            elif opened.word not in _HIDDEN:
                self._count += 1
                branches = tuple(tuple(branch) for branch in opened.branches)
                repeats = opened.word in ("for", "range", "#")
                block = Block(self._count, branches, not opened.complete, opened.first, number, opened.tag, repeats)
                stack[-1].branches[-1].append(block)
        elif tag == "extends":
            raise _Unfit("line {}: it is a part of another template".format(number))
        elif tag not in _NOTHING:
            why = "{} may bring any lines".format(text.strip())
            stack[-1].branches[-1].append(TLine(number, text, ending, (), True, why))

    def _line(self, number: int, text: str, ending: str) -> TLine:
        holes = _holes(text, self._marks)
        if not holes:
            return TLine(number, text, ending)
        line = TLine(number, text, ending, tuple(holes))
        if line.is_comment:
            return line
        rest = line.filled("")
        if not rest.strip():
            if "| comment" in text or "|comment" in text:
                # Ansible's filter puts a # before each line.
                return TLine(number, "#" + text[1:] if text[:1] == "{" else text, ending)
            return line._replace(free=True, why="{} may become any lines".format(text.strip()))
        if not self._is_cmdline:
            statement = parse_line(line.neutral)
            if statement.key == "include":
                return line._replace(free=True, why="which file is included is not known")
            if statement.kind != "header" and holes[0].start < max(statement.value_start, 1):
                return line._replace(free=True, why="which setting it becomes is not known")
        return line._replace(why="what is filled in is not known")


def _holes(text: str, marks: "Optional[re.Pattern[str]]") -> List[Hole]:
    spans = [match.span() for match in _HOLE.finditer(text)]
    if marks is not None:
        spans += [match.span() for match in marks.finditer(text)]
    tags = list(_JINJA.finditer(text)) + list(_GO.finditer(text)) + list(_MUSTACHE.finditer(text))
    if tags:
        # From the first tag to the last: which of it is there is not known.
        spans.append((min(tag.start() for tag in tags), max(tag.end() for tag in tags)))
    joined: List[Tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return [Hole(start, end) for start, end in joined]


def _tags(text: str) -> Optional[Tuple[List[str], str]]:
    """The words of the tags in a line, and what else stands there; None for a line without."""
    found = sorted(
        (match.start(), match.end(), match.group(1))
        for pattern in (_JINJA, _GO, _MUSTACHE)
        for match in pattern.finditer(text)
    )
    if not found:
        if "{%" in text or "%}" in text:
            raise _Unfit("a tag goes over several lines")
        return None
    rest, at = [], 0
    for start, end, _word in found:
        rest.append(text[at:start])
        at = end
    return [word for _, _, word in found], "".join(rest) + text[at:]


def _balance(tags: Sequence[str]) -> int:
    return sum((tag in _OPENING) - (tag in _CLOSING) for tag in tags)
