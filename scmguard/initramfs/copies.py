"""What a hook of initramfs-tools brings into the image, as far as its text tells.

Source: initramfs-tools 0.142, ``hook-functions``: ``copy_exec SOURCE [TARGET]``, ``copy_file TYPE SOURCE [TARGET]``,
``manual_add_modules NAME…``, ``force_load NAME [ARGUMENT…]``, ``add_firmware NAME``, ``copy_modules_dir FOLDER``; all
else that a hook brings it writes below ``$DESTDIR`` itself.
"""

from functools import lru_cache
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from scmguard.initramfs.failures import ends_badly
from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_model import Command
from scmguard.parse.sh_values import Field, Run, Values

# Stands for the value of DESTDIR, which no text has.
_DESTDIR = "\x01"
_COPYING = frozenset(["cp", "install", "rsync"])
_FUNCTIONS = frozenset(
    ["copy_exec", "copy_file", "manual_add_modules", "force_load", "add_firmware", "copy_modules_dir"]
)
#: Those whose failure only shows in their status, so that somebody has to look at it.
FAIL_BY_STATUS = frozenset(["copy_exec", "copy_file", "add_firmware"]) | _COPYING
# How many commands an answer to prereqs has, its test and its exit not counted.
_ANSWER = 3
# Options of cp and install with a value: the rest of the word, or the next one. Others have none, or may not.
_WITH_VALUE = {"cp": "St", "install": "gmoSt", "rsync": ""}
_LONG_WITH_VALUE = frozenset(["--group", "--mode", "--owner", "--suffix", "--target-directory", "--strip-program"])


class Copy(NamedTuple):
    """One thing that a command of a hook brings, or some.

    ``kind`` is the command's name. ``sources`` are paths on the root file system (of modules and firmware: names), with
    patterns for names of files not expanded; None where they are not known. ``target`` is a path in the image, or None
    where none is given or known. ``sure``: the command runs whenever the hook does.
    """

    kind: str
    command: Command
    sources: Optional[Tuple[Field, ...]]
    target: Optional[str]
    sure: bool

    @property
    def brings_files(self) -> bool:
        """Whether it brings files from the root file system by their paths."""
        return self.kind in ("copy_exec", "copy_file") or self.kind in _COPYING

    @property
    def brings_modules(self) -> bool:
        """Whether it brings kernel modules by their names."""
        return self.kind in ("manual_add_modules", "force_load")


@lru_cache(maxsize=256)
def copies(script: Script) -> Tuple[Copy, ...]:
    """What a hook brings, in the order of its text; nothing where it is refused."""
    values = Values(script, {"DESTDIR": _DESTDIR})
    called = called_functions(script)
    ends = _Ends(script)
    found: List[Copy] = []
    for command in script.commands:
        if command.name not in _FUNCTIONS and command.name not in _COPYING:
            continue
        function = command.context.function
        sure = command.context.always_runs and (function is None or function in called)
        sure = sure and not ends.may_pass_over(command)
        for words in values.runs(command):
            found += _copies(command, words, sure)
    return tuple(found)


def called_functions(script: Script) -> Set[str]:
    """The functions that are called whenever the script runs."""
    calls: Dict[Optional[str], List[str]] = {}
    names = {function.name for function in script.functions}
    for command in script.commands:
        if command.context.always_runs and command.name in names:
            calls.setdefault(command.context.function, []).append(command.name or "")
    todo: List[Optional[str]] = [None]
    found: Set[str] = set()
    while todo:
        for name in calls.get(todo.pop(), ()):
            if name not in found:
                found.add(name)
                todo.append(name)
    return found


