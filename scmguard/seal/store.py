"""The ledger on disk: written as a whole, kept for root alone, with the last ones beside it."""

import fcntl
import os
import stat
from contextlib import contextmanager, suppress
from typing import Iterable, Iterator, Optional

from scmguard import atomic
from scmguard.device.facts import Signed
from scmguard.device.ledger import KEPT, NAME, written


class Refused(Exception):
    """A folder that the ledger must not be kept in, or one that is in use: why, as a clause with the path."""


class Store:
    """The folder of the ledger. :meth:`opened` holds it for one run."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(folder, NAME)

    @contextmanager
    def opened(self) -> Iterator["Store"]:
        """Makes the folder if need be, and keeps everybody else out until the end. Raises Refused, OSError."""
        with suppress(FileExistsError):
            os.mkdir(self._folder, 0o700)
        try:
            handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except NotADirectoryError:
            raise Refused("{} is no folder".format(self._folder)) from None
        try:
            status = os.fstat(handle)
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
                raise Refused("others than root can write to {}: chown root and chmod 700 it".format(self._folder))
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused("{} is in use: another scmguard is signing".format(self._folder)) from None
            # Whoever was killed before held what is held now.
            for name in os.listdir(self._folder):
                if name.startswith(atomic.UNFINISHED):
                    os.unlink(os.path.join(self._folder, name))
            yield self
        finally:
            os.close(handle)

    def read(self) -> Optional[bytes]:
        """The ledger's file as it is now; None where there is none. Raises OSError."""
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as stream:
            return stream.read()

    def keep(self) -> None:
        """Puts the ledger as it is beside the last ones; it stays where it is, too. Raises OSError."""
        _, before, oldest = (os.path.join(self._folder, name) for name in KEPT)
        if not os.path.lexists(self._path):
            return
        with suppress(FileNotFoundError):
            os.replace(before, oldest)
        os.link(self._path, before, follow_symlinks=False)
        atomic.sync_folder(self._folder)

    def write(self, files: Iterable[Signed]) -> None:
        """Replaces the ledger. Raises OSError; then the old one is still there."""
        atomic.replace(self._path, [written(files)], 0o600)
