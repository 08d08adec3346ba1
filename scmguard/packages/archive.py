"""What a .deb would put on the disk, read through ``dpkg-deb`` in one pass and without unpacking anything.

Source: deb(5); dpkg-deb(1), ``--fsys-tarfile`` and ``--ctrl-tarfile``.
"""

import os
import signal
import subprocess  # noqa: S404  (a pipe of any length, which :mod:`scmguard.programs` does not give)
import tarfile
import threading
from contextlib import contextmanager, suppress
from typing import IO, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.packages.tarnames import plain
from scmguard.programs import ENVIRONMENT
from scmguard.text import printable

DPKG_DEB = "/usr/bin/dpkg-deb"
#: How long one pass over an archive may take, in seconds. On a Raspberry Pi xz gives some 20 MB a second.
LIMIT = 120.0
# Kernels and images have some tens of megabytes; what is larger is known by its name and size alone.
_MOST_BYTES = 96 << 20
# Of drivers rules ask for names, and what is inside them is not needed.
_BY_NAME = (".ko", ".ko.xz", ".ko.gz", ".ko.zst")
# In the list of configuration files, from dpkg 1.20 on.
_WITHDRAWN = "remove-on-upgrade /"


class Broken(Exception):
    """An archive that cannot be read: its path and why, in one line."""


class Member(NamedTuple):
    """A file of a package. ``kind`` is file, folder, link (then ``target`` says where to) or other.

    ``data`` is None where the content was not kept.
    """

    kind: str
    mode: int
    size: int = 0
    mtime: int = 0
    target: str = ""
    data: Optional[bytes] = None


class Archive(NamedTuple):
    """A package's fields (``Package``, ``Version``, ``Architecture`` …), its configuration files, and its files.

    Paths have no slash in front. Of files that were not asked for, only ``names`` has the path. ``withdrawn`` are
    configuration files of older versions that are to be removed.
    """

    fields: Dict[str, str]
    conffiles: Tuple[str, ...]
    names: Tuple[str, ...]
    members: Dict[str, Member]
    withdrawn: Tuple[str, ...] = ()


class Control(NamedTuple):
    """What a package says of itself: fields, configuration files, and those of older versions that are to go."""

    fields: Dict[str, str]
    conffiles: Tuple[str, ...]
    withdrawn: Tuple[str, ...]


def control(path: str) -> Control:
    """What an archive says of its package, without a look at its files. Raises Broken."""
    fields: Dict[str, str] = {}
    lines: List[str] = []
    with _tar(path, "--ctrl-tarfile") as tar:
        for name, _, stream in _members(tar):
            if name == "control" and stream is not None:
                fields = _fields(stream.read().decode("utf-8", "replace"))
            elif name == "conffiles" and stream is not None:
                lines = stream.read().decode("utf-8", "surrogateescape").split("\n")
    conffiles = tuple(line.strip().lstrip("/") for line in lines if line.startswith("/"))
    withdrawn = tuple(line[len(_WITHDRAWN) :].strip() for line in lines if line.startswith(_WITHDRAWN))
    return Control(fields, conffiles, withdrawn)


def read(path: str, wanted: Callable[[str], bool], keeps: int = 256 << 20) -> Archive:
    """An archive, with the content of those files that are ``wanted``, ``keeps`` bytes at most. Raises Broken."""
    said = control(path)
    names: List[str] = []
    members: Dict[str, Member] = {}
    sizes: Dict[str, int] = {}
    with _tar(path, "--fsys-tarfile") as tar:
        for name, info, stream in _members(tar):
            names.append(name)
            sizes[name] = info.size
            if not wanted(name):
                continue
            if info.islnk():
                # A second name of a file that is in the archive before it, asked for or not.
                first = plain(info.linkname)
                unknown = Member("file", info.mode & 0o7777, sizes.get(first, 0), int(info.mtime))
                members[name] = members.get(first, unknown)
                continue
            members[name] = _member(info, stream, name, keeps)
            keeps -= len(members[name].data or b"")
    return Archive(said.fields, said.conffiles, tuple(names), members, said.withdrawn)


def _member(info: tarfile.TarInfo, stream: Optional[IO[bytes]], name: str, keeps: int) -> Member:
    mode, mtime = info.mode & 0o7777, int(info.mtime)
    if info.issym():
        return Member("link", mode, target=info.linkname, mtime=mtime)
    if info.isdir():
        return Member("folder", mode, mtime=mtime)
    if not info.isreg():
        return Member("other", mode, mtime=mtime)
    data = None
    if stream is not None and info.size <= min(_MOST_BYTES, keeps) and not name.endswith(_BY_NAME):
        data = stream.read()
    return Member("file", mode, info.size, mtime, data=data)


def _fields(text: str) -> Dict[str, str]:
    pairs = (line.partition(":") for line in text.split("\n") if not line.startswith((" ", "\t")))
    return {key: value.strip() for key, colon, value in pairs if colon}


def _members(tar: tarfile.TarFile) -> Iterator[Tuple[str, tarfile.TarInfo, Optional[IO[bytes]]]]:
    for info in tar:
        yield plain(info.name).rstrip("/"), info, tar.extractfile(info) if info.isreg() else None


@contextmanager
def _tar(path: str, what: str) -> Iterator[tarfile.TarFile]:
    """A part of an archive. Raises Broken, also for what goes wrong while it is read."""
    with _piped(path, what) as pipe:
        try:
            with tarfile.open(fileobj=pipe, mode="r|") as tar:
                yield tar
        except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError) as error:
            raise Broken("{} cannot be read: {}".format(printable(path), error)) from None


@contextmanager
def _piped(path: str, what: str) -> Iterator[IO[bytes]]:
    """What dpkg-deb writes about an archive. Raises Broken, also where it does not end well or in time."""
    if not os.path.isfile(path):
        raise Broken("{} is not there, or no file".format(printable(path)))
    try:
        process = subprocess.Popen(  # noqa: S603  (a fixed program; the path is one argument, and no option)
            [DPKG_DEB, what, os.path.abspath(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise Broken("dpkg-deb could not be started: {}".format((error.strerror or str(error)).lower())) from None
    assert process.stdout is not None
    watch = threading.Timer(LIMIT, _end, (process,))
    watch.daemon = True
    watch.start()
    try:
        yield process.stdout
        # tar ends before the padding does.
        while process.stdout.read(1 << 16):
            continue
        if process.wait() != 0:
            reason = "dpkg-deb ended with status {}".format(process.returncode)
            raise Broken("{} cannot be read: {}".format(printable(path), reason))
    finally:
        watch.cancel()
        _end(process)
        process.stdout.close()
        process.wait()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends dpkg-deb with those that it started, which hold its pipe."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
