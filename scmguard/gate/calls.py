"""What a hook was called for: the transaction, from what apt wrote or from dpkg's own command line.

Source: apt.conf(5), ``DPkg::Pre-Install-Pkgs``; dpkg(1), actions and options; tried out on bullseye, bookworm and
trixie.
"""

import os
from typing import Iterator, List, Mapping, Optional, Tuple

from scmguard.folder import Folder
from scmguard.gate import callers
from scmguard.gate.callers import Process
from scmguard.packages import lay, protocol
from scmguard.packages.archive import Broken
from scmguard.packages.transaction import INSTALL, REMOVE, UPGRADE, Change, Transaction, changes_of
from scmguard.rootfs import dpkg
from scmguard.text import shortened

#: The actions of dpkg that a hook looks at beforehand; all others are ways out of trouble.
JUDGED = ("install", "unpack", "remove", "purge")
_WITH_VALUE = frozenset(
    "--{}".format(name)
    for name in (
        *("root", "admindir", "instdir", "ignore-depends", "log", "status-fd", "status-logger", "debug", "abort-after"),
        *("pre-invoke", "post-invoke", "path-exclude", "path-include", "verify-format", "force", "no-force", "refuse"),
    )
)
_SIMULATES = ("--no-act", "--dry-run", "--simulate")
_LONGEST = 200


def of_apt(payload: bytes, above: List[Process]) -> Transaction:
    """The transaction that apt is about to begin. Raises :class:`protocol.Malformed`."""
    config, _ = protocol.taken_apart(payload)
    caller = protocol.value(config, "CommandLine::AsString") or _shown(callers.owner(above))
    return Transaction(changes_of(payload), shortened(caller, _LONGEST), callers.unattended(above))


def of_dpkg(root: Folder, environment: Mapping[str, str], above: List[Process]) -> Optional[Transaction]:
    """What a direct call of dpkg is about to do; None where it does nothing here.

    dpkg tells its hooks the action alone; the packages are on the command line of the process above.
    """
    process = next((each for each in above if each.name == "dpkg"), None)
    action = environment.get("DPKG_HOOK_ACTION")
    if process is None or action not in JUDGED or is_elsewhere(environment):
        return None
    words = process.words[1:]
    if any(word in _SIMULATES for word in words):
        return None
    changes: List[Change] = []
    recursive = any(word == "--recursive" or (_is_short(word) and "R" in word) for word in words)
    for word in _arguments(words):
        if action in ("remove", "purge"):
            name, _, architecture = word.partition(":")
            known = _known(root, name)
            if known is not None:
                architecture = architecture or known.architecture
                changes.append(Change(known.name, REMOVE, known.version, "", architecture, "", action == "purge"))
        else:
            found = _archives(os.path.join(process.folder, word), recursive)
            changes += [_unpacked(root, path) for path in found]
    return Transaction(tuple(changes), _shown(process), callers.unattended(above))


def is_elsewhere(environment: Mapping[str, str]) -> bool:
    """Whether dpkg works on a system in another folder."""
    return environment.get("DPKG_ROOT", "") not in ("", "/") or environment.get("DPKG_ADMINDIR", "") not in (
        "",
        "/var/lib/dpkg",
    )


def _arguments(words: Tuple[str, ...]) -> Iterator[str]:
    """What is no option, nor the value of one."""
    skip = False
    for word in words:
        if skip or (word.startswith("-") and word != "-"):
            skip = not skip and (word in _WITH_VALUE or (_is_short(word) and word.endswith("D")))
            continue
        yield word


def _is_short(word: str) -> bool:
    """Whether a word is one or several options of one letter each."""
    return word[:1] == "-" != word[1:2]


def _archives(path: str, recursive: bool) -> List[str]:
    """A file, or with --recursive the packages in a folder and behind the links in it, as dpkg has find(1) look."""
    if os.path.isfile(path):
        return [path]
    found = []
    seen = set()
    for folder, folders, names in os.walk(path, followlinks=True) if recursive else ():
        seen.add(os.path.realpath(folder))
        folders[:] = sorted(name for name in folders if os.path.realpath(os.path.join(folder, name)) not in seen)
        found += [os.path.join(folder, name) for name in sorted(names) if name.endswith(".deb")]
    return found


def _unpacked(root: Folder, path: str) -> Change:
    change = Change("", INSTALL, archive=path)
    try:
        change = lay.named(change)
    except Broken:
        # It is reported where its files are looked for.
        return change._replace(package=os.path.basename(path))
    known = _known(root, change.package)
    if known is not None:
        change = change._replace(action=UPGRADE, old=known.version)
    return change


def _known(root: Folder, name: str) -> Optional[dpkg.Package]:
    """A package that is there."""
    known = dpkg.package(root, name) if name.isascii() else None
    return known if known is not None and known.is_present else None


def _shown(process: Optional[Process]) -> str:
    return "" if process is None else shortened(" ".join(process.words), _LONGEST)
