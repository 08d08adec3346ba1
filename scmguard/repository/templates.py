"""Templates of boot files: which of their lines are known, which may be there, and what may be filled in.

Understood are what is filled in (``{{ x }}``, ``@VAR@``, ``${VAR}``, ``$VAR``, ``%VAR%``, ``__VAR__``, ``<%= x %>``,
and pi-gen's ROOTDEV, BOOTDEV and IMGID), and blocks of lines between tags: ``{% if %}`` and ``{% for %}`` of Jinja,
``{{ if }}``, ``{{ range }}`` and ``{{ with }}`` of Go, ``{{#x}}`` of Mustache. A value that is filled in is taken to
stay on its line; one that stands alone on its line may become any number of lines. Of a template whose tags do not fit
together nothing is known.
"""

import itertools
import re
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, Union

from scmguard.parse.config_txt import parse_line
from scmguard.text import BOM, Source, encode, printable, shortened

#: What stands for a value that is not known, in as many characters as what stands there. No file has it.
FILLER = "zq"

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
# All combinations of so many blocks are tried; of more, each by itself.
_FEW_BLOCKS = 5
_OPENING = frozenset(["if", "for", "range", "with", "#", "^"])
_HIDDEN = frozenset(["macro", "define"])
_CLOSING = frozenset(["endif", "endfor", "end", "/", "endmacro"])
_BRANCHES = frozenset(["else", "elif", "elseif"])
# Tags that make no text and hold none.
_NOTHING = frozenset(["set", "import", "from", "do", "autoescape", "endautoescape", "block", "endblock"])


class Hole(NamedTuple):
    """A place in a line that is filled in: offsets of its characters (from 0; the end is exclusive)."""

    start: int
    end: int


class TLine(NamedTuple):
    """A line of a template: its number, text, ending, and its holes.

    ``free`` says that it may become any lines at all; ``why`` is what is not known of it, in words for people.
    """

    number: int
    text: str
    ending: str
    holes: Tuple[Hole, ...] = ()
    free: bool = False
    why: str = ""

    @property
    def is_comment(self) -> bool:
        """Whether it is a comment whatever is filled in."""
        return self.text.lstrip(" \t").startswith("#")

    def filled(self, value: str) -> str:
        """The line with that text in its holes."""
        pieces, at = [], 0
        for hole in self.holes:
            pieces += [self.text[at : hole.start], value]
            at = hole.end
        return "".join(pieces) + self.text[at:]

    @property
    def said(self) -> str:
        """What is not known of it, with its text, for people."""
        text = shortened(printable(self.text.strip()), 80)
        return self.why if text in self.why else "{}: {}".format(text, self.why)

    @property
    def neutral(self) -> str:
        """The line with fillers that are as long as what they stand for."""
        text = list(self.text)
        for start, end in self.holes:
            text[start:end] = (FILLER * (end - start))[: end - start]
        return "".join(text)


class Block(NamedTuple):
    """Lines of which one branch is there, or none (``optional``). A block has a number in its template.

    ``first`` and ``last`` are the lines of its tags, ``tag`` is the text of the first.
    """

    number: int
    branches: Tuple[Tuple["Node", ...], ...]
    optional: bool
    first: int
    last: int
    tag: str


Node = Union[TLine, Block]  # type: ignore[misc,unused-ignore]


class Rendering(NamedTuple):
    """A file that a template may become; ``lines`` are the template's lines of its lines."""

    data: bytes
    lines: Tuple[int, ...]


class Choices(NamedTuple):
    """How a template is filled in: the branch of each block by its number (-1: none), other text by line number."""

    branches: Mapping[int, int] = {}
    texts: Mapping[int, str] = {}


