"""EffectiveConfig: what a boot tree means on one board, with how every value got there."""

import re
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from scmguard.boot import Boot
from scmguard.effective import devicetree
from scmguard.effective.board import Board
from scmguard.effective.conditions import Known
from scmguard.effective.resolve import Assignment, Load, ParameterSet, Place, Run, Runner
from scmguard.effective.worlds import FALSE, TRUE, Condition, Split, Worlds
from scmguard.parse.config_txt import Document
from scmguard.text import Source

_INTEGER = re.compile(r"[ \t]*([+-]?)(?:0[xX]([0-9A-Fa-f]{1,16})|([0-9]{1,20}))")


def integer(text: str) -> int:
    """A number as C reads it: sign, ``0x`` hexadecimal or decimal digits, what follows is ignored; 0 without digits."""
    match = _INTEGER.match(text)
    if match is None:
        return 0
    sign, hexadecimal, decimal = match.groups()
    number = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return -number if sign == "-" else number


class Concrete(NamedTuple):
    """What is effective in one world."""

    settings: Dict[Tuple[str, int], str]
    overlays: List[Tuple[str, Optional[str], Tuple[Tuple[str, str], ...]]]
    base_params: Tuple[Tuple[str, str], ...]
    gpio: List[str]
    usb: Tuple[str, Optional[str]]


class EffectiveConfig:
    """The outcome of running a boot tree's config.txt (or tryboot.txt) on a board. Made by :func:`evaluate`."""

    def __init__(self, boot: Boot, board: Board, worlds: Worlds, runner: Runner, run: Run) -> None:
        self.boot = boot
        self.board = board
        self.worlds = worlds
        self.run = run
        self._runner = runner
        self._outcomes: Dict[Tuple[str, int], Split[Optional[Assignment]]] = {}
        self._usb: Optional[Split[devicetree.Usb]] = None
        self._storage: Optional[Split[devicetree.Storage]] = None

    @property
    def start(self) -> Document:
        """The file that was run first; empty where there is none."""
        return self._runner.start

    def outcome(self, key: str, port: int = 0) -> "Split[Optional[Assignment]]":
        """The assignment that wins, world by world; None where nothing sets ``key``."""
        known = self._outcomes.get((key, port))
        if known is None:
            known = self._outcomes[key, port] = self._outcome(self.run.settings.get((key, port), []))
        return known

    def _outcome(self, assignments: List[Assignment]) -> "Split[Optional[Assignment]]":
        left = TRUE
        parts: List[Tuple[Condition, Optional[Assignment]]] = []
        for assignment in reversed(assignments):
            wins = self.worlds.both(left, assignment.when)
            if wins != FALSE:
                parts.append((wins, assignment))
                left = self.worlds.without(left, assignment.when)
                if left == FALSE:
                    break
        if left != FALSE:
            parts.append((left, None))
        return Split(self.worlds, parts)

    def text(self, key: str, default: str = "") -> "Split[str]":
        """The value of a setting as text."""
        return self.outcome(key).map(lambda found: default if found is None else found.value)

    def number(self, key: str, default: int = 0) -> "Split[int]":
        """The value of a setting as a number, read as C reads it."""
        return self.outcome(key).map(lambda found: default if found is None else integer(found.value))

    @property
    def without_tree(self) -> Condition:
        """The worlds in which ``device_tree=`` switches the device tree off."""
        return self.outcome("device_tree").where(lambda found: found is not None and found.value == "")

    @property
    def usb(self) -> "Split[devicetree.Usb]":
        """The USB controller and its mode."""
        if self._usb is None:
            xhci: Split[Optional[Place]] = Split.always(self.worlds, None)
            if self.board.pi4_family:
                for condition, found in self.outcome("otg_mode"):
                    if found is not None and integer(found.value) != 0:
                        xhci = xhci.replaced(condition, found.place)
            self._usb = devicetree.usb(self.worlds, self.board, self.run, self.without_tree, xhci)
        return self._usb

    @property
    def storage(self) -> "Split[devicetree.Storage]":
        """Whether the SD/eMMC controller is on for Linux."""
        if self._storage is None:
            self._storage = devicetree.storage(self.worlds, self.run, self.without_tree)
        return self._storage

    def reading(self, id: str, choice: str) -> Condition:
        """The worlds in which a reading has that choice."""
        return self._runner.conditions.reading(id, choice)

    def at(self, facts: Mapping[str, object]) -> Concrete:
        """What is effective in the world with those readings (by choice) and conditions (by number or truth)."""
        conditions = self._runner.conditions
        usb = self.usb
        world = conditions.world(facts)
        settings = {}
        for key, port in self.run.settings:
            found = self.outcome(key, port)
            world.update(conditions.world(facts))
            winner = found.at(world)
            if winner is not None:
                settings[key, port] = winner.value
        holds = self.worlds.holds
        overlays = [
            (load.name, load.resolved, last_of_each([one for one in load.parameters if holds(one.when, world)]))
            for load in self.run.loads
            if holds(load.when, world)
        ]
        base = last_of_each([one for one in self.run.base if holds(one.when, world)])
        gpio = [one.value for one in self.run.gpio if holds(one.when, world)]
        controller = usb.at(world)
        return Concrete(settings, overlays, base, gpio, (controller.controller, controller.dr_mode))


def last_of_each(parameters: List[ParameterSet]) -> Tuple[Tuple[str, str], ...]:
    """Names and values, the last value of a name in the place of its first."""
    found: Dict[str, str] = {}
    for parameter in parameters:
        found[parameter.name] = parameter.value
    return tuple(found.items())


def evaluate(boot: Boot, board: Board, start: str = "", known: Optional[Known] = None) -> EffectiveConfig:
    """Runs ``start`` (config.txt by default) of ``boot`` on ``board``. A missing file is an empty one.

    Raises :class:`scmguard.boot.Unreadable` and :class:`scmguard.effective.worlds.TooComplex`.
    """
    name = start or boot.start
    document = boot.document(name)
    if document is None:
        document = Document(Source(boot.files.label(name), b""))
    if known is None:
        known = Known(tryboot=True) if name == "tryboot.txt" else Known()
    worlds = Worlds()
    runner = Runner(worlds, board, known, boot.document, document)
    return EffectiveConfig(boot, board, worlds, runner, runner.run())


__all__ = ["Concrete", "EffectiveConfig", "Load", "evaluate", "integer", "last_of_each"]
