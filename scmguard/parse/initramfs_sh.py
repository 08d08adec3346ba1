"""Scripts of initramfs-tools (hooks, boot scripts, keyscripts) as trees, and what rules ask of them.

mkinitramfs asks ``sh -n`` whether a hook is one and leaves out what is refused, so what counts is what dash takes.
Where dash and POSIX.1-2017 (XCU chapter 2) differ, this is dash 0.5.12; ``tests/test_sh_grammar.py`` compares.
"""

import re
from bisect import bisect_right
from functools import lru_cache
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

from scmguard.parse import grammar
from scmguard.parse.sh_facts import collect, tokens
from scmguard.parse.sh_lexer import parse
from scmguard.parse.sh_model import Assignment, Case, Command, Facts, Function
from scmguard.parse.sh_quoting import Refused
from scmguard.parse.sh_words import Node
from scmguard.text import Source, Span
from scmguard.tree import Tree

# How many symbols may be open at a place; an `if` in an `if` has some seven.
_BUDGET = 400
_SHEBANG = re.compile(r"#![ \t]*(\S+)[ \t]*([^\n]*?)[ \t]*(?:\n|\Z)")


class Refusal(NamedTuple):
    """Why dash would refuse a script: where, and what it would have taken there, in words.

    ``start`` is an offset in the script's text; ``line`` and ``column`` count from 1.
    """

    start: int
    line: int
    column: int
    expected: str


class Script:
    """A shell script. ``tree`` is None where it is refused, and ``refusal`` tells why.

    A script with a NUL character is refused: dash drops it, other shells stop there.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        #: The text as dash sees it: a byte order mark belongs to the first word.
        self.text = "\ufeff" + source.text if source.bom else source.text
        self.tree: Optional[Tree] = None
        self.refusal: Optional[Refusal] = None
        self._starts: Optional[List[int]] = None
        self._facts: Optional[Facts] = None
        #: Trees of backquotes with escapes in them, by the offset of their BACKQUOTED token.
        self.rewritten: Dict[int, Tree] = {}
        nul = self.text.find("\0")
        try:
            if nul >= 0:
                raise Refused(nul, "a text file, without NUL characters")
            self.tree, self.rewritten = parse(self.text, grammar("initramfs_sh"), _BUDGET)
        except Refused as refused:
            start = min(refused.start, len(self.text))
            self.refusal = Refusal(start, *self.position(start), refused.expected)

    def printed(self) -> str:
        """The text printed from the tree; equal to ``text``. Empty where the script is refused."""
        return "".join(token.text for token in tokens(self.tree)) if self.tree else ""

    def position(self, offset: int) -> Tuple[int, int]:
        """Line and column (from 1) of an offset in the text. Lines end as in :class:`scmguard.text.Source`."""
        if self._starts is None:
            self._starts, total = [0], int(self.source.bom)
            for line in self.source.lines:
                total += len(line.text) + len(line.ending)
                if line.ending:
                    self._starts.append(total)
        number = max(bisect_right(self._starts, offset), 1)
        first = self._starts[number - 1] if number > 1 else int(self.source.bom)
        return number, max(offset - first, 0) + 1

    def line(self, found: Union[Command, Function, Case, Assignment]) -> int:
        """The line (from 1) where something found in the script begins."""
        return self.position(found.start)[0]

    def place(self, command: Command) -> Span:
        """The place of a command, from its name to its last word, or to the end of the line where it begins."""
        line, column = self.position(command.start)
        last = command.words[-1] if command.words else None
        end_line, end = (line, column) if last is None else self.position(last.start + len(last.raw))
        if end_line != line:
            end = len(self.source.line_text(line)) + 1
        return Span(self.source.path, line, column, line, end)

    def span(self, node: Node) -> Span:
        """The place of a node, without blanks and comments in front of it."""
        leaves = [token for token in tokens(node) if token.kind not in ("BLANK", "COMMENT")]
        if not leaves:
            return Span(self.source.path)
        end = max(token.end for token in leaves)
        line, column = self.position(end - 1)
        return Span(self.source.path, *self.position(leaves[0].start), line, column + 1)

    @property
    def interpreter(self) -> Optional[Tuple[str, str]]:
        """Program and argument (the kernel passes all of it as one) of the line ``#!``."""
        match = _SHEBANG.match(self.text)
        return (match.group(1), match.group(2)) if match else None

    @property
    def facts(self) -> Facts:
        """Commands, functions and ``case`` in the order of the text; nothing where the script is refused."""
        if self._facts is None:
            argument = (self.interpreter or ("", ""))[1]
            errexit = argument.startswith("-") and "e" in argument.split("o")[0]
            self._facts = collect(self.tree, self.rewritten, errexit) if self.tree else Facts((), (), ())
        return self._facts

    @property
    def commands(self) -> Tuple[Command, ...]:
        """The simple commands, also those in functions and substitutions."""
        return self.facts.commands

    @property
    def functions(self) -> Tuple[Function, ...]:
        """The functions defined."""
        return self.facts.functions

    @property
    def answer(self) -> Optional[Tuple[int, int]]:
        """From where to where (offsets) the item of ``case $1 in prereqs)`` stands, as initramfs-tools(7) wants it."""
        return next((case.answer for case in self.facts.cases if case.answer is not None), None)

    def assigned(self, name: str) -> Tuple[Assignment, ...]:
        """The assignments to a variable (``PREREQ``), in order; not those for one command alone (``x=1 command``)."""
        return tuple(
            assignment
            for command in self.commands
            for assignment in command.assignments
            if assignment.name == name and assignment.alone
        )


@lru_cache(maxsize=256)
def read_script(path: str, data: bytes) -> Script:
    """The script of a file; equal files are read once."""
    return Script(Source(path, data))
