"""What ``diff`` prints: what changed in effect, as text and as data."""

import difflib
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from scmguard.effective.bootfiles import joined
from scmguard.effective.difference import Difference
from scmguard.effective.worlds import TRUE
from scmguard.finding import Finding
from scmguard.report.json_report import finding_data
from scmguard.text import printable, shortened

SCHEMA = 1

_TITLES = {
    "base-parameters": "parameters of the base device tree",
    "cmdline": "command line",
    "usb": "usb controller",
    "storage": "SD/eMMC controller",
    "boot.img": "boot.img",
}


# So many arguments in a row nobody adds one by one.
_PROSE = 8


class BoardDiff(NamedTuple):
    """What differs on a board; ``unknown`` says why that could not be worked out, and is empty where it could."""

    board: str
    differences: Sequence[Difference]
    unknown: str = ""


class TreeDiff(NamedTuple):
    """What differs between two states of a boot tree.

    ``path`` is empty for a tree that was named itself. ``state`` is ``changed``, ``new`` or ``gone``; of a new tree all
    findings are new, of one that is gone none is left. ``files`` are names of text files that are not the same. ``new``
    are findings that the old state does not have, ``gone`` those that the new one does not; ``worse`` tells whether one
    of the new ones reaches the threshold.
    """

    path: str
    state: str
    files: Sequence[str]
    boards: Sequence[BoardDiff]
    new: Sequence[Finding]
    gone: Sequence[Finding]
    worse: bool


def text(trees: Iterable[TreeDiff]) -> Iterator[str]:
    """The comparison for people."""
    for number, tree in enumerate(trees):
        if tree.path:
            yield "{}{}\n".format("\n" if number else "", printable(tree.path))
        yield from _tree(tree)


def _tree(tree: TreeDiff) -> Iterator[str]:
    if tree.state != "changed":
        yield "this boot tree is {}\n".format(tree.state)
    for boards, lines, unknown in _alike(tree.boards):
        names = ", ".join(boards)
        if unknown:
            yield "on {} it could not be worked out what changes: {}\n".format(names, printable(unknown))
        elif lines:
            yield "in effect on {}:\n".format(names)
            yield from ("  {}\n".format(line) for line in lines)
        else:
            but = ""
            if tree.files:
                but = " (different in {}, but not in what it means)".format(", ".join(map(printable, tree.files)))
            yield "nothing changes in effect on {}{}\n".format(names, but)
    for title, findings in (("new", tree.new), ("gone", tree.gone)):
        if findings:
            yield "findings that are {}:\n".format(title)
        for finding in findings:
            place = "{}:{}".format(finding.span.path, finding.span.line) if finding.span.line else finding.span.path
            possible = " (possible)" if finding.confidence == "possible" else ""
            says = "{}{}[{}]: {}".format(finding.severity, possible, finding.rule, finding.message)
            yield "  {} {}: {}\n".format("+" if title == "new" else "-", printable(place), printable(says))


def _alike(boards: Iterable[BoardDiff]) -> "List[Tuple[List[str], Tuple[str, ...], str]]":
    """Boards on which the same changes, together."""
    found: Dict[Tuple[Tuple[str, ...], str], List[str]] = {}
    for one in boards:
        lines = tuple(line for difference in _ordered(one.differences) for line in _lines(difference))
        found.setdefault((lines, one.unknown), []).append(one.board)
    return [(names, lines, unknown) for (lines, unknown), names in found.items()]


def _ordered(differences: Sequence[Difference]) -> List[Difference]:
    """What is sure to change before what may change."""
    return sorted(differences, key=lambda one: one.when != TRUE)


def _lines(one: Difference) -> Iterator[str]:
    when, only = _when(one)
    words = "only if" if only else "among others if"
    condition = "" if not when else "   ({} {})".format(words, printable(" and ".join(when)))
    title = _title(one)
    if one.kind in ("overlays", "base-parameters", "gpio") or (
        one.kind == "cmdline" and one.old is not None and one.new is not None
    ):
        yield "{}{}".format(title, condition)
        # Of what counts in its order, what stands between changes tells where they are.
        with_others = one.kind != "cmdline"
        yield from ("  " + line for line in _changed(_shown_list(one.old), _shown_list(one.new), with_others))
        return
    yield "{}: {} -> {}{}".format(title, _shown(one, one.old), _shown(one, one.new), condition)


