"""Strategies for small boot trees and for worlds, with small pools of names so that things coincide."""

from typing import Any

from hypothesis import strategies as st

READINGS = {
    "bom": ("skipped", "text"),
    "carriage-return": ("ends-line", "text"),
    "long-line": ("whole", "cut", "wrap"),
    "section-tail": ("ignored", "unknown"),
    "section-padding": ("trimmed", "unknown"),
    "section-case": ("folded", "exact"),
    "unknown-filter": ("ignored", "inactive"),
    "none-scope": ("sticky", "model"),
    "include-filters": ("leak", "restored"),
    "key-case": ("folded", "exact"),
    "spaces-around-equals": ("accepted", "discarded"),
    "trailing-comment": ("stripped", "kept"),
    "trailing-space": ("stripped", "kept"),
    "space-form": ("accepted", "ignored"),
    "equals-form": ("accepted", "ignored"),
    "eeprom-filters": ("continue", "reset"),
    "eeprom-section": ("appended", "ignored"),
}
GPIOS = (4, 5, 17)
SERIALS = (0x1234ABCD, 0xDEADBEEF, 0x5)
EDIDS = ("ABC-X", "VSC-TD2220")
ARGUMENTS = ("partition", "boot_partition", "boot_arg1", "boot_count", "bootvar0", "cust_otp0", "cust_otp7")
UNUSED_ARGUMENTS = ("board_attributes", *(f"cust_otp{number}" for number in range(1, 7)))
BOARD_TYPES = (0x11, 0x13, 0x14, 0x17)
MODELS = ("pi4", "cm4", "cm4", "pi4", "pi3", "pi3+", "pi400", "cm4s", "pi5", "cm5", "pi0", "pi02")
START = "config.txt"
BOM = b"\xef\xbb\xbf"

# Names that no catalogue knows stand beside known ones. Overlays: plain, renamed on some SoC, and blocked ones.
# fmt: off
OVERLAYS = (
    "dwc2", "dwc2", "dwc2", "dwc-otg", "upstream", "upstream-pi4", "disable-bt", "vc4-kms-v3d", "vc4-fkms-v3d",
    "lirc-rpi", "pi3-disable-bt", "sdio-1bit", "gpio-ir", "my-thing", "DWC2", "none", "none", "", "",
    "overlays/dwc2.dtbo", "overlays/disable-bt", "dwc2.dtbo", "dwc2 ", "dw\u00e92", "dwc2\udcff",
)
PARAMS = (
    "dr_mode=host", "dr_mode=host", "dr_mode=host", "dr_mode=peripheral", "dr_mode=otg", "dr_mode=HOST", "dr_mode",
    "dr_mode=", 'dr_mode="host"', "g-rx-fifo-size=256", "audio=on", "audio=off", "audio", "spi", "spi=off",
    "i2c_arm=on", "gpio_pin=18", "foo=1", "foo", 'dev="a,b"', "x:y=2", "",
)
UNKNOWN_NAMES = (
    "wat", "rpi4", "Pi 4", "", "gpio4", "gpio4=2", "EDID", "HDMI:2", "partition", "foo=1", "config.txt", "0xzz",
    "caf\u00e9", "cm4\udcff",
)
JUNK_LINES = (
    "", "  ", "\t", "# dtoverlay=dwc2,dr_mode=host", " #x", "word", "word ", "a.b-c", "=1", "[pi4", "pi4]", "\\",
    "otg_mode:=1", "otg_mode:x=1", "key:1", "otg_mode :1=1", "caf\u00e9=1", "\ufeffotg_mode=1", "[]", "\r",
    "otg_mode\r=1", "\udcff", "\udce9=1",
)
VALUES = (
    "0", "1", "1", "2", "0x0", "0x1", "-1", "+0", "0x", "1x", "on", "", "a b", "kernel8.img", "caf\u00e9", "=1",
    "1\udcff",
)
# fmt: on
PLAIN_KEYS = ("otg_mode", "otg_mode", "arm_64bit", "enable_uart", "kernel", "os_prefix", "gpu_mem", "my_key")
PORT_KEYS = ("hdmi_group", "hdmi_group", "hdmi_mode", "hdmi_drive")
CASED_KEYS = ("OTG_MODE", "Otg_Mode", "HDMI_GROUP", "DTOVERLAY", "Dtparam", "INCLUDE", "InitRamFS", "My_Key", "GPIO")
FILES = ("inc.txt", "inc.txt", "inc.txt", "other.txt", "other.txt", START, "missing.txt")
NUMBERS = st.integers(0, 20)
MASKS = st.integers(1, 15)


def pick(*choices: str) -> st.SearchStrategy[str]:
    """One of the texts; name one more than once to make it more frequent."""
    return st.sampled_from(choices)


