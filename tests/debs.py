"""Packages built with dpkg-deb, and throw-away systems on which the real dpkg unpacks and removes them."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, Union

import pytest

from scmguard.folder import Folder, Unreadable
from scmguard.inputs.disk import DiskFolder
from scmguard.packages.ahead import Ahead
from scmguard.packages.lay import Outlook, outlook
from scmguard.packages.relevant import PLACES, is_boot_file
from scmguard.packages.transaction import INSTALL, REMOVE, UPGRADE, Change, Transaction

needs_dpkg = pytest.mark.skipif(
    shutil.which("dpkg") is None or shutil.which("dpkg-deb") is None, reason="needs dpkg and dpkg-deb"
)
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "SOURCE_DATE_EPOCH": "1700000000"}
_FORCED = "not-root,script-chrootless,depends,confdef,confold,unsafe-io,bad-path"

# What other packages than these have, on every system.
_BASE = ("boot", "etc", "lib", "usr/lib", "usr/share", "var/lib", "etc/modprobe.d")


class Link(NamedTuple):
    """A symbolic link."""

    target: str


class Same(NamedTuple):
    """A second name of another file of the package."""

    path: str


#: What a path of a package is: bytes of a file, a link, or None for a folder.
Tree = Mapping[str, Union[bytes, Link, Same, None]]


class Deb(NamedTuple):
    """A package: its name and version, its files, and which of them are configuration files."""

    name: str
    version: str
    files: Tree
    conffiles: Sequence[str] = ()
    control: str = ""

    def build(self, folder: Path, *options: str) -> str:
        """The path of its archive, which is made in a folder."""
        top = folder / "{}_{}.d".format(self.name, self.version)
        shutil.rmtree(top, ignore_errors=True)
        (top / "DEBIAN").mkdir(parents=True)
        fields = "Package: {}\nVersion: {}\nArchitecture: all\nMaintainer: A <a@b.c>\n{}Description: x\n"
        (top / "DEBIAN/control").write_text(fields.format(self.name, self.version, self.control))
        if self.conffiles:
            lines = [each if " " in each else "/" + each for each in self.conffiles]
            (top / "DEBIAN/conffiles").write_text("\n".join(lines) + "\n")
        # dpkg takes a package of which nothing is left for one that has disappeared.
        lay(top, {**self.files, "usr/share/doc/" + self.name: b""})
        path = str(folder / "{}_{}.deb".format(self.name, self.version))
        command = ["dpkg-deb", "--root-owner-group", *(options or ("-Znone",)), "--build", str(top), path]
        subprocess.run(command, check=True, capture_output=True, env=_ENVIRONMENT)
        return path


def lay(top: Path, tree: Tree) -> None:
    """Makes files, folders and links below a folder; a hard link after what it is one of."""
    for path, what in sorted(tree.items(), key=lambda item: isinstance(item[1], Same)):
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        if what is None:
            (top / path).mkdir(exist_ok=True)
        elif isinstance(what, Link):
            os.symlink(what.target, top / path)
        elif isinstance(what, Same):
            os.link(top / what.path, top / path)
        else:
            (top / path).write_bytes(what)


class System:
    """A root file system with a dpkg database of its own."""

    def __init__(self, folder: Path, tree: Optional[Tree] = None) -> None:
        self.folder = folder
        self.top = folder / "root"
        for name in ("info", "updates", "triggers"):
            (self.top / "var/lib/dpkg" / name).mkdir(parents=True)
        for name in ("status", "available", "diversions"):
            (self.top / "var/lib/dpkg" / name).write_bytes(b"")
        lay(self.top, tree or {})
        self.root = DiskFolder(str(self.top), is_root=True)
        self.installed: Set[str] = set()
        self.install(Deb("base-files", "1", dict.fromkeys(_BASE)))

    def dpkg(self, *arguments: str) -> None:
        """Runs dpkg on this system."""
        options = ("--root={}".format(self.top), "--log=/dev/null", "--force-" + _FORCED, "--no-debsig")
        command = ["dpkg", *options, *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=_ENVIRONMENT)
        assert done.returncode == 0, done.stdout + done.stderr

    def divert(self, path: str, package: str = ":") -> None:
        """Puts a file of packages elsewhere, and a file that is there too."""
        whose = ["--local"] if package == ":" else ["--package", package]
        place = ["--root", str(self.top), "--divert", "/" + path + ".distrib", "--rename", "--add", "/" + path]
        subprocess.run(["dpkg-divert", "--quiet", *whose, *place], check=True, env=_ENVIRONMENT)

    def install(self, *debs: Deb) -> None:
        """Packages that are there beforehand."""
        for deb in debs:
            self.dpkg("--install", deb.build(self.folder))
            self.installed.add(deb.name)

    def changes(self, *steps: Union[Deb, str]) -> List[Change]:
        """A transaction: packages that are unpacked, and names of packages that are removed (``name purged``)."""
        found = []
        for step in steps:
            if isinstance(step, str):
                name, _, how = step.partition(" ")
                found.append(Change(name, REMOVE, "1", "", "all", purges=how == "purged"))
            else:
                kind = UPGRADE if step.name in self.installed else INSTALL
                archive = step.build(self.folder)
                found.append(Change(step.name, kind, "1" if kind == UPGRADE else "", step.version, "all", archive))
        return found

    def carry_out(self, changes: Sequence[Change]) -> None:
        """What dpkg does."""
        for change in changes:
            if change.action == REMOVE:
                self.dpkg("--purge" if change.purges else "--remove", change.package)
            else:
                self.dpkg("--unpack", change.archive)
        self.dpkg("--configure", "--pending")

    def check(self, *steps: Union[Deb, str]) -> "Tuple[Outlook, Facts, Facts]":
        """Holds what was foreseen against what dpkg did; gives what was foreseen, and the facts before and after."""
        changes = self.changes(*steps)
        copy = self.folder / "before"
        shutil.copytree(self.top, copy, symlinks=True)
        behind = DiskFolder(str(copy), is_root=True)
        foreseen = outlook(behind, Transaction(tuple(changes)))
        assert not foreseen.broken
        self.carry_out(changes)
        paths = sorted({*self._paths(copy, steps), *self._paths(self.top, steps)})
        before, after = facts(behind, paths), facts(DiskFolder(str(self.top), is_root=True), paths)
        ahead = facts(Ahead(behind, foreseen.members), paths)
        shutil.rmtree(copy)
        assert ahead == after, differences(ahead, after)
        return foreseen, before, after

    @staticmethod
    def _paths(top: Path, steps: Sequence[Union[Deb, str]]) -> List[str]:
        """All paths, there or in packages, that have to do with booting, and folders for which that holds."""
        paths = {path for step in steps if isinstance(step, Deb) for path in step.files}
        for folder, folders, files in os.walk(str(top)):
            paths |= {os.path.relpath(os.path.join(folder, name), top) for name in (*folders, *files)}
        paths |= {"lib" + path[len("usr/lib") :] for path in paths if path.startswith("usr/lib/")}
        paths |= {"usr/" + path for path in paths if path.startswith("lib/")}
        paths |= {"/".join(path.split("/")[:depth]) for path in paths for depth in range(1, path.count("/") + 1)}
        paths |= {path.rstrip("/") for path in PLACES} | {path + "/nothing" for path in paths}
        return sorted(path for path in paths if _counts(path))


#: By path: the names in it, whether it is there, its kind, its bytes, and where it points as a link.
Facts = Dict[str, Tuple[Any, Any, Any, Any, Any]]


def _counts(path: str) -> bool:
    # Beside configuration files dpkg keeps the other version, which nothing reads.
    return ".dpkg-" not in path and (is_boot_file(path) or is_boot_file(path + "/"))


def facts(folder: Folder, paths: Sequence[str]) -> Facts:
    """What a folder says about paths; ``!`` where it is unreadable."""

    def kind(path: str) -> Optional[str]:
        status = folder.status(path)
        return None if status is None else status.kind

    def names(path: str) -> List[str]:
        return [name for name in folder.names(path) if ".dpkg-" not in name]

    def asked(ask: Any, path: str) -> Any:
        try:
            return ask(path)
        except Unreadable:
            return "!"

    def read(path: str) -> Optional[bytes]:
        # What is inside drivers is not kept.
        return b"" if ".ko" in path else folder.read(path)

    asks = (names, folder.exists, kind, read, folder.link)
    return {path: tuple(asked(ask, path) for ask in asks) for path in paths}  # type: ignore[misc]


def differences(foreseen: Facts, done: Facts) -> str:
    """For people: where facts differ."""
    return "".join(
        "\n{}: foreseen {}, done {}".format(path, foreseen[path], done[path])
        for path in foreseen
        if foreseen[path] != done[path]
    )
