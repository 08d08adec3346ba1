"""The two sides of a comparison: boot trees in a folder, a file, the index or a revision of a git repository.

A side is a path, ``REV:path`` and ``:path`` as git has them (from the top of the repository; ``REV:./path`` from here),
or a revision alone. A path that is there is a path, whatever it looks like.
"""

import os
import re
import stat
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from scmguard.boot import Boot
from scmguard.folder import Folder, Unreadable
from scmguard.inputs import discover
from scmguard.inputs.discover import KINDS, Request
from scmguard.inputs.git import Repository
from scmguard.inputs.gittree import GitFolder

# A revision and a path in it. A colon in braces is the revision's own: HEAD@{12:00}, HEAD^{/fix: x}.
_REVISION = re.compile(r"((?:[^:{]|\{[^}]*\}|\{)*)(?:(:)(.*))?\Z", re.DOTALL)
# So many trees are read at once.
_AT_ONCE = 16
# Deeper than anybody nests an image repository.
_DEEPEST = 40


#: Names in a tree, with mode and id of what is there.
Ids = Tuple[Tuple[str, str], ...]


class Side(NamedTuple):
    """Boot trees by their path below what was named; ``is_file`` where that is one file.

    ``ids`` tells which bytes a tree is made of, where that is known without reading them. ``submodules`` are those
    below what was named, with their commits: nobody has looked into them.
    """

    label: str
    trees: Dict[str, Boot]
    is_file: bool = False
    ids: Mapping[str, Ids] = {}
    submodules: Mapping[str, str] = {}


class Pair(NamedTuple):
    """A boot tree on both sides; None where it is not there. ``path`` is empty for what was named itself."""

    path: str
    old: Optional[Boot]
    new: Optional[Boot]


def side(text: str, request: Request, repositories: "Dict[str, Repository]") -> Side:
    """What a user named. Repositories stay open in ``repositories``. Raises Unreadable."""
    if os.path.lexists(text):
        return _on_disk(text, request)
    match = _REVISION.match(text)
    assert match is not None
    revision, colon, path = match.groups()
    try:
        if "" not in repositories:
            repositories[""] = Repository()
        repository = repositories[""]
    except Unreadable as error:
        raise Unreadable(text, "no such file or folder, and no revision: this folder {}".format(error.reason)) from None
    if colon and not revision:
        return _in_git(repository.index(), text, path, repository, request)
    if repository.resolve(revision) is None:
        reason = "no such file or folder, and {} has no revision {}".format(repository.top, revision or "of no name")
        raise Unreadable(text, reason)
    return _in_git(repository.tree(revision), text, path or "", repository, request)


def standard_input(data: bytes, request: Request) -> Side:
    """A file that was given on standard input. Raises Unreadable."""
    return Side(request.stdin_filename or discover.STDIN, {"": discover.from_stdin(data, request)}, True)


def pairs(old: Side, new: Side) -> Iterator[Pair]:
    """The boot trees of both sides by their path, without those that are made of the same bytes.

    Nor those that have only been moved. Raises Unreadable for sides that are not of a kind.
    """
    if old.is_file != new.is_file:
        file, folder = (old, new) if old.is_file else (new, old)
        raise Unreadable(file.label, "is a file, and {} a folder: name two of a kind".format(folder.label or "."))
    if old.is_file:
        [before], [after] = old.trees.values(), new.trees.values()
        if _family(before) != _family(after):
            reason = "is a {}, and {} a {}; --as says what they are".format(before.single, new.label, after.single)
            raise Unreadable(old.label, reason)
        return iter([Pair("", before, after)])
    return _paired(old, new)


def _paired(old: Side, new: Side) -> Iterator[Pair]:
    moved = _moved(old, new)
    paths = [
        path
        for path in sorted({*old.trees, *new.trees} - moved)
        if path not in old.ids or old.ids[path] != new.ids.get(path)
    ]
    for start in range(0, len(paths), _AT_ONCE):
        several = [Pair(path, old.trees.get(path), new.trees.get(path)) for path in paths[start : start + _AT_ONCE]]
        _read_ahead([each.files for pair in several for each in (pair.old, pair.new) if each is not None])
        yield from several


def _read_ahead(folders: List[Folder]) -> None:
    """Has git read what all boot trees are asked for."""
    ids = [id for folder in folders if isinstance(folder, GitFolder) for id in folder.ids_of(KINDS)]
    for folder in folders:
        if isinstance(folder, GitFolder):
            folder.read_ahead(ids)
            return


