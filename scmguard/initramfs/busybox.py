"""The commands of a busybox, from the bytes of the program: it keeps their names one behind the other, in their order.

Sources: busybox 1.35.0 (Debian 12: amd64, arm64, armhf, busybox-static) and 1.37.0 (Debian 13), ``applet_names`` in
``include/applet_tables.h``: the list begins with ``[`` and ends with an empty name; held against ``busybox --list``.
The commands of its shell: ``help`` of ``busybox ash`` 1.35.0, ``type`` of klibc's ``sh`` 2.0.12.
"""

import re
from typing import FrozenSet, List, Optional

from scmguard.folder import Folder

# A static busybox with everything has some 2 MB.
_LARGEST = 8 << 20
_NAME = re.compile(rb"[A-Za-z0-9_.+\[-]{1,40}\0")
_START = b"\0[\0"
# How often the start of the list is looked for, and how many names it may have. Real ones have some 270.
_MOST_STARTS, _MOST_NAMES = 256, 1000
_FEWEST_NAMES = 5

#: What the shell of an initramfs has in itself: busybox's, or klibc's with a little less.
BUILTINS = frozenset(
    [".", ":", "[", "alias", "bg", "break", "cd", "chdir", "command", "continue", "echo", "eval", "exec", "exit"]
    + ["export", "false", "fg", "getopts", "hash", "jobs", "kill", "local", "printf", "pwd", "read", "readonly"]
    + ["return", "set", "shift", "test", "times", "trap", "true", "type", "ulimit", "umask", "unalias", "unset"]
    + ["wait"]
)
#: What only busybox's shell has.
ASH_BUILTINS = frozenset(["[[", "help", "history", "let", "source"])


def applets(root: Folder, path: str) -> Optional[FrozenSet[str]]:
    """The commands of the busybox at a path of the root folder; None where none is there, or it shows no names.

    Raises Unreadable.
    """
    status = root.status(path)
    if status is None or not status.is_file or status.size > _LARGEST:
        return None
    data = root.read(path)
    return None if data is None else _names(data)


def _names(data: bytes) -> Optional[FrozenSet[str]]:
    best: List[bytes] = []
    start = data.find(_START)
    for _ in range(_MOST_STARTS):
        if start < 0:
            break
        found = _list_at(data, start + 1)
        best = max(best, found, key=len)
        start = data.find(_START, start + 1)
    if len(best) < _FEWEST_NAMES:
        return None
    return frozenset(name.decode("ascii") for name in best)


def _list_at(data: bytes, at: int) -> List[bytes]:
    """Names from a byte on, as long as each comes behind the one before it in the alphabet."""
    names: List[bytes] = []
    while len(names) < _MOST_NAMES:
        match = _NAME.match(data, at)
        if match is None or names and match.group()[:-1] <= names[-1]:
            break
        names.append(match.group()[:-1])
        at = match.end()
    return names
