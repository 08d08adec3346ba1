"""The mount table of a root file system, /etc/fstab, and the names of devices in such tables.

Source: fstab(5): fields separated by blanks, comments are lines that start with ``#``.
"""

from typing import Iterator, List, NamedTuple, Optional, Tuple

from scmguard.folder import Folder
from scmguard.text import Source, Span

#: Where Raspberry Pi OS mounts the boot partition: since Bookworm, and before it (the longer name first).
BOOT_FOLDERS = ("/boot/firmware", "/boot")


class Mount(NamedTuple):
    """A line of fstab: where it stands, what is mounted, where, as what type (empty: not said), and its options."""

    file: Source
    span: Span
    source: str
    target: str
    type: str = ""
    options: Tuple[str, ...] = ()

    @property
    def is_root(self) -> bool:
        """Whether this is the root file system."""
        return not self.target.rstrip("/")

    @property
    def is_boot(self) -> bool:
        """Whether this is the boot partition."""
        return self.target.rstrip("/") in BOOT_FOLDERS


def fstab(root: Folder) -> Iterator[Mount]:
    """The mounts of /etc/fstab, in order; none where there is no such file. Raises Unreadable."""
    for file, span, fields in _fields(root, "etc/fstab"):
        options = tuple(fields[3].split(",")) if len(fields) > 3 else ()
        yield Mount(file, span, fields[0], fields[1], fields[2] if len(fields) > 2 else "", options)


_BY_LINK = (
    ("/dev/disk/by-uuid/", "uuid"),
    ("/dev/disk/by-label/", "label"),
    ("/dev/disk/by-partuuid/", "partuuid"),
    ("/dev/disk/by-partlabel/", "partlabel"),
    ("/dev/mapper/", "mapper"),
)
_BY_TAG = ("UUID", "LABEL", "PARTUUID", "PARTLABEL")
# Names that say nothing about the device below.
_NO_DEVICE = ("/dev/root", "/dev/nfs", "/dev/fuse")


def device_name(text: str) -> Optional[Tuple[str, str]]:
    """A device as it is named in fstab, crypttab or ``root=``: the notation, and the name in it.

    Two devices can only be compared if their notations are the same. None for what names no device.
    """
    tag, equals, value = text.partition("=")
    if equals and tag.upper() in _BY_TAG:
        value = value.strip('"')
        kind = tag.lower()
        if "/" in value and kind == "partuuid":  # PARTUUID=.../PARTNROFF=1 is another partition
            return None
        return kind, value.lower() if kind.endswith("uuid") else value
    for prefix, kind in _BY_LINK:
        if text.startswith(prefix) and len(text) > len(prefix):
            value = text[len(prefix) :]
            return kind, value.lower() if kind.endswith("uuid") else value
    if text.startswith("/dev/") and text not in _NO_DEVICE and not text.startswith("/dev/disk/"):
        return "node", text
    return None


def mapper_name(device: str) -> str:
    """The name in ``/dev/mapper/NAME``; empty for any other device."""
    kind, name = device_name(device) or ("", "")
    return name if kind == "mapper" else ""


def _fields(root: Folder, name: str) -> Iterator[Tuple[Source, Span, List[str]]]:
    file = root.source(name)
    for line in file.lines if file is not None else ():
        fields = line.text.split()
        if file is not None and len(fields) > 1 and not fields[0].startswith("#"):
            yield file, file.span(line.number), fields