def _family(boot: Boot) -> str:
    """What a file is: those of config.txt's kind can stand for one another."""
    return "config.txt" if boot.single in ("config.txt", "tryboot.txt") else boot.single


def _moved(old: Side, new: Side) -> Set[str]:
    """The paths, on both sides, of trees that are elsewhere now, with the same bytes in them."""
    gone: Dict[Ids, List[str]] = {}
    for path in sorted(set(old.ids) - set(new.trees)):
        gone.setdefault(old.ids[path], []).append(path)
    found: Set[str] = set()
    for path in sorted(set(new.ids) - set(old.trees)):
        if gone.get(new.ids[path]):
            found |= {path, gone[new.ids[path]].pop(0)}
    return found


def _on_disk(path: str, request: Request) -> Side:
    if not os.path.isdir(path):
        return Side(path, {"": discover.from_path(path, request)}, True)
    inner = [] if _is_root(path) else list(_folders(path))
    found = {}
    if "." in inner or not inner:
        found[""] = discover.from_path(path, request)
    for relative in inner:
        if relative != ".":
            boot = discover.from_path(os.path.join(path, relative), request)
            # The folder itself may only say that its files have moved there.
            if "" not in found or found[""].files.path != boot.files.path:
                found[relative] = boot
    return Side(path, found)


def _is_root(path: str) -> bool:
    """Whether a folder without boot files is a root file system, whose boot partition is meant."""
    return all(os.path.isdir(os.path.join(path, name)) for name in ("etc", "boot"))


def _folders(top: str) -> Iterator[str]:
    """The folders below one that have boot files in them, by their path from there. Links are not followed."""

    def give_up(error: OSError) -> None:
        raise Unreadable(str(error.filename), (error.strerror or str(error)).lower())

    for folder, names, files in os.walk(top, onerror=give_up):
        names[:] = sorted(name for name in names if name != ".git")
        relative = os.path.relpath(folder, top)
        if relative.count(os.sep) >= _DEEPEST:
            names.clear()
        if any(discover.is_boot_file(name.lower()) for name in files):
            yield relative


def _in_git(top: GitFolder, text: str, path: str, repository: Repository, request: Request) -> Side:
    if path.startswith("./") or path == ".":
        here = os.path.relpath(os.path.realpath(os.curdir), os.path.realpath(repository.top))
        path = os.path.normpath(os.path.join(here, path))
    path = "" if path == "." else path.strip("/")
    entry = top.entry(path) if path else None
    if entry is not None:
        folder, name = os.path.split(path)
        return Side(text, {"": _single(top.below(folder) if folder else top, name, text, request)}, True)
    base = top.below(path) if path else top
    trees: Dict[str, Boot] = {}
    ids: Dict[str, List[Tuple[str, str]]] = {}
    paths = list(base.paths())
    for each in paths:
        folder, name = os.path.split(each)
        if discover.is_boot_file(name.lower()) and folder not in trees:
            trees[folder] = Boot(base.below(folder) if folder else base)
            ids[folder] = []
    submodules = base.submodules()
    if not trees:
        if path and "" in submodules:
            raise Unreadable(text, "is a submodule, which is a repository of its own: name a revision in that")
        raise Unreadable(text, "no boot files there" if paths else "no such file or folder in that revision")
    for each in paths:
        folder = os.path.dirname(each)
        while True:
            if folder in ids:
                found = base.entry(each)
                if found is None or found.conflict or not stat.S_ISREG(found.mode):
                    # What is at the other end of a link is not among the bytes below the folder.
                    del ids[folder]
                else:
                    name = each[len(folder) + 1 :] if folder else each
                    ids[folder].append((name, "{:o} {}".format(found.mode, found.id)))
            if not folder:
                break
            folder = os.path.dirname(folder)
    return Side(text, trees, False, {folder: tuple(several) for folder, several in ids.items()}, submodules)


def _single(folder: Folder, name: str, label: str, request: Request) -> Boot:
    kind = request.kind or (name.lower() if name.lower() in KINDS else None)
    if kind is None:
        raise Unreadable(label, discover.UNKNOWN_NAME)
    data = folder.read(name)
    if data is None:
        raise Unreadable(label, "is no file")
    return discover.single(data, folder.label(name), folder, kind)
