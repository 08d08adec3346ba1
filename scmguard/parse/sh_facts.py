"""What rules ask of a shell script's tree: its commands in the order of the text, each with what stands around it.

Sources: POSIX.1-2017, XCU 2.8.2 (exit status), 2.9 (commands), 2.14 ``set`` (where ``-e`` does not act), 2.6.3.
"""

from typing import Dict, Iterator, List, Optional, Set, Tuple

from scmguard.parse.sh_model import Assignment, Case, Command, Context, Facts, Function, Loop, Redirection, Word
from scmguard.parse.sh_quoting import unquoted
from scmguard.parse.sh_words import Node
from scmguard.tree import Token, Tree

_BESIDE = frozenset(["BLANK", "COMMENT"])
_ASIDE = frozenset(["here_document", "redirection", "word", "assignment"])
_KINDS = frozenset(
    ["list", "and_or", "pipeline", "negation", "if_clause", "elif_part", "while_clause", "until_clause", "for_clause"]
    + ["subshell", "substitution", "backquoted", "case_item", "else_part"]
)


class _Shell:
    """The options of a shell under way; a subshell begins with a copy."""

    __slots__ = ("errexit", "ended")

    def __init__(self, errexit: bool, ended: bool = False) -> None:
        self.errexit = errexit
        self.ended = ended


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
        # Functions behind which set -e is in force.
        self._stopping: Set[str] = set()
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
        if kind in ("subshell", "pipeline"):
            context = _ending(context, shell)
        if kind in ("substitution", "backquoted", "subshell"):
            shell = _Shell(shell.errexit, shell.ended)
        if kind == "simple_command":
            context = self._simple(tree, context, shell)
        elif kind == "function":
            name = next(child for child in tree.children if child.kind == "FUNCTION_NAME")
            text = _raw(name).replace("\\\n", "")
            self._functions.append(Function(text, tree, _start(name)))
            context, shell = Context(function=text), _Shell(shell.errexit)
        elif kind == "case_clause":
            self._case(tree)
        elif kind == "for_clause":
            context = context._replace(loops=(*context.loops, _loop(tree)))
        for child, around in _parts(tree, context):
            # Each command of a pipeline, or in the background, has a shell of its own.
            own = kind == "pipeline" or around.background and not context.background
            behind.append((child, around, _Shell(shell.errexit, shell.ended) if own else shell))

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
        around = context._replace(errexit=shell.errexit, unreached=shell.ended)
        command = Command(tuple(words), assignments, tuple(redirections), around, _start(first))
        self._commands.append(command)
        stops = command.name in self._stopping or command.name == "set" and errexit_after(command.arguments, False)
        if stops and context.function:
            self._stopping.add(context.function)
        if command.name == "set":
            # One that may not run takes nothing back.
            kept = shell.errexit and context.conditional
            shell.errexit = errexit_after(command.arguments, shell.errexit) or kept
        elif stops:
            shell.errexit = True
        elif command.name in ("exit", "exec") and len(words) > (command.name == "exec") and not context.conditional:
            shell.ended = True
        # Where assignments stand alone, the status is that of the last substitution.
        if assignments and not words:
            return _ending(context, shell)
        return context._replace(tested=False, last=False, behind=None)

    def _case(self, tree: Tree) -> None:
        subject = next(child for child in tree.children if child.kind in ("WORD", "word"))
        items, places = [], []
        for child in tree.children:
            if isinstance(child, Tree) and child.kind == "case_item":
                items.append(tuple(_word(part) for part in child.children if part.kind in ("WORD", "word")))
                places.append((_start(child), max(token.end for token in tokens(child))))
        self._cases.append(Case(_word(subject), tuple(items), _start(tree), tuple(places)))


def _ending(context: Context, shell: _Shell) -> Context:
    """The context of a shell of its own: where its failure ends the script, its status is the script's."""
    return context._replace(last=True) if shell.errexit and not context.condition else context


def _parts(tree: Tree, context: Context) -> Iterator[Tuple[Node, Context]]:
    """The children of a tree, each with its context."""
    kind = tree.kind
    children = [child for child in tree.children if child.kind not in _BESIDE]
    inner = [number for number, child in enumerate(children) if isinstance(child, Tree) and child.kind not in _ASIDE]
    final = inner[-1] if inner else -1
    following = dict(zip(inner, inner[1:]))
    last_or = max((number for number, child in enumerate(children) if child.kind == "OR_IF"), default=-1)
    lost = context._replace(tested=False, last=False)
    condition = context._replace(tested=True, condition=True, last=False, dropped=False)
    branch = context._replace(conditional=True)
    for number, child in enumerate(children):
        around = context
        if child.kind in _ASIDE or kind not in _KINDS:
            around = lost if child.kind == "here_document" else context
        elif kind == "list":
            around = context
            if number in following:
                around = lost._replace(behind=_start(children[following[number]]))
            if number + 1 < len(children) and children[number + 1].kind == "AMP":
                around = lost._replace(background=True, dropped=True, behind=None)
        elif kind == "and_or":
            around = context if number == final else condition
            if number != final and number > last_or:
                # The others are passed over where it fails, and the status of the list is its own.
                around = around._replace(last=context.last, dropped=not (context.tested or context.last))
            if number != inner[0]:
                around = around._replace(conditional=True)
        elif kind == "pipeline":
            around = (context if number == final else lost._replace(dropped=True, behind=None))._replace(pipeline=True)
        elif kind == "negation":
            around = condition
        elif kind in ("if_clause", "elif_part"):
            around = condition if number == inner[0] and child.kind == "list" else branch
        elif kind in ("while_clause", "until_clause"):
            around = condition if number == inner[0] else lost._replace(conditional=True)
        elif kind == "for_clause":
            words = context.loops[-1].words
            sure = words is not None and any(word.literal is not None for word in words)
            # The last turn's status is that of the loop; where there are several, that of the others is lost.
            once = words is not None and len(words) == 1 and sure
            around = context if once else lost if sure else lost._replace(conditional=True)
        elif kind == "subshell":
            around = context._replace(subshell=True)
        elif kind in ("substitution", "backquoted"):
            # dash does not pass on to it that it is in a condition.
            around = context._replace(substitution=True, condition=False)
        elif kind in ("case_item", "else_part"):
            around = branch
        yield child, around


def _loop(tree: Tree) -> Loop:
    """The head of a ``for``."""
    children = [child for child in tree.children if child.kind not in _BESIDE]
    name = next(child for child in children if child.kind == "NAME")
    if not any(child.kind == "IN" for child in children):
        return Loop(_raw(name).replace("\\\n", ""), None)
    return Loop(
        _raw(name).replace("\\\n", ""), tuple(_word(child) for child in children if child.kind in ("WORD", "word"))
    )


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
