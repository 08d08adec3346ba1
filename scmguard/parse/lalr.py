"""The machine that runs parse tables: text in, lossless tree out.

It does what lark's LALR parser with its contextual lexer does with ``keep_all_tokens`` (a test holds the two against
each other), without importing lark. Rules whose name starts with an underscore are inlined, as in lark.
"""

import re
from typing import Any, Dict, List, Match, Optional, Sequence, Tuple, Union

from scmguard.tree import Token, Tree

_END = "$END"
_new = tuple.__new__  # what a NamedTuple's own constructor calls, without its detour


class Grammar:
    """A grammar ready to parse, from tables made by :func:`scmguard.parse.tables.generate`."""

    __slots__ = ("_states", "_rules", "_start", "_accept", "_lexers", "_patterns", "_scanners", "_compiled")

    def __init__(self, tables: Dict[str, Any]) -> None:
        self._states: List[Dict[str, int]] = tables["states"]
        self._rules: List[Tuple[str, int, bool]] = [(name, size, inlines) for name, size, inlines in tables["rules"]]
        self._start: Dict[str, int] = tables["start"]
        self._accept: Dict[str, int] = tables["accept"]
        self._lexers: List[List[str]] = tables["lexers"]
        self._patterns: Dict[str, str] = tables["patterns"]
        self._scanners: List[Any] = [None] * len(self._states)
        self._compiled: Dict[str, Any] = {}

    def _scanner(self, state: int) -> Any:
        """The matcher of the terminals that may come next; compiled on first use, shared by states alike."""
        names = self._lexers[state]
        expression = "|".join("(?P<{}>{})".format(name, self._patterns[name]) for name in names)
        if expression not in self._compiled:
            self._compiled[expression] = re.compile(expression).match if names else _nothing
        return self._compiled[expression]

    def parse(self, text: str, start: str) -> Optional[Tree]:
        """The tree of all of ``text``, or None where it is not in the language. Takes time linear in the text."""
        states, rules, scanners = self._states, self._rules, self._scanners
        accept = self._accept[start]
        state = self._start[start]
        stack = [state]
        # Nodes, and lists of nodes for rules that are inlined.
        values: List[Any] = []
        position, length = 0, len(text)
        while True:
            if position < length:
                scan = scanners[state]
                if scan is None:
                    scan = scanners[state] = self._scanner(state)
                match = scan(text, position)
                if match is None:
                    return None
                kind = match.lastgroup
            else:
                match, kind = None, _END
            action = states[state].get(kind)
            while action is not None and action < 0:
                name, size, inlines = rules[-1 - action]
                if size:
                    children = _flat(values[-size:]) if inlines else values[-size:]
                    del values[-size:]
                    del stack[-size:]
                else:
                    children = []
                values.append(children if name[0] == "_" else _new(Tree, (name, tuple(children))))
                state = states[stack[-1]][name]
                stack.append(state)
                action = states[state].get(kind)
            if match is None:
                # As in lark, the end is accepted in the state behind the start symbol.
                root = values[-1] if state == accept else None
                return root if isinstance(root, Tree) else None
            if action is None:
                return None
            values.append(_new(Token, (kind, match.group(), position)))
            state = action
            stack.append(state)
            position = match.end()

    def run(self, start: str) -> "Run":
        """A parse whose tokens come from a lexer of the caller's own (the grammar declares its terminals)."""
        return Run(self._states, self._rules, self._start[start], self._accept[start])


class Run:
    """A parse under way: a lexer pushes one token after the other and asks what may come next.

    ``stack`` is as long as constructs are open around the next token, so its length bounds the depth of the tree.
    """

    __slots__ = ("_states", "_rules", "_accept", "_values", "stack")

    def __init__(
        self, states: List[Dict[str, int]], rules: List[Tuple[str, int, bool]], start: int, accept: int
    ) -> None:
        self._states = states
        self._rules = rules
        self._accept = accept
        self._values: List[Any] = []
        self.stack = [start]

    def feed(self, kind: str, node: Union[Token, Tree], before: Optional[Sequence[Union[Token, Tree]]] = None) -> bool:
        """Takes a token of terminal ``kind``; False where it cannot stand here.

        ``node`` is what the tree has for it: a token or, where the lexer looked inside, a tree. The nodes ``before``
        it, which the grammar knows nothing of, become its neighbours in the tree.
        """
        stack = self.stack
        action = self._reduced(kind)
        if action is None:
            return False
        self._values.append([*before, node] if before else node)
        stack.append(action)
        return True

    def _reduced(self, kind: str) -> Optional[int]:
        """The state to go to with ``kind``, after the reductions that it asks for."""
        states, stack, values = self._states, self.stack, self._values
        action = states[stack[-1]].get(kind)
        while action is not None and action < 0:
            name, size, _ = self._rules[-1 - action]
            inlined = name[0] == "_"
            if size == 1 and inlined:
                # What stands for one part is that part.
                stack.pop()
            else:
                children = _flat(values[-size:]) if size else []
                if size:
                    del values[-size:]
                    del stack[-size:]
                values.append(children if inlined else _new(Tree, (name, tuple(children))))
            state = states[stack[-1]][name]
            stack.append(state)
            action = states[state].get(kind)
        return action

    @property
    def complete(self) -> bool:
        """Whether nothing but the end may follow."""
        state = self._states[self.stack[-1]]
        return len(state) == 1 and _END in state

    def finish(self, before: Optional[Sequence[Union[Token, Tree]]] = None) -> Optional[Tree]:
        """The tree, or None where the text cannot end here. The nodes ``before`` the end become the tree's last."""
        self._reduced(_END)
        root = self._values[-1] if self._values and self.stack[-1] == self._accept else None
        if not isinstance(root, Tree):
            return None
        return Tree(root.kind, root.children + tuple(before)) if before else root

    def expected(self) -> List[str]:
        """The terminals that may come next, ``$END`` for the end, sorted."""
        state = self._states[self.stack[-1]]
        return sorted(name for name in state if (name.isupper() or name == _END) and self._takes(name))

    def _takes(self, kind: str) -> bool:
        """Whether ``kind`` can come next: the tables alone know only that it can in some context of this state."""
        stack = list(self.stack)
        while True:
            action = self._states[stack[-1]].get(kind)
            if action is None:
                return kind == _END and stack[-1] == self._accept
            if action >= 0:
                return True
            name, size, _ = self._rules[-1 - action]
            if size:
                del stack[-size:]
            stack.append(self._states[stack[-1]][name])


def _flat(parts: List[Any]) -> List[Union[Tree, Token]]:
    """The nodes in ``parts``, those of inlined rules in their place.

    A list in front grows in place: repetitions are left-recursive, and copying would make them quadratic.
    """
    first = parts[0]
    nodes: List[Union[Tree, Token]] = first if type(first) is list else [first]
    for part in parts[1:]:
        if type(part) is list:
            nodes.extend(part)
        else:
            nodes.append(part)
    return nodes


def _nothing(_text: str, _position: int) -> Optional[Match[str]]:
    return None
