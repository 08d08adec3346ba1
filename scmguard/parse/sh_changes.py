"""Which variables a command of a shell script changes, other than by an assignment that stands alone.

Sources: POSIX.1-2017, XCU 2.6.2 (``${x:=y}``), 2.6.4 (arithmetic), 2.9.1 and 2.14 (special built-ins: what is assigned
in front of them stays assigned), 4 (``cd``, ``getopts``, ``read``); dash(1) (``local``).
"""

import re
from typing import AbstractSet, Optional, Set

from scmguard.parse.sh_model import Command

#: Stands for every name.
ANY = "*"
_DEFAULT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):?=")
_ARITHMETIC = re.compile(r"\$\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)")
# The name has all that can be in one: otherwise each end of a long one would be tried anew. Digits in front of it are
# of a parameter ($1x) or no name.
_COUNTED = re.compile(r"(?<![A-Za-z0-9_])([A-Za-z0-9_]+)\s*(?:[-+*/%&|^]|<<|>>)?=(?!=)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# None is a command that is not known. Some change others by themselves.
_SETTING = frozenset(["read", "local", "export", "readonly", "getopts", "unset", "eval", None])
_BESIDE = {"cd": ("PWD", "OLDPWD"), "getopts": ("OPTARG", "OPTIND")}
_SPECIAL = frozenset([":", ".", "eval", "exec", "export", "readonly", "set", "shift", "times", "trap", "unset", None])


def changed_in(text: str) -> Set[str]:
    """The variables that get values on the way, where ``${x:=y}`` or ``$((x = 1))`` stands in words of a text."""
    found = set(_DEFAULT.findall(text))
    for expression in _ARITHMETIC.findall(text):
        found.update(name.lstrip("0123456789") for name in _COUNTED.findall(expression))
    return found - {""}


def changed_by(command: Command, functions: AbstractSet[Optional[str]]) -> Set[str]:
    """The variables that a command changes; ``ANY`` among them where that is not known.

    ``functions`` are the names of the script's own; what they do is not looked at.
    """
    found: Set[str] = set()
    for word in (*command.words, *(assignment.value for assignment in command.assignments)):
        if "$" in word.raw:
            found |= changed_in(word.raw)
    words = list(command.words)
    while words and words[0].literal == "command":
        words = words[2:] if len(words) > 1 and words[1].literal == "-p" else words[1:]
    if not words:
        return found
    name = words[0].literal
    found.update(_BESIDE.get(name or "", ()))
    if name in _SPECIAL or name in functions:
        found.update(assignment.name for assignment in command.assignments)
    if name in _SETTING:
        for word in words[2 if name == "getopts" else 1 :]:
            start = _NAME.match(word.text)
            if name == "eval" and word.literal is not None:
                found.update(_NAME.findall(word.literal))
            elif start is not None and word.text[start.end() : start.end() + 1] in ("", "=") and name != "eval":
                found.add(start.group())
            elif name is not None and word.literal is None:
                found.add(ANY)
    return found
