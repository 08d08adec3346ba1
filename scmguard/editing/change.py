"""What becomes of a file when something is set or taken away: the first text that does that and nothing else."""

from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from scmguard.editing import candidates, state, verify
from scmguard.editing.cmdline_txt import Word, is_set
from scmguard.editing.sections import sections
from scmguard.editing.tree import Tree
from scmguard.editing.verify import Aim
from scmguard.editing.wish import Refused, Section, Wish
from scmguard.effective.board import BOARDS, Board
from scmguard.effective.bootfiles import boot_files, cmdline_names, command_lines
from scmguard.effective.config import EffectiveConfig, evaluate, evaluate_both
from scmguard.effective.run import Place
from scmguard.text import split


class Change(NamedTuple):
    """What became of the file: its bytes, how (``unchanged``, ``replaced``, ``appended``, ``removed``), and remarks."""

    data: bytes
    how: str
    notes: Tuple[str, ...] = ()


class Boards(NamedTuple):
    """The boards on which a wish must be fulfilled.

    ``said`` tells that somebody named them. Then nothing is changed where it is fulfilled on them, else where it is so
    on all boards: who names none may have any.
    """

    chosen: Tuple[Board, ...]
    said: bool


def set_one(tree: Tree, wish: Wish, section: Section, boards: Boards) -> Change:
    """The change that makes a wish effective in a section. Raises Refused, Unreadable, TooComplex."""
    aim = Aim(wish, False, section)
    start = tree.starts[0]
    strict = verify.concerned(aim, tree.boot, start, boards.chosen)
    if not strict:
        strict = verify.concerned(aim, tree.boot, start, tuple(BOARDS.values()))
    if not strict:
        raise Refused("{} applies to no board".format(section.header))
    data = tree.data or b""
    if wish.kind == "parameter":
        _refuse_parameter_of_overlay(tree, aim, strict)
    if tree.data is not None and verify.reached(aim, tree.boot, start, strict, not boards.said):
        return Change(data, "unchanged", _notes(tree, aim, strict))
    why: Optional[str] = None
    source = tree.source
    for candidate in candidates.to_set(source, wish, section, _winners(tree, aim, strict)):
        new = tree.having(candidate.text)
        if new == data:
            if verify.reached(aim, tree.boot, start, strict, False):
                return Change(data, "unchanged", _notes(tree, aim, strict))
            continue
        after = tree.replaced(new)
        why = verify.objections(aim, tree.boot, after, tree.starts, strict)
        if why is None:
            changed = tree._replace(data=new, boot=after)
            return Change(new, candidate.how, _notes(changed, aim, strict))
    raise Refused(why or "{} cannot be put into effect".format(wish.line))


def still_set(tree: Tree, wish: Wish, section: Section, boards: Boards) -> None:
    """Raises Refused where a wish is not fulfilled (any more)."""
    aim = Aim(wish, False, section)
    strict = verify.concerned(aim, tree.boot, tree.starts[0], boards.chosen) or tuple(BOARDS.values())
    if not verify.reached(aim, tree.boot, tree.starts[0], strict, False):
        raise Refused("{} is undone by what is set with it".format(wish.line))


def _refuse_parameter_of_overlay(tree: Tree, aim: Aim, boards: Tuple[Board, ...]) -> None:
    """A dtparam is for the base device tree. One that only an overlay knows goes with the line that loads it."""
    for board in boards:
        config = evaluate_both(tree.boot, tree.boot, board, tree.starts[0], aim.filters)[0]
        if config.overlays.base_has(aim.wish.name):
            return
        for load in config.run.loads:
            if config.overlays.has(load.resolved or load.name, aim.wish.name):
                says = "{} is no parameter of the base device tree, but of {}; set dtoverlay={},{}={}"
                name = aim.wish.name
                raise Refused(says.format(name, load.name, load.name, name, aim.wish.value))


