"""scmguard's own configuration: ``.scmguard.yaml``, found upward from what is checked, or ``/etc/scmguard.yaml``."""

import os
from typing import Any, List, NamedTuple, Optional, Tuple

from scmguard.errors import RuleError
from scmguard.finding import SEVERITIES, Waived, Waiver

NAME = ".scmguard.yaml"
SYSTEM = "/etc/scmguard.yaml"

_KEYS = (
    "profile",
    "boards",
    "fail-on",
    "select",
    "ignore",
    "rules",
    "supervised",
    "waivers",
    "baseline",
    "strict",
    "snapshots",
)
_WAIVER_KEYS = ("rule", "path", "match", "reason", "expires")


class Settings(NamedTuple):
    """What a configuration file says; None and empty where it says nothing.

    ``rules`` are folders of house rules; ``supervised`` the files that a Zymbit module verifies, for when it does not
    answer. ``baseline`` is the path of one, for ``check`` alone. For the gate: ``strict`` stops what could not be
    checked; ``snapshots`` is how many are kept, and megabytes.
    """

    path: Optional[str] = None
    profile: Optional[str] = None
    boards: Tuple[str, ...] = ()
    fail_on: Optional[str] = None
    select: Tuple[str, ...] = ()
    ignore: Tuple[str, ...] = ()
    rules: Tuple[str, ...] = ()
    waivers: Tuple[Waiver, ...] = ()
    supervised: Tuple[str, ...] = ()
    strict: bool = False
    snapshots: Tuple[int, int] = (10, 512)
    baseline: Optional[str] = None


def find(start: str) -> Optional[str]:
    """The configuration file for a path: in its folder or the nearest one above that has one, else the system's."""
    try:
        folder = os.path.abspath(start)
    except FileNotFoundError:
        # The folder that the program was started in is gone, and with it what was above.
        return SYSTEM if os.path.isfile(SYSTEM) else None
    while True:
        path = os.path.join(folder, NAME)
        if os.path.isfile(path):
            return path
        above = os.path.dirname(folder)
        if above == folder:
            return SYSTEM if os.path.isfile(SYSTEM) else None
        folder = above


def load(path: str) -> Settings:
    """A configuration file. Unknown keys are errors. Raises RuleError with path, line and reason."""
    from scmguard.rulefile import check_keys, complain, read_yaml

    data = read_yaml(path)
    if data is None:
        return Settings(path)
    if not isinstance(data, dict):
        raise RuleError("{}:1: a configuration is a mapping".format(path))
    check_keys(path, data, _KEYS, [])
    for key in ("profile", "fail-on"):
        if key in data and not isinstance(data[key], str):
            complain(path, [key], "{} must be text".format(key))
    if "baseline" in data and not (isinstance(data["baseline"], str) and data["baseline"].strip()):
        complain(path, ["baseline"], "baseline must be the path of a file")
    if not isinstance(data.get("strict", False), bool):
        complain(path, ["strict"], "strict must be true or false")
    if data.get("fail-on", "brick") not in SEVERITIES:
        complain(path, ["fail-on"], "fail-on must be one of {}".format(", ".join(SEVERITIES)))
    lists = {key: _texts(path, data, key) for key in ("boards", "select", "ignore", "rules", "supervised")}
    base = os.path.dirname(os.path.abspath(path))
    folders = tuple(os.path.join(base, folder) for folder in lists["rules"])
    return Settings(
        path,
        data.get("profile"),
        lists["boards"],
        data.get("fail-on"),
        lists["select"],
        lists["ignore"],
        folders,
        _waivers(path, data["waivers"]) if data.get("waivers", []) != [] else (),
        lists["supervised"],
        data.get("strict", False),
        _snapshots(path, data),
        os.path.join(base, data["baseline"]) if "baseline" in data else None,
    )


def _snapshots(path: str, data: Any) -> Tuple[int, int]:
    from scmguard.rulefile import check_keys, complain

    given = data.get("snapshots", {})
    if not isinstance(given, dict):
        complain(path, ["snapshots"], "snapshots is a mapping with number and megabytes")
    check_keys(path, given, ("number", "megabytes"), (), ["snapshots"])
    usual = Settings().snapshots
    found = given.get("number", usual[0]), given.get("megabytes", usual[1])
    for key, value in zip(("number", "megabytes"), found):
        if type(value) is not int or value < 1:
            complain(path, ["snapshots", key], "{} must be a number from 1 up".format(key))
    return found


def _texts(path: str, data: Any, key: str) -> Tuple[str, ...]:
    from scmguard.rulefile import complain

    values = data.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        complain(path, [key], "{} must be a list of texts".format(key))
    texts: List[str] = values
    return tuple(texts)


def _waivers(path: str, entries: Any) -> Tuple[Waiver, ...]:
    from scmguard.rulefile import check_keys, complain, places_of

    if not isinstance(entries, list):
        complain(path, ["waivers"], "waivers must be a list")
    for number, entry in enumerate(entries):
        above = ["waivers", number]
        if not isinstance(entry, dict):
            complain(path, above, "a waiver is a mapping with rule and reason")
        check_keys(path, entry, _WAIVER_KEYS, ("rule", "reason"), above)
        for key in ("rule", "reason", "path", "match"):
            if key in entry and not (isinstance(entry[key], str) and entry[key].strip()):
                complain(path, [*above, key], "the {} of a waiver must be text".format(key))
        if "expires" in entry and _date(entry["expires"]) is None:
            complain(path, [*above, "expires"], "expires must be a date such as 2031-12-31")
    return tuple(
        Waiver(
            entry["rule"],
            entry.get("path"),
            entry.get("match"),
            Waived(" ".join(entry["reason"].split()), _date(entry["expires"]) if "expires" in entry else None),
            span,
            excerpt,
        )
        for entry, (span, excerpt) in zip(entries, places_of(path, "waivers"))
    )


def _date(value: Any) -> Optional[str]:
    """A date as YAML has it (a date, or text) as ISO text; None for what is no date."""
    from datetime import date

    text = str(value)
    try:
        return text if date.fromisoformat(text).isoformat() == text else None
    except ValueError:
        return None
