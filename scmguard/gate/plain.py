"""Reading a file of the state folder, whatever was put in its place: nothing there is waited for, and no link followed.

Loaded by every apt run, so that it imports nothing but what ``os`` does.
"""

from __future__ import annotations

import errno
import os
import stat

MYPY = False
if MYPY:  # importing it takes as long as starting Python
    from io import BufferedReader

_MOST = 64 << 20


class NotPlain(OSError):
    """What is there is no file."""


def read(path: str, most: int = _MOST) -> bytes:
    """A regular file, or its first bytes (64 MiB). Raises NotPlain, OSError."""
    with _opened(path) as stream:
        return stream.read(most)


def end_of(path: str, most: int) -> bytes:
    """The last bytes of a regular file. Raises OSError."""
    with _opened(path) as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - most))
        return stream.read(most)


def _opened(path: str) -> BufferedReader:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise NotPlain(error.errno, "is a symbolic link", path) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotPlain(0, "is not a regular file", path)
    return os.fdopen(handle, "rb")
