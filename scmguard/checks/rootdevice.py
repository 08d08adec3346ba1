"""The device behind root=: who can find it, and whether the rest of the system means the same one."""

import re
from typing import TYPE_CHECKING, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params, hit_on, one_hit, span_of
from scmguard.checks.kernelargs import is_placeholder, loader_worlds, root_argument, roots, uses_initramfs_tools
from scmguard.effective.bootfiles import Choice
from scmguard.effective.worlds import FALSE, Condition
from scmguard.finding import Related
from scmguard.parse.cmdline_txt import Argument, CommandLine, last, needs_initramfs
from scmguard.rootfs import mounts
from scmguard.rootfs.zymbit import CRYPTRFS
from scmguard.text import Span

if TYPE_CHECKING:
    from scmguard.rootfs.crypttab import Volume


def root_needs_initramfs(context: Context, _params: Params) -> Iterator[Hit]:
    """A ``root=`` that the kernel alone cannot resolve, and no initramfs."""
    worlds = context.config.worlds
    loader = loader_worlds(context)
    hits: List[Hit] = []
    for condition, line, root, device in roots(context):
        if not needs_initramfs(device):
            continue
        for loaded, choice in context.files.initramfs:
            when = worlds.without(worlds.both(condition, loaded), loader)
            gone = _gone(context, choice)
            if (gone or not choice.names) and when != FALSE:
                message = "{} needs an initramfs, and none is loaded on {}".format(root.text, context.config.board.name)
                hits.append(hit_on(line, root, message, when, _why_none(context, choice, gone)))
    yield from one_hit(hits, context)


def _gone(context: Context, choice: Choice) -> Tuple[str, ...]:
    """Of the files picked, those that a real boot partition does not have."""
    boot = context.boot
    return tuple(name for name in choice.names if boot.has_binaries and not boot.exists(name))


def _why_none(context: Context, choice: Choice, gone: Tuple[str, ...]) -> Tuple[Related, ...]:
    if choice.place is not None:
        missing = "{} is not on the boot partition".format(" ".join(gone))
        reason = missing if gone else "auto_initramfs is on, but there is no initramfs for the kernel"
        return (Related(span_of(choice.place), reason),)
    return (Related(Span(context.config.start.source.path), "no initramfs line and no auto_initramfs=1 is in effect"),)


class _Tables(NamedTuple):
    """What the root file system says of its own device; ``known`` is false where it has neither table."""

    known: bool
    roots: List[mounts.Mount]
    volumes: "List[Volume]"


def _tables(context: Context) -> _Tables:
    root = context.boot.root
    if root is None:
        return _Tables(False, [], [])
    from scmguard.rootfs.crypttab import crypttab

    known = root.exists("etc/fstab") or root.exists("etc/crypttab")
    volumes = [each for each in crypttab(root) if each.source and not (each.option("swap") or each.option("tmp"))]
    return _Tables(known, [mount for mount in mounts.fstab(root) if mount.is_root], volumes)


# What mk_encr_sd_rfs.sh of Zymbit, and most guides, call the opened root.
_USUAL_NAMES = (CRYPTRFS, "cryptroot")


def _encrypted(context: Context, tables: _Tables) -> Optional[Related]:
    """The line of fstab or crypttab that shows that the root is encrypted."""
    mapped = {mounts.mapper_name(mount.source) for mount in tables.roots}
    for volume in tables.volumes:
        if volume.target in mapped:
            return Related(volume.span, "the root is encrypted, and opened as {}".format(volume.target))
    for mount in tables.roots:
        if mounts.mapper_name(mount.source) in _USUAL_NAMES:
            return Related(mount.span, "the root is encrypted")
    # A plain root in fstab outweighs the name of a volume, unless the profile says that there must be one.
    named = any(mounts.device_name(mount.source) is not None for mount in tables.roots)
    if named and not context.profile.get("encrypted-root"):
        return None
    for volume in tables.volumes:
        if volume.target.startswith(_USUAL_NAMES):
            return Related(volume.span, "the root is encrypted, and opened as {}".format(volume.target))
    return None


# A partition as such: what stands in it, if it is a LUKS container, is no file system.
_PLAIN = (
    r"/dev/(?:mmcblk\d|sd[a-z]|nvme\d|vd[a-z]|root\Z|disk/by-(?:part|path|id))|PARTUUID=|PARTLABEL="
    r"|[0-9A-Fa-f]{3,4}\Z|\d+:\d+\Z"
)
_ON_EMMC = r"/dev/(?:mmcblk0|root\Z|disk/)|PARTUUID=|PARTLABEL=|[0-9A-Fa-f]{3,4}\Z|\d+:\d+\Z"
# What is only on the boot partition of a unit that Zymbit's software has taken over.
_SIGN = "zymbit_mac_address"


