"""The files of the boot partition: those that are missing, misnamed, in the wrong place, or made for another board.

What is missing is in :mod:`scmguard.checks.missing`.

Sources: Raspberry Pi documentation, ``config_txt/boot.adoc``, ``configuration/boot_folder.adoc`` (which file is for
which board) and ``configuration/device-tree.adoc``.
"""

import re
from typing import Dict, FrozenSet, Iterator, List, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params, hit_at, span_of
from scmguard.effective.bootfiles import Choice, early, firmware_files, firmware_names
from scmguard.effective.config import EffectiveConfig, integer, is_on
from scmguard.effective.run import Place
from scmguard.effective.worlds import FALSE
from scmguard.finding import Related
from scmguard.folder import Folder
from scmguard.parse.config_txt import Document, parse_line
from scmguard.rootfs.mounts import fstab
from scmguard.text import Line, Span

# ---- files for another board ----------------------------------------------------------------------------

# Which processors a kernel of a known name is built for, and what to call it.
_KERNELS: Dict[str, Tuple[Tuple[str, ...], str]] = {
    "kernel.img": (("armv6",), "the kernel for Pi 1 and Zero"),
    "kernel7.img": (("bcm2836", "bcm2837"), "the 32-bit kernel for Pi 2 and 3"),
    "kernel7l.img": (("bcm2711",), "the 32-bit kernel for the Pi 4 family"),
    "kernel8.img": (("bcm2837", "bcm2711", "bcm2712"), "a 64-bit kernel"),
    "kernel_2712.img": (("bcm2712",), "the kernel for the Pi 5 family, with pages of 16 KB"),
}
# Said of one board alone, or by revision: what is documented does not exclude it.
_DOUBTFUL = (("kernel7l.img", "bcm2836"), ("kernel7l.img", "bcm2837"), ("kernel8.img", "bcm2836"))


def _processor(context: Context) -> str:
    board = context.config.board
    if board.soc != "bcm2835":
        return board.soc
    return "armv6" if not board.kernels_64 else "bcm2836" if board.name == "pi2" else "bcm2837"


def kernel_for_other_board(context: Context, _params: Params) -> Iterator[Hit]:
    """A kernel of a known name that this board's processor cannot run, and modes that it does not have."""
    config, board, processor = context.config, context.config.board, _processor(context)
    for when, found in config.outcome("kernel"):
        name = found.value.rpartition("/")[2].lower() if found is not None else ""
        fits, title = _KERNELS.get(name, ((processor,), ""))
        if found is None or processor in fits:
            continue
        if name == "kernel.img" and not context.boot.exists("kernel7.img"):
            continue  # many systems call their own kernel so, whatever it is for
        doubtful = (name, processor) in _DOUBTFUL
        message = "{} is {}, and {} {} run it".format(name, title, board.name, "may not" if doubtful else "cannot")
        yield hit_at(found.place, message, when, severity="degraded" if doubtful else None)
    for when, found in config.outcome("arm_64bit"):
        if found is None:
            continue
        if not is_on(found) and not board.kernels_32:
            message = "arm_64bit=0 has no effect: {} only runs 64-bit kernels".format(board.name)
            yield hit_at(found.place, message, when, severity="hygiene")
        elif is_on(found) and processor == "armv6":
            message = "arm_64bit={}: {} has no 64-bit processor".format(integer(found.value), board.name)
            yield hit_at(found.place, message, when, severity="hygiene")


_START = r"(?:start(?=.*elf\Z)|fixup(?=.*dat\Z))(4?)(?:_?(x|db|cd))?\.(?:elf|dat)\Z"


def start_files_mismatched(context: Context, _params: Params) -> Iterator[Hit]:
    """``start_file`` and ``fixup_file`` that are no pair, or firmware of other boards."""
    config = context.config
    if config.board.pi5_family:
        return
    by_name = [early(config, key) for key in ("start_file", "fixup_file")]
    places = {one.place for split in by_name for _, one in split if one is not None}
    for when, (start, fixup) in firmware_files(config):
        if start.place not in places and fixup.place not in places:
            continue
        hit = _mismatch(context, start, fixup, places)
        if hit is not None:
            place, message, other, severity = hit
            related = () if other is None or other == place else (Related(span_of(other), "the other of the pair"),)
            yield hit_at(place, message, when, related, severity)


def _firmware_kind(name: str) -> Optional[Tuple[str, str]]:
    match = re.match(_START, name.rpartition("/")[2].lower())
    return (match.group(1), match.group(2) or "") if match is not None else None


