"""The size of config.txt and what stands where in it, and the syntax of its initramfs line."""

import re
from bisect import bisect_right
from typing import Iterator, List, NamedTuple, Optional

from scmguard.checks.base import Context, Hit, Params, hit_at
from scmguard.checks.kernelargs import loader_worlds, roots
from scmguard.effective.bootfiles import GPU_MEMORY, early
from scmguard.effective.config import integer
from scmguard.effective.run import Assignment
from scmguard.effective.worlds import FALSE, TRUE, Condition
from scmguard.parse.cmdline_txt import needs_initramfs
from scmguard.parse.config_txt import Document, header_span, parse_initramfs, parse_line
from scmguard.text import BOM, Span, encode

#: What the loader takes in when it boots over the network (raspberrypi/firmware#1012, #1575).
NETWORK_BYTES = 4096
# On a Pi 4 with an SD card start_x=1 was seen at byte 18,215 and missed near 22,600 (agherzan/meta-raspberrypi#678).
_CARD_BYTES = 20480
#: Beyond that a Pi 5 was seen not to boot (raspberrypi/firmware#1848, agherzan/meta-raspberrypi#1255).
PI5_BYTES = 16384
#: The documented size of autoboot.txt.
AUTOBOOT_BYTES = 512

# Settings for the stages before start*.elf (documentation, what_is_config_txt, include).
_EARLY = (
    "bootcode_delay",
    *GPU_MEMORY,
    "total_mem",
    "sdram_freq",
    "start_x",
    "start_debug",
    "start_file",
    "fixup_file",
    "uart_2ndstage",
)
_EARLY_OVER_NETWORK = ("enable_uart",)
_OFF_ANYWAY = ("start_x", "start_debug", "uart_2ndstage", "enable_uart")


def file_too_large(context: Context, _params: Params) -> Iterator[Hit]:
    """config.txt (or tryboot.txt) too long for a boot loader, autoboot.txt longer than documented."""
    boot, board = context.boot, context.config.board
    if boot.single in ("", "autoboot.txt"):
        autoboot = boot.document("autoboot.txt")
        if autoboot is not None and len(autoboot.source.data) > AUTOBOOT_BYTES:
            message = "{} has {} bytes, and {} are documented as the most: the rest may be ignored"
            message = message.format("autoboot.txt", len(autoboot.source.data), AUTOBOOT_BYTES)
            yield _whole(autoboot, message, "degraded", True)
    if not boot.has_config:
        return
    documents = [context.config.start]
    other = boot.document("tryboot.txt") if not boot.single else None
    if other is not None and other not in documents:
        documents.append(other)
    for document in documents:
        size = len(document.source.data)
        if size > PI5_BYTES and board.pi5_family:
            # Reported, and documented nowhere: it may be read all the same.
            limit = context.config.worlds.among("large-file", ("read", "refused"), lambda each: each == "refused")
            message = "{} bytes: {} may not boot with so large a file".format(size, board.name)
            yield _whole(document, message, None, False)._replace(when=limit)
        elif size > NETWORK_BYTES:
            message = "{} bytes: booted over the network, it may be ignored from byte {} on".format(size, NETWORK_BYTES)
            yield _whole(document, message, "hygiene", not board.pi5_family or size <= PI5_BYTES)


def _whole(document: Document, message: str, severity: Optional[str], boardless: bool) -> Hit:
    return Hit(document.source, Span(document.source.path), message, severity=severity, boardless=boardless)


