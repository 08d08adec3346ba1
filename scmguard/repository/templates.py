"""Templates of boot files as values: which of their lines are known, which may be there, and what may be filled in.

:mod:`scmguard.repository.templateparser` makes them.
"""

import itertools
from typing import Dict, Iterator, List, Mapping, NamedTuple, Sequence, Set, Tuple, Union

from scmguard.text import Source, printable, shortened

#: What stands for a value that is not known, in as many characters as what stands there. No file has it.
FILLER = "zq"

# All combinations of so many blocks are tried; of more, each by itself.
_FEW_BLOCKS = 5


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

    ``first`` and ``last`` are the lines of its tags, ``tag`` is the text of the first. What ``repeats`` may be there
    several times.
    """

    number: int
    branches: Tuple[Tuple["Node", ...], ...]
    optional: bool
    first: int
    last: int
    tag: str
    repeats: bool = False


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
                    for branch in node.branches if node.repeats else ():
                        self._mark(branch, False)
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
        return Rendering(self.source.encoded("".join(pieces)), tuple(numbers))

    def _show(self, nodes: Sequence[Node], choices: Choices, shown: Dict[int, Tuple[str, str]]) -> None:
        for node in nodes:
            if isinstance(node, Block):
                branch = choices.branches.get(node.number, 0)
                if 0 <= branch < len(node.branches):
                    self._show(node.branches[branch], choices, shown)
            else:
                usual = "" if node.free else node.text if node.is_comment else node.neutral
                shown[node.number] = choices.texts.get(node.number, usual), node.ending
