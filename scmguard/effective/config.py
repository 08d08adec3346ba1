"""EffectiveConfig: what a boot tree means on one board, with how every value got there."""

import re
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from scmguard.boot import Boot
from scmguard.effective import devicetree
from scmguard.effective.board import Board
from scmguard.effective.conditions import Known
from scmguard.effective.meaning import Filter
from scmguard.effective.overlays import Overlays, Prefixes, merge
from scmguard.effective.resolve import Appendix, Runner
from scmguard.effective.run import Assignment, Load, ParameterSet, Run
from scmguard.effective.worlds import FALSE, TRUE, Condition, Split, Worlds
from scmguard.parse.config_txt import Document
from scmguard.text import Source

SEAM = "[config.txt]"

_INTEGER = re.compile(r"[ \t]*([+-]?)(?:0[xX]([0-9A-Fa-f]{1,16})|([0-9]{1,20}))")


def integer(text: str) -> int:
    """A number as C reads it: sign, ``0x`` hexadecimal or decimal digits, what follows is ignored; 0 without digits."""
    match = _INTEGER.match(text)
    if match is None:
        return 0
    sign, hexadecimal, decimal = match.groups()
    number = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return -number if sign == "-" else number


def is_on(found: Optional[Assignment]) -> bool:
    """Whether a switch is on: set, to a number other than 0."""
    return found is not None and integer(found.value) != 0


def winners(worlds: Worlds, assignments: List[Assignment]) -> "Split[Optional[Assignment]]":
    """Of assignments to one setting, in order, the one that wins, world by world; None where none is in effect."""
    left = TRUE
    parts: List[Tuple[Condition, Optional[Assignment]]] = []
    for assignment in reversed(assignments):
        wins = worlds.both(left, assignment.when)
        if wins != FALSE:
            parts.append((wins, assignment))
            left = worlds.without(left, assignment.when)
            if left == FALSE:
                break
    if left != FALSE:
        parts.append((left, None))
    return Split(worlds, parts)


class Concrete(NamedTuple):
    """What is effective in one world."""

    settings: Dict[Tuple[str, int], str]
    overlays: List[Tuple[str, Optional[str], Tuple[Tuple[str, str], ...]]]
    base_params: Tuple[Tuple[str, str], ...]
    gpio: List[str]
    usb: Tuple[str, Optional[str]]


