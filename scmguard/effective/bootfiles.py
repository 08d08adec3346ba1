"""Which files the firmware picks on a board: kernel, initramfs, device tree, command line.

Sources: documentation, ``config_txt/boot.adoc`` (kernel, arm_64bit, initramfs, auto_initramfs, os_prefix, cmdline,
upstream_kernel, start_file, fixup_file), ``legacy_config_txt/boot.adoc`` (start_x, start_debug),
``configuration/boot_folder.adoc`` and ``configuration/device-tree.adoc``.
"""

from typing import Dict, Iterable, NamedTuple, Optional, Tuple

from scmguard.effective.config import EffectiveConfig, integer, is_on, winners
from scmguard.effective.run import Assignment, Place
from scmguard.effective.worlds import FALSE, Condition, Split
from scmguard.parse.cmdline_txt import CommandLine
from scmguard.parse.config_txt import parse_initramfs


class Choice(NamedTuple):
    """Files that are picked, in order, relative to the boot folder, and the line that says so (None: a default)."""

    names: Tuple[str, ...]
    place: Optional[Place] = None


class BootFiles(NamedTuple):
    """The picks, world by world. An empty choice means that none is loaded."""

    kernel: "Split[Choice]"
    initramfs: "Split[Choice]"
    device_tree: "Split[Choice]"
    cmdline: "Split[Choice]"


def joined(kind: str, names: Iterable[str]) -> str:
    """The names of one choice for people: of most files the first that is there is taken, of initramfs images all."""
    return (" and " if kind == "initramfs" else " or ").join(names)


def boot_files(config: EffectiveConfig) -> BootFiles:
    """What the firmware loads with that configuration."""
    plain = _plain_kernels(config)
    prefix = _prefix(config, plain)
    kernel = plain.product(prefix).map(lambda both: _prefixed(both[0], both[1]))
    tree = config.outcome("device_tree").product(prefix).map(lambda both: _device_tree(config, *both))
    cmdline = config.outcome("cmdline").product(prefix).map(lambda both: _named(both[0], both[1], ("cmdline.txt",)))
    return BootFiles(kernel, _initramfs(config, plain, prefix), tree, cmdline)


def cmdline_names(config: EffectiveConfig, files: BootFiles) -> "Split[str]":
    """The name of the command line's file; of a lone cmdline.txt, that one."""
    if config.boot.single == "cmdline.txt":
        return Split.always(config.worlds, "cmdline.txt")
    return files.cmdline.map(lambda choice: choice.names[0])


def command_lines(config: EffectiveConfig, name: "Split[str]") -> "Split[Optional[CommandLine]]":
    """The command line in the file of that name, by the reading of files with several lines. None: no such file."""
    several = FALSE
    lines: Dict[Tuple[str, bool], Optional[CommandLine]] = {}
    for condition, each in name:
        source = config.boot.source(each)
        if source is not None and any(line.text.strip() for line in source.lines[1:]):
            several = config.worlds.either(several, condition)
        for all_lines in (False, True):
            lines[each, all_lines] = None if source is None else CommandLine(source, all_lines)
    joined: Split[bool] = Split.always(config.worlds, False)
    if several != FALSE:
        joined = joined.replaced(config.worlds.both(several, config.reading("cmdline-lines", "all")), True)
    return name.product(joined).map(lambda key: lines[key])


def present_images(config: EffectiveConfig, files: BootFiles) -> "Dict[Tuple[str, ...], Condition]":
    """The initramfs images that the firmware loads and that are on the boot partition, with the worlds of each.

    Several names are one image: the firmware puts the files one behind the other.
    """
    found: Dict[Tuple[str, ...], Condition] = {}
    if config.boot.single or not config.boot.has_binaries:
        return found
    for when, choice in files.initramfs:
        names = choice.names
        if when != FALSE and names and all(config.boot.exists(name) for name in names):
            found[names] = config.worlds.either(found.get(names, FALSE), when)
    return found


