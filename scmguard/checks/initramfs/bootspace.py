"""Room on the boot partition: what the next update writes there, and what lies about.

Sources: initramfs-tools 0.142, ``update-initramfs`` (X.new; X.dpkg-bak, which FAT has no links for), tried out: where
less than one image is free, a failed update leaves nothing free; RPi-Distro/firmware 100c81b, the two
z50-raspi-firmware (a plain ``cp`` over the live file, which is cut off when it does not fit); flash-kernel 3.107,
``functions`` (backup_and_install: ``mv`` to .bak, then ``mv`` from another file system, tried out: what does not fit is
cut off); Zymbit documentation, ``bootware/2.0.0/troubleshooting``.
"""

import re
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.bootware import evidence
from scmguard.checks.initramfs.bootfolder import BootFolder, boot_folder, said_size, size_of
from scmguard.checks.initramfs.common import is_encrypted, root_facts
from scmguard.finding import Related
from scmguard.folder import Folder
from scmguard.initramfs import updates
from scmguard.initramfs.conf import DEFAULTS
from scmguard.rootfs.kernels import sort_key
from scmguard.text import Span, printable, shortened

# Kernels and images grow from one release to the next; this part of them is to be free.
_MARGIN = 10
# What Zymbit wants for Bootware is 512 MB; a file system of that size has a little less for files.
_BOOTWARE = 486_000_000


class _Written(NamedTuple):
    """A file that an update writes on the boot partition.

    ``more`` is the room that it takes as it was built last, ``margin`` what the next one may take on top of that.
    """

    name: str
    more: int
    margin: int


def boot_space_low(context: Context, _params: Params) -> Iterator[Hit]:
    """Too little room for what the next update of kernel and initramfs writes."""
    space = context.boot.files.space()
    if space is None:
        return
    root = context.boot.root
    yield from _small_for_bootware(context, space.total)
    if root is None:
        return
    folder = boot_folder(context)
    if folder.is_partition:
        yield from _beside(context, folder, space.free)
        return
    written = _WRITERS.get(updates.copier(root), _nothing)(context, root, folder)
    if written:
        yield from _over(context, written, space.free)


def _over(context: Context, written: List[_Written], free: int) -> Iterator[Hit]:
    """Files that are written over the live ones: what does not fit is cut off."""
    more = sum(each.more for each in written)
    margin = sum(each.margin for each in written)
    largest = max(written, key=lambda each: (each.more, each.margin))
    related = tuple(
        Related(_span(context, each.name), "{} more for {}".format(said_size(each.more), printable(each.name)))
        for each in sorted(written)
        if each.more
    )
    if more > free:
        kernel = any(each.more and each.name.startswith(("kernel", "vmlinuz")) for each in written)
        severity = None if is_encrypted(context) or kernel else "degraded"
        message = "the next update writes {} more than there is room for ({} are free), and cuts {} off"
        message = message.format(said_size(more - free), said_size(free), printable(largest.name))
        yield Hit(None, _span(context, largest.name), message, related=related, severity=severity, boardless=True)
    elif more + margin > free:
        message = (
            "{} are free on the boot partition, and the next update may take {}: a file that does not fit is cut off"
        )
        message = message.format(said_size(free), said_size(more + margin))
        place = _span(context, largest.name)
        yield Hit(None, place, message, related=related, severity="degraded", boardless=True)


def _beside(context: Context, folder: BootFolder, free: int) -> Iterator[Hit]:
    """/boot is the boot partition: update-initramfs builds beside the live image, and keeps a copy of it meanwhile."""
    images = {release: folder.size("initrd.img-" + release) for release in folder.images()}
    if not images:
        return
    release = max(images, key=lambda each: images[each])
    size = images[release]
    # A copy that an update has left behind is replaced by the next one.
    free += folder.size("initrd.img-{}.dpkg-bak".format(release)) + folder.size("initrd.img-{}.new".format(release))
    place = Span(folder.label("initrd.img-" + release))
    if size > free:
        message = "{} are free, and a new image beside this one takes {}: no initramfs can be made"
        severity = None if is_encrypted(context) else "degraded"
        yield Hit(None, place, message.format(said_size(free), said_size(size)), severity=severity, boardless=True)
    elif 2 * size > free:
        message = "{} are free, and update-initramfs -u takes {} while it builds: a new image, and a copy of this one"
        yield Hit(
            None, place, message.format(said_size(free), said_size(2 * size)), severity="degraded", boardless=True
        )


def _small_for_bootware(context: Context, total: int) -> Iterator[Hit]:
    sign = evidence(context)
    if sign and total < _BOOTWARE:
        message = "the boot partition has {}, and Bootware wants 512 MB: it runs full".format(said_size(total))
        yield Hit(None, _span(context, sign), message, severity="degraded", boardless=True)


_Writer = Callable[[Context, Folder, BootFolder], List[_Written]]


def _nothing(_context: Context, _root: Folder, _folder: BootFolder) -> List[_Written]:
    return []


