"""What ``show`` prints: the effective configuration, and why."""

from typing import Any, Dict, Iterator, List, Mapping, Optional

from scmguard.effective.bootfiles import joined
from scmguard.effective.config import EffectiveConfig
from scmguard.effective.readings import READINGS, meaning
from scmguard.effective.view import inert, view
from scmguard.text import printable


def everything(data: Mapping[str, Any], model: str) -> Iterator[str]:
    """The whole view as text, from the data of :func:`scmguard.effective.view.view`."""
    yield "{} as {} ({}) runs it\n".format(printable(data["path"]), data["board"], model)
    if data["shadowed_by"]:
        yield "boot_ramdisk is on: the firmware goes on with the files inside boot.img, and not with these\n"
    yield from _section("settings", [_row(key, entry) for key, entry in data["settings"].items()])
    yield from _section("overlays, in load order", [_overlay(load) for load in data["overlays"]])
    yield from _section("parameters of the base device tree", [_pair(*pair) for pair in data["base_params"].items()])
    yield from _section("gpio", ["  {}   {}:{}".format(one["value"], one["path"], one["line"]) for one in data["gpio"]])
    yield from _section("boot files", [_files(kind, names) for kind, names in data["files"].items()])
    yield from _section("command line", [_pair(one["name"], one["value"]) for one in data["cmdline"]])
    yield "\nusb controller: {}\n".format(usb_text(data["usb"]))
    yield from _section("it would be different", [_difference(one) for one in data["readings"]])


def usb_text(usb: Mapping[str, Optional[str]]) -> str:
    """The USB controller in a few words."""
    return "{}{}".format(usb["controller"], " in {} mode".format(usb["dr_mode"]) if usb["dr_mode"] else "")


def _section(title: str, rows: List[str]) -> Iterator[str]:
    if rows:
        yield "\n{}\n".format(title)
        for row in rows:
            yield row + "\n"


def _pair(name: str, value: Optional[str]) -> str:
    return "  {}".format(name) if value is None else "  {}={}".format(name, value)


def _row(key: str, entry: Mapping[str, Any]) -> str:
    text = "  {}={}".format(key, entry["value"])
    why = " {}".format(" ".join(entry["filters"])) if entry["filters"] else ""
    beats = ", ".join("line {}: {}".format(one["line"], one["value"]) for one in entry["overridden"])
    return "{:<40} {}:{}{}{}".format(text, entry["path"], entry["line"], why, "   beats " + beats if beats else "")


def _overlay(load: Mapping[str, Any]) -> str:
    name = load["name"]
    if load["loaded"] is None:
        name += " (not loaded: {})".format(load["remark"])
    elif load["loaded"] != load["name"]:
        name += " -> {}".format(load["loaded"])
    text = "  " + ",".join([name] + ["{}={}".format(*pair) for pair in load["params"].items()])
    why = " {}".format(" ".join(load["filters"])) if load["filters"] else ""
    return "{:<40} {}:{}{}".format(text, load["path"], load["line"], why)


def _files(kind: str, names: List[str]) -> str:
    return "  {:<12} {}".format(kind.replace("_", " "), joined(kind, names) if names else "none")


def _difference(one: Mapping[str, Any]) -> str:
    return "  {}: {}".format(_when(one["id"], one["choice"]), ", ".join(one["differs"]))


def _when(id: str, choice: str) -> str:
    if id in READINGS:
        return "if {}={} ({} {})".format(id, choice, READINGS[id].question, meaning(id, choice))
    return "when {}={}".format(printable(id), printable(choice))


def key_data(config: EffectiveConfig, key: str) -> Dict[str, Any]:
    """One key, in all worlds: an entry for each outcome with what it takes to get there."""
    base, _, port = key.partition(":")
    number = int(port) if port.isdecimal() and len(port) < 4 else 0
    outcomes = []
    for condition, found in config.outcome(base, number):
        outcomes.append(
            {
                "value": None if found is None else printable(found.value),
                "path": None if found is None else printable(found.place.path),
                "line": None if found is None else found.place.line,
                "filters": [] if found is None else [printable(header.text) for header in found.place.headers],
                "when": [{"id": name, "choice": choice} for name, choice in config.worlds.explain(condition)],
            }
        )
    full = view(config)
    return {
        "schema": full["schema"],
        "board": config.board.name,
        "key": printable(key),
        "outcomes": outcomes,
        "overridden": full["settings"].get(printable(key), {}).get("overridden", []),
        "inactive": [
            {
                "path": printable(one.place.path),
                "line": one.place.line,
                "value": printable(one.value),
                "filters": [printable(header.text) for header in one.place.headers],
            }
            for one in inert(config, base)
        ],
        "overlays": [load for load in full["overlays"] if key in (load["name"], load["loaded"], "dtoverlay")],
        "param": full["base_params"].get(key),
        "cmdline": [one for one in full["cmdline"] if one["name"] == key],
    }


def one_key(data: Mapping[str, Any]) -> Iterator[str]:
    """One key as text, from :func:`key_data`."""
    key = data["key"]
    elsewhere = data["overlays"] or data["cmdline"] or data["param"] is not None
    for outcome in data["outcomes"]:
        when = " and ".join(_when(one["id"], one["choice"]) for one in outcome["when"])
        if outcome["value"] is None:
            if not elsewhere or when:
                yield "{} is not set on {}{}\n".format(key, data["board"], ", " + when if when else "")
            continue
        yield "{}={}   {}:{}\n".format(key, outcome["value"], outcome["path"], outcome["line"])
        if outcome["filters"]:
            yield "  active because of {}\n".format(" ".join(outcome["filters"]))
        if when:
            yield "  {}\n".format(when)
    for one in data["overridden"]:
        yield "  beats {}:{}: {}\n".format(one["path"], one["line"], one["value"])
    for one in data["inactive"]:
        yield "  not active: {}:{}: {} under {}\n".format(
            one["path"], one["line"], one["value"], " ".join(one["filters"])
        )
    for load in data["overlays"]:
        yield "overlay{}\n".format(_overlay(load)[1:])
    if data["param"] is not None:
        yield "base parameter {}={}\n".format(key, data["param"])
    for one in data["cmdline"]:
        yield "on the command line: {}\n".format(_pair(one["name"], one["value"]).strip())
