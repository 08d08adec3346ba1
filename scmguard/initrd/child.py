"""Decompression by a program, where there is no library for it.

The program is found in fixed folders, given no name of any file, and killed when its output is no longer wanted.
"""

import fcntl
import os
import selectors
import subprocess  # noqa: S404  (what this module is for)
from contextlib import suppress

from scmguard.initrd.framing import Frame
from scmguard.initrd.model import Halt, Trouble
from scmguard.initrd.source import CHUNK
from scmguard.initrd.unpacker import Unpacker
from scmguard.programs import ENVIRONMENT

# F_SETPIPE_SZ of linux/fcntl.h, which has no name in Python before 3.10.
_SET_PIPE_SIZE = 1031
_ARGUMENTS = {"zstd": ("-d", "-c", "-q", "--memory=128MB"), "lz4": ("-d", "-c", "-q")}


class Child(Unpacker):
    """A program that reads a compressed stream and writes what is in it."""

    def __init__(self, program: str, path: str, frame: Frame) -> None:
        self._program = program
        self._frame = frame
        self._budget = frame.budget
        self._waiting = memoryview(b"")
        try:
            self._process = subprocess.Popen(  # noqa: S603  (a fixed program with fixed arguments)
                [path, *_ARGUMENTS[program]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=ENVIRONMENT,
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Halt(Trouble.NOT_CHECKED, "not checked: needs {}, and {}: {}".format(program, path, reason)) from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        os.set_blocking(self._in.fileno(), False)
        with suppress(OSError):  # the least there is will do, only slower
            fcntl.fcntl(self._out, _SET_PIPE_SIZE, 1 << 20)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._in, selectors.EVENT_WRITE)
        self._selector.register(self._out, selectors.EVENT_READ)

    def read(self) -> bytes:
        """The next bytes; none at the end of a stream that is whole."""
        while True:
            ready = self._selector.select(max(self._budget.seconds, 0))
            self._budget.check_time()
            if any(key.fileobj is self._in for key, _ in ready):
                self._feed()
            if any(key.fileobj is self._out for key, _ in ready):
                data = os.read(self._out.fileno(), CHUNK)
                if not data:
                    self._end()
                return data

    def close(self) -> None:
        """Ends the program, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._selector.close()
        for stream in (self._in, self._out):
            with suppress(BrokenPipeError):
                stream.close()

    def _feed(self) -> None:
        if not self._waiting:
            self._waiting = memoryview(self._frame.read(CHUNK))
        try:
            if self._waiting:
                self._waiting = self._waiting[os.write(self._in.fileno(), self._waiting) :]
                return
        except BlockingIOError:
            return
        except BrokenPipeError:
            # It has seen enough; its exit status tells what of.
            pass
        self._selector.unregister(self._in)
        self._in.close()

    def _end(self) -> None:
        try:
            status = self._process.wait(max(self._budget.seconds, 0))
        except subprocess.TimeoutExpired:
            self._budget.check_time()
            status = -1
        if self._frame.cut:
            raise Halt(Trouble.TRUNCATED, "cut off: the {} data does not end".format(self._program))
        if status or self._waiting or not self._frame.done:
            raise Halt(Trouble.CORRUPT, "the {0} data is damaged: {0} gives up on it".format(self._program))
