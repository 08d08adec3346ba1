"""From the files of a repository to the boot trees that they belong to.

A file belongs to a boot tree if it is a boot file by name (:mod:`scmguard.repository.kinds`), or if a config.txt of its
folder, or of one above, names it: an ``include``, the file of ``cmdline=``, an overlay. What makes the initramfs is
known by its folder, and checked as a part of a root file system.
"""

import re
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from scmguard.boot import BOOTCONF_NAMES, Boot
from scmguard.folder import Folder, MemoryFolder, Unreadable
from scmguard.inputs.gittree import GitFolder
from scmguard.parse.config_txt import Document, parse_initramfs, parse_overlay
from scmguard.repository.kinds import Name, is_fragment, is_like, of_name
from scmguard.repository.view import View
from scmguard.text import Source

#: What is checked of a part of a root file system; no file has this name.
INITRAMFS = "initramfs"
# Hooks, boot scripts and settings of initramfs-tools, and the scripts that kernels and updates run.
_INITRAMFS = re.compile(
    r"(?:(?P<root>.*)/)?(?:etc/initramfs-tools|usr/share/initramfs-tools|etc/initramfs/post-update\.d"
    r"|etc/kernel/(?:pre|post)(?:inst|rm)\.d)/."
)
# What the firmware loads; whoever has these in a folder makes a boot partition of it.
_BINARY = re.compile(
    r"(?:.*\.(?:dtbo?|elf|dat|bin)|(?:kernel|vmlinuz|zimage|image|initramfs|initrd).*)\Z", re.IGNORECASE
)
_BOOT_FOLDER = re.compile(r"(?:\A|/)[^/]*(?:boot|firmware|raspberrypi|rpi)[^/]*(?:/|\Z)", re.IGNORECASE)
_MOST_INCLUDES = 64


class Place(NamedTuple):
    """A boot tree of a repository: its folder, the kind of the file that it starts with, and that file's name there.

    Of kind ``config.txt`` the tree is all that boots with that file, of other kinds the file alone. ``cmdline`` is the
    name of the file with the kernel command line, empty where there is none.
    """

    folder: str
    kind: str
    name: str
    cmdline: str = ""

    def boot(self, top: GitFolder) -> Optional[Boot]:
        """The tree as it is in an index or a revision; None where it is not there."""
        folder = top.below(self.folder, self.kind == INITRAMFS)
        if self.kind == INITRAMFS:
            return _partial(folder)
        if self.kind == "config.txt" and self.name == self.kind and self.cmdline in ("", "cmdline.txt"):
            return Boot(folder) if _has_boot_files(folder) else None
        if not folder.exists(self.name):
            return None
        named = {self.kind: self.name}
        if self.kind == "config.txt":
            own = {**named, "cmdline.txt": self.cmdline} if self.cmdline else named
            what = of_name(self.name)
            # What stands beside several configurations is checked with the one that has no other name.
            without = () if what is not None and what.is_plain else ("autoboot.txt", "tryboot.txt")
            return Boot(View(folder, own, without if self.cmdline else (*without, "cmdline.txt")))
        start = self.kind
        if self.kind == "cmdline.txt" or self.kind in BOOTCONF_NAMES:
            start = "config.txt"
            config = _config_beside(folder, self.name)
            if config is not None:
                named["config.txt"] = config
        return Boot(View(folder, named), start=start, single=self.kind)


class Skipped(NamedTuple):
    """A file that was not taken for a boot file: its label, and why, as a clause."""

    label: str
    reason: str


