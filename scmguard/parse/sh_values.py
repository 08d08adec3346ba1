"""What words of a shell script become when it runs, as far as the script alone tells.

A variable is known that is set in one place, to a known value, in a command that always runs, before it is used; the
variable of a ``for`` takes its words one after the other. All else is unknown, and said so.

Sources: POSIX.1-2017, XCU 2.6 (expansions; 2.6.5: what is not quoted is split at blanks), 2.14.
"""

import re
from itertools import islice, product
from typing import Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_changes import ANY, changed_by, changed_in
from scmguard.parse.sh_model import Assignment, Command, Loop, Word
from scmguard.parse.sh_quoting import unquoted

# How often a command in loops is looked at, and all commands of a script together, how far variables are followed, and
# how long a value may become: a few lines that double a variable would fill any memory.
_MOST_RUNS = 256
_MOST_RUNS_OF_ALL = 1 << 14
_DEPTH = 8
_LONGEST = 1 << 14
_PIECE = re.compile(
    r"""(?P<single>'[^']*')|(?P<escape>\\[\s\S])|(?P<double>")|\$(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\})|(?P<unknown>\$(?=[{(0-9!#$*?@-])|`)"""
    r"""|(?P<pattern>[*?\[])|(?P<plain>[^'"\\$`*?\[]+|\$)"""
)
_BLANKS = re.compile(r"[ \t\n]+")


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
        # Values by name and depth, and what loops take: each is worked out once, however often it is used.
        self._worked_out: Dict[Tuple[str, int], Optional[str]] = {}
        self._taken_by: Dict[Tuple[Loop, bool], List[Optional[str]]] = {}
        self._runs_left = _MOST_RUNS_OF_ALL
        # Loops in which something else gives their variable a value.
        self._broken: Set[Loop] = set()
        functions: Set[Optional[str]] = {function.name for function in script.functions}
        calls = [command for command in script.commands if command.name is None or command.name in functions]
        callers = {loop for command in calls for loop in command.context.loops}
        evals: List[Command] = []
        others = changed_in(script.text)
        for command in script.commands:
            changed = changed_by(command, functions)
            others |= changed
            if ANY in changed:
                evals.append(command)
            others.update(loop.name for loop in command.context.loops)
            for assignment in command.assignments:
                if assignment.alone:
                    changed.add(assignment.name)
                    known = _is_sure(command) and assignment.name not in self._assigned
                    self._assigned[assignment.name] = assignment if known else None
            self._broken.update(_broken(command, changed, callers))
        for name in others:
            self._assigned[name] = None
        # Behind an eval of who knows what nothing is known, nor in front of it in the same loops.
        outer = {command.context.loops[0] for command in evals if command.context.loops}
        inside = [command.start - 1 for command in script.commands if outer.intersection(command.context.loops[:1])]
        self._known_until = min([command.start for command in evals] + inside, default=len(script.text))
        self._splits = "IFS" in self._assigned

    def runs(self, command: Command) -> Iterator[Run]:
        """The command's words (its name first) for each time that its loops make it run; once without loops.

        Once, too, with the variables of the loops unknown, where those of the script have made others run very often.
        """
        for environment in self._environments(command):
            yield tuple(self._fields(word, environment, command.start, 0) for word in command.words)

    def value(self, word: Word) -> Optional[str]:
        """What an assignment gives its variable, which is not split; None where that is not known."""
        return self._joined(word, word.start, 0)

    def _environments(self, command: Command) -> Iterator[Dict[str, Optional[str]]]:
        names = [loop.name for loop in command.context.loops]
        if not names or self._runs_left <= 0:
            yield dict.fromkeys(names)
            return
        choices = [self._taken(loop, command.start) for loop in command.context.loops]
        for chosen in islice(product(*choices), _MOST_RUNS):
            self._runs_left -= 1
            yield dict(zip(names, chosen))

    def _taken(self, loop: Loop, before: int) -> List[Optional[str]]:
        """What a loop's variable gets, as often as it is looked at; the same for all commands in the loop."""
        key = loop, before > self._known_until
        if key not in self._taken_by:
            taken: List[Optional[str]] = [None] if loop.words is None else []
            broken = loop in self._broken
            for word in loop.words or ():
                fields = self._fields(word, {}, before, 0)
                if fields is None:
                    taken.append(None)
                else:
                    taken += [None if each.pattern or broken else each.text for each in fields]
            self._taken_by[key] = taken[:_MOST_RUNS]
        return self._taken_by[key]

    def _variable(self, name: str, environment: Mapping[str, Optional[str]], before: int, depth: int) -> Optional[str]:
        if before > self._known_until:
            return None
        if name in environment:
            return environment[name]
        assignment = self._assigned.get(name)
        if name in self._assigned:
            if assignment is None or assignment.start >= before or depth >= _DEPTH:
                return None
            if (name, depth) not in self._worked_out:
                self._worked_out[name, depth] = self._joined(assignment.value, assignment.start, depth + 1)
            return self._worked_out[name, depth]
        return self._given.get(name)

    def _fields(
        self, word: Word, environment: Mapping[str, Optional[str]], before: int, depth: int
    ) -> Optional[Tuple[Field, ...]]:
        """The fields of a word; unquoted values are split at blanks."""
        pattern = False
        pieces = _pieces(word.raw, lambda name: self._variable(name, environment, before, depth))
        if pieces is None:
            return None
        found: List[str] = []
        field: Optional[str] = None
        for text, whole, is_pattern in pieces:
            pattern = pattern or is_pattern
            if not whole and self._splits:
                return None
            for number, part in enumerate([text] if whole else _BLANKS.split(text)):
                if number and field is not None:
                    found.append(field)
                    field = None
                if part or whole:
                    field = (field or "") + part
        return tuple(Field(text, pattern) for text in (found if field is None else [*found, field]))

    def _joined(self, word: Word, before: int, depth: int) -> Optional[str]:
        return evaluated(word, lambda name: self._variable(name, {}, before, depth))


