"""What becomes of the status of a command in a shell script: whether anybody ever learns that it failed.

Sources: POSIX.1-2017, XCU 2.8.2 (exit status), 2.9.2 (pipelines), 2.9.3 (lists), 2.14 ``set -e``; bash(1), pipefail.
"""

import re
from typing import Dict, List, Optional, Set

from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_facts import errexit_after
from scmguard.parse.sh_model import Command
from scmguard.tree import Token, Tree

_HARMLESS = frozenset(["true", ":", "echo", "printf", "logger", "/bin/true", "/usr/bin/true"])


class Statuses:
    """The ways in which the commands of one script lose their status."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._commands: Dict[int, Command] = {command.start: command for command in script.commands}
        self._order: List[Command] = sorted(script.commands, key=lambda command: command.start)
        self._behind_or: Dict[int, Command] = {}
        self._piped: Set[int] = set()
        self._functions = {function.name for function in script.functions}
        # Functions defined before `set -e` run under it all the same.
        self._errexit = any(
            command.name == "set" and command.context.function is None and errexit_after(command.arguments, False)
            for command in script.commands
        )
        if script.tree is not None:
            self._collect(script.tree)

    def _collect(self, tree: Tree) -> None:
        """Notes what stands behind ``||``, and what a pipe hides."""
        todo: List[Tree] = [tree]
        while todo:
            node = todo.pop()
            inner = [child for child in node.children if isinstance(child, Tree)]
            if node.kind == "and_or" and node.children:
                signs = [child.kind for child in node.children if isinstance(child, Token) and child.kind in _SIGNS]
                if signs and signs[-1] == "OR_IF":
                    first, last = self._at(inner[-2]), self._at(inner[-1])
                    if first is not None and last is not None and inner[-1].kind == "simple_command":
                        self._behind_or[first.start] = last
            elif node.kind == "pipeline":
                self._piped.update(command.start for command in map(self._at, inner[:-1]) if command is not None)
            todo.extend(inner)

    def _at(self, tree: Tree) -> Optional[Command]:
        """The command that a part of the script is, or (for a pipeline) begins with."""
        if tree.kind not in ("simple_command", "pipeline"):
            return None
        start = next((token.start for token in tree.tokens() if token.kind not in ("BLANK", "COMMENT")), -1)
        return self._commands.get(start)

    def lost(self, command: Command) -> Optional[str]:
        """How the status of a command is lost: ``or``, ``background``, ``pipe``, ``ignored``; None where it counts."""
        return self._lost(command, frozenset())

    def _lost(self, command: Command, callers: "frozenset[str]") -> Optional[str]:
        context = command.context
        alternative = self._behind_or.get(command.start)
        if alternative is not None and _swallows(alternative):
            return "or"
        if (context.tested and not context.dropped) or context.substitution or context.unreached:
            return None
        line = self._script.text[command.start :].partition("\n")[0]
        if context.background:
            # For bash, &> is a redirection.
            return None if "&>" in line else "background"
        if command.start in self._piped:
            return None if "pipefail" in self._script.text else "pipe"
        if context.dropped:
            return None if self._is_asked_for(command) else "ignored"
        errexit = context.errexit or (self._errexit and context.function is not None)
        if errexit and not context.condition:
            return None
        if not context.last:
            return None if self._is_asked_for(command) else "ignored"
        if context.function is None:
            return None
        return self._of_calls(context.function, callers)

    def _of_calls(self, function: str, callers: "frozenset[str]") -> Optional[str]:
        """How the status of a function is lost in all its calls; None where one of them counts, or there is none."""
        if function in callers:
            return None
        ways = [self._lost(call, callers | {function}) for call in self._order if call.name == function]
        return ways[0] if ways and all(ways) else None

    def _is_asked_for(self, command: Command) -> bool:
        """Whether what comes next looks at ``$?``."""
        following = next((each for each in self._order if each.start > command.start), None)
        if following is None:
            return False
        words = [word.raw for word in following.words] + [each.value.raw for each in following.assignments]
        return any("$?" in word or "${?}" in word or "PIPESTATUS" in word for word in words)


_SIGNS = ("AND_IF", "OR_IF")


def _swallows(command: Command) -> bool:
    """Whether a command behind ``||`` makes a success of the failure, and does nothing about it."""
    if command.name in ("exit", "return"):
        return command.arguments == ("0",)
    return command.name in _HARMLESS and not any("$?" in word.raw for word in command.words)


def is_silent(command: Command) -> bool:
    """Whether both outputs of a command are thrown away."""
    outputs = {1: False, 2: False}
    for each in command.redirections:
        descriptor = 1 if each.descriptor is None else each.descriptor
        if each.operator in (">", ">>", ">|") and descriptor in outputs:
            outputs[descriptor] = each.target.text == "/dev/null"
        elif each.operator == ">&" and re.match(r"[12]\Z", each.target.text):
            outputs[descriptor] = outputs[int(each.target.text)]
    return all(outputs.values())
