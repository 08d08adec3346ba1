"""git, started: for one answer, or as a child that reads objects for as long as it is wanted.

Git is asked for object ids and bytes alone (``ls-files``, ``ls-tree``, ``cat-file``), never to run what a repository's
configuration names: no hooks, file system monitors, filters, text conversions, pagers, prompts, and nothing is fetched.
Whether a repository may be read at all is git's decision (safe.directory).
"""

import os
import re
import selectors
import subprocess  # noqa: S404  (git itself, by argument lists)
import time
import weakref
from typing import Dict, Iterable, Mapping, NamedTuple, NoReturn, Optional, Sequence

from scmguard.folder import Unreadable
from scmguard.inputs.disk import MAX_BYTES, contents, open_named
from scmguard.programs import ENVIRONMENT, FOLDERS

#: Seconds that git has for one answer.
LIMIT = 60.0
_PIECE = 1 << 16
# The form of a pointer is that of the specification of Git LFS, docs/spec.md.
_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:[a-z0-9.-]+ .*\n)*?oid sha256:([0-9a-f]{64})\n")
_LARGEST_POINTER = 1024
# So many objects are asked for at once: that fits into a pipe, so that nobody waits for the other.
_AT_ONCE = 64
# What is larger is not read ahead.
_LARGE = 1 << 20
_NOT_HERE = "its content is not in the repository (a partial clone, or a damaged one)"
# What git runs as: nothing of the repository's own, in the words of versions that have no environment variable for it.
_OPTIONS = ("--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never")
_SWITCHES = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    # Everybody else gets the objects themselves, not what stands for them in this clone.
    "GIT_NO_REPLACE_OBJECTS": "1",
}
# Whose configuration counts, and where the repository ends; git's own check of the owner asks for SUDO_UID.
_KEPT = (
    "HOME",
    "XDG_CONFIG_HOME",
    "SUDO_UID",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
)
# What git tells its hooks about the repository that they run for, and whoever called git told it.
_OF_THE_HOOK = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
)
_CONFIG = re.compile("GIT_CONFIG_(PARAMETERS|COUNT|(KEY|VALUE)_[0-9]+)")


class Said(NamedTuple):
    """What git answered: its exit status, and both outputs."""

    status: int
    out: bytes
    err: bytes


def find_git(label: str) -> str:
    """Where git is. A developer's may be anywhere on the PATH; root's may not. Raises :class:`Unreadable`."""
    more = [] if os.geteuid() == 0 else [each for each in os.environ.get("PATH", "").split(":") if os.path.isabs(each)]
    for folder in (*FOLDERS, "/usr/local/bin", *more):
        path = os.path.join(folder, "git")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise Unreadable(label, "git is not installed")