class Template:
    """A file with parts that are not known. ``broken`` says why nothing is known of it."""

    def __init__(self, source: Source, nodes: Sequence[Node], broken: str = "") -> None:
        self.source = source
        self.nodes = tuple(nodes)
        self.broken = broken
        self.blocks: List[Block] = []
        self.lines: Dict[int, TLine] = {}
        #: The branches that have to be chosen for a block, or a line, to be there.
        self.way_to_block: Dict[int, Mapping[int, int]] = {}
        self.way_to_line: Dict[int, Mapping[int, int]] = {}
        #: The lines that stand under headers that are not known: filled in, there or not, or in any lines.
        self.unsure: Set[int] = set()
        self._walk(self.nodes, {})
        self._mark(self.nodes, True)

    def _walk(self, nodes: Sequence[Node], way: Mapping[int, int]) -> None:
        for node in nodes:
            if isinstance(node, Block):
                self.blocks.append(node)
                self.way_to_block[node.number] = way
                for number, branch in enumerate(node.branches):
                    self._walk(branch, {**way, node.number: number})
            else:
                self.lines[node.number] = node
                self.way_to_line[node.number] = way

    def _mark(self, nodes: Sequence[Node], sure: bool) -> Tuple[bool, bool]:
        """Puts lines into ``unsure``; whether it is sure what holds behind them, and whether a header is among them."""
        headers = False
        for node in nodes:
            if isinstance(node, Block):
                inner = [self._mark(branch, sure) for branch in node.branches]
                if any(header for _, header in inner):
                    sure, headers = False, True
                continue
            is_header = node.text.lstrip(" \t").startswith("[")
            if node.free or is_header and node.holes:
                sure, headers = False, True
            elif is_header:
                headers = True
                sure = sure or node.text.strip() == "[all]"
            if not sure:
                self.unsure.add(node.number)
        return sure, headers

    def unknown(self) -> Iterator[TLine]:
        """The lines of which something is not known, in order; comments are known well enough."""
        for number in sorted(self.lines):
            if self.lines[number].why:
                yield self.lines[number]

    @property
    def least(self) -> Choices:
        """The choices with which as few lines as possible are there."""
        return Choices({block.number: -1 if block.optional else len(block.branches) - 1 for block in self.blocks})

    def combinations(self) -> Iterator[Choices]:
        """Choices of branches: all combinations of a few blocks; of more, each block by itself, others there or not."""
        ways = [range(-1 if block.optional else 0, len(block.branches)) for block in self.blocks]
        if len(ways) <= _FEW_BLOCKS:
            for chosen in itertools.product(*ways) if ways else ():
                yield Choices({block.number: branch for block, branch in zip(self.blocks, chosen)})
            return
        least = self.least.branches
        for block, branches in zip(self.blocks, ways):
            for branch in branches:
                way = self.way_to_block[block.number]
                yield Choices({**way, block.number: branch})
                yield Choices({**least, **way, block.number: branch})

    def render(self, choices: Choices, numbered: bool = False) -> Rendering:
        """The file with these choices. ``numbered``: what is not there leaves an empty line, so that numbers hold."""
        shown: Dict[int, Tuple[str, str]] = {}
        self._show(self.nodes, choices, shown)
        pieces: List[str] = []
        numbers: List[int] = []
        for line in self.source.lines:
            if line.number not in shown and not numbered:
                continue
            text, ending = shown.get(line.number, ("", line.ending))
            many = text.split("\n")
            pieces += [each + (ending or "\n" if number < len(many) else ending) for number, each in enumerate(many, 1)]
            numbers += [line.number] * len(many)
        return Rendering((BOM if self.source.bom else b"") + encode("".join(pieces)), tuple(numbers))

    def _show(self, nodes: Sequence[Node], choices: Choices, shown: Dict[int, Tuple[str, str]]) -> None:
        for node in nodes:
            if isinstance(node, Block):
                branch = choices.branches.get(node.number, 0)
                if 0 <= branch < len(node.branches):
                    self._show(node.branches[branch], choices, shown)
            else:
                usual = "" if node.free else node.text if node.is_comment else node.neutral
                shown[node.number] = choices.texts.get(node.number, usual), node.ending


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
                block = Block(self._count, branches, not opened.complete, opened.first, number, opened.tag)
                stack[-1].branches[-1].append(block)
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
