"""Files that the boot partition should have and has not.

Sources: Raspberry Pi documentation, ``config_txt/boot.adoc``, ``configuration/boot_folder.adoc`` and
``configuration/device-tree.adoc`` (without a device tree modern kernels do not start).
"""

from typing import Dict, Iterator, NamedTuple, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params, hit_at, span_of
from scmguard.checks.kernelargs import loader_worlds, root_argument
from scmguard.effective.bootfiles import Choice, firmware_files, firmware_names
from scmguard.effective.config import EffectiveConfig
from scmguard.effective.worlds import FALSE, Condition
from scmguard.finding import Related
from scmguard.parse.cmdline_txt import needs_initramfs
from scmguard.text import Span

_KERNEL_NAMES = ("kernel", "vmlinuz", "zimage", "image", "u-boot", "uboot")
# Under these names Linux itself installs device trees that Raspberry Pi's kernel packages name otherwise.
_UPSTREAM_TREES: Dict[str, Tuple[str, ...]] = {
    "pi1": ("bcm2835-rpi-b", "bcm2835-rpi-b-rev2", "bcm2835-rpi-b-plus", "bcm2835-rpi-a", "bcm2835-rpi-a-plus"),
    "cm1": ("bcm2835-rpi-cm1-io1",),
    "pi0": ("bcm2835-rpi-zero",),
    "pi0w": ("bcm2835-rpi-zero-w",),
    "pi2": ("bcm2836-rpi-2-b", "bcm2837-rpi-2-b"),
    "pi02": ("bcm2837-rpi-zero-2-w",),
    "pi3": ("bcm2837-rpi-3-b",),
    "pi3+": ("bcm2837-rpi-3-b-plus", "bcm2837-rpi-3-a-plus"),
    "cm3": ("bcm2837-rpi-cm3-io3",),
    "cm3+": ("bcm2837-rpi-cm3-io3",),
    "cm4": ("bcm2711-rpi-cm4-io",),
    "cm4s": ("bcm2711-rpi-cm4s-io",),
}


class _Partition(NamedTuple):
    """What the folder's names say of it: whether it is a whole boot partition, and whether it has device trees."""

    whole: bool
    trees: bool


def _partition(context: Context) -> _Partition:
    """A repository may keep a single firmware file beside its texts; two kinds of binaries make a boot partition."""
    boot = context.boot
    names = list(boot.files.names())
    for _, prefix in context.config.text("os_prefix"):
        folder = prefix.rpartition("/")[0]
        if folder:
            names += boot.files.names(folder)
    names = [name.lower() for name in names]
    firmware = any(name.startswith("start") and name.endswith(".elf") for name in names)
    trees = any(name.endswith(".dtb") for name in names)
    # The Pi 5 family needs no start*.elf; there config.txt makes a partition bootable.
    firmware = firmware or (context.config.board.pi5_family and boot.exists("config.txt"))
    return _Partition(firmware + trees + any(name.startswith(_KERNEL_NAMES) for name in names) > 1, trees)


def boot_file_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """Files that the firmware is to load and that are not there."""
    partition = _partition(context)
    if not partition.whole:
        return
    worlds, shadowed = context.config.worlds, context.config.shadowed
    for hits in (_kernel, _device_tree, _firmware, _initramfs, _armstub):
        for hit in hits(context, partition):
            yield hit._replace(when=worlds.without(hit.when, shadowed))


def _some(context: Context, names: Tuple[str, ...]) -> bool:
    return any(context.boot.exists(name) for name in names)


def _lacks(context: Context, choice: Choice, default: str, when: Condition, severity: Optional[str] = None) -> Hit:
    """A hit at the line that names the file, or on the file itself where no line does."""
    if choice.place is not None:
        return hit_at(choice.place, default, when, severity=severity)
    return Hit(None, Span(context.boot.files.label(choice.names[0])), default, when, severity=severity)


def _names(choice: Choice) -> str:
    return " or ".join(dict.fromkeys(choice.names))


def _kernel(context: Context, _partition: _Partition) -> Iterator[Hit]:
    config, board = context.config, context.config.board
    explicit = {one.place for one in config.run.settings.get(("kernel", 0), [])}
    for when, choice in context.files.kernel:
        if _some(context, choice.names):
            continue
        if choice.place is None and _some(context, board.kernels_64 + board.kernels_32):
            continue  # by which of its kernels a board is booted has changed over time
        if choice.names == ("u-boot.bin",) and context.profile.get("zymkey"):
            continue  # bootware-file-missing says it
        message = "there is no {}, the kernel that {} boots".format(_names(choice), board.name)
        if choice.place in explicit:
            message = "there is no {} on the boot partition: {} has no kernel to boot".format(
                choice.names[0], board.name
            )
        hit = _lacks(context, choice, message, when)
        yield hit._replace(related=hit.related + tuple(_unheeded_prefix(config)))


