"""The catalogue rebuilt from a README, an overlay map and compiled trees."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from scmguard import fdt_writer as writer
from scmguard.catalogue import rebuild
from scmguard.fdt_writer import Tree
from tests.places import TOP

README = """About this folder
=================

Name is a word that may start a line of text. Params too.


Name:   <The base DTB>
Info:   What is on the board itself
Load:   <by itself>
Params:
        sound                   Makes noise (default "off")

        lamp_gpio
        lamp_low
                                Both are about the lamp, see
                                below

        N.B. Nobody needs more than one lamp or
        sound
        of any kind, say most.


Name:   lamp
Info:   A lamp, or in other words: a
        light
Load:   dtoverlay=lamp,<param>=<val>
Params: colour                  Red, green, or
                                blue
        a-name-that-fills-a-lot One space and then the text
        spi<n>-<m>              Where it is (n and m are numbers)

        2lamps                  Is a name as well

        Examples:
        dtoverlay=lamp,colour=red
        is a way to have it
        red

        bright  Too near, but understood


[ The candle overlay was blown out. See lamp. ]

        not-a-parameter         It stands below no overlay


Name:   fan
Info:   A fan
Load:   dtoverlay=fan
Params: <None>


Name:   mirror-2
Info:   Was renamed
Load:   <Deprecated>


Name:   two words
Params: lost                    Is no overlay's


Troubleshooting
===============

        advice                  Look at lamp
