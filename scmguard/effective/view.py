"""The effective configuration as plain data: what `show` prints, and what JSON has.

The view is of one world, the one in which the firmware is lenient and every condition is 0 or false; ``readings`` tells
what each other choice would change by itself.
"""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from scmguard.effective.bootfiles import BootFiles, Choice, boot_files, cmdline_names, command_lines
from scmguard.effective.config import EffectiveConfig, last_of_each
from scmguard.effective.devicetree import Usb
from scmguard.effective.run import Assignment, Load, Place
from scmguard.effective.worlds import FALSE, Split
from scmguard.parse.cmdline_txt import CommandLine
from scmguard.text import printable

SCHEMA = 1

World = Dict[str, str]


def view(config: EffectiveConfig) -> Dict[str, Any]:
    """All of it, as JSON's schema has it."""
    files = boot_files(config)
    parts = _Parts(files, command_lines(config, cmdline_names(config, files)), config.usb)
    # Only now all that is unknown has been asked.
    world = default_world(config)
    data = _at(config, parts, world)
    plain = _comparable(data)
    readings = []
    for name, choices in config.worlds.variables:
        for choice in choices[1:]:
            other = _comparable(_at(config, parts, dict(world, **{name: choice})))
            differs = sorted(key for key in plain.keys() | other.keys() if plain.get(key) != other.get(key))
            if differs:
                readings.append({"id": name, "choice": choice, "differs": [printable(key) for key in differs]})
    data["readings"] = readings
    return data


def default_world(config: EffectiveConfig) -> World:
    """The first choice of everything that is unknown."""
    return {name: choices[0] for name, choices in config.worlds.variables}


class _Parts(NamedTuple):
    files: BootFiles
    lines: "Split[Optional[CommandLine]]"
    usb: "Split[Usb]"


def _at(config: EffectiveConfig, parts: _Parts, world: World) -> Dict[str, Any]:
    holds = config.worlds.holds
    settings = {}
    for (key, port), several in sorted(config.run.settings.items()):
        winner = config.outcome(key, port).at(world)
        if winner is not None:
            name = "{}:{}".format(key, port) if port else key
            settings[printable(name)] = _setting(
                winner, [one for one in several if one is not winner and holds(one.when, world)]
            )
    has_tree = not holds(config.without_tree, world)
    usb, files = parts.usb.at(world), parts.files
    return {
        "schema": SCHEMA,
        "board": config.board.name,
        "path": config.start.source.path,
        "shadowed_by": "boot.img" if holds(config.shadowed, world) else None,
        "settings": settings,
        "overlays": [_load(load, config, world) for load in config.run.loads if has_tree and holds(load.when, world)],
        "base_params": _printable_pairs(
            last_of_each([one for one in config.run.base if has_tree and holds(one.when, world)])
        ),
        "gpio": [_where(one.place, value=printable(one.value)) for one in config.run.gpio if holds(one.when, world)],
        "cmdline": _arguments(parts.lines.at(world)),
        "usb": {"controller": usb.controller, "dr_mode": None if usb.dr_mode is None else printable(usb.dr_mode)},
        "files": {
            "kernel": _names(files.kernel, world),
            "initramfs": _names(files.initramfs, world),
            "device_tree": _names(files.device_tree, world),
            "cmdline": _names(files.cmdline, world),
        },
    }


def _comparable(data: Mapping[str, Any]) -> Dict[str, Any]:
    """What counts when two worlds are compared: values, not the lines they come from."""
    flat: Dict[str, Any] = {key: entry["value"] for key, entry in data["settings"].items()}
    flat["overlays"] = [(load["name"], load["loaded"], tuple(load["params"].items())) for load in data["overlays"]]
    for key in ("base_params", "usb", "files", "cmdline"):
        flat[key] = data[key]
    flat["gpio"] = [entry["value"] for entry in data["gpio"]]
    return flat


def _names(split: "Split[Choice]", world: World) -> List[str]:
    return [printable(name) for name in split.at(world).names]


def _where(place: Place, **more: Any) -> Dict[str, Any]:
    data: Dict[str, Any] = {"path": printable(place.path), "line": place.line}
    data.update(more)
    return data


def _setting(winner: Assignment, beaten: List[Assignment]) -> Dict[str, Any]:
    return {
        "value": printable(winner.value),
        "path": printable(winner.place.path),
        "line": winner.place.line,
        "filters": [printable(header.text) for header in winner.place.headers],
        "overridden": [_where(one.place, value=printable(one.value)) for one in beaten],
    }


def _load(load: Load, config: EffectiveConfig, world: World) -> Dict[str, Any]:
    given = [one for one in load.parameters if config.worlds.holds(one.when, world)]
    remark: Optional[str] = load.remark or None
    loaded = load.resolved
    if loaded is not None and config.overlay_present(loaded) is False:
        loaded, remark = None, "there is no {}.dtbo".format(loaded)
    return _where(
        load.place,
        name=printable(load.name),
        loaded=None if loaded is None else printable(loaded),
        remark=None if remark is None else printable(remark),
        params=_printable_pairs(last_of_each(given)),
        filters=[printable(header.text) for header in load.place.headers],
    )


def _printable_pairs(pairs: Tuple[Tuple[str, str], ...]) -> Dict[str, str]:
    return {printable(name): printable(value) for name, value in pairs}


def _arguments(line: Optional[CommandLine]) -> List[Dict[str, Any]]:
    return [
        {"name": printable(one.name), "value": None if one.value is None else printable(one.value)}
        for one in (line.arguments if line is not None else ())
    ]


def inert(config: EffectiveConfig, key: str) -> List[Assignment]:
    """Lines that set ``key`` and that no world makes effective."""
    return [
        one for (name, _), several in config.run.settings.items() if name == key for one in several if one.when == FALSE
    ]