def _present(config: EffectiveConfig, names: Tuple[str, ...]) -> Tuple[str, ...]:
    """Of alternatives, the first that the tree has; all of them where the tree carries no binaries or none of these."""
    if config.boot.has_binaries:
        for name in names:
            if config.boot.exists(name):
                return (name,)
    return names


def _plain_kernels(config: EffectiveConfig) -> "Split[Choice]":
    """The kernel without prefix. More than one name means alternatives."""
    board = config.board

    def pick(both: Tuple[Optional[Assignment], Optional[Assignment]]) -> Choice:
        kernel, bits = both
        if kernel is not None and kernel.value:
            return Choice((kernel.value,), kernel.place)
        wants_64 = board.arm_64bit if bits is None else is_on(bits)
        names = (board.kernels_64 if wants_64 else board.kernels_32) or board.kernels_64 or board.kernels_32
        return Choice(names, bits.place if bits is not None else None)

    return config.outcome("kernel").product(config.outcome("arm_64bit")).map(pick)


def _prefix(config: EffectiveConfig, kernels: "Split[Choice]") -> "Split[str]":
    """``os_prefix``, as far as it is obeyed: it is not where kernel and device tree are missing under it."""
    asked = config.text("os_prefix")
    upstream = config.outcome("upstream_kernel").where(is_on)
    if upstream != FALSE:
        asked = asked.changed(upstream, lambda old: old or "upstream/")

    def obeyed(both: Tuple[str, Choice]) -> str:
        prefix, kernel = both
        if not prefix or not config.boot.has_binaries:
            return prefix
        there = any(config.boot.exists(prefix + name) for name in kernel.names)
        trees = any(config.boot.exists(prefix + name) for name in config.board.device_trees)
        return prefix if there and trees else ""

    return asked.product(kernels).map(obeyed)


def _join(prefix: str, name: str) -> str:
    return name[1:] if name.startswith("/") else prefix + name


def _prefixed(choice: Choice, prefix: str) -> Choice:
    return Choice(tuple(_join(prefix, name) for name in choice.names), choice.place)


def _named(found: Optional[Assignment], prefix: str, default: Tuple[str, ...]) -> Choice:
    if found is None or not found.value:
        return _prefixed(Choice(default), prefix)
    return _prefixed(Choice((found.value,), found.place), prefix)


def _device_tree(config: EffectiveConfig, found: Optional[Assignment], prefix: str) -> Choice:
    if found is not None:
        return Choice((_join(prefix, found.value),) if found.value else (), found.place)
    return Choice(_present(config, tuple(prefix + name for name in config.board.device_trees)))


def initramfs_name(kernel: str) -> str:
    """What ``auto_initramfs`` looks for beside a kernel: initramfs8 for kernel8.img. Empty if there is none."""
    folder, _, base = kernel.rpartition("/")
    if not base.startswith("kernel"):
        return ""
    name = "initramfs" + base[len("kernel") :]
    if name.endswith(".img"):
        name = name[:-4]
    return folder + "/" + name if folder else name


def _initramfs(config: EffectiveConfig, kernels: "Split[Choice]", prefix: "Split[str]") -> "Split[Choice]":
    if not config.known:
        # Only a command line was given: whether an initramfs comes with it is one more unknown.
        loaded = config.worlds.among("initramfs", ("none", "loaded"), lambda each: each == "loaded")
        return Split.always(config.worlds, Choice(())).replaced(loaded, Choice(("initramfs",)))
    auto = config.outcome("auto_initramfs")
    line = config.outcome("initramfs").product(config.outcome("ramfsfile"))

    def pick(
        parts: Tuple[
            Tuple[Tuple[Optional[Assignment], Optional[Assignment]], Optional[Assignment]], Tuple[Choice, str]
        ],
    ) -> Choice:
        ((explicit, ramfsfile), wanted), (kernel, folder) = parts
        if explicit is not None and explicit.value:
            files, _address = parse_initramfs(explicit.value)
            return _prefixed(Choice(files, explicit.place), folder)
        if ramfsfile is not None and ramfsfile.value:
            return _prefixed(Choice(tuple(ramfsfile.value.split(",")), ramfsfile.place), folder)
        if wanted is not None and is_on(wanted):
            names = tuple(filter(None, (initramfs_name(_join(folder, name)) for name in kernel.names)))
            if config.boot.has_binaries:
                names = tuple(name for name in names if config.boot.exists(name))[:1]
            return Choice(names, wanted.place)
        return Choice(())

    return line.product(auto).product(kernels.product(prefix)).map(pick)


