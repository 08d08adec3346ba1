"""Scripts that take part in making the initramfs: what they leave behind when the build fails.

Sources: initramfs-tools 0.142, ``update-initramfs`` (it builds beside the image, and moves it into place when it is
whole) and ``etc/kernel/postinst.d/initramfs-tools``; Zymbit's ``mk_encr_sd_rfs.sh``, which installs another hook.
"""

from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts, is_encrypted
from scmguard.checks.kernelargs import MOST_HITS
from scmguard.finding import Related
from scmguard.initramfs.buildscripts import BuildScript, BuildScripts
from scmguard.initramfs.facts import RootFacts
from scmguard.initramfs.imagecommands import Build, Removal, build_of, program_of, puts, removals
from scmguard.initramfs.shellwords import Texts
from scmguard.parse.sh_flow import Flow
from scmguard.parse.sh_model import Command
from scmguard.parse.sh_status import Statuses, is_silent
from scmguard.text import Span, printable, shortened

# How deep scripts may call scripts.
_DEPTH = 4
_LONGEST_NAME = 80
_MOST_RELATED = 20


class _At(NamedTuple):
    """A command, and the script that it is in."""

    file: BuildScript
    command: Command

    @property
    def span(self) -> Span:
        """Its place."""
        return self.file.script.place(self.command)


class _Taken(NamedTuple):
    """Something live that is gone, where it was taken away, and the build that comes only then."""

    where: _At
    removal: Removal
    builder: _At
    build: Build


def removes_image_before_build(context: Context, _params: Params) -> Iterator[Hit]:
    """Live images and kernels that a script takes away before the new one is made."""
    found = builder_facts(context)
    if found is None:
        return
    severity = None if is_encrypted(context) else "degraded"
    groups: Dict[Tuple[str, int], List[_Taken]] = {}
    for taken in _scripts(context, found).taken:
        groups.setdefault((taken.where.file.path, taken.builder.command.start), []).append(taken)
    for first, *others in list(groups.values())[:MOST_HITS]:
        message = "this {} {} before {} has made a new one, so that a build that fails leaves none".format(
            first.removal.verb, _shown(first.removal.target), first.build.program
        )
        related = [
            Related(each.where.span, "and {}".format(_shown(each.removal.target))) for each in others[:_MOST_RELATED]
        ]
        related.append(Related(first.builder.span, "the build comes only here"))
        yield Hit(
            first.where.file.script.source, first.where.span, message, related=tuple(related), severity=severity,
            boardless=True,
        )  # fmt: skip


_LOST = {
    "or": "the status of {} is lost behind ||: a build that failed counts as one that went well",
    "background": "{} runs in the background: nobody waits for it, or learns that it failed",
    "pipe": "the status of {} is lost in the pipe: a build that failed counts as one that went well",
    "ignored": "the status of {} is lost: the script goes on as if it had gone well",
}


def discarded_update_status(context: Context, _params: Params) -> Iterator[Hit]:
    """Commands that make the image and whose failure nobody learns of."""
    found = builder_facts(context)
    if found is None:
        return
    for where, program, way in _scripts(context, found).lost[:MOST_HITS]:
        message = _LOST[way].format(_shown(program))
        if is_silent(where.command):
            message += ", and what it says is thrown away"
        severity = "hygiene" if where.file.runs == "hand" else None
        yield Hit(where.file.script.source, where.span, message, severity=severity, boardless=True)


def _shown(text: str) -> str:
    return shortened(printable(text), _LONGEST_NAME)


def _scripts(context: Context, found: RootFacts) -> "_Analysis":
    analysis: _Analysis = context.boot.memo.setdefault("buildscripts", _Analysis(found))
    return analysis


