"""The bytes of an image by position, and what reading them may cost."""

import os
import time
from typing import Callable

from scmguard.initrd.model import Halt, Limits, Trouble

#: Bytes read or unpacked at a time: what the caches of a processor hold is faster than more.
CHUNK = 1 << 17


class Budget:
    """Time and output that are left."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.unpacked = 0
        self.members = 0
        self.names = 0
        self.kept = 0
        self._deadline = time.monotonic() + limits.seconds

    @property
    def seconds(self) -> float:
        """The seconds that are left; below zero when there are none."""
        return self._deadline - time.monotonic()

    def check_time(self) -> None:
        """Halts when the time is over."""
        if time.monotonic() > self._deadline:
            raise Halt(Trouble.LIMIT, "not done after {:g} seconds".format(self.limits.seconds))

    def count(self, output: int, consumed: int) -> None:
        """Counts bytes unpacked; ``consumed`` is the position in the file."""
        limits = self.limits
        self.unpacked += output
        if self.unpacked > limits.output:
            raise Halt(Trouble.LIMIT, "unpacks to more than {} bytes".format(limits.output))
        if self.unpacked > limits.ratio_from and self.unpacked > limits.ratio * consumed:
            raise Halt(Trouble.LIMIT, "unpacks to more than {} times its size".format(limits.ratio))
        self.check_time()

    def count_member(self, name: int) -> None:
        """Counts a member, and the bytes of its name or link target."""
        self.members += 1
        self.names += name
        if self.members > self.limits.members:
            raise Halt(Trouble.LIMIT, "more than {} members".format(self.limits.members))
        if self.names > self.limits.names:
            raise Halt(Trouble.LIMIT, "more than {} bytes of names".format(self.limits.names))


class Source:
    """An image, read forward from ``at``, which may be set."""

    def __init__(self, pread: Callable[[int, int], bytes], size: int) -> None:
        self.size = size
        self.at = 0
        self.budget = Budget(Limits())
        self._pread = pread
        self._cache = b""
        self._cache_at = 0

    @classmethod
    def of_file(cls, file: int) -> "Source":
        """An open regular file, which stays open."""
        return cls(lambda size, at: os.pread(file, size, at), os.fstat(file).st_size)

    @classmethod
    def of_bytes(cls, data: bytes) -> "Source":
        """Bytes in memory."""
        return cls(lambda size, at: data[at : at + size], len(data))

    def look(self, at: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``at``; fewer only at the end of the file."""
        start = at - self._cache_at
        if start >= 0 and start + size <= len(self._cache):
            return self._cache[start : start + size]
        self.budget.check_time()
        try:
            return self._pread(max(min(size, self.size - at), 0), at)
        except OSError as error:
            raise Halt(Trouble.UNREADABLE, (error.strerror or str(error)).lower()) from None

    def read(self, size: int) -> bytes:
        """The next bytes, up to ``size`` of them; none at the end of the file."""
        start = self.at - self._cache_at
        if start < 0 or start + size > len(self._cache):
            # Formats with small blocks are read a few bytes at a time.
            self._cache = self.look(self.at, max(size, CHUNK))
            self._cache_at, start = self.at, 0
        data = self._cache[start : start + size]
        self.at += len(data)
        return data

    def skip_zeros(self) -> None:
        """Goes on to the next byte that is not zero, or the end."""
        most = self.at + self.budget.limits.padding
        while True:
            data = self.read(CHUNK)
            rest = data.lstrip(b"\0")
            if rest or not data:
                self.at -= len(rest)
                return
            if self.at > most:
                raise Halt(Trouble.LIMIT, "more than {} zero bytes".format(self.budget.limits.padding))
