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
_SUFFIX = re.compile(r"\.ko(?:\.(?:gz|xz|zst|bz2|lzma))?\Z")


def module_name(path: str) -> str:
    """The name of a module's file: without folder and ``.ko…``, with underscores."""
    return _SUFFIX.sub("", path.rpartition("/")[2]).replace("-", "_")


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
    def _aliases(self) -> Tuple[Dict[str, str], List[Tuple[str, str, str]]]:
        """Aliases by name, and those that are patterns, with what they begin with in front."""
        plain: Dict[str, str] = {}
        patterns: List[Tuple[str, str, str]] = []
        text = (self._text("modules.alias") or "") + "\n" + (self._text("modules.symbols") or "")
        for line in text.split("\n"):
            words = line.split()
            if len(words) == 3 and words[0] == "alias":
                alias = words[1].replace("-", "_")
                if any(char in alias for char in "*?["):
                    # Nearly all are devices'; what they begin with tells them from names at once.
                    patterns.append((_SPECIAL.split(alias, maxsplit=1)[0], alias, words[2]))
                else:
                    plain[alias] = words[2].replace("-", "_")
        for entry in (self._text("modules.builtin.modinfo") or "").split("\0"):
            module, dot, rest = entry.partition(".")
            if dot and rest.startswith("alias="):
                plain.setdefault(rest[len("alias=") :].replace("-", "_"), module.replace("-", "_"))
        return plain, patterns

    @property
    def known(self) -> bool:
        """Whether it can be said of a name that there is no such module."""
        return self.depends is not None and self.builtin is not None

    def has(self, name: str) -> bool:
        """Whether modprobe finds something under a name: a module, one that is built in, or an alias."""
        return bool(self.named(name))

    def named(self, name: str) -> Tuple[str, ...]:
        """The modules that modprobe finds under a name, be they loadable or built in; none where it finds nothing."""
        wanted = name.replace("-", "_")
        if wanted in (self.depends or ()) or wanted in (self.builtin or ()):
            return (wanted,)
        plain, patterns = self._aliases
        if wanted in plain:
            return (plain[wanted],)
        return tuple(
            module.replace("-", "_")
            for start, alias, module in patterns
            if wanted.startswith(start) and fnmatch.fnmatchcase(wanted, alias)
        )

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
