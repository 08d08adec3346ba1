"""Runs config.txt: every effect of every line, each with the worlds in which it takes place.

The state is what the firmware's would be, only that each part of it is a set of worlds: for every class of filters
the worlds in which it applies, and the overlay in scope as a :class:`Split`. ``docs/evaluation.md`` is the
specification.
"""

from itertools import chain
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple
from weakref import ReferenceType, ref

from scmguard import catalogue
from scmguard.effective.board import Board
from scmguard.effective.conditions import Conditions, Known
from scmguard.effective.lines import units
from scmguard.effective.meaning import Filter, HeaderEffect, SetEffect
from scmguard.effective.run import Assignment, Header, Load, ParameterSet, Place, Run
from scmguard.effective.worlds import FALSE, TRUE, Condition, Split, TooComplex, Worlds
from scmguard.parse.config_txt import Document, parse_overlay, parse_parameters

#: Filter classes, in the order in which state keeps them.
CLASSES = ("model", "none", "serial", "edid", "gpio", "tryboot", "expression")
_MODEL, _NONE = 0, 1
_CLASS_OF = {"board-type": _MODEL, "serial": 2, "edid": 3, "gpio": 4, "tryboot": 5, "expression": 6, "model": _MODEL}

MAX_INCLUDES = 8
#: Files run by include lines, counted each time. Files that include each other many times over are an attack.
MAX_RUNS = 256


Read = Callable[[str], Optional[Document]]


class Appendix(NamedTuple):
    """What the EEPROM adds behind config.txt: the lines of a document from one on (numbered from 1)."""

    document: Document
    first: int


