"""What becomes of a command of a hook that fails: whether the build stops, somebody handles it, or nobody notices.

Sources: POSIX.1-2017, XCU 2.8.2, 2.9.5 (the status of a function is that of its last command), 2.14 ``set`` (``-e``
does not act in conditions, nor in functions that are called there). initramfs-tools 0.142, ``scripts/functions``
(call_scripts): the build stops where a hook ends with another status than 0. Tried out on Debian 12.
"""

import re
from bisect import bisect_left
from itertools import islice
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_facts import errexit_after
from scmguard.parse.sh_model import Command

#: Nobody gets the status, so that the hook goes on; the hook fails, and with it the build; something is done about it.
LOST, STOPS, HANDLED = "lost", "stops", "handled"

# Functions that call one another without end.
_DEPTH = 8
# What people write between a failure and the exit.
_SAYING = frozenset(["echo", "printf", "cat", "logger"])
_MOST_SAID = 10


class _Call(NamedTuple):
    """What counts of a call of a function: whether ``set -e`` is in force and acts there, and the call's own fate."""

    errexit: bool
    acts: bool
    fate: str


class Failures:
    """The fates of one script's commands."""

    def __init__(self, script: Script) -> None:
        self._commands = script.commands
        self._starts = [command.start for command in script.commands]
        self._number = {command.start: number for number, command in enumerate(script.commands)}
        self._bodies = {function.name: function.start for function in script.functions}
        names = set(self._bodies)
        self._calls: Dict[str, List[Command]] = {}
        self._options: Dict[str, int] = {}
        self._first: Dict[str, Command] = {}
        for command in script.commands:
            if command.context.function:
                self._first.setdefault(command.context.function, command)
            if command.name in names:
                self._calls.setdefault(command.name or "", []).append(command)
            if command.name == "set" and _decides(command):
                self._options.setdefault(command.context.function or "", command.start)
        # Where "case $? in" stands.
        self._subjects = [case.start for case in script.facts.cases if case.subject.text in ("$?", "${?}")]
        self._kinds: Dict[str, FrozenSet[_Call]] = {}

    def fate(self, command: Command, depth: int = 0) -> str:
        """What becomes of the command's failure. A function that is called in several places has the worst fate."""
        context = command.context
        if self._asks_for_status(command):
            return HANDLED
        if context.dropped:
            return LOST
        if context.tested and not context.last:
            return STOPS if self._exits(command) else HANDLED
        if context.function is None:
            return STOPS if context.last or context.errexit and not context.condition else LOST
        # A function that nobody calls does nothing that could fail.
        found = {self._in_call(command, call) for call in self._calls_of(context.function, depth)}
        return LOST if LOST in found else STOPS if STOPS in found else HANDLED

    def _in_call(self, command: Command, call: _Call) -> str:
        """The fate of a command of a function in one call of it."""
        context = command.context
        # The text says what holds behind a "set" in the function, else the call does.
        told = self._options.get(context.function or "", command.start) < command.start
        if (context.errexit if told else call.errexit) and call.acts and not context.condition:
            return STOPS
        return call.fate if context.last else LOST

    def _calls_of(self, name: str, depth: int) -> FrozenSet[_Call]:
        """The calls of a function, those that are alike as one."""
        if name not in self._kinds:
            self._kinds[name] = frozenset()  # for one that calls itself
            if depth < _DEPTH:
                self._kinds[name] = frozenset(
                    kind for call in self._calls.get(name, ()) for kind in self._kinds_of(call, depth)
                )
        return self._kinds[name]

    def _kinds_of(self, call: Command, depth: int) -> Iterator[_Call]:
        context = call.context
        fate = self.fate(call, depth + 1)
        if context.function is None:
            yield _Call(context.errexit, not context.condition, fate)
            return
        for outer in self._calls_of(context.function, depth + 1):
            told = self._options.get(context.function, call.start) < call.start
            errexit = context.errexit if told else outer.errexit
            yield _Call(errexit, outer.acts and not context.condition, fate)

    def _behind(self, command: Command) -> Iterator[Command]:
        return islice(self._commands, self._number[command.start] + 1, None)

    def _asks_for_status(self, command: Command) -> bool:
        """Whether what is run next looks at ``$?``, or is an ``exit`` or ``return`` that takes it."""
        start = command.context.behind
        number = len(self._starts) if start is None else bisect_left(self._starts, start)
        if number == len(self._starts):
            return False
        after = self._commands[number]
        if self._asks(after) or start is not None and self._is_subject(start, number):
            return True
        # The parts of a pipeline, and a substitution in a word, all begin with that status.
        for other in islice(self._commands, number + 1, None):
            if not (other.context.pipeline or other.context.substitution):
                break
            if self._asks(other):
                return True
        body = self._bodies.get(after.name or "")
        if body is None:
            return False
        first = self._first.get(after.name or "")
        return first is not None and self._asks(first) or self._is_subject(body, bisect_left(self._starts, body))

    def _is_subject(self, start: int, number: int) -> bool:
        """Whether a ``case $?`` stands between an offset and the command of that number, which is the next one."""
        end = self._starts[number] if number < len(self._starts) else None
        return any(start <= each and (end is None or each < end) for each in self._subjects)

    @staticmethod
    def _asks(command: Command) -> bool:
        """Whether a command looks at ``$?``, or takes it along."""
        words = (*command.words, *(assignment.value for assignment in command.assignments))
        bare = command.name in ("exit", "return") and len(command.words) == 1
        return bare or any("$?" in word.raw or "${?}" in word.raw for word in words)

    def _exits(self, command: Command) -> bool:
        """Whether what follows a tested command is the end of the hook with a status that stops the build."""
        for other in islice(self._behind(command), _MOST_SAID):
            if other.context.function != command.context.function or not other.context.conditional:
                return False
            if other.name == "exit":
                return ends_badly(other) is not False
            if other.name not in _SAYING:
                return False
        return False


def _decides(command: Command) -> bool:
    """Whether a ``set`` says anything of ``-e``."""
    return errexit_after(command.arguments, False) == errexit_after(command.arguments, True)


def ends_badly(command: Command) -> Optional[bool]:
    """Whether ``exit`` or ``return`` gives a status other than 0; None where that is not known."""
    arguments: Tuple[Optional[str], ...] = command.arguments
    if not arguments or arguments[0] is None or re.match(r"[0-9]+\Z", arguments[0]) is None:
        return None
    return arguments[0].strip("0") != ""