class Trees:
    """The boot trees of an index or a revision."""

    def __init__(self, top: GitFolder) -> None:
        self._top = top
        self._configs: Dict[str, Tuple[str, ...]] = {}
        self._references: Dict[Tuple[str, str], Set[str]] = {}
        self._reasons: Dict[str, str] = {}

    def of(self, paths: Iterable[str], named: bool = False) -> Tuple[List[Place], List[Skipped]]:
        """The trees that the paths belong to, each once, and what was passed over. A path may be one that is gone.

        With ``named`` somebody chose the paths, so that files whose names say nothing are looked into, and not passed
        over in silence.
        """
        places: Dict[Place, None] = {}
        skipped: Dict[Skipped, None] = {}
        for path in paths:
            found = list(self._of(path, named))
            places.update((place, None) for place in found)
            reason = "" if found else self._reason(path, named)
            if reason:
                skipped[Skipped(self._top.label(path), reason)] = None
        return list(places), list(skipped)

    def _of(self, path: str, named: bool) -> Iterator[Place]:
        part = _INITRAMFS.match(path)
        if part is not None:
            yield Place(part.group("root") or "", INITRAMFS, "")
            return
        folder, _, base = path.rpartition("/")
        name = of_name(base)
        if name is not None:
            yield from self._by_name(folder, base, name)
        yield from self._readers(path)
        if name is None and named and self._judged(folder, base, Name("config.txt", (base,))):
            yield self._config(folder, base)

    def _by_name(self, folder: str, base: str, name: Name) -> Iterator[Place]:
        if not self._top.below(folder).exists(base):
            yield from self._without(folder, base, name)
        elif self._judged(folder, base, name):
            configs = self.configs(folder)
            if name.kind == "config.txt":
                if base in configs:
                    yield self._config(folder, base)
                return
            users = [self._config(folder, config) for config in configs]
            if name.kind == "cmdline.txt":
                users = [place for place in users if place.cmdline == base]
            else:
                users = [place for place in users if place.name == "config.txt" and base == name.kind]
            yield from users
            if not users and not any(base.lower() in self._named_by(folder, config) for config in configs):
                yield Place(folder, name.kind, base)

    def _without(self, folder: str, base: str, name: Name) -> Iterator[Place]:
        """The trees that a file belonged to which is gone."""
        configs = self.configs(folder)
        if name.kind == "config.txt":
            if base == "config.txt" and not configs and _has_boot_files(self._top.below(folder)):
                yield Place(folder, "config.txt", base, "cmdline.txt")
            return
        for config in configs:
            like = of_name(config)
            if name.is_plain or like is not None and (like.is_plain or like.variant == name.variant):
                yield self._config(folder, config)

    def configs(self, folder: str) -> Tuple[str, ...]:
        """The files in a folder that the firmware may start with, by their names there; what others include is none."""
        if folder not in self._configs:
            found = []
            for base in self._top.below(folder).names():
                name = of_name(base)
                if name is not None and name.kind == "config.txt" and self._judged(folder, base, name):
                    found.append(base)
            included = {name for base in found for name in self._named_by(folder, base) if name != base.lower()}
            self._configs[folder] = tuple(
                base
                for base in found
                if base.lower() == "config.txt" or base.lower() not in included and not is_fragment(base)
            )
        return self._configs[folder]

    def at(self, folder: str, kind: str, base: str) -> Place:
        """The tree that starts with a file, whatever it is like."""
        return self._config(folder, base) if kind == "config.txt" else Place(folder, kind, base)

    def _config(self, folder: str, base: str) -> Place:
        return Place(folder, "config.txt", base, _cmdline_for(base, self._top.below(folder).names()))

    def _readers(self, path: str) -> Iterator[Place]:
        """The trees of the configurations in the folders above a file that read it."""
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            inner = path[len(folder) + 1 :] if folder else path
            for config in self.configs(folder):
                if config == inner:
                    continue
                place = self._config(folder, config)
                if inner.lower() in self._named_by(folder, config) or _belongs(inner, place):
                    yield place

    def _named_by(self, folder: str, config: str) -> Set[str]:
        """The names, in lower case, of the files that a configuration and what it includes name."""
        key = folder, config
        if key not in self._references:
            found: Set[str] = set()
            _references(self._top.below(folder), config, found, [0])
            self._references[key] = {name.lower() for name in found}
        return self._references[key]

    def _judged(self, folder: str, base: str, name: Name) -> bool:
        """Whether a file is what its name says: by its content, and where that does not tell, by what is beside it."""
        here = self._top.below(folder)
        label = here.label(base)
        try:
            data = here.read(base)
        except Unreadable:
            return True  # which is said when it is checked
        if data is None:
            return False
        if name.kind in ("autoboot.txt", *BOOTCONF_NAMES):
            return True
        like = is_like(name.kind, data)
        if like is None or not like and name.is_plain:
            like = _is_boot_folder(here, folder, base, strictly=like is False)
        if not like:
            what = "a kernel command line" if name.kind == "cmdline.txt" else "a configuration of the firmware"
            self._reasons[label] = "is not like {}, and nothing beside it belongs to a boot partition".format(what)
        return bool(like)

    def _reason(self, path: str, named: bool) -> str:
        base = path.rpartition("/")[2]
        if is_fragment(base) and self._top.exists(path):
            return "is a part of a config.txt by its name, and none beside or above it includes it"
        if of_name(base) is not None:
            return self._reasons.get(self._top.label(path), "is not in the index" if named else "")
        said = "is no boot file by its name or content, and no config.txt beside or above it names it"
        return said if named else ""


