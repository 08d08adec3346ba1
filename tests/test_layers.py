"""Data flows one way: a module imports only from rooms above its own."""

import ast
import os
import re
from typing import Dict, Iterator, List, Tuple

import scmguard
from tests.places import TOP

HERE = os.path.dirname(scmguard.__file__)

# From the top down. A room may import what stands above it, and itself.
ROOMS = [
    ("__init__",),
    (
        "errors", "text", "tree", "assets", "memo", "meant",
        "fdt", "fdt_writer", "elf", "elf_writer", "programs", "atomic",
    ),
    ("folder", "lines"),
    ("digest",),
    ("parse",),
    ("catalogue",),
    ("boot",),
    ("initrd",),
    ("kernelimage", "example_files"),
    ("inputs",),
    ("rootfs",),
    ("packages",),
    ("initramfs",),
    ("effective",),
    ("repository",),
    ("editing",),
    ("device",),
    ("finding",),
    ("checks",),
    ("rulefile",),
    ("rulebook",),
    ("lint", "settings", "compiled", "waivers", "worse", "baseline", "survey"),
    ("fixes",),
    ("templated",),
    ("seal",),
    ("gate",),
    ("examples", "report"),
    ("cli",),
    ("__main__",),
]  # fmt: skip
LEVEL: Dict[str, int] = {room: number for number, rooms in enumerate(ROOMS) for room in rooms}
# What starts processes: questions to programs, decompressors without a library, packages' archives, git, and the editor
# that somebody asks for.
MAY_START = ("programs", "initrd.child", "packages.archive", "inputs.gitprocess", "editing.editor")
ONLY_IN = {"lark": "parse.tables", "ruamel": "rulefile", "click": "cli"}


def modules() -> Iterator[Tuple[str, ast.Module]]:
    for folder, _, names in os.walk(HERE):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as stream:
                    tree = ast.parse(stream.read())
                module = os.path.relpath(path, HERE)[:-3].replace(os.sep, ".")
                yield (module[: -len(".__init__")] if module.endswith(".__init__") else module), tree


def imports(tree: ast.Module) -> List[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            found += ["{}.{}".format(node.module, alias.name) for alias in node.names]
    return found


def room(module: str) -> str:
    return module.split(".")[0]


def test_every_room_is_told_of_once() -> None:
    with open(os.path.join(TOP, "CONTRIBUTING.md"), encoding="utf-8") as stream:
        rows = re.findall(r"^\| (`[^|]*) \| ([^|]*)", stream.read(), re.M)
    told = [name.strip("/") for head, what in rows for name in re.findall(r"`([a-z_]+/?)`", head)]
    aside = [name for head, what in rows for name in re.findall(r"`([a-z_]+_writer)`", what)]
    assert sorted(told + aside) == sorted(set(LEVEL) - {"__init__", "__main__"})


def test_every_room_has_its_place() -> None:
    assert {room(module) for module, _ in modules()} == set(LEVEL)


def test_modules_import_only_from_above() -> None:
    wrong = [
        "{} imports {}".format(module, name)
        for module, tree in modules()
        for name in imports(tree)
        if name.startswith("scmguard.") and name != "scmguard.__version__"
        if LEVEL.get(room(name[len("scmguard.") :]), 99) > LEVEL[room(module)]
        or (
            LEVEL.get(room(name[len("scmguard.") :])) == LEVEL[room(module)]
            and room(name[len("scmguard.") :]) != room(module)
        )
    ]
    assert wrong == []


def test_libraries_are_imported_in_one_room() -> None:
    wrong = [
        "{} imports {}".format(module, name)
        for module, tree in modules()
        for name in imports(tree)
        if name.split(".")[0] in ONLY_IN and not module.startswith(ONLY_IN[name.split(".")[0]])
    ]
    assert wrong == []


def test_nothing_is_imported_that_could_run_data() -> None:
    wrong = [
        "{} imports {}".format(module, name)
        for module, tree in modules()
        for name in imports(tree)
        if name.split(".")[0] in ("pickle", "marshal", "shelve", "subprocess", "socket", "urllib", "http")
        and not (name == "subprocess" and module in MAY_START)
    ]
    assert wrong == []
