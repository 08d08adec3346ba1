"""What hooks of initramfs-tools copy into the image: failures that nobody notices, and files that are not there.

Sources: initramfs-tools 0.142, ``hook-functions`` (copy_exec, copy_file: a missing source shows in the status alone)
and ``scripts/functions`` (call_scripts: the status of a hook stops the build, ``set -e`` is not passed on to hooks);
tried out on Debian 12.
"""

import re
from typing import Dict, Iterator, List, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts, is_encrypted, running_hooks
from scmguard.finding import Related
from scmguard.initramfs.conf import is_installed
from scmguard.initramfs.copies import copies
from scmguard.initramfs.copysources import CopySources, Lack
from scmguard.initramfs.failures import HANDLED, LOST, Failures
from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_model import Command, Word
from scmguard.text import printable, shortened

_MOST_RELATED = 8
# Of copies in one hook; real ones have up to 40.
_MOST_COPIES = 400
_MOST_NAMES = 3
_PLURAL = {"is": "are", "matches": "match"}
# Commands that look for a file.
_LOOKING = frozenset(["[", "test", "command", "which", "type"])
# Programs that print paths of files that are there, as far as other programs only take some of their lines. Those of
# ldconfig want to be taken out of its lines.
_FILTERS = r"[^;&|\n]*(?:\|\s*(?:sort|uniq|head|tail|grep)\b[^;&|\n]*)*"
_FOUND = r"(?:/usr)?(?:/s?bin/)?(?:ldconfig\b[^;&\n]*|find\b" + _FILTERS + ")"
_LISTING = re.compile(r"(?:\$\(|`)\s*" + _FOUND + r"[)`]\Z")
_PIPED = re.compile(r"^[ \t]*" + _FOUND + r"\|\s*while\s+\Z", re.MULTILINE)
_FAR = 2000
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?\Z")
_BELOW = ("$DESTDIR", "${DESTDIR}", "-")
_BRACES = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def hook_unchecked_copy(context: Context, _params: Params) -> Iterator[Hit]:
    """Hooks of the administrator with copies that may fail without anybody noticing; one hit a hook."""
    found = builder_facts(context)
    if found is None:
        return
    severity = None if is_encrypted(context) else "hygiene"
    for entry, script in running_hooks(found):
        # What packages bring is theirs: who changed it there would lose that with the next version.
        lost = [] if entry.packaged else _lost(script)
        if not lost:
            continue
        (first, names), *others = lost
        message = "nobody notices where this fails: the image is then built without {}, and the status is 0"
        message = message.format(_listed(names) if names else "it")
        related = tuple(
            Related(script.place(each), "the same goes for this copy") for each, _ in others[:_MOST_RELATED]
        )
        yield Hit(script.source, script.place(first), message, related=related, severity=severity, boardless=True)


def _lost(script: Script) -> List[Tuple[Command, List[str]]]:
    """The commands whose failure nobody gets to know, each with what it copies; but those that look for files first.

    Firmware does not count: the status of add_firmware says whether there is any, and most hooks need not care.
    """
    failures = Failures(script)
    found: Dict[int, Tuple[Command, List[str]]] = {}
    for copy in copies(script)[:_MOST_COPIES]:
        command = copy.command
        if not copy.brings_files or command.context.unreached:
            continue
        if command.start in found or failures.fate(command) == LOST and not _is_there(script, command):
            names = found.setdefault(command.start, (command, []))[1]
            names += [field.text for field in copy.sources or ()]
    return list(found.values())


def _is_there(script: Script, command: Command) -> bool:
    """Whether what a command takes is there, as far as the hook can tell."""
    return _looked_for(script, command) or _is_listed(script, command)


def _is_listed(script: Script, command: Command) -> bool:
    """Whether a command takes what a program has just found: ``for f in $(find …)``, ``find … | while read -r f``."""
    words = [_VARIABLE.match(word.text) for word in _sources(command) if not word.text.startswith(_BELOW)]
    names = {match.group(1) if match else "" for match in words}
    if len(names) != 1 or names == {""}:
        return False
    name = names.pop()
    for loop in reversed(command.context.loops):
        if loop.name == name:
            return bool(loop.words) and all(_LISTING.match(word.raw) for word in loop.words or ())
    for other in reversed(script.commands):
        if other.start < command.start and other.name == "read" and name in other.arguments:
            return (
                other.context.pipeline
                and _PIPED.search(script.text[: other.start], max(0, other.start - _FAR)) is not None
            )
    return False


