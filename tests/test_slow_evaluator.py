"""Tests of the slow evaluator, with expectations taken by hand from docs/evaluation.md."""

from __future__ import annotations

from typing import Any

import pytest

from tests.slow_evaluator import Result, SlowBoard, SlowCatalogue, evaluate

CM4 = SlowBoard("CM4", frozenset({"pi4", "cm4"}), "bcm2711", False, True, ("dwc_otg", None))
PI5 = SlowBoard("5", frozenset({"pi5"}), "bcm2712", True, False, ("none", None))
PLAIN: dict[str, Any] = {
    "bom": "skipped",
    "carriage-return": "ends-line",
    "long-line": "whole",
    "section-tail": "ignored",
    "section-padding": "trimmed",
    "section-case": "folded",
    "unknown-filter": "ignored",
    "none-scope": "sticky",
    "include-filters": "leak",
    "key-case": "folded",
    "spaces-around-equals": "accepted",
    "trailing-comment": "stripped",
    "trailing-space": "stripped",
    "space-form": "accepted",
    "equals-form": "accepted",
}


def overlay_map(name: str, soc: str) -> str | None:
    """A small overlay map."""
    if name == "blocked":
        return None
    return "upstream-pi4" if (name, soc) == ("upstream", "bcm2711") else name


CATALOGUE = SlowCatalogue(
    known_keys=frozenset(
        ("a", "b", "otg_mode", "device_tree", "hdmi_group", "include", "initramfs", "gpio")
        + ("dtoverlay", "dtparam", "device_tree_overlay")
    ),
    port_keys=frozenset({"hdmi_group"}),
    overlay_params={
        "dwc2": frozenset({"dr_mode", "g-rx-fifo-size"}),
        "disable-bt": frozenset(),
        "blocked": frozenset({"x"}),
    },
    base_params=frozenset({"audio", "spi"}),
    overlay_map=overlay_map,
    model_names=frozenset({"pi3", "pi3+", "pi4", "cm4", "pi5"}),
)


def run(config: str | bytes, *, board: SlowBoard = CM4, inc: str = "", **changes: Any) -> Result:
    """Evaluate one text; entries of `world` have their own names, those given by keyword have _ for -."""
    world = {**PLAIN, **changes.pop("world", {})}
    world.update({name.replace("_", "-"): value for name, value in changes.items()})
    data = config.encode() if isinstance(config, str) else config
    return evaluate({"config.txt": data, "inc.txt": inc.encode()}, "config.txt", board, world, CATALOGUE)


def value_of_a(config: str | bytes, **given: Any) -> str | None:
    """The winning value of the setting `a`."""
    return run(config, **given).settings.get(("a", 0))


def test_later_line_wins() -> None:
    assert value_of_a("a=1\na=2\n") == "2"


def test_bare_dwc2_after_host_is_otg() -> None:
    result = run("dtoverlay=dwc2,dr_mode=host\ndtoverlay=dwc2\n")
    assert result.usb == ("dwc2", "otg")
    assert result.overlays == [("dwc2", "dwc2", (("dr_mode", "host"),)), ("dwc2", "dwc2", ())]


def test_dtparam_changes_the_load_in_scope() -> None:
    result = run("dtoverlay=dwc2:dr_mode=host,foo,,g-rx-fifo-size=1\ndtparam=dr_mode=peripheral,audio\n")
    assert result.usb == ("dwc2", "peripheral")
    given = (("dr_mode", "peripheral"), ("foo", "true"), ("g-rx-fifo-size", "1"))
    assert result.overlays == [("dwc2", "dwc2", given)]
    assert result.base_params == (("audio", "true"),)


@pytest.mark.parametrize("between", ["disable-bt", "", "none"])
def test_dtparam_out_of_scope_goes_to_the_base(between: str) -> None:
    result = run(f"dtoverlay=dwc2\ndtoverlay={between}\ndtparam=dr_mode=host\n")
    assert result.usb == ("dwc2", "otg")
    assert result.base_params == (("dr_mode", "host"),)