def encrypted_root_lost(context: Context, _params: Params) -> Iterator[Hit]:
    """``root=`` is a plain partition where the root file system is in a LUKS container.

    What tells: crypttab and fstab; without them, on a profile that demands an encrypted root, the command line's own
    words or a file of Zymbit's on the boot partition. Without any of these the unit may be one that is not encrypted
    yet: that is a condition of its own.
    """
    demanded = bool(context.profile.get("encrypted-root"))
    tables = _tables(context)
    if not demanded and not tables.known:
        return
    shows = _encrypted(context, tables)
    loader, worlds = loader_worlds(context), context.config.worlds
    for condition, line, root, device in roots(context):
        when = worlds.without(condition, loader)
        if when == FALSE or not re.match(_PLAIN, device) or is_placeholder(root):
            continue
        message = "{} is a plain partition, and the root file system is encrypted".format(root.text)
        severity = None if demanded else "no-boot"
        related: Tuple[Related, ...] = ()
        if shows is not None:
            related = (shows,)
        elif not demanded or not re.match(_ON_EMMC, device):
            continue  # what is not on the eMMC is boot-not-emmc's
        elif tables.known:
            message = "{} is a plain partition: this root file system is not encrypted".format(root.text)
            severity = "hygiene"
        elif _names_volume(line):
            message += ": the same line speaks of its volume"
        elif context.boot.exists(_SIGN):
            related = (Related(Span(context.boot.files.label(_SIGN)), "this file is only on such a unit"),)
        else:
            message = "{} is a plain partition, and the root file system of this device is to be encrypted".format(
                root.text
            )
            when = worlds.both(
                when, worlds.among("root-partition", ("plain", "encrypted"), lambda each: each == "encrypted")
            )
        yield hit_on(line, root, message, when, related, severity)


def _names_volume(line: CommandLine) -> bool:
    return any(
        word.name in ("cryptdevice", "cryptopts") and word.value or CRYPTRFS in word.text
        for word in line.initramfs_words
    )


def root_mismatch(context: Context, _params: Params) -> Iterator[Hit]:
    """``root=`` and ``rootfstype=`` against fstab and crypttab. Names in different notations cannot be compared."""
    tables = _tables(context)
    loader, worlds = loader_worlds(context), context.config.worlds
    for condition, line in context.cmdlines:
        when = worlds.without(condition, loader)
        if line is None or when == FALSE:
            continue
        yield from _type_mismatch(line, tables, when)
        root = root_argument(line)
        if root is not None and tables.known and not is_placeholder(root):
            yield from _device_mismatch(context, line, root, tables, when)


def _device_mismatch(
    context: Context, line: CommandLine, root: Argument, tables: _Tables, when: Condition
) -> Iterator[Hit]:
    device, place = mounts.device_name(root.value or ""), line.place(root)
    if device is None:
        return
    shows = _encrypted(context, tables)
    if shows is not None and re.match(_PLAIN, root.value or ""):
        return  # encrypted-root-lost says so
    for volume in tables.volumes:
        if mounts.device_name(volume.source) == device:
            message = "{} is the container that crypttab opens as {}, and not a file system".format(
                root.text, volume.target
            )
            yield Hit(line.source, place, message, when, (Related(volume.span, "it is opened here"),))
            return
    if device[0] == "mapper" and not _opens(context, line, device[1], tables):
        message = "nothing opens {}: crypttab has no volume of that name".format(root.value)
        related = tuple(Related(each.span, "this one is called " + each.target) for each in tables.volumes)
        yield Hit(line.source, place, message, when, related[:4])
        return
    names = [mounts.device_name(mount.source) for mount in tables.roots]
    if device in names or not names or any(name is None or name[0] != device[0] for name in names):
        return
    mount = tables.roots[-1]
    message = "{}, but fstab has {} for the root".format(root.text, mount.source)
    # The name of a node depends on where a disk is plugged in; and the kernel never asks fstab.
    severity = "degraded" if device[0] == "node" else None
    yield Hit(line.source, place, message, when, (Related(mount.span, "it is here"),), severity)


def _opens(context: Context, line: CommandLine, name: str, tables: _Tables) -> bool:
    """Whether crypttab, or ``cryptopts=`` in its place, opens a volume of that name, or something else may."""
    given = [word.value for word in line.initramfs_words if word.name == "cryptopts" and word.value is not None]
    options = [value for value in given if value]
    if given and not options and uses_initramfs_tools(context):
        return False  # an empty one switches the table off
    if options:
        found = [part[7:] for each in options for part in each.split(",") if part.startswith("target=")]
        return name in found or (name == "cryptroot" and len(found) < len(options))
    if name in [volume.target for volume in tables.volumes]:
        return True
    if "-" in name.replace("--", "") and not name.startswith("luks-"):
        return True  # a logical volume is called GROUP-VOLUME
    return not uses_initramfs_tools(context)


def _type_mismatch(line: CommandLine, tables: _Tables, when: Condition) -> Iterator[Hit]:
    asked = last(line.arguments, "rootfstype")
    if asked is None or not asked.value:
        return
    types = asked.value.lower().split(",")
    if "crypto_luks" in types:
        message = "{} is the type of the container; what is mounted is the file system in it".format(asked.text)
        yield hit_on(line, asked, message, when)
        return
    said = {_family(each) for mount in tables.roots for each in mount.type.lower().split(",")}
    if said and not said & ({"", "auto", "none"} | {_family(each) for each in types}) and "auto" not in types:
        mount = tables.roots[-1]
        message = "{}, but fstab has {} for the root".format(asked.text, mount.type)
        related = (Related(mount.span, "it is here"),)
        yield hit_on(line, asked, message, when, related, "degraded")


def _family(type: str) -> str:
    """One driver serves ext2, ext3 and ext4."""
    return "ext4" if type in ("ext2", "ext3") else type
