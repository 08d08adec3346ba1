"""Writing a report to a file: the old one or the new one, never half of it."""

import os
import tempfile
from typing import Iterable


def replace_file(path: str, pieces: Iterable[str]) -> None:
    """Writes text as UTF-8 to a new file beside ``path`` and renames it. Raises OSError; then nothing changed."""
    folder = os.path.dirname(path) or os.curdir
    handle, temporary = tempfile.mkstemp(prefix=".scmguard-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder_handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder_handle)
    finally:
        os.close(folder_handle)
