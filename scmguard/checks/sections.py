"""Sections and scopes: lines that apply elsewhere than they seem to."""

from itertools import groupby
from typing import Dict, Iterator, List, Optional, Tuple

from scmguard import catalogue
from scmguard.checks.base import Context, Hit, Params, hit_at, span_of
from scmguard.effective.overlays import Overlays
from scmguard.effective.run import Assignment, Load, Place
from scmguard.effective.worlds import FALSE, TRUE
from scmguard.finding import Related
from scmguard.text import Span

# More lines than that, set over and over, are one finding.
_MOST_BEATEN = 5


def _inert_places(context: Context) -> List[Place]:
    """Places of settings that no world makes effective, in the order of the files."""
    run = context.config.run
    places = [one.place for several in run.settings.values() for one in several if one.when == FALSE]
    places += [load.place for load in run.loads if load.when == FALSE]
    places += [one.place for one in run.base + run.gpio if one.when == FALSE]
    order = {document: number for number, document in enumerate(run.documents)}
    unique = {(order[place.document], place.line): place for place in places}
    return [unique[key] for key in sorted(unique)]


def inert_setting(context: Context, _params: Params) -> Iterator[Hit]:
    """Sections of which nothing applies on the board, and settings that are always beaten by a later line."""
    board = context.config.board.name

    def section(place: Place) -> Tuple[object, object]:
        return place.document, place.headers

    for _, group in groupby(_inert_places(context), section):
        places = list(group)
        first = places[0]
        if not first.headers or any(header.text == "[none]" for header in first.headers):
            continue
        names = " ".join(header.text for header in first.headers)
        lines = "this line has" if len(places) == 1 else "these {} lines have".format(len(places))
        message = "{} no effect on {}: under {} (line {})".format(lines, board, names, first.headers[-1].line)
        source = first.document.source
        start = span_of(first)
        end = span_of(places[-1])
        yield Hit(source, Span(start.path, start.line, start.column, end.line, end.end_column), message)
    yield from _beaten(context)


def _beaten(context: Context) -> Iterator[Hit]:
    config = context.config
    for (key, _port), several in config.run.settings.items():
        effective = [one for one in several if one.when != FALSE]
        if len(effective) < 2:
            continue
        winner, later = effective[-1], FALSE
        beaten: List[Assignment] = []
        for one in reversed(effective):
            if later != FALSE and one.value != winner.value and config.worlds.without(one.when, later) == FALSE:
                beaten.append(one)
            later = config.worlds.either(later, one.when)
        beaten.reverse()
        related = [Related(span_of(winner.place), "a later line replaces it: {}={}".format(key, winner.value))]
        if len(beaten) > _MOST_BEATEN:
            first = beaten[0]
            message = "{}={} never takes effect, nor do {} other lines that set it".format(
                key, first.value, len(beaten) - 1
            )
            yield hit_at(first.place, message, first.when, related)
            continue
        for one in beaten:
            yield hit_at(one.place, "{}={} never takes effect".format(key, one.value), one.when, related)


def ends_inside_filter(context: Context, _params: Params) -> Iterator[Hit]:
    """The file ends under a filter, so that a line appended to it counts only there."""
    headers = [header for header in context.config.run.headers if header.path == context.config.start.source.path]
    if headers:
        names = " ".join(header.text for header in headers)
        last = headers[-1]
        source = context.config.start.source
        span = Span(last.path, last.line, 1, last.line, 1 + len(source.line_text(last.line).rstrip()))
        yield Hit(
            source,
            span,
            "the file ends inside {}: a line appended to it counts only there".format(names),
            boardless=True,
        )


class _Owners:
    """Which overlay has a parameter of some name; every load is looked at once for each name."""

    def __init__(self, loads: List[Load], overlays: Overlays) -> None:
        self._loads = loads
        self._overlays = overlays
        self._found: Dict[str, Tuple[int, Optional[Load]]] = {}

    def before(self, number: int, parameter: str) -> Optional[Load]:
        """The last effective load before ``number`` that has the parameter. Numbers must not fall for a parameter."""
        start, found = self._found.get(parameter, (0, None))
        for load in self._loads[start:number]:
            if load.when != FALSE and self._overlays.has(load.resolved or load.name, parameter):
                found = load
        self._found[parameter] = max(start, number), found
        return found


def dtparam_out_of_scope(context: Context, _params: Params) -> Iterator[Hit]:
    """dtparam lines whose parameter goes elsewhere than to what it is made for."""
    run = context.config.run
    overlays = context.config.overlays
    owners = _Owners(run.loads, overlays)
    for one in run.base:
        if one.when == FALSE or one.scope < 0 or overlays.base_has(one.name):
            continue
        scope = run.loads[one.scope]
        owner = owners.before(one.scope, one.name)
        if owner is not None:
            message = "{} is a parameter of {}, but {} is the overlay in scope: it does nothing here".format(
                one.name, owner.name, scope.name
            )
            related = [
                Related(span_of(owner.place), "{} is loaded here".format(owner.name)),
                Related(span_of(scope.place), "from here on, parameters go to {}".format(scope.name)),
            ]
            yield hit_at(one.place, message, one.when, related)
    for load in run.loads:
        for one in load.parameters:
            if one.when != FALSE and one.scope >= 0 and overlays.base_has(one.name):
                message = "{0}={1} goes to the overlay {2}, which is in scope; {0} of the board stays as it is".format(
                    one.name, one.value, load.name
                )
                related = [Related(span_of(load.place), "{} is loaded here".format(load.name))]
                yield hit_at(one.place, message, one.when, related, "hygiene")


def _set_aside(place: Place) -> bool:
    """Whether ``[none]`` alone holds a line back."""
    texts = [header.text.partition("]")[0].strip("[ \t").lower() for header in place.headers]
    return bool(texts) and all(text == "none" for text in texts)


def display_setting_under_none(context: Context, _params: Params) -> Iterator[Hit]:
    """HDMI settings under ``[none]``: such a section was seen not to hold them back (raspberrypi/firmware#1296).

    Boards of the Pi 5 family have no such settings.
    """
    if context.config.board.pi5_family:
        return
    places: Dict[Tuple[str, int], Tuple[Place, List[str]]] = {}
    for (key, _port), several in context.config.run.settings.items():
        if not (key.startswith("hdmi_") or catalogue.has_port(key)):
            continue
        for one in several:
            if one.when == FALSE and _set_aside(one.place):
                header = one.place.headers[0]
                first, keys = places.setdefault((header.path, header.line), (one.place, []))
                if key not in keys:
                    keys.append(key)
                if (one.place.path, one.place.line) < (first.path, first.line):
                    places[header.path, header.line] = one.place, keys
    for place, keys in places.values():
        more = " and {} more".format(len(keys) - 1) if len(keys) > 1 else ""
        message = "{}{} may apply all the same: firmware was seen that ignores [none] for HDMI settings".format(
            keys[0], more
        )
        yield hit_at(place, message, TRUE)