def _mismatch(
    context: Context, start: Choice, fixup: Choice, named: "set[Place]"
) -> Optional[Tuple[Place, str, Optional[Place], Optional[str]]]:
    board = context.config.board
    place = start.place if start.place in named else fixup.place
    assert place is not None
    usual = firmware_names(board.pi4_family, "")
    starts = start.names if start.place in named else start.names + usual[:1]
    fixups = fixup.names if fixup.place in named else fixup.names + usual[1:]
    pairs = [(first, second) for first in starts for second in fixups]
    first, second = next((pair for pair in pairs if _firmware_kind(pair[0]) == _firmware_kind(pair[1])), pairs[0])
    kinds = _firmware_kind(first), _firmware_kind(second)
    other = fixup.place if fixup.place in named else None
    if start.place in named and kinds[0] is not None and kinds[0][1] == "cd":
        message = "{}: the cut-down firmware does not start when it is named; gpu_mem=16 selects it".format(first)
        return place, message, other, None
    if fixup.place not in named and (kinds[0] is None or kinds[0] != kinds[1]):
        return place, "{} has no fixup_file beside it, and {} is not its pair".format(first, second), None, None
    if start.place not in named and (kinds[1] is None or kinds[0] != kinds[1]):
        return place, "{} has no start_file beside it, and {} is not its pair".format(second, first), None, None
    if None in kinds:
        # Some images carry the files under names of their own.
        if kinds == (None, None):
            return None
        return place, "{} and {} do not look like a pair".format(first, second), other, "hygiene"
    if kinds[0] != kinds[1]:
        return place, "{} and {} are no pair: the firmware does not start with them".format(first, second), other, None
    own = "4" if board.pi4_family else ""
    if kinds[0] is not None and kinds[0][0] != own:
        certain = bool(kinds[0][0]) or context.boot.exists(firmware_names(True, "")[0])
        message = "{} is {}the firmware of other boards, not of {}"
        # Some builders of images give the Pi 4's files the old names.
        message = message.format(first, "" if certain else "by its name ", board.name)
        return place, message, other, None if certain else "hygiene"
    return None


# ---- files that are not read ----------------------------------------------------------------------------

_MOVED = ("config.txt", "cmdline.txt")
_READ = ("config.txt", "cmdline.txt", "autoboot.txt", "tryboot.txt")
_OTHER_ENDINGS = (".txt.txt", ".text", ".txt.rtf", ".rtf", "txt", "..txt", ".txt.")
_OTHER_NAMES = {"commandline.txt": "cmdline.txt", "cmd_line.txt": "cmdline.txt", "cmd-line.txt": "cmdline.txt"}


def _meant(name: str) -> str:
    """The file of which a name is a slip of the hand; empty for none. A letter added at the end is no slip."""
    name = name.lower()
    if len(name) > 20 or name in _READ:
        return ""
    stripped = re.sub(r"\s+", "", name)
    for right in _READ:
        stem = right[:-4]
        if stripped == right or stripped in [stem + ending for ending in _OTHER_ENDINGS]:
            return right
        if stripped.endswith(".txt") and _one_slip(stripped[:-4], stem):
            return right
    return _OTHER_NAMES.get(stripped, "")


def _one_slip(name: str, right: str) -> bool:
    """Whether one letter is missing, doubled up, wrong, or changed places with its neighbour."""
    if not name.isalpha() or abs(len(name) - len(right)) > 1:
        return False
    same = 0
    while same < min(len(name), len(right)) and name[same] == right[same]:
        same += 1
    rest, wanted = name[same:], right[same:]
    if len(name) == len(right) and rest[:2] == wanted[:2][::-1] and rest[2:] == wanted[2:]:
        return True
    if same == 0:
        return False
    if len(name) == len(right):
        return rest[1:] == wanted[1:] and len(rest) > 1
    return rest == wanted[1:] if len(name) < len(right) else bool(wanted) and rest[1:] == wanted


def lookalike_file(context: Context, _params: Params) -> Iterator[Hit]:
    """Files whose name is almost that of one which the firmware reads."""
    boot, run = context.boot, context.config.run
    if boot.single:
        return
    used = {one.value.strip("/").lower() for one in run.settings.get(("cmdline", 0), [])}
    used.update(document.source.path for document in run.documents)
    for name in boot.files.names():
        meant = _meant(name)
        if not meant or name.lower() in used or boot.files.label(name) in used:
            continue
        there = boot.exists(meant)
        message = "nothing reads {!r}: the firmware wants {}{}".format(
            name, meant, ", which is there as well" if there else ", and there is none"
        )
        yield Hit(None, Span(boot.files.label(name)), message, severity="hygiene" if there else None, boardless=True)