def test_unknown_overlay_takes_what_the_base_does_not_know() -> None:
    result = run("dtoverlay=mine\ndtparam=audio=on,x=1\n")
    assert result.overlays == [("mine", "mine", (("x", "1"),))]
    assert result.base_params == (("audio", "on"),)


def test_blocked_overlay_still_holds_the_scope() -> None:
    assert run("dtoverlay=blocked\ndtparam=x=1").overlays == [("blocked", None, (("x", "1"),))]


def test_folder_and_ending_are_dropped() -> None:
    assert run("device_tree_overlay=overlays/dwc2.dtbo,dr_mode=host").usb == ("dwc2", "host")


def test_renamed_upstream_is_otg() -> None:
    result = run("dtoverlay=dwc2,dr_mode=host\ndtoverlay=upstream\n")
    assert result.overlays[1][:2] == ("upstream", "upstream-pi4")
    assert result.usb == ("dwc2", "otg")


def test_quotes_stay_and_protect_commas() -> None:
    result = run('dtoverlay=mine:dev="a,b",y')
    assert result.overlays == [("mine", "mine", (("dev", '"a,b"'), ("y", "true")))]


def test_empty_device_tree_switches_overlays_off() -> None:
    result = run("dtoverlay=dwc2\ndtparam=audio\ndevice_tree=\n")
    assert (result.overlays, result.base_params, result.usb) == ([], (), CM4.usb)


@pytest.mark.parametrize(("text", "xhci"), [("1", True), ("0x0", False), ("-1", True), ("1x", True), ("on", False)])
def test_otg_mode_is_read_as_c_reads_it(text: str, xhci: bool) -> None:
    assert (run(f"otg_mode={text}\ndtoverlay=dwc2").usb == ("xhci", "host")) is xhci


def test_otg_mode_does_nothing_on_pi5() -> None:
    assert run("otg_mode=1", board=PI5).usb == PI5.usb


@pytest.mark.parametrize(
    ("text", "world", "effective"),
    [
        ("[pi3]\n[cm4]", {}, True),
        ("[pi5]\n[gpio4=0]", {}, False),
        ("[gpio4=1]\n[gpio5=0]", {}, True),
        ("[none]\n[cm4]", {}, False),
        ("[none]\n[cm4]", {"none-scope": "model"}, True),
        ("[none]\n[wat]", {"none-scope": "model", "unknown-filter": "inactive"}, False),
        ("[none]\n[wat]\n[gpio4=0]\n[pi4]", {"none-scope": "model"}, True),
        ("[none]\n[all]", {}, True),
        ("[CM4]", {"section-case": "exact", "unknown-filter": "inactive"}, False),
        ("[CM4]", {"unknown-filter": "inactive"}, True),
        ("[pi5 ]", {}, False),
        ("[pi5 ]", {"section-padding": "unknown"}, True),
        ("[pi5] #", {}, False),
        ("[pi5] #", {"section-tail": "unknown"}, True),
        ("[0XaB]", {"serial": 0xAB, "section-case": "exact"}, True),
        ("[edid=Q-x]", {"EDID=Q-x": True}, True),
        ("[EDID=Q-x]", {"EDID=Q-X": True}, False),
        ("[tryboot]", {}, False),
        ("[partition&6]", {"partition": 9}, False),
        ("[partition&0xa=8]", {"partition": 9}, True),
        ("[boot_count<3]", {"boot_count": 3}, False),
        ("[cust_otp7>2]", {"cust_otp7": 3}, True),
        ("[board-type=20]", {"board-type": 0x14}, True),
        ("[HDMI:1]", {}, True),
    ],
)
def test_header(text: str, world: dict[str, Any], effective: bool) -> None:
    assert (value_of_a(f"{text}\na=1\n", world=world) == "1") is effective


def test_edid_is_an_unknown_filter_on_pi5() -> None:
    assert value_of_a("[EDID=X]\na=1", board=PI5) == "1"
    assert value_of_a("[EDID=X]\na=1", board=PI5, unknown_filter="inactive") is None


