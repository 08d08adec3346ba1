"""What a .deb would put on the disk, read through ``dpkg-deb`` in one pass and without unpacking anything.

Source: deb(5); dpkg-deb(1), ``--fsys-tarfile`` and ``--ctrl-tarfile``.
"""

import os
import subprocess  # noqa: S404  (a pipe of any length, which :mod:`scmguard.programs` does not give)
import tarfile
import threading
from contextlib import contextmanager
from typing import IO, Callable, Dict, Iterator, NamedTuple, Optional, Tuple

from scmguard.packages.tarnames import plain
from scmguard.programs import ENVIRONMENT

DPKG_DEB = "/usr/bin/dpkg-deb"
#: How long one pass over an archive may take, in seconds. On a Raspberry Pi xz gives some 20 MB a second.
LIMIT = 120.0
# Kernels and images have some tens of megabytes; what is larger is known by its name and size alone.
_MOST_BYTES = 96 << 20
# Of drivers rules ask for names, and what is inside them is not needed.
_BY_NAME = (".ko", ".ko.xz", ".ko.gz", ".ko.zst")


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

    Paths have no slash in front. Of files that were not asked for, only ``names`` has the path.
    """

    fields: Dict[str, str]
    conffiles: Tuple[str, ...]
    names: Tuple[str, ...]
    members: Dict[str, Member]


def read(path: str, wanted: Callable[[str], bool], keeps: int = 256 << 20) -> Archive:
    """An archive, with the content of those files that are ``wanted``, ``keeps`` bytes at most. Raises Broken."""
    fields: Dict[str, str] = {}
    conffiles: Tuple[str, ...] = ()
    for name, _, stream in _members(path, "--ctrl-tarfile"):
        if name == "control" and stream is not None:
            fields = _fields(stream.read().decode("utf-8", "replace"))
        elif name == "conffiles" and stream is not None:
            lines = stream.read().decode("utf-8", "surrogateescape").split("\n")
            # dpkg >= 1.20: "remove-on-upgrade /path"
            conffiles = tuple(line.strip().lstrip("/") for line in lines if line.startswith("/"))
    names, members = [], {}
    for name, info, stream in _members(path, "--fsys-tarfile"):
        names.append(name)
        if wanted(name):
            members[name] = _member(info, stream, name, keeps)
            keeps -= len(members[name].data or b"")
    return Archive(fields, conffiles, tuple(names), members)


def _member(info: tarfile.TarInfo, stream: Optional[IO[bytes]], name: str, keeps: int) -> Member:
    mode, mtime = info.mode & 0o7777, int(info.mtime)
    if info.issym():
        return Member("link", mode, target=info.linkname, mtime=mtime)
    if info.islnk():
        # A second name of a file of this archive; dpkg makes it one.
        return Member("link", mode, target="/" + plain(info.linkname), mtime=mtime)
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


def _members(path: str, what: str) -> Iterator[Tuple[str, tarfile.TarInfo, Optional[IO[bytes]]]]:
    with _piped(path, what) as pipe:
        try:
            with tarfile.open(fileobj=pipe, mode="r|") as tar:
                for info in tar:
                    yield plain(info.name).rstrip("/"), info, tar.extractfile(info) if info.isreg() else None
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            raise Broken("{} cannot be read: {}".format(path, error)) from None


@contextmanager
def _piped(path: str, what: str) -> Iterator[IO[bytes]]:
    """What dpkg-deb writes about an archive. Raises Broken, also where it does not end well or in time."""
    if not os.path.isfile(path):
        raise Broken("{} is not there".format(path))
    try:
        process = subprocess.Popen(  # noqa: S603  (a fixed program; the path is one argument, and no option)
            [DPKG_DEB, what, os.path.abspath(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
        )
    except OSError as error:
        raise Broken("dpkg-deb could not be started: {}".format((error.strerror or str(error)).lower())) from None
    assert process.stdout is not None
    watch = threading.Timer(LIMIT, process.kill)
    watch.daemon = True
    watch.start()
    try:
        yield process.stdout
        # tar ends before the padding does.
        while process.stdout.read(1 << 16):
            continue
        if process.wait() != 0:
            raise Broken("{} cannot be read: dpkg-deb ended with status {}".format(path, process.returncode))
    finally:
        watch.cancel()
        process.kill()
        process.stdout.close()
        process.wait()
