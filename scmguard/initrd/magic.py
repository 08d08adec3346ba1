"""What an archive is, from its first bytes: the table in Linux's ``lib/decompress.c``, and lz4's other format."""

from typing import Dict, List, Optional, Tuple

from scmguard.initrd.model import Halt, Trouble

#: What an archive can begin with, and what that is.
MAGIC: Dict[str, bytes] = {
    "gzip": b"\x1f\x8b",
    "zstd": b"\x28\xb5\x2f\xfd",
    "xz": b"\xfd7zXZ\0",
    "lz4": b"\x02\x21\x4c\x18",
    "lz4-frame": b"\x04\x22\x4d\x18",
    "bzip2": b"BZh",
    "lzma": b"\x5d\0\0",
    "lzo": b"\x89LZO\0\r\n\x1a\n",
}
#: Beginnings of files that people take for images, and the old cpio formats.
_OTHERS: List[Tuple[bytes, str]] = [
    (b"070707", "an old cpio archive (odc) is not supported; the kernel takes newc only"),
    (b"\xc7\x71", "an old binary cpio archive is not supported; the kernel takes newc only"),
    (b"\x71\xc7", "an old binary cpio archive is not supported; the kernel takes newc only"),
    (b"\x27\x05\x19\x56", "wrapped for U-Boot (uInitrd), which is not supported"),
]
NEWC = (b"070701", b"070702")
#: As many bytes as tell what an archive is.
MAGIC_SIZE = max(map(len, MAGIC.values()))


def identify(head: bytes) -> Optional[str]:
    """The compression of an archive that begins with ``head``; None where it is none."""
    if head.startswith(NEWC):
        return "none"
    return next((name for name, magic in MAGIC.items() if head.startswith(magic)), None)


def unknown(head: bytes, left: int) -> Halt:
    """Why an archive that begins with ``head``, with ``left`` bytes of the file from there on, is none."""
    for magic, reason in _OTHERS:
        if head.startswith(magic):
            return Halt(Trouble.UNSUPPORTED, reason)
    if left < MAGIC_SIZE and any(magic.startswith(head[:left]) for magic in (*NEWC, *MAGIC.values())):
        return Halt(Trouble.TRUNCATED, "cut off at the beginning of an archive")
    start = head[:6].hex()
    return Halt(Trouble.CORRUPT, "garbage: {} bytes that begin with {} are no archive".format(left, start))
