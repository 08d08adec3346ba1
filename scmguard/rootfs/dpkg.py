"""What dpkg knows about packages: their state from ``/var/lib/dpkg/status``, their files from ``info``.

Source: dpkg(1), section "Information about packages"; deb822(5); deb-md5sums(5).
"""

import re
from typing import Container, Dict, Iterable, Iterator, NamedTuple, Optional, Set, Tuple

from scmguard.folder import Folder
from scmguard.text import Span, decode, encode

STATUS = "var/lib/dpkg/status"
INFO = "var/lib/dpkg/info"
DIVERSIONS = "var/lib/dpkg/diversions"

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


_STATUS = re.compile(rb"^Status: +\S+ +(\S+) +(\S+) *$", re.MULTILINE)
_NAME = re.compile(rb"^Package: +(\S+) *$", re.MULTILINE)


def unfinished(root: Folder) -> Iterator[Package]:
    """The packages that are neither installed as a whole nor gone: half-configured, unpacked, waiting for triggers…

    Raises Unreadable.
    """
    data = root.read(STATUS) or b""
    for match in _STATUS.finditer(data):
        error, state = match.group(1).decode("ascii", "replace"), match.group(2).decode("ascii", "replace")
        if error == "ok" and state in ("installed", *_GONE):
            continue
        # Stanzas are separated by empty lines, and Package comes first in each.
        name = _NAME.search(data, max(data.rfind(b"\n\n", 0, match.start()), 0), match.start())
        if name is not None:
            found = name.group(1).decode("utf-8", "replace")
            yield _stanza(data, name.start(), found, root.label(STATUS))


_SUM = re.compile(rb"^([0-9a-f]{32})  (\S.*)$", re.MULTILINE)


def checksums(root: Folder, *folders: str) -> Dict[str, Tuple[str, str]]:
    """The files below folders that packages brought: path, package, and the MD5 sum that it had. Raises Unreadable.

    Configuration files are not among them (dpkg keeps their sums in the status file).
    """
    found: Dict[str, Tuple[str, str]] = {}
    prefixes = tuple(folder.encode("utf-8") for folder in folders)
    for name in root.names(INFO):
        if not name.endswith(".md5sums"):
            continue
        data = root.read("{}/{}".format(INFO, name)) or b""
        if not any(prefix in data for prefix in prefixes):
            continue
        package = name[: -len(".md5sums")].partition(":")[0]
        for match in _SUM.finditer(data):
            if match.group(2).startswith(prefixes):
                found[decode(match.group(2))] = package, match.group(1).decode("ascii")
    return found


def diversions(root: Folder, package: str = "") -> Dict[str, str]:
    """The files of packages that are put elsewhere, as dpkg-divert(1) arranges it: path, and the other path.

    With a package, for its files: what it has others put elsewhere it puts there itself. Raises Unreadable.
    """
    lines = decode(root.read(DIVERSIONS) or b"").split("\n")
    return {
        path.strip("/"): other.strip("/")
        for path, other, whose in zip(lines[::3], lines[1::3], lines[2::3])
        if not package or whose != package
    }


def is_conffile(root: Folder, path: str) -> bool:
    """Whether a file is the configuration file of a package. Raises Unreadable."""
    return b"\n /" + encode(path) + b" " in (root.read(STATUS) or b"")


_CONFFILE = re.compile(rb"^ /(.+?) ([0-9a-f]{32}|newconffile)(?: obsolete)?(?: remove-on-upgrade)?$", re.MULTILINE)


def conffiles(root: Folder) -> Dict[str, str]:
    """The configuration files of all packages, and the MD5 sum that each had when its package brought it last.

    Raises Unreadable.
    """
    found = _CONFFILE.findall(root.read(STATUS) or b"")
    return {decode(path): md5.decode("ascii") for path, md5 in found}


def used_by_others(root: Folder, packages: Container[str], paths: Iterable[str]) -> Set[str]:
    """Which of the paths are in the list of a package other than those. Raises Unreadable."""
    lines = {b"\n/" + encode(path) + b"\n": path for path in paths}
    found: Set[str] = set()
    for name in root.names(INFO) if lines else ():
        if name.endswith(".list") and name[: -len(".list")].partition(":")[0] not in packages:
            data = root.read("{}/{}".format(INFO, name)) or b""
            found.update(path for line, path in lines.items() if line in data)
    return found


def files(root: Folder, package: str, architecture: str = "") -> Tuple[str, ...]:
    """The files and folders of a package, without a slash in front; none for one that is not there. Raises Unreadable.

    Packages of which several architectures may be there have theirs in the name of the list.
    """
    for stem in (package, "{}:{}".format(package, architecture)):
        data = root.read("{}/{}.list".format(INFO, stem))
        if data is not None:
            return tuple(path.lstrip("/") for path in decode(data).split("\n") if path not in ("", "/."))
    return ()


def architectures(root: Folder, package: str) -> Tuple[str, ...]:
    """The architectures that a package is there for, if it is one of those that may be there for several.

    Raises Unreadable.
    """
    before, after = package + ":", ".list"
    names = (name for name in root.names(INFO) if name.startswith(before) and name.endswith(after))
    return tuple(name[len(before) : -len(after)] for name in names)


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
