"""A git repository: its index, which is what will be committed, and the trees of revisions, as folders.

All objects come through one child, since starting one for each would take longer than reading them.
"""

import os
import re
from types import TracebackType
from typing import Dict, List, Mapping, Optional, Sequence, Tuple, Type

from scmguard.folder import Unreadable
from scmguard.inputs.gitprocess import Blobs, Said, environment, find_git, hook_environment, run, why
from scmguard.inputs.gittree import Entry, GitFolder, Revision, Tree, Working

_WHERE = ("rev-parse", "--show-toplevel", "--absolute-git-dir", "--git-common-dir")
_INTENT_TO_ADD = 1 << 29
_EMPTY = frozenset(
    [
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    ]
)
_DEBUG = re.compile(rb"([^\0]+)\0(?:  [^\n\0]*\n)*?  size: [0-9]+\tflags: ([0-9a-f]+)\n")


class Repository:
    """The repository that a path is in. A context manager, which ends the child that reads objects.

    ``top`` is the folder of its working tree. Where git called a hook, its word about index and repository counts, if
    the path is in that repository. Raises :class:`Unreadable`: no git, no repository, a bare one, one of somebody else.
    """

    def __init__(self, start: str = ".") -> None:
        self._git = find_git(start)
        self._common = ""
        # Each question to git is a process.
        self._resolved: Dict[str, Optional[str]] = {}
        self.top, self._environment = self._discover(start)
        self._blobs = Blobs(self._git, self.top, self._environment, self._common)

    def index(self) -> GitFolder:
        """What is staged, as a folder; its files are labelled as in the working directory. Raises Unreadable."""
        out = self._ask(("ls-files", "--stage", "-z", "--full-name"), "the index")
        tree = Tree()
        for record in out.split(b"\0")[:-1]:
            head, _, path = record.partition(b"\t")
            mode, id, stage = head.split(b" ")
            tree.take(os.fsdecode(path), Entry(int(mode, 8), id.decode(), stage != b"0"))
        for name in self._only_intended(tree.entries):
            del tree.entries[name]
        return GitFolder(self._blobs, tree, "", Working(self.top))

    def tree(self, revision: str, checked_out: bool = False) -> GitFolder:
        """The files of a revision (a commit, a tag, or a folder in one: ``HEAD:boot``). Raises :class:`Unreadable`.

        With ``checked_out`` they are labelled as in the working directory.
        """
        tree = Tree()
        for record in self._listed(revision).split(b"\0")[:-1]:
            head, _, path = record.partition(b"\t")
            mode, _kind, blob = head.split(b" ")
            tree.take(os.fsdecode(path), Entry(int(mode, 8), blob.decode()))
        return GitFolder(self._blobs, tree, "", Working(self.top) if checked_out else Revision(revision))

    def last_commit(self) -> GitFolder:
        """The files of HEAD; before the first commit there are none. Raises Unreadable."""
        try:
            return self.tree("HEAD")
        except Unreadable:
            if self.resolve("HEAD") is not None:
                raise
            return GitFolder(self._blobs, Tree(), "", Revision("HEAD"))

    def resolve(self, revision: str) -> Optional[str]:
        """The id of the object that a revision names; None where there is no such revision. Raises Unreadable."""
        if not _is_name(revision):
            return None
        if revision not in self._resolved:
            answer = self._run(("rev-parse", "--verify", "--quiet", revision), revision)
            self._resolved[revision] = answer.out.decode("ascii", "replace").strip() if answer.status == 0 else None
        return self._resolved[revision]

    def close(self) -> None:
        """Ends the children that read objects; a later question starts them again."""
        self._blobs.close()

    def __enter__(self) -> "Repository":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def _discover(self, start: str) -> Tuple[str, Dict[str, str]]:
        """The top folder, and the environment in which git finds that repository again."""
        told = hook_environment()
        if told:
            # Relative names are relative to where the hook runs, and so are names that git works out from them.
            top, where = self._top(os.curdir, {**environment(), **told}, start)
            if _inside(os.path.realpath(start), top):
                return top, {**environment(), **told, **where}
        # What was deleted may still be in the index, its folder gone with it.
        folder = start
        while folder and not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        top, where = self._top(folder, environment(), start)
        return top, {**environment(), **where}

    def _top(self, folder: str, variables: Mapping[str, str], start: str) -> Tuple[str, Dict[str, str]]:
        answer = run(self._git, _WHERE, folder, variables, start)
        if answer.status != 0:
            raise Unreadable(start, why(answer.err))
        lines = answer.out.split(b"\n")
        if len(lines) != 4:
            raise Unreadable(start, "is in a repository whose path has a line end in it")
        top, where = os.fsdecode(lines[0]), os.fsdecode(lines[1])
        # Of linked working trees the objects are elsewhere; what is relative is so from where git was asked.
        self._common = os.path.join(os.path.realpath(folder), os.fsdecode(lines[2]))
        return top, {"GIT_DIR": where, "GIT_WORK_TREE": top}

    def _run(self, arguments: Sequence[str], label: str) -> Said:
        return run(self._git, arguments, self.top, self._environment, label)

    def _ask(self, arguments: Sequence[str], label: str) -> bytes:
        answer = self._run(arguments, label)
        if answer.status != 0:
            raise Unreadable(label, why(answer.err))
        return answer.out

    def _listed(self, revision: str) -> bytes:
        """What git lists of a revision. Whether there is one is asked only where it lists nothing."""
        if _is_name(revision):
            name = self._resolved.get(revision) or revision
            answer = self._run(("ls-tree", "-r", "-z", "--full-tree", name), revision)
            if answer.status == 0:
                return answer.out
            if self.resolve(revision) is not None:
                raise Unreadable(revision, why(answer.err))
        raise Unreadable(revision, "no such revision in {}".format(self.top))

    def _only_intended(self, entries: Mapping[str, Entry]) -> List[str]:
        """The paths of ``git add --intent-to-add``: in the index without bytes, and in no commit made from it."""
        if not any(entry.id in _EMPTY for entry in entries.values()):
            return []
        flags = _DEBUG.findall(self._ask(("ls-files", "--debug", "-z", "--full-name"), "the index"))
        paths = [os.fsdecode(path) for path, value in flags if int(value, 16) & _INTENT_TO_ADD]
        return [path for path in paths if path in entries and entries[path].id in _EMPTY]


def _is_name(revision: str) -> bool:
    """Whether a text can be a revision, and will not be taken for an option."""
    return bool(revision) and not revision.startswith("-") and "\0" not in revision


def _inside(path: str, top: str) -> bool:
    top = os.path.realpath(top)
    return path == top or path.startswith(top.rstrip("/") + "/")
