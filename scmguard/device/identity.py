"""What the machine is: model, revision code, board, serial number, memory.

Sources: Raspberry Pi documentation, ``raspberry-pi/revision-codes.adoc`` (fields of the code; memory in bits 20 to 22)
and ``configuration/device-tree.adoc``, part 4 (``/system/linux,revision``, ``serial-number``; cells are big-endian);
Linux, ``Documentation/devicetree/usage-model.rst`` (``model`` and ``compatible`` of the root node).
"""

import re
from typing import TYPE_CHECKING, Optional, Tuple

from scmguard.device import paths
from scmguard.device.facts import Fact, Unknown
from scmguard.effective.board import BOARDS, by_compatible, by_revision
from scmguard.folder import Folder, Unreadable

if TYPE_CHECKING:  # it can start programs, which a look at what is no Raspberry Pi does not need
    from scmguard.device.machine import Machine

TREE = "proc/device-tree"
CPUINFO = "proc/cpuinfo"
MEMINFO = "proc/meminfo"

_NEW_STYLE = 1 << 23
_COMPATIBLE = re.compile(r"[A-Za-z0-9,._+#-]{1,200}\Z")
_HEX = re.compile(r"[0-9a-fA-F]+\Z")


def is_raspberry_pi(files: Folder) -> bool:
    """Whether this is a machine that there can be facts of: its device tree is a Raspberry Pi's.

    A machine without a device tree, like a PC, is told by one look.
    """
    try:
        if not files.exists(TREE):
            return False
        names = paths.text(files, TREE + "/compatible") or ""
        model = paths.text(files, TREE + "/model") or ""
    except (Unknown, Unreadable):
        # It has a device tree, and that cannot be read: each fact says why.
        return True
    return "raspberrypi," in names or model.startswith("Raspberry Pi")


def model(machine: "Machine") -> "Fact[str]":
    """The model as the device tree calls it: ``Raspberry Pi Compute Module 4 Rev 1.1``."""
    return Fact(_meaningful(paths.needed(machine.files, TREE + "/model"), TREE + "/model"), "/" + TREE + "/model")


def compatible(machine: "Machine") -> "Fact[Tuple[str, ...]]":
    """The names of the device tree's root node, most special first."""
    name = TREE + "/compatible"
    found = tuple(each for each in paths.needed(machine.files, name).split("\0") if each)
    if not found or not all(_COMPATIBLE.match(each) for each in found):
        raise Unknown("/{} has no name in it".format(name))
    return Fact(found, "/" + name)


def revision(machine: "Machine") -> "Fact[int]":
    """The revision code, as the firmware says it in the device tree, or Linux in /proc/cpuinfo."""
    name = TREE + "/system/linux,revision"
    fault = ""
    try:
        code = cell(machine.files, name)
        if code is not None:
            return Fact(code, "/" + name)
    except Unknown as error:
        fault = str(error)
    return Fact(int(_hexadecimal(machine, "Revision", name, fault, 8), 16), "/" + CPUINFO)


def board(machine: "Machine") -> "Fact[str]":
    """The board by its name here (``cm4``): by the revision code, or else by the device tree's names."""
    reason = ""
    try:
        code = revision(machine)
        found = by_revision(code.sure)
        if found is not None:
            return Fact(found.name, code.source)
        reason = "no board with the revision code {:x} is known".format(code.sure)
    except Unknown as error:
        reason = str(error)
    try:
        named = compatible(machine)
        found = by_compatible(named.sure)
    except Unknown as error:
        raise Unknown("{}; {}".format(reason, error)) from None
    if found is None:
        raise Unknown("{}, nor one that is {}".format(reason, " or ".join(named.sure)))
    return Fact(found.name, named.source)


def serial(machine: "Machine") -> "Fact[str]":
    """The SoC's serial number, 16 hexadecimal digits."""
    name = TREE + "/serial-number"
    fault = ""
    try:
        found = paths.text(machine.files, name)
        if found is not None and _HEX.match(found) and len(found) <= 16:
            return Fact(found.lower().zfill(16), "/" + name)
        if found is not None:
            fault = "/{} is no number".format(name)
    except Unknown as error:
        fault = str(error)
    return Fact(_hexadecimal(machine, "Serial", name, fault, 16).lower().zfill(16), "/" + CPUINFO)


def memory(machine: "Machine") -> "Fact[int]":
    """The memory that is fitted, in bytes, by the revision code; of early boards, what Linux has."""
    try:
        code = revision(machine)
        if code.sure & _NEW_STYLE and by_revision(code.sure) is not None:
            return Fact((256 << 20) << (code.sure >> 20 & 7), code.source)
    except Unknown:
        # The code is one way to know; what follows is the other, and says why if it fails.
        pass
    for line in paths.needed(machine.files, MEMINFO).splitlines():
        key, _, value = line.partition(":")
        size = paths.decimal(value.strip().partition(" ")[0])
        if key == "MemTotal" and size:
            return Fact(size << 10, "/" + MEMINFO)
    raise Unknown("/{} has no MemTotal".format(MEMINFO))


def cell(files: Folder, name: str) -> Optional[int]:
    """A property of one 32-bit cell; None where there is no such property. Raises Unknown for another size."""
    data = paths.raw(files, name)
    if data is None:
        return None
    if len(data) != 4:
        raise Unknown("/{} has {} bytes instead of 4".format(name, len(data)))
    return int.from_bytes(data, "big")


def _hexadecimal(machine: "Machine", key: str, other: str, fault: str, most: int) -> str:
    """Digits from /proc/cpuinfo; ``fault`` is why the ``other`` way did not work. Raises Unknown."""
    try:
        found = _cpuinfo(machine.files, key)
    except Unknown as error:
        raise Unknown("{}; {}".format(fault or "there is no /{}".format(other), error)) from None
    if found is None and not fault:
        raise Unknown("neither /{} nor /{} has it".format(other, CPUINFO))
    if found is None:
        raise Unknown("{}, and /{} does not have it".format(fault, CPUINFO))
    if not _HEX.match(found) or len(found) > most:
        raise Unknown("{}{} in /{} is no number".format(fault and fault + "; ", key, CPUINFO))
    return found


def _cpuinfo(files: Folder, key: str) -> Optional[str]:
    for line in (paths.text(files, CPUINFO) or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def _meaningful(text: str, name: str) -> str:
    if not paths.is_text(text):
        raise Unknown("/{} has no text in it".format(name))
    return text


def model_of(board: str) -> str:
    """What a board's name stands for, for people."""
    return BOARDS[board].model