class Firmware(NamedTuple):
    """The VideoCore's firmware: the start file and its fixup file, where several are named any of them."""

    start: Choice
    fixup: Choice


# Kernels of known names set arm_64bit by themselves. Not kernel.img: many systems call their own kernel so.
_KERNEL_BITS = {"kernel8.img": 64, "kernel_2712.img": 64, "kernel7.img": 32, "kernel7l.img": 32}


def kernel_bits(name: str) -> Optional[int]:
    """Whether a kernel's name (with or without folder) says that it has 64 or 32 bits; None for any other name."""
    return _KERNEL_BITS.get(name.rpartition("/")[2])


# Variants of the firmware: the setting that asks for one, and its part of the files' names.
_VARIANTS = (("start_x", "x"), ("start_debug", "db"))
#: Settings of which a value below 32 selects the cut-down firmware (documentation; raspberrypi/linux#503).
GPU_MEMORY = ("gpu_mem", "gpu_mem_256", "gpu_mem_512", "gpu_mem_1024")


def early(config: EffectiveConfig, key: str) -> "Split[Optional[Assignment]]":
    """The assignment that wins in the first file alone: included ones are not seen by the early stages of the boot."""
    several = config.run.settings.get((key, 0), [])
    return winners(config.worlds, [one for one in several if one.place.document is config.start])


def firmware_names(pi4: bool, variant: str) -> Tuple[str, str]:
    """The start file and the fixup file of a variant (empty for the usual one, else x, db or cd)."""
    middle = "4" + variant if pi4 else "_" + variant if variant else ""
    return "start{}.elf".format(middle), "fixup{}.dat".format(middle)


def firmware_files(config: EffectiveConfig) -> "Split[Firmware]":
    """The firmware that the boot loader starts. Nothing on the Pi 5 family, whose firmware is in its EEPROM."""
    worlds, board = config.worlds, config.board
    if board.pi5_family:
        return Split.always(worlds, Firmware(Choice(()), Choice(())))
    asked: Split[Tuple[Tuple[str, Place], ...]] = Split.always(worlds, ())
    tests = [(key, variant, 1, 1 << 64) for key, variant in _VARIANTS] + [(key, "cd", 1, 32) for key in GPU_MEMORY]
    for key, variant, least, below in tests:
        for condition, found in early(config, key):
            if found is not None and least <= integer(found.value) < below:
                more = ((variant, found.place),)
                asked = asked.changed(condition, lambda old, more=more: old + more)  # type: ignore[misc]

    def pick(
        parts: Tuple[Tuple[Tuple[Tuple[str, Place], ...], Optional[Assignment]], Optional[Assignment]],
    ) -> Firmware:
        (variants, start), fixup = parts
        place = variants[0][1] if variants else None
        pairs = [firmware_names(board.pi4_family, variant) for variant, _ in variants or (("", place),)]
        if board.pi4_family:
            # Documented for start_x: the files of older boards serve where the Pi 4's own are missing.
            pairs += [firmware_names(False, variant) for variant, _ in variants if variant != "cd"]
        return Firmware(
            Choice(tuple(pair[0] for pair in pairs), place)
            if start is None or not start.value
            else Choice((start.value,), start.place),
            Choice(tuple(pair[1] for pair in pairs), place)
            if fixup is None or not fixup.value
            else Choice((fixup.value,), fixup.place),
        )

    return asked.product(early(config, "start_file")).product(early(config, "fixup_file")).map(pick)
