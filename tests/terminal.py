"""Reading what a program prints on a terminal, and typing at it."""

import os
import pty
import select
import signal
import subprocess
import time
from typing import Any, Sequence


def read_all(master: int) -> bytes:
    """Everything that comes out of a pseudo terminal until its other end is closed; closes this one."""
    seen = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # what Linux says when the last writer is gone
            break
        if not piece:
            break
        seen += piece
    os.close(master)
    return seen


class Interactive:
    """A program on a pseudo terminal of its own that is typed at, such as a shell."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, **options
        )
        os.close(slave)
        self.seen = ""

    def type(self, text: str) -> None:
        """Sends keys."""
        os.write(self.master, text.encode())

    def wait_for(self, text: str, seconds: float = 60) -> str:
        """All that was printed since the last call, up to what has ``text`` in it. Fails where it does not come."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            ready = select.select([self.master], [], [], max(0, end - time.monotonic()))[0]
            assert ready, "{!r} did not come; there was {!r}".format(text, self.seen)
            self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
        before, self.seen = self.seen, ""
        return before

    def close(self) -> None:
        """Ends the program."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.master)
