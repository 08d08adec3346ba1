"""What dpkg knows about a package, from ``/var/lib/dpkg/status``.

Source: dpkg(1), section "Information about packages"; deb822(5).
"""

from typing import NamedTuple, Optional

from scmguard.folder import Folder
from scmguard.text import Span, decode

STATUS = "var/lib/dpkg/status"

# States in which none of the package's programs is there. In all others they are, or may be.
_GONE = ("not-installed", "config-files")


class Package(NamedTuple):
    """A package's stanza: its name, the three words of its status, version, architecture, and where it stands."""

    name: str
    want: str
    error: str
    state: str
    version: str
    architecture: str
    span: Span

    @property
    def is_present(self) -> bool:
        """Whether its programs are there, at least in part (``unpacked`` and ``half-configured`` are)."""
        return self.state not in _GONE


def package(root: Folder, name: str) -> Optional[Package]:
    """What the status file says about a package, or None where it says nothing. Raises Unreadable.

    Of a package that is there for several architectures, the first that is present. Stanzas are found by their bytes,
    because the file has megabytes: dpkg writes ``Package`` first, in this spelling.
    """
    data = root.read(STATUS)
    if data is None:
        return None
    found = None
    line = b"Package: " + name.encode("ascii") + b"\n"
    start = data.find(line)
    while start >= 0:
        if start == 0 or data[start - 1 : start] == b"\n":
            one = _stanza(data, start, name, root.label(STATUS))
            if one.is_present:
                return one
            found = found or one
        start = data.find(line, start + 1)
    return found


def _stanza(data: bytes, start: int, name: str, path: str) -> Package:
    end = data.find(b"\n\n", start)
    fields = {}
    for text in decode(data[start : end if end >= 0 else len(data)]).split("\n"):
        key, colon, value = text.partition(":")
        if colon and not text.startswith((" ", "\t")):
            fields[key.lower()] = value.strip()
    # A stanza without a status is one that dpkg has not installed.
    want, error, state = (fields.get("status", "").split() + ["unknown", "ok", "not-installed"])[:3]
    number = data.count(b"\n", 0, start) + 1
    span = Span(path, number, 1, number, len("Package: " + name) + 1)
    return Package(name, want, error, state, fields.get("version", ""), fields.get("architecture", ""), span)
