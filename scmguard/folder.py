"""Folders of files, wherever they are: a directory, a mapping in memory, later a git index or a package.

Who reads files asks a :class:`Folder`; where they really are is the business of :mod:`scmguard.inputs`. Names are
relative to the folder, with ``/`` between parts.
"""

import os.path
from types import TracebackType
from typing import Any, Callable, List, Mapping, NamedTuple, Optional, Sequence, Type

from scmguard.text import Source


class Unreadable(Exception):
    """A file that is there and cannot be used: its path, and why. A user's error, in one line."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__("{}: {}".format(path, reason))
        self.path = path
        self.reason = reason


class Lacking(Exception):
    """Something that a rule needs to judge a tree is missing where scmguard runs. No error: the rule is not checked.

    ``needs`` names it in a word, ``reason`` in a sentence without a subject ("needs zstd to read initrd.img").
    """

    def __init__(self, needs: str, reason: str) -> None:
        super().__init__(reason)
        self.needs = needs
        self.reason = reason


class Status(NamedTuple):
    """What a file system says of a file or folder: its kind (``file``, ``folder`` or ``other``), mode, size and time.

    ``mode`` has the permissions alone (0o755), ``size`` bytes, ``mtime`` seconds since 1970, 0 where it is not known.
    """

    kind: str
    mode: int
    size: int = 0
    mtime: int = 0

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.kind == "file"

    @property
    def is_executable(self) -> bool:
        """Whether root may run it: a regular file on which anybody has the right to (access(2))."""
        return self.kind == "file" and bool(self.mode & 0o111)


class Space(NamedTuple):
    """Room on the file system that a folder is on, in bytes; ``free`` is what programs other than root's get.

    ``own`` tells whether the folder is where that file system is mounted, so that it has the room for itself.
    """

    total: int
    free: int
    own: bool = True


class Content:
    """An open file of whatever size, read by position. A context manager, which closes it."""

    def __init__(self, size: int, pread: Callable[[int, int], bytes], close: Callable[[], Any] = lambda: None) -> None:
        self.size = size
        #: ``pread(size, at)``: up to ``size`` bytes from the byte ``at`` on. Raises OSError.
        self.pread = pread
        self._close = close

    @classmethod
    def of_bytes(cls, data: bytes) -> "Content":
        """Bytes in memory."""
        return cls(len(data), lambda size, at: data[at : at + size])

    @classmethod
    def joined(cls, parts: "Sequence[Content]") -> "Content":
        """Several files one behind the other, as one; closing it closes them."""

        def pread(size: int, at: int) -> bytes:
            pieces: List[bytes] = []
            for part in parts:
                if size and at < part.size:
                    pieces.append(part.pread(min(size, part.size - at), at))
                    size -= len(pieces[-1])
                    at += len(pieces[-1])
                at -= part.size
            return b"".join(pieces)

        def close() -> None:
            for part in parts:
                part.close()

        return cls(sum(part.size for part in parts), pread, close)

    def close(self) -> None:
        """Lets go of the file."""
        self._close()

    def __enter__(self) -> "Content":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


class Folder:
    """Files by name. ``path`` is how people know the folder; ``label`` puts it before a name."""

    path: str = ""

    def read(self, name: str) -> Optional[bytes]:
        """A file's bytes, or None where there is no such file. Raises :class:`Unreadable`."""
        raise NotImplementedError

    def names(self, folder: str = "") -> List[str]:
        """The names in a folder, sorted; none where there is no such folder. Raises :class:`Unreadable`."""
        raise NotImplementedError

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of that name. Raises :class:`Unreadable`."""
        raise NotImplementedError

    def status(self, name: str) -> Optional[Status]:
        """What is known of a file or folder, after links; None where there is none. Raises :class:`Unreadable`."""
        raise NotImplementedError

    def content(self, name: str) -> Optional[Content]:
        """A regular file opened, however large; None where there is none. Raises :class:`Unreadable`."""
        data = self.read(name)
        return None if data is None else Content.of_bytes(data)

    def space(self) -> Optional[Space]:
        """The room on the folder's file system; None where it is on none (a git index, a package)."""
        return None

    def link(self, name: str) -> Optional[str]:
        """Where a symbolic link points, as it is written; None for what is no link."""
        return None

    def source(self, name: str) -> Optional[Source]:
        """A file's text, or None where there is no such file. Raises :class:`Unreadable`."""
        data = self.read(name)
        return None if data is None else Source(self.label(name), data)

    def label(self, name: str) -> str:
        """The path of a file, for people."""
        return os.path.join(self.path, name) if self.path not in ("", ".") else name


class MemoryFolder(Folder):
    """Files given as a mapping from name to bytes. Links are names whose target is in ``links``; none is followed.

    ``statuses`` has what differs from a file that anybody may read and, with ``#!`` in front, run.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        path: str = "",
        links: Optional[Mapping[str, str]] = None,
        statuses: Optional[Mapping[str, Status]] = None,
        space: Optional[Space] = None,
    ) -> None:
        self.files = dict(files)
        self.path = path
        self.links = dict(links or {})
        self.statuses = dict(statuses or {})
        self._space = space

    def read(self, name: str) -> Optional[bytes]:
        return self.files.get(_plain(name))

    def names(self, folder: str = "") -> List[str]:
        prefix = _plain(folder) + "/" if _plain(folder) else ""
        every = list(self.files) + list(self.links)
        return sorted({name[len(prefix) :].split("/")[0] for name in every if name.startswith(prefix)})

    def exists(self, name: str) -> bool:
        name = _plain(name)
        return name in self.files or name in self.links or bool(self.names(name))

    def status(self, name: str) -> Optional[Status]:
        name = _plain(name)
        data = self.files.get(name)
        if data is None:
            return Status("folder", 0o755) if self.names(name) else None
        found = self.statuses.get(name)
        mode = 0o755 if data.startswith(b"#!") else 0o644
        return Status("file", mode, len(data)) if found is None else found._replace(size=len(data))

    def space(self) -> Optional[Space]:
        return self._space

    def link(self, name: str) -> Optional[str]:
        return self.links.get(_plain(name))


def _plain(name: str) -> str:
    """A name without what means nothing in it."""
    if "//" in name or "." in name:
        return "/".join(part for part in name.split("/") if part not in ("", "."))
    return name.strip("/")
