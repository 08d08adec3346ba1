"""Whether an initramfs image is whole, of today, and the one that was built.

Sources: Linux, ``init/initramfs.c`` (what is unpacked before an error stays; the kernel goes on); initramfs-tools
0.142, ``mkinitramfs`` (what it copies as it is) and ``hook-functions`` (``cp -p`` keeps times); RPi-Distro/firmware,
``debian/initramfs/post-update.d/z50-raspi-firmware``: a plain ``cp`` over the image that boots.
"""

import os.path
from typing import Iterator, NamedTuple, Optional

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts
from scmguard.checks.initramfs.images import Image, each_image, with_content
from scmguard.finding import Related
from scmguard.folder import Content, Folder
from scmguard.initramfs.conf import MAIN, parts
from scmguard.initramfs.facts import RootFacts
from scmguard.initramfs.tools import PACKAGED, in_image
from scmguard.initrd.contents import Contents, read_contents
from scmguard.initrd.model import Fault, Trouble
from scmguard.text import Span, printable, shortened

_CHUNK = 1 << 20
_MOST_RELATED = 5
# Files of a root file system that are compared with those in an image are small; others by size and time.
_SMALL = 64 << 10
# File systems keep times to the second, FAT to two.
_SLACK = 2
_KLIBC = "/klibc-"


def initrd_truncated(context: Context, _params: Params) -> Iterator[Hit]:
    """Images that are cut off or damaged anywhere."""

    def judge(image: Image) -> Iterator[Hit]:
        fault = image.contents.fault
        if fault is None or (fault.trouble is Trouble.UNSUPPORTED and "U-Boot" in fault.reason):
            return
        message, severity = _damage(image, fault)
        yield Hit(None, image.span, message, image.when, tuple(_whole_original(context, image)), severity)

    yield from each_image(context, judge, damaged=True)


def _damage(image: Image, fault: Fault) -> "tuple[str, Optional[str]]":
    reason = printable(fault.reason)
    if fault.trouble is Trouble.TRUNCATED:
        return "{} is not whole: {}, at byte {}".format(image.path, reason, fault.offset), None
    if fault.segment == 0 and fault.trouble is Trouble.CORRUPT and image.contents.ended:
        # The kernel has unpacked all of the image by then, and says that it failed.
        return "{}: behind the image, at byte {}, stands {}".format(image.path, fault.offset, reason), "degraded"
    if fault.trouble is Trouble.CHECKSUM:
        return "{} is damaged: {}".format(image.path, reason), None
    return "{} is damaged: {}, at byte {}".format(image.path, reason, fault.offset), None


def _whole_original(context: Context, image: Image) -> Iterator[Related]:
    """An image on the root file system that can be copied over the damaged one: the newest of the same kernel."""
    for original in _originals(context, image.contents, any_release=True):
        if not original.contents.faults:
            yield Related(Span(original.path), "this one is whole; if it is for the same kernel, copy it")
            return


class _Original(NamedTuple):
    """An image as update-initramfs made it, on the root file system."""

    folder: Folder
    name: str
    path: str
    contents: Contents


def _originals(context: Context, contents: Contents, any_release: bool = False) -> Iterator[_Original]:
    """``/boot/initrd.img-RELEASE`` on the root file system for the kernels of an image, where it is another file."""
    root = context.boot.root
    if root is None or _is_boot_partition(context, root):
        return
    names = [name for name in root.names("boot") if name.startswith("initrd.img-")]
    for name in names:
        release = name[len("initrd.img-") :]
        if release not in contents.releases and not (any_release and not contents.releases):
            continue
        status = root.status("boot/" + name)
        if status is None or not status.is_file:
            continue
        found = with_content(root, ("boot/" + name,), read_contents)
        yield _Original(root, "boot/" + name, root.label("boot/" + name), found)


def _is_boot_partition(context: Context, root: Folder) -> bool:
    """Whether the root's /boot is the boot partition itself."""
    return os.path.normpath(context.boot.files.label("x")) == os.path.normpath(root.label("boot/x"))


def initrd_copy_differs(context: Context, _params: Params) -> Iterator[Hit]:
    """The image that boots is not the one that update-initramfs made for the same kernel."""

    def judge(image: Image) -> Iterator[Hit]:
        if len(image.names) > 1:
            return
        for original in _originals(context, image.contents):
            if original.contents.unread is not None or _equal(context, image, original):
                continue
            ours, theirs = image.contents.newest, original.contents.newest
            related = (Related(Span(original.path), "this was built for the same kernel"),)
            if ours > theirs:
                message = "{} was built after {}, which the next update of another kind may copy over it"
                yield Hit(None, image.span, message.format(image.path, original.path), image.when, related, "hygiene")
            else:
                message = "{} is not what was built last: {} is another image for the same kernel, and newer"
                if ours == theirs:
                    message = "{} is not what was built: {} is another image for the same kernel"
                yield Hit(None, image.span, message.format(image.path, original.path), image.when, related)

    yield from each_image(context, judge)


