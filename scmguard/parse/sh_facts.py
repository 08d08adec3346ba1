"""What rules ask of a shell script's tree: its commands in the order of the text, each with what stands around it.

Sources: POSIX.1-2017, XCU 2.8.2 (exit status), 2.9 (commands), 2.14 ``set`` (where ``-e`` does not act), 2.6.3.
"""

from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.parse.sh_quoting import expands, has_pattern, unquoted
from scmguard.parse.sh_words import Node
from scmguard.tree import Token, Tree

_BESIDE = frozenset(["BLANK", "COMMENT"])
_ASIDE = frozenset(["here_document", "redirection", "word", "assignment"])
_KINDS = frozenset(
    ["list", "and_or", "pipeline", "negation", "if_clause", "elif_part", "while_clause", "until_clause", "for_clause"]
    + ["subshell", "substitution", "backquoted"]
)
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


class Context(NamedTuple):
    """What stands around a command.

    ``function`` is the function it is in. ``tested``: its status decides something (``if``, ``while``, ``&&``, ``||``,
    ``!``). ``condition``: it runs where ``set -e`` does not act. ``last``: its status is the script's or function's.
    ``errexit``: ``set -e`` was given before it, as the text goes.
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

    @property
    def failure_counts(self) -> bool:
        """Whether a failure of the command is noticed: tested, the result of all, or an end by ``set -e``."""
        return self.tested or self.last or self.errexit and not self.condition


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
    """A ``case``: its subject, and the patterns of each item."""

    subject: Word
    items: Tuple[Tuple[Word, ...], ...]
    start: int

    @property
    def answers_prereqs(self) -> bool:
        """Whether it is the one by which a hook tells its prerequisites (initramfs-tools(7))."""
        return self.subject.text in _FIRST_PARAMETER and any(
            pattern.literal == "prereqs" for item in self.items for pattern in item
        )


class Facts(NamedTuple):
    """What a script has, in the order of the text."""

    commands: Tuple[Command, ...]
    functions: Tuple[Function, ...]
    cases: Tuple[Case, ...]


class _Shell:
    """The options of a shell under way; a subshell begins with a copy."""

    __slots__ = ("errexit",)

    def __init__(self, errexit: bool) -> None:
        self.errexit = errexit


def tokens(node: Node) -> Iterator[Token]:
    """All tokens of a node in the order of the text, however deep."""
    todo: List[Node] = [node]
    while todo:
        node = todo.pop()
        if isinstance(node, Token):
            yield node
        else:
            todo.extend(reversed(node.children))


def collect(tree: Tree, rewritten: Dict[int, Tree], errexit: bool) -> Facts:
    """The facts of a script; ``rewritten`` has the trees of its BACKQUOTED tokens, ``errexit`` is what ``#!`` says."""
    return _Collector(rewritten).run(tree, errexit)


class _Collector:
    def __init__(self, rewritten: Dict[int, Tree]) -> None:
        self._rewritten = rewritten
        self._commands: List[Command] = []
        self._functions: List[Function] = []
        self._cases: List[Case] = []
        self._todo: List[Tuple[Node, Context, _Shell]] = []

    def run(self, tree: Tree, errexit: bool) -> Facts:
        self._todo.append((tree, Context(), _Shell(errexit)))
        while self._todo:
            node, context, shell = self._todo.pop()
            behind: List[Tuple[Node, Context, _Shell]] = []
            if isinstance(node, Token):
                inner = self._rewritten.get(node.start) if node.kind == "BACKQUOTED" else None
                if inner is not None:
                    behind.append((inner, context, shell))
            else:
                self._enter(node, context, shell, behind)
            self._todo.extend(reversed(behind))
        return Facts(tuple(self._commands), tuple(self._functions), tuple(self._cases))

    def _enter(self, tree: Tree, context: Context, shell: _Shell, behind: List[Tuple[Node, Context, _Shell]]) -> None:
        kind = tree.kind
        if kind in ("substitution", "backquoted", "subshell"):
            shell = _Shell(shell.errexit)
        if kind == "simple_command":
            context = self._simple(tree, context, shell)
        elif kind == "function":
            name = next(child for child in tree.children if child.kind == "FUNCTION_NAME")
            text = _raw(name).replace("\\\n", "")
            self._functions.append(Function(text, tree, _start(name)))
            context, shell = Context(function=text), _Shell(shell.errexit)
        elif kind == "case_clause":
            self._case(tree)
        for child, around in _parts(tree, context):
            # Each command of a pipeline has a shell of its own.
            behind.append((child, around, _Shell(shell.errexit) if kind == "pipeline" else shell))

    def _simple(self, tree: Tree, context: Context, shell: _Shell) -> Context:
        """Notes a simple command. Returns the context of substitutions in it."""
        words: List[Word] = []
        assigned: List[Node] = []
        redirections: List[Redirection] = []
        for child in tree.children:
            if child.kind in ("WORD", "word"):
                words.append(_word(child))
            elif child.kind in ("ASSIGNMENT", "assignment"):
                assigned.append(child)
            elif isinstance(child, Tree) and child.kind == "redirection":
                redirections.append(_redirection(child))
        assignments = tuple(_assignment(node, not words) for node in assigned)
        first = next(child for child in tree.children if child.kind not in _BESIDE)
        command = Command(
            tuple(words), assignments, tuple(redirections), context._replace(errexit=shell.errexit), _start(first)
        )
        self._commands.append(command)
        if command.name == "set":
            shell.errexit = errexit_after(command.arguments, shell.errexit)
        # Where assignments stand alone, the status is that of the last substitution.
        return context if assignments and not words else context._replace(tested=False, last=False)

    def _case(self, tree: Tree) -> None:
        subject = next(child for child in tree.children if child.kind in ("WORD", "word"))
        items = []
        for child in tree.children:
            if isinstance(child, Tree) and child.kind == "case_item":
                items.append(tuple(_word(part) for part in child.children if part.kind in ("WORD", "word")))
        self._cases.append(Case(_word(subject), tuple(items), _start(tree)))


