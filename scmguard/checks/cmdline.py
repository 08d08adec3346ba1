"""The kernel command line: one line, of a length that survives, with one root= that all its readers understand."""

import re
from typing import Dict, Iterator, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params, hit_on
from scmguard.checks.kernelargs import (
    MOST_HITS,
    below_comments,
    loader_worlds,
    root_argument,
    uses_initramfs_tools,
    with_initramfs,
)
from scmguard.effective.bootfiles import Choice
from scmguard.effective.config import is_on
from scmguard.effective.run import Assignment
from scmguard.effective.worlds import FALSE, Condition, Split
from scmguard.parse.cmdline_txt import Argument, CommandLine, last
from scmguard.rootfs import mounts
from scmguard.text import decode, encode


def cmdline_not_one_line(context: Context, _params: Params) -> Iterator[Hit]:
    """More than one line that is not empty, or an empty one in front: a fault where only the first line counts."""
    for condition, line in context.cmdlines:
        if line is None or line.all_lines:
            continue
        rest = [each for each in line.source.lines[1:] if each.text.strip()]
        if not rest:
            continue
        if not line.text.strip():
            message = "the first line is empty, and it may be all that counts"
        else:
            message = "{} dropped: only the first line is sure to count".format(
                "this line may be" if len(rest) == 1 else "this line and the rest may be"
            )
        severity = "degraded" if last(line.arguments, "root") is not None else None
        if below_comments(line) is not None:
            message = "a command line has no comments: where all lines count, words of these reach the kernel"
            severity = "hygiene"
        yield Hit(line.source, line.source.span(rest[0].number), message, condition, severity=severity)


# COMMAND_LINE_SIZE of Linux, with the NUL at the end: arch/arm64 and arch/arm, include/uapi/asm/setup.h.
_SIZES = {True: 2048, False: 1024}
# What the firmware puts in front: 220 and 285 bytes in the logs of raspberrypi/linux#4506 and pimoroni/hyperpixel4#228.
_FIRMWARE_ADDS = 300
# Without these the root file system is not found, or not mounted.
_VITAL = frozenset(["root", "rootfstype", "rootflags", "rootwait", "rootdelay", "init", "cryptopts", "nfsroot"])


def _kernel_is_64bit(context: Context) -> "Split[bool]":
    board = context.config.board
    if not context.config.known:
        return Split.always(context.config.worlds, bool(board.kernels_64))

    def bits(both: Tuple[Choice, Optional[Assignment]]) -> bool:
        choice, asked = both
        names = [name.rpartition("/")[2] for name in choice.names]
        if any(name in board.kernels_64 for name in names):
            return True
        if any(name in board.kernels_32 for name in names) or not board.kernels_64:
            return False
        return board.arm_64bit if asked is None else is_on(asked)

    return context.files.kernel.product(context.config.outcome("arm_64bit")).map(bits)


def cmdline_too_long(context: Context, _params: Params) -> Iterator[Hit]:
    """What the kernel cuts off the end, by itself or with what the firmware puts in front."""
    worlds, loader = context.config.worlds, loader_worlds(context)
    for condition, line in context.cmdlines:
        if line is None:
            continue
        data = encode(line.text.rstrip())
        if len(data) + _FIRMWARE_ADDS < min(_SIZES.values()):
            continue
        for picked, is_64bit in _kernel_is_64bit(context):
            when = worlds.without(worlds.both(condition, picked), loader)
            if when != FALSE:
                yield from _too_long(line, data, 64 if is_64bit else 32, _SIZES[is_64bit] - 1, when)


def _too_long(line: CommandLine, data: bytes, bits: int, room: int, when: Condition) -> Iterator[Hit]:
    certain = len(data) > room
    if not certain and len(data) + _FIRMWARE_ADDS <= room:
        return
    kept = len(decode(data[: room if certain else room - _FIRMWARE_ADDS]))
    lost = [argument for argument in line.arguments if argument.end > kept]
    if not lost:
        return
    vital = [argument for argument in lost if argument.name in _VITAL]
    names = [argument.text for argument in sorted(lost, key=lambda each: each.name not in _VITAL)[:3]]
    if len(lost) > 3:
        names.append("{} more".format(len(lost) - 3))
    severity = None if vital else "degraded"
    if certain:
        message = "{} bytes, and a {}-bit kernel keeps {}: it loses {}"
    else:
        message = (
            "{} bytes, and with those that the firmware puts in front a {}-bit kernel, which keeps {}, may lose {}"
        )
        severity = "degraded" if vital else "hygiene"
    text = message.format(len(data), bits, room, ", ".join(names))
    yield hit_on(line, lost[0], text, when, severity=severity)