class _Analysis:
    """All that is wrong with the scripts of a root file system, found out once a tree. Raises Unreadable."""

    def __init__(self, found: RootFacts) -> None:
        self._found = found
        self._scripts = BuildScripts(found.root, found.run_parts, found.hooks)
        self._texts: Dict[str, Texts] = {}
        self._builds: Dict[str, Dict[int, Optional[Build]]] = {}
        self._removals: Dict[str, Dict[int, Tuple[Removal, ...]]] = {}
        self._makes: Dict[str, bool] = {}
        self._starts: Optional[Tuple[BuildScript, ...]] = None
        self._taken: Optional[List[_Taken]] = None
        self._lost: Optional[List[Tuple[_At, str, str]]] = None

    @property
    def _beginnings(self) -> Tuple[BuildScript, ...]:
        if self._starts is None:
            self._starts = tuple(self._scripts.starts())
        return self._starts

    @property
    def taken(self) -> List[_Taken]:
        """What is taken away before a build, each place once, in the order in which scripts are looked at."""
        if self._taken is None:
            places: Dict[Tuple[str, int, str], _Taken] = {}
            for start in self._beginnings:
                for taken in _Run(self, start).taken:
                    key = taken.where.file.path, taken.where.command.start, taken.removal.target
                    places.setdefault(key, taken)
            self._taken = list(places.values())
        return self._taken

    @property
    def lost(self) -> List[Tuple[_At, str, str]]:
        """Builds whose status is lost: where, what is started there, and how it is lost."""
        if self._lost is None:
            self._lost = []
            seen: FrozenSet[str] = frozenset()
            # What a hook or cron calls is as bad as what they do themselves; so they come first.
            todo = [(each, 0) for each in sorted(self._beginnings, key=lambda each: each.runs == "hand")]
            while todo:
                file, depth = todo.pop(0)
                if file.path in seen:
                    continue
                seen |= {file.path}
                statuses: Optional[Statuses] = None
                for command in file.script.commands:
                    program, called = self._starts_build(file, command)
                    if called is not None and depth < _DEPTH and file.runs != "hand":
                        todo.insert(0, (called._replace(runs=file.runs), depth + 1))
                    if program is None:
                        continue
                    statuses = statuses or Statuses(file.script)
                    way = statuses.lost(command)
                    if way is not None:
                        self._lost.append((_At(file, command), program, way))
        return self._lost

    def _starts_build(self, file: BuildScript, command: Command) -> Tuple[Optional[str], Optional[BuildScript]]:
        """What a command starts that makes an image, and the script that it is, if it is one."""
        build = self.build(file, command)
        if build is not None:
            return build.program, None
        called = self.called(command)
        if called is None or not self.makes_image(called):
            return None, None
        return called.path.rpartition("/")[2], called

    def makes_image(self, file: BuildScript, depth: int = 0) -> bool:
        """Whether a script makes an image, itself or by others."""
        if file.path not in self._makes:
            self._makes[file.path] = False  # for scripts that call each other in a circle
            self._makes[file.path] = any(self._is_build(file, command, depth) for command in file.script.commands)
        return self._makes[file.path]

    def _is_build(self, file: BuildScript, command: Command, depth: int) -> bool:
        if self.build(file, command) is not None:
            return True
        called = self.called(command) if depth < _DEPTH else None
        return called is not None and self.makes_image(called, depth + 1)

    def texts(self, file: BuildScript) -> Texts:
        """What the words of a script look like."""
        if file.path not in self._texts:
            self._texts[file.path] = Texts(file.script)
        return self._texts[file.path]

    def build(self, file: BuildScript, command: Command) -> Optional[Build]:
        """The build that a command of a script is; None for any other command."""
        known = self._builds.setdefault(file.path, {})
        if command.start not in known:
            known[command.start] = build_of(command, self.texts(file)) if command.words else None
        return known[command.start]

    def removals(self, file: BuildScript, command: Command) -> Tuple[Removal, ...]:
        """What a command of a script takes away."""
        known = self._removals.setdefault(file.path, {})
        if command.start not in known:
            known[command.start] = tuple(removals(file.script, self.texts(file), command))
        return known[command.start]

    def puts(self, file: BuildScript, command: Command) -> Tuple[str, ...]:
        """Where a command of a script puts files."""
        return puts(command, self.texts(file))

    def called(self, command: Command) -> Optional[BuildScript]:
        """The script that a command starts; None for what is none."""
        name = program_of(command)[0]
        return self._scripts.called(name) if name else None


class _Run:
    """One script and those that it calls, run in thought. The numbers carried along are those of removals."""

    def __init__(self, analysis: _Analysis, start: BuildScript) -> None:
        self._analysis = analysis
        self._removed: List[Tuple[_At, Removal]] = []
        self._numbers: Dict[Tuple[str, int, str], int] = {}
        self._active: List[str] = []
        self._known: Dict[Tuple[str, FrozenSet[int]], FrozenSet[int]] = {}
        self.taken: List[_Taken] = []
        # Nearly all scripts make no image, and need no look at the ways through them.
        if analysis.makes_image(start):
            self._through(start, frozenset())

    def _through(self, file: BuildScript, state: FrozenSet[int]) -> FrozenSet[int]:
        key = file.path, state
        if key not in self._known:
            self._active.append(file.path)
            flow = Flow[int](file.script, lambda command, now: self._step(_At(file, command), now))
            self._known[key] = flow.run(state)
            self._active.pop()
        return self._known[key]

    def _step(self, at: _At, state: FrozenSet[int]) -> FrozenSet[int]:
        analysis, (file, command) = self._analysis, at
        build = analysis.build(file, command)
        if build is not None:
            return self._built(at, build, state)
        if state:
            put = analysis.puts(file, command)
            state = frozenset(number for number in state if self._removed[number][1].path not in put)
        for removal in analysis.removals(file, command):
            state |= {self._number(at, removal)}
        called = analysis.called(command)
        if called is not None and called.path not in self._active and len(self._active) <= _DEPTH:
            return self._through(called, state)
        return state

    def _number(self, at: _At, removal: Removal) -> int:
        key = at.file.path, at.command.start, removal.target
        if key not in self._numbers:
            self._numbers[key] = len(self._removed)
            self._removed.append((at, removal))
        return self._numbers[key]

    def _built(self, at: _At, build: Build, state: FrozenSet[int]) -> FrozenSet[int]:
        again = [number for number in sorted(state) if build.makes_again(self._removed[number][1])]
        for number in again:
            where, removal = self._removed[number]
            self.taken.append(_Taken(where, removal, at, build))
        return state - frozenset(again)
