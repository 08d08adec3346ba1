"""The boot tree that a file belongs to, as it is and as it would be."""

from typing import Callable, NamedTuple, Optional, Tuple

from scmguard.boot import Boot
from scmguard.text import Source


class Tree(NamedTuple):
    """A file of a boot tree. ``data`` is None where there is none yet.

    ``name`` is its name in the tree, ``kind`` what it is (``config.txt``, ``cmdline.txt``, ...), ``boot`` the tree as
    it is; ``replaced`` gives the tree with other bytes in the file. ``starts`` are the files to run, of which the first
    is what the file counts for.
    """

    name: str
    kind: str
    data: Optional[bytes]
    boot: Boot
    replaced: Callable[[bytes], Boot]
    starts: Tuple[str, ...] = ("config.txt",)

    @property
    def source(self) -> Source:
        """The file's text."""
        return Source(self.boot.files.label(self.name), self.data or b"")

    def having(self, text: str) -> bytes:
        """The file's bytes with that text, behind the byte order mark that it has."""
        return self.source.encoded(text)
