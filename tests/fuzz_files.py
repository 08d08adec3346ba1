"""Boot trees with the faults that fixers know, made fast and the same for the same number: plain ``random``."""

import random
from typing import Callable, Dict, List, Tuple

from scmguard import catalogue
from scmguard.text import encode

BOM = b"\xef\xbb\xbf"
WANTED = "dtoverlay=dwc2,dr_mode=host"
Lines = List[str]

# fmt: off
PLAIN = (
    "# For more options see the documentation", "#", "", "", "arm_64bit=1", "enable_uart=1", "gpu_mem=64",
    "gpu_mem=128",
    "disable_overscan=1", "dtparam=audio=on", "dtparam=spi=on", "dtparam=i2c_arm=on,spi=off", "kernel=kernel8.img",
    "kernel=vmlinuz", "os_prefix=a/", "dtoverlay=disable-bt", "dtoverlay=vc4-kms-v3d", "dtoverlay=my-thing,foo=1",
    "dtoverlay=gpio-ir,gpio_pin=18", "dtoverlay=dwc2", "dtoverlay=upstream", "dtoverlay=", "dtoverlay=none",
    "hdmi_group:1=2", "hdmi_mode=4", "max_framebuffers=2", "camera_auto_detect=1", "initramfs initrd.img followkernel",
    "auto_initramfs=1", "cmdline=cmdline.txt", "gpio=4=op,dh", "gpio=5-7=ip", "dtparam=gpio_pin=19", "over_voltage=2",
    "arm_freq=1500", "device_tree=", "device_tree=x.dtb", "include inc.txt", "include missing.txt", "my_key=1", "word",
    "total_mem=1024", "boot_ramdisk=1", "start_x=1", "uart_2ndstage=1", "dtparam=dr_mode=host",
    "device_tree_address=0x3",
    "dtoverlay=i2c-rtc,ds3231", "dtoverlay=overlays/disable-wifi.dtbo", "device_tree_overlay=overlays/w1-gpio.dtbo",
)
HEADERS = (
    "[all]", "[all]", "[all]", "[cm4]", "[cm4]", "[pi4]", "[pi4]", "[cm5]", "[pi5]", "[pi3]", "[pi02]", "[pi400]",
    "[cm4s]",
    "[none]", "[tryboot]", "[gpio4=1]", "[gpio4=0]", "[gpio17=1]", "[0x1234abcd]", "[0xdeadbeef]", "[EDID=ABC-X]",
    "[EDID=VSC-TD2220]", "[HDMI:1]", "[HDMI:0]", "[board-type=0x14]", "[boot_count>3]", "[partition=2]",
    "[boot_arg1&6]",
    "[wat]", "[pi4", "[gpio4]", "[EDID=]",
)
WRONG_HEADERS = (
    "[CM4]", "[Pi4]", "[ALL]", "[All]", "[NONE]", "[ cm4 ]", "[cm4 ]", "[\tall]", "[cm4] # only here", "[all] #",
    "[pi4]#x",
    "[all] end", "[edid=ABC-X]", "[hdmi:1]", "[GPIO4=1]", "[ CM4 ] # x", "[Tryboot]", "[PI5] # a b", "[BOOT_COUNT>3]",
    "  [all ]", "[all] # caf\u00e9", "[cm4] ", "[pi4] # dtoverlay=dwc2", "[0X1234ABCD]", "[all]  ## x ##",
)
SETTINGS = (
    "gpu_mem=64", "otg_mode=1", "otg_mode=0", "kernel=kernel8.img", "dtoverlay=disable-bt", WANTED, "dtparam=audio=on",
    "dtparam=dr_mode=host", "dtoverlay=dwc2", "hdmi_group:1=2", "initramfs initrd.img followkernel", "include inc.txt",
    "gpio=4=op", "device_tree=x.dtb", "arm_freq=1000", "my_key=a", "os_prefix=a/", "include=inc.txt",
    "cmdline=other.txt",
    "dtoverlay=vc4-kms-v3d,cma-256", "dtoverlay=my-thing,foo=1", "hdmi_mode=4", "enable_uart=1", "total_mem=1024",
    "dtoverlay=",
    "initramfs=initrd.img", "gpu_mem 64", "overlay_prefix=o/", "arm_64bit=1", "device_tree=", "dtoverlay=none",
    "dtparam=spi",
)
COMMENTS = (
    "# why", "#why", " # why ", "\t# two words", "# a # b", "#", "# caf\u00e9", "##", "#  ", "# [all]", "# gpu_mem=1",
    "# x=1,y=2",
    "# " + "a long remark that goes on and on about what this line is for, and will not fit on it " * 2,
    "# " + "x" * 99, "# \udcff", "#\u00e9", "# SCM: do not change", "# \\n", "# {{ jinja }}", "# [none]", "# \tx  y",
)
PARAMETERS = (
    "dr_mode=host", "g-rx-fifo-size=256", "g-np-tx-fifo-size=32", "gpio_pin=18", "gpio_pull=up", "foo=1", "bar=two",
    "audio=on",
    "spi=on", "i2c_arm=on", "i2c_arm_baudrate=400000", "cma-256", "noaudio", "label=\"a,b\"", "addr=0x68",
    "wakeup-source",
    "cs0_pin=16", "cs1_pin=17", "cs2_pin=18", "bcm2708-whatever=1", "", "x:y=2", "rotate=180", "speed=32000000",
    "audio",
    "name=caf\u00e9", "w=" + "y" * 40, "interrupt=25", "spimaxfrequency=2000000", "oscillator=16000000",
    "dr_mode=otg", "u=a b",
)
OVERLAYS = (
    "dwc2", "gpio-ir", "vc4-kms-v3d", "my-thing", "spi1-3cs", "i2c-rtc", "mcp2515-can0", "w1-gpio", "none", "",
    "lirc-rpi",
    "overlays/dwc2.dtbo", "hifiberry-dac",
)
CASED = ("OTG_MODE=1", "GPU_MEM=64", "Kernel=a.img", "DTOVERLAY=dwc2", "Dtparam=audio=on", "Hdmi_Group:1=2",
    "INCLUDE inc.txt",
         "Arm_Freq=1", "GPIO=4=op", "Enable_UART=1", "DTPARAM=spi=on", "My_Key=1", "DTOverlay=dwc2,dr_mode=host",
         "Otg_mode=0")
