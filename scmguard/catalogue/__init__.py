"""What Raspberry Pi's documentation names: settings, overlays, their parameters, and the overlay map.

The data are JSON files beside this module, each with its origin. They are not complete: a name that is not here is
unknown, not wrong. Each is read when it is first asked for.
"""

import json
import re
from functools import lru_cache
from typing import Any, Dict, FrozenSet, List, Optional, Tuple

from scmguard import assets


def _load(name: str) -> Dict[str, Any]:
    data: Dict[str, Any] = json.loads(assets.package_file("catalogue", name))
    return data


@lru_cache(maxsize=None)
def settings() -> Dict[str, Dict[str, Any]]:
    """Settings by name: ``kind`` (int, bool, list, file, str); ``port``, ``repeatable``, ``form`` where they apply."""
    found: Dict[str, Dict[str, Any]] = _load("settings.json")["settings"]
    return found


@lru_cache(maxsize=None)
def _folded() -> Dict[str, List[str]]:
    names: Dict[str, List[str]] = {}
    for name in settings():
        names.setdefault(name.lower(), []).append(name)
    return names


def other_case(key: str) -> Optional[str]:
    """The one known setting that differs from ``key`` in case alone, or None."""
    if key in settings():
        return None
    names = _folded().get(key.lower(), [])
    return names[0] if len(names) == 1 else None


def has_port(key: str) -> bool:
    """Whether a setting exists once per display (``hdmi_mode:1=…``)."""
    return bool(settings().get(key, {}).get("port"))


@lru_cache(maxsize=None)
def _overlays() -> Tuple[Dict[str, List[str]], FrozenSet[str]]:
    data = _load("overlays.json")
    return data["overlays"], frozenset(data["base"])


def overlay_known(name: str) -> bool:
    """Whether the overlays README has an overlay of that name."""
    return name in _overlays()[0]


def overlay_has(overlay: str, parameter: str) -> bool:
    """Whether the README gives ``overlay`` that parameter; ``spi<n>-<m>`` there stands for digits."""
    names = _overlays()[0].get(overlay, ())
    return parameter in names or any("<" in name and _matches(name, parameter) for name in names)


def _matches(pattern: str, parameter: str) -> bool:
    parts = re.split(r"<[a-z]+>", pattern)
    return re.fullmatch("[0-9]+".join(re.escape(part) for part in parts), parameter) is not None


def base_has(parameter: str) -> bool:
    """Whether some board's base device tree has that parameter."""
    return parameter in _overlays()[1]


@lru_cache(maxsize=None)
def overlay_map() -> Dict[str, Dict[str, Any]]:
    """The overlay map as shipped with the firmware; see the file for its form."""
    found: Dict[str, Dict[str, Any]] = _load("overlay_map.json")["map"]
    return found


def map_overlay(name: str, soc: str) -> Tuple[Optional[str], str]:
    """The overlay that the firmware loads for ``name`` on ``soc`` (bcm2835, bcm2711, bcm2712), and a remark.

    None means that it loads none, and the remark says why. Names that the map does not have load as they are.
    """
    table = overlay_map()
    for _ in range(8):
        entry = table.get(name)
        if entry is None:
            return name, ""
        if "deprecated" in entry:
            return None, "deprecated: " + str(entry["deprecated"])
        if "renamed" in entry:
            name = str(entry["renamed"])
            continue
        target = entry.get(soc)
        if target is True:
            return name, ""
        if target is None:
            return None, "not for this SoC ({})".format(soc)
        name = str(target)
    return None, "the overlay map goes round in circles"
