"""The two sides of a comparison: boot trees in a folder, a file, the index or a revision of a git repository.

A side is a path, ``REV:path`` and ``:path`` as git has them (from the top of the repository; ``REV:./path`` from here),
or a revision alone. A path that is there is a path, whatever it looks like.
"""

import os
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.boot import Boot
from scmguard.folder import Folder, MemoryFolder, Unreadable
from scmguard.inputs import discover
from scmguard.inputs.discover import KINDS, Request
from scmguard.inputs.git import Repository
from scmguard.inputs.gittree import GitFolder

# Deeper than anybody nests an image repository.
_DEEPEST = 40


class Side(NamedTuple):
    """Boot trees by their path below what was named; ``is_file`` where that is one file.

    ``ids`` tells which bytes each tree is made of, where that is known without reading them.
    """

    label: str
    trees: Dict[str, Boot]
    is_file: bool = False
    ids: Optional[Dict[str, Tuple[Tuple[str, str], ...]]] = None


class Pair(NamedTuple):
    """A boot tree on both sides; one that is not there has no files. ``path`` is empty for what was named itself."""

    path: str
    old: Boot
    new: Boot


def side(text: str, request: Request, repositories: "Dict[str, Repository]") -> Side:
    """What a user named. Repositories stay open in ``repositories``. Raises Unreadable."""
    if os.path.lexists(text):
        return _on_disk(text, request)
    revision, colon, path = text.partition(":")
    if not colon and ("/" in text or text in KINDS):
        raise Unreadable(text, "no such file or folder")
    repository = repositories.setdefault("", Repository())
    if colon and not revision:
        return _in_git(repository.index(), text, path, repository, request)
    if repository.resolve(revision) is None:
        raise Unreadable(text, "no such file, and {} has no revision {!r}".format(repository.top, revision))
    return _in_git(repository.tree(revision), text, path, repository, request)


def pairs(old: Side, new: Side) -> Iterator[Pair]:
    """The boot trees of both sides by their path, without those that are made of the same bytes."""
    if old.is_file and new.is_file:
        [before], [after] = old.trees.values(), new.trees.values()
        yield Pair("", before, after)
        return
    for path in sorted({*old.trees, *new.trees}):
        if old.ids is not None and new.ids is not None and old.ids.get(path) == new.ids.get(path):
            continue
        yield Pair(path, old.trees.get(path) or _nothing(old, path), new.trees.get(path) or _nothing(new, path))


def _nothing(side: Side, path: str) -> Boot:
    return Boot(MemoryFolder({}, os.path.join(side.label, path)))


def _on_disk(path: str, request: Request) -> Side:
    if not os.path.isdir(path):
        return Side(path, {"": discover.from_path(path, request)}, True)
    try:
        return Side(path, {"": discover.from_path(path, request)})
    except Unreadable:
        found = {relative: discover.from_path(os.path.join(path, relative), request) for relative in _folders(path)}
        if not found:
            raise
        return Side(path, found)


def _folders(top: str) -> Iterator[str]:
    """The folders below one that have boot files in them, by their path from there. Links are not followed."""

    def give_up(error: OSError) -> None:
        raise Unreadable(str(error.filename), (error.strerror or str(error)).lower())

    for folder, names, files in os.walk(top, onerror=give_up):
        names[:] = sorted(name for name in names if name != ".git")
        relative = os.path.relpath(folder, top)
        if relative.count(os.sep) >= _DEEPEST:
            names.clear()
        if any(discover.is_boot_file(name) for name in files):
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
        if discover.is_boot_file(name) and folder not in trees:
            trees[folder] = Boot(base.below(folder) if folder else base)
            ids[folder] = []
    if not trees:
        raise Unreadable(text, "no boot files there" if paths else "no such file or folder in that revision")
    for each in paths:
        folder = os.path.dirname(each)
        while True:
            if folder in ids:
                found = base.entry(each)
                ids[folder].append((each, "" if found is None else "{:o} {}".format(found.mode, found.id)))
            if not folder:
                break
            folder = os.path.dirname(folder)
    return Side(text, trees, False, {folder: tuple(several) for folder, several in ids.items()})


def _single(folder: Folder, name: str, label: str, request: Request) -> Boot:
    kind = request.kind or (name.lower() if name.lower() in KINDS else None)
    if kind is None:
        raise Unreadable(label, discover.UNKNOWN_NAME)
    data = folder.read(name)
    if data is None:
        raise Unreadable(label, "is no file")
    return discover.single(data, folder.label(name), folder, kind)
