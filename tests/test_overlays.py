"""What the boot tree's own overlays, overlay map and device trees say goes before the catalogue."""

from typing import Any, Dict, List, Mapping, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scmguard.boot import Boot
from scmguard.effective import evaluate
from scmguard.effective.board import BOARDS
from scmguard.effective.config import EffectiveConfig
from scmguard.examples import boot_of

X = {"parameters": ["x"]}


def boot(files: Mapping[str, Any]) -> Boot:
    return boot_of({"files": files})


def where(found: EffectiveConfig, parameter: str) -> List[str]:
    """Where a parameter went: overlays by name, and ``base``."""
    run = found.run
    places = [load.name for load in run.loads if any(one.name == parameter for one in load.parameters)]
    return places + ["base" for one in run.base if one.name == parameter]


@pytest.mark.parametrize(
    "own, expected",
    [(None, ["base"]), (["dr_mode"], ["base"]), (["dr_mode", "spi"], ["dwc2"])],
    ids=["the catalogue's dwc2 has no spi", "neither has the tree's", "the tree's has one"],
)
def test_a_parameter_goes_where_the_overlay_file_says(own: Optional[List[str]], expected: List[str]) -> None:
    files = {} if own is None else {"overlays/dwc2.dtbo": {"parameters": own}}
    found = evaluate(boot({"config.txt": "dtoverlay=dwc2\ndtparam=spi=on\n", **files}), BOARDS["cm4"])
    assert where(found, "spi") == expected


def test_an_overlay_that_no_catalogue_knows_takes_what_its_file_has() -> None:
    files = {"overlays/acme.dtbo": {"parameters": ["audio"]}, "config.txt": "dtoverlay=acme\ndtparam=audio,spi\n"}
    found = evaluate(boot(files), BOARDS["cm4"])
    assert (where(found, "audio"), where(found, "spi")) == (["acme"], ["base"])


def test_the_usb_controller_follows_the_files() -> None:
    """A tree whose dwc2 overlay has no dr_mode cannot be brought into host mode by that line's neighbour."""
    text = "dtoverlay=dwc2\ndtparam=dr_mode=host\n"
    assert [usb.dr_mode for _, usb in evaluate(boot({"config.txt": text}), BOARDS["cm4"]).usb] == ["host"]
    found = evaluate(boot({"config.txt": text, "overlays/dwc2.dtbo": X}), BOARDS["cm4"])
    assert [usb.dr_mode for _, usb in found.usb] == ["otg"]


@pytest.mark.parametrize(
    "files, resolved",
    [
        ({}, "disable-bt-pi5"),
        ({"overlays/x.dtbo": X}, "disable-bt"),
        ({"overlays/x.dtbo": X, "overlays/overlay_map.dtb": {"map": {"disable-bt": {"bcm2712": "x"}}}}, "x"),
        ({"overlays/x.dtbo": X, "overlays/overlay_map.dtb": {"map": {"disable-bt": {"bcm2711": True}}}}, None),
        ({"overlays/overlay_map.dtb": {"map": {"disable-bt": {"bcm2712": "x"}}}}, "disable-bt-pi5"),
    ],
    ids=["catalogue", "overlays without a map load literally", "own map", "not for the SoC", "a map without overlays"],
)
def test_the_map_that_counts(files: Dict[str, Any], resolved: Optional[str]) -> None:
    found = evaluate(boot({"config.txt": "dtoverlay=disable-bt\n", **files}), BOARDS["pi5"])
    assert [load.resolved for load in found.run.loads] == [resolved]


def test_the_soc_is_asked_for_before_a_new_name() -> None:
    both = {"old": {"bcm2711": True, "renamed": "new"}, "gone": {"bcm2711": "kept", "deprecated": "why"}}
    files = {"config.txt": "dtoverlay=old\ndtoverlay=gone\n", "overlays/x.dtbo": X}
    found = evaluate(boot({**files, "overlays/overlay_map.dtb": {"map": both}}), BOARDS["cm4"])
    assert [load.resolved for load in found.run.loads] == ["old", "kept"]


def test_a_target_of_the_map_is_not_looked_up_again_and_may_bring_parameters() -> None:
    table = {"a": {"renamed": "b,c=1"}, "b": {"deprecated": "gone"}, "c": {"bcm2711": "a"}}
    files = {
        "config.txt": "dtoverlay=a\ndtoverlay=c\n",
        "overlays/x.dtbo": X,
        "overlays/overlay_map.dtb": {"map": table},
    }
    assert [load.resolved for load in evaluate(boot(files), BOARDS["cm4"]).run.loads] == ["b", "a"]


