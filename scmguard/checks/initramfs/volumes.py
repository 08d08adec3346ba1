"""The volumes of crypttab that the initramfs is to open, and what it costs where one of them is not opened.

Source: cryptsetup 2:2.6.1-4~deb12u2, ``hooks/cryptroot`` (generate_initrd_crypttab): the line that opens the mounted
root, and those with the option ``initramfs``; the first line of a name counts. ``scripts/local-top/cryptroot``:
``cryptopts=`` on the command line takes the place of the table.
"""

from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from scmguard.checks.base import Context
from scmguard.checks.kernelargs import roots
from scmguard.folder import Folder
from scmguard.initramfs.facts import RootFacts
from scmguard.initramfs.programs import ImagePrograms
from scmguard.rootfs import mounts
from scmguard.rootfs.crypttab import Option, Volume
from scmguard.rootfs.shell_settings import read_settings
from scmguard.rootfs.zymbit import CRYPTRFS

CONF_HOOK = "etc/cryptsetup-initramfs/conf-hook"

# What mk_encr_sd_rfs.sh of Zymbit, and most guides, call the opened root.
_USUAL_NAMES = (CRYPTRFS, "cryptroot")
# Names of devices that are no volume's content: a UUID or a label may be that of the file system inside.
_PARTITIONS = frozenset(["node", "partuuid", "partlabel"])
_LONGEST_PATTERN = 4096
#: A table is a few lines; of a file of megabytes the first ones say enough.
MOST_VOLUMES = 100


class Early(NamedTuple):
    """A volume that is to be opened in the initramfs. ``is_root``: it is the root's, or no other can be.

    ``severity`` is that of a fault that keeps it closed: None for the rule's own (the root is in it, or may be).
    """

    volume: Volume
    is_root: bool
    severity: Optional[str]


def early_volumes(context: Context, found: RootFacts) -> List[Early]:
    """The volumes that the initramfs is to open, as their lines are meant. Raises Unreadable."""
    if _table_is_replaced(context):
        return []
    return list(_early(context, found))


def _early(context: Context, found: RootFacts) -> Iterator[Early]:
    names, plain = _roots(context, found.root)
    volumes = found.crypttab[:MOST_VOLUMES]
    known = plain or any(volume.target in names for volume in volumes)
    unsaid = bool(context.profile.get("encrypted-root")) and not known
    passing = _passing(volumes)
    taken: Set[str] = set()
    for volume in volumes:
        one = _as_early(volume, volume.target in names, known, unsaid, volume.target in passing)
        if one is not None and volume.target not in taken:
            yield one
            # A line that is not read leaves its place to the next one of the name.
            if volume.is_whole and volume.ending:
                taken.add(volume.target)


def _passing(volumes: Sequence[Volume]) -> Set[str]:
    """The names of volumes that no root can be in: swap, ``/tmp``, and what only lies below such."""
    below = {volume.target: mounts.mapper_name(volume.source) for volume in volumes}
    above: Dict[str, Set[str]] = {}
    for target, source in below.items():
        above.setdefault(source, set()).add(target)
    todo = [
        volume.target
        for volume in volumes
        if any(_is_flag(option, name) for option in volume.options for name in ("swap", "tmp"))
    ]
    found: Set[str] = set()
    while todo:
        name = todo.pop()
        found.add(name)
        source = below.get(name, "")
        if source and source not in found and above[source] <= found:
            todo.append(source)
    return found


def _as_early(volume: Volume, is_root: bool, known: bool, unsaid: bool, passing: bool) -> Optional[Early]:
    """A volume as one that the initramfs opens; None where it does not.

    ``known``: what the root is in is known. ``unsaid``: it is in a volume, and nothing says in which. ``passing``: it
    is one that no root can be in.
    """
    asks = any(_is_flag(option, "initramfs") for option in volume.options)
    if is_root or unsaid and not asks and not passing and _looks_like_root(volume):
        return Early(volume, True, None)
    if asks:
        return Early(volume, False, "degraded" if known or passing else None)
    return None


def _roots(context: Context, root: Folder) -> Tuple[FrozenSet[str], bool]:
    """The names in ``/dev/mapper`` that the root goes by, and whether it is known to be a partition as such."""
    mounted = [mount.source for mount in mounts.fstab(root) if mount.is_root]
    asked = [each.value for each in roots(context)]
    names = frozenset(mounts.mapper_name(device) for device in mounted + asked) - {""}
    # Where the root is to be encrypted, a partition on the command line is a fault (encrypted-root-lost).
    telling = mounted if context.profile.get("encrypted-root") else mounted + asked
    kinds = {(mounts.device_name(device) or ("",))[0] for device in telling}
    return names, bool(kinds) and kinds <= _PARTITIONS


def _is_flag(option: Option, name: str) -> bool:
    """Whether an option was meant as that flag, whatever blanks are round it."""
    words = option.text.split()
    return bool(words) and words[0] in (name, name + "=yes")


def _looks_like_root(volume: Volume) -> bool:
    asked = any(
        option.text.split()[:1] and option.text.split()[0].startswith("keyscript=") for option in volume.options
    )
    return asked or volume.target.startswith(_USUAL_NAMES)


def _table_is_replaced(context: Context) -> bool:
    """Whether the command line has volumes of its own, or switches the table off."""
    lines = [line for _, line in context.cmdlines if line is not None] if context.boot.has_cmdline else []
    return bool(lines) and all(any(word.name == "cryptopts" for word in line.initramfs_words) for line in lines)


def key_pattern(root: Folder) -> Optional[str]:
    """KEYFILE_PATTERN, empty where it is not set; None where it is not known. Raises Unreadable."""
    found = read_settings(root, [CONF_HOOK]).value("KEYFILE_PATTERN", "")
    return None if found is not None and len(found) > _LONGEST_PATTERN else found


def image_programs(context: Context, found: RootFacts) -> ImagePrograms:
    """The programs in the image to be made, found out once a tree. Raises Unreadable."""
    memo = context.boot.memo
    if "image programs" not in memo:
        names = frozenset((volume.keyscript or "").rpartition("/")[2] for volume in found.crypttab)
        busybox = found.settings.value("BUSYBOX", "auto")
        memo["image programs"] = ImagePrograms(found.root, found.hooks, busybox, names)
    programs: ImagePrograms = memo["image programs"]
    return programs
