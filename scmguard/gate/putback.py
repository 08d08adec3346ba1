"""Writing kept files back to the boot partition: each as a whole, and never through a link."""

import errno
import os
import stat
from contextlib import suppress
from typing import NamedTuple, Optional

from scmguard import atomic

_MODE = 0o755  # what FAT gives; other file systems keep the mode of the file that is replaced


class NotPutBack(Exception):
    """A file that is still as it was found: its name, and why, in one line."""


class Back(NamedTuple):
    """A file to put back: its name on the boot partition and its content; None takes the file away.

    ``broken`` says that what is there now does not boot, so that it may go before the other one is written, where there
    is no room for both.
    """

    name: str
    data: Optional[bytes]
    mtime: int = 0
    broken: bool = False


def put_back(top: str, back: Back) -> None:
    """Replaces a file below the folder ``top``, and has it on the disk when this ends. Raises NotPutBack."""
    path = os.path.join(top, back.name)
    try:
        folder = _folder(top, back.name, back.data is not None)
        if back.data is None:
            if os.path.isdir(folder):
                with suppress(FileNotFoundError):
                    os.unlink(path)
                atomic.sync_folder(folder)
            return
        _tidy(folder)
        try:
            _write(path, back.data, back.mtime)
        except OSError as error:
            if error.errno != errno.ENOSPC or not back.broken or not _fits(path, len(back.data)):
                raise
            # Half of a file that does not boot is worth less than none, and takes the room of the whole one.
            os.unlink(path)
            atomic.sync_folder(folder)
            _write(path, back.data, back.mtime)
    except OSError as error:
        raise NotPutBack("{}: {}".format(path, (error.strerror or str(error)).lower())) from None


def _folder(top: str, name: str, makes: bool) -> str:
    """The folder of a file, made if need be. Raises OSError, NotPutBack for one that is reached through a link."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise NotPutBack("{!r} is no name of a file on the boot partition".format(name))
    folder = os.path.realpath(top)
    for part in parts[:-1]:
        folder = os.path.join(folder, part)
        if os.path.islink(folder):
            raise NotPutBack("{} is a symbolic link; it was not followed".format(folder))
        if makes and not os.path.isdir(folder):
            os.mkdir(folder, 0o755)
            atomic.sync_folder(os.path.dirname(folder))
    return folder


def _tidy(folder: str) -> None:
    """Removes what a run left that did not come to its end: the boot partition is small."""
    for name in os.listdir(folder):
        if name.startswith(atomic.UNFINISHED):
            with suppress(OSError):  # a nuisance, and no reason not to put anything back
                os.unlink(os.path.join(folder, name))


def _fits(path: str, size: int) -> bool:
    """Whether a file has room once the one of that name is gone."""
    room = os.statvfs(os.path.dirname(path))
    with suppress(FileNotFoundError):
        there = os.lstat(path)
        # A file of several names keeps its room.
        frees = there.st_blocks * 512 if there.st_nlink == 1 else 0
        return room.f_bavail * room.f_frsize + frees >= size
    return False


def _write(path: str, data: bytes, mtime: int) -> None:
    mode = _MODE
    with suppress(FileNotFoundError):
        there = os.lstat(path).st_mode
        # A link's own mode lets everybody write.
        mode = stat.S_IMODE(there) & 0o777 if stat.S_ISREG(there) else _MODE
    atomic.replace(path, [data], mode, mtime, modeless=True)