def _equal(context: Context, image: Image, original: _Original) -> bool:
    def compare(one: Content) -> bool:
        return with_content(original.folder, (original.name,), lambda other: _same_bytes(one, other))

    return with_content(context.boot.files, image.names, compare)


def _same_bytes(one: Content, other: Content) -> bool:
    if one.size != other.size:
        return False
    return all(one.pread(_CHUNK, at) == other.pread(_CHUNK, at) for at in range(0, one.size, _CHUNK))


def initrd_stale(context: Context, _params: Params) -> Iterator[Hit]:
    """Images that were made from files which have changed since."""
    found = builder_facts(context)
    if found is None:
        return

    def judge(image: Image) -> Iterator[Hit]:
        if not image.is_initramfs_tools:
            return
        changed = list(_changed(found, image.contents)) if found is not None else []
        if changed:
            first = changed[0]
            message = "{} is older than what it is made of: {}".format(image.path, first.message)
            if len(changed) > 1:
                message += ", and {} more".format(len(changed) - 1)
            yield Hit(None, image.span, message, image.when, tuple(changed[:_MOST_RELATED]))

    yield from each_image(context, judge)


def _changed(found: RootFacts, contents: Contents) -> Iterator[Related]:
    yield from _changed_settings(found.root, contents)
    yield from _changed_scripts(found, contents)
    yield from _missing_modules(found, contents)
    yield from _changed_hooks(found, contents)
    yield from _changed_programs(found.root, contents)


def _changed_settings(root: Folder, contents: Contents) -> Iterator[Related]:
    pairs = [(MAIN, "conf/initramfs.conf")]
    pairs += [(path, "conf/conf.d/" + path.rpartition("/")[2]) for path in parts(root)]
    for path, name in pairs:
        yield from _compared(root, path, contents, name)


def _changed_scripts(found: RootFacts, contents: Contents) -> Iterator[Related]:
    root = found.root
    for name in ("functions", "local", "nfs"):
        yield from _compared(root, "{}/scripts/{}".format(PACKAGED, name), contents, "scripts/" + name)
    yield from _compared(root, PACKAGED + "/init", contents, "init")
    for entry in in_image(found.boot_scripts):
        yield from _compared(root, entry.path, contents, "scripts/{}/{}".format(entry.stage, entry.name))
    for volume in found.crypttab:
        if volume.keyscript is not None and contents.find(volume.keyscript) is not None:
            yield from _compared(root, volume.keyscript, contents, volume.keyscript)


def _compared(root: Folder, path: str, contents: Contents, name: str) -> Iterator[Related]:
    """What differs between a file of the root file system and its copy in the image."""
    status = root.status(path)
    if status is None or not status.is_file or status.size > _SMALL:
        return
    data = root.read(path)
    if data is None:
        return
    inside = contents.text(name)
    place = Span(root.label(path))
    if inside is None:
        if data and contents.find(name) is None:
            yield Related(place, "{} is not in the image".format(path))
    elif inside != data:
        yield Related(place, "{} is another in the image".format(path))


def _missing_modules(found: RootFacts, contents: Contents) -> Iterator[Related]:
    """Modules that are to be loaded at boot, and that the image's list does not have."""
    listed = contents.text("conf/modules")
    inside = {line.split()[0] for line in (listed or b"").decode("utf-8", "replace").splitlines() if line.split()}
    for module in found.listed_modules:
        if module.name not in inside:
            message = "{} is listed, and the image does not load it".format(shortened(printable(module.name), 60))
            yield Related(module.span, message)


def _changed_hooks(found: RootFacts, contents: Contents) -> Iterator[Related]:
    """Hooks that were changed after the image was built. (What they bring is not known; their time is.)"""
    for entry in found.hooks:
        if entry.is_taken and entry.status is not None and entry.status.mtime > contents.newest + _SLACK:
            yield Related(
                Span(found.root.label(entry.path)), "{} was changed after the image was built".format(entry.path)
            )


def _changed_programs(root: Folder, contents: Contents) -> Iterator[Related]:
    """Programs and libraries of which the root file system has a newer one of another size, or a later one.

    klibc's and busybox's have other programs' names in the image.
    """
    for name, program in sorted(contents.programs.items()):
        member = contents.members[name]
        if member.links > 1 or _KLIBC in program.interpreter:
            continue
        status = root.status(name)
        if status is None or not status.is_file:
            continue
        newer = status.mtime > contents.newest + _SLACK
        if newer or (status.size != member.size and status.mtime > member.mtime + _SLACK):
            yield Related(Span(root.label(name)), "{} is another in the image".format(name))
