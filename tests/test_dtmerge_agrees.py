"""What this project takes for a parameter is one for Raspberry Pi's own merge engine, and nothing else is.

The engine is ``dtmerge`` of raspberrypi/utils: the program that SCMGUARD_DTMERGE names, or the one on PATH.
SCMGUARD_OVERLAYS may name folders (as PATH does) with compiled overlays (``.dtbo``) and base trees (``.dtb``) of a
real system; without it only the overlays in this file are compared.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

import pytest

from scmguard import fdt

DTC = shutil.which("dtc")
DTMERGE = shutil.which(os.environ.get("SCMGUARD_DTMERGE") or "dtmerge")
FOLDERS = [folder for folder in os.environ.get("SCMGUARD_OVERLAYS", "").split(os.pathsep) if folder]

pytestmark = pytest.mark.skipif(DTMERGE is None, reason="no dtmerge: name one in SCMGUARD_DTMERGE")
needs_dtc = pytest.mark.skipif(DTC is None, reason="no dtc on PATH (package device-tree-compiler)")
needs_overlays = pytest.mark.skipif(not FOLDERS, reason="no real overlays: name folders of them in SCMGUARD_OVERLAYS")

BASE = """/dts-v1/;
/ {
	compatible = "raspberrypi,4-compute-module", "brcm,bcm2711";
	aliases { i2c = "/soc/i2c@7e804000"; };
	soc {
		#address-cells = <1>;
		#size-cells = <1>;
		i2c_arm: i2c1: i2c@7e804000 { #address-cells = <1>; #size-cells = <0>; status = "disabled"; };
		i2c0: i2c@7e205000 { #address-cells = <1>; #size-cells = <0>; clock-frequency = <100000>; };
		audio: audio@0 { status = "disabled"; };
	};
	__overrides__ {
		i2c0 = <&i2c0>,"status";
		i2c0_baudrate = <&i2c0>,"clock-frequency:0";
		audio = <&audio>,"status";
		none;
	};
};
"""
OLD_BASE = BASE.replace('i2c = "/soc/i2c@7e804000";', "")

# Every kind of override that the engine's source has, and some that it knows but cannot set.
OVERLAY = """/dts-v1/;
/plugin/;
/ {
	compatible = "brcm,bcm2835";
	frag0: fragment@0 {
		target = <&i2c_arm>;
		__overlay__ {
			#address-cells = <1>;
			#size-cells = <0>;
			status = "okay";
			dev: dev@48 { reg = <0x48>; label = "x"; wide = [00 01 02 03 04 05 06 07]; mac = [00 00]; num = <0>; };
			other: other@49 { reg = <0x49>; flag; bootargs = "a=b"; };
		};
	};
	fragment@1 { target-path = "/"; __dormant__ { extra {}; }; };
	fragment-2 { target-path = "/"; __overlay__ { more {}; }; };
	__overrides__ {
		addr = <&dev>,"reg:0";
		byte = <&dev>,"wide.1";
		half = <&dev>,"wide;2";
		cell = <&dev>,"wide:4";
		quad = <&dev>,"wide#0";
		missing = <&dev>,"not-there:4";
		text = <&dev>,"label";
		bytes = <&dev>,"mac[";
		flag = <&other>,"flag?";
		noflag = <&other>,"flag!";
		fixed = <&other>,"flag?=0";
		rename = <&dev>,"name";
		reg = <&dev>,"reg:0", <&other>,"reg:4";
		status = <&frag0>,"status";
		bootargs = <&other>,"bootargs";
		enable = <0>,"+1";
		disable = <0>,"-2";
		toggle = <0>,"=1!2";
		both = <0>,"+1-0";
		lookup = <&dev>,"label{1=one,b='two, three'}";
		lookup_default = <&dev>,"label{a=one,=other}";
		lookup_cell = <&dev>,"num:0{a=1,1=2}";
		lookup_plain = <&dev>,"label{0,1,2}";
		literal = <&dev>,"label=fixed";
		literal_cell = <&dev>,"num:0=",<&other>;
		literal_path = <&dev>,"label=","/soc";
		i2c0 = <&frag0>,"target:0=",<&i2c0>;
		i2c-path = <&frag0>,"target?=0", <&frag0>,"target-path";
		24db_digital_gain = <&dev>,"gain?";
		Mixed_Case = <&dev>,"label";
		empty;
		empty_string = "";
		short = [00 00];
		unterminated = [00 00 00 01 61];
		dangling = <0x7777>,"label";
		no_match = <&dev>,"label{a=one,b=two}";
		bad_fragment = <0>,"=7";
		bad_toggle = <0>,"x1";
	};
};
"""
REFUSED = {"empty_string", "short", "unterminated", "dangling", "no_match", "bad_fragment", "bad_toggle"}
VALUES = {"bytes": "0a:0b", "i2c-path": "/soc"}
NO_OVERRIDES = '/dts-v1/;\n/plugin/;\n/ { fragment@0 { target-path = "/"; __overlay__ { x; }; }; };\n'

MAP = """/dts-v1/;
/ {
	stays { bcm2835; bcm2711; };
	goes { bcm2711 = "target"; };
	goes-with { bcm2711 = "target,is_target=1"; renamed = "stays"; deprecated = "no"; };
	goes-on { bcm2711 = "goes"; };
	moved { bcm2835; renamed = "target"; deprecated = "no"; };
	moved-on { renamed = "moved"; };
	gone { bcm2835; deprecated = "use target"; };
	elsewhere { bcm2835; bcm2712 = "target"; };
	nowhere { };
};
"""


def compiled(folder: Path, name: str, text: str) -> Path:
    assert DTC is not None
    command = [DTC, "-q", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", str(folder / name), "-"]
    subprocess.run(command, input=text.encode(), check=True, timeout=60)
    return folder / name


class Engine:
    """Asks dtmerge. Overlays are asked about in a folder of their own, so that no overlay map is beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = 0

    def answer(self, base: Path, overlay: Optional[Path], *parameters: str) -> Tuple[int, bool]:
        """The exit status, and whether it said of a parameter that it does not know it."""
        assert DTMERGE is not None
        command = [DTMERGE, str(base), str(self.folder / "merged.dtb"), str(overlay) if overlay else "-", *parameters]
        done = subprocess.run(command, capture_output=True, timeout=60)
        self.asked += 1
        return done.returncode, b"* unknown param '" in done.stdout

    def knows(self, base: Path, overlay: Optional[Path], parameter: str) -> bool:
        return not self.answer(base, overlay, parameter + "=1")[1]


def near(names: List[str]) -> List[str]:
    """The names, and others that are close to each of them."""
    found = {"", "no-such", "name", "phandle", "status", "__overrides__"}
    for name in names:
        found.update((name, name[:-1], name[1:], name + "0", name.upper(), name.lower(), name.replace("_", "-")))
    return sorted(name for name in found if "=" not in name and "\0" not in name)


def disagreements(engine: Engine, base: Path, overlay: Optional[Path]) -> Iterator[str]:
    known = set(fdt.base_parameters(fdt.parse(base.read_bytes())))
    own = set(fdt.parameters(fdt.parse(overlay.read_bytes()))) if overlay else known
    for name in near(sorted(own)):
        if engine.knows(base, overlay, name) != (name in own | known):
            yield "{} {} {!r}".format(base.name, overlay.name if overlay else "-", name)


@needs_dtc
def test_every_kind_of_override(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    base, overlay = compiled(tmp_path, "base.dtb", BASE), compiled(tmp_path, "kinds.dtbo", OVERLAY)
    own = fdt.parameters(fdt.parse(overlay.read_bytes()))
    assert set(own) > REFUSED
    assert list(disagreements(engine, base, overlay)) == []
    works = {name for name in own if engine.answer(base, overlay, name + "=" + VALUES.get(name, "1"))[0] == 0}
    assert set(own) - works == REFUSED


@needs_dtc
@pytest.mark.parametrize("text", [BASE, OLD_BASE, NO_OVERRIDES])
def test_base_trees(tmp_path: Path, text: str) -> None:
    engine = Engine(tmp_path)
    base = compiled(tmp_path, "base.dtb", text)
    assert list(disagreements(engine, base, None)) == []
    for overlay in (compiled(tmp_path, "none.dtbo", NO_OVERRIDES), None):
        for name in ("i2c", "i2c0", "i2c1", "i2c_arm", "i2c_vc", "i2c_baudrate", "i2c_arm_baudrate", "none", "audio"):
            expected = name in fdt.base_parameters(fdt.parse(base.read_bytes()))
            assert engine.knows(base, overlay, name) == expected, name


@needs_dtc
def test_overrides_below_a_unit_address(tmp_path: Path) -> None:
    base = compiled(tmp_path, "base.dtb", BASE)
    overlay = compiled(tmp_path, "odd.dtbo", OVERLAY.replace("__overrides__ {", "__overrides__@0 {"))
    assert "addr" in fdt.parameters(fdt.parse(overlay.read_bytes()))
    assert list(disagreements(Engine(tmp_path), base, overlay)) == []


@needs_dtc
@pytest.mark.parametrize("soc", ["bcm2835", "bcm2711", "bcm2712"])
def test_overlay_map(tmp_path: Path, soc: str) -> None:
    """Which overlay the engine takes is told by a parameter that only that one has."""
    engine = Engine(tmp_path)
    base = compiled(tmp_path, "base.dtb", BASE.replace("bcm2711", soc))
    table = fdt.overlay_map(fdt.parse(compiled(tmp_path, "overlay_map.dtb", MAP).read_bytes()))
    names = [*table, "target", "unmapped"]
    for name in names:
        own = '__overrides__ { is_NAME = <0>,"=0"; };'.replace("NAME", name)
        compiled(tmp_path, name + ".dtbo", NO_OVERRIDES.replace("/ {", "/ { " + own))
    for name in names:
        # The SoC first, then the new name, then the end; none of them is looked up once more.
        entry = table.get(name, {soc: True})
        target = entry.get(soc, entry.get("renamed"))
        expected = None if target is None else name if target is True else str(target).split(",")[0]
        taken = [one for one in names if engine.answer(base, tmp_path / (name + ".dtbo"), "is_" + one)[0] == 0]
        assert taken == ([] if expected is None else [expected]), name


def real() -> Dict[str, List[Path]]:
    found: Dict[str, List[Path]] = {".dtb": [], ".dtbo": []}
    for folder in FOLDERS:
        for path in sorted(Path(folder).iterdir()):
            if path.suffix in found:
                found[path.suffix].append(path)
    return found


@needs_overlays
def test_real_base_trees(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    wrong = [line for base in real()[".dtb"] for line in disagreements(engine, base, None)]
    print("{} base trees, {} questions".format(len(real()[".dtb"]), engine.asked))
    assert wrong == []


@needs_overlays
def test_real_overlays(tmp_path: Path) -> None:
    """Each on the first base tree that it fits; the engine asks for parameters only when it has found all labels."""
    engine = Engine(tmp_path)
    bases = [base for base in real()[".dtb"] if fdt.parameters(fdt.parse(base.read_bytes()))]
    wrong: List[str] = []
    compared, unfit, parameters = 0, [], 0
    for path in real()[".dtbo"]:
        overlay = Path(shutil.copy(path, tmp_path))
        base = next((one for one in bases if engine.answer(one, overlay)[0] == 0), None)
        if base is None:
            unfit.append(path.name)
            continue
        bases.sort(key=lambda one: one != base)
        compared += 1
        parameters += len(fdt.parameters(fdt.parse(overlay.read_bytes())))
        wrong += disagreements(engine, base, overlay)
    print("{} overlays, {} parameters, {} questions".format(compared, parameters, engine.asked))
    print("on no base tree: {}".format(" ".join(unfit) or "none"))
    assert wrong == [] and compared
