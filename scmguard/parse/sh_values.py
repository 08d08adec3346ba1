"""What words of a shell script become when it runs, as far as the script alone tells.

A variable is known that is set in one place, to a known value, in a command that always runs, before it is used; the
variable of a ``for`` takes its words one after the other. All else is unknown, and said so.

Sources: POSIX.1-2017, XCU 2.6 (expansions; 2.6.5: what is not quoted is split at blanks), 2.14.
"""

import re
from itertools import product
from typing import Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_model import Assignment, Command, Word
from scmguard.parse.sh_quoting import unquoted

# How often a command in loops is looked at, and how far variables are followed.
_MOST_RUNS = 256
_DEPTH = 8
_PIECE = re.compile(
    r"""(?P<single>'[^']*')|(?P<escape>\\[\s\S])|(?P<double>")|\$(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\})|(?P<unknown>\$(?=[{(0-9!#$*?@-])|`)"""
    r"""|(?P<pattern>[*?\[])|(?P<plain>[^'"\\$`*?\[]+|\$)"""
)
# Commands that give variables a value.
_SETTING = frozenset(["read", "local", "export", "readonly", "getopts", "unset"])


class Field(NamedTuple):
    """A word after its expansion. ``pattern``: characters in it stand for names of files."""

    text: str
    pattern: bool = False


#: The words of one run of a command: the fields of each, None where they are not known.
Run = Tuple[Optional[Tuple[Field, ...]], ...]


class Values:
    """The known values of one script. ``given`` are variables that it gets from outside."""

    def __init__(self, script: Script, given: Optional[Mapping[str, str]] = None) -> None:
        self._given = dict(given or {})
        self._assigned: Dict[str, Optional[Assignment]] = {}
        others: Set[str] = set()
        for command in script.commands:
            if command.name in _SETTING:
                others.update((argument or "").partition("=")[0] for argument in command.arguments)
            others.update(loop.name for loop in command.context.loops)
            for assignment in command.assignments:
                if assignment.alone:
                    sure = command.context.always_runs and not command.context.loops and _in_place(command)
                    known = sure and assignment.name not in self._assigned
                    self._assigned[assignment.name] = assignment if known else None
        for name in others:
            self._assigned[name] = None

    def runs(self, command: Command) -> Iterator[Run]:
        """The command's words (its name first) for each time that its loops make it run; once without loops."""
        for environment in self._environments(command):
            yield tuple(self._fields(word, environment, command.start, 0) for word in command.words)

    def value(self, word: Word) -> Optional[str]:
        """What an assignment gives its variable, which is not split; None where that is not known."""
        return self._joined(word, word.start, 0)

    def _environments(self, command: Command) -> Iterator[Dict[str, Optional[str]]]:
        names: List[str] = []
        choices: List[List[Optional[str]]] = []
        for loop in command.context.loops:
            taken: List[Optional[str]] = []
            for word in loop.words or ():
                fields = self._fields(word, {}, command.start, 0)
                taken += [None] if fields is None else [None if each.pattern else each.text for each in fields]
            names.append(loop.name)
            choices.append(taken if loop.words is not None and taken else [None])
        for number, chosen in enumerate(product(*choices)):
            if number == _MOST_RUNS:
                return
            yield dict(zip(names, chosen))

    def _variable(self, name: str, environment: Mapping[str, Optional[str]], before: int, depth: int) -> Optional[str]:
        if name in environment:
            return environment[name]
        assignment = self._assigned.get(name)
        if name in self._assigned:
            if assignment is None or assignment.start >= before or depth >= _DEPTH:
                return None
            return self._joined(assignment.value, assignment.start, depth + 1)
        return self._given.get(name)

    def _fields(
        self, word: Word, environment: Mapping[str, Optional[str]], before: int, depth: int
    ) -> Optional[Tuple[Field, ...]]:
        """The fields of a word; unquoted values are split at blanks."""
        parts: List[str] = [""]
        pattern = False
        pieces = _pieces(word.raw, lambda name: self._variable(name, environment, before, depth))
        if pieces is None:
            return None
        for text, quoted, is_pattern in pieces:
            pattern = pattern or is_pattern
            if quoted:
                parts[-1] += text
                continue
            split = re.split(r"[ \t\n]+", text)
            parts[-1] += split[0]
            parts += split[1:]
        kept = parts if word.raw[:1] in ("'", '"') and len(parts) == 1 else [part for part in parts if part]
        return tuple(Field(part, pattern) for part in kept)

    def _joined(self, word: Word, before: int, depth: int) -> Optional[str]:
        return evaluated(word, lambda name: self._variable(name, {}, before, depth))


def evaluated(word: Word, variable: Callable[[str], Optional[str]]) -> Optional[str]:
    """What a word gives a variable (it is not split); None where something in it is not known.

    ``variable`` tells the value of a variable by its name, None where it is not known.
    """
    pieces = _pieces(word.raw, variable)
    return None if pieces is None else "".join(text for text, _safe, _pattern in pieces)


def _pieces(raw: str, variable: Callable[[str], Optional[str]]) -> Optional[List[Tuple[str, bool, bool]]]:
    """A word in pieces: text, whether it is safe from being split, whether it makes the word a pattern."""
    found: List[Tuple[str, bool, bool]] = []
    double = False
    if raw.startswith("~"):
        return None
    at = 0
    while at < len(raw):
        if double and raw[at] == "'":  # an ordinary character there
            found.append(("'", True, False))
            at += 1
            continue
        match = _PIECE.match(raw, at)
        if match is None or match.lastgroup == "unknown":
            return None
        kind, text, at = match.lastgroup, match.group(), match.end()
        if kind == "double":
            double = not double
        elif kind in ("name", "braced"):
            value = variable(match.group(kind))
            if value is None:
                return None
            found.append((value, double, not double and any(char in value for char in "*?[")))
        elif kind in ("single", "escape"):
            kept = text if kind == "escape" and double and text[1] not in '$`"\\\n' else unquoted(text)
            found.append((kept, True, False))
        else:
            found.append((text, True, kind == "pattern" and not double))
    return found


def _in_place(command: Command) -> bool:
    """Whether what the command sets stays set for what follows it."""
    context = command.context
    return not (context.function or context.subshell or context.substitution or context.pipeline or context.background)
