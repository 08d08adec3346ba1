"""Rebuilds the catalogue (overlays, overlay map, base trees) from what ships with the firmware and a kernel.

    python -m scmguard.catalogue.rebuild --readme overlays/README --map overlays/overlay_map.dtb \\
        --overlays overlays --overlays . --merge --origin "raspberrypi/firmware 1.20250430"

Only names are taken over. The README's form: blocks of ``Name:``, ``Info:``, ``Load:``, ``Params:``, where a
parameter's name starts in column 9 and its description in column 33. Compiled overlays and base trees know their
parameters themselves, and often have more than the README.
"""

import argparse
import datetime
import json
import os
import re
import sys
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from scmguard import fdt

BASE = "<The base DTB>"
NAMES_FILE, MAP_FILE, TREES_FILE = "overlays.json", "overlay_map.json", "base_trees.json"
_NAMES_ORIGIN = (
    "Overlay names, their parameters, base parameters: {}. Not complete: an unknown name is unknown, not wrong. "
    "<n> and <m> stand for digits. {}."
)
_MAP_ORIGIN = (
    "Overlay map: {}. Per overlay, true or the name to load instead for a SoC, or its new name, or why it is gone; "
    "a name may have parameters behind a comma. An overlay that is not here loads under its own name everywhere; one "
    "that is here and lacks the SoC is not for it. {}."
)
_TREES_ORIGIN = "Parameters of base device trees, by file: {}. A tree of an older or newer kernel may have others. {}."
_OVERLAY_NAME = re.compile(r"[A-Za-z0-9][\w.,@+-]*", re.ASCII)
_PARAMETER = re.compile(r" {8}([A-Za-z0-9_][\w<>-]*)(?= |$)", re.ASCII)
_DESCRIPTION = 32


class Mistake(Exception):
    """Something that the user gave is missing or is not what it should be; the message says what."""


class Catalogue(NamedTuple):
    """What the files hold; ``trees`` are base trees by file name, and ``base`` what any of them, or the README, has."""

    base: Set[str]
    overlays: Dict[str, Set[str]]
    table: Dict[str, Dict[str, Any]]
    trees: Dict[str, Set[str]]


def read_readme(text: str) -> Tuple[Set[str], Dict[str, Set[str]]]:
    """The base parameters, and the overlays with theirs, that an overlays README describes."""
    overlays: Dict[str, Set[str]] = {}
    base: Set[str] = set()
    block: Optional[Set[str]] = None
    in_parameters = in_prose = False
    for line in text.splitlines():
        key, colon, rest = line.partition(":")
        if colon and key == "Name":
            name = rest.strip()
            block = base if name == BASE else overlays.setdefault(name, set()) if _is_name(name) else None
            in_parameters = False
        elif colon and key == "Params":
            in_parameters, in_prose = True, False
            line = line.replace("Params:", " " * 7, 1)
        elif line[:1].strip():
            in_parameters = False
        if not in_parameters or block is None:
            continue
        found = _parameter(line)
        if found and not (in_prose and line.strip() == found):
            block.add(found)
            in_prose = False
        elif line[:_DESCRIPTION].strip():
            in_prose = True  # running text, whose last line may be a single word
        elif not line.strip():
            in_prose = False
    return base, overlays


def _is_name(name: str) -> bool:
    return _OVERLAY_NAME.fullmatch(name) is not None


def _parameter(line: str) -> Optional[str]:
    """The name that a line starts with, alone or before a description: two spaces on, or in the column for it."""
    match = _PARAMETER.match(line)
    if match is None:
        return None
    rest = line[match.end() :]
    column = len(line) - len(rest.lstrip())
    return match.group(1) if not rest.strip() or rest.startswith("  ") or column >= _DESCRIPTION else None


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise Mistake("{}: {}".format(path, error.strerror)) from None


def _tree(path: str) -> fdt.Node:
    try:
        return fdt.parse(_bytes(path))
    except fdt.FdtError as error:
        raise Mistake("{}: {}".format(path, error)) from None


