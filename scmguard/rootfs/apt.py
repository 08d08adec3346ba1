"""apt's configuration on a root file system: which files are read, and the value of an option with the line that won.

Sources: apt.conf(5), and apt 2.6.1: ``pkgInitConfig`` (``apt-pkg/init.cc``), ``Configuration``
(``contrib/configuration.cc``), ``GetListOfFilesInDir`` (``contrib/fileutl.cc``).
"""

import re
import string
from typing import Iterator, List, NamedTuple, Optional, Tuple

from scmguard.folder import Folder, Unreadable
from scmguard.parse.apt_conf import AptConf, Statement
from scmguard.text import Source, Span

PARTS = "etc/apt/apt.conf.d"
MAIN = "etc/apt/apt.conf"

_NAME = frozenset(string.ascii_letters + string.digits + "_-.:")
_DEPTH = 10


class Place(NamedTuple):
    """A statement of a configuration file, and the value that it gives."""

    source: Source
    span: Span
    value: str


class Option(NamedTuple):
    """An option that exists: its value (empty after ``#clear``, or where only options below it are set).

    ``place`` is the statement that won, ``overridden`` those before it, in the order in which apt reads them.
    """

    value: str
    place: Place
    overridden: Tuple[Place, ...]


class Fault(NamedTuple):
    """What makes apt stop with an error, and where."""

    source: Optional[Source]
    span: Span
    reason: str


class _Node:
    __slots__ = ("tag", "value", "place", "is_given", "overridden", "children")

    def __init__(self, tag: str, place: Optional[Place]) -> None:
        self.tag = tag
        self.value = ""
        self.place = place
        # False as long as it only exists because something below it does.
        self.is_given = False
        self.overridden: List[Place] = []
        self.children: List[_Node] = []


class AptOptions:
    """The options of apt as a tree. Names are looked up without regard to case."""

    def __init__(self) -> None:
        self._root = _Node("", None)
        self.faults: List[Fault] = []

    def find(self, name: str) -> Optional[Option]:
        """An option by its full name; None where nothing sets it, or anything below it."""
        node = self._lookup(name, None)
        if node is None or node.place is None:
            return None
        return Option(node.value, node.place, tuple(node.overridden))

    def dump(self) -> Iterator[Tuple[str, str]]:
        """Every option with its value, in the order of ``apt-config dump``, without what is built into apt."""
        yield from _dump(self._root, "")

    def set(self, name: str, place: Place) -> None:
        """Give an option the value of a statement; a name that ends with ``::`` appends to a list."""
        node = self._lookup(name, place)
        assert node is not None
        self._put(node, place)

    def clear(self, name: str, place: Place) -> None:
        """Empty an option and drop all below it. It goes on to exist, as in apt; one that does not exist is left."""
        node = self._lookup(name, None)
        if node is not None:
            self._put(node, place)
            node.children = []

    def move(self, name: str) -> None:
        """Set everything below ``name`` again without that prefix, and drop it there."""
        top = self._lookup(name, None)
        if top is None:
            return
        moved, top.children = top.children, []
        for child in moved:
            self._move(child, "")

    def _move(self, node: _Node, prefix: str) -> None:
        name = prefix + node.tag
        for child in node.children:
            self._move(child, name + "::")
        assert node.place is not None
        self.set(name, node.place._replace(value=node.value))

    def _put(self, node: _Node, place: Place) -> None:
        if node.is_given and node.place is not None:
            node.overridden.append(node.place)
        node.place, node.value, node.is_given = place, place.value, True

    def _lookup(self, name: str, create: Optional[Place]) -> Optional[_Node]:
        node = self._root
        for tag in _tags(name):
            folded = _fold(tag)
            found = next((child for child in node.children if tag and _fold(child.tag) == folded), None)
            if found is None:
                if create is None:
                    return None
                found = _Node(tag, create._replace(value=""))
                node.children.append(found)
            node = found
        return node


def _dump(node: _Node, prefix: str) -> Iterator[Tuple[str, str]]:
    for child in node.children:
        name = prefix + child.tag
        yield name, child.value
        yield from _dump(child, name + "::")


