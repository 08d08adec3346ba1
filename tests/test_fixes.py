"""What each fixer makes of a fault, and what it leaves alone, by hand: the files before and behind it."""

from typing import Any, Dict, List, Optional, Tuple

import pytest

from scmguard.boot import Boot
from scmguard.effective.board import BOARDS
from scmguard.finding import Finding
from scmguard.fixes import TOPICS, fixer
from scmguard.fixes.mend import Mended, mend, with_fixes
from scmguard.folder import MemoryFolder
from scmguard.lint import run as lint
from scmguard.packages.future import edited
from scmguard.text import encode
from tests.fuzz_fixes import job_of
from tests.places import needs_corpus

WANTED = "[all]\ndtoverlay=dwc2,dr_mode=host\n"
X98 = "x" * 98


def mended(
    rule: str,
    files: Dict[str, str],
    profile: str = "scm",
    boards: Tuple[str, ...] = (),
    unsafe: bool = False,
    single: str = "",
    start: str = "config.txt",
) -> Mended:
    def wanted(finding: Finding) -> bool:
        return finding.rule == rule

    data = {name: encode(text) for name, text in files.items()}
    return mend(job_of(profile, boards), Boot(MemoryFolder(data), single=single, start=start), unsafe, wanted)


def fixed(rule: str, text: str, name: str = "config.txt", **more: Any) -> Optional[str]:
    """The file's new text; None where nothing is done to it. A config.txt has the line that an SCM wants behind it."""
    files: Dict[str, str] = dict(more.pop("files", {}))
    behind = WANTED if name == "config.txt" and more.pop("wanted", True) else ""
    files[name] = text + behind
    if name != "config.txt":
        files.setdefault("config.txt", WANTED)
    found = mended(rule, files, **more)
    assert set(found.contents) <= {name}, found.contents
    if not found.contents:
        return None
    new = found.contents[name].decode("utf-8", "surrogateescape")
    assert new.endswith(behind)
    return new[: len(new) - len(behind)] if behind else new


Case = Tuple[str, str, Optional[str]]

