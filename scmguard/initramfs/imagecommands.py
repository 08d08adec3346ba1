"""Commands of shell scripts that make initramfs images, and those that take live images or kernels away.

Sources: update-initramfs(8), mkinitramfs(8), dracut(8); coreutils 9.1 (rm, unlink, mv, truncate); the names under which
the firmware and its packages know kernels and images: Raspberry Pi documentation, ``config_txt/boot.adoc``, and
RPi-Distro/firmware, ``debian/initramfs/post-update.d/z50-raspi-firmware``.
"""

import re
from typing import Iterator, List, NamedTuple, Optional, Tuple

from scmguard.initramfs.buildscripts import BUILDERS
from scmguard.initramfs.shellwords import Texts
from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_model import Command, Word

# What stands in front of a command and runs it.
_WRAPPERS = frozenset(["sudo", "nice", "ionice", "env", "command", "exec", "nohup", "time", "timeout"])
_TEMPORARY = re.compile(r"(?i)te?mp|work|stag|scratch|destdir|build")
_LIVE = re.compile(
    r"(?:initrd|initramfs|uInitrd)(?:$|[^/]*)|vmlinu[xz](?:$|-[^/]*)|kernel[^/]{0,24}\.img\*?$|z?Image(?:\.gz)?$"
)
_NOT_LIVE = re.compile(
    r"(?i)[._-](?:bak|backup|back|old|orig|new|tmp|temp|prev|previous|save|saved|last|fallback|kdump|rescue|dpkg-?\w*|conf|cfg|log|lst|list|txt|"
    r"lock|sig|sha\d*|sha\d+sum|md5|md5sum|json|stamp|d|sh|py)(?![A-Za-z])|~$|tools|hook|script"
)
# A variable that nothing in the script sets, and that is a live image by its name.
_LIVE_VARIABLE = re.compile(
    r"(?i)\$\{(?:initrd|initramfs|ramdisk|(?:initrd|initramfs|ramdisk|vmlinuz|kernel)_?(?:img|image|file|path))\}\Z"
)
_NO_BOOT_FOLDER = re.compile(r"/(?:tmp|var|usr|run|dev|proc|sys|etc|root|home|lib)(?:/|\Z)")
_VERSIONED = re.compile(r"(?:initrd\.img|initrd|initramfs|vmlinu[xz])-(.+)\Z")


class Removal(NamedTuple):
    """A command that takes away a live image or kernel: what it does, and to what (as written).

    ``path`` is what the word looks like when variables are replaced; ``release`` None for a name all kernels share.
    """

    command: Command
    verb: str
    target: str
    path: str
    release: Optional[str]


class Build(NamedTuple):
    """A command that makes an image: the program, and the words that tell it for which kernel (none: for all)."""

    command: Command
    program: str
    words: Tuple[str, ...]

    def makes_again(self, removal: Removal) -> bool:
        """Whether this makes what was taken away: the files of one kernel are not made by a build for another."""
        release = removal.release
        if release is None or (not self.words and self.program == "update-initramfs"):
            return release is None
        return any(
            word == "all" or word == release or word.endswith(("-" + release, "/" + release)) for word in self.words
        )


def program_of(command: Command) -> Tuple[Optional[str], Tuple[Word, ...]]:
    """The name of what a command starts, as it is written, and its arguments; ``sudo`` and such left out."""
    words = command.words
    while len(words) > 1 and words[0].text in _WRAPPERS:
        if words[0].text == "command" and words[1].text in ("-v", "-V"):
            return "command", words[1:]
        words = words[1:]
        while len(words) > 1 and re.match(r"-|\d|\w+=", words[0].text):
            words = words[1:]
    return (words[0].literal if words else None), words[1:]


def build_of(command: Command, texts: Texts) -> Optional[Build]:
    """The build that a command is; None for any other command (``update-initramfs -d`` among them)."""
    name, arguments = program_of(command)
    program = (name or "").rpartition("/")[2]
    if program not in BUILDERS or any(word.text in ("--help", "--version", "-h") for word in arguments):
        return None
    words = tuple(texts.one(word, command) for word in arguments)
    return _update(command, words) if program == "update-initramfs" else Build(command, program, words)


# Options of update-initramfs that take a value.
_WITH_VALUE = "kbs"


def _update(command: Command, words: Tuple[str, ...]) -> Optional[Build]:
    """What ``update-initramfs`` does with these arguments; with some that are not known it may build."""
    releases: Tuple[str, ...] = ()
    builds, waiting = False, ""
    for word in words:
        if waiting:
            releases = (word,) if waiting == "k" else releases
            waiting = ""
            continue
        builds = builds or word.startswith("$")
        letters = word[1:] if re.match(r"-[a-z]", word) else ""
        for number, letter in enumerate(letters):
            if letter == "d":
                return None
            builds = builds or letter in "cu"
            if letter in _WITH_VALUE:
                rest = letters[number + 1 :]
                waiting = "" if rest else letter
                releases = (rest,) if rest and letter == "k" else releases
                break
    return Build(command, "update-initramfs", releases) if builds else None


