"""Settings kept as assignments in files that a shell reads with ``.``: what holds in the end, and which line won.

initramfs-tools, raspi-firmware, flash-kernel and cryptsetup's hook are configured so. A value is known if the line that
gives it always runs and uses nothing unknown. Sources: POSIX.1-2017, XCU 2.9.1, 2.14 (``.``, ``export``, ``unset``).
"""

from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.folder import Folder
from scmguard.parse.initramfs_sh import Script, read_script
from scmguard.parse.sh_model import Command, Word
from scmguard.parse.sh_values import evaluated
from scmguard.text import Source, Span

# A file may read another; one that reads itself never ends.
_DEPTH = 8
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

    def read(self, root: Folder, path: str, depth: int = 0) -> None:
        """Takes a file over; nothing where there is none. Raises Unreadable."""
        status = root.status(path)
        if status is None or not status.is_file or status.size > _LARGEST or depth > _DEPTH:
            return
        source = root.source(path)
        if source is None:
            return
        self.files.append(path)
        script = read_script(source.path, source.data)
        if script.tree is None:
            self.refused.append(script)
        for command in script.commands:
            self._run(root, script, command, depth)

    def _run(self, root: Folder, script: Script, command: Command, depth: int) -> None:
        context = command.context
        if context.function or context.subshell or context.substitution or context.pipeline or context.unreached:
            return
        for assignment in command.assignments:
            if assignment.alone:
                self._set(script, command, assignment.name, assignment.value)
        if command.name in ("export", "readonly"):
            for word in command.words[1:]:
                name, equals, _ = word.raw.partition("=")
                if equals:
                    value = word._replace(raw=word.raw[len(name) + 1 :], start=word.start + len(name) + 1)
                    self._set(script, command, name, value)
        elif command.name == "unset" and context.always_runs:
            for argument in command.arguments:
                self._places.pop(argument or "", None)
        elif command.name == "." and len(command.words) > 1 and context.always_runs:
            other = evaluated(command.words[1], self._known)
            if other is not None and other.startswith("/"):
                self.read(root, other.strip("/"), depth + 1)

    def _known(self, name: str) -> Optional[str]:
        found = self.find(name)
        return None if found is None else found.value

    def _set(self, script: Script, command: Command, name: str, value: Word) -> None:
        line, column = script.position(command.start)
        end = script.source.line_text(line)
        span = Span(script.source.path, line, column, line, len(end.rstrip()) + 1)
        found = evaluated(value, self._known)
        self._places.setdefault(name, []).append(Place(script.source, span, found))
        self._doubtful[name] = not command.context.always_runs or bool(command.context.loops)


def read_settings(root: Folder, paths: Iterable[str]) -> ShellSettings:
    """What holds after the files are read one after the other. Raises Unreadable."""
    settings = ShellSettings()
    for path in paths:
        settings.read(root, path)
    return settings