# What initramfs-tools reads and a quote breaks, and what that costs (None: it does not boot).
_QUOTED = {
    "root": None,
    "rootflags": None,
    "rootfstype": None,
    "cryptopts": None,
    "init": "degraded",
    "resume": "degraded",
}


def root_quoted(context: Context, _params: Params) -> Iterator[Hit]:
    """Quotes that the kernel takes off and initramfs-tools does not; single ones are taken off by nobody."""
    worlds = context.config.worlds
    for condition, line in context.cmdlines:
        if line is None or ('"' not in line.text and "'" not in line.text):
            continue
        decides: Dict[str, Argument] = {}
        for word in line.initramfs_words:
            name = word.name.lstrip("\"'")
            if name in _QUOTED and word.value is not None:
                decides[name] = word
        loaded = with_initramfs(context)
        for name, word in decides.items():
            if "'" in word.text:
                message = "a single quote is no quote here: it becomes part of {}".format(word.text)
                yield hit_on(line, word, message, condition, severity=_QUOTED[name])
            elif '"' in word.text:
                message = "initramfs-tools keeps the quotes of {}, and looks for a name that has them".format(word.text)
                severity = _QUOTED[name] if uses_initramfs_tools(context) else "degraded"
                yield hit_on(line, word, message, worlds.both(condition, loaded), severity=severity)
                message = "the kernel takes the quotes of {} off, but an initramfs would not".format(word.text)
                when = worlds.without(condition, loaded)
                yield hit_on(line, word, message, when, severity="hygiene")


# Arguments of other makers of an initramfs: these unlock or assemble the root, or reach it; the rest is for show.
_FOREIGN = r"(?:cryptdevice|cryptkey|luks\.|rd\.)"
_FOREIGN_ROOT = (
    r"(?:crypt(?:device|key)$|rd\.(?:luks|lvm|md|dm|auto|iscsi|nfs|neednet|live|znet|driver)(?:\.|$)|luks\.)"
)
# The business of emergency-shell.
_SHELLS = ("rd.break", "rd.shell", "rd.emergency", "rd.rescue", "rd.systemd.debug_shell", "rd.systemd.debug-shell")


def unknown_to_initramfs(context: Context, _params: Params) -> Iterator[Hit]:
    """What dracut, systemd or mkinitcpio read and initramfs-tools does not, where it is known to be in use."""
    if not uses_initramfs_tools(context):
        return
    worlds, loaded = context.config.worlds, with_initramfs(context)
    for condition, line in context.cmdlines:
        when = worlds.both(condition, loaded)
        if line is None or when == FALSE:
            continue
        foreign = [word for word in line.initramfs_words if re.match(_FOREIGN, word.name) and word.name not in _SHELLS]
        for word in foreign[:MOST_HITS]:
            message = "initramfs-tools does not know {}, and passes over it".format(word.text)
            severity = "hygiene"
            if re.match(_FOREIGN_ROOT, word.name) and not _opened_otherwise(context, line, word):
                severity = "degraded"
                message += "; what it asks for is not done"
            yield hit_on(line, word, message, when, severity=severity)


def _opened_otherwise(context: Context, line: CommandLine, word: Argument) -> bool:
    """Whether something else does what the argument is there for, as far as can be seen."""
    if not word.name.startswith(("crypt", "luks.", "rd.luks")):
        return False
    if any(each.name == "cryptopts" and each.value for each in line.initramfs_words):
        return True
    argument = root_argument(line)
    mapped = mounts.mapper_name(argument.value or "") if argument is not None else ""
    if word.name.startswith("luks.") and not (mapped and mapped in (word.value or "")):
        return True  # systemd reads these later too, for other volumes
    root = context.boot.root
    if root is None:
        # Zymbit's script writes cryptdevice= beside a crypttab that does the work.
        return word.name.startswith("crypt")
    from scmguard.rootfs.crypttab import crypttab

    targets = [volume.target for volume in crypttab(root)]
    return mapped in targets if mapped else bool(targets)
