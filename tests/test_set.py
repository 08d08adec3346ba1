"""What becomes of a file when something is set or taken away: by hand, and on random files."""

import os
from typing import Any, Dict, List, Optional, Tuple

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scmguard.boot import Boot
from scmguard.editing import change, wish
from scmguard.editing.change import Boards
from scmguard.editing.tree import Tree
from scmguard.editing.wish import Refused
from scmguard.effective.board import BOARDS
from scmguard.effective.worlds import TooComplex
from scmguard.folder import MemoryFolder
from tests import slow_evaluator, strategies
from tests.test_evaluator_agrees import SLOW_CATALOGUE, catalogue, slow_board

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "100"))
HOST = "dtoverlay=dwc2,dr_mode=host"


def tree(files: Dict[str, bytes], name: str = "config.txt") -> Tree:
    def replaced(data: bytes) -> Boot:
        return Boot(MemoryFolder({**files, name: data}))

    return Tree(name, "config.txt", files.get(name), Boot(MemoryFolder(files)), replaced)


def changed(
    files: Dict[str, bytes],
    word: str,
    section: str = "all",
    boards: Tuple[str, ...] = ("cm4",),
    said: bool = True,
    name: str = "config.txt",
) -> Tuple[str, str, List[str]]:
    """The file's text after ``set``, how it came about (of the last parameter), and remarks."""
    now, how, notes = tree(files, name), "", []
    for each in wish.to_set(word):
        done = change.set_one(now, each, wish.section(section), Boards(tuple(BOARDS[one] for one in boards), said))
        how, notes = done.how, list(done.notes)
        now = now._replace(data=done.data, boot=now.replaced(done.data))
    return (now.data or b"").decode(), how, notes


def after_set(text: str, word: str, section: str = "all", **more: str) -> str:
    files = {name.replace("_", "."): data.encode() for name, data in more.items()}
    return changed({"config.txt": text.encode(), **files}, word, section)[0]


def after_unset(text: str, word: str, section: Optional[str] = None, **more: str) -> str:
    files = {name.replace("_", "."): data.encode() for name, data in more.items()}
    where = None if section is None else wish.section(section)
    return change.unset_one(tree({"config.txt": text.encode(), **files}), wish.to_unset(word), where).data.decode()


# --- settings ---