# fmt: off
LINES: List[Case] = [
    # trailing-comment: what is behind a value goes to a line above it
    ("trailing-comment", "gpu_mem=64 # why\n", "# why\ngpu_mem=64\n"),
    ("trailing-comment", "gpu_mem=64#why\n", "# why\ngpu_mem=64\n"),
    ("trailing-comment", "  gpu_mem=64  ## why # not ##\n", "  # why # not ##\n  gpu_mem=64\n"),
    ("trailing-comment", "gpu_mem=64 #\n", "gpu_mem=64\n"),
    ("trailing-comment", "gpu_mem=64 # uses C#\n", "# uses C#\ngpu_mem=64\n"),
    ("trailing-comment", "gpu_mem=64 # caf\u00e9 \udcff\n", "# caf\u00e9 \udcff\ngpu_mem=64\n"),
    ("trailing-comment", "gpu_mem=64 # a\tb   c\u00a0d\n", "# a\tb   c\u00a0d\ngpu_mem=64\n"),
    ("trailing-comment", "gpu_mem=64 # why\r\n", None),  # the CR might become part of the value: line ends first
    ("trailing-comment", "dtoverlay=disable-bt # no radio\n", "# no radio\ndtoverlay=disable-bt\n"),
    ("trailing-comment", "initramfs initrd.img followkernel # x\n", "# x\ninitramfs initrd.img followkernel\n"),
    ("trailing-comment", "gpu_mem=64 # " + "word " * 30 + "\n",
     "# " + "word " * 18 + "word\n# " + "word " * 10 + "word\ngpu_mem=64\n"),
    ("trailing-comment", "gpu_mem=64 # " + X98 + "\n", None),  # too long for a line of its own
    # a comment that reads as a setting: tools that switch settings on and off would find it
    ("trailing-comment", "gpu_mem=64 # gpu_mem=128\n", None),
    ("trailing-comment", "dtparam=audio=on #dtparam=i2s=on\n", None),
    ("trailing-comment", "gpu_mem=64 # [all]\n", None),
    ("trailing-comment", "gpu_mem=64 # include x\n", None),
    ("trailing-comment", "kernel=u-boot.bin#Bootware\n", None),  # it may belong to the name
    ("trailing-comment", "dtoverlay=spi1-3cs#custom\n", None),
    ("trailing-comment", "kernel=#1.img\n", None),
    ("trailing-comment", "dtoverlay=my-thing,colour=#ff0000\n", None),
    ("trailing-comment", "gpu_mem=0x40# why\n", "# why\ngpu_mem=0x40\n"),
    ("trailing-comment", "# gpu_mem=64 # why\n", None),
    ("trailing-comment", "word # why\n", None),
    ("trailing-comment", "[pi4] # why\n[all]\n", None),
    # under `stripped` this switches the device tree off: it may be right to leave it to the other reading
    ("trailing-comment", "device_tree= # none\n", None),

    # spaces-around-equals
    ("spaces-around-equals", "gpu_mem = 64\n", "gpu_mem=64\n"),
    ("spaces-around-equals", "\tgpu_mem\t= 64 \n", "\tgpu_mem=64 \n"),
    ("spaces-around-equals", "hdmi_group:1 = 2\n", "hdmi_group:1=2\n"),
    ("spaces-around-equals", "hdmi_group:01 = 2\n", "hdmi_group:01=2\n"),
    ("spaces-around-equals", "gpu_mem =\n", "gpu_mem=\n"),
    ("spaces-around-equals", "kernel = a = b\n", "kernel=a = b\n"),
    ("spaces-around-equals", "gpu_mem = 64 # x = 1\n", "gpu_mem=64 # x = 1\n"),
    ("spaces-around-equals", "kernel=a = b\n", None),
    ("spaces-around-equals", "# gpu_mem = 64\n", None),
    ("spaces-around-equals", "dtoverlay=gpio-ir, gpio_pin=18\n", None),  # another parameter than before: not safe
    ("spaces-around-equals", "[pi 4]\n[all]\n", None),

    # line-too-long
    ("line-too-long", "# " + "word " * 30 + "\n", "# " + "word " * 18 + "word\n# " + "word " * 10 + "word\n"),
    ("line-too-long", "# " + "a  b\tc " * 20 + "gpu_mem=64\n",
     "# " + "a b c " * 15 + "a b c\n# a b c a b c a b c a b c gpu_mem=64\n"),
    ("line-too-long", "# " + "x" * 90 + " gpu_mem=64 b\n", None),  # a line of its own would read as a setting
    ("line-too-long", "#" + X98 + "\n", None),
    ("line-too-long", "dtoverlay=my-thing," + ",".join("p{}=1".format(n) for n in range(20)) + "\n",
     "dtoverlay=my-thing," + ",".join("p{}=1".format(n) for n in range(15))
     + "\ndtparam=p15=1,p16=1,p17=1,p18=1,p19=1\n"),
    ("line-too-long", "dtparam=" + ",".join("i2c_arm=on,spi=on" for _ in range(6)) + "\n",
     "dtparam=" + ",".join(["i2c_arm=on,spi=on"] * 5) + "\ndtparam=i2c_arm=on,spi=on\n"),
    # audio is a parameter of the base, which no overlay that is unknown gets from a dtparam line
    ("line-too-long", "dtoverlay=my-thing," + ",".join("p{}=1".format(n) for n in range(20)) + ",audio=on\n", None),
    ("line-too-long", "dtoverlay=none," + "p=1," * 30 + "\n", None),
    ("line-too-long", "dtoverlay=my-thing,p=" + X98 + "\n", None),
    ("line-too-long", "dtoverlay=my-thing,p=1," + "q=2," * 30 + " # why\n", None),  # the comment goes first
    ("line-too-long", "kernel=" + X98 + "\n", None),
    ("line-too-long", "# " + "x" * 96 + "\n", None),

    # overlay-renamed
    ("overlay-renamed", "dtoverlay=pi3-act-led\n", "dtoverlay=act-led\n"),
    ("overlay-renamed", "dtoverlay=pi3-disable-bt\n", None),  # on a Pi 5 it did nothing
    ("overlay-renamed", "dtoverlay=pi3-act-led,gpio=18 # pi3-act-led\n", "dtoverlay=act-led,gpio=18 # pi3-act-led\n"),
    ("overlay-renamed", "device_tree_overlay=overlays/pi3-act-led.dtbo\n",
     "device_tree_overlay=overlays/act-led.dtbo\n"),
    ("overlay-renamed", "dtoverlay=disable-bt\n", None),
    ("overlay-renamed", "dtoverlay=disable-bt-overlay\n", None),  # it would load what was not loaded: not safe
    ("overlay-renamed", "# dtoverlay=pi3-disable-bt\n", None),
    ("overlay-renamed", "dtparam=pi3-disable-bt\n", None),

    # duplicate-overlay
    ("duplicate-overlay", "dtoverlay=w1-gpio\ndtoverlay=w1-gpio\n", "dtoverlay=w1-gpio\n"),
    ("duplicate-overlay", "dtoverlay=w1-gpio\n# again\ngpu_mem=64\ndtoverlay=w1-gpio\n",
     "dtoverlay=w1-gpio\n# again\ngpu_mem=64\n"),
    ("duplicate-overlay", "dtoverlay=w1-gpio\n" * 3, "dtoverlay=w1-gpio\n"),
    ("duplicate-overlay", "dtoverlay=w1-gpio,gpiopin=4\ndtoverlay=w1-gpio\ndtparam=gpiopin=5\n", None),
     # the next line is its own
    ("duplicate-overlay", "dtoverlay=w1-gpio\ndtoverlay=gpio-ir\ndtoverlay=w1-gpio\n", None),  # the order may count
    ("duplicate-overlay", "[gpio4=1]\ndtoverlay=w1-gpio\n[all]\ndtoverlay=w1-gpio\n", None),
     # needed where the pin is low
    ("duplicate-overlay", "dtoverlay=w1-gpio\n[gpio4=1]\ndtoverlay=w1-gpio\n", "dtoverlay=w1-gpio\n[gpio4=1]\n"),
    ("duplicate-overlay", "[cm4]\ndtoverlay=w1-gpio\n[all]\ndtoverlay=w1-gpio\n", None),  # needed on the others
    ("duplicate-overlay", "dtoverlay=w1-gpio\ndtoverlay=w1-gpio,gpiopin=5\n", None),
    ("duplicate-overlay", "dtoverlay=w1-gpio\ndtoverlay=\ndtoverlay=w1-gpio\ndtparam=gpiopin=5\n", None),
    ("duplicate-overlay", "dtoverlay=w1-gpio\ndtoverlay=\ndtoverlay=w1-gpio\n", "dtoverlay=w1-gpio\ndtoverlay=\n"),

    # inert-setting
    ("inert-setting", "gpu_mem=64\ngpu_mem=128\n", "gpu_mem=128\n"),
    ("inert-setting", "hdmi_mode:1=4\nhdmi_mode=1\nhdmi_mode:1=16\n", "hdmi_mode=1\nhdmi_mode:1=16\n"),
    ("inert-setting", "[pi4]\ngpu_mem=64\n[all]\ngpu_mem=128\n", "[pi4]\n[all]\ngpu_mem=128\n"),
    ("inert-setting", "gpu_mem=64\n[cm4]\ngpu_mem=128\n", None),  # it counts on a pi4
    ("inert-setting", "gpu_mem=64\n[gpio4=1]\ngpu_mem=128\n", None),
    ("inert-setting", "gpu_mem=64\n[all] # x\ngpu_mem=128\n", None),
    ("inert-setting", "gpu_mem=64\n[wat]\ngpu_mem=128\n", None),
    ("inert-setting", "[pi5]\ngpu_mem=64\n[all]\n", None),
    ("inert-setting", "gpio=4=op\ngpio=4=ip\n", None),

    # otg-mode-enabled
    ("otg-mode-enabled", "[cm4]\notg_mode=1\n[all]\n", "[cm4]\n[all]\n"),
    ("otg-mode-enabled", "[cm4]\n otg_mode=0x1\n", "[cm4]\n"),
    ("otg-mode-enabled", "[cm5]\notg_mode=1\n[all]\n", None),
    ("otg-mode-enabled", "otg_mode=0\n", None),

    # unknown-section
    ("unknown-section", "[CM4]\ngpu_mem=64\n", "[cm4]\ngpu_mem=64\n"),
    ("unknown-section", "[ cm4 ]\n", "[cm4]\n"),
    ("unknown-section", "  [Pi4] # only here\n", "# only here\n[pi4]\n"),
    ("unknown-section", "[edid=ABC-X]\n", "[EDID=ABC-X]\n"),
    ("unknown-section", "[hdmi:1]\nhdmi_mode=4\n", "[HDMI:1]\nhdmi_mode=4\n"),
    ("unknown-section", "[pi4] #\n", "[pi4]\n"),
    ("unknown-section", "[GPIO4=1]\r\n", "[gpio4=1]\r\n"),
    ("unknown-section", "[pi4] # uses C#\n", "# uses C#\n[pi4]\n"),
    ("unknown-section", "[pi4] # gpu_mem=64\n", None),
    ("unknown-section", "[pi4] # " + X98 + "\n", None),  # the comment would be lost
    ("unknown-section", "[pi4] and more\n", None),
    ("unknown-section", "[wat]\n", None),
    ("unknown-section", "[pi4\n", None),
    ("unknown-section", "[0X1234ABCD]\n", None),  # as good as the other case

    # unknown-setting
    ("unknown-setting", "GPU_MEM=64\n", "gpu_mem=64\n"),
    ("unknown-setting", " Hdmi_Group:1 = 2 # x\n", " hdmi_group:1 = 2 # x\n"),
    ("unknown-setting", "my_key=64\n", None),
    ("unknown-setting", "gpu_men=64\n", None),
    ("unknown-setting", "OTG_MODE=1\n", None),
     # under one reading only it is a brick: it must not be made one for certain
    ("unknown-setting", "# GPU_MEM=64\n", None),

    # bad-encoding
    ("bad-encoding", "\ufeffgpu_mem=64\n", "gpu_mem=64\n"),
    ("bad-encoding", "\ufeff\ufeffgpu_mem=64\n", None),
    ("bad-encoding", "gpu_mem=64\r\n\r\nkernel=a\rarm_boost=1\n", "gpu_mem=64\n\nkernel=a\narm_boost=1\n"),
    ("bad-encoding", "kernel=a\u2013b\n", None),  # the character may be meant
    ("bad-encoding", "# caf\u00e9\n", None),

    # no-final-newline, and the file's end: see below
    ("no-final-newline", "gpu_mem=64\n", None),
    ("ends-inside-filter", "[pi4]\n", None),
    ("glued-lines", "dtoverlay=dwc2dtoverlay=disable-bt\n", None),  # what had no effect would get one: not safe
    ("dwc2-host-missing", "gpu_mem=64\n", None),
]