"""
LAMP = {"colour", "a-name-that-fills-a-lot", "spi<n>-<m>", "2lamps", "bright"}
TABLE = Tree(
    "",
    (),
    (
        Tree("lamp", (("bcm2712", b"lamp-5\0"), ("bcm2711", b""), ("bcm2835", b""))),
        Tree("candle", (("deprecated", b'use "lamp"\0'),)),
        Tree("mirror", (("renamed", b"mirror-2,small\0"),)),
    ),
)
NAMES_JSON = """{
 "origin": "ORIGIN",
 "base": ["lamp_gpio", "lamp_low", "sound"],
 "overlays": {
  "fan": [],
  "lamp": ["2lamps", "a-name-that-fills-a-lot", "bright", "colour", "spi<n>-<m>"],
  "mirror-2": []
 }
}
"""
MAP_JSON = """{
 "origin": "ORIGIN",
 "map": {
  "candle": {"deprecated": "use \\"lamp\\""},
  "lamp": {"bcm2835": true, "bcm2711": true, "bcm2712": "lamp-5"},
  "mirror": {"renamed": "mirror-2,small"}
 }
}
"""


def with_overrides(*names: str) -> bytes:
    return writer.blob(Tree("", (), (Tree("__overrides__", tuple((name, b"") for name in names)),)))


@pytest.fixture
def given(tmp_path: Path) -> List[str]:
    """Arguments with which a rebuild in ``out`` succeeds."""
    (tmp_path / "README").write_text(README)
    (tmp_path / "map.dtb").write_bytes(writer.blob(TABLE))
    for name in ("out", "overlays"):
        (tmp_path / name).mkdir()
    (tmp_path / "overlays" / "fan.dtbo").write_bytes(with_overrides("speed", "temp"))
    (tmp_path / "overlays" / "sail.dtbo").write_bytes(with_overrides())
    (tmp_path / "overlays" / "board.dtb").write_bytes(with_overrides("i2c0", "sound"))
    (tmp_path / "overlays" / "overlay_map.dtb").write_bytes(writer.blob(TABLE))
    (tmp_path / "overlays" / "README").write_text(README)
    arguments = [
        "--readme",
        "README",
        "--map",
        "map.dtb",
        "--output",
        "out",
        "--origin",
        "here",
        "--date",
        "2026-01-02",
    ]
    return [str(tmp_path / one) if one in ("README", "map.dtb", "out") else one for one in arguments]


def files(folder: Path) -> Dict[str, Any]:
    return {name: json.loads((folder / name).read_text()) for name in sorted(os.listdir(folder))}


def test_readme() -> None:
    assert rebuild.read_readme(README) == (
        {"sound", "lamp_gpio", "lamp_low"},
        {"lamp": LAMP, "fan": set(), "mirror-2": set()},
    )
    assert rebuild.read_readme(README.replace("\n", "\r\n")) == rebuild.read_readme(README)
    assert rebuild.read_readme("") == (set(), {})


def test_files(given: List[str], tmp_path: Path, capsys: Any) -> None:
    assert rebuild.main(given) == 0
    for name, expected in (("overlays.json", NAMES_JSON), ("overlay_map.json", MAP_JSON)):
        text = (tmp_path / "out" / name).read_text()
        origin = json.loads(text)["origin"]
        assert ": here. " in origin and origin.endswith(" 2026-01-02.")
        assert text.replace(json.dumps(origin), '"ORIGIN"') == expected
    assert capsys.readouterr().out == "3 overlays with 5 parameters, 3 base parameters, 3 rows in the map\n"
    assert files(tmp_path / "out")["base_trees.json"]["trees"] == {}


def test_base_trees_are_kept_by_file(given: List[str], tmp_path: Path) -> None:
    assert rebuild.main([*given, "--overlays", str(tmp_path / "overlays")]) == 0
    (tmp_path / "overlays" / "board.dtb").write_bytes(with_overrides("lamp9"))
    assert files(tmp_path / "out")["base_trees.json"]["trees"] == {"board.dtb": ["i2c0", "i2c_arm", "sound"]}
    assert rebuild.main([*given, "--merge", "--overlays", str(tmp_path / "overlays")]) == 0
    found = files(tmp_path / "out")
    assert found["base_trees.json"]["trees"] == {"board.dtb": ["i2c0", "i2c_arm", "lamp9", "sound"]}
    assert set(found["overlays.json"]["base"]) >= {"i2c0", "lamp9", "sound", "lamp_gpio"}


def test_compiled_trees_add_what_they_have(given: List[str], tmp_path: Path) -> None:
    assert rebuild.main([*given, "--overlays", str(tmp_path / "overlays")]) == 0
    found = files(tmp_path / "out")["overlays.json"]
    assert found["overlays"]["fan"] == ["speed", "temp"] and found["overlays"]["sail"] == []
    assert set(found["overlays"]) == {"fan", "lamp", "mirror-2", "sail"}
    assert found["base"] == ["i2c0", "i2c_arm", "lamp_gpio", "lamp_low", "sound"]


def test_merging_loses_no_name(given: List[str], tmp_path: Path) -> None:
    assert rebuild.main(given) == 0
    (tmp_path / "README").write_text(
        "Name:   lamp\nParams: dim                     Less\n"
        "Name:   <The base DTB>\nParams: door                    Shut\n"
    )
    rows = (Tree("lamp", (("bcm2712", b""),)), Tree("door", (("bcm2711", b""),)))
    (tmp_path / "map.dtb").write_bytes(writer.blob(Tree("", (), rows)))
    assert rebuild.main([*given, "--merge"]) == 0
    found = files(tmp_path / "out")
    assert found["overlays.json"]["base"] == ["door", "lamp_gpio", "lamp_low", "sound"]
    assert found["overlays.json"]["overlays"] == {"fan": [], "lamp": sorted(LAMP | {"dim"}), "mirror-2": []}
    table = found["overlay_map.json"]["map"]
    assert table["lamp"] == {"bcm2712": True} and set(table) == {"candle", "door", "lamp", "mirror"}
    assert rebuild.main(given) == 0
    assert files(tmp_path / "out")["overlays.json"]["overlays"] == {"lamp": ["dim"]}


def test_check_writes_nothing_and_says_what_differs(given: List[str], tmp_path: Path, capsys: Any) -> None:
    assert rebuild.main(given) == 0
    check = [one for one in given if one not in ("--origin", "here")] + ["--check"]
    capsys.readouterr()
    assert rebuild.main(check) == 0
    size = "3 overlays with 5 parameters, 3 base parameters, 3 rows in the map\n"
    assert capsys.readouterr().out == size + "-> " + size
    before = files(tmp_path / "out")
    (tmp_path / "README").write_text(README.replace("colour ", "color  ").replace("   fan", "   van"))
    rows = (*TABLE.children[:1], Tree("mirror", (("bcm2711", b""),)))
    (tmp_path / "map.dtb").write_bytes(writer.blob(Tree("", (), rows)))
    assert rebuild.main(check) == 1
    assert capsys.readouterr().out.splitlines() == [
        "overlays: new: van",
        "overlays: gone: fan",
        "lamp: new: color",
        "lamp: gone: colour",
        'map: candle: {"deprecated": "use \\"lamp\\""} -> nothing',
        'map: mirror: {"renamed": "mirror-2,small"} -> {"bcm2711": true}',
        size.strip(),
        "-> 3 overlays with 5 parameters, 3 base parameters, 2 rows in the map",
    ]
    assert rebuild.main([*check, "--merge"]) == 1
    assert "gone" not in capsys.readouterr().out
    assert files(tmp_path / "out") == before


# What is wrong, as a change of the folder; the line that says so.
MISTAKES: Dict[str, Any] = {
    "README: No such file or directory": lambda top: (top / "README").unlink(),
    "README: no README of overlays, nothing in it starts with 'Name:'": lambda top: (top / "README").write_bytes(
        b"\xff"
    ),
    "map.dtb: No such file or directory": lambda top: (top / "map.dtb").unlink(),
    "map.dtb: too short for a device tree: 2 bytes": lambda top: (top / "map.dtb").write_text("no"),
    "map.dtb: a device tree, but no overlay map": lambda top: (top / "map.dtb").write_bytes(with_overrides()),
    "overlays/fan.dtbo: not a device tree: it starts with 78787878 in place of d00dfeed": lambda top: (
        top / "overlays" / "fan.dtbo"
    ).write_text("x" * 50),
    "overlays: no .dtbo or .dtb files in it": lambda top: [
        path.unlink() for path in (top / "overlays").iterdir() if path.name != "README"
    ],
    "overlays: Not a directory": lambda top: [(top / "overlays").rename(top / "x"), (top / "overlays").write_text("")],
    "out/overlays.json: No such file or directory": lambda top: None,
    "out: overlays.json, overlay_map.json and base_trees.json there are no catalogue": lambda top: [
        (top / "out" / name).write_text("{}") for name in ("overlays.json", "overlay_map.json", "base_trees.json")
    ],
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes(given: List[str], tmp_path: Path, capsys: Any, line: str) -> None:
    MISTAKES[line](tmp_path)
    before = files(tmp_path / "out")
    assert rebuild.main([*given, "--merge", "--overlays", str(tmp_path / "overlays")]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "python -m scmguard.catalogue.rebuild: {}/{}\n".format(tmp_path, line))
    assert files(tmp_path / "out") == before


def test_as_a_program(given: List[str]) -> None:
    command = [sys.executable, "-m", "scmguard.catalogue.rebuild", *given[:4]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=TOP)
    assert done.returncode == 2 and "--origin is needed" in done.stderr and "Traceback" not in done.stderr


def test_the_bundled_files_have_this_form() -> None:
    folder = os.path.dirname(rebuild.__file__)
    found = rebuild.present(folder)
    for name, text in (
        (rebuild.NAMES_FILE, rebuild.names_text),
        (rebuild.MAP_FILE, rebuild.map_text),
        (rebuild.TREES_FILE, rebuild.trees_text),
    ):
        with open(os.path.join(folder, name), encoding="utf-8") as stream:
            bundled = stream.read()
        assert text(found, json.loads(bundled)["origin"]) == bundled
