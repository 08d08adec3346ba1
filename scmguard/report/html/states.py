"""Whether each line of the files that were run is in effect on a board."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from scmguard.boot import Boot
from scmguard.effective import EffectiveConfig, evaluate
from scmguard.effective.board import Board
from scmguard.effective.bootfiles import boot_files, cmdline_names
from scmguard.effective.config import bootloader_config
from scmguard.effective.run import Place
from scmguard.effective.worlds import FALSE, TRUE, Condition
from scmguard.parse.config_txt import Document
from scmguard.text import Source, printable

#: A file by the path that people know it by, and a line of it.
Spot = Tuple[str, int]

_APPLIES = ("no", "maybe", "yes")
_EFFECTLESS = ("word", "unknown")


class State(NamedTuple):
    """``state`` is ``on``, ``off``, ``lost`` (a later line wins) or ``maybe`` (something unknown decides).

    ``why`` says it in words where the sections above do not; ``beaten_by`` is the line that wins over it, for one that
    is not lost under the conditions in ``why``.
    """

    state: str
    why: str = ""
    beaten_by: Optional[Spot] = None


class States:
    """The lines of one boot tree on one board. What is not in here (blank lines, comments) has no state."""

    def __init__(self) -> None:
        self.lines: Dict[Spot, State] = {}
        #: Whether the lines below a section header apply: ``yes``, ``no``, or ``maybe``: something unknown decides.
        self.headers: Dict[Spot, str] = {}
        #: Why not all that could have a state has one.
        self.why_not = ""

    def add(self, config: EffectiveConfig) -> None:
        """Takes down what an evaluation made of its files; what is known already stays."""
        found = _Found(config)
        for document in config.run.documents:
            self._document(document, config, found)

    def command_line(self, source: Source, used: bool, board: Board) -> None:
        """Takes down a file with a kernel command line, of which the first line counts, and perhaps the others."""
        for line in source.lines:
            if not line.text.strip():
                continue
            state = State("on" if line.number == 1 else "maybe", "" if line.number == 1 else "if cmdline-lines=all")
            if not used:
                state = State("off", "not the command line on {}".format(board.name))
            self.lines.setdefault((source.path, line.number), state)

    def _document(self, document: Document, config: EffectiveConfig, found: "_Found") -> None:
        header: Optional[Spot] = None
        last: Optional[State] = None
        for line, statement in document.statements():
            spot = document.source.path, line.number
            if statement.kind == "header":
                header, last = spot, None
                continue
            if statement.kind in ("blank", "comment"):
                continue
            state = found.of(spot)
            if state is None and statement.key == "include":
                included = config.boot.document(statement.value)
                runs = included is None or included in config.run.documents
                state = State("on" if runs else "off")
            if statement.kind in _EFFECTLESS:
                state = State("off", "does nothing")
            elif state is None and last is not None:
                # An empty dtoverlay= leaves no trace of its own.
                state = State("off") if last.state == "off" else State("on")
            if state is None:
                continue
            if statement.kind not in _EFFECTLESS:
                last = state
                if header is not None:
                    applies = found.applies(spot) or ("no" if state.state == "off" else "yes")
                    self.headers[header] = max(self.headers.get(header, applies), applies, key=_APPLIES.index)
            self.lines.setdefault(spot, state)


class _Found:
    """What an evaluation says of lines, by their places."""

    def __init__(self, config: EffectiveConfig) -> None:
        self._worlds = config.worlds
        self._when: Dict[Spot, Condition] = {}
        self._unloaded: Dict[Spot, str] = {}
        #: The worlds in which the line wins.
        self._wins: Dict[Spot, Condition] = {}
        self._beaten_by: Dict[Spot, Spot] = {}
        for (key, port), several in config.run.settings.items():
            winners = [(when, _spot(one.place)) for when, one in config.outcome(key, port) if one is not None]
            for when, spot in winners:
                self._wins[spot] = self._worlds.either(self._wins.get(spot, FALSE), when)
            for one in several:
                spot = _spot(one.place)
                self._add(spot, one.when)
                for when, winner in winners:
                    if winner != spot and self._worlds.both(when, one.when) != FALSE:
                        self._beaten_by.setdefault(spot, winner)
        effective = {id(load) for _, load in config.loads}
        for load in config.run.loads:
            self._lasting(load.place, self._worlds.without(load.when, config.without_tree))
            if load.when != FALSE and id(load) not in effective:
                why = "there is no device tree" if config.without_tree == TRUE else load.remark or "its file is missing"
                self._unloaded[_spot(load.place)] = "not loaded: {}".format(printable(why))
        for parameter in config.run.base:
            self._lasting(parameter.place, self._worlds.without(parameter.when, config.without_tree))
        for load in config.run.loads:
            for parameter in load.parameters:
                self._lasting(parameter.place, parameter.when)
        for several in (config.run.gpio, config.run.missing_includes):
            for one in several:
                self._lasting(one.place, one.when)

    def _lasting(self, place: Place, when: Condition) -> None:
        """An effect that no later line undoes."""
        spot = _spot(place)
        self._add(spot, when)
        self._wins[spot] = self._when[spot]

    def _add(self, spot: Spot, when: Condition) -> None:
        self._when[spot] = self._worlds.either(self._when.get(spot, FALSE), when)

    def applies(self, spot: Spot) -> str:
        """Whether the line's sections apply, whatever comes of the line; empty where it left no trace."""
        when = self._when.get(spot)
        return "" if when is None else "yes" if when == TRUE else "no" if when == FALSE else "maybe"

    def of(self, spot: Spot) -> Optional[State]:
        """The line's state; None for one that left no trace."""
        when = self._when.get(spot)
        if when is None:
            return None
        if when == FALSE:
            return State("off")
        if spot in self._unloaded:
            return State("off", self._unloaded[spot])
        wins = self._worlds.both(when, self._wins.get(spot, FALSE))
        if wins == FALSE:
            return State("lost", "", self._beaten_by.get(spot))
        if wins != when and spot in self._beaten_by:
            return State("maybe", self._explain(self._worlds.without(when, wins)), self._beaten_by[spot])
        if when != TRUE:
            return State("maybe", self._explain(when))
        return State("on")

    def _explain(self, when: Condition) -> str:
        needs = ["{}={}".format(*pair) for pair in self._worlds.explain(when)]
        return printable("if {}".format(" and ".join(needs)))


def _spot(place: Place) -> Spot:
    return place.path, place.line


def states(boot: Boot, board: Board, config: EffectiveConfig, cmdlines: Sequence[str]) -> States:
    """The lines of config.txt with what it includes, and of the files that are read beside it or in its place.

    ``cmdlines`` are the names of files that may be the command line; they may be the same on all boards. Raises
    :class:`scmguard.folder.Unreadable` and :class:`scmguard.effective.worlds.TooComplex`.
    """
    found = States()
    # The EEPROM's own lines before those that it appends to config.txt: they stand in one file.
    configs: List[Optional[EffectiveConfig]] = [bootloader_config(boot, board), config]
    configs += [evaluate(boot, board, name) for name in beside(boot) if boot.document(name) is not None]
    for each in configs:
        if each is not None:
            found.add(each)
    used = {name for _, name in cmdline_names(config, boot_files(config))}
    for name in cmdlines:
        source = boot.source(name)
        if source is not None:
            found.command_line(source, name in used, board)
    return found


def beside(boot: Boot) -> Tuple[str, ...]:
    """The files that the firmware reads before config.txt or in its place, where a whole boot folder is looked at."""
    return () if boot.single else tuple(name for name in ("autoboot.txt", "tryboot.txt") if name != boot.start)