def _looked_for(script: Script, command: Command) -> bool:
    """Whether a command before this one looks whether there is what this one takes, as in ``[ -e "$file" ]``."""
    words = [word for word in map(_plain, _sources(command)) if not word.startswith("$DESTDIR")]
    for other in script.commands:
        if other.start >= command.start:
            return False
        if other.name in _LOOKING and other.context.function == command.context.function:
            for target in (_plain(word) for word in other.words[1:]):
                if any(char in target for char in "/$") and any(
                    (word + "/").startswith(target + "/") for word in words
                ):
                    return True
    return False


def _sources(command: Command) -> Tuple[Word, ...]:
    """The words of a command that may name what it copies."""
    if command.name == "copy_exec":
        return command.words[1:2]
    return command.words[2:3] if command.name == "copy_file" else command.words[1:]


def _plain(word: Word) -> str:
    """A word without quotes, its variables written in one way."""
    return _BRACES.sub(r"$\1", word.text)


def _listed(names: List[str]) -> str:
    said = [shortened(printable(name), 80) for name in names[:_MOST_NAMES]]
    if len(names) > _MOST_NAMES:
        return "{} and {} more".format(", ".join(said), len(names) - _MOST_NAMES)
    return " and ".join(filter(None, [", ".join(said[:-1]), said[-1]]))


def hook_copies_missing_file(context: Context, _params: Params) -> Iterator[Hit]:
    """Copies that every run of a hook makes, of what is not there; one hit a hook for those that end alike."""
    found = builder_facts(context)
    if found is None or not is_installed(found.root):
        return
    sources = CopySources(found.root)
    severity = None if is_encrypted(context) else "degraded"
    for entry, script in running_hooks(found):
        failures = Failures(script)
        hits: Dict[str, Hit] = {}
        for command, lacks in _lacks(script, sources):
            fate = failures.fate(command)
            if fate == HANDLED or fate == LOST and entry.packaged or _looked_for(script, command):
                continue
            place, what = script.place(command), _of_lacks(lacks)
            if fate not in hits:
                message = what + ": " + (_UNNOTICED if fate == LOST else _STOPS).format(command.name)
                hits[fate] = Hit(script.source, place, message, severity=severity, boardless=True)
            elif len(hits[fate].related) < _MOST_RELATED:
                hits[fate] = hits[fate]._replace(related=(*hits[fate].related, Related(place, what)))
        yield from hits.values()


_UNNOTICED = "{} fails, nobody notices, and the image is built without"
_STOPS = "{} fails, with it the hook, and mkinitramfs builds no image"


def _lacks(script: Script, sources: CopySources) -> Iterator[Tuple[Command, List[Lack]]]:
    """The commands that always run and copy what is not there."""
    moves = any(command.name in ("cd", "pushd") for command in script.commands)
    found: Dict[int, Tuple[Command, List[Lack]]] = {}
    for copy in copies(script)[:_MOST_COPIES]:
        if not (copy.sure and copy.brings_files):
            continue
        for lack in sources.lacks(copy):
            is_relative = not lack.text.startswith("/")
            if is_relative and moves or _is_made(script, copy.command, lack.text):
                continue
            if is_relative:
                lack = lack._replace(reason="is looked for in the folder that update-initramfs is started in")
            found.setdefault(copy.command.start, (copy.command, []))[1].append(lack)
    yield from found.values()


def _is_made(script: Script, command: Command, path: str) -> bool:
    """Whether a command before this one may make the file: it names it, and neither looks for it nor copies it."""
    names = {path, *(word for word in map(_plain, _sources(command)) if "$" in word)}
    names = {name for name in names if not name.startswith("$DESTDIR")}
    for other in script.commands:
        if other.start >= command.start:
            return False
        targets = [redirection.target for redirection in other.redirections if ">" in redirection.operator]
        if other.name not in _LOOKING and other.name not in ("copy_exec", "copy_file"):
            targets += other.words[1:]
        if any(_plain(word) in names for word in targets):
            return True
    return False


def _of_lacks(lacks: List[Lack]) -> str:
    """What is missing, and why; the first reason, where there are several."""
    reason = lacks[0].reason
    names = [lack.text for lack in lacks if lack.reason == reason]
    verb, _, rest = reason.partition(" ")
    return "{} {} {}".format(_listed(names), verb if len(names) == 1 else _PLURAL.get(verb, verb), rest)
