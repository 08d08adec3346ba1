"""The line ``#!`` of hooks, boot scripts and files of run-parts: whether what it names is there where they run.

Sources: execve(2) and Linux, ``fs/binfmt_script.c`` (the interpreter, and all behind it as one argument; a line feed
alone ends the line); env(1), ``-S``; initramfs-tools 0.142, ``mkinitramfs`` (its PATH) and ``hook-functions``
(call_scripts). Tried out on Debian 12 with dash, bash and env: each form said below ends with status 127 or 2, and
mkinitramfs with it; a boot script is not found at boot.
"""

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts, is_encrypted
from scmguard.checks.initramfs.hookfiles import OTHER_STAGES, named, whole
from scmguard.folder import Folder
from scmguard.initramfs.copies import copies
from scmguard.initramfs.facts import RootFacts
from scmguard.initramfs.runparts import runner
from scmguard.initramfs.tools import Entry, in_image
from scmguard.parse.initramfs_sh import Script
from scmguard.rootfs.links import is_program
from scmguard.text import Source

# Where mkinitramfs and what it calls look for a program, and where others do as well.
_PATH = ("usr/bin", "sbin", "bin")
_LONG_PATH = (*_PATH, "usr/local/sbin", "usr/local/bin", "usr/sbin")
_SHELLS = frozenset(["sh", "dash", "ash", "bash"])
# What is in an image without anybody's doing; all but sh is busybox's, which may be missing.
_IN_IMAGE = frozenset(["sh", "ash", "busybox", "env", "awk", "sed"])
_IMAGE_PATH = ("/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/")
_SPLIT = re.compile(r"-[0iv]*S|--split-string=")


class _Line(NamedTuple):
    """A line ``#!`` as the kernel takes it: the program, and its argument."""

    program: str
    argument: str

    @property
    def is_env(self) -> bool:
        return self.program.rpartition("/")[2] == "env"

    @property
    def words(self) -> List[str]:
        """What env is to run, in words; with ``-S`` it splits them."""
        split = _SPLIT.match(self.argument)
        if split is not None:
            return [word for word in self.argument[split.end() :].split() if "=" not in word and word[0] != "-"]
        return [self.argument] if self.argument and self.argument[0] != "-" else []


def hook_bad_interpreter(context: Context, _params: Params) -> Iterator[Hit]:
    """Scripts whose interpreter is not there, or is given what it does not take. Raises Unreadable."""
    found = builder_facts(context)
    if found is None:
        return
    severity = None if is_encrypted(context) else "degraded"
    for entry, script in _run(found.hooks):
        reason = _on_host(found.root, script, _PATH)
        if reason is not None:
            message = "mkinitramfs cannot run this hook, and builds no image: {}"
            yield _hit(entry, script, message.format(reason), severity)
        elif script.text.startswith("\ufeff#!"):
            message = "a byte order mark before #! makes it no #!: sh runs this hook, and stumbles at the first line"
            yield _hit(entry, script, message, "hygiene")
    brought: Dict[str, bool] = {}
    for entry, script in _run(in_image(found.boot_scripts)):
        reason = _in_image(found, script, brought)
        if reason is not None:
            milder = "degraded" if entry.stage in OTHER_STAGES else severity
            yield _hit(entry, script, "this script cannot run at boot: {}".format(reason), milder)
    for entry in found.run_parts:
        part = entry.script if entry.is_taken else None
        reason = None if part is None else _on_host(found.root, part, _LONG_PATH) or _no_line(part)
        if part is not None and reason is not None:
            message = "run-parts cannot run this file when {} calls it, and fails: {}"
            yield _hit(entry, part, message.format(runner(entry), reason), "degraded")


def _run(entries: Tuple[Entry, ...]) -> Iterator[Tuple[Entry, Script]]:
    """The entries that are run; what sh refuses is not."""
    for entry in entries:
        script = entry.script if entry.is_taken else None
        if script is not None and script.tree is not None:
            yield entry, script


def _hit(entry: Entry, script: Script, message: str, severity: Optional[str]) -> Hit:
    source: Source = script.source
    if not source.lines:
        return whole(entry, message, severity)
    return Hit(source, source.span(1), message, severity=severity, boardless=True)


def _line(script: Script) -> Optional[_Line]:
    found = script.interpreter
    return None if found is None else _Line(*found)


def _no_line(script: Script) -> Optional[str]:
    # An ELF program is none of ours.
    if script.text.startswith("\x7fELF") or "\0" in script.text:
        return None
    return None if script.text.startswith("#!") else "it does not begin with #!"


def _wrong(script: Script, line: _Line) -> Optional[str]:
    """What is wrong with a line ``#!`` wherever the script runs."""
    if script.source.lines[0].ending.startswith("\r"):
        last = named(line.argument.split("\r")[0].strip() or line.program)
        return "its first line ends in a carriage return, which the kernel takes for a part of {}".format(last)
    if not line.program.startswith("/"):
        return "#!{} is no absolute path".format(named(line.program))
    argument = line.argument.strip()
    if line.is_env:
        if len(argument.split()) > 1 and not _SPLIT.match(argument):
            return "env takes {!r} for one word; only with -S it splits that".format(named(argument))
    elif line.program.rpartition("/")[2] in _SHELLS and (len(argument.split()) > 1 or argument[:1] not in ("", "-")):
        return "the shell gets {!r} as one argument".format(named(argument))
    return None


def _on_host(root: Folder, script: Script, path: Tuple[str, ...]) -> Optional[str]:
    """Why a script cannot run on the root file system; None where it can, or has no ``#!``."""
    line = _line(script)
    if line is None:
        return None
    wrong = _wrong(script, line)
    if wrong is not None or not is_program(root, "bin/sh"):
        # Without a shell, the root file system is not here as a whole.
        return wrong
    if not is_program(root, line.program):
        return "{} is not there".format(named(line.program))
    for word in line.words[:1] if line.is_env else ():
        places = [word] if word.startswith("/") else ["{}/{}".format(folder, word) for folder in path]
        if not any(is_program(root, place) for place in places):
            return "env finds no {} in {}".format(named(word), ":".join("/" + folder for folder in path))
    return None


def _in_image(found: RootFacts, script: Script, brought: Dict[str, bool]) -> Optional[str]:
    """Why a boot script cannot run in the image; None where it can, or has no ``#!``.

    ``brought`` keeps which programs hooks bring.
    """
    line = _line(script)
    if line is None:
        return None
    wrong = _wrong(script, line)
    if wrong is not None or found.partial:
        # Hooks that are not here may bring any program.
        return wrong
    programs = [line.program, *(line.words[:1] if line.is_env else ())]
    for program in programs:
        folder, _, name = program.rpartition("/")
        of_image = name in _IN_IMAGE and (not folder or program in {each + name for each in _IMAGE_PATH})
        if of_image:
            continue
        if name not in brought:
            brought[name] = _is_brought(found, name)
        if not brought[name]:
            return "no hook copies {} into the image".format(named(program))
    return None


def _is_brought(found: RootFacts, name: str) -> bool:
    """Whether a hook copies a file of that name into the image, or may: it copies something, and has the name in it."""
    word = re.compile(r"(?<![\w.-]){}(?![\w.-])".format(re.escape(name)))
    for _entry, script in _run(found.hooks):
        for copy in copies(script):
            if not copy.brings_files:
                continue
            paths = [field.text for field in copy.sources or ()] + [copy.target or ""]
            if any(path.rpartition("/")[2] == name for path in paths):
                return True
            if copy.sources is None and word.search(script.text, script.text.find("\n")):
                return True
    return False