UNSAFE: List[Case] = [
    ("spaces-around-equals", "dtoverlay=gpio-ir, gpio_pin=18\n", "dtoverlay=gpio-ir,gpio_pin=18\n"),
    ("spaces-around-equals", "dtoverlay=gpio-ir, gpio_pin=18 # a , b\n", "dtoverlay=gpio-ir,gpio_pin=18 # a , b\n"),
    ("spaces-around-equals", "dtoverlay=my-thing,label=\"a, b\", c=1\n", None),
    ("glued-lines", "dtparam=spi=onstart_x=1\n", "dtparam=spi=on\nstart_x=1\n"),
    ("glued-lines", "gpu_mem=64\\narm_boost=1\n", "gpu_mem=64\narm_boost=1\n"),
    ("glued-lines", "# the enddtoverlay=disable-bt\n", "# the end\ndtoverlay=disable-bt\n"),
    ("glued-lines", "[cm4]gpu_mem=64\n", "[cm4]\ngpu_mem=64\n"),
    ("glued-lines", "[cm4]otg_mode=1\n", None),  # not even when asked: it would be a brick
    ("overlay-renamed", "dtoverlay=disable-bt-overlay\n", "dtoverlay=disable-bt\n"),
    ("overlay-renamed", "dtoverlay=pi3-disable-bt\n", "dtoverlay=disable-bt\n"),
    ("bad-encoding", "kernel=a\u2013b\n", "kernel=a-b\n"),
    ("bad-encoding", "kernel=\udcff\n", None),
    ("trailing-comment", "gpu_mem=64 # gpu_mem=128\n", "# gpu_mem=128\ngpu_mem=64\n"),
]
# fmt: on