def _fold(tag: str) -> bytes:
    return tag.encode("utf-8", "surrogateescape").lower()


def _tags(name: str) -> List[str]:
    """A name's parts. The character behind a ``::`` never starts another: ``A::::b`` is ``A`` and ``::b``."""
    tags, start, at = [], 0, 0
    while len(name) - at >= 2:
        if name.startswith("::", at):
            tags.append(name[start:at])
            start = at = at + 2
        at += 1
    return [*tags, name[start:]]


_TRUE = ("yes", "true", "with", "on", "enable")
_FALSE = ("no", "false", "without", "off", "disable")
_NUMBER = r"[ \t\n\v\f\r]*\+?(?:0[xX])?0*([01]?)\Z"


def truth(text: str) -> Optional[bool]:
    """What apt takes for true, and for false (``StringToBool`` in ``contrib/strutl.cc``); None for neither."""
    if text.lower() in _TRUE or text.lower() in _FALSE:
        return text.lower() in _TRUE
    number = re.match(_NUMBER, text) if text[-1:] in ("0", "1") else None
    return None if number is None else number.group(1) == "1"


def is_read(name: str) -> bool:
    """Whether apt reads a file of that name in apt.conf.d.

    The extension is none or ``conf``; all characters are letters, digits, ``_``, ``-``, ``.`` or ``:``; it does not
    start or end with a dot. (apt.conf(5) does not name the colon; apt takes it.)
    """
    if not name or name.startswith(".") or name.endswith(".") or not _NAME.issuperset(name):
        return False
    return "." not in name or name.rpartition(".")[2] == "conf"


def read(root: Folder, binary: str = "") -> AptOptions:
    """The options that hold on a root file system for the program ``binary``.

    apt reads apt.conf.d in the order of its names and **then** apt.conf, so apt.conf wins; last, what is set below
    ``Binary::<program>`` replaces what is set without it (apt.conf(5)). ``APT_CONFIG`` is not known from files and
    taken as not set. Raises Unreadable.
    """
    options = AptOptions()
    _read_folder(options, root, PARTS, 0)
    if root.exists(MAIN):
        _read_file(options, root, MAIN, 0)
    if binary:
        options.move("Binary::" + binary)
    return options


def _read_folder(options: AptOptions, root: Folder, folder: str, depth: int) -> None:
    for name in root.names(folder):
        path = folder.rstrip("/") + "/" + name
        if is_read(name) and not root.names(path):
            _read_file(options, root, path, depth)


def _read_file(options: AptOptions, root: Folder, path: str, depth: int) -> bool:
    """Take over a file's statements. False where there is no such file, or it is an (empty) folder."""
    try:
        data = root.read(path)
    except Unreadable as error:
        if error.reason in ("is not a regular file", "is a folder"):
            return False
        raise
    if data is None:
        return False
    document = AptConf(Source(root.label(path.strip("/")), data))
    for statement in document.statements:
        span = document.span(statement.start, statement.end)
        if statement.kind == "include":
            reason = _include(options, root, statement, depth)
            if reason:
                options.faults.append(Fault(document.source, span, reason))
            continue
        place = Place(document.source, span, statement.value)
        if statement.kind == "clear":
            options.clear(statement.name, place)
        else:
            options.set(statement.name, place)
    for mistake in document.mistakes:
        options.faults.append(Fault(document.source, document.span(mistake.start), mistake.reason))
    return True


def _include(options: AptOptions, root: Folder, statement: Statement, depth: int) -> str:
    """Follow an ``#include``; why apt cannot, or nothing. A relative path starts at /, where services run."""
    if depth >= _DEPTH:
        return "files are included more than {} deep".format(_DEPTH)
    if len(statement.value) > 2 and statement.value.endswith("/"):
        if not root.exists(statement.value.strip("/")):
            return "there is no folder {}".format(statement.value)
        _read_folder(options, root, statement.value.strip("/"), depth + 1)
    elif not _read_file(options, root, statement.value.strip("/"), depth + 1):
        return "there is no file {}".format(statement.value)
    return ""