SETTINGS = [
    # an empty file, and one whose last line has no end
    ("", "gpu_mem=64", "all", "gpu_mem=64\n"),
    ("a=1", "gpu_mem=64", "all", "a=1\ngpu_mem=64\n"),
    # the line that wins, where it stands; what is overridden already stays
    ("gpu_mem=32\na=1\n", "gpu_mem=64", "all", "gpu_mem=64\na=1\n"),
    ("gpu_mem=16\ngpu_mem=32", "gpu_mem=64", "all", "gpu_mem=16\ngpu_mem=64"),
    (" gpu_mem = 32\n", "gpu_mem=64", "all", " gpu_mem=64\n"),
    ("gpu_mem=32 # why\n", "gpu_mem=64", "all", "# why\ngpu_mem=64\n"),
    ("#gpu_mem=16\n", "gpu_mem=64", "all", "#gpu_mem=16\ngpu_mem=64\n"),
    # a value that depends on how the firmware reads the line is none yet
    ("gpu_mem=64 # why\n", "gpu_mem=64", "all", "# why\ngpu_mem=64\n"),
    ("gpu_mem=64 \n", "gpu_mem=64", "all", "gpu_mem=64\n"),
    ("GPU_MEM=64\n", "gpu_mem=64", "all", "GPU_MEM=64\ngpu_mem=64\n"),
    # the line that wins is another section's
    ("[cm4]\ngpu_mem=32\n", "gpu_mem=64", "all", "[cm4]\ngpu_mem=32\n[all]\ngpu_mem=64\n"),
    ("gpu_mem=32\n[cm4]\na=1\n", "gpu_mem=64", "cm4", "gpu_mem=32\n[cm4]\na=1\ngpu_mem=64\n"),
    ("gpu_mem=32\n", "gpu_mem=64", "cm4", "gpu_mem=32\n[cm4]\ngpu_mem=64\n[all]\n"),
    ("[cm4]\na=1\n[all]\n", "gpu_mem=64", "cm4", "[cm4]\na=1\ngpu_mem=64\n[all]\n"),
    ("[cm4]\na=1\n[all]\nb=1\n", "gpu_mem=64", "cm4", "[cm4]\na=1\n[all]\nb=1\n[cm4]\ngpu_mem=64\n[all]\n"),
    ("[pi5]\na=1\n", "gpu_mem=64", "cm4", "[pi5]\na=1\n[all]\n[cm4]\ngpu_mem=64\n[all]\n"),
    ("[cm4]\n[gpio4=1]\na=1\n", "gpu_mem=64", "cm4", "[cm4]\n[gpio4=1]\na=1\n[all]\n[cm4]\ngpu_mem=64\n[all]\n"),
    # a section that another one's lines come before is no less in effect
    ("[gpio4=1]\na=1\n[all]\n", "a=2", "gpio4=1", "[gpio4=1]\na=2\n[all]\n"),
    # the file's own [all] at the end; what only looks like one, is not relied on
    ("[pi5]\na=1\n[all]\n", "gpu_mem=64", "all", "[pi5]\na=1\n[all]\ngpu_mem=64\n"),
    ("[pi5]\na=1\n[ALL]\n", "gpu_mem=64", "all", "[pi5]\na=1\n[ALL]\n[all]\ngpu_mem=64\n"),
    ("[rpi4]\n", "gpu_mem=64", "all", "[rpi4]\n[all]\ngpu_mem=64\n"),
    # line ends
    ("a=1\r\nb=1\r\n", "gpu_mem=64", "all", "a=1\r\nb=1\r\ngpu_mem=64\r\n"),
    ("a=1\r\n# b", "gpu_mem=64", "all", "a=1\r\n# b\r\ngpu_mem=64\r\n"),
    # a CR may be a character of the value, which is not to change
    ("a=1\r\nb=1", "gpu_mem=64", "all", "a=1\r\nb=1\ngpu_mem=64\r\n"),
    ("a=1\rb=1\r", "gpu_mem=64", "all", "a=1\rb=1\r\ngpu_mem=64\n"),
    ("gpu_mem=1\r\na=1\r\n", "gpu_mem=64", "all", "gpu_mem=64\r\na=1\r\n"),
    # the first line of a file with a byte order mark may be lost
    ("\ufeff", "gpu_mem=64", "all", "\ufeff\ngpu_mem=64\n"),
    ("\ufeffgpu_mem=1\n", "gpu_mem=64", "all", "\ufeffgpu_mem=1\ngpu_mem=64\n"),
    # ports
    ("[HDMI:1]\nhdmi_group=1\n", "hdmi_group=2", "all", "[HDMI:1]\nhdmi_group=1\n[all]\nhdmi_group=2\n"),
    ("hdmi_group:1=1\n", "hdmi_group:1=2", "all", "hdmi_group:1=2\n"),
    ("hdmi_group:1=1\n", "hdmi_group=2", "all", "hdmi_group:1=1\nhdmi_group=2\n"),
    # what is written with a blank
    ("", "initramfs=initrd.img followkernel", "all", "initramfs initrd.img followkernel\n"),
    ("initramfs old.img followkernel\n", "initramfs=new.img", "all", "initramfs new.img\n"),
    # several at once
    ("gpio=4=op\n", "gpio=5=ip", "all", "gpio=4=op\ngpio=5=ip\n"),
    ("gpio=4=op\ngpio=4-7=ip\n", "gpio=4=op", "all", "gpio=4=op\ngpio=4-7=ip\ngpio=4=op\n"),
]


