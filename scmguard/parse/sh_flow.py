"""The order in which a shell script may run its commands: branches that exclude each other, exits, functions' calls.

What is carried along is a set of whatever the caller collects: where ways meet, the sets are united. Loops are run
once; a condition may be true or false; every command may fail or not.

Sources: POSIX.1-2017, XCU 2.9.3 (lists), 2.9.4 (compound commands), 2.9.5 (functions), 2.14 (``exit``, ``return``).
"""

from typing import Callable, Dict, FrozenSet, Generic, List, Optional, Set, TypeVar

from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_model import Command
from scmguard.parse.sh_words import Node
from scmguard.tree import Token, Tree

T = TypeVar("T")

# How deep commands may be in others (functions that call functions among them), and how many are looked at: far above
# scripts that somebody wrote. One in which each function calls the next one twice has no end otherwise.
_DEPTH = 120
_MOST_STEPS = 20_000
_BESIDE = frozenset(["BLANK", "COMMENT"])
# Shells of their own: what exits there ends nothing else.
_SHELLS = frozenset(["subshell", "substitution", "backquoted"])


class Flow(Generic[T]):
    """A run through a script. ``step`` gets each command with the set that came to it, and gives the set behind it.

    Functions of the script are followed; all other commands are the step's.
    """

    def __init__(self, script: Script, step: Callable[[Command, FrozenSet[T]], FrozenSet[T]]) -> None:
        self._script = script
        self._step = step
        self._commands: Dict[int, Command] = {command.start: command for command in script.commands}
        self._functions: Dict[str, Tree] = {function.name: function.tree for function in script.functions}
        self._active: List[str] = []
        self._depth = 0
        self._steps = 0
        # Where `exit` and `return` lead to: the sets that arrive there.
        self._exits: List[Set[T]] = []
        self._returns: List[Set[T]] = []

    def run(self, state: FrozenSet[T]) -> FrozenSet[T]:
        """All that may have been collected when the script has ended, wherever it ended."""
        if self._script.tree is None:
            return state
        return self._shell(self._script.tree, state)

    def _shell(self, tree: Tree, state: FrozenSet[T]) -> FrozenSet[T]:
        self._exits.append(set())
        self._returns.append(set())
        end = self._all(tree, state)
        left = self._exits.pop() | self._returns.pop()
        return frozenset(left) | (end or frozenset())

    def _all(self, tree: Tree, state: Optional[FrozenSet[T]]) -> Optional[FrozenSet[T]]:
        """The children one after the other."""
        for child in tree.children:
            state = self._walk(child, state)
        return state

    def _walk(self, node: Node, state: Optional[FrozenSet[T]]) -> Optional[FrozenSet[T]]:
        """The set behind a part of the script; None where the script never comes to it, or does not leave it."""
        if state is None or isinstance(node, Token) or node.kind == "function" or self._depth == _DEPTH:
            return state
        self._depth += 1
        end = self._compound(node, state)
        self._depth -= 1
        return end

    def _compound(self, node: Tree, state: FrozenSet[T]) -> Optional[FrozenSet[T]]:
        kind = node.kind
        if kind == "simple_command":
            return self._simple(node, state)
        if kind in _SHELLS:
            return self._shell(node, state)
        if kind == "pipeline":
            for child in node.children:
                state = state if isinstance(child, Token) else self._shell(Tree("group", (child,)), state)
            return state
        if kind == "and_or":
            return self._and_or(node, state)
        if kind == "if_clause":
            return self._if(node, state)
        if kind == "case_clause":
            return self._case(node, state)
        if kind in ("for_clause", "while_clause", "until_clause"):
            return _either(self._all(node, state), state)
        return self._all(node, state)

    def _and_or(self, node: Tree, state: FrozenSet[T]) -> Optional[FrozenSet[T]]:
        parts = [child for child in node.children if isinstance(child, Tree)]
        now = self._walk(parts[0], state)
        for part in parts[1:]:
            now = _either(self._walk(part, now), now)
        return now

    def _if(self, node: Tree, state: FrozenSet[T]) -> Optional[FrozenSet[T]]:
        ends: Optional[FrozenSet[T]] = None
        tested: Optional[FrozenSet[T]] = state
        parts = [child for child in node.children if isinstance(child, Tree)]
        # `if` and `elif`: a condition and what it decides on.
        pairs = [(parts[0], parts[1])]
        for part in parts[2:]:
            inner = [child for child in part.children if isinstance(child, Tree)]
            if part.kind == "elif_part":
                pairs.append((inner[0], inner[1]))
        for condition, body in pairs:
            tested = self._walk(condition, tested)
            ends = _either(ends, self._walk(body, tested))
        last = parts[-1]
        return _either(ends, self._walk(last, tested) if last.kind == "else_part" else tested)

    def _case(self, node: Tree, state: FrozenSet[T]) -> Optional[FrozenSet[T]]:
        ends: Optional[FrozenSet[T]] = None
        all_taken = False
        for child in node.children:
            if isinstance(child, Tree) and child.kind == "case_item":
                ends = _either(ends, self._all(child, state))
                all_taken = all_taken or any(_raw(part) == "*" for part in child.children)
        return ends if all_taken else _either(ends, state)

    def _simple(self, node: Tree, state: FrozenSet[T]) -> Optional[FrozenSet[T]]:
        for inner in _shells_in(node):
            state = self._shell(inner, state)
        command = self._commands.get(_start(node))
        self._steps += 1
        if command is None or self._steps > _MOST_STEPS:
            return state
        name = command.name
        if name in self._functions:
            return self._call(name or "", state)
        if name == "exit" or (name == "exec" and len(command.words) > 1):
            state = self._step(command, state) if name == "exec" else state
            self._exits[-1] |= state
            return None
        if name == "return":
            self._returns[-1] |= state
            return None
        return self._step(command, state)

    def _call(self, name: str, state: FrozenSet[T]) -> Optional[FrozenSet[T]]:
        if name in self._active:
            return state
        self._active.append(name)
        self._returns.append(set())
        # A body may end in exits alone: then nothing comes back from it, unless something returns.
        body = self._functions[name]
        end = self._all(body, state)
        returned = frozenset(self._returns.pop())
        self._active.pop()
        if end is None and not returned and not _returns(body):
            return None
        return returned | (end or frozenset())


def _either(one: Optional[FrozenSet[T]], other: Optional[FrozenSet[T]]) -> Optional[FrozenSet[T]]:
    """What may have been collected where two ways meet; None for a way that leads nowhere."""
    if one is None or other is None:
        return other if one is None else one
    return one | other


def _shells_in(node: Tree) -> List[Tree]:
    """The substitutions in the words of a command, but not those inside them."""
    found: List[Tree] = []
    todo: List[Node] = [node]
    while todo:
        each = todo.pop()
        if isinstance(each, Tree):
            if each.kind in ("substitution", "backquoted"):
                found.append(each)
            else:
                todo.extend(reversed(each.children))
    return found


def _returns(tree: Tree) -> bool:
    return any(token.kind == "WORD" and token.text == "return" for token in tree.tokens())


def _raw(node: Node) -> str:
    return node.text if isinstance(node, Token) else node.text()


def _start(node: Tree) -> int:
    return next((token.start for token in node.tokens() if token.kind not in _BESIDE), -1)
