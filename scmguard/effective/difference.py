"""What differs in effect between two boot trees on one board, and in which worlds.

Both are evaluated in the same worlds, so that nothing is sampled: an empty result means that no reading of the firmware
and no condition of the machine tells the two trees apart, as far as ``docs/evaluation.md`` goes.
"""

from typing import Any, Callable, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

from scmguard.boot import Boot
from scmguard.effective.board import Board
from scmguard.effective.bootfiles import GPU_MEMORY, boot_files, cmdline_names, command_lines, firmware_files
from scmguard.effective.config import EffectiveConfig, both_bootloader_configs, evaluate_both, winners
from scmguard.effective.run import Assignment, ParameterSet
from scmguard.effective.worlds import FALSE, TRUE, Condition, Split, TooComplex, Worlds

#: Files that are run beside config.txt, each by itself.
ALSO_RUN = ("tryboot.txt", "autoboot.txt")
# Settings of which more than their own value follows: the files that are picked, and the USB controller.
_DECIDING = frozenset(
    [
        "arm_64bit", "auto_initramfs", "boot_ramdisk", "cmdline", "device_tree", "fixup_file", "initramfs", "kernel",
        "os_prefix", "otg_mode", "overlay_prefix", "ramfsfile", "start_debug", "start_file", "start_x",
        "upstream_kernel", *GPU_MEMORY,
    ]
)  # fmt: skip
_FIRMWARE = ("start_file", "fixup_file", "start_x", "start_debug", *GPU_MEMORY)
# So many different sequences of overlays, and no more, are compared.
_MOST_SEQUENCES = 4096

#: A loaded overlay with its parameters, names and values.
Loaded = Tuple[str, Tuple[Tuple[str, str], ...]]
T = TypeVar("T")


class Difference(NamedTuple):
    """One thing that is not the same in the worlds of ``when``: what it is, as it was, and as it is.

    ``file`` is the file that was run: ``config.txt``, ``tryboot.txt``, ``autoboot.txt``, or that of the EEPROM.
    ``kind`` and the type of the values (None: not there):

    * ``setting`` (with its ``name``): text
    * ``overlays``: :data:`Loaded` ones in order, without those that both have in front and at the end
    * ``base-parameters``: names and values, likewise; ``gpio``: the lines' values, likewise
    * ``cmdline``: the arguments as the kernel gets them; None where there is no such file
    * ``boot-file`` (``kernel``, ``initramfs``, ``device-tree``, ``cmdline``, ``firmware``, ``fixup``): names
    * ``usb``: controller and mode; ``storage``: whether the SD/eMMC controller is on; ``boot.img``: whether it counts
    """

    file: str
    kind: str
    name: str
    old: Any
    new: Any
    when: Condition
    worlds: Worlds

    def explain(self) -> Tuple[List[Tuple[str, str]], bool]:
        """The fewest values of conditions and readings that make it so, and whether it is so only with these."""
        values, choices = self.worlds.explain(self.when), dict(self.worlds.variables)
        only = TRUE
        for name, value in values:
            only = self.worlds.both(only, self.worlds.among(name, choices[name], value.__eq__))
        return values, only == self.when


def differences(old: Boot, new: Boot, board: Board, edited: Optional[FrozenSet[str]] = None) -> List[Difference]:
    """Everything that differs. Raises Unreadable and TooComplex; then nothing is known of what differs.

    ``edited`` are the names of the files that alone have other contents, where somebody knows that: it saves time.
    Of two single files each is run, whatever its name: ``tryboot.txt`` may stand against ``config.txt``.
    """
    if old.single and new.single:
        found = [
            one
            for one in between(*evaluate_both(old, new, board, old.start, new_start=new.start), new.start, edited)
            # What stands beside the file is none of it; a command line alone is all there is to it.
            if (one.kind == "cmdline") == old.has_cmdline
        ]
    else:
        first = old.start if old.start == new.start else "config.txt"
        found = list(_of_start(old, new, board, first, edited))
        for name in ALSO_RUN:
            if name != first and (old.exists(name) or new.exists(name)):
                found += _of_start(old, new, board, name, edited)
    before, after = both_bootloader_configs(old, new, board)
    found += _of_eeprom(old.bootconf or new.bootconf, before, after)
    return found