@pytest.mark.parametrize("old, word, section, new", SETTINGS)
def test_what_becomes_of_the_file(old: str, word: str, section: str, new: str) -> None:
    assert after_set(old, word, section) == new
    assert after_set(new, word, section) == new, "the second time nothing changes"


UNCHANGED = [
    ("gpu_mem=64\n", "gpu_mem=64", "all"),
    ("gpu_mem=64", "gpu_mem=64", "all"),
    ("gpu_mem=32\ngpu_mem=64\n[pi5]\n", "gpu_mem=64", "all"),
    ("gpu_mem=64\n", "gpu_mem=64", "cm4"),
    ("[cm4]\ngpu_mem=64\n", "gpu_mem=64", "all"),
    ("[pi4]\ngpu_mem=64\n[pi5]\ngpu_mem=32\n", "gpu_mem=64", "cm4"),
    ("gpu_mem=64\r\n", "gpu_mem=64", "all"),
    (HOST + "\n", HOST, "all"),
    ("dtoverlay=dwc2\ndtparam=dr_mode=host\n", HOST, "all"),
    ("dtoverlay=gpio-key,gpio=5\ndtoverlay=gpio-key,gpio=6\n", "dtoverlay=gpio-key,gpio=5", "all"),
    ("dtparam=audio=on\ndtoverlay=vc4-kms-v3d\n", "dtparam=audio=on", "all"),
    ("dtparam=i2c_arm=on,audio=on\n", "dtparam=audio=on,i2c_arm=on", "all"),
    ("gpio=5=ip\n", "gpio=5=ip", "all"),
]


@pytest.mark.parametrize("text, word, section", UNCHANGED)
def test_what_is_in_effect_is_left_alone(text: str, word: str, section: str) -> None:
    assert changed({"config.txt": text.encode()}, word, section)[:2] == (text, "unchanged")


def test_a_missing_file_is_made() -> None:
    assert changed({}, "gpu_mem=64")[:2] == ("gpu_mem=64\n", "appended")


def test_who_names_no_board_gets_it_on_all() -> None:
    files = {"config.txt": b"[cm4]\ngpu_mem=64\n"}
    assert changed(files, "gpu_mem=64", said=True)[1] == "unchanged"
    assert changed(files, "gpu_mem=64", said=False)[0] == "[cm4]\ngpu_mem=64\n[all]\ngpu_mem=64\n"


def test_what_another_section_sets_for_other_boards_stays_and_is_told() -> None:
    files = {"config.txt": b"gpu_mem=32\n[pi5]\ngpu_mem=76\n"}
    text, how, notes = changed(files, "gpu_mem=64", said=False)
    assert (text, how) == ("gpu_mem=64\n[pi5]\ngpu_mem=76\n", "replaced")
    assert notes == ["gpu_mem=64 is not in effect on pi5, pi500, cm5: it is 76 (config.txt:3)"]
    assert changed({"config.txt": text.encode()}, "gpu_mem=64", said=False)[:2] == (text, "unchanged")


def test_a_section_that_no_chosen_board_has_is_set_for_those_that_have_it() -> None:
    assert after_set("gpu_mem=1\n", "gpu_mem=64", "pi5") == "gpu_mem=1\n[pi5]\ngpu_mem=64\n[all]\n"


def test_an_included_file_is_changed_where_it_counts() -> None:
    files = {"config.txt": b"gpu_mem=1\ninclude user.txt\n", "user.txt": b"# mine\n"}
    assert changed(files, "hdmi_group=2", name="user.txt")[0] == "# mine\nhdmi_group=2\n"
    assert changed(files, "gpu_mem=2", name="config.txt")[0] == "gpu_mem=2\ninclude user.txt\n"
    # What the included file says wins where it is included.
    files["user.txt"] = b"gpu_mem=3\n"
    assert changed(files, "gpu_mem=2")[0] == "gpu_mem=1\ninclude user.txt\ngpu_mem=2\n"


def test_an_included_file_that_leaves_a_filter_behind() -> None:
    files = {"config.txt": b"include user.txt\n", "user.txt": b"[pi5]\n"}
    assert changed(files, "gpu_mem=2")[0] == "include user.txt\n[all]\ngpu_mem=2\n"


