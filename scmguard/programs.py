"""Other programs, asked for what they know: from fixed folders, in an environment of their own, for a limited time.

No shell is involved, and a program that does not end in time is ended with all that it started.
"""

import os
import selectors
import signal
import subprocess  # noqa: S404  (what this module is for)
import time
from contextlib import suppress
from typing import Dict, List, NamedTuple, Optional, Sequence

#: Where programs are looked for. Not the PATH: this may run as root, with somebody else's environment.
FOLDERS = ("/usr/bin", "/bin")
#: What programs get as their environment.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "LANG": "C"}

_MOST = 1 << 20
_PIECE = 1 << 16


class Silent(Exception):
    """A program that could not be started: why, as a clause."""


class Answer(NamedTuple):
    """What a program said: its exit status (below 0: the signal that ended it), and both outputs as text.

    Bytes that are no UTF-8 are replaced; of each output only the first MiB is kept. ``late`` says that it was ended
    because its time was over ("it did not answer within 2 s"); what it said until then is there.
    """

    status: int
    out: str
    err: str = ""
    late: str = ""


def find(program: str) -> Optional[str]:
    """The path of a program; None where it is not installed."""
    for folder in FOLDERS:
        path = os.path.join(folder, program)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def ask(path: str, arguments: Sequence[str], limit: float) -> Answer:
    """Runs the program at ``path``, for ``limit`` seconds at most. Raises :class:`Silent` if it cannot be started."""
    end = time.monotonic() + limit
    try:
        process = subprocess.Popen(  # noqa: S603  (no shell; the caller names the program)
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,
        )
    except OSError as error:
        raise Silent("it could not be started: {}".format((error.strerror or str(error)).lower())) from None
    assert process.stdout is not None and process.stderr is not None
    pieces: List[List[bytes]] = [[], []]
    late = ""
    try:
        _listen({process.stdout.fileno(): pieces[0], process.stderr.fileno(): pieces[1]}, end)
        process.wait(max(end - time.monotonic(), 0))
    except (TimeoutError, subprocess.TimeoutExpired):
        late = "it did not answer within {:g} s".format(limit)
    finally:
        if process.returncode is None:
            # With what it started, which may hold the pipes. Its number is its own until it is waited for.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # One that the kernel does not let go of is left behind.
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
        process.stdout.close()
        process.stderr.close()
    status = -signal.SIGKILL if process.returncode is None else process.returncode
    return Answer(status, _text(pieces[0]), _text(pieces[1]), late)


def _text(pieces: List[bytes]) -> str:
    return b"".join(pieces).decode("utf-8", "replace")


def _listen(pipes: Dict[int, List[bytes]], end: float) -> None:
    """Puts what comes out of the pipes into their lists, until all are closed. Raises TimeoutError."""
    left = dict.fromkeys(pipes, _MOST)
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            wait = end - time.monotonic()
            if wait <= 0:
                raise TimeoutError
            for key, _ in selector.select(wait):
                data = os.read(key.fd, _PIECE)
                if not data:
                    selector.unregister(key.fd)
                pipes[key.fd].append(data[: left[key.fd]])
                left[key.fd] -= len(pipes[key.fd][-1])