class Runner:
    """Runs one file (with its includes) for one board. ``read`` gives an included file by name, or None."""

    def __init__(
        self,
        worlds: Worlds,
        board: Board,
        known: Known,
        read: Read,
        start: Document,
        appendix: Optional[Appendix] = None,
    ) -> None:
        self.worlds = worlds
        self.board = board
        self.read = read
        self.result = Run({}, [], [], [], [], [], ())
        self.start = start
        self.appendix = appendix
        self._known = known
        self._conditions: Optional[Conditions] = None
        self._classes: List[Condition] = [TRUE] * len(CLASSES)
        self._active: Condition = TRUE
        self._display: Split[int] = Split.always(worlds, 0)
        self._scope: Split[int] = Split.always(worlds, -1)
        self._headers: Dict[int, Header] = {}
        self._headers_now: Tuple[Header, ...] = ()
        self._running: List[str] = []
        self._runs = 0
        # No cycle: what one evaluation knows can be a lot, and has to go with it.
        self._other: Optional["ReferenceType[Runner]"] = None
        self._asked: Tuple[Filter, ...] = ()

    def run_with(self, other: "Runner", filters: Iterable[Filter] = ()) -> None:
        """Shares conditions with another runner in the same worlds, so that what comes of both can be compared.

        ``filters`` are others that will be asked about with :meth:`applies`. To be called before either runs.
        """
        self._other, other._other = ref(other), ref(self)
        self._asked = other._asked = tuple(filters)

    def applies(self, filter: Filter) -> Condition:
        """The worlds in which a section of that filter alone counts (``all`` for none)."""
        if filter.kind == "all":
            return TRUE
        if filter.kind == "none":
            return FALSE
        if filter.kind == "unknown" or (filter.kind == "edid" and self.board.pi5_family):
            return self.conditions.reading("unknown-filter", "ignored")
        return self.conditions.of(filter)

    @property
    def conditions(self) -> Conditions:
        """The conditions; made when the first is needed, after a look at the filters of all files in reach."""
        if self._conditions is None:
            other = None if self._other is None else self._other()
            filters = chain(self._filters(), () if other is None else other._filters(), self._asked)
            self._conditions = Conditions(self.worlds, self.board, self._known, filters)
            if other is not None:
                other._conditions = self._conditions
        return self._conditions

    def _filters(self) -> Iterator[Filter]:
        seen, todo = set(), [self.start]
        if self.appendix is not None:
            todo.append(self.appendix.document)
        while todo:
            document = todo.pop()
            if document.source.path in seen:
                continue
            seen.add(document.source.path)
            for _line, _when, found in units(document):
                for effect in found:
                    if isinstance(effect, HeaderEffect):
                        yield effect.filter
                    elif effect.key == "include":
                        included = self.read(effect.value)
                        if included is not None:
                            todo.append(included)

    def run(self) -> Run:
        """Runs the file and returns what it did."""
        self._file(self.start, TRUE)
        if self.appendix is not None:
            self._append(self.appendix)
        return self.result._replace(headers=self._headers_now)

    def _append(self, appendix: Appendix) -> None:
        """Runs the EEPROM's lines as the end of the file. Whether its filters still hold there is a reading."""
        reached = TRUE
        if self.board.pi5_family:
            reached = self.conditions.reading("eeprom-section", "appended")
        if (
            self._active != TRUE
            or any(condition != TRUE for condition in self._classes)
            or any(port for _, port in self._display)
        ):
            reset = self.worlds.both(reached, self.conditions.reading("eeprom-filters", "reset"))
            self._classes = [self.worlds.either(old, reset) for old in self._classes]
            self._display = self._display.replaced(reset, 0)
            self._apply()
        self._file(appendix.document, reached, appendix.first)

    def _file(self, document: Document, reached: Condition, first: int = 1) -> None:
        if document not in self.result.documents:
            self.result.documents.append(document)
        self._running.append(document.source.path)
        place, number = Place(document, 0, ()), -1
        for line, when, found in units(document):
            if not found or line.number < first:
                continue
            here = reached if not when else self.worlds.both(reached, self.conditions.all_of(when))
            for effect in found:
                condition = here
                if effect.when:
                    condition = self.worlds.both(here, self.conditions.all_of(effect.when))
                if condition == FALSE:
                    continue
                if isinstance(effect, HeaderEffect):
                    self._header(effect.filter, condition, Header(document.source.path, line.number, line.text.strip()))
                    continue
                condition = self.worlds.both(condition, self._active)
                if number != line.number or place.headers is not self._headers_now:
                    number, place = line.number, Place(document, line.number, self._headers_now)
                self._set(effect, condition, place)
        self._running.pop()

    # ---- headers ----------------------------------------------------------------------------------------

    def _header(self, filter: Filter, when: Condition, header: Header) -> None:
        kind = filter.kind
        if kind == "edid" and self.board.pi5_family:
            kind = "unknown"
        if kind == "all":
            self._classes = [self.worlds.either(old, when) for old in self._classes]
            self._display = self._display.replaced(when, 0)
            if when == TRUE:
                self._headers.clear()
        elif kind == "hdmi":
            self._display = self._display.replaced(when, filter.number)
            return
        elif kind == "none":
            self._classes[_NONE] = self.worlds.without(self._classes[_NONE], when)
            self._headers[_NONE] = header
        elif kind == "unknown":
            inactive = self.worlds.both(when, self.conditions.reading("unknown-filter", "inactive"))
            self._model(FALSE, inactive)
            self._headers[_MODEL] = header
        else:
            number = _CLASS_OF[kind]
            if number == _MODEL:
                self._model(self.conditions.of(filter), when)
            else:
                applies = self.conditions.of(filter)
                self._classes[number] = self.worlds.choose(when, applies, self._classes[number])
            self._headers[number] = header
        self._headers_now = tuple(self._headers.values())
        self._apply()

    def _apply(self) -> None:
        active = TRUE
        for condition in self._classes:
            active = self.worlds.both(active, condition)
        self._active = active

    def _model(self, applies: Condition, when: Condition) -> None:
        self._classes[_MODEL] = self.worlds.choose(when, applies, self._classes[_MODEL])
        if self._classes[_NONE] != TRUE:
            ended = self.worlds.both(when, self.conditions.reading("none-scope", "model"))
            self._classes[_NONE] = self.worlds.either(self._classes[_NONE], ended)

    # ---- settings ---------------------------------------------------------------------------------------

    def _set(self, effect: SetEffect, when: Condition, place: Place) -> None:
        key, value = effect.key, effect.value
        if key in ("dtoverlay", "device_tree_overlay"):
            self._overlay(value, when, place)
        elif key in ("dtparam", "device_tree_param"):
            self._parameters(value, when, place)
        elif key == "include":
            self._include(value, when, place)
        elif key == "gpio":
            self.result.gpio.append(Assignment(key, 0, value, place, when))
        elif not catalogue.has_port(key):
            self._assign(key, 0, value, place, when)
        elif effect.port is not None:
            self._assign(key, effect.port, value, place, when)
        else:
            for condition, port in self._display:
                self._assign(key, port, value, place, self.worlds.both(when, condition))

    def _assign(self, key: str, port: int, value: str, place: Place, when: Condition) -> None:
        self.result.settings.setdefault((key, port), []).append(Assignment(key, port, value, place, when))

    def _include(self, name: str, when: Condition, place: Place) -> None:
        document = self.read(name)
        if document is None:
            self.result.missing_includes.append(Assignment("include", 0, name, place, when))
            return
        if when == FALSE or document.source.path in self._running or len(self._running) > MAX_INCLUDES:
            return
        self._runs += 1
        if self._runs > MAX_RUNS:
            raise TooComplex("its include lines run more than {} files".format(MAX_RUNS))
        before = list(self._classes), self._display, self._active, dict(self._headers), self._headers_now
        self._file(document, when)
        if (self._classes, self._display.parts) == (before[0], before[1].parts):
            return
        leak = self.conditions.reading("include-filters", "leak")
        choose = self.worlds.choose
        self._classes = [choose(leak, now, old) for now, old in zip(self._classes, before[0])]
        display = before[1]
        for condition, port in self._display:
            display = display.replaced(self.worlds.both(leak, condition), port)
        self._display = display
        self._active = choose(leak, self._active, before[2])

    def _overlay(self, value: str, when: Condition, place: Place) -> None:
        name, parameters = parse_overlay(value)
        if name in ("", "none"):
            self._scope = self._scope.replaced(when, -1)
            return
        given = [ParameterSet(one.name, one.value, place, when) for one in parameters]
        self.result.loads.append(Load(name, name, "", given, place, when))
        self._scope = self._scope.replaced(when, len(self.result.loads) - 1)

    def _parameters(self, value: str, when: Condition, place: Place) -> None:
        for condition, number in self._scope:
            inside = self.worlds.both(when, condition)
            if inside == FALSE and condition != TRUE:
                continue
            for one in parse_parameters(value):
                self.result.base.append(ParameterSet(one.name, one.value, place, inside, number))
