"""Files while they are edited: the original held on to, a private copy, a lock, and the replacement as a whole."""

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from typing import Iterator, List, Optional, Tuple

from scmguard import atomic
from scmguard.folder import Unreadable
from scmguard.inputs.disk import contents

# The same for everybody: who has another TMPDIR must not have another lock.
_LOCKS = ("/run/lock", "/var/lock", "/tmp")  # noqa: S108
_PREFIX = "scmguard-edit-"
_ORIGIN = ".scmguard-origin"
# Where copies are kept: over a reboot, where that is possible.
_PLACES = ("/var/tmp", "/tmp")  # noqa: S108  (folders of their own are made in there, for the owner alone)
_PAUSE = 0.1


class Busy(Exception):
    """Somebody else edits the file: who, in one line."""


class Changed(Exception):
    """The file is not what it was when it was opened: how, as a clause."""


class Original:
    """A file as it was when it was opened. It stays open, so that its number cannot be another's meanwhile (FAT makes
    numbers up); ``data`` is None where there is none.
    """

    def __init__(self, path: str, data: Optional[bytes], handle: int) -> None:
        self.path = path
        self.data = data
        self._handle = handle

    @classmethod
    def opened(cls, path: str) -> "Original":
        """Opens the file, which must be a regular one, and reads it. Raises Unreadable."""
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return cls(path, None, -1)
        except OSError as error:
            raise Unreadable(path, (error.strerror or str(error)).lower()) from None
        try:
            return cls(path, contents(handle, path), handle)
        except BaseException:
            os.close(handle)
            raise

    @property
    def names(self) -> int:
        """How many names (hard links) the file has."""
        return 1 if self._handle < 0 else os.fstat(self._handle).st_nlink

    def close(self) -> None:
        """Lets go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def verify(self) -> None:
        """Raises Changed for a file that somebody else wrote, replaced, took away or made; Unreadable."""
        now = Original.opened(self.path)
        try:
            if self.data is None:
                if now.data is not None:
                    raise Changed("somebody else has made it meanwhile")
                return
            if now.data is None:
                raise Changed("somebody else has taken it away meanwhile")
            old, new = os.fstat(self._handle), os.fstat(now._handle)
            if (old.st_dev, old.st_ino) != (new.st_dev, new.st_ino):
                raise Changed("somebody else has replaced it meanwhile")
            if now.data != self.data:
                raise Changed("somebody else has changed it meanwhile")
        finally:
            now.close()

    def prepare(self, data: bytes) -> str:
        """Another content, on the disk beside it under another name, with its owner and what else it has: that name.

        Raises OSError.
        """
        return atomic.prepare(self.path, [data], like=self._handle)[0]

    def replace(self, data: bytes) -> Tuple[str, ...]:
        """Puts another content in its place, as a whole, with its owner and what else it has.

        Returns what of that it could not have. Raises Changed, Unreadable, OSError: the old one is then there.
        """
        _tidy(os.path.dirname(self.path))
        self.verify()
        if self._handle < 0:
            return atomic.replace(self.path, [data], modeless=True)
        return atomic.replace(self.path, [data], like=self._handle)


def _tidy(folder: str) -> None:
    """Removes what somebody left who was killed while writing, an hour ago or more: the boot partition is small."""
    with suppress(OSError):  # a nuisance, and no reason not to write
        for name in os.listdir(folder or os.curdir):
            path = os.path.join(folder, name)
            if name.startswith(atomic.UNFINISHED) and name != _ORIGIN:
                found = os.lstat(path)
                if stat.S_ISREG(found.st_mode) and found.st_mtime < time.time() - 3600:
                    os.unlink(path)


@contextmanager
def locked(path: str, who: str, wait: float = 0.0) -> Iterator[None]:
    """Keeps others who ask for the same file out, for ``wait`` seconds at most waiting for them. Raises Busy, OSError.

    The lock is a file that is held, and not one that is there: whoever is killed holds nothing.
    """
    usable = [each for each in _LOCKS if os.access(each, os.W_OK | os.X_OK)]
    place = usable[0] if usable else tempfile.gettempdir()
    key = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:20]
    name = os.path.join(place, "{}{}.lock".format(_PREFIX, key))
    end = time.monotonic() + wait
    while True:
        handle = _lock_file(name)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 200, 0).decode("utf-8", "replace").strip()
            os.close(handle)
            if time.monotonic() >= end:
                raise Busy("{} is being changed by {}".format(path, holder or "somebody else")) from None
            time.sleep(_PAUSE)
            continue
        if _is_named(handle, name):
            break
        # Who held it before took the name away.
        os.close(handle)
    try:
        said = "{} (process {}, since {})\n".format(who, os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S"))
        with suppress(OSError):  # somebody else's file; who holds it is then not told
            os.ftruncate(handle, 0)
            os.pwrite(handle, said.encode("utf-8", "replace"), 0)
        yield
    finally:
        with suppress(OSError):
            os.unlink(name)
        os.close(handle)


def _lock_file(name: str) -> int:
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    while True:
        # In a folder for everybody, one may not "create" what is another's already (fs.protected_regular).
        for how in (os.O_RDWR, os.O_RDONLY):
            with suppress(FileNotFoundError, PermissionError):
                return os.open(name, how | flags)
        with suppress(FileExistsError):
            return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o644)
        if not os.access(name, os.R_OK) and os.path.lexists(name):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)


def _is_named(handle: int, name: str) -> bool:
    try:
        there, mine = os.lstat(name), os.fstat(handle)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


class Copy:
    """A private copy of a file, under the name that the file has, in a folder that nobody else can look into."""

    def __init__(self, of: str, data: bytes) -> None:
        """Raises OSError where no folder has room."""
        self._data = data
        self.folder = _folder()
        self.path = os.path.join(self.folder, os.path.basename(of))
        try:
            _write(self.path, data)
            _write(os.path.join(self.folder, _ORIGIN), os.fsencode(os.path.realpath(of)) + b"\n")
        except OSError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def read(self) -> Optional[bytes]:
        """What is in the copy now; None where it is gone. Raises Unreadable for what is no file of a size for one."""
        found = Original.opened(self.path)
        found.close()
        return found.data

    def drop(self) -> None:
        """Takes the copy away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def leave(self) -> Optional[str]:
        """Takes the copy away if nothing is in it that is not in the original; else says where it stays."""
        with suppress(Unreadable, OSError):
            others = set(os.listdir(self.folder)) - {os.path.basename(self.path), _ORIGIN}
            if self.read() in (None, self._data):
                if not others:
                    self.drop()
                    return None
                # What editors keep when they are ended.
                return self.folder
        return self.path


def _folder() -> str:
    given = os.environ.get("TMPDIR")
    error: Optional[OSError] = None
    for place in ([given] if given else []) + [*_PLACES, tempfile.gettempdir()]:
        try:
            return tempfile.mkdtemp(prefix=_PREFIX, dir=place)
        except OSError as found:
            error = found
    assert error is not None
    raise error


def _write(path: str, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def kept_before(path: str) -> List[str]:
    """Copies of that file that earlier edits left behind, of the same user."""
    found: List[str] = []
    wanted = os.fsencode(os.path.realpath(path))
    given = os.environ.get("TMPDIR")
    for place in dict.fromkeys(([given] if given else []) + list(_PLACES)):
        with suppress(OSError):
            for name in sorted(os.listdir(place)):
                folder = os.path.join(place, name)
                if name.startswith(_PREFIX) and _is_private(folder):
                    with suppress(OSError, Unreadable):
                        origin = Original.opened(os.path.join(folder, _ORIGIN))
                        origin.close()
                        if (origin.data or b"").rstrip(b"\n") == wanted:
                            found.append(os.path.join(folder, os.path.basename(path)))
    return found


def _is_private(folder: str) -> bool:
    status = os.lstat(folder)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
