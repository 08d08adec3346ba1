"""Copies of the boot files, kept by content: each content once, under its SHA-256, and a list of names for each time.

A snapshot is a JSON file that is written last, when all that it names is on the disk; whatever interrupts it leaves
none, or a whole one. Contents are verified by their hash on the way in and on the way out.
"""

import errno
import hashlib
import os
import stat
from contextlib import suppress
from typing import Iterator, List, Mapping, Optional, Set, Tuple

from scmguard import atomic
from scmguard.digest import Digest, of_content, pieces
from scmguard.folder import Content, Folder
from scmguard.gate import plain
from scmguard.gate.places import STATE_FOLDER
from scmguard.gate.snapshot import NAME, NAMED, Damaged, Kept, Snapshot, order, parse, same, size_of, written

_DEEPEST = 8
# What is kept where there is no room for kernels and images: the files that people and scripts edit.
_SMALL = 1 << 20
# Room that is left to the system, in bytes.
_LEFT_FREE = 64 << 20
# Room for the list itself, without which nothing that was kept is of use.
_FOR_LIST = 256 << 10
_FILES_FOR_LIST = 8


class Snapshots:
    """The snapshots in a folder that only root may enter. Whoever writes holds the gate's lock."""

    def __init__(self, folder: str = STATE_FOLDER) -> None:
        self._lists = os.path.join(folder, "snapshots")
        self._objects = os.path.join(folder, "objects")

    def names(self) -> List[str]:
        """The names, the youngest last."""
        try:
            found = [name[: -len(".json")] for name in os.listdir(self._lists) if name.endswith(".json")]
            return sorted(found, key=order)
        except FileNotFoundError:
            return []

    def read(self, name: str) -> Snapshot:
        """A snapshot by its name. Raises Damaged, FileNotFoundError, OSError."""
        if "/" in name or name.startswith("."):
            raise FileNotFoundError(name)
        try:
            return parse(name, plain.read(os.path.join(self._lists, name + ".json")))
        except plain.NotPlain:
            raise Damaged("the snapshot {} is damaged: it is no regular file".format(name)) from None

    def every(self) -> Iterator[Snapshot]:
        """All that can be read, the youngest first."""
        for name in reversed(self.names()):
            with suppress(Damaged, OSError):
                yield self.read(name)

    def content(self, kept: Kept) -> bytes:
        """What a file was. Raises Damaged where it is not kept, or not what it was any more, and OSError."""
        if not kept.stored:
            raise Damaged("{}: its content was not kept, there was no room for it".format(kept.name))
        try:
            data = plain.read(self._object(kept.sha256), kept.size + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise Damaged("{}: its content is missing from the snapshots".format(kept.name)) from None
        except plain.NotPlain:
            raise Damaged("{}: what was kept of it is damaged".format(kept.name)) from None
        if len(data) != kept.size or hashlib.sha256(data).hexdigest() != kept.sha256:
            raise Damaged("{}: what was kept of it is damaged".format(kept.name))
        return data

    def take(self, files: Folder, seen: Mapping[str, str], settled: bool, why: str, good: bool, now: int) -> Snapshot:
        """The boot files as they are now, as a snapshot; the last one where it is the same.

        ``seen`` tells how each file looks from outside; one that looks as in the last snapshot is not read again
        where that was ``settled``. Raises OSError, Unreadable.
        """
        last = next(self.every(), None)
        known = last.by_name if last is not None else {}
        self._make_folders()
        self._tidy()
        kept: List[Kept] = []
        for name in walk(files):
            before, looks = known.get(name), seen.get(name, "")
            if before is not None and looks and before.seen == looks and self._is_there(before):
                kept.append(before)
                continue
            one = self._keep(files, name, looks if settled else "")
            if one is not None:
                kept.append(one)
        found = tuple(sorted(kept))
        if last is not None and same(last.files, found) and (last.good or not good):
            # What is new is at most how the files look.
            return last if last.files == found else self.write(last._replace(files=found))
        return self.write(Snapshot(self._free_name(now), now, why, good, found))

    def write(self, snapshot: Snapshot) -> Snapshot:
        """Puts a snapshot's list on the disk. Raises OSError."""
        atomic.replace(os.path.join(self._lists, snapshot.name + ".json"), [written(snapshot)], 0o600)
        return snapshot

    def prune(self, count: int, size: int) -> None:
        """Removes the oldest until no more than ``count`` and ``size`` bytes are left.

        The youngest stays, and the youngest that is known to be good; where that one is not kept as a whole, the
        youngest good one that is, too. Raises OSError.
        """
        found = list(self.every())
        # A list that cannot be read may name contents that nothing else does.
        all_known = len(found) == len(self.names())
        good = [each for each in found if each.good]
        whole = [each for each in good if all(file.stored for file in each.files)]
        protected = {each.name for each in [*found[:1], *good[:1], *whole[:1]]}
        left = [each for each in found if each.name in protected]
        for each in found:
            if each.name in protected:
                continue
            if len(left) < count and size_of([*left, each]) <= size:
                left.append(each)
            else:
                os.unlink(os.path.join(self._lists, each.name + ".json"))
        atomic.sync_folder(self._lists)
        if all_known:
            self._sweep({each.sha256 for one in left for each in one.files})

    def _sweep(self, wanted: Set[str]) -> None:
        with os.scandir(self._objects) as folders:
            for folder in folders:
                if not folder.is_dir(follow_symlinks=False):
                    continue
                with os.scandir(folder.path) as objects:
                    for each in objects:
                        if folder.name + each.name not in wanted and not each.is_dir(follow_symlinks=False):
                            os.unlink(each.path)

    def _make_folders(self) -> None:
        for folder in (self._objects, self._lists):
            if not os.path.isdir(folder):
                os.makedirs(folder, 0o700, exist_ok=True)
                atomic.sync_folder(os.path.dirname(folder))

    def _tidy(self) -> None:
        """Removes what a run left that did not come to its end."""
        for folder in (self._lists, self._objects):
            for name in os.listdir(folder):
                if name.startswith(atomic.UNFINISHED):
                    os.unlink(os.path.join(folder, name))

    def _room(self) -> int:
        status = os.statvfs(self._objects)
        # File systems without a fixed number of files say 0.
        files = status.f_favail if status.f_files else _FILES_FOR_LIST
        return status.f_bavail * status.f_frsize - _LEFT_FREE if files >= _FILES_FOR_LIST else -_LEFT_FREE

    def _object(self, sha256: str) -> str:
        return os.path.join(self._objects, sha256[:2], sha256[2:])

    def _free_name(self, now: int) -> str:
        from datetime import datetime, timezone

        base = datetime.fromtimestamp(now, timezone.utc).strftime(NAME)
        # A clock that went back (a Raspberry Pi has none that runs without power) makes nothing older than it is.
        known = [order(name) for name in self.names() if NAMED.fullmatch(name)]
        base, number = max([(base, 0), *known])
        return "{}-{}".format(base, number + 1) if number else base

    def _is_there(self, kept: Kept) -> bool:
        """Whether a content is kept, as far as its size tells."""
        try:
            status = os.lstat(self._object(kept.sha256))
        except OSError:
            return False
        return kept.stored and stat.S_ISREG(status.st_mode) and status.st_size == kept.size

    def _keep(self, files: Folder, name: str, seen: str) -> Optional[Kept]:
        content = files.content(name)
        if content is None:
            return None
        status = files.status(name)
        with content:
            mtime = 0 if status is None else status.mtime
            size, sha256 = of_content(content, files.label(name))
            known = Kept(name, size, sha256, mtime, True, seen)
            # What is kept already takes no room.
            with suppress(Damaged, OSError):
                self.content(known)
                return known
            room = self._room()
            if size <= room or size <= min(_SMALL, room + _LEFT_FREE - _FOR_LIST):
                try:
                    size, sha256 = self._store(content, files.label(name))
                    return Kept(name, size, sha256, mtime, True, seen)
                except OSError as error:
                    # With a folder in its place it is not kept either.
                    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EISDIR):
                        raise
            return known._replace(stored=False)

    def _store(self, content: Content, label: str) -> Digest:
        temporary = os.path.join(self._objects, "{}{}".format(atomic.UNFINISHED, os.getpid()))
        made, size = hashlib.sha256(), 0
        try:
            with open(temporary, "xb", opener=_private) as stream:
                for piece in pieces(content, label):
                    made.update(piece)
                    size += len(piece)
                    stream.write(piece)
                stream.flush()
                os.fsync(stream.fileno())
            # What is there of that name is damaged.
            path = self._object(made.hexdigest())
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            os.rename(temporary, path)
            atomic.sync_folder(os.path.dirname(path))
            atomic.sync_folder(self._objects)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
        return Digest(size, made.hexdigest())


def walk(files: Folder, folder: str = "", depth: int = _DEEPEST) -> Iterator[str]:
    """The names of all regular files in a folder and below it. Raises Unreadable."""
    for name in files.names(folder):
        path = "{}/{}".format(folder, name) if folder else name
        if name.startswith(atomic.UNFINISHED) or files.link(path) is not None:
            continue
        status = files.status(path)
        if status is not None and status.is_file:
            yield path
        elif status is not None and status.kind == "folder" and depth:
            yield from walk(files, path, depth - 1)


def changed(snapshot: Snapshot, files: Folder, seen: Mapping[str, str]) -> Tuple[str, ...]:
    """The names of files that are not as they were: others, gone, or new. Raises Unreadable."""
    known = snapshot.by_name
    found: List[str] = []
    present = set()
    for name in walk(files):
        present.add(name)
        before = known.get(name)
        if before is not None and before.seen and before.seen == seen.get(name):
            continue
        content = files.content(name) if before is not None else None
        if before is None or content is None:
            found.append(name)
            continue
        with content:
            if content.size != before.size or of_content(content, files.label(name)).sha256 != before.sha256:
                found.append(name)
    return tuple(sorted([*found, *(set(known) - present)]))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