@pytest.mark.parametrize("rule, before, after", LINES)
def test_safe(rule: str, before: str, after: Optional[str]) -> None:
    assert fixed(rule, before) == after


@pytest.mark.parametrize("rule, before, after", UNSAFE)
def test_unsafe(rule: str, before: str, after: Optional[str]) -> None:
    assert fixed(rule, before) in (None, before)
    assert fixed(rule, before, unsafe=True) == after


@pytest.mark.parametrize("rule", TOPICS)
def test_every_fixer_has_cases_that_it_mends_and_that_it_leaves(rule: str) -> None:
    assert fixer(rule).__name__ == rule.replace("-", "_")
    if rule not in ("dwc2-host-missing", "ends-inside-filter", "no-final-newline", "cmdline-not-one-line"):
        cases = [case for case in LINES + UNSAFE if case[0] == rule]
        assert sum(after is not None for _, _, after in cases) >= 2 <= sum(after is None for _, _, after in cases)


# --- files as a whole ---


@pytest.mark.parametrize(
    "before, after",
    [
        ("gpu_mem=64", "gpu_mem=64\n"),
        ("gpu_mem=64\r\narm_boost=1", None),  # the CR might become part of the value: line ends first
        ("# a\r\n# b", "# a\r\n# b\r\n"),
        ("\ufeff# x", "\ufeff# x\n"),
        ("", None),
        ("gpu_mem=64\n", None),
    ],
)
def test_the_last_line_end(before: str, after: Optional[str]) -> None:
    assert fixed("no-final-newline", before, wanted=False, profile="cm4") == after