def join(*parts: Any) -> st.SearchStrategy[str]:
    """Texts and strategies of texts, one after the other."""
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map("".join)


def written(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[str]:
    """A number in decimal or hexadecimal."""
    return st.tuples(numbers, pick("{:d}", "{:d}", "0x{:x}", "0X{:X}")).map(lambda it: it[1].format(it[0]))


# Headers

MODEL_FILTERS = st.one_of(pick(*MODELS), join("board-type=", written(st.sampled_from(BOARD_TYPES))))
SERIAL_FILTERS = st.tuples(st.sampled_from((*SERIALS, 7)), pick("0x{:08x}", "0x{:x}", "0X{:X}")).map(
    lambda it: it[1].format(it[0])
)
EXPRESSIONS = st.one_of(
    join(pick(*ARGUMENTS), pick("=", "<", ">"), written(NUMBERS)),
    join(pick("partition", "boot_count"), pick("=", "<", ">"), written(NUMBERS)),
    join(pick(*ARGUMENTS), "&", written(MASKS)),
    join(pick("partition", "bootvar0"), "&", written(MASKS), "=", written(NUMBERS)),
)
OTHER_FILTERS = st.one_of(
    pick("all", "all", "none", "tryboot", "tryboot"),
    SERIAL_FILTERS,
    pick(*("EDID=" + name for name in EDIDS), "EDID=abc-x"),
    st.builds("gpio{}={}".format, st.sampled_from(GPIOS), st.integers(0, 1)),
    st.builds("gpio{}={}".format, st.sampled_from(GPIOS), st.integers(0, 1)),
    EXPRESSIONS,
    EXPRESSIONS,
    pick("HDMI:0", "HDMI:1", "HDMI:1"),
)
UNKNOWN_FILTERS = pick(*UNKNOWN_NAMES)
FILTERS = st.one_of(MODEL_FILTERS, MODEL_FILTERS, OTHER_FILTERS, OTHER_FILTERS, OTHER_FILTERS, UNKNOWN_FILTERS)
CASED_FILTERS = st.tuples(FILTERS, st.sampled_from((str.upper, str.lower, str.title))).map(lambda it: it[1](it[0]))
HEADERS = st.one_of(
    join("[", FILTERS, "]"),
    join("[", FILTERS, "]"),
    join("[", FILTERS, "]"),
    join("[", CASED_FILTERS, "]"),
    join("[", pick("", " ", "\t"), FILTERS, pick(" ", "  ", ""), "]"),
    join("[", FILTERS, "]", pick(" ", " # only here", ",", "x", "\t \t", "]", "a=1")),
    join(" [ ", CASED_FILTERS, " ]", pick("", " #", "x")),
)

# Settings

EQUALS = pick("=", "=", "=", "=", "=", " =", "= ", " = ", "=\t", " ", " ", "\t")
ENDS = pick("", "", "", "", "", "", " ", "\t ", " # why", "#why", " # why ", " #a #b", "#")
LEADS = pick("", "", "", "", "", " ", "\t", "  ")
PARAM_LISTS = st.lists(pick(*PARAMS), min_size=1, max_size=3).map(",".join)
OVERLAY_VALUES = st.one_of(
    pick("dwc2", "dwc2,dr_mode=host", "dwc2,dr_mode=host", "dwc2:dr_mode=host", "none", ""),
    pick(*OVERLAYS),
    join(pick(*OVERLAYS), pick(",", ",", ":"), PARAM_LISTS),
)
PORTED = join(pick(*PORT_KEYS), pick("", "", ":0", ":1", ":1", ":2"))
PLAIN_LINES = st.one_of(
    join(pick("dtoverlay=", "dtoverlay=", "device_tree_overlay="), OVERLAY_VALUES),
    join(pick("dtoverlay=", "dtoverlay=", "device_tree_overlay="), OVERLAY_VALUES),
    join(pick("dtparam=", "dtparam=", "device_tree_param="), PARAM_LISTS),
    join("otg_mode=", pick(*VALUES)),
    join(pick(*PLAIN_KEYS), "=", pick(*VALUES)),
    join(PORTED, "=", pick(*VALUES)),
    join("include ", pick(*FILES)),
)
LOOSE_LINES = st.one_of(
    join(LEADS, pick("dtoverlay", "device_tree_overlay"), EQUALS, OVERLAY_VALUES, ENDS),
    join(LEADS, pick("dtparam", "dtparam:1", "device_tree_param"), EQUALS, PARAM_LISTS, ENDS),
    join(LEADS, pick(*PLAIN_KEYS), pick("", "", ":1"), EQUALS, pick(*VALUES), ENDS),
    join(LEADS, PORTED, EQUALS, pick(*VALUES), ENDS),
    join(LEADS, pick(*CASED_KEYS), EQUALS, st.one_of(pick(*VALUES), OVERLAY_VALUES, pick(*FILES)), ENDS),
    join(LEADS, pick("initramfs", "include"), EQUALS, pick("initrd.img followkernel", "i.img", *FILES), ENDS),
    join(LEADS, pick("gpio", "gpio"), EQUALS, pick("4=op,dh", "5=ip", "4-6=a2", ""), ENDS),
    join(LEADS, "device_tree", EQUALS, pick("", "", "x.dtb"), ENDS),
)
JUNK = pick(*JUNK_LINES)

# Long lines: something that is a statement once a reader cuts the line around 98, 99 or 198 bytes.

EDGES = st.sampled_from((97, 98, 99, 100, 198, 95, 96, 197, 199, 297))
STATEMENTS = st.one_of(PLAIN_LINES, HEADERS, pick("otg_mode=1", "dtoverlay=dwc2,dr_mode=host", "[none]", "[cm4]"))
FILLERS = st.sampled_from(("x", " ", "\u00e9", "\u20ac", "#", "\udcff"))


def to_bytes(text: str) -> bytes:
    """The bytes of a text, in which a byte that is not UTF-8 is a surrogate."""
    return text.encode("utf-8", "surrogateescape")


def fill(start: str, filler: str, size: int) -> str:
    """The start, filled up to about so many bytes; a character may stand across the edge."""
    while len(to_bytes(start)) < size:
        start += filler
    return start


LONG_COMMENTS = st.builds(
    lambda filler, edge, statement: fill("# ", filler, edge) + statement, FILLERS, EDGES, STATEMENTS
)
LONG_SETTINGS = st.builds(
    lambda start, filler, edge, rest: fill(start, filler, edge) + rest,
    st.one_of(PLAIN_LINES, pick("kernel=", "otg_mode=1", "dtoverlay=dwc2,dr_mode=host,foo=", "dtparam=foo=")),
    FILLERS,
    EDGES,
    st.one_of(st.just(""), STATEMENTS, join(",", PARAM_LISTS), pick(" # x", " ", "x")),
)
CUT_INSIDE = st.builds(  # the edge falls somewhere in the last parameters
    lambda edge, last, back: fill("dtoverlay=dwc2,foo=", "x", edge - back) + last,
    EDGES,
    pick(",dr_mode=host", ",dr_mode=peripheral,foo", " # dr_mode=host", "\u00e9\u00e9\u00e9,dr_mode=host"),
    st.integers(0, 14),
)
LONG_HEADERS = st.builds(lambda header, edge, tail: fill(header, " ", edge) + tail, HEADERS, EDGES, STATEMENTS)
LONG_LINES = st.one_of(LONG_COMMENTS, LONG_COMMENTS, LONG_SETTINGS, CUT_INSIDE, LONG_HEADERS)

# Blocks of lines that tell readings apart together

SCOPES = st.tuples(
    pick("dtoverlay=dwc2,dr_mode=host", "dtoverlay=dwc2", "dtoverlay dwc2", "DTOVERLAY=dwc2"),
    st.one_of(pick("dtoverlay=", "dtoverlay=none", "dtoverlay=disable-bt", "dtoverlay=my-thing"), HEADERS),
    pick("dtparam=dr_mode=host", "dtparam=dr_mode=peripheral", "dtparam=audio=on,foo", "dtparam=dr_mode=otg,spi"),
)
NONE_THEN_MODEL = st.tuples(
    st.just("[all]"),
    st.just("[none]"),
    st.one_of(pick("[cm4]", "[pi4]", "[pi5]", "[wat]"), join("[", MODEL_FILTERS, "]"), HEADERS),
    PLAIN_LINES,
    PLAIN_LINES,
)
SAME_CLASS = st.tuples(
    st.one_of(join("[", MODEL_FILTERS, "]"), join("[", EXPRESSIONS, "]"), join("[", OTHER_FILTERS, "]")),
    PLAIN_LINES,
    st.one_of(join("[", MODEL_FILTERS, "]"), join("[", EXPRESSIONS, "]"), join("[", OTHER_FILTERS, "]")),
    PLAIN_LINES,
)
PORT_LINES = join(PORTED, "=", pick(*VALUES))
HDMI_SECTIONS = st.tuples(pick("[HDMI:1]", "[HDMI:0]", "[hdmi:1]"), PORT_LINES, HEADERS, PORT_LINES)
INCLUDES = st.tuples(join(pick("include ", "include ", "include=", " include  "), pick(*FILES)), PLAIN_LINES)

BLOCKS: st.SearchStrategy[Any] = st.one_of(
    st.tuples(PLAIN_LINES),
    st.tuples(PLAIN_LINES),
    st.tuples(HEADERS, PLAIN_LINES),
    st.tuples(HEADERS, PLAIN_LINES),
    st.tuples(LOOSE_LINES),
    st.tuples(LOOSE_LINES),
    st.tuples(LOOSE_LINES, LOOSE_LINES),
    st.tuples(LONG_LINES),
    st.tuples(JUNK),
    SCOPES,
    NONE_THEN_MODEL,
    SAME_CLASS,
    HDMI_SECTIONS,
    INCLUDES,
)
CHUNKS = st.tuples(st.sampled_from(((), (), ("[all]",))), BLOCKS).map(lambda it: it[0] + it[1])
LINE_ENDS = st.sampled_from((("\n",),) * 5 + (("\r\n",),) * 2 + (("\r",), ("\n", "\n", "\r\n", "\r"), ("\n", "\n\n")))


@st.composite
def contents(draw: st.DrawFn, size: int = 6, extra: str = "") -> bytes:
    """One file; the extra line stands somewhere in it."""
    lines: list[str] = [line for chunk in draw(st.lists(CHUNKS, min_size=2, max_size=size)) for line in chunk]
    if extra:
        lines.insert(draw(st.integers(0, len(lines))), extra)
    ends = draw(LINE_ENDS)
    text = "".join(line + (ends[0] if len(ends) == 1 else draw(st.sampled_from(ends))) for line in lines[:14])
    if draw(st.sampled_from((False, False, True))):
        text = text.rstrip("\r\n")
    return (BOM if draw(st.sampled_from((False,) * 5 + (True,))) else b"") + to_bytes(text)


@st.composite
def chains(draw: st.DrawFn, start: str = START) -> dict[str, bytes]:
    """Files that include each other seven to ten deep."""
    names = [start] + [f"c{depth}.txt" for depth in range(1, draw(st.integers(7, 10)) + 1)]
    files = {}
    for depth, name in enumerate(names):
        following = names[depth + 1] if depth + 1 < len(names) else draw(st.sampled_from(names))
        lines = (draw(HEADERS), f"otg_mode={depth % 2}", f"include {following}", f"kernel=k{depth}", draw(PLAIN_LINES))
        files[name] = to_bytes("".join(line + "\n" for line in lines[draw(st.integers(0, 4)) > 0 :]))
    return files


@st.composite
def flat_trees(draw: st.DrawFn, start: str = START) -> dict[str, bytes]:
    """A start file, and sometimes the files that it includes."""
    with_inc, with_other = draw(st.sampled_from(((False, False), (True, False), (True, True), (False, True))))
    files = {start: draw(contents(6, "include inc.txt" if with_inc else ""))}
    if with_inc:
        files["inc.txt"] = draw(contents(4, draw(pick("", "include other.txt", f"include {start}", "include inc.txt"))))
    if with_other:
        files["other.txt"] = draw(contents(3, draw(pick("", "", "include inc.txt"))))
    return files


@st.composite
def eeproms(draw: st.DrawFn) -> bytes:
    """An EEPROM's configuration, mostly with lines for config.txt; a byte order mark or CRs only below the seam."""
    own = draw(pick("[all]\nBOOT_ORDER=0xf41\n", "BOOT_UART=1\n[pi4]\n", ""))
    seam = draw(pick("[config.txt]\n", "[config.txt]\n", " [config.txt] \n", "[config]\n", "[Config.txt]\n"))
    lines = draw(st.lists(st.one_of(PLAIN_LINES, HEADERS), max_size=4))
    return to_bytes(own + seam + "".join(line + "\n" for line in lines))


@st.composite
def with_eeprom(draw: st.DrawFn, start: str) -> dict[str, bytes]:
    """A boot tree with the EEPROM's configuration in it."""
    return {**draw(flat_trees(start)), draw(pick("bootconf.txt", "bootconf.txt", "boot.conf")): draw(eeproms())}


def trees(start: str = START) -> st.SearchStrategy[dict[str, bytes]]:
    """A small boot tree: file names to bytes."""
    kinds = [flat_trees(start)] * 16 + [with_eeprom(start)] * 3 + [chains(start)]
    return st.integers(0, 19).flatmap(lambda number: kinds[number])


def worlds() -> st.SearchStrategy[dict[str, Any]]:
    """A world: a choice for every reading and a value for every condition that the trees use."""
    parts: dict[str, st.SearchStrategy[Any]] = {name: st.sampled_from(choices) for name, choices in READINGS.items()}
    parts.update({f"gpio{pin}": st.integers(0, 1) for pin in GPIOS})
    parts.update({f"EDID={name}": st.booleans() for name in EDIDS})
    parts.update(dict.fromkeys(ARGUMENTS, NUMBERS))
    parts.update({name: st.just(0) for name in UNUSED_ARGUMENTS})
    parts["serial"] = st.sampled_from((*SERIALS, 0))
    parts["tryboot"] = st.booleans()
    parts["board-type"] = st.sampled_from(BOARD_TYPES)
    return st.fixed_dictionaries(parts)
