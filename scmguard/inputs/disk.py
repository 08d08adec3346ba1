"""Folders on disk, read without ever leaving them.

Every part of a path is opened by itself, relative to the folder before it, and no link is followed by the kernel: links
are read and resolved here, so that nothing outside the tree can be reached, also while somebody changes the tree.
"""

import errno
import os
import stat
from functools import partial
from typing import Dict, List, Optional, Tuple

from scmguard.folder import Content, Folder, Space, Status, Unreadable

#: A boot text file larger than this is none. (The grammar would take it; a reader's memory might not.)
MAX_BYTES = 64 << 20
_MAX_LINKS = 40
_PAGE = 1 << 16
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Leaves(Exception):
    """A symbolic link whose target is outside the tree."""


class DiskFolder(Folder):
    """A directory. ``is_root`` makes it a root file system: absolute links in it start at it, as in a chroot.

    With ``base`` the folder is the one of that name in there: names do not leave the base, links do not leave the
    directory. Folders other than a root itself find names as a FAT file system does, in any case, where the exact one
    is not there. ``label`` is the path for people.
    """

    def __init__(self, path: str, is_root: bool = False, base: str = "", label: Optional[str] = None) -> None:
        self.path = label if label is not None else os.path.join(path, base) if base else path
        self._where = path
        self._is_root = is_root
        self._base = base.strip("/")
        self._folds_case = not is_root or bool(base)
        self._listed: Dict[Tuple[int, int], Dict[str, str]] = {}

    def below(self, name: str) -> "DiskFolder":
        """The folder of that name in this one, with the same borders for links."""
        base = "{}/{}".format(self._base, name) if self._base else name
        return DiskFolder(self._where, self._is_root, base, os.path.join(self.path, name))

    def read(self, name: str) -> Optional[bytes]:
        file = self._open(name)
        if file is None:
            return None
        try:
            return contents(file, self.label(name))
        finally:
            os.close(file)

    def content(self, name: str) -> Optional[Content]:
        file = self._open(name)
        if file is None:
            return None
        try:
            size = _regular(file, self.label(name)).st_size
        except Unreadable:
            os.close(file)
            raise
        return Content(size, lambda size, at: os.pread(file, size, at), partial(os.close, file))

    def status(self, name: str) -> Optional[Status]:
        place = self._find(name) if name.strip("/") or self._base else (self._open_top(), ".")
        if place is None:
            return None
        folder, last = place
        try:
            found = os.stat(last, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            raise Unreadable(self.label(name), _reason(error)) from None
        finally:
            os.close(folder)
        mode = found.st_mode
        kind = "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"
        return Status(kind, stat.S_IMODE(mode), found.st_size, int(found.st_mtime))

    def space(self) -> Optional[Space]:
        folder = self._folder("")
        if folder is None:
            return None
        try:
            here, above = os.fstat(folder), os.stat("..", dir_fd=folder)
            room = os.fstatvfs(folder)
        except OSError as error:
            raise Unreadable(self.path or self._where, _reason(error)) from None
        finally:
            os.close(folder)
        # Above the root of all is the root itself.
        own = here.st_dev != above.st_dev or here.st_ino == above.st_ino
        return Space(room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize, own)

    def names(self, folder: str = "") -> List[str]:
        if not folder.strip("/") and not self._base:
            return self._list(self._open_top(), folder)
        place = self._find(folder)
        if place is None:
            return []
        parent, last = place
        try:
            inner = os.open(last, _OPEN_FOLDER, dir_fd=parent)
        except OSError as error:
            if error.errno == errno.ENOTDIR:
                return []
            raise Unreadable(self.label(folder), _reason(error)) from None
        finally:
            os.close(parent)
        return self._list(inner, folder)

    def exists(self, name: str) -> bool:
        if not name.strip("/") and not self._base:
            return True
        place = self._find(name)
        if place is None:
            return False
        os.close(place[0])
        return True

    def link(self, name: str) -> Optional[str]:
        parent, _, last = name.strip("/").rpartition("/")
        folder = self._folder(parent)
        if folder is None:
            return None
        try:
            return os.readlink(last, dir_fd=folder)
        except (OSError, ValueError):
            return None
        finally:
            os.close(folder)

    def _open(self, name: str) -> Optional[int]:
        """A file opened, after links; None where there is none."""
        place = self._find(name)
        if place is None:
            return None
        folder, last = place
        try:
            return os.open(last, _OPEN_FILE, dir_fd=folder)
        except OSError as error:
            raise Unreadable(self.label(name), _reason(error)) from None
        finally:
            os.close(folder)

    def _list(self, folder: int, name: str) -> List[str]:
        try:
            return sorted(os.listdir(folder))
        except OSError as error:
            raise Unreadable(self.label(name), _reason(error)) from None
        finally:
            os.close(folder)

    def _open_top(self) -> int:
        # The folder that the user named may itself be reached through links.
        try:
            return os.open(self._where, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Unreadable(self.path or self._where, _reason(error)) from None

    def _folder(self, name: str) -> Optional[int]:
        if not name and not self._base:
            return self._open_top()
        place = self._find(name)
        if place is None:
            return None
        parent, last = place
        try:
            return os.open(last, _OPEN_FOLDER, dir_fd=parent)
        except OSError:
            return None
        finally:
            os.close(parent)

    def _find(self, name: str) -> Optional[Tuple[int, str]]:
        """The open folder that holds ``name`` after all links, and the name there; None if it is not there."""
        try:
            return self._walk(name)
        except Leaves:
            raise Unreadable(self.label(name), "is a symbolic link that leaves the tree; it was not followed") from None
        except OSError as error:
            raise Unreadable(self.label(name), _reason(error)) from None

    def _walk(self, name: str) -> Optional[Tuple[int, str]]:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        # No file system has a name with a NUL in it, and Python refuses one.
        if "\0" in name or _climbs(parts):
            return None
        todo = (self._base.split("/") if self._base else []) + parts
        if not todo:
            return None
        todo.reverse()
        stack = [self._open_top()]
        links = 0
        try:
            while True:
                part = todo.pop()
                if part == "..":
                    if len(stack) > 1:
                        os.close(stack.pop())
                    elif not self._is_root:
                        raise Leaves
                    if not todo:
                        todo.append(".")
                    continue
                found = self._entry(stack[-1], part)
                if found is None:
                    return None
                part, status = found
                if stat.S_ISLNK(status.st_mode):
                    links += 1
                    if links > _MAX_LINKS:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                    target = os.readlink(part, dir_fd=stack[-1])
                    if target.startswith("/"):
                        if not self._is_root:
                            raise Leaves
                        while len(stack) > 1:
                            os.close(stack.pop())
                    todo.extend([each for each in target.split("/") if each not in ("", ".")][::-1])
                    if not todo:
                        todo.append(".")
                    continue
                if not todo:
                    return os.dup(stack[-1]), part
                if not stat.S_ISDIR(status.st_mode):
                    return None
                stack.append(os.open(part, _OPEN_FOLDER, dir_fd=stack[-1]))
        finally:
            for folder in stack:
                os.close(folder)

    def _entry(self, folder: int, part: str) -> Optional[Tuple[str, os.stat_result]]:
        try:
            return part, os.stat(part, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EINVAL):
                return None
            raise
        except ValueError:  # a NUL in the name
            return None
        if self._folds_case and part != ".":
            name = self._any_case(folder).get(part.lower())
            if name is not None and name != part:
                try:
                    return name, os.stat(name, dir_fd=folder, follow_symlinks=False)
                except FileNotFoundError:
                    return None
        return None

    def _any_case(self, folder: int) -> Dict[str, str]:
        """The names in a folder by their lower case; a folder is listed once."""
        status = os.fstat(folder)
        key = status.st_dev, status.st_ino
        if key not in self._listed:
            self._listed[key] = {name.lower(): name for name in os.listdir(folder)}
        return self._listed[key]


def _climbs(parts: List[str]) -> bool:
    """Whether a path goes above where it starts."""
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def _regular(file: int, label: str) -> os.stat_result:
    """What is known of an open file. Raises :class:`Unreadable` for what is no regular file."""
    status = os.fstat(file)
    if stat.S_ISDIR(status.st_mode):
        raise Unreadable(label, "is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable(label, "is not a regular file")
    return status


def contents(file: int, label: str) -> bytes:
    """All bytes of an open file. Raises :class:`Unreadable` for what is no regular file, or a very large one."""
    status = _regular(file, label)
    if status.st_size > MAX_BYTES:
        raise Unreadable(label, "is larger than {} MiB".format(MAX_BYTES >> 20))
    pieces: List[bytes] = []
    try:
        # One byte more than the size, so that a small file takes two short reads and no buffer of megabytes. What
        # the kernel makes up in /proc says that it is empty.
        size = status.st_size + 1 if status.st_size else _PAGE
        while not pieces or pieces[-1]:
            pieces.append(os.read(file, size))
    except OSError as error:
        raise Unreadable(label, _reason(error)) from None
    return b"".join(pieces)


def open_named(path: str) -> int:
    """Opens a file that the user named, through whatever links; never waits for a pipe. Raises :class:`Unreadable`."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unreadable(path, _reason(error)) from None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
