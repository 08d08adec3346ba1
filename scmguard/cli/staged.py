"""``scmguard check --staged``: the boot trees of a git repository as they will be committed."""

import os
from typing import Any, Callable, Iterator, List, Mapping, Optional, Sequence, Union

from scmguard.boot import Boot
from scmguard.cli.console import USAGE, fail
from scmguard.finding import TreeReport
from scmguard.folder import Unreadable
from scmguard.inputs import discover
from scmguard.inputs.discover import Request
from scmguard.inputs.git import Repository
from scmguard.inputs.gitprocess import hook_environment
from scmguard.inputs.gittree import SUBMODULE, changed_submodules
from scmguard.repository.pairs import Pair, changed, pairs
from scmguard.repository.trees import Skipped

# What pre-commit says of the commits that it was asked about (--from-ref, --to-ref, and before a push).
_FROM, _TO = "PRE_COMMIT_FROM_REF", "PRE_COMMIT_TO_REF"


class Change:
    """What is about to be committed, or was between two revisions. ``note`` takes what people should know."""

    def __init__(self, repository: Repository, options: Mapping[str, Any], note: Callable[[str], None]) -> None:
        self._repository = repository
        self._note = note
        self._is_hook = bool(options.get("pre_commit"))
        self._kind = options.get("kind") or ""
        self._here = os.path.relpath(os.path.realpath(os.curdir), os.path.realpath(repository.top))
        start, end = os.environ.get(_FROM), os.environ.get(_TO)
        if self._is_hook and start and end:
            self.before, self.after = repository.tree(start), repository.tree(end, checked_out=True)
        else:
            self.before = repository.last_commit()
            self.after = repository.index()

    def pairs(self, paths: Sequence[str]) -> Iterator[Union[Pair, Boot, Unreadable]]:
        """The boot trees of the paths (of all that changed, where there are none), before and after.

        A file that is not in the index is a boot tree on disk, which has no before.
        """
        inside: List[str] = []
        outside: List[str] = []
        if paths or self._is_hook:
            for path in paths:
                meant = self._inside(path)
                if meant is None:
                    outside.append(path)
                else:
                    inside += meant
            if self._is_hook:
                # pre-commit names no files that are gone.
                inside += [path for path in changed(self.before, self.after) if not self.after.entry(path)]
        else:
            inside = changed(self.before, self.after)
        found, skipped = pairs(self.before, self.after, inside, bool(paths) and not self._is_hook, self._kind)
        skipped += [Skipped(self.after.label(path), SUBMODULE) for path in self._submodules(paths)]
        for label, reason in skipped:
            self._note("{}: passed over: it {}".format(label, reason))
        # A hook is quiet where it has nothing to do.
        if not found and not outside and not hook_environment():
            self._note("no boot files are among what {}".format("was named" if paths else "is staged"))
        yield from found
        for path in outside:
            yield self._on_disk(path)

    def compare(self, settings: str) -> None:
        """Says so where the configuration that was read, from disk, is another one than in the index."""
        inner = os.path.normpath(os.path.join(self._here, os.path.relpath(settings)))
        if self.after.entry(inner) is not None:
            with open(settings, "rb") as stream:
                data = stream.read()
            if data != self.after.read(inner):
                self._note("{} is not the one that is staged; it was read from disk".format(os.path.relpath(settings)))

    def _submodules(self, paths: Sequence[str]) -> List[str]:
        """The submodules that the change moves, of those below the paths where some were named; and those named."""
        old, new = self.before.submodules(), self.after.submodules()
        moved = changed_submodules(old, new)
        if not paths or self._is_hook:
            return moved
        named = [os.path.normpath(os.path.join(self._here, path)) for path in paths]
        below = {path for path in moved if any(each == os.curdir or path.startswith(each + "/") for each in named)}
        return sorted(below | {path for path in named if path in old or path in new})

    def _inside(self, path: str) -> Optional[List[str]]:
        """The paths in the repository that a path on the command line means; None for one that is not in the index."""
        near = os.path.normpath(os.path.join(self._here, path))
        if self.after.entry(near) is not None:
            return [near]
        full = os.path.join(os.path.realpath(os.path.dirname(path) or os.curdir), os.path.basename(path.rstrip("/")))
        inner = os.path.relpath(full, os.path.realpath(self._repository.top))
        if inner == os.curdir:
            return list(self.after.paths())
        if inner.split("/")[0] == "..":
            return None
        if self.after.entry(inner) is not None:
            return [inner]
        if inner in self.after.submodules():
            return []
        below = ["{}/{}".format(inner, name) for name in self.after.below(inner).paths()]
        return below or ([inner] if self.before.entry(inner) is not None else None)

    def _on_disk(self, path: str) -> Union[Boot, Unreadable]:
        try:
            boot = discover.from_path(path, Request(self._kind or None))
        except Unreadable as error:
            return error
        self._note("{} is not in the index; it was read from disk".format(path))
        return boot


def open_change(paths: Sequence[str], options: Mapping[str, Any], note: Callable[[str], None]) -> Change:
    """The change that the options ask about; ``settings`` is the path of the configuration. Raises Unreadable."""
    for key, name in (("root", "--root"), ("stdin_filename", "--stdin-filename")):
        if options.get(key):
            fail(USAGE, "--staged reads the git index; it takes no {}".format(name))
    if "-" in paths:
        fail(USAGE, "--staged reads the git index; it takes no standard input")
    change = Change(Repository(os.curdir), options, note)
    if options.get("settings"):
        change.compare(options["settings"])
    return change


def reports(
    change: Change, paths: Sequence[str], lint: Callable[[Boot], TreeReport]
) -> Iterator[Union[TreeReport, Unreadable]]:
    """The reports on what is staged."""
    for entry in change.pairs(paths):
        if isinstance(entry, Unreadable):
            yield entry
            continue
        try:
            yield lint(entry if isinstance(entry, Boot) else entry.after)
        except Unreadable as error:
            yield error
