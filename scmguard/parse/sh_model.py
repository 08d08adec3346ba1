"""What rules see of a shell script: words, commands with what stands around them, functions, cases.

Sources: POSIX.1-2017, XCU 2.8.2 (exit status), 2.14 ``set`` (where ``-e`` does not act).
"""

from typing import NamedTuple, Optional, Tuple

from scmguard.parse.sh_quoting import expands, has_pattern
from scmguard.tree import Tree

_FIRST_PARAMETER = frozenset(["$1", "${1}", "${1-}", "${1:-}"])


class Word(NamedTuple):
    """A word as written (``raw``), and without its quotes (``text``; what would be expanded stands as written)."""

    raw: str
    text: str
    start: int

    @property
    def literal(self) -> Optional[str]:
        """What the word is when the script runs; None where that depends on an expansion or on files' names."""
        return None if expands(self.raw) or has_pattern(self.raw) else self.text


class Assignment(NamedTuple):
    """``name=value``; ``alone`` where no command follows it, so that it sets a variable of the shell."""

    name: str
    value: Word
    start: int
    alone: bool


class Redirection(NamedTuple):
    """``2>file``: descriptor (None where none is written), operator, and the word behind it."""

    descriptor: Optional[int]
    operator: str
    target: Word


class Loop(NamedTuple):
    """A ``for``: its variable, and the words that it takes; None where it takes the parameters."""

    name: str
    words: Optional[Tuple[Word, ...]]


class Context(NamedTuple):
    """What stands around a command.

    ``function`` is the function it is in. ``tested``: its status decides something (``if``, ``while``, ``&&``, ``||``,
    ``!``). ``condition``: it runs where ``set -e`` does not act. ``last``: its status is the script's or function's.
    ``errexit``: ``set -e`` was given before it, as the text goes. ``conditional``: whether it runs at all depends on
    something else in the script or function. ``loops`` are those it is in, the outer ones first. ``unreached``: the
    script ends before it. ``dropped``: nobody gets its status, whatever ``set -e`` says: it stands before ``|`` or
    ``&``, or before ``&&`` in a list whose own status is lost. ``behind`` is where (offset) what finds its status in
    ``$?`` stands, where the script goes on behind it; None where that is not in this script or function.
    """

    function: Optional[str] = None
    tested: bool = False
    condition: bool = False
    last: bool = True
    subshell: bool = False
    pipeline: bool = False
    substitution: bool = False
    background: bool = False
    errexit: bool = False
    conditional: bool = False
    loops: Tuple[Loop, ...] = ()
    unreached: bool = False
    dropped: bool = False
    behind: Optional[int] = None

    @property
    def always_runs(self) -> bool:
        """Whether it runs whenever the script (or the function it is in) does."""
        return not (self.conditional or self.unreached)

    @property
    def failure_counts(self) -> bool:
        """Whether a failure of the command is noticed: tested, the result of all, or an end by ``set -e``."""
        return not self.dropped and (self.tested or self.last or self.errexit and not self.condition)


class Command(NamedTuple):
    """A simple command. ``words`` begins with its name; empty where there are but assignments or redirections."""

    words: Tuple[Word, ...]
    assignments: Tuple[Assignment, ...]
    redirections: Tuple[Redirection, ...]
    context: Context
    start: int

    @property
    def name(self) -> Optional[str]:
        """The command's name, None where it is not known before the script runs."""
        return self.words[0].literal if self.words else None

    @property
    def arguments(self) -> Tuple[Optional[str], ...]:
        """The arguments, None for each that is not known before the script runs."""
        return tuple(word.literal for word in self.words[1:])


class Function(NamedTuple):
    """A function's definition."""

    name: str
    tree: Tree
    start: int


class Case(NamedTuple):
    """A ``case``: its subject, the patterns of each item, and from where to where (offsets) each item stands."""

    subject: Word
    items: Tuple[Tuple[Word, ...], ...]
    start: int
    places: Tuple[Tuple[int, int], ...] = ()

    @property
    def answer(self) -> Optional[Tuple[int, int]]:
        """Where the item stands by which a hook tells its prerequisites (initramfs-tools(7)); None without one."""
        if self.subject.text in _FIRST_PARAMETER:
            for patterns, place in zip(self.items, self.places):
                if any(pattern.literal == "prereqs" for pattern in patterns):
                    return place
        return None


class Facts(NamedTuple):
    """What a script has, in the order of the text."""

    commands: Tuple[Command, ...]
    functions: Tuple[Function, ...]
    cases: Tuple[Case, ...]
