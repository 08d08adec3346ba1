"""Whether kernel, modules and initramfs image belong together, and the image can reach and mount the root.

Sources: modprobe(8): a kernel loads modules of its own release alone; initramfs-tools 0.142, ``mkinitramfs`` (the image
has a folder for the release that it was built for, with the list of what is built in) and ``scripts/local``.
"""

import re
from typing import Iterator, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import is_encrypted, root_facts
from scmguard.checks.initramfs.images import Image, Present, each_image, kernel_releases, present_modules
from scmguard.checks.initramfs.rootneeds import Need, needs
from scmguard.effective.worlds import FALSE, Condition
from scmguard.finding import Related
from scmguard.text import Span

Kernel = Tuple[str, Condition, Optional[str]]


def _pairs(context: Context, image: Image) -> Iterator[Tuple[str, str, Condition]]:
    """The kernels that are loaded with an image: name, release, and the worlds in which both are."""
    for name, when, release in kernel_releases(context):
        both = context.config.worlds.both(image.when, when)
        if release is not None and both != FALSE:
            yield name, release, both


def initrd_other_kernel(context: Context, _params: Params) -> Iterator[Hit]:
    """Images with the modules of another kernel than the one that is loaded with them."""
    severity = None if is_encrypted(context) else "degraded"

    def judge(image: Image) -> Iterator[Hit]:
        inside = image.contents.releases
        for name, release, when in _pairs(context, image):
            if inside and release not in inside:
                message = "{} is for the kernel {}, and {} is {}".format(
                    image.path, " and ".join(inside[:3]), name, release
                )
                related = (Related(Span(context.boot.files.label(name)), "this kernel is loaded with it"),)
                yield Hit(None, image.span, message, when, related, severity)

    yield from each_image(context, judge)


def kernel_without_modules(context: Context, _params: Params) -> Iterator[Hit]:
    """A kernel that the root file system has no modules for, though it has some for others."""
    found = root_facts(context)
    if found is None or not found.releases:
        return
    names = [release.name for release in found.releases]
    for name, when, release in kernel_releases(context):
        if release is not None and release not in names:
            message = "{} is {}, and the root file system has modules for {} alone"
            listed = ", ".join(sorted(names)[-3:])
            path = context.boot.files.label(name)
            yield Hit(None, Span(path), message.format(name, release, listed), when)


def initrd_without_modules(context: Context, _params: Params) -> Iterator[Hit]:
    """Images of initramfs-tools without a single module, where the kernel has modules."""
    found = root_facts(context)

    def judge(image: Image) -> Iterator[Hit]:
        contents = image.contents
        if not image.is_initramfs_tools or contents.modules:
            return
        releases = contents.releases
        if found is not None and releases:
            installed = [each for each in found.releases if each.name in releases]
            if installed and not any(found.modules(each).depends for each in installed):
                return  # a kernel that has everything built in
        encrypted = is_encrypted(context)
        if not encrypted and _asks_for_none(contents.text("conf/initramfs.conf") or b""):
            return
        message = "{} has no modules for {}".format(image.path, " and ".join(releases) or "any kernel")
        yield Hit(None, image.span, message, image.when, (), None if encrypted else "degraded")

    yield from each_image(context, judge)


def _asks_for_none(conf: bytes) -> bool:
    """Whether the image's own copy of the configuration says that only listed modules are wanted."""
    return re.search(rb"^MODULES=[\"']?list\b", conf, re.MULTILINE) is not None


def initrd_without_storage(context: Context, _params: Params) -> Iterator[Hit]:
    """Images of initramfs-tools without a driver that the root file system takes."""
    taken = needs(context)

    def judge(image: Image) -> Iterator[Hit]:
        if not image.is_initramfs_tools or not image.contents.modules:
            return
        for _name, release, when in _pairs(context, image):
            if release not in image.contents.releases:
                continue
            present = present_modules(context, image.contents, release)
            for need, worlds in taken.items():
                both = context.config.worlds.both(when, worlds)
                if both != FALSE and _lacks(present, need):
                    message = "{} lacks {}, and without that {}".format(image.path, " or ".join(need.names), need.what)
                    yield Hit(None, image.span, message, both)

    yield from each_image(context, judge)


def _lacks(present: Present, need: Need) -> bool:
    """Whether none of the modules that would do is there, and the kernel has one."""
    # dm_mod and dm_crypt are of initrd-without-crypto.
    if any(name in present or name.startswith("dm_") for name in need.names):
        return False
    # Of several names some may be another kernel's; what this one has tells its modules.dep.
    if len(need.names) > 1 and not present.installed_known:
        return False
    return any(present.is_missed(name) for name in need.names)
