"""Room on the boot partition for what a transaction writes there.

Sources: dpkg (unpacks all files of a package beside the old ones, and renames them then; tried out);
RPi-Distro/firmware 100c81b, z50-raspi-firmware, and Debian's raspi-firmware (kernel, image and device trees are copied
over the live files with ``cp``, which cuts off what does not fit); flash-kernel 3.107 (the old file is kept as X.bak);
update-initramfs (an image for the new kernel, about as large as that of the old one).
"""

from typing import Dict, Iterator, List, NamedTuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.bootfolder import BootFolder, boot_folder, said_size, size_of
from scmguard.checks.packages.attended import place
from scmguard.finding import Related
from scmguard.folder import Folder
from scmguard.initramfs import updates
from scmguard.packages.ahead import Ahead
from scmguard.packages.lay import Pending
from scmguard.rootfs.kernels import flavour
from scmguard.text import Span, printable

_FIRMWARE = ("usr/lib/raspi-firmware/", "usr/lib/firmware/raspberrypi/")
# Images grow from one release to the next.
_MARGIN = 10


class _Write(NamedTuple):
    """A file on the boot partition: the room that it takes on top of what is there, and who writes it."""

    name: str
    more: int
    package: str


def transaction_without_room(context: Context, _params: Params) -> Iterator[Hit]:
    """What the transaction writes on the boot partition must fit."""
    pending, root, space = context.pending, context.boot.root, context.boot.files.space()
    if pending is None or root is None or space is None:
        return
    folder = boot_folder(context)
    needed, writes = _unpacked(context, pending, folder)
    copied = [*_copied(context, pending), *_images(context, pending, root, folder)]
    needed = max(needed, sum(write.more for write in writes)) + sum(write.more for write in copied)
    if needed <= space.free:
        return
    writes = sorted([*writes, *copied], key=lambda write: -write.more)
    message = "the packages write {} on the boot partition, and {} are free: what does not fit is cut off or missing"
    related = tuple(
        Related(
            Span(context.boot.files.label(write.name)),
            "{} more by {}".format(said_size(write.more), printable(write.package)),
        )
        for write in writes[:10]
        if write.more > 0
    )
    yield Hit(
        None, place(pending), message.format(said_size(needed), said_size(space.free)), related=related, boardless=True
    )


def _before(folder: Folder) -> Folder:
    """The folder as it is now."""
    return folder.behind if isinstance(folder, Ahead) else folder


def _unpacked(context: Context, pending: Pending, folder: BootFolder) -> "tuple[int, List[_Write]]":
    """The room that dpkg takes while it unpacks a package there, the largest of them, and what is more afterwards."""
    prefix = "boot/" if folder.is_partition else "boot/firmware/"
    now, peak, writes = _before(context.boot.files), 0, []
    for package, paths in pending.outlook.brings.items():
        names = [path[len(prefix) :] for path in paths if path.startswith(prefix)]
        sizes = {name: size_of(context.boot.files, name) for name in names}
        peak = max(peak, sum(sizes.values()))
        writes += [_Write(name, size - size_of(now, name), package) for name, size in sizes.items()]
    return peak, writes


def _copied(context: Context, pending: Pending) -> Iterator[_Write]:
    """Firmware and device trees, which the packages' own scripts copy there."""
    now, members = _before(context.boot.files), pending.outlook.members
    for package, paths in pending.outlook.brings.items():
        for path in paths:
            name = _copied_name(path)
            if name and path in members:
                yield _Write(name, members[path].size - size_of(now, name), package)


def _copied_name(path: str) -> str:
    for prefix in _FIRMWARE:
        if path.startswith(prefix):
            return path[len(prefix) :]
    if path.startswith("usr/lib/linux-image-") and path.endswith((".dtb", ".dtbo")):
        folder, _, name = path.rpartition("/")
        if folder.endswith("/overlays"):
            return "overlays/" + name
        return name if folder.endswith("/broadcom") else ""
    return ""


def _images(context: Context, pending: Pending, root: Folder, folder: BootFolder) -> Iterator[_Write]:
    """Kernels, and the images that are made for them."""
    who = updates.copier(root)
    now = _before(context.boot.files)
    largest: Dict[str, int] = {}
    for release in folder.images():
        kind = flavour(release)
        largest[kind] = max(largest.get(kind, 0), folder.size("initrd.img-" + release))
    for package, paths in pending.outlook.brings.items():
        for path in paths:
            if not path.startswith("boot/vmlinuz-"):
                continue
            release = path[len("boot/vmlinuz-") :]
            kernel = folder.size("vmlinuz-" + release)
            image = largest.get(flavour(release), max(largest.values(), default=0))
            image += image // _MARGIN
            known = folder.size("initrd.img-" + release)
            if folder.is_partition:
                yield _Write("initrd.img-" + release, image if not known else image + known, package)
            if who == "debian":
                yield _Write("vmlinuz-" + release, kernel - size_of(now, "vmlinuz-" + release), package)
                yield _Write("initrd.img-" + release, image - size_of(now, "initrd.img-" + release), package)
            elif who == "flash-kernel":
                yield _Write("vmlinuz.bak", kernel - size_of(now, "vmlinuz.bak"), package)
                yield _Write("initrd.img.bak", image - size_of(now, "initrd.img.bak"), package)
            elif who == "raspberrypi":
                names = updates.copied_names(release)
                if names is not None:
                    yield _Write(names.kernel, kernel - size_of(now, names.kernel), package)
                    yield _Write(names.image, image - size_of(now, names.image), package)
