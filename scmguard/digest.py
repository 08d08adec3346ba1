"""What a file's content is, in short: its size and SHA-256. A file of any size is read piece by piece."""

import hashlib
from typing import Iterator, NamedTuple, Optional

from scmguard.folder import Content, Folder, Unreadable

_PIECE = 1 << 20


class Digest(NamedTuple):
    """The bytes of a file, and their SHA-256 in hexadecimal digits."""

    size: int
    sha256: str


def digest(folder: Folder, name: str) -> Optional[Digest]:
    """The digest of a file as it is now; None where there is no such file. Raises Unreadable."""
    content = folder.content(name)
    if content is None:
        return None
    with content:
        return of_content(content, folder.label(name))


def of_content(content: Content, label: str) -> Digest:
    """The digest of an open file, whose path for people is ``label``. Raises Unreadable."""
    made, size = hashlib.sha256(), 0
    for piece in pieces(content, label):
        made.update(piece)
        size += len(piece)
    return Digest(size, made.hexdigest())


def pieces(content: Content, label: str) -> Iterator[bytes]:
    """What is in an open file, piece by piece. Raises Unreadable."""
    at = 0
    while True:
        try:
            piece = content.pread(_PIECE, at)
        except OSError as error:
            raise Unreadable(label, (error.strerror or str(error)).lower()) from None
        if not piece:
            return
        yield piece
        at += len(piece)