class EffectiveConfig:
    """The outcome of running a boot tree's config.txt (or tryboot.txt) on a board. Made by :func:`evaluate`.

    Setting it up runs the file.
    """

    def __init__(self, boot: Boot, board: Board, runner: Runner) -> None:
        self.boot = boot
        self.board = board
        self.worlds = runner.worlds
        self._run = runner.run()
        self._merged: Optional[Run] = None
        self._overlays: Optional[Overlays] = None
        self._runner = runner
        self._outcomes: Dict[Tuple[str, int], Split[Optional[Assignment]]] = {}
        self._loads: Optional[List[Tuple[Condition, Load]]] = None
        self._shadowed: Optional[Condition] = None
        self._usb: Optional[Split[devicetree.Usb]] = None
        self._storage: Optional[Split[devicetree.Storage]] = None

    @property
    def start(self) -> Document:
        """The file that was run first; empty where there is none."""
        return self._runner.start

    @property
    def known(self) -> bool:
        """Whether there is a configuration: a folder without config.txt has an empty one, a lone cmdline.txt none."""
        return self.boot.single != "cmdline.txt" or self.boot.exists(self.boot.start)

    def outcome(self, key: str, port: int = 0) -> "Split[Optional[Assignment]]":
        """The assignment that wins, world by world; None where nothing sets ``key``."""
        known = self._outcomes.get((key, port))
        if known is None:
            known = self._outcomes[key, port] = winners(self.worlds, self._run.settings.get((key, port), []))
        return known

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
    def shadowed(self) -> Condition:
        """The worlds in which ``boot_ramdisk`` makes the firmware go on with the files inside ``boot.img``.

        Nothing in the files outside counts then but that setting (documentation, ``config_txt/boot.adoc``,
        boot_ramdisk). A boot partition with kernels and firmware, but no ``boot.img``, shadows nothing.
        """
        if self._shadowed is None:
            # The setting is documented for boards with an EEPROM.
            asked = self.outcome("boot_ramdisk").where(is_on) if self.board.has_eeprom else FALSE
            if asked != FALSE and self.boot.has_binaries and not self.boot.exists("boot.img"):
                asked = FALSE
            self._shadowed = asked
        return self._shadowed

    @property
    def usb_by_overlays(self) -> "Split[devicetree.Usb]":
        """The USB controller as the overlays leave it, ``otg_mode`` not considered."""
        if self._usb is None:
            self._usb = devicetree.usb(self.worlds, self.board, self.loads)
        return self._usb

    @property
    def usb(self) -> "Split[devicetree.Usb]":
        """The USB controller and its mode. With ``otg_mode`` the port goes to XHCI, whatever the overlays say."""
        state = self.usb_by_overlays
        if self.board.pi4_family:
            for condition, found in self.outcome("otg_mode"):
                if found is not None and is_on(found):
                    state = state.replaced(condition, devicetree.Usb("xhci", "host", found.place))
        return state

    @property
    def loads(self) -> List[Tuple[Condition, Load]]:
        """Overlay loads that have an effect, in order, with the worlds in which they do.

        Not those that the overlay map blocks or whose file is missing, and none where there is no device tree.
        """
        if self._loads is None:
            found = []
            for load in self.run.loads:
                when = self.worlds.without(load.when, self.without_tree)
                if when != FALSE and load.resolved is not None and self.overlay_present(load.resolved) is not False:
                    found.append((when, load))
            self._loads = found
        return self._loads

    def overlay_present(self, name: str) -> Optional[bool]:
        """Whether the tree has the overlay's file, undamaged; None where the tree carries no overlays to look among."""
        return self.overlays.present(name)

    @property
    def overlays(self) -> Overlays:
        """What is known of overlays: from the tree, where prefixes are the same in every world, else the catalogue."""
        if self._overlays is None:
            self._overlays = Overlays(
                self.boot,
                self.board,
                Prefixes(
                    _only(self.text("os_prefix")),
                    _only(self.text("overlay_prefix", "overlays/")),
                    tuple(found.value for _, found in self.outcome("device_tree") if found is not None and found.value),
                ),
            )
        return self._overlays

    @property
    def run(self) -> Run:
        """What the file did, overlays looked up and every parameter given to its own."""
        if self._merged is None:
            self._merged = merge(self._run, self.overlays)
        return self._merged

    @property
    def storage(self) -> "Split[devicetree.Storage]":
        """Whether the SD/eMMC controller is on for Linux."""
        if self._storage is None:
            base = [(self.worlds.without(one.when, self.without_tree), one) for one in self.run.base]
            self._storage = devicetree.storage(self.worlds, base, self.loads)
        return self._storage

    def reading(self, id: str, choice: str) -> Condition:
        """The worlds in which a reading has that choice."""
        return self._runner.conditions.reading(id, choice)

    def applies(self, filter: Filter) -> Condition:
        """The worlds in which a section of that filter alone counts. It is in the files, or was given beforehand."""
        return self._runner.applies(filter)

    def at(self, facts: Mapping[str, object]) -> Concrete:
        """What is effective in the world with those readings (by choice) and conditions (by number or truth)."""
        conditions = self._runner.conditions
        usb = self.usb
        world = conditions.world(facts)
        settings = {}
        for key, port in self._run.settings:
            winner = self.outcome(key, port).at(world)
            if winner is not None:
                settings[key, port] = winner.value
        holds = self.worlds.holds
        has_tree = not holds(self.without_tree, world)
        overlays = [
            (load.name, load.resolved, last_of_each([one for one in load.parameters if holds(one.when, world)]))
            for load in self.run.loads
            if has_tree and holds(load.when, world)
        ]
        base = last_of_each([one for one in self.run.base if has_tree and holds(one.when, world)])
        gpio = [one.value for one in self.run.gpio if holds(one.when, world)]
        controller = usb.at(world)
        return Concrete(settings, overlays, base, gpio, (controller.controller, controller.dr_mode))


def _only(split: "Split[str]") -> Optional[str]:
    """The value that is the same in every world, or None."""
    values = {value for _, value in split}
    return values.pop() if len(values) == 1 else None