REFUSED = [
    ("", "kernel=a # b", "all", "depends", "if trailing-comment=stripped"),
    ("", "kernel=" + "x" * 99, "all", "is long", "if long-line="),
    ("", "dtoverlay=lirc-rpi", "all", "is deprecated", "deprecated"),
    ("device_tree=\n", HOST, "all", "has no device tree", "there is no device tree"),
    ("dtoverlay=dwc2\n", "dtparam=dr_mode=host", "all", "is dwc2's", "set dtoverlay=dwc2,dr_mode=host"),
]


@pytest.mark.parametrize("text, word, section, _why, message", REFUSED)
def test_what_cannot_be_put_into_effect_changes_nothing(
    text: str, word: str, section: str, _why: str, message: str
) -> None:
    with pytest.raises(Refused, match=message):
        after_set(text, word, section)


def test_what_the_eeprom_says_last_is_told() -> None:
    with pytest.raises(Refused, match=r"it is 7 \(bootconf.txt:2\)"):
        after_set("", "gpu_mem=64", bootconf_txt="[config.txt]\ngpu_mem=7\n")


@pytest.mark.parametrize(
    "word",
    ["gpu_mem", "gpu_mem =64", "gpu_mem= 64", " gpu_mem=64", "gpu_mem=64 ", "=64", "a b=1", "#a=1", "[all]", "a=1\nb=2"]
    + ["GPU_MEM=64", "include=x.txt", "dtoverlay=", "dtoverlay=none", "dtparam=", "gpu_mem:1=64", "a=\x1b[31m", ""],
)
def test_words_that_set_nothing(word: str) -> None:
    with pytest.raises(Refused):
        wish.to_set(word)


@pytest.mark.parametrize(
    "word", ["gpu_mem=64", "dtoverlay", "dtparam", "dtparam=a,b", "include", "a b", "", "gpu_mem "]
)
def test_words_that_take_nothing_away(word: str) -> None:
    with pytest.raises(Refused):
        wish.to_unset(word)


@pytest.mark.parametrize("text", ["none", "[none]", "rpi4", "CM4", "HDMI:1", "", "gpio4", "cm4]", "[cm4"])
def test_sections_that_are_none(text: str) -> None:
    with pytest.raises(Refused):
        wish.section(text)


def test_one_thing_twice_is_no_wish() -> None:
    several = [each for word in ("gpu_mem=1", "dtparam=a=1", "gpu_mem=2") for each in wish.to_set(word)]
    assert wish.conflicts(several) == "gpu_mem" and wish.conflicts(several[:2]) is None
    same = wish.to_set("device_tree_param=a=2") + several[1:2]
    assert wish.conflicts(same) is not None
    assert wish.conflicts(wish.to_set("gpio=4=op") + wish.to_set("gpio=5=op")) is None


# --- overlays and parameters ---

OVERLAYS = [
    ("", HOST, "all", HOST + "\n"),
    # what undoes it comes before
    (HOST + "\ndtoverlay=dwc2\n", HOST, "all", HOST + "\ndtoverlay=dwc2\n" + HOST + "\n"),
    (HOST + "\ndtoverlay=upstream\n", HOST, "all", HOST + "\ndtoverlay=upstream\n" + HOST + "\n"),
    ("[pi5]\n" + HOST + "\n", HOST, "all", "[pi5]\n" + HOST + "\n[all]\n" + HOST + "\n"),
    ("", HOST, "cm4", "[cm4]\n" + HOST + "\n[all]\n"),
    # the scope of the overlay loaded last ends where it would take the parameter
    ("dtoverlay=vc4-kms-v3d\n", "dtparam=audio=on", "all", "dtoverlay=vc4-kms-v3d\ndtoverlay=\ndtparam=audio=on\n"),
    ("dtoverlay=vc4-kms-v3d\n", "dtparam=spi=on", "all", "dtoverlay=vc4-kms-v3d\ndtparam=spi=on\n"),
    ("dtparam=spi=off,audio=on\n", "dtparam=spi=on", "all", "dtparam=spi=on,audio=on\n"),
    ("dtparam=spi\n", "dtparam=spi=on", "all", "dtparam=spi=on\n"),
    ("dtparam=i2c_arm=on\n", "dtparam=spi=on,i2c_arm=on", "all", "dtparam=i2c_arm=on\ndtparam=spi=on\n"),
    ("[cm4]\ndtparam=spi=off\n[all]\n", "dtparam=spi=on", "cm4", "[cm4]\ndtparam=spi=on\n[all]\n"),
]