GLUED = ("dtparam=spi=onstart_x=1", "dtoverlay=dwc2dtoverlay=disable-bt", "gpu_mem=64\\ngpu_mem_256=1",
    "# the enddtoverlay=dwc2",
         "enable_uart=1dtparam=audio=on", "dtoverlay=hifiberry-dacdtparam=i2c1=on", "[all]gpu_mem=64",
         "[all] enable_uart=1",
         "dtoverlay=disable-bt\\ndtoverlay=dwc2,dr_mode=host", "kernel=a.imginitramfs=b", "dtparam=i2c_arm=on\\n",
         "arm_freq=1gpu_mem=2",
         "[cm4]otg_mode=1", "dtoverlay=dwc2,dr_mode=hostotg_mode=1")
ODD = ("dtoverlay=w1\u2013gpio", "gpu_mem=\u201c64\u201d", "dtparam=audio=on\u00a0", "kernel=a\u2019b",
    "dtoverlay=dwc2\u200b",
       "my_key=\udcff", "k\u00e9y=1", "gpu\u2010mem=1")
WORDS = ("root=/dev/mapper/cryptrfs", "root=/dev/mmcblk0p2", "rootwait", "quiet", "console=tty1",
    "console=serial0,115200", "fsck.repair=yes",
         "rootfstype=ext4", "modules-load=dwc2,g_ether", "init=\"/bin/a b\"", "splash", "--", "a=\"b", "caf\u00e9=1")
SPACED = (" = ", "= ", " =", "\t=", "=\t ", "  =  ")
PADS = ("", "", "", "", " ", "\t", "  ")
# fmt: on
RENAMED = tuple(sorted(name for name, entry in catalogue.overlay_map().items() if entry.get("renamed")))
OTHER_NAMES = (
    "disable-bt-overlay",
    "dwc2-overlay",
    "w1-gpio-overlay.dtb",
    "i2c-rtc-overlay",
    "pi3-disable-bt",
    "pi3-disable-wifi",
)


def setting(rng: random.Random) -> str:
    """A setting, sometimes with blanks in front."""
    return rng.choice(PADS) + rng.choice(SETTINGS)


def trailing_comment(rng: random.Random) -> Lines:
    return [setting(rng) + rng.choice(("", " ", "  ", "\t")) + rng.choice(COMMENTS)]


def spaces(rng: random.Random) -> Lines:
    line = setting(rng)
    if rng.random() < 0.2:
        return [line.replace(",", rng.choice((", ", " ,"))) + rng.choice(("", " # x"))]
    return [line.replace("=", rng.choice(SPACED), 1) + rng.choice(("", "", "", " ", " # x"))]