def _raspberry_pi(context: Context, root: Folder, folder: BootFolder) -> List[_Written]:
    """Of each flavour, the newest kernel and image are copied over those of the same flavour."""
    settings = updates.raspi_firmware_settings(root)
    written: List[_Written] = []
    for prefix, releases, variable in (
        ("vmlinuz-", folder.kernels(), "KERNEL"),
        ("initrd.img-", folder.images(), "INITRAMFS"),
    ):
        newest: Dict[updates.Names, str] = {}
        for release in sorted(releases, key=sort_key):
            names = updates.copied_names(release)
            if names is not None and settings.value(variable, "auto") in ("auto", ""):
                newest[names] = release
        for names, release in newest.items():
            name = names.kernel if prefix == "vmlinuz-" else names.image
            size = folder.size(prefix + release)
            written.append(_Written(name, max(0, size - size_of(context.boot.files, name)), size // _MARGIN))
    return written


def _debian(context: Context, _root: Folder, folder: BootFolder) -> List[_Written]:
    """Kernel and image keep their names, so that those of a new kernel come beside the old ones."""
    written: List[_Written] = []
    for prefix, releases in (("vmlinuz-", folder.kernels()), ("initrd.img-", folder.images())):
        if releases:
            name = prefix + max(releases, key=sort_key)
            size = folder.size(name)
            written.append(_Written(name, max(0, size - size_of(context.boot.files, name)), size))
    return written


def _flash_kernel(context: Context, root: Folder, folder: BootFolder) -> List[_Written]:
    """The live file becomes X.bak, over an X.bak from before, and the new one is written."""
    written: List[_Written] = []
    bak = ".bak" if updates.keeps_dot_bak(root) else ""
    for name, releases in (("vmlinuz", folder.kernels()), ("initrd.img", folder.images())):
        if releases and context.boot.exists(name):
            size = folder.size("{}-{}".format(name, max(releases, key=sort_key)))
            written.append(_Written(name, max(0, size - size_of(context.boot.files, name + bak)), size // _MARGIN))
    return written


_WRITERS: Dict[str, _Writer] = {"raspberrypi": _raspberry_pi, "debian": _debian, "flash-kernel": _flash_kernel}


def _span(context: Context, name: str) -> Span:
    return Span(context.boot.files.label(name))


# Files that an update makes while it runs, and removes when it ends well.
_LEFTOVERS: Tuple[Tuple[str, str], ...] = (
    (r".+\.dpkg-bak\Z", "left over from an update-initramfs that did not end well"),
    (r"initrd\.img-.+\.new\Z", "left over from an update-initramfs that was interrupted"),
    (r".+\.dpkg-(?:new|tmp)\Z", "left over from a package that was not unpacked to its end"),
)
# What backups are made of that take room; those of text files do not.
_LARGE = re.compile(
    r"(?:initrd|initramfs|vmlinuz|kernel|uInitrd|z?Image|start|fixup|bcm2\d).*\.bak\Z|.+\.(?:dtb|img|elf)\.bak\Z"
)
_MOST_RELATED = 20


def stray_backup(context: Context, _params: Params) -> Iterator[Hit]:
    """Files that updates have left behind, on the boot partition and in /boot of the root file system."""
    boot = context.boot
    if not boot.single:
        yield from _strays(boot.files, "", "the boot partition", _keeper(context))
    folder = boot_folder(context) if boot.root is not None else None
    if boot.root is not None and folder is not None and not folder.is_partition:
        yield from _strays(boot.root, "boot/", "the root file system", None)


def _keeper(context: Context) -> "Optional[re.Pattern[str]]":
    """The names of backups that something on this system makes, and makes use of; None where it is not known."""
    root, found = context.boot.root, root_facts(context)
    if root is None or found is None:
        return None
    if updates.keeps_dot_bak(root) and (root.exists(updates.FLASH_KERNEL) or root.exists("usr/sbin/flash-kernel")):
        return re.compile(r".")
    kept = found.update_settings.value("backup_initramfs", DEFAULTS["backup_initramfs"]) != "no"
    return re.compile(r"initrd\.img-.+\.bak\Z" if kept else r"(?!)")


def _strays(folder: Folder, prefix: str, where: str, keeper: "Optional[re.Pattern[str]]") -> Iterator[Hit]:
    found: Dict[str, List[Tuple[int, str]]] = {}
    for name in folder.names(prefix.rstrip("/")):
        reason = next((said for pattern, said in _LEFTOVERS if re.match(pattern, name)), None)
        if reason is None and keeper is not None and _LARGE.match(name) and not keeper.match(name):
            reason = "a backup that nothing here makes or uses"
        status = folder.status(prefix + name) if reason is not None else None
        if reason is not None and status is not None and status.is_file:
            found.setdefault(reason, []).append((status.size, name))
    for reason, files in found.items():
        size, name = max(files)
        taken = said_size(sum(each for each, _name in files))
        shown = shortened(printable(name), 80)
        more = " with {} more".format(len(files) - 1) if len(files) > 1 else ""
        message = "{} is {}, and takes{} {} on {}".format(shown, reason, more, taken, where)
        others = sorted(other for other in files if other[1] != name)[:_MOST_RELATED]
        related = tuple(
            Related(Span(folder.label(prefix + each)), "{} as well".format(said_size(count))) for count, each in others
        )
        yield Hit(None, Span(folder.label(prefix + name)), message, related=related, severity="hygiene", boardless=True)