def _title(one: Difference) -> str:
    title = _TITLES.get(one.kind, one.kind)
    if one.kind == "setting":
        title = printable(one.name)
    elif one.kind == "boot-file":
        title = "{} file".format(one.name)
    return title if one.file == "config.txt" else "{}: {}".format(printable(one.file), title)


def _changed(old: List[str], new: List[str], with_others: bool) -> Iterator[str]:
    for tag, start, end, first, last in difflib.SequenceMatcher(None, old, new, False).get_opcodes():
        if tag == "equal":
            yield from ("  " + item for item in old[start:end] if with_others)
        else:
            yield from _signed("-", old[start:end], with_others)
            yield from _signed("+", new[first:last], with_others)


def _signed(sign: str, items: List[str], always: bool) -> Iterator[str]:
    """Lines that came or went. Of a command line many in a row are prose: a comment that may or may not count."""
    if always or len(items) <= _PROSE:
        yield from ("{} {}".format(sign, item) for item in items)
    else:
        yield "{} {} ({} arguments)".format(sign, shortened(" ".join(items), 120), len(items))


def _shown_list(value: Any) -> List[str]:
    return [printable(_item(one)) for one in value]


def _item(one: Any) -> str:
    if isinstance(one, str):
        return one
    name, given = one
    if isinstance(given, str):
        return "{}={}".format(name, given)
    return ",".join([name, *("{}={}".format(*pair) for pair in given)])


def _shown(one: Difference, value: Any) -> str:
    if one.kind == "usb":
        return printable(" ".join(filter(None, value)))
    if one.kind == "storage":
        return "on" if value else "off"
    if one.kind == "boot.img":
        return "counts alone" if value else "does not count"
    if value is None:
        return "no file" if one.kind == "cmdline" else "not set"
    if one.kind == "cmdline":
        return printable(" ".join(value)) or "empty"
    if one.kind == "boot-file":
        return printable(joined(one.name, value)) or "none"
    return printable(value) or "empty"


def _when(one: Difference) -> Tuple[List[str], bool]:
    """The fewest conditions and readings under which it is so, and whether it is so under no others."""
    values, only = one.explain()
    return ["{}={}".format(*pair) for pair in values], only


def data(
    trees: Iterable[TreeDiff], version: str, profile: str, sides: Tuple[str, str], errors: Sequence[Dict[str, str]]
) -> Dict[str, Any]:
    """The comparison as ``schema/diff-1.json`` has it."""
    listed = list(trees)
    return {
        "schema": SCHEMA,
        "tool": {"name": "scmguard", "version": version},
        "profile": profile,
        "old": printable(sides[0]),
        "new": printable(sides[1]),
        "trees": [_tree_data(tree) for tree in listed],
        "errors": [{key: printable(value) for key, value in error.items()} for error in errors],
        "worse": any(tree.worse for tree in listed),
    }


def _tree_data(tree: TreeDiff) -> Dict[str, Any]:
    return {
        "path": printable(tree.path),
        "state": tree.state,
        "files": [printable(name) for name in tree.files],
        "boards": [
            {
                "board": one.board,
                "differences": [_difference_data(each) for each in one.differences],
                "unknown": printable(one.unknown) or None,
            }
            for one in tree.boards
        ],
        "findings": {
            "new": [finding_data(finding) for finding in tree.new],
            "gone": [finding_data(finding) for finding in tree.gone],
        },
        "worse": tree.worse,
    }


def _difference_data(one: Difference) -> Dict[str, Any]:
    when, only = _when(one)
    return {
        "file": printable(one.file),
        "kind": one.kind,
        "name": printable(one.name) or None,
        "old": _value(one.old),
        "new": _value(one.new),
        "when": [printable(each) for each in when],
        "only": only,
    }


def _value(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], tuple):
            return {"name": printable(value[0]), "params": [[printable(part) for part in pair] for pair in value[1]]}
        return [_value(one) for one in value]
    if isinstance(value, str):
        return printable(value)
    found: Optional[bool] = value
    return found