def long_overlay(rng: random.Random) -> Lines:
    key = rng.choice(
        ("dtoverlay=", "dtoverlay=", "dtoverlay=", "device_tree_overlay=", "dtparam=", "dtparam", " dtoverlay=")
    )
    name = "" if "dtparam" in key else rng.choice(OVERLAYS) + rng.choice((",", ",", ":", ",,"))
    parameters = [rng.choice(PARAMETERS) for _ in range(rng.randint(5, 14))]
    if key == "dtparam":
        key = "dtparam = "
    line = key + name + ",".join(parameters)
    while len(encode(line)) < 99:
        line += "," + rng.choice(PARAMETERS)
    return [
        line + rng.choice(("", "", "", "", " ", " # x")),
        *rng.choice(((), (), ("dtparam=audio=on",), (setting(rng),))),
    ]


def long_comment(rng: random.Random) -> Lines:
    start = rng.choice(("# ", "#", "  # ", "#\t", "## "))
    filler = rng.choice(
        ("word ", "longer-word ", "x", "\u00e9 ", "\u20ac\u20ac ", "a  b ", "\udcff ", "https://example.org/a/b ")
    )
    line = start
    while len(encode(line)) < rng.choice((97, 98, 99, 100, 140, 197, 198)):
        line += filler
    return [line + rng.choice(("", "gpu_mem=64", "[all]", WANTED, " otg_mode=1", " ", "# x"))]


def long_other(rng: random.Random) -> Lines:
    start = rng.choice(
        ("kernel=", "gpu_mem=64 #", "[all] # ", "[CM4] # ", "my_key=", "otg_mode=1 #", "Gpu_Mem=1 # ", "gpio = 4=op #")
    )
    return [
        start + rng.choice(("x", " y", "ab ", " ")) * rng.choice((60, 99, 120)) + rng.choice(("", "otg_mode=1", " z"))
    ]


def renamed(rng: random.Random) -> Lines:
    key = rng.choice(("dtoverlay=", "dtoverlay=", "device_tree_overlay=overlays/", "dtoverlay=overlays/"))
    tail = rng.choice(("", "", ",gpio_pin=18", ":x=1", ".dtbo", ",pi3-disable-bt", " # x", " "))
    return [key + rng.choice(RENAMED + OTHER_NAMES * 3) + tail, *rng.choice(((), ("dtparam=gpio_pin=1",)))]


def duplicate(rng: random.Random) -> Lines:
    line = rng.choice(
        ("dtoverlay=disable-bt", WANTED, "dtoverlay=my-thing,foo=1", "dtoverlay=gpio-ir", "dtoverlay=w1-gpio")
    )
    again = line if rng.random() < 0.8 else line + rng.choice((" ", ",gpio_pin=3", " # x"))
    between = (
        (), (), (), ("gpu_mem=64",), ("dtoverlay=vc4-kms-v3d",), ("dtparam=gpio_pin=4",), ("[cm4]",), ("[pi4]",),
        ("[gpio4=1]",),
        ("dtparam=audio=on",), ("dtoverlay=",), ("[all]", "# x"), (line,), ("dtoverlay=dwc2",),
        ("dtparam=dr_mode=otg",),
    )  # fmt: skip
    behind = ((), (), ("dtparam=gpio_pin=5",), ("dtparam=spi=on",), ("dtparam=dr_mode=otg",), ("dtoverlay=none",))
    return [line, *rng.choice(between), again, *rng.choice(behind)]


def beaten(rng: random.Random) -> Lines:
    key = rng.choice(
        (
            "gpu_mem",
            "otg_mode",
            "kernel",
            "hdmi_mode",
            "hdmi_group:1",
            "my_key",
            "arm_64bit",
            "device_tree",
            "start_x",
            "os_prefix",
        )
    )
    between = (
        (),
        (),
        ("[cm4]",),
        ("[pi4]",),
        ("[all]",),
        ("[gpio4=1]",),
        ("[wat]",),
        ("include inc.txt",),
        ("[HDMI:1]",),
    )
    values = ["0", "1", "2", "64", "a.img", ""]
    rng.shuffle(values)
    lines = []
    for value in values[: rng.randint(2, 3)]:
        lines += [key + "=" + value, *rng.choice(between)]
    return lines


def otg(rng: random.Random) -> Lines:
    line = rng.choice(
        (
            "otg_mode=1",
            "otg_mode=1",
            "otg_mode=1",
            "otg_mode=0x1",
            "otg_mode=1 ",
            "otg_mode=2",
            " otg_mode=1",
            "otg_mode=1 # usb",
        )
    )
    return [rng.choice(HEADERS), line, *rng.choice(((), ("[all]",), (rng.choice(HEADERS), line), ("otg_mode=0",)))]


