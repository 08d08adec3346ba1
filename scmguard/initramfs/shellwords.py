"""Words of a shell script with the variables in them replaced by what the script gives them, as far as it goes.

:class:`scmguard.parse.sh_values.Values` tells what a word is for certain. This tells what it looks like: a variable
that is set in several places has several texts, and one that nothing sets stays as ``${name}``.
"""

import re
from typing import Dict, List, Tuple

from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_model import Command, Word

_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*|[0-9])|\{([A-Za-z_][A-Za-z0-9_]*|[0-9])\})")
_DEFAULT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*|[0-9]):?[-=]([^${}]*)\}")
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)|`([^`]*)`")
_SETTING = frozenset(["local", "export", "readonly"])
_MOST_TEXTS = 8
_DEPTH = 6
# Variables replaced in one word, those in their values among them; and how much of a word is looked at.
_MOST_STEPS = 100
_LONGEST = 1024


class Texts:
    """What the words of one script look like."""

    def __init__(self, script: Script) -> None:
        self._assigned: Dict[str, List[Tuple[int, str]]] = {}
        self._boot_folder = -1
        self._steps = 0
        for command in script.commands:
            for assignment in command.assignments:
                if assignment.alone:
                    self._add(assignment.name, assignment.start, assignment.value.text)
            if command.name in _SETTING:
                for word in command.words[1:]:
                    name, equals, value = word.text.partition("=")
                    if equals:
                        self._add(name, word.start, value)
            goes = command.words[1:2] if command.name in ("cd", "pushd") and self._boot_folder < 0 else ()
            if any("boot" in word.text.lower() for word in goes):
                self._boot_folder = command.start

    def _add(self, name: str, start: int, text: str) -> None:
        # What a variable has if nobody gave it anything else.
        text = _DEFAULT.sub(lambda match: match.group(2) if match.group(1) == name else match.group(), text[:_LONGEST])
        self._assigned.setdefault(name, []).append((start, text))

    def in_boot_folder(self, command: Command) -> bool:
        """Whether the script has gone to a folder named boot before a command."""
        return 0 <= self._boot_folder < command.start

    def one(self, word: Word, command: Command) -> str:
        """The likeliest text of a word: what was assigned last before the command."""
        return self.all(word, command)[-1]

    def all(self, word: Word, command: Command) -> List[str]:
        """All texts of a word, at least one."""
        loops = {loop.name: [each.text for each in loop.words or ()] for loop in command.context.loops}
        self._steps = 0
        return self._expanded(word.text[:_LONGEST], command.start, loops, 0)

    def _expanded(self, text: str, before: int, loops: Dict[str, List[str]], depth: int) -> List[str]:
        text = _SUBSTITUTION.sub(_named, text)
        text = _DEFAULT.sub(lambda match: self._default(match.group(1), match.group(2)), text)
        found, at = [""], 0
        for match in _VARIABLE.finditer(text):
            self._steps += 1
            if self._steps > _MOST_STEPS:
                break
            name = match.group(1) or match.group(2)
            values = (loops.get(name) or self._values(name, before)) if depth < _DEPTH else []
            heads = [each for value in values for each in self._expanded(value, before, loops, depth + 1)]
            between = text[at : match.start()]
            found = [front + between + head for front in found for head in heads or ["${" + name + "}"]]
            found = [each[:_LONGEST] for each in found[-_MOST_TEXTS:]]
            at = match.end()
        return [front + text[at:] for front in found]

    def _default(self, name: str, default: str) -> str:
        return "${" + name + "}" if name in self._assigned else default

    def _values(self, name: str, before: int) -> List[str]:
        """What is assigned to a variable, the last before the place at the end; what stands in itself is left out."""
        itself = re.compile(r"\$(?:" + name + r"\b|\{" + name + r"\b)")
        found = sorted((start < before, start, text) for start, text in self._assigned.get(name, ()))
        return [text for _before, _start, text in found if itself.search(text) is None][-_MOST_TEXTS:]


def _named(match: "re.Match[str]") -> str:
    """A command substitution as if it were a variable: its text without what could be taken for a path."""
    inner = match.group(1) or match.group(2) or ""
    return "${" + re.sub(r"[^A-Za-z0-9 _-]", "_", inner).strip() + "}"
