"""A transaction of apt or dpkg: which packages it changes, and who asked for it."""

from typing import NamedTuple, Tuple

from scmguard.packages import protocol

INSTALL, UPGRADE, DOWNGRADE, REINSTALL, REMOVE, CONFIGURE = (
    "install",
    "upgrade",
    "downgrade",
    "reinstall",
    "remove",
    "configure",
)
#: What an archive is unpacked for.
UNPACKS = (INSTALL, UPGRADE, DOWNGRADE, REINSTALL)


class Change(NamedTuple):
    """What happens to one package. ``archive`` is the path of its .deb; empty where there is none to unpack.

    ``old`` and ``new`` are versions, empty for none or for one that is not known. ``purges`` says that a package is
    removed with its configuration files.
    """

    package: str
    action: str
    old: str = ""
    new: str = ""
    architecture: str = ""
    archive: str = ""
    purges: bool = False


class Transaction(NamedTuple):
    """Packages that are changed together. ``caller`` is the command line that asked for it, for people.

    ``unattended`` says how it is known that nobody watches; empty where somebody does.
    """

    changes: Tuple[Change, ...]
    caller: str = ""
    unattended: str = ""


def changes_of(payload: bytes) -> Tuple[Change, ...]:
    """The packages that apt names in version 3 of its protocol. Raises :class:`protocol.Malformed`."""
    config, lines = protocol.taken_apart(payload)
    # Of a purge the lines say no more than of a removal.
    purges = protocol.is_set(config, "APT::Get::Purge")
    return tuple(_change(protocol.package_line(line), purges) for line in lines)


def _change(line: Tuple[str, str, str, str, str, str], purges: bool) -> Change:
    name, old, direction, new, architecture, action = line
    if action == protocol.REMOVE:
        return Change(name, REMOVE, old, "", architecture, "", purges)
    if action == protocol.CONFIGURE:
        return Change(name, CONFIGURE, old, new, architecture)
    kind = {"<": UPGRADE, ">": DOWNGRADE, "=": REINSTALL}[direction] if old else INSTALL
    return Change(name, kind, old, new, architecture, action)
