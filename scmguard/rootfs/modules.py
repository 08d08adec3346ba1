"""The modules of one kernel release: which there are, which are built in, what each takes.

Source: depmod(8), modprobe(8), modules.dep(5), kmod 30 (``libkmod/libkmod.c``: names with ``-`` and ``_`` are equal; a
name is looked up as an alias before as a module). Aliases of what is built in are in modules.builtin.modinfo (since
Linux 5.2), from which depmod makes modules.builtin.alias.bin. The files are read when they are asked for.
"""

import fnmatch
import re
from functools import cached_property
from typing import Callable, Dict, FrozenSet, List, Optional, Set, Tuple

from scmguard.folder import Folder

_SPECIAL = re.compile(r"[*?\[]")
# A device's alias has a few; more of them are no alias, and would take their time.
_MOST_RANGES = 64
_DASH = re.compile(r"\[[^][]*\]|-")
_SUFFIX = re.compile(r"\.ko(?:\.(?:gz|xz|zst|bz2|lzma))?\Z")


def module_name(path: str) -> str:
    """The name of a module's file: without folder and ``.ko…``, with underscores."""
    return _SUFFIX.sub("", path.rpartition("/")[2]).replace("-", "_")


def _underscored(alias: str) -> str:
    """A name or alias with underscores; a dash in brackets stays, as it is a range there."""
    if "[" not in alias:
        return alias.replace("-", "_")
    return _DASH.sub(lambda match: "_" if match.group() == "-" else match.group(), alias)


class _Aliases:
    """Aliases, some of them patterns, with the modules that they mean."""

    def __init__(self) -> None:
        self._plain: Dict[str, List[str]] = {}
        # Nearly all patterns are devices'; what they begin with tells them from names at once.
        self._patterns: List[Tuple[str, str, str]] = []

    def add(self, alias: str, module: str) -> None:
        if alias.count("[") > _MOST_RANGES:
            return
        alias, module = _underscored(alias), module.replace("-", "_")
        if _SPECIAL.search(alias):
            self._patterns.append((_SPECIAL.split(alias, maxsplit=1)[0], alias, module))
        else:
            self._plain.setdefault(alias, []).append(module)

    def find(self, wanted: str) -> Tuple[str, ...]:
        found = list(self._plain.get(wanted, ()))
        for start, alias, module in self._patterns:
            if wanted.startswith(start) and fnmatch.fnmatchcase(wanted, alias):
                found.append(module)
        return tuple(dict.fromkeys(found))


class Modules:
    """The modules of a release. ``text`` gives a file of its folder by name (``modules.dep``), None where it is not.

    Reading may raise what ``text`` raises (Unreadable).
    """

    def __init__(self, release: str, text: Callable[[str], Optional[str]]) -> None:
        self.release = release
        self._text = text

    @classmethod
    def of_folder(cls, release: str, root: Folder, path: str) -> "Modules":
        """Those in a folder of a root file system."""

        def text(name: str) -> Optional[str]:
            source = root.source("{}/{}".format(path, name))
            return None if source is None else source.text

        return cls(release, text)

    @cached_property
    def depends(self) -> Optional[Dict[str, Tuple[str, ...]]]:
        """The names of loadable modules, each with the names that it takes; None where there is no modules.dep."""
        text = self._text("modules.dep")
        if text is None:
            return None
        found: Dict[str, Tuple[str, ...]] = {}
        for line in text.split("\n"):
            path, colon, others = line.partition(":")
            if colon:
                found[module_name(path)] = tuple(module_name(other) for other in others.split())
        return found

    @cached_property
    def folders(self) -> Dict[str, str]:
        """The folders that loadable modules are in, as modules.dep has them (``kernel/fs/ext4``), by module."""
        found: Dict[str, str] = {}
        for line in (self._text("modules.dep") or "").split("\n"):
            path, colon, _ = line.partition(":")
            if colon:
                found[module_name(path)] = path.rpartition("/")[0]
        return found

    @cached_property
    def builtin(self) -> Optional[FrozenSet[str]]:
        """The names of what is built into the kernel; None where there is no modules.builtin."""
        text = self._text("modules.builtin")
        return None if text is None else frozenset(module_name(line) for line in text.split())

    @cached_property
    def _aliases(self) -> Tuple["_Aliases", "_Aliases"]:
        """The aliases of loadable modules, and of those that are built in."""
        loadable, builtin = _Aliases(), _Aliases()
        for line in ((self._text("modules.alias") or "") + "\n" + (self._text("modules.symbols") or "")).split("\n"):
            words = line.split()
            if len(words) == 3 and words[0] == "alias":
                loadable.add(words[1], words[2])
        for entry in (self._text("modules.builtin.modinfo") or "").split("\0"):
            module, dot, rest = entry.partition(".")
            if dot and rest.startswith("alias="):
                builtin.add(rest[len("alias=") :], module)
        return loadable, builtin

    @property
    def known(self) -> bool:
        """Whether it can be said of a name that there is no such module."""
        return self.depends is not None and self.builtin is not None

    def has(self, name: str) -> bool:
        """Whether modprobe finds something under a name: a module, one that is built in, or an alias."""
        return bool(self.named(name))

    def named(self, name: str) -> Tuple[str, ...]:
        """The modules that modprobe finds under a name, be they loadable or built in; none where it finds nothing."""
        wanted = _underscored(name)
        if wanted in (self.depends or ()) or wanted in (self.builtin or ()):
            return (wanted,)
        loadable, builtin = self._aliases
        return loadable.find(wanted) or builtin.find(wanted)

    def is_builtin(self, name: str) -> bool:
        """Whether the kernel has it without loading anything."""
        return name.replace("-", "_") in (self.builtin or ())

    def with_dependencies(self, names: Set[str]) -> Set[str]:
        """Those loadable modules, and all that they take. (modules.dep lists what a module takes down to the last.)"""
        found: Set[str] = set()
        for name in names:
            wanted = name.replace("-", "_")
            if self.depends is not None and wanted in self.depends:
                found.add(wanted)
                found.update(self.depends[wanted])
        return found