def _add_compiled(folder: str, overlays: Dict[str, Set[str]], trees: Dict[str, Set[str]]) -> None:
    """Adds what the overlays and base trees of a folder have; trees without parameters (maps, for one) add nothing."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise Mistake("{}: {}".format(folder, error.strerror)) from None
    if not any(name.endswith((".dtb", ".dtbo")) for name in names):
        raise Mistake("{}: no .dtbo or .dtb files in it".format(folder))
    for name in names:
        stem, ending = os.path.splitext(name)
        if ending == ".dtbo":
            overlays.setdefault(stem, set()).update(fdt.parameters(_tree(os.path.join(folder, name))))
        elif ending == ".dtb":
            found = set(fdt.base_parameters(_tree(os.path.join(folder, name))))
            if found:
                trees.setdefault(name, set()).update(found)


def build(readme: str, table: str, folders: List[str]) -> Catalogue:
    """The catalogue that a README, an overlay map and folders with compiled trees make."""
    base, overlays = read_readme(_bytes(readme).decode("utf-8", "replace"))
    if not overlays:
        raise Mistake("{}: no README of overlays, nothing in it starts with 'Name:'".format(readme))
    trees: Dict[str, Set[str]] = {}
    for folder in folders:
        _add_compiled(folder, overlays, trees)
    base.update(*trees.values())
    found = fdt.overlay_map(_tree(table))
    if not any(found.values()):
        raise Mistake("{}: a device tree, but no overlay map".format(table))
    return Catalogue(base, overlays, found, trees)


def present(folder: str) -> Catalogue:
    """The catalogue in a folder."""
    paths = [os.path.join(folder, name) for name in (NAMES_FILE, MAP_FILE, TREES_FILE)]
    try:
        names, table, trees = [json.loads(_bytes(path).decode("utf-8")) for path in paths]
        return Catalogue(set(names["base"]), _sets(names["overlays"]), dict(table["map"]), _sets(trees["trees"]))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Mistake(
            "{}: {}, {} and {} there are no catalogue".format(folder, *map(os.path.basename, paths))
        ) from None


def _sets(lists: Dict[str, List[str]]) -> Dict[str, Set[str]]:
    return {name: set(own) for name, own in lists.items()}


def _union(old: Dict[str, Set[str]], new: Dict[str, Set[str]]) -> Dict[str, Set[str]]:
    return {name: old.get(name, set()) | new.get(name, set()) for name in old.keys() | new.keys()}


def merged(old: Catalogue, new: Catalogue) -> Catalogue:
    """All names of both. Of the map, a row of ``new`` is taken as it is: it is the later word on that overlay."""
    table = {**old.table, **new.table}
    return Catalogue(old.base | new.base, _union(old.overlays, new.overlays), table, _union(old.trees, new.trees))


def names_text(found: Catalogue, origin: str) -> str:
    """``overlays.json``: one overlay a line, all in order."""
    return '{{\n "origin": {},\n "base": {},\n "overlays": {{\n {}\n }}\n}}\n'.format(
        json.dumps(origin), json.dumps(sorted(found.base)), _lines(found.overlays)
    )


def trees_text(found: Catalogue, origin: str) -> str:
    """``base_trees.json``: one tree a line, all in order."""
    return '{{\n "origin": {},\n "trees": {{\n {}\n }}\n}}\n'.format(json.dumps(origin), _lines(found.trees))


def _lines(names: Dict[str, Set[str]]) -> str:
    return ",\n ".join(
        " {}: {}".format(json.dumps(name), json.dumps(sorted(own))) for name, own in sorted(names.items())
    )


_FIRST = {"bcm2835": 0, "bcm2711": 1, "bcm2712": 2}


def map_text(found: Catalogue, origin: str) -> str:
    """``overlay_map.json``: one overlay a line, all in order, SoCs in the order of their age."""
    lines = []
    for name, row in sorted(found.table.items()):
        keys = sorted(row, key=lambda key: (_FIRST.get(key, len(_FIRST)), key))
        lines.append(" {}: {}".format(json.dumps(name), json.dumps({key: row[key] for key in keys})))
    return '{{\n "origin": {},\n "map": {{\n {}\n }}\n}}\n'.format(json.dumps(origin), ",\n ".join(lines))


def differences(old: Catalogue, new: Catalogue) -> Iterator[str]:
    """What ``new`` has otherwise than ``old``, a line each."""
    yield from _changed("base", old.base, new.base)
    yield from _changed("overlays", set(old.overlays), set(new.overlays))
    yield from _changed("base trees", set(old.trees), set(new.trees))
    for was, now in ((old.overlays, new.overlays), (old.trees, new.trees)):
        for name in sorted(was.keys() & now.keys()):
            yield from _changed(name, was[name], now[name])
    for name in sorted(old.table.keys() | new.table.keys()):
        rows = [json.dumps(one.table[name], sort_keys=True) if name in one.table else "nothing" for one in (old, new)]
        if rows[0] != rows[1]:
            yield "map: {}: {} -> {}".format(name, *rows)


def _changed(what: str, old: Set[str], new: Set[str]) -> Iterator[str]:
    for word, names in (("new", new - old), ("gone", old - new)):
        if names:
            yield "{}: {}: {}".format(what, word, ", ".join(sorted(names)))


def _size(found: Catalogue) -> str:
    own = sum(len(own) for own in found.overlays.values())
    counts = (len(found.overlays), own, len(found.base), len(found.table))
    return "{} overlays with {} parameters, {} base parameters, {} rows in the map".format(*counts)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scmguard.catalogue.rebuild",
        description="Rebuild the catalogue of overlays from what ships with the firmware and a kernel.",
    )
    parser.add_argument("--readme", required=True, metavar="FILE", help="the overlays README")
    parser.add_argument("--map", required=True, metavar="FILE", help="overlay_map.dtb")
    parser.add_argument(
        "--overlays", action="append", default=[], metavar="DIR", help="folder with .dtbo or .dtb files; repeatable"
    )
    parser.add_argument("--origin", metavar="TEXT", help="where all that is from, with version; needed to write")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="default: today")
    parser.add_argument("--output", default=os.path.dirname(os.path.abspath(__file__)), metavar="DIR")
    parser.add_argument("--merge", action="store_true", help="keep every name that the catalogue in --output has")
    parser.add_argument("--check", action="store_true", help="write nothing; print what differs, exit 1 if anything")
    return parser


def main(arguments: Optional[List[str]] = None) -> int:
    """Exit status: 0, 1 where ``--check`` found differences, 2 for a mistake of the user's."""
    parser = _arguments()
    options = parser.parse_args(arguments)
    if not options.check and not (options.origin or "").strip():
        parser.error("--origin is needed: where the files are from, with version")
    try:
        new = build(options.readme, options.map, options.overlays)
        old = present(options.output) if options.merge or options.check else None
        if old is not None and options.merge:
            new = merged(old, new)
        if old is not None and options.check:
            lines = list(differences(old, new))
            print("\n".join([*lines, _size(old), "-> " + _size(new)]))
            return 1 if lines else 0
        for name, text in (
            (NAMES_FILE, names_text(new, _NAMES_ORIGIN.format(options.origin.strip(), options.date))),
            (MAP_FILE, map_text(new, _MAP_ORIGIN.format(options.origin.strip(), options.date))),
            (TREES_FILE, trees_text(new, _TREES_ORIGIN.format(options.origin.strip(), options.date))),
        ):
            _write(os.path.join(options.output, name), text)
        print(_size(new))
    except Mistake as error:
        print("{}: {}".format(parser.prog, error), file=sys.stderr)
        return 2
    return 0


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        raise Mistake("{}: {}".format(path, error.strerror)) from None


if __name__ == "__main__":
    sys.exit(main())
