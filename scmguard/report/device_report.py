"""What ``scmguard device`` prints: the facts, where each is from, and why one is not known."""

import json
from typing import Any, Callable, Dict, Iterator, Tuple

from scmguard.device.facts import BootMount, Device, Fact, Release, Signed, Storage, Usb, to_data
from scmguard.effective.board import BOARDS
from scmguard.text import date, printable

SCHEMA = 1

_WIDTH = 22
_TITLES = {
    "cmdline": "command line",
    "default_password": "shipped password",
    "i2c": "bus I2C1",
    "zkifc": "zkifc",
    "tryboot": "tryboot flag",
    "usb": "USB",
    "manifest": "supervised files",
}
_GROUPS: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ("Board", ("model", "board", "revision", "compatible", "serial", "memory")),
    ("Firmware", ("firmware", "bootloader", "bootloader_config", "boot_mode", "boot_partition", "tryboot")),
    ("Storage", ("root_storage", "boot_storage", "boot_mount")),
    ("Running", ("kernel", "cmdline", "usb", "pending_reboot")),
    (
        "Zymbit",
        (
            "zkifc",
            "i2c",
            "module_model",
            "module_firmware",
            "module_serial",
            "binding",
            "manifest",
            "ledger",
            "default_password",
        ),
    ),
)


def as_json(device: Device, version: str) -> str:
    """The facts as one JSON object, described by ``schema/device-1.json``."""
    data = {"schema": SCHEMA, "tool": {"name": "scmguard", "version": version}, "facts": _printable(to_data(device))}
    return json.dumps(data, indent=2) + "\n"


def as_text(device: Device) -> Iterator[str]:
    """The facts by topic, line by line."""
    facts: Dict[str, Fact[Any]] = device._asdict()
    for number, (title, names) in enumerate(_GROUPS):
        yield "{}{}\n".format("\n" if number else "", title)
        for name in names:
            yield from _lines(name, facts[name])


def _lines(name: str, fact: "Fact[Any]") -> Iterator[str]:
    title = _TITLES.get(name, name.replace("_", " "))
    if not fact.known:
        yield "  {:{}}  unknown: {}\n".format(title, _WIDTH, printable(fact.unknown))
        return
    first, *rest = _said(name, fact.value).split("\n")
    yield "  {:{}}  {}  [{}]\n".format(title, _WIDTH, printable(first), printable(fact.source))
    for line in rest:
        yield "  {:{}}  {}\n".format("", _WIDTH, printable(line))


def _said(name: str, value: Any) -> str:
    if value is None:
        return _NOTHING[name]
    if name in _SAY:
        return _SAY[name](value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple) and not isinstance(value, (Release, Storage, BootMount, Usb, Signed)):
        return ", ".join(map(str, value)) or "none"
    return str(value)


_NOTHING = {"boot_mount": "not mounted", "boot_storage": "not mounted", "ledger": "there is none yet"}


def _date(seconds: int) -> str:
    return date(seconds, "%Y-%m-%d %H:%M:%S UTC")


def _release(release: Release) -> str:
    return release.version + (" of {}".format(_date(release.built)) if release.built else "")


def _size(size: int) -> str:
    for unit, power in (("GiB", 30), ("MiB", 20)):
        if size >= 1 << power:
            return "{:.1f} {}".format(size / (1 << power), unit)
    return "{} bytes".format(size)


def _storage(storage: Storage) -> str:
    place = "{} partition {}".format(storage.disk, storage.partition) if storage.partition else storage.disk
    through = " through {}".format(", ".join(storage.layers)) if storage.layers else ""
    return "{} ({}{}){}".format(place, storage.kind, " on " + storage.controller if storage.controller else "", through)


def _boot_mount(mount: BootMount) -> str:
    room = ", {} of {} free".format(_size(mount.free), _size(mount.total)) if mount.total else ""
    writable = "writable" if mount.writable else "read-only"
    return "{} on {} ({}, {}{})".format(mount.device, mount.path, mount.type, writable, room)


def _ledger(files: Tuple[Signed, ...]) -> str:
    return "\n".join("{} signed {}".format(entry.name, _date(entry.time)) for entry in files) or "empty"


_SAY: Dict[str, Callable[[Any], str]] = {
    "revision": "{:x}".format,
    "board": lambda value: "{} ({})".format(value, BOARDS[value].model),
    "memory": _size,
    "firmware": _release,
    "bootloader": _release,
    "bootloader_config": lambda value: str(value.strip()),
    "root_storage": _storage,
    "boot_storage": _storage,
    "boot_mount": _boot_mount,
    "usb": lambda value: "{}{}".format(value.controller, ", mode {}".format(value.mode) if value.mode else ""),
    "pending_reboot": lambda value: "; ".join(value) or "no",
    "binding": lambda value: "{}, {}".format(
        "bound" if value.bound else "not bound",
        "locked (Production Mode)" if value.locked else "not locked (Development Mode)",
    ),
    "ledger": _ledger,
    "manifest": lambda value: "\n".join(value) or "none (Supervised Boot is off)",
}


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return "\n".join(printable(line) for line in value.split("\n"))
    if isinstance(value, list):
        return [_printable(each) for each in value]
    if isinstance(value, dict):
        return {key: _printable(each) for key, each in value.items()}
    return value