@pytest.mark.parametrize(
    "before, after",
    [
        ("[pi4]\ngpu_mem=64\n", "[pi4]\ngpu_mem=64\n[all]\n"),
        ("[cm4]\r\n# x", "[cm4]\r\n# x\r\n[all]\r\n"),
        ("[gpio4=1]", "[gpio4=1]\n[all]\n"),
        ("[pi4]\n[all]\n", None),
        ("[HDMI:1]\n", None),
        ("", None),
    ],
)
def test_the_last_section(before: str, after: Optional[str]) -> None:
    assert fixed("ends-inside-filter", before, wanted=False, profile="cm4") == after


def test_the_last_section_stays_where_the_eeprom_or_another_file_goes_on_in_it() -> None:
    text = "[pi4]\ngpu_mem=64\n"
    appended = {"bootconf.txt": "[all]\nBOOT_ORDER=0xf41\n[config.txt]\ngpu_mem=32\n"}
    other = {"tryboot.txt": "include config.txt\ngpu_mem=32\n"}
    for files in (appended, other):
        assert fixed("ends-inside-filter", text, wanted=False, profile="cm4", files=files) is None
        # The folder is looked at where one file alone is named, too.
        assert fixed("ends-inside-filter", text, wanted=False, profile="cm4", files=files, single="config.txt") is None
    assert fixed("ends-inside-filter", text, wanted=False, profile="cm4", single="config.txt") == text + "[all]\n"


DWC2 = "dtoverlay=dwc2,dr_mode=host\n"


@pytest.mark.parametrize(
    "before, after",
    [
        ("", DWC2),
        ("gpu_mem=64\n", "gpu_mem=64\n" + DWC2),
        ("gpu_mem=64", "gpu_mem=64\n" + DWC2),
        # A CR that is a character would be one of a line with both.
        ("[all]\n" + DWC2[:-1] + "\r", "[all]\n" + DWC2[:-1] + "\r\n" + DWC2),
        ("[cm5]\n" + DWC2, "[cm5]\n" + DWC2 + "[all]\n" + DWC2),
        (DWC2 + "dtoverlay=dwc2\n", DWC2 + "dtoverlay=dwc2\n" + DWC2),
        (DWC2 + "dtparam=dr_mode=otg\n", DWC2 + "dtparam=dr_mode=otg\n" + DWC2),
        ("[wat]\ngpu_mem=64\n", "[wat]\ngpu_mem=64\n[all]\n" + DWC2),
        ("[HDMI:1]\n", "[HDMI:1]\n" + DWC2),
        (DWC2 + "[wat]\ndtoverlay=dwc2,dr_mode=otg\n", DWC2 + "[wat]\ndtoverlay=dwc2,dr_mode=otg\n[all]\n" + DWC2),
        ("[wat]\n" + DWC2, "[wat]\n" + DWC2 + "[all]\n" + DWC2),
        (DWC2, None),
        (DWC2 + "device_tree=\n", None),
        ("\ufeff", "\ufeff[all]\n" + DWC2),  # a first line that starts with the mark may be none
    ],
)
def test_the_line_that_an_scm_wants(before: str, after: Optional[str]) -> None:
    assert fixed("dwc2-host-missing", before, wanted=False) == after


