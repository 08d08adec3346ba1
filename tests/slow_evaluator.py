"""A slow and obvious evaluator for one world, from docs/evaluation.md (`# SPEC?`: the page leaves a choice)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable, NamedTuple, Optional

BOM = b"\xef\xbb\xbf"
BLANKS = " \t"
KEY = r"([A-Za-z0-9_.\-]+)(?::([0-9]+))?"
NUMBER = r"(0[xX][0-9a-fA-F]+|[0-9]+)"
ARGUMENT = r"(partition|boot_partition|boot_arg1|boot_count|bootvar0|cust_otp[0-7]|board_attributes)"
CLASSES = ("model", "none", "serial", "EDID", "GPIO", "tryboot", "expression")
# Name as written, name after the overlay map, parameters (a dict keeps the place of the first use).
Load = tuple[str, Optional[str], dict[str, str]]


class SlowBoard(NamedTuple):
    """What the evaluation needs to know of one board."""

    name: str
    filters: frozenset[str]
    soc: str
    pi5_family: bool
    otg_mode_applies: bool
    usb: tuple[str, str | None]


class SlowCatalogue(NamedTuple):
    """What the evaluation needs to know of the catalogues."""

    known_keys: frozenset[str]
    port_keys: frozenset[str]
    overlay_params: dict[str, frozenset[str]]
    base_params: frozenset[str]
    overlay_map: Callable[[str, str], str | None]
    model_names: frozenset[str]


class Result(NamedTuple):
    """What is in effect at the end."""

    settings: dict[tuple[str, int], str]
    overlays: list[tuple[str, str | None, tuple[tuple[str, str], ...]]]
    base_params: tuple[tuple[str, str], ...]
    gpio: list[str]
    usb: tuple[str, str | None]


def to_lines(data: bytes, world: dict[str, Any]) -> list[str]:
    """From bytes to lines."""
    has_bom = data.startswith(BOM)
    data = data[len(BOM) :] if has_bom else data
    lines = re.split(rb"\r\n|\n|\r", data)
    if world["carriage-return"] == "text":
        lines = data.split(b"\n")
    if has_bom and world["bom"] == "text":
        # SPEC? The mark counts for the length of the line, and when the line is wrapped only the
        # first piece (the one with the mark) is no statement. U+FEFF matches no form below.
        lines[0] = BOM + lines[0]
    pieces: list[bytes] = []
    for line in lines:
        if len(line) <= 98 or world["long-line"] == "whole":
            pieces.append(line)
        elif world["long-line"] == "cut":
            pieces.append(line[:98])
        else:
            pieces.extend(line[i : i + 99] for i in range(0, len(line), 99))
    return [piece.decode("utf-8", "surrogateescape") for piece in pieces]


def c_integer(text: str) -> int:
    """A number as C reads it."""
    match = re.match(r"[+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+)", text)  # SPEC? any size, no space in front
    digits = match.group(0) if match else "0"
    return int(digits, 16 if "x" in digits.lower() else 10)


def split_parameters(text: str) -> list[tuple[str, str]]:
    """Parameters separated by commas that are not between double quotes."""
    parameters = []
    # A part is anything but commas, or a pair of quotes with anything between them.
    for part in re.findall(r'(?:[^",]|"[^"]*"?)+', text):  # SPEC? a quote left open holds to the end
        name, equals, value = part.partition("=")  # SPEC? `=x` is a parameter of empty name
        parameters.append((name, value if equals else "true"))
    return parameters


def fold_header(text: str) -> str:
    """A header in the case its documented spelling has."""
    for prefix in ("EDID=", "HDMI:"):
        if text[:5].lower() == prefix.lower():
            return prefix + text[5:]
    return text.lower()


@dataclass
class Run:
    """One evaluation under way."""

    files: dict[str, bytes]
    start: str
    board: SlowBoard
    world: dict[str, Any]
    catalogue: SlowCatalogue
    applies: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(CLASSES, True))
    port: int = 0
    running: list[str] = field(default_factory=list)
    settings: dict[tuple[str, int], str] = field(default_factory=dict)
    loads: list[Load] = field(default_factory=list)
    scope: Load | None = None
    base: dict[str, str] = field(default_factory=dict)
    gpio: list[str] = field(default_factory=list)

    def run_file(self, name: str) -> None:
        """Run every line of a file."""
        self.running.append(name)
        for line in to_lines(self.files[name], self.world):
            self.run_line(line.lstrip(BLANKS))
        self.running.pop()

    def run_appended(self) -> None:
        """Run what the EEPROM appends."""
        name = next((each for each in ("bootconf.txt", "boot.conf") if each in self.files), None)
        if name is None or self.board.soc not in ("bcm2711", "bcm2712"):
            return
        if self.board.pi5_family and self.world["eeprom-section"] == "ignored":
            return
        if self.world["eeprom-filters"] == "reset":
            self.applies, self.port = dict.fromkeys(CLASSES, True), 0
        self.running.append(name)
        # The seam is a line by any reading of line ends; what is below it has its own readings.
        match = re.search(rb"(?:\A|[\r\n])[ \t]*\[config\.txt\][ \t]*(?:\r\n|\r|\n|\Z)", self.files[name])
        # A byte order mark there is none: it does not stand at the start of a file.
        for line in to_lines(b"\n" + self.files[name][match.end() :], self.world)[1:] if match else []:
            self.run_line(line.lstrip(BLANKS))
        self.running.pop()

    def run_line(self, line: str) -> None:
        """Run one line, which has no blanks in front."""
        if line == "" or line.startswith("#"):
            return
        header = re.fullmatch(r"\[([^\]]*)\](.*)", line)  # SPEC? `[]` is a header
        if header:
            self.run_header(header.group(1), header.group(2).rstrip(BLANKS + "\r"))
            return
        if not all(self.applies.values()):
            return
        setting = re.fullmatch(KEY + r"([ \t]*)=([ \t]*)(.*)", line)
        if setting:
            key, port, before, after, value = setting.groups()
            spaced = before != "" or (after != "" and value != "")
            if spaced and self.world["spaces-around-equals"] == "discarded":
                return
            self.run_setting(key, port, value, written_with_equals=True)
            return
        directive = re.fullmatch(KEY + r"[ \t]+([^= \t].*)", line)
        if directive:
            key, port, value = directive.groups()
            self.run_setting(key, port, value, written_with_equals=False)

    def run_header(self, text: str, tail: str) -> None:
        """Recognise a header and change the state."""
        bare = text.strip(BLANKS)
        what, value = self.header_effect(bare)
        if what == "unknown" and self.world["section-case"] == "folded":
            what, value = self.header_effect(fold_header(bare))
        if tail != "" and self.world["section-tail"] == "unknown":
            what = "unknown"
        if text != bare and self.world["section-padding"] == "unknown":
            what = "unknown"
        if what == "unknown":
            if self.world["unknown-filter"] == "ignored":
                return
            what, value = "model", False
        if what == "all":
            self.applies = dict.fromkeys(CLASSES, True)
            self.port = 0
        elif what == "port":
            self.port = value
        else:
            self.applies[what] = bool(value)
        if what == "model" and self.world["none-scope"] == "model":
            self.applies["none"] = True

    def header_effect(self, text: str) -> tuple[str, int]:
        """The class that a header sets, and whether that applies."""
        if text == "all":
            return "all", True
        if text == "none":
            return "none", False
        if text in ("HDMI:0", "HDMI:1"):
            return "port", int(text[5:])
        if text == "tryboot":  # SPEC? "while tryboot.txt is evaluated" means that it is the start
            return "tryboot", self.start == "tryboot.txt" or self.world.get("tryboot", False)
        if text in self.catalogue.model_names:
            return "model", text in self.board.filters
        # SPEC? A number in a header has to be decimal or hexadecimal digits to its end, without a
        # sign: the rule that ignores what follows ("Integers") is for values of settings.
        match = re.fullmatch("board-type=" + NUMBER, text)
        if match:
            return "model", self.world.get("board-type", 0) == c_integer(match.group(1))
        if re.fullmatch("0[xX][0-9a-fA-F]+", text):
            return "serial", self.world.get("serial", 0) == c_integer(text)
        match = re.fullmatch("gpio([0-9]+)=([01])", text)
        if match:  # SPEC? `[gpio04=1]` is about pin 4; any number is a pin
            return "GPIO", self.world.get(f"gpio{int(match.group(1))}", 0) == int(match.group(2))
        if re.fullmatch("EDID=.+", text) and not self.board.pi5_family:  # SPEC? `[EDID=]` is unknown
            return "EDID", self.world.get(text, False)
        match = re.fullmatch(ARGUMENT + "([=<>&])" + NUMBER, text)
        if match:
            left, right = self.world.get(match.group(1), 0), c_integer(match.group(3))
            answers = {"=": left == right, "<": left < right, ">": left > right, "&": left & right != 0}
            return "expression", answers[match.group(2)]
        match = re.fullmatch(ARGUMENT + "&" + NUMBER + "=" + NUMBER, text)
        if match:
            masked = self.world.get(match.group(1), 0) & c_integer(match.group(2))
            return "expression", masked == c_integer(match.group(3))
        return "unknown", False

    def run_setting(self, key: str, port: str | None, value: str, written_with_equals: bool) -> None:
        """Run an effective setting or directive, from step 2 on."""
        if "#" in value and self.world["trailing-comment"] == "stripped":
            value = value[: value.index("#")].rstrip(BLANKS)  # SPEC? `include #x` names no file
        elif self.world["trailing-space"] == "stripped":
            value = value.rstrip(BLANKS)
        if key not in self.catalogue.known_keys and self.world["key-case"] == "folded":
            others = [k for k in self.catalogue.known_keys if k.lower() == key.lower()]
            if len(others) == 1:
                key = others[0]
        if key in ("initramfs", "include"):
            if written_with_equals and self.world["equals-form"] == "ignored":
                return
        elif not written_with_equals and self.world["space-form"] == "ignored":
            return
        if key == "include":
            self.include(value)
        elif key in ("dtoverlay", "device_tree_overlay"):
            self.overlay(value)
        elif key in ("dtparam", "device_tree_param"):
            for name, text in split_parameters(value):
                self.parameter(name, text)
        elif key == "gpio":
            self.gpio.append(value)  # SPEC? an empty one too
        elif key in self.catalogue.port_keys:
            self.settings[key, self.port if port is None else int(port)] = value
        else:
            self.settings[key, 0] = value

    def include(self, name: str) -> None:
        """Run another file here."""
        # SPEC? File names are compared exactly, although a FAT folds their case. The start file is
        # nested 0 deep, so eight files below it may be under way.
        if name not in self.files or name in self.running or len(self.running) > 8:
            return
        before = (dict(self.applies), self.port)
        self.run_file(name)
        if self.world["include-filters"] == "restored":
            self.applies, self.port = before

    def overlay(self, value: str) -> None:
        """Load an overlay, or end the scope."""
        name, *rest = re.split("[,:]", value, maxsplit=1)
        # SPEC? Folder and ending go first, for both keys, so `overlays/none.dtbo` is `none`; only
        # `.dtbo` is an ending.
        name = name.rpartition("/")[2]
        name = name.removesuffix(".dtbo")
        if name in ("", "none"):
            self.scope = None
            return
        parameters = dict(split_parameters("".join(rest)))
        self.scope = (name, self.catalogue.overlay_map(name, self.board.soc), parameters)
        self.loads.append(self.scope)

    def parameter(self, name: str, text: str) -> None:
        """Give a parameter of a dtparam line to the overlay in scope or to the base."""
        target = self.base
        if self.scope is not None:
            written, resolved, parameters = self.scope
            # SPEC? The catalogue is asked for the renamed overlay; for the written one if blocked.
            known = self.catalogue.overlay_params.get(resolved or written)
            if known is None and name not in self.catalogue.base_params or known is not None and name in known:
                target = parameters
        target[name] = text

    def usb(self) -> tuple[str, str | None]:
        """The USB controller and its mode as stored."""
        # SPEC? `otg_mode` counts without a device tree too, and the base is as the board has it.
        if self.board.otg_mode_applies and c_integer(self.settings.get(("otg_mode", 0), "")) != 0:
            return ("xhci", "host")
        usb = self.board.usb
        for _, overlay, parameters in self.loads:
            if overlay == "dwc2":
                usb = ("dwc2", parameters.get("dr_mode", "otg"))
            elif overlay in ("upstream", "upstream-pi4"):
                usb = ("dwc2", "otg")
            elif overlay in ("dwc-otg", "dwc-otg-deprecated"):
                usb = ("dwc_otg", None)
        return usb


def evaluate(
    files: dict[str, bytes], start: str, board: SlowBoard, world: dict[str, Any], catalogue: SlowCatalogue
) -> Result:
    """Evaluate a boot tree for one board in one world."""
    run = Run(files, start, board, world, catalogue)
    if start in files:
        run.run_file(start)
    if start in ("config.txt", "tryboot.txt"):
        run.run_appended()
    # SPEC? `device_tree` is as it ends, whatever it was when an overlay line was read.
    if run.settings.get(("device_tree", 0)) == "":
        run.loads, run.base = [], {}
    overlays = [(name, to, tuple(given.items())) for name, to, given in run.loads]
    return Result(run.settings, overlays, tuple(run.base.items()), run.gpio, run.usb())
