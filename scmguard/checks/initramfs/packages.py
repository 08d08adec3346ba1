"""What dpkg says of the packages that booting depends on: changed files, and installations that did not come to an end.

Sources: dpkg(1), "Information about packages"; deb-triggers(5); dpkg-divert(1); initramfs-tools 0.142 (the trigger
``update-initramfs``) and the postinst of linux-image, tried out on Debian 12: an update-initramfs that fails leaves
initramfs-tools half-configured, and a kernel unpacked or half-configured, whose other steps then have not been run.
"""

import hashlib
import re
from typing import Iterator, List, NamedTuple, Optional

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts, is_encrypted, root_facts
from scmguard.checks.initramfs.hookfiles import named
from scmguard.finding import Related
from scmguard.folder import Folder
from scmguard.rootfs import dpkg
from scmguard.rootfs.dpkg import Package
from scmguard.text import Source, Span

# Scripts are short; of what is larger than this no sum is made.
_LARGEST = 16 << 20

# Packages whose setup makes what the unit boots with, or brings it to the boot partition; and what that is in words.
_MAKING = (
    (r"initramfs-tools|cryptsetup-initramfs", ", which makes the initramfs anew,"),
    (r"linux-(?:image|modules)-(?:unsigned-|extra-)?\d.*", ", which makes its initramfs and brings both into place,"),
    (r"raspberrypi-(?:kernel|bootloader)|raspi-firmware|linux-firmware-raspi\d?|flash-kernel|u-boot-rpi", ""),
)
# Those whose files get into the image, or that have another part in booting.
_PARTS = re.compile(
    r"initramfs-tools-|linux-(?:image|modules|base\Z)|cryptsetup|libcryptsetup|busybox|klibc-utils\Z|libklibc|kmod\Z|libkmod"
    r"|udev\Z|libudev|dmsetup\Z|libdevmapper|lvm2\Z|rpi-eeprom|u-boot|zkifc|zkbootrtc|libzk|libzymkey|zkapputils|zkpkcs11"
    r"|zksaapps|zku\Z|zymbit"
)
# From the worst on; the first is the rule's own where the root is encrypted.
_ORDER = ("no-boot", "degraded", "hygiene")
_TRIGGERS = "var/lib/dpkg/triggers/Unincorp"


def packaged_hook_edited(context: Context, _params: Params) -> Iterator[Hit]:
    """Files of packages that make the initramfs, or get into it, and are no longer as the package brought them.

    Raises Unreadable.
    """
    found = builder_facts(context)
    if found is None:
        return
    moved = dpkg.diversions(found.root) if found.packaged else {}
    for path, (package, checksum) in sorted(found.packaged.items()):
        if path not in moved and _is_other(found.root, path, checksum):
            label = found.root.label(path)
            message = "this file is not as {} brought it: the next upgrade of the package undoes the change"
            yield Hit(Source(label, b""), Span(label), message.format(named(package)), boardless=True)


def _is_other(root: Folder, path: str, checksum: str) -> bool:
    status = root.status(path)
    if status is None or not status.is_file or status.size > _LARGEST:
        return False
    data = root.read(path)
    return data is not None and hashlib.md5(data, usedforsecurity=False).hexdigest() != checksum


class _Unfinished(NamedTuple):
    """Something that dpkg has not come to the end of: where it says so, what it is, and how bad."""

    span: Span
    message: str
    severity: str


def half_configured_package(context: Context, _params: Params) -> Iterator[Hit]:
    """Packages that have a part in booting, and whose installation did not come to its end. Raises Unreadable."""
    found = root_facts(context)
    if found is None:
        return
    known = [one for package in dpkg.unfinished(found.root) for one in _judged(package)]
    known += _put_off(found.root)
    if not known:
        return
    known.sort(key=lambda one: _ORDER.index(one.severity))
    first = known[0]
    related = tuple(Related(one.span, one.message) for one in known[1:])
    severity: Optional[str] = first.severity
    if severity == "no-boot":
        severity = None if is_encrypted(context) else "degraded"
    source = Source(first.span.path, b"")
    yield Hit(source, first.span, first.message, related=related, severity=severity, boardless=True)


def _judged(package: Package) -> Iterator[_Unfinished]:
    name, state = package.name, package.state
    makes = next((words for form, words in _MAKING if re.fullmatch(form, name)), None)
    if not package.is_present or (makes is None and not _PARTS.match(name)):
        return
    setup = "its setup{}".format(makes or "")
    severity = "degraded" if makes is None else "no-boot"
    if package.error != "ok":
        what, severity = "marked as broken, and has to be installed again", "no-boot"
    elif state == "half-installed":
        what, severity = "half-installed: dpkg was stopped while it wrote or removed its files", "no-boot"
    elif state == "unpacked":
        what = "unpacked: {} has not run".format(setup)
    elif state == "half-configured":
        what = "half-configured: {} did not come to its end".format(setup)
    elif state == "triggers-pending":
        what = "not done: {} has still to run once more".format(setup)
        severity = "degraded" if name == "initramfs-tools" else "hygiene"
    else:
        what, severity = "in the state {}: other packages have still to do something for it".format(state), "hygiene"
    if package.want in ("deinstall", "purge") and severity == "no-boot":
        severity = "degraded"
    yield _Unfinished(package.span, "{} is {}".format(named(name), what), severity)


def _put_off(root: Folder) -> List[_Unfinished]:
    """The making of an initramfs that was asked for, and that dpkg has not come to yet."""
    source = root.source(_TRIGGERS)
    message = "the initramfs is to be made anew, which was put off and has not been done"
    lines = source.lines if source is not None else []
    return [
        _Unfinished(source.span(line.number), message, "degraded")
        for line in lines
        if source is not None and line.text.split()[:1] == ["update-initramfs"]
    ][:1]
