"""Parse tables: what lark's LALR generator makes of a grammar, as plain lists and dictionaries.

lark needs some 60 ms on a PC (half a second on a small board) to be imported and to analyse a grammar, so a
wheel carries the tables of its grammars as JSON and :mod:`scmguard.parse.lalr` runs them. From a
checkout the tables are made when they are needed. This is the only module that imports lark.
"""

import re
from typing import Any, Dict, List, NamedTuple, Tuple

#: Changes whenever the shape of the tables does.
FORMAT = 2

# The start symbols of each grammar, by the stem of its file.
STARTS = {
    "config_txt": ("line", "filter", "overlay", "parameters", "initramfs"),
    "cmdline_txt": ("kernel", "initramfs_tools"),
    "apt_conf": ("apt_conf",),
    "initramfs_sh": ("script", "substitution", "backquoted"),
}


class _Terminal(NamedTuple):
    name: str
    priority: int
    width: int
    value: str
    regexp: str


def generate(grammar: str, starts: Tuple[str, ...]) -> Dict[str, Any]:
    """The tables of ``grammar`` (the text of a ``.lark`` file) for the start symbols ``starts``.

    The result can be written as JSON: ``states`` is a list with one object a state, from the name of a terminal or rule
    to an action (0 and above: go to that state; below: reduce by rule ``-action - 1``); ``lexers`` has for each state
    the terminals that may come next, in the order to try them; ``rules`` has name, length, and whether a part is
    inlined. Raises lark's GrammarError for a grammar that is wrong, ValueError for one that the tables cannot express.
    """
    import lark
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    parser = lark.Lark(grammar, parser="lalr", start=list(starts), keep_all_tokens=True, maybe_placeholders=False)
    data, memo = parser.memo_serialize([TerminalDef, Rule])
    table = data["parser"]["parser"]
    terminals = {}
    for entry in memo.values():
        if entry["__type__"] == "TerminalDef":
            terminal = _terminal(entry)
            terminals[terminal.name] = terminal
    names = table["tokens"]
    rules: List[List[Any]] = []
    rule_numbers: Dict[int, int] = {}
    states: List[Dict[str, int]] = []
    for number in range(len(table["states"])):
        state = {}
        for token, (action, argument) in table["states"][number].items():
            if action == 0:
                state[names[token]] = argument
            else:
                key = argument["@"]
                if key not in rule_numbers:
                    rule_numbers[key] = len(rules)
                    rules.append(_rule(memo[key]))
                state[names[token]] = -1 - rule_numbers[key]
        states.append(state)
    return {
        "format": FORMAT,
        "start": table["start_states"],
        "accept": table["end_states"],
        "states": states,
        "lexers": [_lexer(state, terminals) for state in states],
        "patterns": {terminal.name: terminal.regexp for terminal in terminals.values()},
        "rules": rules,
    }


def _rule(entry: Dict[str, Any]) -> List[Any]:
    """Name, length, and whether a part of it is a rule that is inlined."""
    parts = entry["expansion"]
    inlines = any(part["__type__"] == "NonTerminal" and part["name"].startswith("_") for part in parts)
    return [entry["origin"]["name"], len(parts), inlines]


def _terminal(entry: Dict[str, Any]) -> _Terminal:
    pattern = entry["pattern"]
    value = pattern["value"]
    if pattern["flags"]:
        raise ValueError("terminal {}: flags belong inside the expression".format(entry["name"]))
    if pattern["__type__"] == "PatternStr":
        return _Terminal(entry["name"], entry["priority"], len(value), value, re.escape(value))
    return _Terminal(entry["name"], entry["priority"], pattern["_width"][1], value, value)


def _lexer(state: Dict[str, int], terminals: Dict[str, _Terminal]) -> List[str]:
    """The terminals that ``state`` accepts, in lark's order: priority, width, length of the pattern, name."""
    accepted = [terminals[name] for name in state if name in terminals]
    accepted.sort(key=lambda one: (-one.priority, -one.width, -len(one.value), one.name))
    return [one.name for one in accepted]