def cmdline_in_effect(tree: Tree, data: bytes, words: List[Word], boards: Tuple[Board, ...]) -> None:
    """Raises Refused where the kernel would not get these arguments: config.txt names another file, for one."""
    after = tree.replaced(data)
    for board in boards:
        config = evaluate(after, board)
        for when, line in command_lines(config, cmdline_names(config, boot_files(config))):
            for word in words:
                if line is None or not is_set(line.arguments, word):
                    where = "there is none" if line is None else line.source.path
                    says = "{} would not be in effect on {}: the command line is another ({})"
                    if line is not None and line.source.data == data:
                        says = "{} would not be in effect on {}: what stands behind it in {} undoes it"
                    raise Refused(says.format(word.text, board.name, where) + verify.when_text(config.worlds, when))


def _notes(tree: Tree, aim: Aim, strict: Tuple[Board, ...]) -> Tuple[str, ...]:
    """Where else the section counts and the wish is not fulfilled: by other lines, which stay."""
    boards: Dict[str, List[str]] = {}
    for board, why in verify.elsewhere(aim, tree.boot, tree.starts[0], strict):
        place = "" if why.place is None else " ({}:{})".format(why.place.path, why.place.line)
        boards.setdefault(why.instead + place, []).append(board.name)
    return tuple(
        "{} is not in effect on {}: {}".format(aim.wish.line, ", ".join(names), said) for said, names in boards.items()
    )


def _winners(tree: Tree, aim: Aim, boards: Tuple[Board, ...]) -> List[int]:
    """The lines that decide now; none where one of them is in another file."""
    found: Set[int] = set()
    for board in boards:
        config = evaluate_both(tree.boot, tree.boot, board, tree.starts[0], aim.filters)[0]
        within = aim.within(config)
        places: List[Place] = []
        if aim.wish.kind == "setting":
            outcome = config.outcome(aim.wish.key, aim.wish.port or 0)
            places = [one.place for when, one in outcome if one is not None and config.worlds.both(when, within)]
        elif aim.wish.kind == "parameter":
            values = state.base_value(config, aim.wish.name)
            places = [one.place for when, one in values if one is not None and config.worlds.both(when, within)]
        if any(not _is_in(tree, place) for place in places):
            return []
        found.update(place.line for place in places)
    return sorted(found)


def _is_in(tree: Tree, place: Place) -> bool:
    return tree.boot.name_of(place.document) == tree.name


def unset_one(tree: Tree, wish: Wish, section: Optional[Section]) -> Change:
    """The change that takes away what sets something, in a section or everywhere. As :func:`set_one`."""
    aim = Aim(wish, True, section)
    data = tree.data or b""
    text = tree.source.text
    where = sections(split(text))
    wanted = None if section is None else candidates.filters(section)
    lines: Set[int] = set()
    parameters: Dict[int, Set[str]] = {}
    for board in BOARDS.values():
        config = evaluate_both(tree.boot, tree.boot, board, tree.starts[0], aim.filters)[0]
        for _, place in state.traces(config, wish):
            if _is_in(tree, place) and (wanted is None or where[place.line - 1] == wanted):
                if wish.kind == "parameter":
                    parameters.setdefault(place.line, set()).add(wish.name)
                else:
                    lines.add(place.line)
        if wish.kind == "overlay":
            for number, names in _belonging(tree, config, wish, lines).items():
                parameters.setdefault(number, set()).update(names)
    strict = tuple(BOARDS.values())
    why: Optional[str] = None
    for candidate in candidates.to_unset(text, wish, lines, parameters):
        new = tree.having(candidate.text)
        after = tree.boot if new == data else tree.replaced(new)
        why = verify.objections(aim, tree.boot, after, tree.starts, strict)
        if why is None:
            return Change(data, "unchanged") if new == data else Change(new, candidate.how)
    raise Refused(why or "{} cannot be taken away".format(wish.said))


def _belonging(tree: Tree, config: EffectiveConfig, wish: Wish, lines: Set[int]) -> Dict[int, Set[str]]:
    """The parameters on lines of their own that are given to overlays loaded by these lines."""
    found: Dict[int, Set[str]] = {}
    for load in config.run.loads:
        if not _is_in(tree, load.place) or load.place.line not in lines or not state.is_named(config, wish, load):
            continue
        for one in load.parameters:
            if _is_in(tree, one.place) and one.place.line not in lines:
                found.setdefault(one.place.line, set()).add(one.name)
    return found