def _of_start(old: Boot, new: Boot, board: Board, name: str, edited: Optional[FrozenSet[str]]) -> Iterator[Difference]:
    return between(*evaluate_both(old, new, board, name), name, edited)


def between(
    before: EffectiveConfig, after: EffectiveConfig, name: str, edited: Optional[FrozenSet[str]] = None
) -> Iterator[Difference]:
    """What differs between two configurations in the same worlds, made by running the file of that name.

    ``edited`` as for :func:`differences`.
    """
    compare = _Comparison(name, before.worlds)
    found = list(_settings(compare, before, after))
    if name != "autoboot.txt":
        found += compare.sequences("overlays", loaded(before), loaded(after))
        found += compare.sequences("base-parameters", _base(before), _base(after))
    yield from found
    if name == "autoboot.txt":
        return
    yield from compare.sequences("gpio", _gpio(before), _gpio(after))
    # What follows from other things can only differ where one of these does, or another file.
    if (
        edited is None
        or any(one.kind != "setting" or one.name.partition(":")[0] in _DECIDING for one in found)
        or _first_stage(before) != _first_stage(after)
    ):
        yield from _derived(compare, before, after)
    elif _may_be_cmdline(before, edited):
        yield from compare.splits("cmdline", "", _cmdline(before), _cmdline(after))


def _first_stage(config: EffectiveConfig) -> List[Tuple[str, str, Condition]]:
    """The settings that pick the firmware, as they stand in the first file: included ones come too late for them."""
    return [
        (key, one.value, one.when)
        for key in _FIRMWARE
        for one in config.run.settings.get((key, 0), ())
        if one.place.document is config.start and one.when != FALSE
    ]


def _may_be_cmdline(config: EffectiveConfig, edited: FrozenSet[str]) -> bool:
    """Whether one of the files may be the command line."""
    if ("cmdline", 0) in config.run.settings:
        return True
    run = {config.boot.name_of(document) for document in config.run.documents}
    return any(name not in run or name.endswith("cmdline.txt") for name in edited)


def _derived(compare: "_Comparison", before: EffectiveConfig, after: EffectiveConfig) -> Iterator[Difference]:
    yield from compare.splits("usb", "", _usb(before), _usb(after))
    yield from compare.splits("storage", "", _storage(before), _storage(after))
    yield from compare.splits("boot.img", "", _shadowed(before), _shadowed(after))
    mine, theirs = _files(before), _files(after)
    for which in mine:
        yield from compare.splits("boot-file", which, mine[which], theirs[which])
    yield from compare.splits("cmdline", "", _cmdline(before), _cmdline(after))


def _of_eeprom(name: str, old: Optional[EffectiveConfig], new: Optional[EffectiveConfig]) -> Iterator[Difference]:
    worlds = old.worlds if old is not None else new.worlds if new is not None else Worlds()
    yield from _settings(_Comparison(name, worlds), old, new)


class _Comparison(NamedTuple):
    file: str
    worlds: Worlds

    def splits(self, kind: str, name: str, old: "Split[T]", new: "Split[T]") -> Iterator[Difference]:
        """A difference for each pair of values that meet in some world."""
        if old.parts == new.parts:
            return
        for when, (before, after) in old.product(new):
            if before != after:
                yield Difference(self.file, kind, name, before, after, when, self.worlds)

    def sequences(self, kind: str, old: "List[Item]", new: "List[Item]") -> Iterator[Difference]:
        """As :meth:`splits`, for things that count in their order, each in worlds of its own."""
        old, new = _middles(old, new)
        if old or new:
            yield from self.splits(kind, "", _sequence(self.worlds, old), _sequence(self.worlds, new))


class Item(NamedTuple):
    """Something in a sequence: in which worlds it is there, and its values there (disjoint, together the same).

    Of those that have a ``name``, a later one takes the place of an earlier one.
    """

    when: Condition
    name: str
    values: Tuple[Tuple[Condition, Any], ...]


def _middles(old: List[Item], new: List[Item]) -> Tuple[List[Item], List[Item]]:
    """Both without what they have in common in front and at the end."""
    start, most = 0, min(len(old), len(new))
    while start < most and old[start] == new[start]:
        start += 1
    end = 0
    while end < most - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return old[start : len(old) - end], new[start : len(new) - end]