@pytest.mark.parametrize("old, word, section, new", OVERLAYS)
def test_overlays_and_parameters(old: str, word: str, section: str, new: str) -> None:
    assert after_set(old, word, section) == new
    assert after_set(new, word, section) == new, "the second time nothing changes"


# --- taking away ---

UNSET = [
    ("gpu_mem=1\na=1\n[pi5]\ngpu_mem=2\n", "gpu_mem", None, "a=1\n[pi5]\n"),
    ("gpu_mem=1\n[pi5]\ngpu_mem=2\n", "gpu_mem", "pi5", "gpu_mem=1\n[pi5]\n"),
    ("gpu_mem=1\n[pi5]\ngpu_mem=2\n", "gpu_mem", "all", "[pi5]\ngpu_mem=2\n"),
    ("gpu_mem=1\n[pi5]\ngpu_mem=2\n", "gpu_mem", "pi3", "gpu_mem=1\n[pi5]\ngpu_mem=2\n"),
    ("# gpu_mem=1\ngpu_mem = 1\ngpu_mem 1\nGPU_MEM=1", "gpu_mem", None, "# gpu_mem=1\n"),
    ("a=1\ngpu_mem=1", "gpu_mem", None, "a=1\n"),
    ("a=1\r\ngpu_mem=1\r\nb=1\r\n", "gpu_mem", None, "a=1\r\nb=1\r\n"),
    ("a=1\n", "gpu_mem", None, "a=1\n"),
    ("[none]\ngpu_mem=1\n", "gpu_mem", None, "[none]\n"),
    ("hdmi_group=1\nhdmi_group:1=2\n", "hdmi_group", None, ""),
    ("hdmi_group=1\nhdmi_group:1=2\n", "hdmi_group:1", None, "hdmi_group=1\n"),
    ("initramfs a followkernel\n", "initramfs", None, ""),
    ("gpio=4=op\ngpio=5=op\n", "gpio", None, ""),
    ("gpio=4=op\ngpio=5=op\n", "gpio=4=op", None, "gpio=5=op\n"),
    (HOST + "\ndtoverlay=vc4-kms-v3d\n", "dtoverlay=dwc2", None, "dtoverlay=vc4-kms-v3d\n"),
    (HOST + "\ndtoverlay=dwc2\n", "dtoverlay=dwc2,dr_mode=host", None, "dtoverlay=dwc2\n"),
    ("dtoverlay=dwc2\ndtparam=dr_mode=host\ndtparam=spi=on\n", "dtoverlay=dwc2", None, "dtparam=spi=on\n"),
    ("dtoverlay=dwc2\ndtparam=dr_mode=host,spi=on\n", "dtoverlay=dwc2", None, "dtparam=spi=on\n"),
    # the one before it does not get what it left to the base device tree
    (
        "dtoverlay=vc4-kms-v3d\ndtoverlay=disable-bt\ndtparam=audio=on\n",
        "dtoverlay=disable-bt",
        None,
        "dtoverlay=vc4-kms-v3d\ndtoverlay=\ndtparam=audio=on\n",
    ),
    ("dtparam=spi=on,audio=on\ndtparam=spi=off\n", "dtparam=spi", None, "dtparam=audio=on\n"),
    ("dtparam=spi=on\n[pi5]\ndtparam=spi=off\n", "dtparam=spi=off", None, "dtparam=spi=on\n[pi5]\n"),
]