@pytest.mark.parametrize(
    "lines, readme, present",
    [
        ("", False, False),
        ("os_prefix=v1/\n", False, False),
        ("os_prefix=v1/\n", True, True),
        ("[pi5]\nos_prefix=v1/\n[all]\n", True, False),
        ("overlay_prefix=v1/overlays/\n", False, True),
        ("[gpio4=1]\nos_prefix=v1/\n[all]\n", True, None),
    ],
    ids=[
        "no prefix",
        "without its README",
        "with its README",
        "on another board",
        "overlay_prefix",
        "depends on a pin",
    ],
)
def test_prefixes(lines: str, readme: bool, present: Optional[bool]) -> None:
    files: Dict[str, Any] = {"config.txt": lines, "overlays/y.dtbo": X, "v1/overlays/x.dtbo": X}
    if readme:
        files["v1/overlays/README"] = "x"
    assert evaluate(boot(files), BOARDS["cm4"]).overlay_present("x") is present


def test_base_parameters_are_those_of_the_board_s_device_tree() -> None:
    tree = {"parameters": ["new_one"]}
    files = {"config.txt": "", "bcm2711-rpi-cm4.dtb": tree, "bcm2711-rpi-4-b.dtb": {"parameters": ["other"]}}
    overlays = evaluate(boot(files), BOARDS["cm4"]).overlays
    assert overlays.base_known and overlays.base_has("new_one") and not overlays.base_has("spi")
    named = dict(files, **{"config.txt": "device_tree=bcm2711-rpi-4-b.dtb\n"})
    assert evaluate(boot(named), BOARDS["cm4"]).overlays.base_has("other")
    assert not evaluate(boot({"config.txt": ""}), BOARDS["cm4"]).overlays.base_known


def test_a_damaged_overlay_is_not_loaded_and_a_damaged_map_is_said() -> None:
    files = {
        "config.txt": "dtoverlay=dwc2,dr_mode=host\n",
        "overlays/dwc2.dtbo": "\xd0\r\xfe\xed",
        "overlays/x.dtbo": X,
    }
    tree = boot({**files, "overlays/overlay_map.dtb": "no map"})
    found = evaluate(tree, BOARDS["cm4"])
    assert found.loads == [] and found.usb.at({}).controller == "none"
    assert list(found.overlays.damaged) == ["dwc2"]
    assert [problem.path for problem in tree.problems] == ["overlays/overlay_map.dtb"]


@given(st.binary(max_size=400), st.binary(max_size=400), st.binary(max_size=400))
def test_whatever_is_in_the_files_a_configuration_comes_of_it(overlay: bytes, table: bytes, base: bytes) -> None:
    tree = boot({"config.txt": "dtoverlay=dwc2\ndtparam=dr_mode=host,spi\n", "overlays/x.dtbo": X})
    tree.files.files.update(  # type: ignore[attr-defined]
        {"overlays/dwc2.dtbo": overlay, "overlays/overlay_map.dtb": table, "bcm2711-rpi-cm4.dtb": base}
    )
    found = evaluate(tree, BOARDS["cm4"])
    assert found.overlay_present("x") and len(found.run.loads) == 1


def test_the_eeprom_s_lines_come_last() -> None:
    text, eeprom = "dtoverlay=dwc2,dr_mode=host\n", "[all]\nBOOT_ORDER=0xf41\n[config.txt]\n[pi4]\notg_mode=1\n"
    for name in ("bootconf.txt", "boot.conf"):
        found = evaluate(boot({"config.txt": text, name: eeprom}), BOARDS["cm4"])
        assert found.text("otg_mode").at({}) == "1" and found.usb.at({}).controller == "xhci"
        winner = found.outcome("otg_mode").at({})
        assert winner is not None and (winner.place.path, winner.place.line) == (name, 5)
    assert (
        evaluate(boot({"config.txt": text, "bootconf.txt": eeprom}), BOARDS["pi3"]).outcome("otg_mode").at({}) is None
    )


def test_whether_filters_hold_on_in_the_eeprom_s_lines_is_a_reading() -> None:
    found = evaluate(boot({"config.txt": "[pi5]\n", "bootconf.txt": "[config.txt]\notg_mode=1\n"}), BOARDS["cm4"])
    assert found.outcome("otg_mode").where(lambda one: one is not None) == found.reading("eeprom-filters", "reset")
    plain = evaluate(boot({"config.txt": "[all]\n", "bootconf.txt": "[config.txt]\notg_mode=1\n"}), BOARDS["cm4"])
    assert plain.worlds.variables == []