def _sequence(worlds: Worlds, items: Sequence[Item]) -> "Split[Tuple[Any, ...]]":
    found: Split[Tuple[Any, ...]] = Split.always(worlds, ())
    for item in items:
        for when, value in item.values:
            found = found.changed(when, _with(item.name, value))
        if len(found.parts) > _MOST_SEQUENCES:
            raise TooComplex("the combinations of its overlays are too many")
    return found


def _with(name: str, value: Any) -> Callable[[Tuple[Any, ...]], Tuple[Any, ...]]:
    if not name:
        return lambda before: (*before, value)
    return lambda before: (*(one for one in before if one[0] != name), (name, value))


def _settings(
    compare: _Comparison, old: Optional[EffectiveConfig], new: Optional[EffectiveConfig]
) -> Iterator[Difference]:
    mine: Dict[Tuple[str, int], List[Assignment]] = {} if old is None else old.run.settings
    theirs: Dict[Tuple[str, int], List[Assignment]] = {} if new is None else new.run.settings
    for key, port in sorted({**mine, **theirs}):
        before, after = mine.get((key, port), []), theirs.get((key, port), [])
        if _plain(before) == _plain(after):
            continue
        name = "{}:{}".format(key, port) if port else key
        yield from compare.splits("setting", name, _values(compare.worlds, before), _values(compare.worlds, after))


def _plain(several: List[Assignment]) -> List[Tuple[str, Condition]]:
    return [(one.value, one.when) for one in several if one.when != FALSE]


def _values(worlds: Worlds, several: List[Assignment]) -> "Split[Optional[str]]":
    return winners(worlds, several).map(lambda one: None if one is None else one.value)


def loaded(config: EffectiveConfig) -> List[Item]:
    """Loads that have an effect, one for each of ``config.loads``.

    Of a parameter that is given again the last counts, and where it stands then.
    """
    found = []
    for when, load in config.loads:
        given: Split[Tuple[Tuple[str, str], ...]] = Split.always(config.worlds, ())
        for one in load.parameters:
            given = given.changed(config.worlds.both(when, one.when), _given(one))
        values = []
        for condition, parameters in given:
            here = config.worlds.both(when, condition)
            if here != FALSE:
                values.append((here, (load.resolved or load.name, parameters)))
        found.append(Item(when, "", tuple(values)))
    return found


def _given(one: ParameterSet) -> Callable[[Tuple[Tuple[str, str], ...]], Tuple[Tuple[str, str], ...]]:
    return lambda before: (*(each for each in before if each[0] != one.name), (one.name, one.value))


def _base(config: EffectiveConfig) -> List[Item]:
    """Parameters of the base tree. Names can mean the same node (``i2c``, ``i2c_arm``), so that their order counts."""
    worlds = config.worlds
    found = []
    for one in config.run.base:
        when = worlds.without(one.when, config.without_tree)
        if when != FALSE:
            found.append(Item(when, one.name, ((when, one.value),)))
    return found


def _gpio(config: EffectiveConfig) -> List[Item]:
    return [Item(one.when, "", ((one.when, one.value),)) for one in config.run.gpio if one.when != FALSE]


def _usb(config: EffectiveConfig) -> "Split[Tuple[str, Optional[str]]]":
    return config.usb.map(lambda usb: (usb.controller, usb.dr_mode))


def _storage(config: EffectiveConfig) -> "Split[bool]":
    return config.storage.map(lambda storage: storage.enabled)


def _shadowed(config: EffectiveConfig) -> "Split[bool]":
    return Split.always(config.worlds, False).replaced(config.shadowed, True)


def _files(config: EffectiveConfig) -> "Dict[str, Split[Tuple[str, ...]]]":
    files, firmware = boot_files(config), firmware_files(config)
    return {
        "kernel": files.kernel.map(lambda choice: choice.names),
        "initramfs": files.initramfs.map(lambda choice: choice.names),
        "device-tree": files.device_tree.map(lambda choice: choice.names),
        "cmdline": files.cmdline.map(lambda choice: choice.names),
        "firmware": firmware.map(lambda both: both.start.names),
        "fixup": firmware.map(lambda both: both.fixup.names),
    }


def _cmdline(config: EffectiveConfig) -> "Split[Optional[Tuple[str, ...]]]":
    lines = command_lines(config, cmdline_names(config, boot_files(config)))
    return lines.map(lambda line: None if line is None else tuple(one.text for one in line.arguments))
