"""The data on settings: their form, and what the accessors and the rules make of them."""

import json
from typing import Any, Dict, List, Mapping

import pytest

from scmguard import assets, catalogue, rulebook
from scmguard.boot import Boot
from scmguard.effective.board import BOARDS
from scmguard.finding import Finding
from scmguard.folder import MemoryFolder
from scmguard.lint import Job, run

DATA: Dict[str, Any] = json.loads(assets.package_file("catalogue", "settings.json"))
SETTINGS: Dict[str, Dict[str, Any]] = DATA["settings"]
BOOK = rulebook.load()

KEYS = {
    "kind", "port", "repeatable", "form", "range", "clamped", "values", "unit", "boards", "irreversible", "burns",
    "deprecated", "replaced_by", "main_file_only", "file", "risk",
}  # fmt: skip
NAMES = set(BOARDS) | {board.soc for board in BOARDS.values()}


@pytest.mark.parametrize("name", SETTINGS)
def test_form(name: str) -> None:
    entry = SETTINGS[name]
    assert set(entry) <= KEYS
    assert entry["kind"] in ("int", "bool", "list", "file", "str")
    assert entry.get("form", "space") == "space"
    assert entry.get("risk", "boot") in ("boot", "clock", "eeprom", "otp")
    assert entry.get("burns", "rpiboot") in ("rpiboot", "uncertain")
    assert all(
        entry[flag] is True
        for flag in ("port", "repeatable", "clamped", "deprecated", "main_file_only")
        if flag in entry
    )
    assert set(entry.get("boards", ())) <= NAMES and entry.get("boards") != []
    assert entry.get("replaced_by", name) in SETTINGS
    assert ("burns" not in entry) or "irreversible" in entry
    assert ("irreversible" in entry) == (entry.get("risk") == "otp")
    if "range" in entry:
        low, high = entry["range"]
        assert entry["kind"] == "int" and "values" not in entry
        assert low is not None or high is not None
        assert low is None or high is None or low < high
    if "values" in entry:
        assert entry["kind"] == "int" and entry["values"] == sorted(set(entry["values"]))


def test_sorted_and_with_an_origin() -> None:
    assert list(SETTINGS) == sorted(SETTINGS)
    assert set(DATA) == {"origin", "settings", "clocks_origin", "clocks"}
    assert "2026" in DATA["origin"] and "documentation" in DATA["clocks_origin"]


def test_every_board_has_clocks_once() -> None:
    names = [name for row in DATA["clocks"] for name in row.split()]
    assert sorted(names) == sorted(BOARDS)
    for name in names:
        for key, (default, ceiling) in catalogue.clocks(name).items():
            known = catalogue.setting(key)
            assert known is not None and known.risk == "clock" and known.on(name, BOARDS[name].soc)
            assert 0 < default < ceiling
    assert catalogue.clocks("no-such-board") == {}


def test_accessors() -> None:
    assert catalogue.setting("no_such_setting") is None
    memory = catalogue.setting("gpu_mem")
    assert memory is not None and (memory.low, memory.high, memory.main_file_only) == (16, None, True)
    assert memory.on("cm4", "bcm2711") and not memory.on("cm5", "bcm2712")
    burned = catalogue.setting("program_usb_boot_mode")
    assert burned is not None and burned.burns == "boot" and not burned.on("cm4", "bcm2711")
    key = catalogue.setting("program_pubkey")
    assert key is not None and key.burns == "rpiboot"
    assert {"gpu_mem", "start_x", "start_file", "total_mem"} <= set(catalogue.settings_with("main_file_only"))


def found(rule: str, text: str, board: str = "cm4", parameters: Mapping[str, object] = {}) -> List[Finding]:
    job = Job((BOOK.rules[rule],), (BOARDS[board],), board, parameters)
    return run(job, Boot(MemoryFolder({"config.txt": text.encode()}))).findings


def test_a_profile_may_set_a_lower_ceiling() -> None:
    ceiling = {"clock-ceiling": {"arm_freq": 1500, "over_voltage": 0}}
    text = "arm_freq=1800\nover_voltage=2\ngpu_freq=600\n"
    assert found("overclock-out-of-range", text) == []
    said = [(one.span.line, one.severity, one.message) for one in found("overclock-out-of-range", text, "cm4", ceiling)]
    assert said == [
        (1, "no-boot", "arm_freq=1800 is above the ceiling that this profile sets: 1500"),
        (2, "no-boot", "over_voltage=2 is above the ceiling that this profile sets: 0"),
    ]
    for odd in ("high", {"arm_freq": "fast"}, [1], None):
        assert found("overclock-out-of-range", text, "cm4", {"clock-ceiling": odd}) == []


def test_severities_are_milder_where_less_is_at_stake() -> None:
    def severities(rule: str, text: str, board: str = "cm4") -> List[str]:
        return [one.severity for one in found(rule, text, board)]

    assert severities("overclock-out-of-range", "over_voltage=8\n") == ["degraded"]
    assert severities("overclock-out-of-range", "over_voltage=9\n") == ["no-boot"]
    assert severities("invalid-value", "enable_uart=on\n") == ["degraded"]
    assert severities("invalid-value", "enable_uart=off\n") == ["hygiene"]
    assert severities("invalid-value", "disable_overscan=yes\n") == ["hygiene"]
    assert severities("irreversible-setting", "program_usb_boot_mode=1\n", "pi3") == ["brick"]
    assert severities("irreversible-setting", "program_usb_boot_mode=1\n") == ["hygiene"]
    assert severities("irreversible-setting", "program_serial_random=1\n") == ["degraded"]
    assert severities("irreversible-setting", "force_turbo=1\nover_voltage=2\n", "pi3") == ["degraded"]


def test_a_recovery_folder_is_told_from_a_boot_partition() -> None:
    def severities(*names: str) -> List[str]:
        files = dict.fromkeys(names, b"x")
        files["config.txt"] = b"program_pubkey=1\n"
        job = Job((BOOK.rules["irreversible-setting"],), (BOARDS["cm4"],), "cm4", {})
        return [one.severity for one in run(job, Boot(MemoryFolder(files))).findings]

    assert severities("bootcode4.bin", "pieeprom.bin") == ["brick"]
    assert severities("recovery.bin", "pieeprom.upd") == ["brick"]
    assert severities("start4.elf", "kernel8.img") == ["hygiene"]
    assert severities() == ["degraded"]


def test_many_unknown_names_are_counted() -> None:
    text = "".join("unheard_of_{}=1\n".format(number) for number in range(3000))
    said = found("unknown-setting", text)
    assert len(said) == 41
    assert said[-1].message.startswith("2960 more names from here on")
    assert found("unknown-setting", "".join("word{} other\n".format(number) for number in range(3000))) == []


def test_odd_input_breaks_nothing() -> None:
    rules = (
        "unknown-setting", "invalid-value", "irreversible-setting", "bootloader-setting-in-include",
        "conflicting-values", "overclock-out-of-range", "display-setting-under-none",
    )  # fmt: skip
    digits = "9" * 5000
    text = "arm_freq={0}\nover_voltage=-{0}\ngpu_mem=0x{1}\nforce_turbo={0}\n{2}=1\n".format(
        digits, "f" * 400, "a" * 9000
    )
    text += (
        "enable_uart=\x00\ninitramfs ,\nkernel=\nhdmi_mode:99999999999=1\n[none]\nhdmi_mode:7=4\nprogram_pubkey={{x}}\n"
    )
    for rule in rules:
        for board in ("cm4", "pi3", "pi5"):
            assert all(one.rule != "internal-error" for one in found(rule, text, board))
