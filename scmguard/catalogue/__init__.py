"""What Raspberry Pi's documentation names: settings, overlays, their parameters, and the overlay map.

The data are JSON files beside this module, each with its origin. They are not complete: a name that is not here is
unknown, not wrong. Each is read when it is first asked for.
"""

import json
import re
from functools import lru_cache
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from scmguard import assets


def _load(name: str) -> Dict[str, Any]:
    data: Dict[str, Any] = json.loads(assets.package_file("catalogue", name))
    return data


@lru_cache(maxsize=None)
def _settings_file() -> Dict[str, Any]:
    return _load("settings.json")


@lru_cache(maxsize=None)
def settings() -> Dict[str, Dict[str, Any]]:
    """Settings by name: ``kind`` (int, bool, list, file, str); ``port``, ``repeatable``, ``form`` where they apply.

    :func:`setting` gives the rest.
    """
    found: Dict[str, Dict[str, Any]] = _settings_file()["settings"]
    return found


class Setting(NamedTuple):
    """What is known of a setting. Empty where the documentation is silent."""

    kind: str
    #: Least and greatest number (None: no limit), and whether the firmware brings other numbers into that range.
    low: Optional[int]
    high: Optional[int]
    clamped: bool
    #: The only numbers with a meaning.
    values: Tuple[int, ...]
    #: Boards, and families by their SoC, that know the setting; empty for all.
    boards: Tuple[str, ...]
    #: What a number other than 0 burns into the SoC for ever.
    irreversible: str
    #: When it burns: at the next ``boot``, under ``rpiboot`` (recovery.bin alone obeys it), or ``uncertain``.
    burns: str
    deprecated: bool
    #: Read by bootcode.bin or the bootloader in the EEPROM, which know no ``include``.
    main_file_only: bool
    #: ``boot``, ``clock``, ``eeprom`` or ``otp``: what a wrong value can cost.
    risk: str

    def on(self, board: str, soc: str) -> bool:
        """Whether a board knows the setting."""
        return not self.boards or board in self.boards or soc in self.boards


@lru_cache(maxsize=None)
def setting(key: str) -> Optional[Setting]:
    """What is known of the setting ``key``; None for an unknown name."""
    entry = settings().get(key)
    if entry is None:
        return None
    low, high = entry.get("range", (None, None))
    burns = entry.get("burns", "boot") if "irreversible" in entry else ""
    return Setting(
        str(entry["kind"]),
        low,
        high,
        bool(entry.get("clamped")),
        tuple(entry.get("values", ())),
        tuple(entry.get("boards", ())),
        str(entry.get("irreversible", "")),
        burns,
        bool(entry.get("deprecated")),
        bool(entry.get("main_file_only")),
        str(entry.get("risk", "")),
    )


@lru_cache(maxsize=None)
def settings_with(trait: str) -> Tuple[str, ...]:
    """The names of all settings that have a trait of the data (``irreversible``, ``main_file_only``)."""
    return tuple(name for name, entry in settings().items() if entry.get(trait))


@lru_cache(maxsize=None)
def clocks(board: str) -> Dict[str, Tuple[int, int]]:
    """Default and ceiling of each clock of a board, in MHz, by setting; see the file for where they come from."""
    for names, rows in _settings_file()["clocks"].items():
        if board in names.split():
            return {key: (default, ceiling) for key, (default, ceiling) in rows.items()}
    return {}


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


def overlay_names() -> FrozenSet[str]:
    """All overlays in the README."""
    return frozenset(_overlays()[0])


def overlay_parameters(overlay: str) -> FrozenSet[str]:
    """The parameters of an overlay in the README; none for an unknown one."""
    return frozenset(_overlays()[0].get(overlay, ()))


def base_parameters() -> FrozenSet[str]:
    """The parameters of the boards' base device trees."""
    return _overlays()[1]


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


@lru_cache(maxsize=None)
def _trees() -> Dict[str, List[str]]:
    trees: Dict[str, List[str]] = _load("base_trees.json")["trees"]
    return trees


def tree_parameters(names: Tuple[str, ...]) -> FrozenSet[str]:
    """The parameters of those base device trees (file names), together; none where nothing is known of any."""
    known = _trees()
    return frozenset(parameter for name in names for parameter in known.get(name, ()))


def base_has(parameter: str) -> bool:
    """Whether some board's base device tree has that parameter."""
    return parameter in _overlays()[1]


@lru_cache(maxsize=None)
def overlay_map() -> Dict[str, Dict[str, Any]]:
    """The overlay map as shipped with the firmware; see the file for its form."""
    found: Dict[str, Dict[str, Any]] = _load("overlay_map.json")["map"]
    return found


def map_overlay(
    name: str, soc: str, table: Optional[Mapping[str, Mapping[str, Any]]] = None
) -> Tuple[Optional[str], str]:
    """The overlay that the firmware loads for ``name`` on ``soc`` (bcm2835, bcm2711, bcm2712), and a remark.

    None means that it loads none, and the remark says why. Names that the map does not have load as they are.
    ``table`` is an overlay map in the catalogue's form; by default the catalogue's own.
    """
    entry = (overlay_map() if table is None else table).get(name)
    if entry is None or entry.get(soc) is True:
        return name, ""
    target = entry.get(soc, entry.get("renamed"))
    if target is not None:
        # It is not looked up again (raspberrypi/utils, since 2025-05). Parameters that the map adds behind a comma
        # change nothing that is evaluated here.
        return str(target).partition(",")[0], ""
    if "deprecated" in entry:
        return None, "deprecated: " + str(entry["deprecated"])
    return None, "not for this SoC ({})".format(soc)