def environment() -> Dict[str, str]:
    """What git gets as its environment: whose configuration counts, and no word about a repository."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or _CONFIG.fullmatch(name)}
    return {**ENVIRONMENT, **kept, **_SWITCHES}


def hook_environment() -> Dict[str, str]:
    """What git told the hook that this runs in about its repository, if there is one."""
    return {name: os.environ[name] for name in _OF_THE_HOOK if name in os.environ}


def run(program: str, arguments: Sequence[str], folder: str, variables: Mapping[str, str], label: str) -> Said:
    """Asks git in a folder. Raises :class:`Unreadable` with the label if it cannot be asked."""
    try:
        done = subprocess.run(  # noqa: S603
            [program, *_OPTIONS, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd=folder or None,
            env=variables,
            timeout=LIMIT,
            start_new_session=True,
        )
        return Said(done.returncode, done.stdout, done.stderr)
    except subprocess.TimeoutExpired:
        raise Unreadable(label, "git did not answer within {:g} s".format(LIMIT)) from None
    except OSError as error:
        raise Unreadable(label, "git could not be started there: {}".format(_reason(error))) from None


def why(stderr: bytes) -> str:
    """What git complains about on standard error, as a clause."""
    text = stderr.decode("utf-8", "replace").strip()
    if "not a git repository" in text:
        return "is in no git repository"
    if "must be run in a work tree" in text:
        return "is in a repository without a working tree (a bare one)"
    if "dubious ownership" in text or "unsafe repository" in text:
        return "git does not trust this repository, which belongs to somebody else (see safe.directory in git-config)"
    line = next((line for line in text.splitlines() if line.strip()), "git gave no reason")
    return "git: {}".format(re.sub("^(fatal|error): ", "", line))


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


class Blobs:
    """The bytes of a repository's objects, through children that are started when they are asked and end with this."""

    def __init__(self, program: str, folder: str, variables: Mapping[str, str], common: str) -> None:
        self._start = [program, *_OPTIONS, "cat-file"], folder, dict(variables)
        self._lfs = os.path.join(common, "lfs", "objects")
        self._reader: Optional[_Child] = None
        self._sizes: Optional[_Child] = None
        self._ahead: Dict[str, bytes] = {}

    def read(self, id: str, label: str) -> bytes:
        """The bytes of an object. Raises :class:`Unreadable` with the label for one that is missing or very large."""
        data = self._ahead[id] if id in self._ahead else self._ask(id, label)
        pointer = _LFS.match(data) if len(data) < _LARGEST_POINTER else None
        return data if pointer is None else self._of_lfs(pointer.group(1).decode("ascii"), label)

    def _ask(self, id: str, label: str) -> bytes:
        if self._reader is None or self._reader.is_over:
            self._reader = self._child("--batch")
        size = self._reader.ask(id, label)
        if size > MAX_BYTES:
            # What it is about to say is not to be read.
            self._reader.end()
            raise Unreadable(label, "is larger than {} MiB".format(MAX_BYTES >> 20))
        return self._reader.take(size, label)

    def _of_lfs(self, id: str, label: str) -> bytes:
        """What Git LFS keeps beside the objects for a file of which they have the digest alone."""
        from hashlib import sha256

        path = os.path.join(self._lfs, id[:2], id[2:4], id)
        data = b""
        if os.path.isfile(path):
            file = open_named(path)
            try:
                data = contents(file, label)
            finally:
                os.close(file)
        if sha256(data).hexdigest() != id:
            raise Unreadable(label, "is kept by Git LFS, and its content is not here (git lfs fetch brings it)")
        return data

    def read_ahead(self, ids: Iterable[str]) -> None:
        """Asks for many objects at once, which are kept until the next call: to ask for each takes two switches.

        Where that fails, or something is large, the rest is left to :meth:`read`.
        """
        wanted = list(dict.fromkeys(ids))
        self._ahead = {id: self._ahead[id] for id in wanted if id in self._ahead}
        wanted = [id for id in wanted if id not in self._ahead]
        for start in range(0, len(wanted), _AT_ONCE):
            if self._reader is None or self._reader.is_over:
                self._reader = self._child("--batch")
            several = wanted[start : start + _AT_ONCE]
            try:
                self._reader.send(several)
                for id in several:
                    size = self._reader.answer("")
                    if size > _LARGE:
                        self._reader.end()
                        return
                    self._ahead[id] = self._reader.take(size, "")
            except (Unreadable, OSError):
                # What it would say next is not known: it is asked anew, one by one.
                self._reader.end()
                return

    def size(self, id: str, label: str) -> int:
        """The size of an object in bytes. Raises :class:`Unreadable`."""
        if self._sizes is None or self._sizes.is_over:
            self._sizes = self._child("--batch-check")
        return self._sizes.ask(id, label)

    def close(self) -> None:
        """Ends the children; a later question starts them again."""
        for child in (self._reader, self._sizes):
            if child is not None:
                child.end()
        self._reader = self._sizes = None

    def _child(self, mode: str) -> "_Child":
        command, folder, variables = self._start
        return _Child([*command, mode], folder, variables)


class _Child:
    """A child that answers questions about objects, one line each, until it is ended or forgotten."""

    def __init__(self, command: Sequence[str], folder: str, variables: Mapping[str, str]) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=variables,
                # An interrupt is for scmguard, which ends its children in its own time.
                start_new_session=True,
            )
        except OSError as error:
            raise Unreadable(folder, "git could not be started: {}".format(_reason(error))) from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._held = bytearray()
        self._waits = selectors.DefaultSelector()
        self._waits.register(self._out, selectors.EVENT_READ)
        self.end = weakref.finalize(self, _end, self._process, self._waits)

    def ask(self, id: str, label: str) -> int:
        """The size of an object; with ``--batch`` its bytes come next. Raises :class:`Unreadable`."""
        try:
            self.send([id])
        except OSError:
            self._over(label)
        return self.answer(label)

    def send(self, ids: Sequence[str]) -> None:
        """Asks for objects, of which each is to be answered and, with ``--batch``, taken. Raises OSError."""
        self._in.write("".join(id + "\n" for id in ids).encode("ascii"))

    def answer(self, label: str) -> int:
        """The size of the next object that was asked for. Raises :class:`Unreadable`."""
        end = time.monotonic() + LIMIT
        while b"\n" not in self._held:
            self._more(end, label)
        line, _, rest = bytes(self._held).partition(b"\n")
        self._held = bytearray(rest)
        words = line.split(b" ")
        if len(words) != 3 or words[1] != b"blob":
            raise Unreadable(label, _NOT_HERE)
        return int(words[2])

    def take(self, size: int, label: str) -> bytes:
        """The bytes of the object that was asked for."""
        end = time.monotonic() + LIMIT
        # A line end closes what git says of an object.
        while len(self._held) <= size:
            self._more(end, label)
        data = bytes(self._held[:size])
        del self._held[: size + 1]
        return data

    @property
    def is_over(self) -> bool:
        """Whether it was ended."""
        return not self.end.alive

    def _over(self, label: str) -> NoReturn:
        """git gives up where it would have to fetch, and where the repository is damaged."""
        self.end()
        raise Unreadable(label, _NOT_HERE)

    def _more(self, end: float, label: str) -> None:
        if not self._waits.select(max(end - time.monotonic(), 0)):
            self.end()
            raise Unreadable(label, "git did not answer within {:g} s".format(LIMIT))
        piece = os.read(self._out.fileno(), _PIECE)
        if not piece:
            self._over(label)
        self._held += piece


def _end(process: "subprocess.Popen[bytes]", waits: selectors.BaseSelector) -> None:
    """Ends a child; it holds nothing that could be lost."""
    waits.close()
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
