"""The machine that runs parse tables: text in, lossless tree out.

It does what lark's LALR parser with its contextual lexer does with ``keep_all_tokens`` (a test holds the two against
each other), without importing lark. Rules whose name starts with an underscore are inlined, as in lark.
"""

import re
from typing import Any, Dict, List, Match, Optional, Tuple, Union

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
