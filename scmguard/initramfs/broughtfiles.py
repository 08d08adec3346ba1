"""The places in an image at which a hook puts files, as far as its text tells, and where it may put others.

A name of a file that the text does not tell makes all of its folder doubtful; a folder that it does not tell, all of
the image. Source: initramfs-tools 0.142, ``hook-functions`` (copy_file: a target that is a folder takes the name of the
source) and ``mkinitramfs`` (``bin``, ``sbin`` and ``lib*`` are links into ``usr``, whatever the root file system has).
"""

import re
from fnmatch import fnmatchcase
from typing import FrozenSet, Iterable, Iterator, NamedTuple, Optional, Set, Tuple

from scmguard.folder import Folder
from scmguard.initramfs.copies import Copy, copies
from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_model import Command
from scmguard.parse.sh_values import Field, Values
from scmguard.rootfs.links import after_links

# Stands for the value of DESTDIR, which no text has.
_DESTDIR = "\x01"
_COPYING = frozenset(["cp", "install", "rsync", "copy_exec", "copy_file"])
# Commands that are given paths in the image and leave no program there.
_HARMLESS = frozenset(
    [
        "mkdir",
        "rmdir",
        "rm",
        "[",
        "test",
        "chmod",
        "chown",
        "chgrp",
        "touch",
        "sed",
        "grep",
        "cmp",
        "mktemp",
        "ls",
        "du",
    ]
    + ["stat", "echo", "printf", "cat", "export", "depmod", "ldconfig", "readlink", "realpath", "basename", "dirname"]
)
# Commands whose last word is what they make, where it is no folder.
_MAKING = frozenset(["ln", "mv", "tee", "mknod", "gzip", "dd"])
# Files that are read with "." and bring nothing by themselves.
_LIBRARY = re.compile(r"/usr/share/initramfs-tools/|/lib/cryptsetup/functions\Z|/usr/lib/cryptsetup/functions\Z|/etc/")


def in_image(path: str) -> str:
    """A path in an image in one spelling: without ``/`` in front, and without ``usr/`` where the two are one."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if len(parts) > 1 and parts[0] == "usr" and (parts[1] in ("bin", "sbin") or parts[1].startswith("lib")):
        parts = parts[1:]
    return "/".join(parts)


class Brought(NamedTuple):
    """``files``: what is brought, as paths in the image. ``doubtful``: folders with patterns for names of files that
    may be brought to them or below; an empty folder is the whole image.
    """

    files: FrozenSet[str]
    doubtful: FrozenSet[Tuple[str, str]]

    def has(self, path: str) -> Optional[bool]:
        """Whether there is a file at a path; None where there may be one."""
        if path in self.files:
            return True
        folder, _, name = path.rpartition("/")
        for place, pattern in self.doubtful:
            inside = not place or folder == place or folder.startswith(place + "/")
            if inside and fnmatchcase(name, pattern):
                return None
        return False


class _Collector:
    def __init__(self) -> None:
        self.files: Set[str] = set()
        self.doubtful: Set[Tuple[str, str]] = set()

    def into(self, target: str, source: str) -> None:
        """A file of that name is put at the target, or into it where it is a folder."""
        self.files.update((in_image(target), in_image(target + "/" + source.rstrip("/").rpartition("/")[2])))

    def anything(self, folder: str = "", pattern: str = "*") -> None:
        self.doubtful.add((in_image(folder), pattern))


def brought(script: Script, root: Folder) -> Brought:
    """What a hook brings. ``root`` tells which of its sources are folders. Raises Unreadable."""
    found = _Collector()
    for copy in copies(script):
        if copy.brings_files:
            _copied(copy, root, found)
    values = Values(script, {"DESTDIR": _DESTDIR})
    for command in script.commands:
        if command.name not in _COPYING:
            _otherwise(command, values, found)
        for redirection in command.redirections:
            text = values.value(redirection.target)
            if text is not None and text.startswith(_DESTDIR):
                found.files.add(in_image(text[1:]))
    return Brought(frozenset(found.files), frozenset(found.doubtful))


def _copied(copy: Copy, root: Folder, found: _Collector) -> None:
    if copy.sources is None or copy.target is None:
        # for so in $(ldconfig -p | sed ...); do copy_exec "$so"; done
        words = [word.raw for loop in copy.command.context.loops for word in loop.words or ()]
        libraries = bool(words) and all("ldconfig" in word or ".so" in word for word in words)
        found.anything(copy.target or "", "*.so*" if libraries else "*")
        return
    for field in copy.sources:
        name = field.text.rstrip("/").rpartition("/")[2]
        if field.pattern:
            found.anything(copy.target, name if "/" not in name else "*")
        else:
            found.into(copy.target, field.text)
            status = root.status(after_links(root, field.text)) if copy.kind not in ("copy_exec", "copy_file") else None
            if status is not None and status.kind == "folder":
                found.anything(copy.target)


def _otherwise(command: Command, values: Values, found: _Collector) -> None:
    """What a command brings that is not one of those that copy."""
    if command.name in _HARMLESS:
        return
    for words in values.runs(command):
        if command.name == ".":
            library = _text(words[1]) if len(words) > 1 else None
            if library is None or not _LIBRARY.match(library):
                found.anything()
            continue
        for word, fields in zip(command.words[1:], words[1:]):
            if fields is None and "DESTDIR" in word.raw:
                found.anything()
        inside = list(_inside(words[1:]))
        if command.name in _MAKING:
            sources = [text for text in (_text(fields) for fields in words[1:]) if text]
            for target in inside:
                for source in sources:
                    found.into(target, source)
        elif command.name != "find" or any(word.text.startswith("-exec") for word in command.words):
            for target in inside:
                found.anything(target)


def _inside(words: Iterable[Optional[Tuple[Field, ...]]]) -> Iterator[str]:
    """The paths in the image among words, also behind an equals sign (``--root=$DESTDIR``)."""
    for fields in words:
        for field in fields or ():
            if _DESTDIR in field.text:
                yield field.text.partition(_DESTDIR)[2]


def _text(fields: Optional[Tuple[Field, ...]]) -> Optional[str]:
    return fields[0].text if fields is not None and len(fields) == 1 and not fields[0].pattern else None
