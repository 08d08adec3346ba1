"""Makes small images for the rules' examples and the tests: one archive in the newc format, bare or with gzip."""

import gzip
from typing import List, NamedTuple, Optional, Sequence

FILE, FOLDER, LINK = 0o100000, 0o040000, 0o120000


class Item(NamedTuple):
    """A file (or with ``target`` a symbolic link) to put into an archive."""

    name: str
    data: bytes = b""
    mode: int = 0o644
    target: Optional[str] = None


def archive(items: Sequence[Item], mtime: int = 0) -> bytes:
    """The archive, with the folders that its files are in."""
    entries: List[bytes] = []
    folders = {item.name[:at] for item in items for at, char in enumerate(item.name) if char == "/"}
    everything = [Item(name, b"", FOLDER | 0o755) for name in sorted(folders)]
    everything += [item._replace(mode=item.mode | (FILE if item.target is None else LINK)) for item in items]
    for number, item in enumerate([*everything, Item("TRAILER!!!", b"", 0)], 1):
        data = item.data if item.target is None else item.target.encode()
        name = item.name.encode() + b"\0"
        numbers = (number, item.mode, 0, 0, 1, mtime, len(data), 0, 0, 0, 0, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % each for each in numbers) + name
        entries += [head, bytes(-len(head) & 3), data, bytes(-len(data) & 3)]
    return b"".join(entries)


def image(items: Sequence[Item], mtime: int = 0, compress: bool = True) -> bytes:
    """An image with that archive."""
    data = archive(items, mtime)
    return gzip.compress(data, 1, mtime=0) if compress else data