def _partial(folder: GitFolder) -> Optional[Boot]:
    if not any(folder.exists(name) for name in ("etc", "usr")):
        return None
    return Boot(MemoryFolder({}, folder.path), folder, single=INITRAMFS, partial=True)


def _has_boot_files(folder: Folder) -> bool:
    names = {name.lower() for name in folder.names()}
    return not names.isdisjoint(("config.txt", "cmdline.txt", "autoboot.txt", "tryboot.txt"))


def _is_boot_folder(here: Folder, path: str, base: str, strictly: bool) -> bool:
    """Whether what is beside a file, or the folder's name, says that it makes a boot partition.

    ``strictly``: not by name.
    """
    beside = [name for name in here.names() if name != base]
    if any(_BINARY.match(name) for name in beside) or "overlays" in beside:
        return True
    for name in beside:
        other = of_name(name)
        if other is not None and not strictly:
            return True
        if other is not None and other.kind != "config.txt" and is_like(other.kind, here.read(name) or b""):
            return True
    return not strictly and _BOOT_FOLDER.search(path) is not None


def _cmdline_for(config: str, names: Iterable[str]) -> str:
    """The file in a folder that goes with a configuration as its kernel command line; empty for none."""
    own = of_name(config) or Name("config.txt", (config,))
    found = [(name, what) for name, what in ((each, of_name(each)) for each in names) if what is not None]
    lines = [(name, what) for name, what in found if what.kind == "cmdline.txt"]
    same = [(what.template, name) for name, what in lines if what.variant == own.variant]
    near = [(what.template, name) for name, what in lines if what.variant and what.variant == own.variant[:1]]
    plain = [(what.template, name) for name, what in lines if what.is_plain]
    for fitting in (same, near, plain):
        if fitting:
            return min(fitting)[1]  # a file stands before its template
    return lines[0][0] if len(lines) == 1 and own.is_plain else ""


def _config_beside(folder: Folder, name: str) -> Optional[str]:
    """The configuration that goes with another boot file."""
    own = of_name(name)
    found = [(each, of_name(each)) for each in folder.names()]
    configs = [(each, what) for each, what in found if what is not None and what.kind == "config.txt"]
    for each, what in configs:
        if own is not None and what.variant == own.variant:
            return each
    plain = [each for each, what in configs if what.is_plain]
    return plain[0] if plain else configs[0][0] if len(configs) == 1 else None


def _belongs(inner: str, place: Place) -> bool:
    """Whether a file in a tree's folder is one that the firmware or a rule looks at without being told its name."""
    first, _, rest = inner.partition("/")
    if rest:
        return first.lower() == "overlays" and place.name == "config.txt"
    return place.name == "config.txt" and _BINARY.match(first) is not None


def _references(folder: Folder, name: str, found: Set[str], count: List[int]) -> None:
    """Puts the names of the files that a configuration names, whatever the board, into ``found``."""
    count[0] += 1
    if count[0] > _MOST_INCLUDES:
        return
    try:
        data = folder.read(name)
    except Unreadable:
        return
    if data is None:
        return
    prefixes = {"": None, "overlays/": None}
    plain: Set[str] = set()
    for _line, statement in Document(Source(name, data)).statements():
        key, value = statement.key.lower(), statement.value.strip().lstrip("/")
        if not value:
            continue
        if key == "include" and value not in found:
            found.add(value)
            _references(folder, value, found, count)
        elif key in ("os_prefix", "overlay_prefix"):
            prefixes[value] = None
        elif key in ("cmdline", "kernel", "device_tree", "ramfsfile", "start_file", "fixup_file", "armstub"):
            plain.add(value)
        elif key == "initramfs":
            plain.update(parse_initramfs(value)[0])
        elif key in ("dtoverlay", "device_tree_overlay"):
            plain.add(parse_overlay(value).name + ".dtbo")
    found.update(prefix + each for prefix in prefixes for each in plain)