class _Offsets:
    """Where the lines of a file begin, in bytes."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._starts: List[int] = []
        start = len(BOM) if document.source.bom else 0
        for line in document.lines:
            self._starts.append(start)
            start += len(encode(line.text)) + len(line.ending)

    def end_of(self, number: int) -> int:
        """The byte after the value of the setting on line ``number``."""
        text = self._document.source.line_text(number)
        return self._starts[number - 1] + len(encode(text[: header_span(parse_line(text))[1]]))

    def line_at(self, byte: int) -> int:
        """The number of the line that has that byte."""
        return bisect_right(self._starts, byte)


def early_setting_late(context: Context, _params: Params) -> Iterator[Hit]:
    """Settings of the early boot stages that stand where those may no longer read."""
    config = context.config
    if config.board.pi5_family or len(config.start.source.data) <= NETWORK_BYTES:
        return
    offsets = _Offsets(config.start)
    boundary = offsets.line_at(NETWORK_BYTES - 1)
    for key in _EARLY + _EARLY_OVER_NETWORK:
        for when, found in early(config, key):
            if found is None or found.place.line < boundary or (key in _OFF_ANYWAY and not integer(found.value)):
                continue
            end = offsets.end_of(found.place.line)
            if end <= NETWORK_BYTES:
                continue
            if end > _CARD_BYTES and key not in _EARLY_OVER_NETWORK:
                message = "{} ends at byte {} of the file: the stages that need it may not read so far".format(key, end)
                yield hit_at(found.place, message, when)
            else:
                message = "{} ends at byte {} of the file, beyond byte {}: booted over the network, it may not count"
                yield hit_at(found.place, message.format(key, end, NETWORK_BYTES), when, severity="hygiene")


# ---- initramfs ------------------------------------------------------------------------------------------

_ADDRESS = r"(?:followkernel|0[xX][0-9A-Fa-f]+|[0-9]+)\Z"


class _Fault(NamedTuple):
    """What is wrong with a line; ``lost`` tells that no initramfs can come of it."""

    message: str
    lost: bool


def bad_initramfs_syntax(context: Context, _params: Params) -> Iterator[Hit]:
    """Lines that are to load an initramfs and are not written as the firmware reads them."""
    config, worlds = context.config, context.config.worlds
    depends = _depends(context)
    for key in ("initramfs", "ramfsfile"):
        for when, found in config.outcome(key):
            if found is None or not found.value:
                continue
            fault = _form(found) or _value(found)
            if fault is None:
                continue
            if not fault.lost:
                yield hit_at(found.place, fault.message, _faulty(context, when), severity="degraded")
                continue
            yield hit_at(found.place, fault.message, worlds.both(when, depends))
            yield hit_at(found.place, fault.message, worlds.without(when, depends), severity="degraded")


def _faulty(context: Context, when: Condition) -> Condition:
    """For a form that may be obeyed or not: the worlds in which it is not, if the line counts where it is."""
    config = context.config
    for reading, choice in (("equals-form", "accepted"), ("space-form", "accepted")):
        if when != TRUE and config.worlds.without(when, config.reading(reading, choice)) == FALSE:
            return config.worlds.none_of(config.reading(reading, choice))
    return when


def _form(found: Assignment) -> Optional[_Fault]:
    statement = parse_line(found.place.document.source.line_text(found.place.line))
    if found.key == "initramfs" and statement.kind == "setting":
        return _Fault("initramfs takes a blank and no equals sign: the firmware may ignore this line", False)
    if found.key == "ramfsfile" and statement.kind == "directive":
        return _Fault("ramfsfile takes an equals sign and no blank: the firmware may ignore this line", False)
    return None


def _value(found: Assignment) -> Optional[_Fault]:
    value = found.value.partition("#")[0].strip()
    if found.key == "ramfsfile":
        if " " in value or "\t" in value:
            return _Fault("ramfsfile takes no address: {!r} as a whole is the file's name here".format(value), True)
        return None
    files, address = parse_initramfs(value)
    if not files:
        return _Fault("this initramfs line names no file", True)
    for name in files:
        if re.match(_ADDRESS, name) and not name.isdigit():
            return _Fault(
                "{} is taken for a file's name here: the line is initramfs FILE followkernel".format(name), True
            )
    if not address or re.match(_ADDRESS, address):
        return None
    if value[: len(value) - len(address)].rstrip().endswith(",") or address.startswith(","):
        return _Fault("blanks beside a comma: only {} is sure to be loaded".format(" ".join(files)), False)
    return _Fault("{!r} is no address: it must be followkernel, or a number".format(address), False)


def _depends(context: Context) -> Condition:
    """The worlds in which the kernel cannot find its root without an initramfs, and no other rule says so.

    On a real boot partition root-needs-initramfs sees that the file is not there.
    """
    worlds = context.config.worlds
    found = FALSE
    for root in roots(context) if not context.boot.has_binaries else ():
        if needs_initramfs(root.value):
            found = worlds.either(found, root.when)
    return worlds.without(found, loader_worlds(context))
