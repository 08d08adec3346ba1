"""Decompressors: from the standard library, from libraries that may be there, else as programs.

Every one of them tells a stream that ended from one that was cut off.
"""

import bz2
import importlib
import lzma
import zlib
from typing import Any, Callable, Dict, Tuple, Type

from scmguard.initrd.framing import (
    LZ4_LEGACY_BLOCK,
    LZ4_LEGACY_MAGIC,
    Frame,
    Lz4Frame,
    Lz4Legacy,
    ZstdFrame,
)
from scmguard.initrd.model import Halt, Trouble
from scmguard.initrd.source import CHUNK, Source
from scmguard.initrd.unpacker import Unpacker

# A window of 8 MiB is what zstd -19 makes, 128 MiB the most that it takes without being asked. (xz -9 needs 65 MiB.)
_MOST_WINDOW = 128 << 20
_MOST_MEMORY = 192 << 20


class Bare(Unpacker):
    """No compression."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def read(self) -> bytes:
        return self._source.read(CHUNK)


class Incremental(Unpacker):
    """A decompressor as the standard library has them, which finds the end of its stream itself."""

    def __init__(self, name: str, source: Source, decompressor: Any, errors: Tuple[Type[Exception], ...]) -> None:
        self._name = name
        self._source = source
        self._decompressor = decompressor
        self._errors = errors

    def read(self) -> bytes:
        decompressor = self._decompressor
        while not decompressor.eof:
            data = b""
            if decompressor.needs_input:
                data = self._source.read(CHUNK)
                if not data:
                    raise _cut_off(self._name)
            try:
                found: bytes = decompressor.decompress(data, CHUNK)
            except self._errors as error:
                raise _damaged(self._name, error) from None
            if decompressor.eof:
                self._source.at -= len(decompressor.unused_data)
            if found:
                return found
            self._source.budget.check_time()
        return b""


class _Gzip:
    """zlib's decompressor with the face of the others."""

    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16)

    eof = property(lambda self: self._decompressor.eof)
    unused_data = property(lambda self: self._decompressor.unused_data)
    # It may hold output that did not fit without any input left; a call without input is harmless.
    needs_input = property(lambda self: not self._decompressor.unconsumed_tail)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._decompressor.decompress(data or self._decompressor.unconsumed_tail, most)


class Framed(Unpacker):
    """A decompressor that is given the bytes of one frame. ``pull`` gives the next output, none when there is none."""

    def __init__(self, name: str, frame: Frame, pull: Callable[[], bytes], errors: Tuple[Type[Exception], ...]) -> None:
        self._name = name
        self._frame = frame
        self._pull = pull
        self._errors = errors

    def read(self) -> bytes:
        try:
            data = self._pull()
        except self._errors as error:
            if self._frame.cut:
                raise _cut_off(self._name) from None
            raise _damaged(self._name, error) from None
        if not data:
            if self._frame.cut:
                raise _cut_off(self._name)
            if not self._frame.done:
                raise _damaged(self._name, ValueError("it ends before its last block"))
        return data


def unpacker(compression: str, source: Source) -> Unpacker:
    """What unpacks the archive at the source's position. Raises :class:`Halt` where nothing here does."""
    return _MAKE[compression](source)


def _cut_off(name: str) -> Halt:
    return Halt(Trouble.TRUNCATED, "cut off: the {} data does not end".format(name))


def _damaged(name: str, error: Exception) -> Halt:
    if isinstance(error, MemoryError) or "Memory usage limit" in str(error):
        return Halt(Trouble.LIMIT, "the {} data needs too much memory".format(name))
    return Halt(Trouble.CORRUPT, "the {} data is damaged: {}".format(name, error))


def _library(name: str) -> Any:
    """A library that may be missing. (Imported by name, as there are no types for those that are.)"""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _gzip(source: Source) -> Unpacker:
    return Incremental("gzip", source, _Gzip(), (zlib.error, MemoryError))


def _bzip2(source: Source) -> Unpacker:
    return Incremental("bzip2", source, bz2.BZ2Decompressor(), (OSError, EOFError, ValueError, MemoryError))


def _xz(source: Source) -> Unpacker:
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY)
    return Incremental("xz", source, decompressor, (lzma.LZMAError, EOFError, MemoryError))


def _lzma(source: Source) -> Unpacker:
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MOST_MEMORY)
    return Incremental("lzma", source, decompressor, (lzma.LZMAError, EOFError, MemoryError))


def _zstd(source: Source) -> Unpacker:
    frame = ZstdFrame(source)
    builtin = _library("compression.zstd")  # from Python 3.14 on
    if builtin is not None:
        options = {builtin.DecompressionParameter.window_log_max: _MOST_WINDOW.bit_length() - 1}
        decompressor = builtin.ZstdDecompressor(options=options)
        return Framed("zstd", frame, _puller(frame, decompressor), (builtin.ZstdError, EOFError, MemoryError))
    library = _library("zstandard")
    if library is not None:
        reader = library.ZstdDecompressor(max_window_size=_MOST_WINDOW).stream_reader(frame, read_size=CHUNK)
        return Framed("zstd", frame, lambda: bytes(reader.read(CHUNK)), (library.ZstdError, MemoryError))
    return _program("zstd", frame)


def _lz4_frame(source: Source) -> Unpacker:
    frame = Lz4Frame(source)
    library = _library("lz4.frame")
    if library is not None:
        pull = _puller(frame, library.LZ4FrameDecompressor())
        return Framed("lz4", frame, pull, (RuntimeError, EOFError, ValueError, MemoryError))
    return _program("lz4", frame)


def _lz4_legacy(source: Source) -> Unpacker:
    frame = Lz4Legacy(source)
    library = _library("lz4.block")
    if library is None:
        return _program("lz4", frame)

    def pull() -> bytes:
        data = b""
        while not data:
            head = frame.read(4)
            if len(head) < 4:
                return b""
            size = int.from_bytes(head, "little")
            if size != LZ4_LEGACY_MAGIC:
                block = frame.read(size)
                if frame.cut and len(block) < size:
                    return b""
                data = library.decompress(block, uncompressed_size=LZ4_LEGACY_BLOCK)
        return data

    return Framed("lz4", frame, pull, (library.LZ4BlockError, ValueError, MemoryError))


def _lzo(source: Source) -> Unpacker:
    raise Halt(Trouble.NOT_CHECKED, "not checked: lzo is not read")


def _puller(frame: Frame, decompressor: Any) -> Callable[[], bytes]:
    def pull() -> bytes:
        found = b""
        while not found and not decompressor.eof:
            data = frame.read(CHUNK) if decompressor.needs_input else b""
            if decompressor.needs_input and not data:
                break
            found = decompressor.decompress(data, CHUNK)
        return found

    return pull


def _program(name: str, frame: Frame) -> Unpacker:
    # Starting processes takes imports that most runs do without.
    from scmguard import programs
    from scmguard.initrd import child

    path = programs.find(name)
    if path is None:
        raise Halt(Trouble.NOT_CHECKED, "not checked: needs {}".format(name))
    return child.Child(name, path, frame)


_MAKE: Dict[str, Callable[[Source], Unpacker]] = {
    "none": Bare,
    "gzip": _gzip,
    "zstd": _zstd,
    "xz": _xz,
    "lzma": _lzma,
    "lz4": _lz4_legacy,
    "lz4-frame": _lz4_frame,
    "bzip2": _bzip2,
    "lzo": _lzo,
}