def settings_in_stub(context: Context, _params: Params) -> Iterator[Hit]:
    """Settings in a file of ``/boot`` where the boot partition is ``/boot/firmware``."""
    boot = context.boot
    if boot.files.exists("firmware/config.txt") and boot.single in ("", "config.txt", "cmdline.txt"):
        # What is checked is /boot itself.
        names = (boot.single,) if boot.single else _MOVED
        yield from _strays(boot.files, "", names, boot.files, "firmware/")
    elif boot.root is not None and not boot.single:
        if boot.root.exists("boot/firmware/config.txt"):
            yield from _strays(boot.root, "boot/", _MOVED, boot.root, "boot/firmware/")
        elif any(mount.target.rstrip("/") == "/boot/firmware" for mount in fstab(boot.root)):
            yield from _strays(boot.root, "boot/", _MOVED, boot.files, "")


def _strays(folder: Folder, stray: str, names: Tuple[str, ...], real: Folder, inside: str) -> Iterator[Hit]:
    if inside and real.link(inside.rstrip("/")) is not None:
        return
    for name in names:
        if folder.link(stray + name) is not None:
            continue
        source, wanted = folder.source(stray + name), real.read(inside + name)
        if source is None or wanted is None or source.data == wanted:
            continue
        lines = [line for line in source.lines if _sets(line, name)]
        if lines:
            many = len(lines) > 1
            message = "{} nothing: the firmware reads {}".format(
                "this line and {} below do".format(len(lines) - 1) if many else "this line does",
                real.label(inside + name),
            )
            yield Hit(source, source.span(lines[0].number), message, boardless=True)


def _sets(line: Line, name: str) -> bool:
    """Whether a line is more than the text that says where the file has moved to."""
    if name == "cmdline.txt":
        return "=" in line.text and not line.text.lstrip().startswith("#")
    statement = parse_line(line.text)
    return statement.kind == "setting" or (statement.kind == "directive" and statement.key in ("include", "initramfs"))


def shadowed_by_boot_img(context: Context, _params: Params) -> Iterator[Hit]:
    """``boot.img``: with it, what stands beside it on the boot partition is not what boots."""
    boot, config = context.boot, context.config
    if not boot.has_config or not config.board.has_eeprom:
        return
    image = not boot.single and boot.exists("boot.img")
    shown = False
    for when, found in config.outcome("boot_ramdisk"):
        if found is None or not is_on(found):
            continue
        shown = True
        if not image and boot.has_binaries and not boot.single:
            yield hit_at(found.place, "boot_ramdisk=1, and there is no boot.img to boot from", when)
            continue
        others = _set_besides(config)
        message = "boot_ramdisk=1: what boots is the config.txt inside boot.img"
        if others:
            related = [Related(span_of(others[0]), "this is not what the system boots with")]
            yield hit_at(found.place, message + ", not the settings here", when, related, "degraded")
        else:
            yield hit_at(found.place, message, when, severity="hygiene")
    if not image:
        return
    if not boot.exists("boot.sig"):
        if shown:
            message = "there is no boot.sig beside boot.img: a unit with signed boot refuses it"
            yield Hit(None, Span(boot.files.label("boot.sig")), message, severity="hygiene", boardless=True)
    elif not shown:
        message = "a unit with signed boot reads boot.img alone, and nothing of the files beside it"
        yield Hit(None, Span(boot.files.label("boot.img")), message, severity="hygiene", boardless=True)


# The boot loader itself reads these before it goes on inside boot.img.
_OF_THE_LOADER: FrozenSet[str] = frozenset(
    ("boot_ramdisk", "uart_2ndstage", "bootloader_update", "eeprom_write_protect")
)


def _set_besides(config: EffectiveConfig) -> List[Place]:
    """Where the outer file sets what the system is meant to get, in the order of the files."""
    run = config.run
    places = [
        one.place
        for (key, _), several in run.settings.items()
        if key not in _OF_THE_LOADER
        for one in several
        if one.when != FALSE
    ]
    places += [load.place for load in run.loads if load.when != FALSE]
    places += [one.place for one in run.base if one.when != FALSE]
    order: Dict[Document, int] = {document: number for number, document in enumerate(run.documents)}
    return sorted(places, key=lambda place: (order[place.document], place.line))