def removals(script: Script, texts: Texts, command: Command) -> Iterator[Removal]:
    """The live images and kernels that a command takes away."""
    name, arguments = program_of(command)
    program = (name or "").rpartition("/")[2]
    if program in ("rm", "unlink"):
        yield from _each(texts, command, _operands(arguments), "removes")
    elif program == "mv":
        yield from _moved(script, texts, command, list(_operands(arguments)))
    elif program == "truncate" and any(re.match(r"(?:-s|--size=)?0\Z", word.text) for word in arguments):
        yield from _each(texts, command, _operands(arguments), "empties")
    elif program == "cp" and arguments and any(word.text == "/dev/null" for word in arguments[:-1]):
        yield from _each(texts, command, arguments[-1:], "empties")
    if name in (None, ":", "true"):
        for redirection in command.redirections:
            if redirection.operator in (">", ">|") and redirection.descriptor in (None, 1):
                yield from _each(texts, command, (redirection.target,), "empties")


def puts(command: Command, texts: Texts) -> Tuple[str, ...]:
    """The paths that a command writes a file to: with ``cp``, ``mv``, ``ln``, ``install``, or by a redirection."""
    name, arguments = program_of(command)
    found: Tuple[str, ...] = ()
    if (name or "").rpartition("/")[2] in ("cp", "mv", "ln", "install") and len(_operands(arguments)) > 1:
        *sources, target = [texts.one(word, command) for word in _operands(arguments)]
        found = (target, *(target.rstrip("/") + "/" + source.rpartition("/")[2] for source in sources))
    if command.words and name not in (":", "true"):
        found += tuple(
            texts.one(each.target, command) for each in command.redirections if each.operator.startswith(">")
        )
    return found


def _operands(arguments: Tuple[Word, ...]) -> Tuple[Word, ...]:
    texts = [word.text for word in arguments]
    if "--" in texts:
        return arguments[texts.index("--") + 1 :]
    return tuple(word for word in arguments if not word.text.startswith("-"))


def _each(texts: Texts, command: Command, words: Tuple[Word, ...], verb: str) -> Iterator[Removal]:
    for word in words:
        found = _live(texts, command, word)
        if found is not None:
            yield Removal(command, verb, word.text, found, _release(found))


def _moved(script: Script, texts: Texts, command: Command, words: List[Word]) -> Iterator[Removal]:
    """Live files that go to where nothing boots from. One that the script puts back counts as not moved."""
    if len(words) < 2 or _live(texts, command, words[-1]) is not None:
        return
    target = texts.one(words[-1], command)
    for word in words[:-1]:
        found = _live(texts, command, word)
        if found is None or found.rpartition("/")[0] == target.rstrip("/"):
            continue
        if not any(_puts_back(texts, other, target) for other in script.commands if other.start > command.start):
            yield Removal(command, "moves away", word.text, found, _release(found))


def _puts_back(texts: Texts, command: Command, backup: str) -> bool:
    """Whether a command moves or copies a file back from where it was put."""
    name, arguments = program_of(command)
    if (name or "").rpartition("/")[2] not in ("mv", "cp", "ln"):
        return False
    words = [texts.one(word, command) for word in _operands(arguments)]
    return any(word == backup or word.startswith(backup.rstrip("/") + "/") for word in words[:-1])


def _release(path: str) -> Optional[str]:
    match = _VERSIONED.match(path.rpartition("/")[2])
    return None if match is None or match.group(1).startswith("*") else match.group(1).rstrip("*")


def _live(texts: Texts, command: Command, word: Word) -> Optional[str]:
    """The path that a word stands for, if it is a live image or kernel; None for anything else, or what may be else."""
    every = texts.all(word, command)
    found = [text for text in every if _is_live(text, texts.in_boot_folder(command))]
    return found[-1] if found and not any(_is_temporary(text) for text in every) else None


def _is_temporary(text: str) -> bool:
    if "mktemp" in text or text.startswith("/run/") or re.search(r"(?:\A|/)tmp/", text) is not None:
        return True
    first = re.match(r"\$\{(\w+)\}", text)
    return first is not None and _TEMPORARY.search(first.group(1)) is not None and "boot" not in first.group(1).lower()


def _is_live(text: str, in_boot_folder: bool) -> bool:
    folder, slash, name = text.rpartition("/")
    if _LIVE_VARIABLE.match(name) is not None:
        return True
    if _LIVE.match(name) is None or _NOT_LIVE.search(name) is not None:
        return False
    if not slash:
        return in_boot_folder
    if folder.startswith("$"):
        # Where it is not known which folder it is, a name without an ending may be a folder to build in.
        return name not in ("initrd", "initramfs", "Image", "zImage")
    if not folder.startswith("/") or _NO_BOOT_FOLDER.match(folder) is not None:
        return False
    return "boot" in folder or "firmware" in folder
