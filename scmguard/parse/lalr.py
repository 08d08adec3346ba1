"""The machine that runs parse tables: text in, lossless tree out.

It does what lark's LALR parser with its contextual lexer does with ``keep_all_tokens`` (a test holds the two against
each other), without importing lark. Rules whose name starts with an underscore are inlined, as in lark.
"""

import re
from typing import Any, Dict, List, Match, Optional, Tuple, Union

from scmguard.tree import Token, Tree

_END = "$END"


class Grammar:
    """A grammar ready to parse, from tables made by :func:`scmguard.parse.tables.generate`."""

    __slots__ = ("_states", "_rules", "_start", "_accept", "_lexers", "_patterns", "_scanners", "_compiled")

    def __init__(self, tables: Dict[str, Any]) -> None:
        self._states: List[Dict[str, int]] = tables["states"]
        self._rules: List[Tuple[str, int]] = [(name, length) for name, length in tables["rules"]]
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
        stack = [self._start[start]]
        values: List[List[Union[Tree, Token]]] = []
        position, length = 0, len(text)
        while True:
            state = stack[-1]
            if position < length:
                scan = scanners[state]
                if scan is None:
                    scan = scanners[state] = self._scanner(state)
                match = scan(text, position)
                if match is None or match.end() == position:
                    return None
                kind = match.lastgroup
            else:
                kind = _END
            action = states[state].get(kind)
            while action is not None and action < 0:
                name, size = rules[-1 - action]
                children: List[Union[Tree, Token]] = []
                if size:
                    # The first part grows in place: repetitions are left-recursive, and copying would make them quadratic.
                    children = values[-size]
                    for part in values[len(values) - size + 1 :]:
                        children.extend(part)
                    del values[-size:]
                    del stack[-size:]
                values.append(children if name[0] == "_" else [Tree(name, tuple(children))])
                stack.append(states[stack[-1]][name])
                action = states[stack[-1]].get(kind)
            if kind is _END:
                # As in lark, the end is accepted in the state behind the start symbol.
                if stack[-1] == accept:
                    root = values[-1][0]
                    return root if isinstance(root, Tree) else None
                return None
            if action is None:
                return None
            values.append([Token(kind, match.group(), position)])
            stack.append(action)
            position = match.end()


def _nothing(_text: str, _position: int) -> Optional[Match[str]]:
    return None