def _parts(tree: Tree, context: Context) -> Iterator[Tuple[Node, Context]]:
    """The children of a tree, each with its context."""
    kind = tree.kind
    children = [child for child in tree.children if child.kind not in _BESIDE]
    inner = [number for number, child in enumerate(children) if isinstance(child, Tree) and child.kind not in _ASIDE]
    final = inner[-1] if inner else -1
    lost = context._replace(tested=False, last=False)
    condition = context._replace(tested=True, condition=True, last=False)
    for number, child in enumerate(children):
        around = context
        if child.kind in _ASIDE or kind not in _KINDS:
            around = lost if child.kind == "here_document" else context
        elif kind == "list":
            around = context if number == final else lost
            if number + 1 < len(children) and children[number + 1].kind == "AMP":
                around = lost._replace(background=True)
        elif kind == "and_or":
            around = context if number == final else condition
        elif kind == "pipeline":
            around = (context if number == final else lost)._replace(pipeline=True)
        elif kind == "negation":
            around = condition
        elif kind in ("if_clause", "elif_part"):
            around = condition if number == inner[0] and child.kind == "list" else context
        elif kind in ("while_clause", "until_clause"):
            around = condition if number == inner[0] else lost
        elif kind == "for_clause":
            around = lost
        elif kind == "subshell":
            around = context._replace(subshell=True)
        elif kind in ("substitution", "backquoted"):
            around = context._replace(substitution=True)
        yield child, around


def errexit_after(arguments: Tuple[Optional[str], ...], errexit: bool) -> bool:
    """Whether ``set -e`` is in force behind ``set`` with these arguments."""
    names = iter(arguments)
    for argument in names:
        if not argument or argument == "--" or argument[0] not in "-+":
            break
        on = argument[0] == "-"
        if "e" in argument[1:]:
            errexit = on
        if "o" in argument and next(names, None) == "errexit":
            errexit = on
    return errexit


def _raw(node: Node) -> str:
    return node.text if isinstance(node, Token) else "".join(token.text for token in tokens(node))


def _start(node: Node) -> int:
    return next(token for token in tokens(node) if token.kind not in _BESIDE).start


def _word(node: Node) -> Word:
    raw = _raw(node)
    return Word(raw, unquoted(raw), _start(node))


def _assignment(node: Node, alone: bool) -> Assignment:
    raw = _raw(node)
    name, _, value = raw.partition("=")
    start = _start(node)
    return Assignment(name.replace("\\\n", ""), Word(value, unquoted(value), start + len(name) + 1), start, alone)


def _redirection(tree: Tree) -> Redirection:
    parts = [child for child in tree.children if child.kind not in _BESIDE]
    descriptor = int(_raw(parts[0]).replace("\\\n", "")) if parts[0].kind == "IO_NUMBER" else None
    return Redirection(descriptor, _raw(parts[-2]).replace("\\\n", ""), _word(parts[-1]))