def evaluated(word: Word, variable: Callable[[str], Optional[str]]) -> Optional[str]:
    """What a word gives a variable (it is not split); None where something in it is not known.

    ``variable`` tells the value of a variable by its name, None where it is not known.
    """
    pieces = _pieces(word.raw, variable, assigned=True)
    return None if pieces is None else "".join(text for text, _whole, _pattern in pieces)


def _pieces(
    raw: str, variable: Callable[[str], Optional[str]], assigned: bool = False
) -> Optional[List[Tuple[str, bool, bool]]]:
    """A word in pieces: text, whether it is safe from being split, whether it makes the word a pattern.

    With ``assigned`` it stands behind ``name=``, where ``~`` counts behind a colon, too. What becomes very long is not
    known.
    """
    found: List[Tuple[str, bool, bool]] = []
    double = False
    room = _LONGEST
    if raw.startswith("~") or "\\\n" in raw and ("$" in raw or "~" in raw):
        # A joined line may stand between $ and the name, or in the name.
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
            found.append(("", True, False))
        elif kind in ("name", "braced"):
            value = variable(match.group(kind))
            room -= len(value or "")
            if value is None or room < 0:
                return None
            found.append((value, double, not double and any(char in value for char in "*?[")))
        elif kind in ("single", "escape"):
            kept = text if kind == "escape" and double and text[1] not in '$`"\\\n' else unquoted(text)
            if text != "\\\n":
                found.append((kept, True, False))
        elif assigned and not double and ":~" in text:
            return None
        else:
            found.append((text, True, kind == "pattern" and not double))
    return found


def _is_sure(command: Command) -> bool:
    """Whether what the command sets is set for all that follows it."""
    context = command.context
    inside = context.function or context.subshell or context.substitution or context.pipeline or context.background
    return context.always_runs and not (context.loops or command.redirections or inside)


def _broken(command: Command, changed: Set[str], callers: Set[Loop]) -> Iterator[Loop]:
    """The loops whose variable a command gives a value: those it is in, and those that may call its function."""
    loops = command.context.loops
    for number, loop in enumerate(loops):
        if loop.name in changed or any(inner.name == loop.name for inner in loops[number + 1 :]):
            yield loop
    if command.context.function:
        names = changed.union(loop.name for loop in loops)
        yield from (loop for loop in callers if loop.name in names and loop not in loops)