def dwc2(rng: random.Random) -> Lines:
    undone = (
        (), ("dtoverlay=dwc2",), ("dtoverlay=dwc2,dr_mode=otg",), ("dtparam=dr_mode=peripheral",),
        ("dtoverlay=dwc-otg",),
        ("dtoverlay=disable-bt", "dtparam=dr_mode=otg"), ("device_tree=",), ("dtoverlay=upstream",),
        (rng.choice(HEADERS), "dtoverlay=dwc2"),
    )  # fmt: skip
    return [rng.choice(HEADERS), WANTED, *rng.choice(undone), *rng.choice(((), ("[all]",), (rng.choice(HEADERS),)))]


def wrong_header(rng: random.Random) -> Lines:
    return [rng.choice(WRONG_HEADERS), setting(rng), *rng.choice(((), ("[all]",), (setting(rng),)))]


def header(rng: random.Random) -> Lines:
    return [rng.choice(HEADERS), setting(rng)]


def cased(rng: random.Random) -> Lines:
    return [rng.choice(PADS) + rng.choice(CASED) + rng.choice(("", "", "", " ", " # x"))]


def glued(rng: random.Random) -> Lines:
    return [rng.choice(GLUED)]


def odd(rng: random.Random) -> Lines:
    return [rng.choice(ODD)]


FAULTS: Tuple[Callable[[random.Random], Lines], ...] = (
    trailing_comment, trailing_comment, spaces, spaces, long_overlay, long_overlay, long_comment, long_other, renamed,
    renamed, duplicate, duplicate, beaten, beaten, otg, otg, dwc2, wrong_header, wrong_header, wrong_header, header,
    header, cased, glued, odd,
)  # fmt: skip


def contents(rng: random.Random, most: int) -> bytes:
    """A file of config.txt's kind with up to so many faults."""
    lines: Lines = []
    for _ in range(rng.randint(1, most)):
        lines += [rng.choice(PLAIN) for _ in range(rng.randint(0, 2))]
        lines += rng.choice(FAULTS)(rng)
    if rng.random() < 0.3:
        lines += [rng.choice(PLAIN)]
    if rng.random() < 0.6:
        lines += [*rng.choice((("[all]",), ("[all]",), ())), WANTED]
    if rng.random() < 0.15:
        lines += [rng.choice(HEADERS)]
    return ended(rng, lines)


def ended(rng: random.Random, lines: Lines) -> bytes:
    """The lines with line ends, of which some are wrong."""
    kind = rng.random()
    ends: Tuple[str, ...] = ("\n",)
    if kind < 0.06:
        ends = ("\r\n",)
    elif kind < 0.1:
        ends = ("\n", "\n", "\r\n")
    elif kind < 0.115:
        ends = ("\n", "\r\n", "\r")
    elif kind < 0.12:
        ends = ("\r",)
    text = "".join(line + (ends[0] if len(ends) == 1 else rng.choice(ends)) for line in lines)
    if rng.random() < 0.1:
        text = text.rstrip("\r\n")
    if rng.random() < 0.008:
        return b"\xff\xfe" + text.encode("utf-16-le", "ignore")
    return (BOM if rng.random() < 0.06 else b"") + encode(text)


def command_line(rng: random.Random) -> bytes:
    """A cmdline.txt, on several lines sometimes."""
    lines = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        words = [rng.choice(WORDS) for _ in range(rng.randint(0, 4))]
        lines.append(rng.choice(("", "", "", " ", "# ")) + rng.choice((" ", " ", "  ", "\t")).join(words))
    return ended(rng, lines)


def tree(rng: random.Random) -> Dict[str, bytes]:
    """A boot tree: names to contents."""
    files = {"config.txt": contents(rng, 3)}
    if rng.random() < 0.4:
        files["cmdline.txt"] = command_line(rng)
    if b"inc.txt" in files["config.txt"] and rng.random() < 0.9 or rng.random() < 0.04:
        files["inc.txt"] = contents(rng, 2)
    if rng.random() < 0.06:
        files["tryboot.txt"] = contents(rng, 2) if rng.random() < 0.7 else encode("include config.txt\n")
    if rng.random() < 0.06:
        seam = rng.choice(("[config.txt]\n", "[config.txt]\n", " [config.txt] \r\n", "[config]\n", ""))
        own = rng.choice(("[all]\nBOOT_ORDER=0xf41\n", "BOOT_UART=1\n[gpio4=1]\nBOOT_ORDER=0x1\n", ""))
        files[rng.choice(("bootconf.txt", "bootconf.txt", "boot.conf"))] = encode(own + seam) + contents(rng, 1)
    if rng.random() < 0.03:
        files["autoboot.txt"] = rng.choice(
            (b"[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n", b"boot_partition=2\r\n")
        )
    return files
