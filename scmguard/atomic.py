"""Files that are replaced as a whole: after a crash, or with the disk full, the old one is there or the new one, never
half of one."""

import os
import stat
import tempfile
from contextlib import suppress
from typing import Iterable, Optional

#: How the names of files begin that are not finished; a process that was killed leaves one.
UNFINISHED = ".scmguard-"


def write(path: str, pieces: Iterable[bytes]) -> None:
    """Writes bytes to what a user named: a file is replaced as a whole and keeps its permissions, where links lead.

    What is no file cannot be replaced: it is written into (``/dev/null``, a pipe). Raises OSError.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        replace(os.path.realpath(path), pieces)
        return
    if stat.S_ISREG(mode):
        replace(os.path.realpath(path), pieces, stat.S_IMODE(mode) & 0o777)
        return
    with open(path, "wb") as stream:
        stream.writelines(pieces)


def replace(
    path: str, pieces: Iterable[bytes], mode: Optional[int] = None, mtime: int = 0, modeless: bool = False
) -> None:
    """Writes bytes to a new file beside ``path``, makes sure that they are on the disk, and renames it.

    A link of that name is replaced, not followed. ``mode`` are the file's permissions; None gives it what any new file
    gets; with ``modeless`` a file system that has none of its own (FAT) keeps its. ``mtime`` is the time that the file
    says it was changed, in seconds since 1970 (0: now). Raises OSError; then the old file is there, or, if only the
    folder could not be synchronised, the new one.
    """
    folder = os.path.dirname(path) or os.curdir
    handle, temporary = tempfile.mkstemp(prefix=UNFINISHED, dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(pieces)
            stream.flush()
            with suppress(*([PermissionError] if modeless else [])):
                os.fchmod(stream.fileno(), _usual_mode() if mode is None else mode)
            if mtime:
                os.utime(stream.fileno(), (mtime, mtime))
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):  # what went wrong before is what counts
            os.unlink(temporary)
        raise
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Makes sure that the names in a folder are on the disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _usual_mode() -> int:
    # The process's mask can only be read by setting it.
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
