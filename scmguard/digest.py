"""What a file's content is, in short: its size and SHA-256. A file of any size is read piece by piece."""

import hashlib
from typing import NamedTuple, Optional

from scmguard.folder import Folder, Unreadable

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
    made, at = hashlib.sha256(), 0
    with content:
        try:
            while True:
                piece = content.pread(_PIECE, at)
                if not piece:
                    return Digest(at, made.hexdigest())
                made.update(piece)
                at += len(piece)
        except OSError as error:
            raise Unreadable(folder.label(name), (error.strerror or str(error)).lower()) from None
