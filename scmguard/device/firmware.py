"""The firmware and the bootloader: what runs, how it is configured, and how it booted.

Sources: Raspberry Pi documentation, ``configuration/device-tree.adoc`` part 4 (``/chosen/bootloader``: cells of 32
bits, ``version`` is text), ``raspberry-pi/eeprom-bootloader.adoc`` (numbers of BOOT_ORDER, which ``boot-mode`` has,
too); the form of vcgencmd's answers is from public logs. In the device tree the properties are written with a hyphen
(``build-timestamp``: rpi-eeprom's scripts), in the documentation partly with an underscore.
"""

import re
from typing import List, Optional

from scmguard.device import paths
from scmguard.device.facts import Fact, Release, Unknown
from scmguard.device.identity import TREE, cell
from scmguard.device.machine import BOOTLOADER_CONFIG, BOOTLOADER_VERSION, VERSION, Machine

NODE = TREE + "/chosen/bootloader"

#: What the numbers of ``boot-mode`` stand for, in the words of this program.
BOOT_MODES = {
    0: "sd-or-emmc",
    1: "sd-or-emmc",
    2: "network",
    3: "rpiboot",
    4: "usb",
    5: "usb",
    6: "nvme",
    7: "http",
}

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_COMMIT = re.compile(r"[0-9a-f]{7,64}\Z")
_HASH = re.compile(r"version ([0-9a-f]{7,64})\b")
_TIMESTAMP = re.compile(r"timestamp ([0-9]{1,12})$", re.MULTILINE)
_AMERICAN = re.compile(r"([A-Z][a-z]{2}) +([0-9]{1,2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
_NUMERIC = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")


def firmware(machine: Machine) -> "Fact[Release]":
    """The version of start*.elf that runs (on a Pi 5: of the bootloader, which is all the firmware there is)."""
    return Fact(_release(_say(machine, VERSION), VERSION), VERSION)


def bootloader(machine: Machine) -> "Fact[Release]":
    """The version of the bootloader in the EEPROM, from the device tree, or from vcgencmd where that is silent."""
    reasons: List[str] = []
    try:
        built = _property(machine, "build-timestamp")
        version = paths.text(machine.files, NODE + "/version")
        if built is not None and version is not None and _COMMIT.match(version):
            return Fact(Release(version, built), "/" + NODE)
        reasons.append("/{} does not have it".format(NODE))
    except Unknown as error:
        reasons.append(str(error))
    try:
        return Fact(_release(_say(machine, BOOTLOADER_VERSION), BOOTLOADER_VERSION), BOOTLOADER_VERSION)
    except Unknown as error:
        raise Unknown("; ".join([*reasons, str(error)])) from None


def bootloader_config(machine: Machine) -> "Fact[str]":
    """The bootloader's configuration as it is in the EEPROM, in the format of bootconf.txt."""
    text = _say(machine, BOOTLOADER_CONFIG)
    if "=" not in text or not all(paths.is_text(line.replace("\t", " ")) for line in text.split("\n") if line.strip()):
        raise Unknown("{} printed no setting".format(BOOTLOADER_CONFIG))
    return Fact(text, BOOTLOADER_CONFIG)


def boot_mode(machine: Machine) -> "Fact[str]":
    """What the bootloader loaded the kernel from: a word of ``BOOT_MODES``."""
    name = NODE + "/boot-mode"
    number = _needed(machine, "boot-mode")
    if number not in BOOT_MODES:
        raise Unknown("/{} is {}, which is no documented mode".format(name, number))
    return Fact(BOOT_MODES[number], "/" + name)


def boot_partition(machine: Machine) -> "Fact[int]":
    """The number of the partition that was booted from; 0 where the medium has none that count."""
    return Fact(_needed(machine, "partition"), "/{}/partition".format(NODE))


def tryboot(machine: Machine) -> "Fact[bool]":
    """Whether this boot is one with the one-shot ``tryboot`` flag."""
    return Fact(bool(_needed(machine, "tryboot")), "/{}/tryboot".format(NODE))


def _needed(machine: Machine, name: str) -> int:
    number = _property(machine, name)
    if number is None:
        raise Unknown("there is no /{}/{}".format(NODE, name))
    return number


def _property(machine: Machine, name: str) -> Optional[int]:
    number = cell(machine.files, "{}/{}".format(NODE, name))
    return cell(machine.files, "{}/{}".format(NODE, name.replace("-", "_"))) if number is None else number


def _say(machine: Machine, question: str) -> str:
    """The answer of vcgencmd. Raises Unknown for an error, which it says on standard output, too."""
    answer = machine.ask(question)
    if answer.late:
        raise Unknown("{}: {}".format(question, answer.late))
    text = answer.out.strip()
    if answer.status or text.startswith("error=") or not text:
        said = (answer.err.strip() or text or "status {}".format(answer.status)).splitlines()[0]
        raise Unknown("{} says: {}".format(question, said[:200]))
    return text


def _release(text: str, question: str) -> Release:
    version = _HASH.search(text)
    if version is None:
        raise Unknown("{} printed no version".format(question))
    stamp = _TIMESTAMP.search(text)
    return Release(version.group(1), int(stamp.group(1)) if stamp is not None else _date(text))


def _date(text: str) -> int:
    """The date in a version's first line as seconds since 1970; 0 where there is none.

    ``Jan 11 2023 17:40:52`` or ``2023/01/11 17:40:52``; it has no time zone and is taken for UTC, as the bootloader's
    own timestamp shows.
    """
    import calendar

    american, numeric = _AMERICAN.search(text), _NUMERIC.search(text)
    if american is not None and american.group(1) in _MONTHS:
        month, day, year, *clock = american.groups()
        fields = [int(year), _MONTHS.index(month) + 1, int(day), *map(int, clock)]
    elif numeric is not None:
        fields = [int(each) for each in numeric.groups()]
    else:
        return 0
    if not (1 <= fields[1] <= 12 and 1 <= fields[2] <= 31 and fields[0] >= 1970):
        return 0
    return calendar.timegm((fields[0], fields[1], fields[2], fields[3], fields[4], fields[5], 0, 0, 0))
