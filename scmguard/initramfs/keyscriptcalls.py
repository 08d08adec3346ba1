"""The commands that a key script calls, in the initramfs: which of them it cannot do without, and where it looks.

Sources: POSIX.1-2017, XCU 2.9.1 (search of a command), 2.14 (``.``, ``exec``), ``command``; a shell that does not find
a file for ``.`` ends. initramfs-tools 0.142, ``init`` and ``mkinitramfs`` (scripts are at ``/scripts``).
"""

from bisect import bisect_right
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Set, Tuple

from scmguard.folder import Folder
from scmguard.initramfs.broughtfiles import in_image
from scmguard.initramfs.copies import called_functions
from scmguard.initramfs.failures import LOST, STOPS, Failures, ends_badly
from scmguard.initramfs.programs import PATH
from scmguard.parse.initramfs_sh import Script, read_script
from scmguard.parse.sh_model import Command
from scmguard.parse.sh_values import Run, Values
from scmguard.rootfs.links import after_links

# Commands that start the command in their words.
_STARTING = frozenset(["exec", "command", "env", "nohup", "setsid", "nice", "timeout"])
_ASKING = frozenset(["command", "type", "which", "hash"])
# Without these a key comes as well: they show something, or tell somebody.
_TELLING = frozenset(
    ["plymouth", "logger", "systemd-cat", "systemd-notify", "beep", "tput", "clear", "setterm", "sync"]
)
# What people write between a failure and the end.
_SAYING = frozenset(["echo", "printf", "cat", "logger"])
_LARGEST = 256 * 1024
_MOST_CALLS = 500


class Call(NamedTuple):
    """A command that a script calls. ``sure``: whenever the script runs, and nothing is done about a failure of it.

    ``reads``: it is a file that is read with ``.``.
    """

    name: str
    command: Command
    sure: bool
    reads: bool = False


class Calls(NamedTuple):
    """The commands of a script that are none of its functions. ``path``: the folders for those without one.

    ``path`` is None where it is not known.
    """

    calls: Tuple[Call, ...]
    path: Optional[Tuple[str, ...]]


def calls(script: Script, root: Folder) -> Optional[Calls]:
    """What a script calls; None where it reads functions from files that are not known. Raises Unreadable."""
    return _Reader(script, root).read()


class _Reader:
    def __init__(self, script: Script, root: Folder) -> None:
        self._script = script
        self._root = root
        self._values = Values(script)
        self._failures = Failures(script)
        self._reached = called_functions(script)
        self._starts = [command.start for command in script.commands]
        # What runs at the end, come what may, is mostly a question for a passphrase.
        self._traps = any(
            command.name == "trap" and command.arguments[:1] not in ((), ("-",), ("",)) for command in script.commands
        )
        self._own: Set[str] = {function.name for function in script.functions}

    def read(self) -> Optional[Calls]:
        found: List[Call] = []
        for command in self._script.commands[:_MOST_CALLS]:
            if command.context.unreached:
                continue
            for words in self._values.runs(command):
                if command.name in (".", "source"):
                    path = _text(words, 1)
                    if path is None or not self._learns(path):
                        return None
                    found.append(Call(path, command, self._always(command), True))
                    continue
                sure = self._always(command) and self._fails(command)
                found += [Call(name, command, sure) for name in _names(words)]
        guarded = self._guarded()
        kept = (call for call in found if not self._is_other(call.name) and call.name.rpartition("/")[2] not in guarded)
        return Calls(tuple(kept), self._path())

    def _is_other(self, name: str) -> bool:
        return name in self._own or name.rpartition("/")[2] in _TELLING

    def _always(self, command: Command) -> bool:
        context = command.context
        return (
            not self._traps and context.always_runs and (context.function is None or context.function in self._reached)
        )

    def _fails(self, command: Command) -> bool:
        """Whether nothing but an end is made of a failure of a command."""
        number = bisect_right(self._starts, command.start)
        for other in self._script.commands[number:]:
            if other.context.function != command.context.function:
                break
            if other.name in ("exit", "return"):
                if any(word.text == "$?" for word in other.words[1:]):
                    return True
                if command.context.tested and ends_badly(other):
                    return True
                break
            if not command.context.tested or other.name not in _SAYING:
                break
        fate = self._failures.fate(command)
        return fate == STOPS or fate == LOST and not command.context.condition

    def _learns(self, path: str) -> bool:
        """Takes over the functions of a file that the script reads; False where it is not known which these are."""
        place = in_image(path)
        tries = ["usr/share/initramfs-tools/" + place, "etc/initramfs-tools/" + place]
        # The folder may be an image as well as a root file system.
        for each in [*tries, place] if place.startswith("scripts/") else [path]:
            name = after_links(self._root, each)
            status = self._root.status(name)
            source = self._root.source(name) if status and status.is_file and status.size <= _LARGEST else None
            if source is not None:
                self._own.update(function.name for function in read_script(source.path, source.data).functions)
                return True
        # What is there alone are settings; a script of functions that cannot be read is another matter.
        return place.startswith(("conf/", "etc/", "scripts/")) and place != "scripts/functions"

    def _guarded(self) -> FrozenSet[str]:
        """The names of what the script looks for before it uses it, and can do without."""
        found: Set[str] = set()
        for command in self._script.commands:
            if command.name == "alias":
                self._own.update(word.raw.partition("=")[0] for word in command.words[1:])
            asks = command.name in _ASKING or command.name in ("[", "test")
            if asks and not self._fails(command):
                for words in self._values.runs(command):
                    texts = (_text(words, number) or "" for number in range(1, len(words)))
                    found.update(text.rpartition("/")[2] for text in texts)
        return frozenset(found)

    def _path(self) -> Optional[Tuple[str, ...]]:
        """Where commands are looked for: what ``init`` exports, or what the script makes of it."""
        raw = [assignment.value.raw for assignment in self._script.assigned("PATH")]
        for command in self._script.commands:
            if command.name in ("export", "readonly"):
                raw += [word.raw[5:] for word in command.words[1:] if word.raw.startswith("PATH=")]
        if not raw:
            return PATH
        folders: List[str] = []
        for part in ":".join(raw).replace('"', "").replace("'", "").split(":"):
            if part in ("$PATH", "${PATH}"):
                folders += PATH
            elif part.startswith("/") and "$" not in part and "`" not in part:
                folders.append(in_image(part))
            else:
                return None
        return tuple(folders)


def _names(words: Run) -> Iterator[str]:
    """The name of a command, and that of one which it starts."""
    name = _text(words, 0)
    if not name or "=" in name:
        return
    yield name
    if name not in _STARTING:
        return
    if name == "command" and (_text(words, 1) or "").startswith("-"):
        return
    for number in range(1, len(words)):
        text = _text(words, number)
        if text is None:
            return
        if not text.startswith("-") and "=" not in text and not text[:1].isdigit():
            yield text
            return


def _text(words: Run, number: int) -> Optional[str]:
    fields = words[number] if number < len(words) else None
    return fields[0].text if fields is not None and len(fields) == 1 and not fields[0].pattern else None


def each_once(found: Tuple[Call, ...]) -> List[Call]:
    """The calls of each name once: the one that the script can least do without, in the order of the text."""
    named: Dict[str, Call] = {}
    for call in found:
        if call.name not in named or call.sure and not named[call.name].sure:
            named[call.name] = call
    return sorted(named.values(), key=lambda call: call.command.start)