def test_the_line_that_an_scm_wants_where_something_comes_behind_it() -> None:
    undone = {"bootconf.txt": "[all]\n[config.txt]\ndtoverlay=dwc2\n"}
    assert fixed("dwc2-host-missing", "gpu_mem=64\n", wanted=False, files=undone) is None
    harmless = {"bootconf.txt": "[all]\n[config.txt]\ngpu_mem=64\n"}
    assert fixed("dwc2-host-missing", "\n", wanted=False, files=harmless) == "\n" + DWC2
    # A parameter that went to gpio-ir would go to dwc2, or to the base.
    scoped = {"bootconf.txt": "[config.txt]\ndtparam=gpio_pin=5\n"}
    assert fixed("dwc2-host-missing", "dtoverlay=gpio-ir\n", wanted=False, files=scoped) is None


def test_a_file_in_utf_16_gets_no_line_of_ascii() -> None:
    data = b"\xff\xfe" + "gpu_mem=64\n".encode("utf-16-le")
    found = mend(job_of("scm"), Boot(MemoryFolder({"config.txt": data})))
    assert found.contents == {} and [fix.title for _, fix in found.unsafe] == ["save the file as ASCII"]
    found = mend(job_of("scm"), Boot(MemoryFolder({"config.txt": data})), True)
    assert found.contents == {"config.txt": b"gpu_mem=64\n" + DWC2.encode()}


# --- otg_mode, and boards that share a file ---

SHARED = "[pi4]\notg_mode=1\n[all]\n"


def test_a_line_that_other_boards_obey_stays() -> None:
    expected = SHARED + WANTED + "[cm4]\notg_mode=0\n[all]\n"
    found = mended("otg-mode-enabled", {"config.txt": SHARED + WANTED})
    assert found.contents["config.txt"].decode() == expected
    # Whether or not the other board is checked as well: it is right to have it.
    found = mended("otg-mode-enabled", {"config.txt": SHARED + WANTED}, boards=("cm4", "pi4"))
    assert found.contents["config.txt"].decode() == expected


@pytest.mark.parametrize(
    "line", ["otg_mode=1 # x", "OTG_MODE=1", "otg_mode = 1 # x", "[CM4]\notg_mode=1", "otg_mode=1 "]
)
def test_a_line_that_may_be_read_otherwise(line: str) -> None:
    found = mended("otg-mode-enabled", {"config.txt": line + "\n" + WANTED})
    assert found.contents["config.txt"].decode() == line + "\n" + WANTED + "[cm4]\notg_mode=0\n[all]\n"


def test_otg_mode_under_conditions() -> None:
    text = "[gpio4=1]\notg_mode=1\n[0x1234abcd]\notg_mode=1\n"
    found = mended("otg-mode-enabled", {"config.txt": text + WANTED})
    assert found.contents["config.txt"].decode() == text + WANTED + "[cm4]\notg_mode=0\n[all]\n"


def test_otg_mode_that_the_eeprom_appends_cannot_be_switched_off_before_it() -> None:
    # A copy of the EEPROM's configuration is a file of the tree; the line is taken out where it stands.
    files = {"config.txt": WANTED, "bootconf.txt": "[all]\n[config.txt]\n[cm4]\notg_mode=1\n"}
    assert mended("otg-mode-enabled", files).contents == {"bootconf.txt": b"[all]\n[config.txt]\n[cm4]\n"}
    files["bootconf.txt"] = "[all]\n[config.txt]\notg_mode=1\n"
    assert mended("otg-mode-enabled", files).contents == {}


# --- what the evaluator does not know ---


@pytest.mark.parametrize("key", ["start_file=a.elf", "gpu_mem=16", "uart_2ndstage=1", "start_x=1"])
def test_a_setting_that_is_read_before_include_is_not_beaten_by_an_included_file(key: str) -> None:
    name = key.partition("=")[0]
    other = {"inc.txt": "{}=0\n".format(name)}
    assert fixed("inert-setting", key + "\ninclude inc.txt\n", files=other) is None
    assert (
        fixed("inert-setting", "arm_boost=1\ninclude inc.txt\n", files={"inc.txt": "arm_boost=0\n"})
        == "include inc.txt\n"
    )


