"""apt's sources on a root file system: where packages come from, and the key that their lists are signed with.

Sources: sources.list(5) (one-line and deb822 style, options, ``Enabled``, ``Signed-By``), and apt's ``sourcelist.cc``:
what follows ``#`` on a line is a comment.
"""

import re
from typing import Iterator, NamedTuple, Tuple

from scmguard.folder import Folder
from scmguard.rootfs import deb822
from scmguard.rootfs.apt import truth
from scmguard.text import Source, Span

MAIN = "etc/apt/sources.list"
PARTS = "etc/apt/sources.list.d"

_NAME = r"[A-Za-z0-9_.-]+\Z"
_FIELDS = ("uris", "enabled", "signed-by", "trusted", "suites", "types")
_ONE_LINE = r"[ \t]*(deb|deb-src)[ \t]+(?:\[([^\]]*)\][ \t]*)?([^ \t\[]\S*)(?:[ \t]+(\S+))?"


class Repository(NamedTuple):
    """A source that apt uses: its addresses, suites, the value of ``signed-by`` (empty: none), and where it stands.

    ``has_binaries`` is False for one of source packages alone, which nothing is installed from.
    """

    uris: Tuple[str, ...]
    signed_by: str
    is_trusted: bool
    file: Source
    span: Span
    suites: Tuple[str, ...] = ()
    has_binaries: bool = True


def repositories(root: Folder) -> Iterator[Repository]:
    """All sources that are not switched off. Raises Unreadable."""
    names = [MAIN] + ["{}/{}".format(PARTS, name) for name in root.names(PARTS) if re.match(_NAME, name)]
    for name in names:
        if not name.endswith((".list", ".sources")):
            continue
        file = root.source(name)
        if file is not None:
            yield from _one_line(file) if name.endswith(".list") else _deb822(file)


def _one_line(file: Source) -> Iterator[Repository]:
    for line in file.lines:
        text = line.text.partition("#")[0]
        match = re.match(_ONE_LINE, text)
        if match is None:
            continue
        options = dict(_option(word) for word in (match.group(2) or "").split())
        yield Repository(
            (match.group(3),),
            options.get("signed-by", ""),
            truth(options.get("trusted", "")) is True,
            file,
            file.span(line.number, match.start(1), len(text.rstrip())),
            (match.group(4),) if match.group(4) else (),
            match.group(1) == "deb",
        )


def _option(word: str) -> Tuple[str, str]:
    name, _, value = word.partition("=")
    return name.rstrip("+-").lower(), value


def _deb822(file: Source) -> Iterator[Repository]:
    for stanza in deb822.stanzas(file):
        uris, enabled, signed_by, trusted, suites, types = (deb822.field(stanza, name) for name in _FIELDS)
        if uris is None or (enabled is not None and truth(enabled.value) is False):
            continue
        yield Repository(
            tuple(uris.value.split()),
            signed_by.value if signed_by is not None else "",
            trusted is not None and truth(trusted.value) is True,
            file,
            file.span(uris.line.number),
            tuple(suites.value.split()) if suites is not None else (),
            types is None or "deb" in types.value.split(),
        )