@pytest.mark.parametrize("old, word, section, new", UNSET)
def test_what_is_left(old: str, word: str, section: Optional[str], new: str) -> None:
    assert after_unset(old, word, section) == new
    assert after_unset(new, word, section) == new, "the second time nothing changes"


def test_what_another_file_sets_cannot_be_taken_away_here() -> None:
    with pytest.raises(Refused, match=r"gpu_mem would still be set on \w+\+? \(user.txt:1\)"):
        after_unset("gpu_mem=1\ninclude user.txt\n", "gpu_mem", user_txt="gpu_mem=2\n")


def test_a_line_of_which_a_part_may_be_another_line_is_not_taken_away() -> None:
    line = "gpu_mem=64 " + " " * 88 + "otg_mode=1"
    with pytest.raises(Refused, match="another effect: setting otg_mode"):
        after_unset(line + "\n", "gpu_mem")


# --- random files, and another evaluator as the judge ---

WORDS = st.sampled_from(
    ["otg_mode=1", "otg_mode=0", "gpu_mem=64", "kernel=kernel8.img", "my_key=1", "hdmi_group=2", "hdmi_group:1=1"]
    + ["dtoverlay=dwc2,dr_mode=host", "dtoverlay=dwc2", "dtoverlay=my-thing,foo=1", "dtparam=audio=on"]
    + ["dtparam=spi=on", "dtparam=foo=2", "gpio=4=op,dh", "enable_uart=1", "os_prefix=x/", "device_tree=x.dtb"]
)
SECTIONS = st.sampled_from(
    ["all", "all", "all", "cm4", "pi4", "pi5", "pi3+", "gpio4=1", "tryboot", "EDID=ABC-X", "0x1234abcd", "partition=2"]
    + ["boot_arg1&4", "board-type=0x14"]
)
WORLDS = st.lists(strategies.worlds(), min_size=3, max_size=6)
NAMES = st.sampled_from(["cm4", "pi4", "pi5", "pi3+", "pi0"])


def slow(files: Dict[str, bytes], name: str, facts: Dict[str, Any]) -> slow_evaluator.Result:
    board = BOARDS[name]
    if facts.get("board-type") not in board.types:
        facts = {**facts, "board-type": board.types[0]}
    base = catalogue.tree_parameters(board.device_trees) or catalogue.base_parameters()
    known = SLOW_CATALOGUE._replace(base_params=base)
    return slow_evaluator.evaluate(files, "config.txt", slow_board(board), facts, known)


def applies(section: str, name: str, facts: Dict[str, Any]) -> bool:
    probe = "[{}]\nmy_probe=1\n".format(section).encode()
    return ("my_probe", 0) in slow({"config.txt": probe}, name, facts).settings


def says(result: slow_evaluator.Result, each: wish.Wish) -> Optional[bool]:
    """Whether the slow evaluator has the wish fulfilled; None where the board has no such thing."""
    if each.kind == "setting":
        value = result.settings.get((each.key, each.port or 0))
        return value is not None and value.rstrip("\r") == each.value
    if each.kind == "gpio":
        return each.value in [value.rstrip("\r") for value in result.gpio]
    if each.kind == "parameter":
        return dict(result.base_params).get(each.name, "").rstrip("\r") == each.value
    wanted = each.parameters or {}
    return any(
        name.rstrip("\r") == each.name and {key: value.rstrip("\r") for key, value in parameters} == wanted
        for name, _, parameters in result.overlays
    )


def others(result: slow_evaluator.Result, each: wish.Wish) -> Any:
    """All that must stay as it was."""
    # What is taken away goes in any case that the firmware may fold.
    keys = {each.key, each.key.upper(), each.key.title()} if each.value is None else {each.key}
    settings = {key: value for key, value in result.settings.items() if each.kind != "setting" or key[0] not in keys}
    if each.kind == "setting" and each.key in ("os_prefix", "device_tree"):
        return settings, result.gpio
    overlays = [one for one in result.overlays if each.kind != "overlay" or one[0].rstrip("\r") != each.name]
    base = [one for one in result.base_params if each.kind != "parameter" or one[0] != each.name]
    return settings, overlays, base, [] if each.kind == "gpio" else result.gpio