def test_a_file_that_tryboot_txt_runs_too() -> None:
    inc = "gpu_mem=64\n"
    files = {"config.txt": "include inc.txt\ngpu_mem=32\n" + WANTED, "tryboot.txt": "include inc.txt\n" + WANTED}
    assert fixed("inert-setting", inc, name="inc.txt", files=files) is None
    assert fixed("inert-setting", inc, name="inc.txt", files=files, single="config.txt") is None
    del files["tryboot.txt"]
    assert fixed("inert-setting", inc, name="inc.txt", files=files) == ""


CRYPT = "root=/dev/mapper/cryptrfs"


@pytest.mark.parametrize(
    "before, after",
    [
        (CRYPT + " rootwait\nquiet\n", CRYPT + " rootwait quiet\n"),
        ("\n" + CRYPT + " rootwait\n", CRYPT + " rootwait\n"),
        (CRYPT + "\r\n\r\n quiet\t\r\n", CRYPT + " quiet\n"),
        ("# the root\n" + CRYPT + " rootwait\n", None),  # of a comment's words nobody knows which count
        (CRYPT + " rootwait\n# quiet\n", None),
        (CRYPT + ' a="b\nc"\n', None),
        (CRYPT + " rootwait\n\n", None),
        (CRYPT + " rootwait", None),
        # A copy kept on the second line: joined, its root= would be the one that counts.
        (CRYPT + " rootwait\nroot=/dev/mmcblk0p2 rootwait\n", None),
    ],
)
def test_the_command_line(before: str, after: Optional[str]) -> None:
    files = {"config.txt": "auto_initramfs=1\n" + WANTED}
    assert fixed("cmdline-not-one-line", before, name="cmdline.txt", files=files) == after


@pytest.mark.parametrize(
    "before, after",
    [
        (CRYPT + " rootwait\r\n", CRYPT + " rootwait\n"),
        ("\ufeff" + CRYPT + "\n", CRYPT + "\n"),
        (CRYPT + "\rrootwait\n", None),  # to the kernel the CR is a blank; a line end is not
        (CRYPT + " caf\u00e9\n", None),
    ],
)
def test_the_encoding_of_the_command_line(before: str, after: Optional[str]) -> None:
    assert fixed("bad-encoding", before, name="cmdline.txt") == after


def test_a_rule_that_is_not_wanted_is_left() -> None:
    files = {"config.txt": "gpu_mem=64 # x\narm_boost = 1\n" + WANTED}
    assert mended("spaces-around-equals", files).contents["config.txt"] == encode(
        "gpu_mem=64 # x\narm_boost=1\n" + WANTED
    )


def test_a_fix_that_another_one_makes_possible() -> None:
    """Below a long line nothing is certain; with that corrected, the rest can be."""
    files = {"config.txt": b"gpu_mem = 64 # " + b"w " * 60 + b"\r\n" + WANTED.encode()}
    found = mend(job_of("scm"), Boot(MemoryFolder(files)))
    lines = found.contents["config.txt"].decode().splitlines()
    assert lines[-3:] == ["gpu_mem=64", *WANTED.splitlines()] and all(len(line) <= 98 for line in lines)
    assert found.left == [] and b"\r" not in found.contents["config.txt"]


JINJA = "{% if big %}\ngpu_mem=64\n{% else %}\ngpu_mem=128\n{% endif %}\n"


@pytest.mark.parametrize(
    "rule, text, safe",
    [
        ("inert-setting", JINJA, False),  # each line is needed where the other one is not there
        ("inert-setting", "gpu_mem=64\n{{ more }}\ngpu_mem=128\n", False),  # a header may be filled in
        ("inert-setting", "gpu_mem=64\n@MORE@\ngpu_mem=128\n", False),
        ("inert-setting", "gpu_mem=64\n# 100% {of it}\ngpu_mem=128\n", True),
        ("duplicate-overlay", "dtoverlay=w1-gpio\n{{ more }}\ndtoverlay=w1-gpio\n", False),
        ("duplicate-overlay", "dtoverlay=w1-gpio\n# why\ndtoverlay=w1-gpio\n", True),
        ("trailing-comment", "gpu_mem={{ mem }} {# of the GPU #}\n", False),
        ("trailing-comment", "gpu_mem=${MEM#x}\n", False),
        ("trailing-comment", "kernel=a {# of the GPU #}\n", False),
        ("trailing-comment", "gpu_mem=64 # of the GPU\n{{ more }}\n", True),
        ("spaces-around-equals", "gpu_mem = {{ mem }}\n", False),
        ("spaces-around-equals", "gpu_mem = 64\n{{ more }}\n", True),
    ],
)
def test_a_template_may_become_anything(rule: str, text: str, safe: bool) -> None:
    assert (fixed(rule, text) is not None) == safe


