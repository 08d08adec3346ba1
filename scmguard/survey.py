"""What boot trees there are below a folder, and which boards they seem to be for: what `scmguard init` proposes."""

import os
import re
from typing import FrozenSet, Iterator, List, NamedTuple, Tuple

from scmguard import catalogue
from scmguard.effective.board import BOARDS
from scmguard.folder import Unreadable
from scmguard.inputs.disk import DiskFolder
from scmguard.text import decode

_BOOT_FILES = ("config.txt", "tryboot.txt", "autoboot.txt", "cmdline.txt")
#: Folders below that are looked at, and how deep they may be: a look, not a search of a whole disk.
MOST_FOLDERS = 20000
_DEEPEST = 12
_SKIPPED = frozenset(["node_modules", "__pycache__"])
_SECTION = re.compile(r"^[ \t]*\[([a-z0-9+]+)\]", re.M)
_KEY = re.compile(r"^[ \t]*([a-z0-9_]+)[ \t]*(?:=|[ \t])", re.M)


class Found(NamedTuple):
    """A boot tree: its path from the folder that was looked at, its boot files, and the boards that it names.

    ``sections`` are boards with a section in config.txt, ``trees`` those whose device trees are there.
    """

    path: str
    files: Tuple[str, ...]
    sections: Tuple[str, ...]
    trees: Tuple[str, ...]


def survey(top: str) -> List[Found]:
    """The boot trees below a folder, by path. Links are not followed, and what cannot be read is passed over."""
    return sorted(_found(top))


def _found(top: str) -> Iterator[Found]:
    looked = 0
    for folder, inner, names in os.walk(top):
        below = os.path.relpath(folder, top)
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in _SKIPPED)
        looked += 1
        if looked > MOST_FOLDERS:
            return
        if below.count(os.sep) >= _DEEPEST:
            inner[:] = []
        files = tuple(name for name in _BOOT_FILES if name in names)
        # cmdline.txt alone is the name of other things, too.
        if files and files != ("cmdline.txt",):
            try:
                texts = [decode(DiskFolder(folder).read(name) or b"") for name in files if name != "cmdline.txt"]
            except Unreadable:
                continue
            if any(_is_boot_text(text) for text in texts):
                sections = frozenset(name for text in texts for name in _SECTION.findall(text))
                yield Found(below, files, _boards(sections), _by_trees(frozenset(names)))


def _is_boot_text(text: str) -> bool:
    """Whether a text has a setting that the firmware knows; config.txt is the name of other things, too."""
    known = catalogue.settings()
    return any(key in known for key in _KEY.findall(text))


def _boards(names: FrozenSet[str]) -> Tuple[str, ...]:
    return tuple(board for board in BOARDS if board in names)


def _by_trees(names: FrozenSet[str]) -> Tuple[str, ...]:
    return tuple(name for name, board in BOARDS.items() if names.intersection(board.device_trees))