FOUND = {"changed": 0, "unchanged": 0, "refused": 0}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.flat_trees(), WORDS, SECTIONS, NAMES, WORLDS, st.booleans())
def test_set_on_random_files(
    files: Dict[str, bytes], word: str, section: str, name: str, worlds: List[Dict[str, Any]], said: bool
) -> None:
    start = tree(files)
    (each,) = wish.to_set(word)
    boards = Boards((BOARDS[name],), said)
    try:
        done = change.set_one(start, each, wish.section(section), boards)
    except (Refused, TooComplex):
        FOUND["refused"] += 1
        return
    FOUND["unchanged" if done.how == "unchanged" else "changed"] += 1
    assert (done.data == files["config.txt"]) == (done.how == "unchanged")
    new = {**files, "config.txt": done.data}
    again = change.set_one(tree(new), each, wish.section(section), boards)
    assert (again.how, again.data) == ("unchanged", done.data)
    for board in (name, "pi4", "pi5", "pi0"):
        for facts in worlds:
            before, after = slow(files, board, facts), slow(new, board, facts)
            inside = applies(section, board, facts)
            assert others(before, each) == others(after, each)
            if not inside:
                assert before == after
            elif board == name:
                assert says(after, each)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.flat_trees(), WORDS, st.sampled_from([None, "all", "cm4", "pi4", "gpio4=1"]), WORLDS, NAMES)
def test_unset_on_random_files(
    files: Dict[str, bytes], word: str, section: Optional[str], worlds: List[Dict[str, Any]], name: str
) -> None:
    (each,) = wish.to_set(word)
    text = "{}={}".format(each.key, each.name) if each.kind in ("overlay", "parameter") else each.key
    away = wish.to_unset(text if each.kind != "setting" or each.port is None else "{}:{}".format(text, each.port))
    where = None if section is None else wish.section(section)
    try:
        done = change.unset_one(tree(files), away, where)
    except (Refused, TooComplex):
        return
    new = {**files, "config.txt": done.data}
    again = change.unset_one(tree(new), away, where)
    assert (again.how, again.data) == ("unchanged", done.data)
    for facts in worlds:
        before, after = slow(files, name, facts), slow(new, name, facts)
        assert others(before, away) == others(after, away)
        if section is None and away.kind == "setting":
            assert not [key for key in after.settings if key[0] == away.key and away.port in (None, key[1])]


@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.flat_trees(), WORDS, WORLDS)
def test_unset_after_set_gives_the_effect_of_before(
    files: Dict[str, bytes], word: str, worlds: List[Dict[str, Any]]
) -> None:
    (each,) = wish.to_set(word)
    text = "{}={}".format(each.key, each.name) if each.kind in ("overlay", "parameter") else each.key
    away = wish.to_unset(text if each.kind != "setting" or each.port is None else "{}:{}".format(text, each.port))
    try:
        # A file in which it is not set.
        bare = change.unset_one(tree(files), away, None).data
        start = {**files, "config.txt": bare}
        done = change.set_one(tree(start), each, wish.Section(), Boards((BOARDS["cm4"],), True))
        back = change.unset_one(tree({**files, "config.txt": done.data}), away, None)
    except (Refused, TooComplex):
        assume(False)
        return
    for facts in worlds:
        for board in ("cm4", "pi5"):
            assert slow(start, board, facts) == slow({**files, "config.txt": back.data}, board, facts)


def test_random_files_were_changed_and_not_only_refused() -> None:
    if sum(FOUND.values()) < 50:
        pytest.skip("the random files were not asked for")
    assert FOUND["changed"] > sum(FOUND.values()) // 4