class _Ends:
    """What may end the script, a function or a round of a loop before its end, without failing.

    The answer to ``prereqs`` is none of these. Where the script fails, the build stops, and copies do not matter.
    """

    def __init__(self, script: Script) -> None:
        self._first: Optional[int] = None
        self._of_functions: Dict[str, int] = {}
        self._of_loops: Dict[int, int] = {}
        start, end = script.answer or (0, 0)
        asked = -_ANSWER
        for number, command in enumerate(script.commands):
            context = command.context
            if "prereqs" in command.arguments:
                asked = number
            # if [ "$1" = prereqs ]; then prereqs; exit 0; fi
            if start <= command.start < end or number - asked < _ANSWER:
                continue
            always = context.always_runs and context.function is None
            if not (always or context.function == "prereqs" or context.subshell or context.pipeline):
                self._add(command)

    def _add(self, command: Command) -> None:
        context = command.context
        if command.name in ("break", "continue") and context.loops:
            self._of_loops.setdefault(id(context.loops[-1]), command.start)
        elif command.name == "return" and context.function is not None:
            self._of_functions.setdefault(context.function, command.start)
        elif self._first is None and not context.substitution and _ends_well(command):
            self._first = command.start

    def may_pass_over(self, command: Command) -> bool:
        """Whether one of them may come before a command that stands behind it."""
        context = command.context
        if self._first is not None and (context.function is not None or self._first < command.start):
            return True
        if self._of_functions.get(context.function or "", command.start) < command.start:
            return True
        return any(self._of_loops.get(id(loop), command.start) < command.start for loop in context.loops)


def _ends_well(command: Command) -> bool:
    """Whether a command ends the script, other than with a status that stops the build."""
    if command.name == "exec":
        return len(command.words) > 1
    return command.name in ("exit", "return") and ends_badly(command) is not True


def _copies(command: Command, words: Run, sure: bool) -> Iterator[Copy]:
    kind = command.name or ""
    # A word that is known may be several, or none.
    arguments: Run = tuple(
        one for fields in words[1:] for one in ((None,) if fields is None else ((field,) for field in fields))
    )
    if kind in _COPYING:
        yield from _by_hand(kind, command, arguments, sure)
    elif kind in ("copy_exec", "copy_file"):
        if kind == "copy_file":
            arguments = arguments[1:]
        source = arguments[0] if arguments else None
        target = _path(arguments[1]) if len(arguments) > 1 else None
        if target is None and len(arguments) < 2 and source is not None and len(source) == 1:
            target = source[0].text
        yield Copy(kind, command, source, target, sure)
    else:
        named = arguments[:1] if kind in ("force_load", "add_firmware", "copy_modules_dir") else arguments
        for fields in named:
            yield Copy(kind, command, fields, None, sure)


def _by_hand(kind: str, command: Command, arguments: Run, sure: bool) -> Iterator[Copy]:
    """``cp``, ``install`` or ``rsync`` with a target below ``$DESTDIR`` and sources that are not."""
    words: List[Optional[Tuple[Field, ...]]] = []
    target: Optional[str] = None
    folder = False
    waiting = ""
    for fields in arguments:
        text = fields[0].text if fields is not None and len(fields) == 1 else None
        value = text
        if not waiting:
            if text is None or not text.startswith("-") or len(text) < 2:
                words.append(fields)
                continue
            waiting, value = _option(kind, text)
            folder = folder or waiting == "d"
        if value is not None or fields is None:
            target = value if waiting == "t" else target
            waiting = ""
    if folder or not words:
        return
    if target is None:
        last = words.pop()
        target = None if last is None else _path(last)
    if target is None or not target.startswith(_DESTDIR):
        return
    for fields in words:
        if fields is None or not any(field.text.startswith(_DESTDIR) for field in fields):
            yield Copy(kind, command, fields, target[len(_DESTDIR) :] or "/", sure)


def _option(kind: str, text: str) -> Tuple[str, Optional[str]]:
    """The letter of an option with a value, and the value, None where that is the next word.

    The letter is ``d`` for a command that makes folders; other options are empty.
    """
    if text.startswith("--"):
        name, equals, value = text.partition("=")
        if name == "--directory" and kind == "install":
            return "d", ""
        takes = name in _LONG_WITH_VALUE and kind != "rsync"
        return ("t" if name == "--target-directory" else "other", value if equals else None) if takes else ("", "")
    for number, letter in enumerate(text[1:], 2):
        if letter == "d" and kind == "install":
            return "d", ""
        if letter in _WITH_VALUE[kind]:
            return letter, text[number:] or None
    return "", ""


def _path(fields: Optional[Tuple[Field, ...]]) -> Optional[str]:
    return fields[0].text if fields is not None and len(fields) == 1 and not fields[0].pattern else None
