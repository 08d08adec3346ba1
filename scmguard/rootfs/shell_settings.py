"""Settings kept as assignments in files that a shell reads with ``.``: what holds in the end, and which line won.

initramfs-tools, raspi-firmware, flash-kernel and cryptsetup's hook are configured so. A value is known if the line that
gives it always runs and uses nothing unknown. Sources: POSIX.1-2017, XCU 2.9.1, 2.14 (``.``, ``export``, ``unset``).
"""

from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from scmguard.folder import Folder
from scmguard.parse.initramfs_sh import Script, read_script
from scmguard.parse.sh_changes import ANY, changed_by, changed_in
from scmguard.parse.sh_model import Command, Word
from scmguard.parse.sh_values import evaluated
from scmguard.text import Source, Span

# A file may read another; one that reads itself never ends, nor do some that read each other often.
_DEPTH = 8
_MOST_FILES = 100
_LARGEST = 256 * 1024


class Place(NamedTuple):
    """A line that gives a variable a value: the file, where, and the value (None where it is not known)."""

    source: Source
    span: Span
    value: Optional[str]


class Setting(NamedTuple):
    """A variable that a file sets. ``value`` is None where conditions or commands decide.

    ``place`` is the line that won, ``overridden`` are those before it, in the order in which they are read.
    """

    value: Optional[str]
    place: Place
    overridden: Tuple[Place, ...]


class ShellSettings:
    """The variables that files set. ``refused`` are the files whose syntax makes the shell that reads them stop."""

    def __init__(self) -> None:
        self._places: Dict[str, List[Place]] = {}
        self._doubtful: Dict[str, bool] = {}
        self.refused: List[Script] = []
        self.files: List[str] = []
        self._open: List[str] = []

    def find(self, name: str) -> Optional[Setting]:
        """A variable, None where no file sets it."""
        places = self._places.get(name)
        if not places:
            return None
        value = None if self._doubtful[name] else places[-1].value
        return Setting(value, places[-1], tuple(places[:-1]))

    def set_by(self, path: str) -> Iterator[Tuple[str, Setting]]:
        """The variables that a file (by its label) sets, whether its values hold in the end or others do."""
        for name, places in self._places.items():
            found = self.find(name)
            if found is not None and any(place.source.path == path for place in places):
                yield name, found

    def value(self, name: str, default: str) -> Optional[str]:
        """A variable's value, the default where no file sets it; None where it is set and not known."""
        found = self.find(name)
        return default if found is None else found.value

    def read(self, root: Folder, path: str, depth: int = 0, sure: bool = True) -> None:
        """Takes a file over; nothing where there is none. Without ``sure`` it may not be read. Raises Unreadable."""
        status = root.status(path)
        if status is None or not status.is_file or status.size > _LARGEST or depth > _DEPTH:
            return
        if path in self._open or len(self.files) == _MOST_FILES:
            return
        source = root.source(path)
        if source is None:
            return
        self.files.append(path)
        script = read_script(source.path, source.data)
        if script.tree is None:
            self.refused.append(script)
        self._open.append(path)
        self._run_all(root, script, depth, sure)
        self._open.pop()

    def _run_all(self, root: Folder, script: Script, depth: int, sure: bool) -> None:
        functions = _changed_in_functions(script)
        for command in script.commands:
            context = command.context
            elsewhere = context.subshell or context.substitution or context.pipeline or context.background
            if context.function or elsewhere or context.unreached:
                continue
            if command.name == "return":
                if context.always_runs:
                    return
                sure = False
            self._run(root, script, command, depth, sure, functions)

    def _run(
        self, root: Folder, script: Script, command: Command, depth: int, sure: bool, functions: Dict[str, Set[str]]
    ) -> None:
        context = command.context
        sure = sure and context.always_runs and not context.loops
        for assignment in command.assignments:
            if assignment.alone:
                self._set(script, command, assignment.name, evaluated(assignment.value, self._known), sure)
        # What is changed in ways whose outcome is not looked at.
        names = changed_by(command, functions.keys()) | functions.get(command.name or "", set())
        if command.name in ("export", "readonly", "unset"):
            names -= {word.text.partition("=")[0] for word in command.words}
        if command.name in ("export", "readonly"):
            for word in command.words[1:]:
                self._export(script, command, word, sure)
        elif command.name == "unset" and command.arguments[:1] != ("-f",):
            for argument in command.arguments:
                if argument is not None and sure:
                    self._places.pop(argument, None)
                elif argument in self._places:
                    self._doubtful[argument or ""] = True
        elif command.name == "." and len(command.words) > 1:
            other = evaluated(command.words[1], self._known)
            if other is not None and other.startswith("/"):
                self.read(root, other.strip("/"), depth + 1, sure)
            else:
                names.add(ANY)
        for loop in context.loops:
            names.add(loop.name)
            names.update(*(changed_in(word.raw) for word in loop.words or ()))
        for name in self._places if ANY in names else ():
            self._doubtful[name] = True
        for name in sorted(names - {ANY}):
            self._set(script, command, name, None, False)

    def _export(self, script: Script, command: Command, word: Word, sure: bool) -> None:
        """One ``NAME=VALUE`` behind ``export``; with quotes around all of it, it is one word, too."""
        name, equals, _ = word.text.partition("=")
        if not equals:
            return
        value = None
        if word.raw.startswith(name + "="):
            value = evaluated(word._replace(raw=word.raw[len(name) + 1 :]), self._known)
        elif word.raw[0] in "'\"" and word.raw[-1] == word.raw[0]:
            whole = evaluated(word, self._known)
            value = None if whole is None else whole.partition("=")[2]
        self._set(script, command, name, value, sure)

    def _known(self, name: str) -> Optional[str]:
        found = self.find(name)
        return None if found is None else found.value

    def _set(self, script: Script, command: Command, name: str, value: Optional[str], sure: bool) -> None:
        line, column = script.position(command.start)
        end = script.source.line_text(line)
        span = Span(script.source.path, line, column, line, len(end.rstrip()) + 1)
        self._places.setdefault(name, []).append(Place(script.source, span, value))
        self._doubtful[name] = not sure


def _changed_in_functions(script: Script) -> Dict[str, Set[str]]:
    """The names of a script's functions, each with the variables that it, or any other, may change."""
    changed: Set[str] = set()
    names = {function.name for function in script.functions}
    for command in script.commands:
        if command.context.function:
            changed |= changed_by(command, names)
            changed.update(assignment.name for assignment in command.assignments if assignment.alone)
            changed.update(loop.name for loop in command.context.loops)
    return dict.fromkeys(names, changed)


def read_settings(root: Folder, paths: Iterable[str]) -> ShellSettings:
    """What holds after the files are read one after the other. Raises Unreadable."""
    settings = ShellSettings()
    for path in paths:
        settings.read(root, path)
    return settings
