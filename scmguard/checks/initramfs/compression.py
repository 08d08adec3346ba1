"""The compression of initramfs images: who makes it, and which kernel can undo it.

Sources: initramfs-tools 0.142 and 0.148.4, ``mkinitramfs`` (COMPRESS; its PATH; CONFIG_RD_*), tried out on Debian 12:
without the program or the kernel's option it warns and takes gzip, without COMPRESS it stops. Linux, ``usr/Kconfig``
(RD_*), ``lib/decompress.c`` (magic numbers; of lz4 only the legacy format) and ``init/initramfs.c``.
"""

import re
from typing import Iterator, List, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.bootfolder import boot_folder
from scmguard.checks.initramfs.common import builder_facts, is_encrypted
from scmguard.checks.initramfs.images import contents_of, kernel_releases, with_content
from scmguard.checks.kernelargs import roots
from scmguard.effective.worlds import FALSE
from scmguard.finding import Related
from scmguard.folder import Content, Folder, Lacking
from scmguard.initramfs.conf import MAIN
from scmguard.initramfs.facts import RootFacts
from scmguard.initrd.model import Segment
from scmguard.initrd.reader import read
from scmguard.initrd.source import Source
from scmguard.parse.cmdline_txt import needs_initramfs
from scmguard.rootfs.kernels import config_path
from scmguard.rootfs.shell_settings import Setting
from scmguard.text import Span, printable, shortened

# Where mkinitramfs looks for programs.
_PATH = ("usr/bin", "sbin", "bin")
# The kernel's option for each compression: by the names of COMPRESS, and by those of what is in an image.
_OPTIONS = {
    "gzip": "GZIP", "bzip2": "BZIP2", "lzma": "LZMA", "xz": "XZ", "lzop": "LZO", "lzo": "LZO", "lz4": "LZ4",
    "zstd": "ZSTD",
}  # fmt: skip
# Kernels' configurations have some 300 kilobytes.
_LARGEST = 4 << 20


def compressor_unsupported(context: Context, _params: Params) -> Iterator[Hit]:
    """A compression that cannot be made here, or that the kernel cannot undo."""
    found = builder_facts(context)
    if found is None:
        return
    severity = None if is_encrypted(context) else "degraded"
    yield from _builds(context, found, severity)
    for names, when in context.images.items():
        compression = with_content(context.boot.files, names, _compression)
        if compression is None:
            continue
        path = context.boot.files.label(names[0])
        if severity is not None and any(needs_initramfs(root.value) for root in roots(context)):
            severity = None
        if compression == "lz4-frame":
            message = "{} is packed in lz4's frame format, and the kernel takes the legacy one only (lz4 -l makes it)"
            yield Hit(None, Span(path), message.format(path), when, severity=severity)
            continue
        for release, config in _unable(context, found, names, compression):
            message = "{} is packed with {}, which the kernel {} cannot unpack".format(
                path, compression, printable(release)
            )
            related = (Related(Span(config), "no CONFIG_RD_{}=y here".format(_OPTIONS.get(compression, "?"))),)
            yield Hit(None, Span(path), message, when, related, severity)


def _builds(context: Context, found: RootFacts, severity: Optional[str]) -> Iterator[Hit]:
    """What becomes of the compression that mkinitramfs is told to use."""
    setting = found.settings.find("COMPRESS")
    if setting is None:
        if MAIN in found.settings.files:
            message = "nothing sets COMPRESS: mkinitramfs stops there, and no image is made"
            yield Hit(None, Span(found.root.label(MAIN)), message, severity=severity, boardless=True)
        return
    if setting.value is None:
        return
    name = setting.value
    shown = shortened(printable(name), 40)
    if not name:
        yield _hit(setting, "COMPRESS is empty: mkinitramfs takes gzip instead", "hygiene")
        name = "gzip"
    elif _lacks_program(found.root, name):
        message = "there is no program {} in /usr/bin, /sbin or /bin: mkinitramfs takes gzip instead".format(shown)
        yield _hit(setting, message, "hygiene")
        name = "gzip"
    for release, path, text in _configurations(context, found):
        if _has(text, name):
            continue
        related = (Related(Span(path), "no CONFIG_RD_{}=y here".format(_OPTIONS.get(name, "?"))),)
        if not _has(text, "gzip"):
            message = "the kernel {} takes neither {} nor gzip: no image can be made for it"
            yield _hit(setting, message.format(printable(release), shown or name), severity, related)
        else:
            message = "the kernel {} does not take {}: mkinitramfs takes gzip instead"
            yield _hit(setting, message.format(printable(release), shown or name), "hygiene", related)


def _hit(setting: Setting, message: str, severity: Optional[str], related: Tuple[Related, ...] = ()) -> Hit:
    place = setting.place
    return Hit(place.source, place.span, message, related=related, severity=severity, boardless=True)


def _lacks_program(root: Folder, name: str) -> bool:
    """Whether there is no such program where mkinitramfs looks. A root without any programs says nothing."""
    if not any(root.names(folder) for folder in _PATH):
        return False
    if "/" in name or not name.isprintable():
        return not root.exists(name) if name.startswith("/") else True
    statuses = [root.status("{}/{}".format(folder, name)) for folder in _PATH]
    return not any(status is not None and status.is_executable for status in statuses)


def _has(text: str, compression: str) -> bool:
    option = _OPTIONS.get(compression)
    return option is not None and re.search("^CONFIG_RD_{}=y".format(option), text, re.MULTILINE) is not None


def _configurations(context: Context, found: RootFacts) -> Iterator[Tuple[str, str, str]]:
    """The kernels that images are made for: release, path and text of the configuration, where it is there."""
    folder = boot_folder(context)
    for release in sorted({*folder.kernels(), *folder.images()}):
        text = _configuration(context, found.root, release)
        if text is not None:
            yield (release, *text)


def _configuration(context: Context, root: Folder, release: str) -> Optional[Tuple[str, str]]:
    """Path and text of a kernel's configuration, on the root file system or on the boot partition."""
    name = config_path(root, release)
    for folder, path in ((root, name), (context.boot.files, "config-" + release)):
        status = folder.status(path) if path is not None else None
        if path is not None and status is not None and status.is_file and status.size <= _LARGEST:
            source = folder.source(path)
            return None if source is None else (folder.label(path), source.text)
    return None


def _compression(content: Content) -> Optional[str]:
    """How the first packed archive of an image is packed; None where none is. What follows it is not read."""
    events = read(Source(content.pread, content.size))
    try:
        for event in events:
            if isinstance(event, Segment) and event.compression != "none":
                return event.compression
    finally:
        events.close()
    return None


def _unable(context: Context, found: RootFacts, names: Tuple[str, ...], compression: str) -> Iterator[Tuple[str, str]]:
    """The kernels that an image is for and that cannot unpack it, each with the file that says so."""
    unable: List[Tuple[str, str]] = []
    for release in found.releases:
        text = _configuration(context, found.root, release.name)
        if text is not None and not _has(text[1], compression):
            unable.append((release.name, text[0]))
    if not unable:
        return
    loaded: Tuple[Optional[str], ...]
    try:
        loaded = contents_of(context.boot, context.boot.files, names).releases
    except Lacking:
        loaded = ()
    if not loaded:
        loaded = tuple(release for _name, when, release in kernel_releases(context) if when != FALSE)
    yield from (pair for pair in unable if pair[0] in loaded)
