"""Files that are replaced as a whole: after a crash, or with the disk full, the old one is there or the new one, never
half of one."""

import os
import stat
import tempfile
from contextlib import suppress
from typing import Iterable, Iterator, List, Optional, Tuple

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
    path: str,
    pieces: Iterable[bytes],
    mode: Optional[int] = None,
    mtime: int = 0,
    modeless: bool = False,
    like: Optional[int] = None,
) -> Tuple[str, ...]:
    """Writes bytes to a new file beside ``path``, makes sure that they are on the disk, and renames it.

    A link of that name is replaced, not followed. ``mode`` are the file's permissions; None gives it what any new file
    gets; with ``modeless`` a file system that has none of its own (FAT) keeps its. ``mtime`` is the time that the file
    says it was changed, in seconds since 1970 (0: now). ``like`` is an open file whose owner, group, permissions and
    extended attributes the new one gets instead, as far as the system lets it. Returns what of these it could not have.
    Raises OSError; then the old file is there, or, if only the folder could not be synchronised, the new one.
    """
    temporary, missing = prepare(path, pieces, mode, mtime, modeless, like)
    try:
        os.replace(temporary, path)
    except BaseException:
        discard(temporary)
        raise
    sync_folder(os.path.dirname(path) or os.curdir)
    return missing


def prepare(
    path: str,
    pieces: Iterable[bytes],
    mode: Optional[int] = None,
    mtime: int = 0,
    modeless: bool = False,
    like: Optional[int] = None,
) -> Tuple[str, Tuple[str, ...]]:
    """The first half of :func:`replace`: the new file, on the disk, under another name, which is returned.

    With it comes what of ``like`` it could not have. Raises OSError; then there is no such file.
    """
    missing: Tuple[str, ...] = ()
    handle, temporary = tempfile.mkstemp(prefix=UNFINISHED, dir=os.path.dirname(path) or os.curdir)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(pieces)
            stream.flush()
            if like is not None:
                missing = _take_over(stream.fileno(), like)
            else:
                with suppress(*([PermissionError] if modeless else [])):
                    os.fchmod(stream.fileno(), _usual_mode() if mode is None else mode)
            if mtime:
                os.utime(stream.fileno(), (mtime, mtime))
            os.fsync(stream.fileno())
    except BaseException:
        discard(temporary)
        raise
    return temporary, missing


def discard(temporary: str) -> None:
    """Takes away what :func:`prepare` made, if it is there; whatever made that necessary is what counts."""
    with suppress(OSError):
        os.unlink(temporary)


def _take_over(new: int, old: int) -> Tuple[str, ...]:
    """Gives an open file what another has beside its content. Returns what it could not have."""
    status, mine = os.fstat(old), os.fstat(new)
    missing: List[str] = []
    mode = stat.S_IMODE(status.st_mode) & 0o777
    for what, owner, group, wanted in (
        ("group", -1, status.st_gid, mine.st_gid != status.st_gid),
        ("owner", status.st_uid, -1, mine.st_uid != status.st_uid),
    ):
        try:
            if wanted:
                os.fchown(new, owner, group)
        except PermissionError:
            missing.append(what)
            if what == "group":
                # Another group must not get what the old one could do; it is one of the others.
                mode = mode & ~0o070 | (mode & 0o007) << 3
    if stat.S_IMODE(mine.st_mode) != mode:
        try:
            os.fchmod(new, mode)
        except PermissionError:
            # FAT gives every file what it was mounted with.
            if stat.S_IMODE(os.fstat(new).st_mode) & 0o777 != mode:
                missing.append("permissions")
    return (*missing, *_take_over_attributes(new, old))


def _take_over_attributes(new: int, old: int) -> Iterator[str]:
    """As :func:`_take_over`, of the extended attributes; what the new file has already is not set again."""
    try:
        names = os.listxattr(old)
    except OSError:  # a file system without any
        return
    for name in names:
        try:
            value = os.getxattr(old, name)
            if name not in os.listxattr(new) or os.getxattr(new, name) != value:
                os.setxattr(new, name, value)
        except OSError:
            yield name


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
