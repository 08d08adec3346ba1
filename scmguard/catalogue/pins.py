"""Which header pins overlays use, by default and as their parameters move them. The data are in pins.json."""

import json
from functools import lru_cache
from typing import Any, Dict, List, Mapping

from scmguard import assets


@lru_cache(maxsize=None)
def _data() -> Dict[str, Any]:
    data: Dict[str, Any] = json.loads(assets.package_file("catalogue", "pins.json"))
    return data


def overlay(name: str) -> Mapping[str, Any]:
    """What is known of an overlay's pins, in the form that pins.json describes; empty where nothing is."""
    found: Mapping[str, Any] = _data()["overlays"].get(name, {})
    return found


def bus(name: str) -> List[int]:
    """The pins of a bus such as ``i2c1``."""
    found: List[int] = _data()["buses"].get(name, [])
    return found


def base_bus(parameter: str) -> str:
    """The bus that a parameter of the base device tree switches on, or nothing."""
    return str(_data()["base"].get(parameter, ""))


def base_pins(parameter: str) -> List[int]:
    """The pins that a parameter of the base device tree takes when it is on."""
    found: List[int] = _data()["base_pins"].get(parameter, [])
    return found


def base_moved(parameter: str) -> bool:
    """Whether the value of a parameter of the base device tree is a pin."""
    return parameter in _data()["base_moved"]
