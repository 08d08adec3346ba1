"""The first look of a hook: nothing about booting in the transaction, and nothing changed since the last one.

Most runs of apt end here, so that nothing is imported that is not needed for just that; whatever is not sure goes on
to the gate itself (:mod:`scmguard.cli.hook`).
"""

from __future__ import annotations

import os

from scmguard.gate import fingerprint, state
from scmguard.gate.places import OPEN, OVERRIDE, SEEN
from scmguard.packages import protocol
from scmguard.packages.relevant import is_boot_file, is_boot_package
from scmguard.packages.tarnames import Names, Odd

_NO_ARCHIVE = (protocol.CONFIGURE, protocol.REMOVE)
_DPKG_DEB = "/usr/bin/dpkg-deb"
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_INFO = "var/lib/dpkg/info"
# Settings with which apt works on another system than this one.
_DPKG_ELSEWHERE = (b"--root=", b"--instdir=", b"--admindir=")
_ELSEWHERE = ("RootDir", "DPkg::Chroot-Directory")


def is_elsewhere(config: bytes) -> bool:
    """Whether apt only pretends (``Debug::pkgDPkgPM``), or works on a system in another folder."""
    value = protocol.value
    if value(config, "Debug::pkgDPkgPM").lower() in ("1", "yes", "true", "on", "enable", "with"):
        return True
    if any(b"\nDPkg::Options::=" + option in config for option in _DPKG_ELSEWHERE):
        return True
    return value(config, "Dir") not in ("", "/") or any(value(config, key) not in ("", "/") for key in _ELSEWHERE)


def has_nothing_to_do(stage: str, payload: bytes, root: str = "/") -> bool:
    """Whether the hook may end at once. ``stage`` is pre or post, ``payload`` what apt wrote. Raises OSError."""
    if stage == "pre":
        try:
            config, lines = protocol.taken_apart(payload)
            if is_elsewhere(config):
                return True
            changes = [protocol.package_line(line) for line in lines]
            # Most that matters is known by its name, and reading archives takes long.
            if any(_has_boot_files(change, root) for change in changes):
                return False
            if any(_brings_boot_files(change[-1]) for change in changes if change[-1] not in _NO_ARCHIVE):
                return False
        except (protocol.Malformed, Odd):
            return False
    return is_unchanged(root)


def is_unchanged(root: str = "/") -> bool:
    """Whether the boot files look as when they were checked last, and no transaction is open. Raises OSError."""
    known = state.read()
    if known is None or not known.settled:
        return False
    try:
        if any(name.endswith(".json") for name in os.listdir(OPEN)):
            return False
    except FileNotFoundError:
        # No transaction has ever begun.
        pass
    return fingerprint.fingerprint(root) == known.seen


def _has_boot_files(line: tuple[str, str, str, str, str, str], root: str) -> bool:
    name, old, _direction, _new, architecture, action = line
    if is_boot_package(name):
        return True
    if action == protocol.CONFIGURE or not old:
        return False
    return any(is_boot_file(path) for path in _installed(name, architecture, root))


def _installed(name: str, architecture: str, root: str) -> list[str]:
    """The files of a package that is there, as dpkg has them in its list."""
    for stem in (name, "{}:{}".format(name, architecture)):
        try:
            with open("{}/{}/{}.list".format(root, _INFO, stem), encoding="utf-8", errors="surrogateescape") as stream:
                return [path.lstrip("/") for path in stream.read().split("\n")]
        except FileNotFoundError:
            continue
    return []


def _brings_boot_files(archive: str) -> bool:
    """Whether a package's archive has a file that booting depends on. Raises Odd, OSError."""
    reading, writing = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, writing, 1), (os.POSIX_SPAWN_CLOSE, reading), (os.POSIX_SPAWN_CLOSE, writing)]
    child = 0
    try:
        child = os.posix_spawn(_DPKG_DEB, [_DPKG_DEB, "--fsys-tarfile", archive], _ENVIRONMENT, file_actions=actions)
        os.close(writing)
        writing = -1
        with os.fdopen(reading, "rb", closefd=False) as stream:
            return any(is_boot_file(name) for name in Names(stream.read))
    finally:
        for end in (reading, writing):
            if end >= 0:
                os.close(end)
        if child:
            # It ends with its pipe; the time limit of the hook holds for it, too.
            os.waitpid(child, 0)


def was_seen() -> bool:
    """Whether the reboot guard has seen the files as they are, and no override is there, which may end.

    Raises OSError.
    """
    if os.path.exists(OVERRIDE):
        return False
    try:
        with open(SEEN, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read() == fingerprint.fingerprint(watched=fingerprint.FOR_REBOOT)
    except FileNotFoundError:
        return False