def test_ports_come_from_suffix_then_section() -> None:
    result = run("hdmi_group=1\n[HDMI:1]\nhdmi_group=2\nhdmi_group:0=3\na:4=5\n[all]\nhdmi_group=6\n")
    assert result.settings == {("hdmi_group", 0): "6", ("hdmi_group", 1): "2", ("a", 0): "5"}


def test_wrapped_comment_becomes_a_setting() -> None:
    line = "#" * 99 + "a=1"
    assert value_of_a(line) is None
    assert value_of_a(line, long_line="cut") is None
    assert value_of_a(line, long_line="wrap") == "1"


@pytest.mark.parametrize(("choice", "length"), [("whole", 97), ("cut", 96), ("wrap", 97)])
def test_line_of_99_bytes(choice: str, length: int) -> None:
    assert value_of_a("a=" + "x" * 97, long_line=choice) == "x" * length


def test_byte_order_mark() -> None:
    assert value_of_a(b"\xef\xbb\xbfa=1\nb=2") == "1"
    assert run(b"\xef\xbb\xbfa=1\nb=2", bom="text").settings == {("b", 0): "2"}


def test_carriage_returns() -> None:
    assert value_of_a("[cm4]\r\na=1\rb=2\r\n", carriage_return="text") == "1\rb=2\r"
    assert run("a=1\rb=2\r\n").settings == {("a", 0): "1", ("b", 0): "2"}


def test_bytes_that_are_not_utf8_are_kept() -> None:
    assert value_of_a(b"a=\xff\xc3\xa9") == "\udcff\xe9"


@pytest.mark.parametrize(
    ("line", "reading", "value"),
    [
        ("a =1", {"spaces-around-equals": "discarded"}, None),
        ("a =", {"spaces-around-equals": "discarded"}, None),
        ("a= ", {"spaces-around-equals": "discarded"}, ""),
        ("  a = 1", {}, "1"),
        ("a=1 # x", {}, "1"),
        ("a=1 # x ", {"trailing-comment": "kept"}, "1 # x"),
        ("a=1 ", {"trailing-space": "kept"}, "1 "),
        ("A=1", {}, "1"),
        ("A=1", {"key-case": "exact"}, None),
        ("a 1", {}, "1"),
        ("a 1", {"space-form": "ignored"}, None),
        ("a", {}, None),
    ],
)
def test_setting_line(line: str, reading: dict[str, Any], value: str | None) -> None:
    assert value_of_a(line, world=reading) == value


def test_initramfs_forms() -> None:
    assert run("initramfs x y", space_form="ignored").settings == {("initramfs", 0): "x y"}
    assert run("initramfs=x", equals_form="ignored").settings == {}


def test_headers_of_an_included_file() -> None:
    assert value_of_a("include inc.txt\na=1", inc="[pi5]\n") is None
    assert value_of_a("include inc.txt\na=1", inc="[pi5]\n", include_filters="restored") == "1"
    assert value_of_a("[pi5]\ninclude inc.txt\n[pi4]\na=1", inc="[none]") == "1"


def test_scope_survives_a_restored_include() -> None:
    result = run("include inc.txt\ndtparam=dr_mode=host", inc="dtoverlay=dwc2", include_filters="restored")
    assert result.usb == ("dwc2", "host")


def test_self_and_missing_includes_do_nothing() -> None:
    assert value_of_a("a=1\ninclude config.txt\ninclude nowhere.txt\n") == "1"


def test_nested_more_than_eight_deep_does_nothing() -> None:
    files = {f"{depth}": f"a={depth}\ninclude {depth + 1}\n".encode() for depth in range(12)}
    assert evaluate(files, "0", CM4, PLAIN, CATALOGUE).settings == {("a", 0): "8"}


def test_gpio_lines_accumulate() -> None:
    assert run("gpio=4=op\n[pi5]\ngpio=5=ip\n[all]\ngpio=4=ip\n").gpio == ["4=op", "4=ip"]


def test_tryboot_holds_while_tryboot_txt_is_evaluated() -> None:
    files = {"tryboot.txt": b"[tryboot]\na=1\n"}
    assert evaluate(files, "tryboot.txt", CM4, PLAIN, CATALOGUE).settings == {("a", 0): "1"}