def last_of_each(parameters: List[ParameterSet]) -> Tuple[Tuple[str, str], ...]:
    """Names and values, the last value of a name in the place of its first."""
    found: Dict[str, str] = {}
    for parameter in parameters:
        found[parameter.name] = parameter.value
    return tuple(found.items())


def evaluate(boot: Boot, board: Board, start: str = "", known: Optional[Known] = None) -> EffectiveConfig:
    """Runs ``start`` (config.txt by default) of ``boot`` on ``board``. A missing file is an empty one.

    Raises :class:`scmguard.folder.Unreadable` and :class:`scmguard.effective.worlds.TooComplex`.
    """
    return EffectiveConfig(boot, board, _runner(boot, board, Worlds(), start, known))


def evaluate_both(
    old: Boot, new: Boot, board: Board, start: str = "", filters: Iterable[Filter] = (), new_start: str = ""
) -> Tuple[EffectiveConfig, EffectiveConfig]:
    """Two boot trees in the same worlds: a condition of one means the same for the other.

    ``filters`` are those that :meth:`EffectiveConfig.applies` will be asked about. ``new_start`` is what is run of the
    new one, where that is another file than of the old one. Raises as :func:`evaluate` does.
    """
    worlds = Worlds()
    runners = _runner(old, board, worlds, start, None), _runner(new, board, worlds, new_start or start, None)
    runners[0].run_with(runners[1], filters)
    return EffectiveConfig(old, board, runners[0]), EffectiveConfig(new, board, runners[1])


def _runner(boot: Boot, board: Board, worlds: Worlds, start: str, known: Optional[Known]) -> Runner:
    name = start or boot.start
    document = boot.document(name)
    if document is None:
        document = Document(Source(boot.files.label(name), b""))
    if known is None:
        known = Known(tryboot=True) if name == "tryboot.txt" else Known()
    appendix = _appendix(boot, board) if name in ("config.txt", "tryboot.txt", boot.start) else None
    return Runner(worlds, board, known, boot.document, document, appendix)


def bootloader_config(boot: Boot, board: Board) -> Optional[EffectiveConfig]:
    """The EEPROM's own settings, evaluated; None without a copy of them, and on boards that have no EEPROM.

    What stands below ``[config.txt]`` is not the bootloader's. Raises as :func:`evaluate` does.
    """
    runner = _bootloader_runner(boot, board, Worlds())
    return None if runner is None else EffectiveConfig(boot, board, runner)


def both_bootloader_configs(
    old: Boot, new: Boot, board: Board
) -> Tuple[Optional[EffectiveConfig], Optional[EffectiveConfig]]:
    """The EEPROM's settings of two boot trees in the same worlds, as :func:`bootloader_config` finds them."""
    worlds = Worlds()
    before, after = _bootloader_runner(old, board, worlds), _bootloader_runner(new, board, worlds)
    if before is not None and after is not None:
        before.run_with(after)
    return (
        None if before is None else EffectiveConfig(old, board, before),
        None if after is None else EffectiveConfig(new, board, after),
    )


def _bootloader_runner(boot: Boot, board: Board, worlds: Worlds) -> Optional[Runner]:
    found = _eeprom(boot, board)
    if found is None:
        return None
    document, seam = found
    own = Document(document.source)
    own.lines = document.lines if seam is None else document.lines[: seam - 1]
    # The bootloader does not follow include.
    return Runner(worlds, board, Known(), lambda _name: None, own)


def _appendix(boot: Boot, board: Board) -> Optional[Appendix]:
    """The lines below ``[config.txt]`` in the EEPROM's configuration, where the boot tree has a copy of that.

    Source: documentation, ``raspberry-pi/eeprom-bootloader.adoc``, ``[config.txt]`` section: start4.elf appends it, in
    memory, to config.txt.
    """
    found = _eeprom(boot, board)
    if found is None or found[1] is None:
        return None
    return Appendix(found[0], found[1] + 1)


def _eeprom(boot: Boot, board: Board) -> Optional[Tuple[Document, Optional[int]]]:
    """The boot tree's copy of the EEPROM's configuration, and the number of its line ``[config.txt]``."""
    document = boot.document(boot.bootconf) if board.has_eeprom and boot.bootconf else None
    if document is None:
        return None
    return document, next((line.number for line in document.lines if line.text.strip() == SEAM), None)