def test_a_board_that_is_checked_stands_for_no_other() -> None:
    """Of a Pi 400, which must not have it, and a Pi 4, which may, the other boards tell neither apart."""
    text = "[pi4]\notg_mode=1\n[cm4]\notg_mode=0\n[cm4s]\notg_mode=0\n[all]\n" + WANTED
    job = job_of("scm", ("pi400",))._replace(profile_boards=frozenset(["pi400"]))
    found = mend(job, Boot(MemoryFolder({"config.txt": text.encode()})), False, lambda one: one.rule.startswith("otg"))
    assert found.contents["config.txt"].decode() == text + "[pi400]\notg_mode=0\n[all]\n"


def test_many_faults_are_corrected_one_by_one() -> None:
    files = {"config.txt": b"".join(b"hdmi_mode:%d = 1\n" % n for n in range(30)) + WANTED.encode()}
    found = mend(job_of("scm"), Boot(MemoryFolder(files)))
    assert len(found.done) == 30 and b" " not in found.contents["config.txt"]


def test_more_faults_than_are_corrected_at_once(monkeypatch: Any) -> None:
    monkeypatch.setattr("scmguard.fixes.mend._MOST_FIXES", 5)
    files = {"config.txt": b"".join(b"hdmi_mode:%d = 1\n" % n for n in range(9)) + WANTED.encode()}
    first = mend(job_of("scm"), Boot(MemoryFolder(files)))
    assert len(first.done) == 5 and first.more
    second = mend(job_of("scm"), Boot(MemoryFolder(first.contents)))
    assert len(second.done) == 4 and not second.more and b" " not in second.contents["config.txt"]


def test_a_report_with_fixes() -> None:
    files = {"config.txt": b"gpu_mem=64 # x\n[pi5]\narm_boost=1\n" + WANTED.encode()}
    report = with_fixes(job_of("scm"), lint(job_of("scm"), Boot(MemoryFolder(files))))
    by_rule = {one.rule: one.fix for one in report.findings}
    fix = by_rule["trailing-comment"]
    assert (
        fix is not None
        and fix.safe
        and [tuple(edit) for edit in fix.edits] == [("config.txt", 1, 2, "# x\ngpu_mem=64\n")]
    )
    assert by_rule["inert-setting"] is None
    assert [one._replace(fix=None) for one in report.findings] == lint(
        job_of("scm"), Boot(MemoryFolder(files))
    ).findings


def test_boards_have_all_been_asked() -> None:
    """A line that counts on one board alone, whichever it is, is not taken out for another."""
    for name in BOARDS:
        text = "gpu_mem=64\n" + "".join("[{}]\ngpu_mem=128\n".format(other) for other in BOARDS if other != name)
        if not any(other in BOARDS[name].filters for other in BOARDS if other != name):
            assert fixed("inert-setting", text) is None, name


# --- many generated trees, and real files ---


def test_generated_trees_keep_every_promise() -> None:
    from tests import fuzz_fixes

    summary = fuzz_fixes.run(300, seed=5)
    assert summary.wrong == [] and fuzz_fixes.rare(summary, 300) == [] and summary.worlds["worlds"] > 5000


@needs_corpus
def test_the_corpus_keeps_every_promise(capsys: Any) -> None:
    from tests import fuzz_fixes

    summary = fuzz_fixes.run_corpus()
    with capsys.disabled():
        print("\n" + "\n".join(fuzz_fixes.said(summary)))
    assert summary.wrong == [] and summary.worlds["trees"] >= 660


def test_a_part_of_a_root_file_system_stays_one_when_a_file_is_edited() -> None:
    files = MemoryFolder({"config.txt": b"gpu_mem=64"})
    for partial in (True, False):
        boot = Boot(files, single="config.txt", live=True, partial=partial)
        new = edited(boot, {"config.txt": b"gpu_mem=64\n"})
        assert (new.partial, new.single, new.live, new.data("config.txt")) == (
            partial, "config.txt", True, b"gpu_mem=64\n"
        )  # fmt: skip
