"""Files of a boot tree that a command replaces: where they are, and how they are written."""

import os
import stat
from contextlib import ExitStack
from typing import Dict, List, NamedTuple, Optional, Sequence

from scmguard import atomic
from scmguard.editing.store import Busy, Changed, Original, locked
from scmguard.folder import Unreadable

_BOOT_PLACES = ("/boot/firmware", "/boot")


class Written(NamedTuple):
    """A file that is replaced: its path, what it is expected to contain, and what it will."""

    path: str
    old: bytes
    new: bytes


def on_disk(path: str) -> str:
    """The path of a file that may be known in another case than the file system has it; as it is for none."""
    if os.path.lexists(path):
        return path
    folder, name = os.path.split(path)
    try:
        found = [each for each in os.listdir(folder or os.curdir) if each.lower() == name.lower()]
    except OSError:
        return path
    return os.path.join(folder, found[0]) if len(found) == 1 else path


def shown(path: str) -> str:
    """The path as a patch has it: from here, or from / where it is not below this folder (``patch -p0 -d /``).

    Neither patch nor git takes absolute paths, or those that climb.
    """
    path = os.path.normpath(path)
    if not os.path.isabs(path) and not path.startswith(os.pardir + os.sep):
        return path
    path, top = os.path.abspath(path), os.path.join(os.path.abspath(os.curdir), "")
    return path[len(top) :] if path.startswith(top) else path.lstrip("/")


def here(path: str) -> Optional[str]:
    """The name of a file on this machine's boot partition, whatever path leads to it; None for one elsewhere."""
    folder, name = os.path.split(os.path.realpath(path))
    while True:
        if any(_same(folder, place) for place in _BOOT_PLACES):
            return name
        above, inner = os.path.split(folder)
        if not inner:
            return None
        folder, name = above, "{}/{}".format(inner, name)


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def replace_all(files: Sequence[Written], who: str) -> None:
    """Replaces files as a whole, with their modes and owners: all of them, or none. Raises Unreadable.

    Nothing is written if one of them is not what it was expected to be, or a link, or the disk has no room for all.
    ``who`` is told to others who want to change one of them meanwhile.
    """
    ready: Dict[str, str] = {}
    with ExitStack() as stack:
        try:
            originals = [_held(one, who, stack) for one in files]
            for one, original in zip(files, originals):
                ready[one.path] = _attempt(one, original)
            for one, original in zip(files, originals):
                _verify(one, original)  # it was some time until here
            _rename(files, ready)
        finally:
            for temporary in ready.values():
                atomic.discard(temporary)


def _held(one: Written, who: str, stack: ExitStack) -> Original:
    """The file, locked and open. Raises Unreadable where it must not be replaced."""
    if os.path.islink(one.path):
        raise Unreadable(one.path, "is a symbolic link; name the file that it leads to. Nothing was written")
    try:
        stack.enter_context(locked(one.path, who))
        original = Original.opened(one.path)
    except Busy as error:
        raise Unreadable(one.path, "{}; nothing was written".format(error)) from None
    except OSError as error:
        raise Unreadable(one.path, "{}; nothing was written".format((error.strerror or str(error)).lower())) from None
    stack.callback(original.close)
    if original.data != one.old:
        raise Unreadable(one.path, "was changed meanwhile; nothing was written")
    return original


def _verify(one: Written, original: Original) -> None:
    try:
        original.verify()
    except Changed as error:
        raise Unreadable(one.path, "{}; nothing was written".format(error)) from None


def _attempt(one: Written, original: Original) -> str:
    try:
        return original.prepare(one.new)
    except OSError as error:
        raise Unreadable(one.path, "{}; nothing was written".format((error.strerror or str(error)).lower())) from None


def _rename(files: Sequence[Written], ready: Dict[str, str]) -> None:
    done: List[Written] = []
    failed: Optional[OSError] = None
    for one in files:
        try:
            os.replace(ready[one.path], one.path)
            done.append(one)
            atomic.sync_folder(os.path.dirname(one.path) or os.curdir)
        except OSError as error:
            failed = error
            break
    if failed is None:
        return
    reason = (failed.strerror or str(failed)).lower()
    for one in reversed(done):
        try:
            atomic.replace(one.path, [one.old], stat.S_IMODE(os.stat(one.path).st_mode), modeless=True)
        except OSError as error:
            reason += "; {} was written and could not be put back: {}".format(one.path, error.strerror or error)
    raise Unreadable(files[len(done) - (len(done) == len(files))].path, reason)