def _unheeded_prefix(config: EffectiveConfig) -> Iterator[Related]:
    for _, found in config.outcome("os_prefix"):
        if found is not None and found.value:
            yield Related(span_of(found.place), "os_prefix only counts where kernel and device tree are under it")


def _device_tree(context: Context, partition: _Partition) -> Iterator[Hit]:
    board, worlds = context.config.board, context.config.worlds
    loader = loader_worlds(context)
    upstream = tuple(name + ".dtb" for name in _UPSTREAM_TREES.get(board.name, ()))
    linux = partition.trees or _some(context, ("overlays", "cmdline.txt"))
    for when, choice in context.files.device_tree:
        if not choice.names or _some(context, choice.names):
            continue
        if choice.place is not None:
            message = "there is no {} on the boot partition: the kernel gets no device tree".format(choice.names[0])
        elif not linux or _some(context, upstream):
            continue
        else:
            message = "there is no {}, the device tree of {}".format(_names(choice), board.name)
        yield _lacks(context, choice, message, worlds.without(when, loader))
        if partition.trees:
            # A boot loader in the kernel's place may bring a tree of its own.
            yield _lacks(context, choice, message, worlds.both(when, loader), "degraded")


def _firmware(context: Context, _partition: _Partition) -> Iterator[Hit]:
    board = context.config.board
    usual = firmware_names(board.pi4_family, "")
    started = False
    for when, (start, fixup) in firmware_files(context.config):
        if not start.names:
            continue
        if not _some(context, start.names):
            cut_down = start.place is not None and set(start.names) == {firmware_names(board.pi4_family, "cd")[0]}
            if cut_down and context.boot.exists(usual[0]):
                message = "with so little gpu_mem the firmware is {}, and that is not there".format(_names(start))
                message += ": {} does not start".format(board.name)
                yield _lacks(context, start, message, when)
                continue
            yield _lacks(
                context,
                start,
                "there is no {}, the firmware that {} starts with".format(_names(start), board.name),
                when,
            )
            continue
        started = True
        if not _some(context, fixup.names):
            message = "there is no {} beside {}: the memory may not be set up right".format(
                _names(fixup), _names(start)
            )
            yield _lacks(context, fixup, message, when, "degraded")
    if started and board.soc == "bcm2835" and not context.boot.exists("bootcode.bin"):
        message = "there is no bootcode.bin: {} cannot start from this partition".format(board.name)
        # A partition that autoboot.txt on another one hands over to needs none.
        yield Hit(None, Span(context.boot.files.label("bootcode.bin")), message, severity="degraded")


def _initramfs(context: Context, _partition: _Partition) -> Iterator[Hit]:
    """Files that an initramfs line names. Where root= cannot do without, root-needs-initramfs says it."""
    worlds = context.config.worlds
    told, depends = FALSE, FALSE
    for when, line in context.cmdlines:
        root = root_argument(line)
        if root is not None and needs_initramfs(root.value or ""):
            told = worlds.either(told, worlds.without(when, loader_worlds(context)))
        elif line is not None and (root is None or root.value in ("", "/dev/ram0", "/dev/ram")):
            depends = worlds.either(depends, worlds.without(when, loader_worlds(context)))
    for when, choice in context.files.initramfs:
        gone = [name for name in choice.names if not context.boot.exists(name)]
        if choice.place is None or not gone:
            continue
        when = worlds.without(when, told)
        message = "there is no {} on the boot partition".format(" ".join(gone))
        yield hit_at(choice.place, message + ", and nothing else knows the root", worlds.both(when, depends))
        yield hit_at(
            choice.place,
            message + ": the kernel starts without this initramfs",
            worlds.without(when, depends),
            severity="degraded",
        )


def _armstub(context: Context, _partition: _Partition) -> Iterator[Hit]:
    for when, found in context.config.outcome("armstub"):
        if found is not None and found.value and not context.boot.exists(found.value):
            message = "there is no {} on the boot partition to run before the kernel".format(found.value)
            yield hit_at(found.place, message, when, severity="degraded")


def include_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """``include`` lines whose file is not there; in a folder of sources it may be made later."""
    boot = context.boot
    severity = None if boot.has_binaries and not boot.single else "hygiene"
    for one in context.config.run.missing_includes:
        if one.when == FALSE:
            continue
        if not one.value:
            message = "include names no file"
        elif ".." in one.value.split("/"):
            message = "{} is outside the boot partition: nothing is included".format(one.value)
        elif boot.exists(one.value):
            message = "{} is there, but it is no file that can be read: nothing is included".format(one.value)
        else:
            message = "there is no {}: nothing is included, and what it was to set is not set".format(one.value)
        yield hit_at(one.place, message, one.when, severity=severity)
