"""Where a zstd or lz4 stream ends, from its block sizes alone.

With that a library or a program is given exactly the bytes that are its own, so that what follows in the image can be
read, and a stream that is cut off is known whatever the decompressor says.

Formats: RFC 8878, 3.1.1 (zstd); lz4's ``doc/lz4_Frame_format.md`` (both of lz4's formats).
"""

import struct
from typing import Optional

from scmguard.initrd.model import Halt, Trouble
from scmguard.initrd.source import CHUNK, Source

LZ4_LEGACY_MAGIC = 0x184C2102
LZ4_LEGACY_BLOCK = 8 << 20
# What LZ4_COMPRESSBOUND makes of a block. A larger number is the beginning of something else, as the format has no end.
_LZ4_LEGACY_MOST = LZ4_LEGACY_BLOCK + LZ4_LEGACY_BLOCK // 255 + 16
_U32 = struct.Struct("<I")


class Frame:
    """The bytes of one stream. ``cut`` is set when the file ended before the stream did."""

    def __init__(self, source: Source) -> None:
        self.cut = False
        self.budget = source.budget
        self._source = source
        # Bytes from the source's position on that are known to belong to the stream.
        self._known = 0
        self._ended = False
        self._ahead = b""
        self._ahead_at = 0

    @property
    def done(self) -> bool:
        """Whether all bytes of the stream were read."""
        return self._ended and not self._known

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only at the end of the stream or of the file."""
        while self._known < size and not self._ended:
            self._step()
            if self._source.at + self._known > self._source.size:
                self._cut_off()
        data = self._source.read(min(size, self._known))
        if len(data) < min(size, self._known):  # the file became shorter meanwhile
            self._known = len(data)
            self._cut_off()
        self._known -= len(data)
        return data

    def _cut_off(self) -> None:
        self.cut = self._ended = True
        self._known = min(self._known, max(self._source.size - self._source.at, 0))

    def _next(self, size: int) -> Optional[bytes]:
        """The ``size`` bytes behind those that are known, looked at; None where the file ends before."""
        data = self._look(size)
        if len(data) == size:
            return data
        self._known += len(data)
        self._cut_off()
        return None

    def _look(self, size: int) -> bytes:
        at = self._source.at + self._known
        start = at - self._ahead_at
        if start < 0 or start + size > len(self._ahead):
            # Blocks are small, and there are thousands.
            self._ahead, self._ahead_at, start = self._source.look(at, CHUNK), at, 0
        return self._ahead[start : start + size]

    def _step(self) -> None:
        """Makes more bytes known, or the stream ended."""
        raise NotImplementedError


class ZstdFrame(Frame):
    """A zstd frame."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._tail = -1

    def _step(self) -> None:
        if self._tail < 0:
            head = self._next(5)
            if head is None:
                return
            flags = head[4]
            single = flags >> 5 & 1
            content_size = (single, 2, 4, 8)[flags >> 6]
            self._known += 5 + (1 - single) + (0, 1, 2, 4)[flags & 3] + content_size
            self._tail = 4 if flags & 4 else 0
            return
        head = self._next(3)
        if head is None:
            return
        block = int.from_bytes(head, "little")
        kind = block >> 1 & 3
        if kind == 3:
            raise Halt(Trouble.CORRUPT, "the zstd data is damaged: a block of no known type")
        self._known += 3 + (1 if kind == 1 else block >> 3)
        if block & 1:
            self._known += self._tail
            self._ended = True


class Lz4Frame(Frame):
    """A frame of lz4's present format."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._flags = -1

    def _step(self) -> None:
        if self._flags < 0:
            head = self._next(6)
            if head is None:
                return
            self._flags = head[4]
            if self._flags >> 6 != 1:
                raise Halt(Trouble.CORRUPT, "the lz4 data is damaged: version {}".format(self._flags >> 6))
            self._known += 7 + (8 if self._flags & 8 else 0) + (4 if self._flags & 1 else 0)
            return
        head = self._next(4)
        if head is None:
            return
        size = _U32.unpack(head)[0] & 0x7FFFFFFF
        if not size:
            self._known += 4 + (4 if self._flags & 4 else 0)
            self._ended = True
            return
        self._known += 4 + size + (4 if self._flags & 16 else 0)


class Lz4Legacy(Frame):
    """A stream of lz4's legacy format; as in the kernel's ``lib/decompress_unlz4.c`` its magic may come again."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._known = 4

    def _step(self) -> None:
        head = self._look(4)
        if not head.strip(b"\0"):  # the end of the file, or padding
            self._ended = True
        elif len(head) < 4:
            self._known += len(head)
            self._cut_off()
        else:
            (size,) = _U32.unpack(head)
            if size == LZ4_LEGACY_MAGIC:
                self._known += 4
            elif size > _LZ4_LEGACY_MOST:
                self._ended = True
            else:
                self._known += 4 + size
