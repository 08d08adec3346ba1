"""The mount tables of a root file system: /etc/fstab and /etc/crypttab.

Sources: fstab(5), crypttab(5) of Debian: fields separated by blanks, comments are lines that start with ``#``.
"""

from typing import Iterator, List, NamedTuple, Tuple

from scmguard.boot import Folder
from scmguard.text import Source


class Mount(NamedTuple):
    """A line of fstab: where it stands (line from 1), what is mounted, and where."""

    file: Source
    line: int
    source: str
    target: str


class Volume(NamedTuple):
    """A line of crypttab: where it stands (line from 1), the mapped name, and the device below it."""

    file: Source
    line: int
    target: str
    source: str


def fstab(root: Folder) -> Iterator[Mount]:
    """The mounts of /etc/fstab, in order; none where there is no such file. Raises Unreadable."""
    for file, line, fields in _fields(root, "etc/fstab"):
        yield Mount(file, line, fields[0], fields[1])


def crypttab(root: Folder) -> Iterator[Volume]:
    """The volumes of /etc/crypttab, in order; none where there is no such file. Raises Unreadable."""
    for file, line, fields in _fields(root, "etc/crypttab"):
        yield Volume(file, line, fields[0], fields[1])


def _fields(root: Folder, name: str) -> Iterator[Tuple[Source, int, List[str]]]:
    data = root.read(name)
    if data is None:
        return
    file = Source(root.label(name), data)
    for line in file.lines:
        fields = line.text.split()
        if len(fields) > 1 and not fields[0].startswith("#"):
            yield file, line.number, fields
