"""What apt writes to its hooks before it starts dpkg: version 3 of the protocol of ``DPkg::Pre-Install-Pkgs``.

Loaded by every apt run, so that it imports nothing.

Source: apt.conf(5), ``DPkg::Pre-Install-Pkgs``; apt 2.6.1, ``apt-pkg/deb/dpkgpm.cc`` (SendPkgsInfo), and what apt of
bullseye, bookworm and trixie wrote when it was tried::

    VERSION 3
    Key::Name=value, with %XX for what is no plain character
    (an empty line)
    name oldversion oldarchitecture oldmultiarch < newversion newarchitecture newmultiarch /path.deb

with ``-`` for no version, ``<``, ``=`` or ``>`` for the direction, and ``**CONFIGURE**`` or ``**REMOVE**`` for a path.
"""

from __future__ import annotations

HEAD = b"VERSION 3\n"
CONFIGURE, REMOVE = "**CONFIGURE**", "**REMOVE**"
_TRUE = ("1", "yes", "true", "on", "enable", "with")


class Malformed(Exception):
    """What is not version 3 of the protocol: why, as a clause."""


def taken_apart(payload: bytes) -> tuple[bytes, list[bytes]]:
    """The configuration and the lines about packages. Raises :class:`Malformed`."""
    if not payload.startswith(HEAD):
        raise Malformed("it does not begin with VERSION 3")
    config, end, lines = payload[len(HEAD) - 1 :].partition(b"\n\n")
    if not end:
        raise Malformed("it ends within the configuration")
    if lines and not lines.endswith(b"\n"):
        raise Malformed("it ends within a line about a package")
    return config, [line for line in lines.split(b"\n") if line]


def package_line(line: bytes) -> tuple[str, str, str, str, str, str]:
    """A line about a package, taken apart; empty versions where apt has ``-``. Raises :class:`Malformed`."""
    parts = line.decode("utf-8", "surrogateescape").split(" ", 8)
    if len(parts) != 9 or parts[4] not in ("<", "=", ">"):
        raise Malformed("a line about a package has another form")
    name, old, old_architecture, _, direction, new, architecture, _, action = parts
    old, new = ("" if each == "-" else each for each in (old, new))
    return name, old, direction, new, architecture if new else old_architecture, action


def value(config: bytes, key: str) -> str:
    """A value of apt's configuration (the last one, as apt takes it); empty where it is not set.

    Keys are the same in any case, as in apt.
    """
    start = config.lower().rfind(b"\n" + key.lower().encode("ascii") + b"=")
    if start < 0:
        return ""
    first, *coded = config[start + len(key) + 2 :].partition(b"\n")[0].split(b"%")
    pieces = [first]
    for each in coded:
        try:
            pieces.append(bytes((int(each[:2], 16),)) + each[2:])
        except ValueError:
            pieces.append(b"%" + each)
    return b"".join(pieces).decode("utf-8", "replace")


def is_set(config: bytes, key: str) -> bool:
    """Whether a value of apt's configuration means yes."""
    return value(config, key).lower() in _TRUE
