"""Whether the initramfs is made anew when it has to be: what is switched off, passed over, or cannot be built.

Sources: initramfs-tools 0.142 and 0.148.4, ``update-initramfs`` and its kernel hook, tried out on Debian 12;
RPi-Distro/firmware 100c81b, ``debian/initramfs/post-update.d/z50-raspi-firmware``, and its branch for Bullseye,
``debian/raspberrypi-kernel.postinst`` (INITRD); RPi-Distro/firmware#1, #4.
"""

from typing import Dict, Iterator, List, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.bootfolder import BootFolder, boot_folder
from scmguard.checks.initramfs.common import builder_facts, is_encrypted
from scmguard.checks.initramfs.images import kernel_releases, release_of
from scmguard.checks.kernelargs import loader_worlds, with_initramfs
from scmguard.effective.worlds import FALSE, Condition
from scmguard.finding import Related
from scmguard.folder import Folder
from scmguard.initramfs import updates
from scmguard.initramfs.conf import UPDATES
from scmguard.initramfs.facts import RootFacts
from scmguard.rootfs import dpkg
from scmguard.rootfs.kernels import flavour, sort_key
from scmguard.rootfs.shell_settings import Setting, read_settings
from scmguard.text import Source, Span, printable, shortened

_KERNEL_HOOK = "etc/kernel/postinst.d/initramfs-tools"
_BULLSEYE_DEFAULTS = "etc/default/raspberrypi-kernel"
_BULLSEYE_PACKAGE = "raspberrypi-kernel"


def initramfs_updates_off(context: Context, _params: Params) -> Iterator[Hit]:
    """Settings that keep the image from being made or copied, where the unit boots with one."""
    found = builder_facts(context)
    if found is None:
        return
    worlds = context.config.worlds
    when = worlds.either(with_initramfs(context), loader_worlds(context))
    if when == FALSE:
        return
    severity = None if is_encrypted(context) else "degraded"
    setting = found.update_settings.find("update_initramfs")
    if setting is not None and setting.value == "no":
        message = "with update_initramfs=no, update-initramfs -u leaves the image as it is, and reports a success"
        yield _at(setting, message, when, "degraded")
    yield from _copying_off(context, found.root, severity)
    yield from _hook_off(found.root, when, severity)


def _at(setting: Setting, message: str, when: Condition, severity: Optional[str]) -> Hit:
    return Hit(setting.place.source, setting.place.span, message, when, severity=severity)


def _copying_off(context: Context, root: Folder, severity: Optional[str]) -> Iterator[Hit]:
    """INITRAMFS of raspi-firmware: what it does not copy stays as old as it is, while the kernel is replaced."""
    if updates.copier(root) != "raspberrypi":
        return
    settings = updates.raspi_firmware_settings(root)
    setting = settings.find("INITRAMFS")
    if setting is None or setting.value in (None, "auto", ""):
        return
    names = {each.image for each in updates.COPIES.values()}
    when = context.files.initramfs.where(lambda choice: bool(names.intersection(choice.names)))
    if when == FALSE:
        return
    if settings.value("KERNEL", "auto") == "auto":
        message = "with INITRAMFS={} raspi-firmware copies new kernels to the boot partition, but no image for them"
    else:
        message, severity = "with INITRAMFS={} raspi-firmware copies no new image to the boot partition", "degraded"
    yield _at(setting, message.format(shortened(printable(setting.value or ""), 40)), when, severity)


def _hook_off(root: Folder, when: Condition, severity: Optional[str]) -> Iterator[Hit]:
    """INITRD of the kernel packages up to Bullseye: without ``INITRD=Yes`` their hook makes no image."""
    if not root.exists(_BULLSEYE_DEFAULTS) or updates.copier(root) or not _has_package(root):
        return
    if "INITRD" not in (updates.text_of(root, _KERNEL_HOOK) or ""):
        return
    setting = read_settings(root, [_BULLSEYE_DEFAULTS]).find("INITRD")
    if setting is not None and setting.value not in ("No", ""):
        return
    source = root.source(_BULLSEYE_DEFAULTS)
    span = Span(root.label(_BULLSEYE_DEFAULTS)) if setting is None else setting.place.span
    says = "nothing here says INITRD=Yes" if setting is None else "INITRD is not Yes"
    message = "{}: the kernel's hook makes no image for new kernels, and the old one has none of their modules"
    yield Hit(source, span, message.format(says), when, severity=severity)


def _has_package(root: Folder) -> bool:
    """Whether the kernel's package is the one that reads those defaults; where dpkg's list is not there, it may be."""
    found = dpkg.package(root, _BULLSEYE_PACKAGE)
    return not root.exists(dpkg.STATUS) if found is None else found.is_present


def stale_flavour(context: Context, _params: Params) -> Iterator[Hit]:
    """Flavours of the kernel whose image a plain ``update-initramfs -u`` passes over."""
    found = builder_facts(context)
    if found is None or found.update_settings.value("update_initramfs", "yes") in (None, "all", "no"):
        return
    folder = boot_folder(context)
    images = folder.images()
    newest = _newest_of_flavours(images)
    if len(newest) < 2:
        return
    known = updates.takes_every_flavour(found.root)
    fresh = updates.refreshed(folder.kernels(), images, bool(known))
    passed = [release for release in newest.values() if release not in fresh]
    if not fresh or not passed:
        return
    setting = found.update_settings.find("update_initramfs")
    source: Optional[Source] = None if setting is None else setting.place.source
    span = Span(found.root.label(UPDATES)) if setting is None else setting.place.span
    related = tuple(
        Related(Span(folder.label("initrd.img-" + release)), "this one stays as it is") for release in passed
    )
    for own, when in _own_releases(context, newest):
        if own in passed:
            message = "update-initramfs -u makes the image of {} anew, and not that of {}, which this board boots with"
            severity = "hygiene" if known is None else None
            message = message.format(_list(fresh), _list([own]))
        else:
            message = "update-initramfs -u makes the image of {} anew, and not that of {}"
            severity = "hygiene"
            message = message.format(_list(fresh), _list(passed))
        yield Hit(source, span, message, when, related, severity)


def _list(releases: List[str]) -> str:
    return shortened(printable(" and ".join(releases)), 100)


def _newest_of_flavours(releases: List[str]) -> Dict[str, str]:
    newest: Dict[str, str] = {}
    for release in sorted(releases, key=sort_key):
        newest[flavour(release)] = release
    return newest


def _own_releases(context: Context, newest: Dict[str, str]) -> Iterator[Tuple[Optional[str], Condition]]:
    """The release that the board boots with, by the name of the kernel's file or by what is in it; None: not known."""
    boot, worlds = context.boot, context.config.worlds
    by_name = {
        names.kernel: release
        for release, names in ((release, updates.copied_names(release)) for release in newest.values())
        if names is not None
    }
    found: Dict[Optional[str], Condition] = {}
    for when, choice in context.files.kernel:
        present = [name for name in choice.names if not boot.has_binaries or boot.exists(name)]
        own: Optional[str] = None
        if present:
            own = by_name.get(present[0].rpartition("/")[2])
            if own is None and boot.exists(present[0]) and not boot.single:
                own = release_of(boot, boot.files, present[0])
        found[own] = worlds.either(found.get(own, FALSE), when)
    yield from found.items()


def kernel_config_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """Kernels that images are made for and whose configuration mkinitramfs asks in vain."""
    found = builder_facts(context)
    needed = updates.needs_configuration(found.root) if found is not None else False
    if found is None or needed is False:
        return
    folder = boot_folder(context)
    encrypted = is_encrypted(context)
    kernels, images = folder.kernels(), folder.images()
    lacking = [each.name for each in found.releases if not _has_configuration(found, folder, each.name, needed)]
    wanted = encrypted or with_initramfs(context) != FALSE
    others: List[str] = []
    for release in lacking:
        has_image = release in images or (release in kernels and _is_copied(context, release))
        if has_image or (release in kernels and wanted):
            yield _without_configuration(folder, release, has_image, needed, encrypted)
        elif release not in kernels:
            others.append(release)
    # Kernels that lie on the boot partition alone, and are booted with an image.
    if others and context.images:
        booted = {release for _name, when, release in kernel_releases(context) if when != FALSE}
        for release in others:
            if release in booted:
                yield _without_configuration(folder, release, True, needed, encrypted)


def _has_configuration(found: RootFacts, folder: BootFolder, release: str, needed: Optional[bool]) -> bool:
    """Whether mkinitramfs finds the configuration; where its version is not known, any place will do."""
    if folder.exists("config-" + release):
        return True
    return needed is None and found.root.exists("lib/modules/{0}/config-{0}".format(release))


def _is_copied(context: Context, release: str) -> bool:
    names = updates.copied_names(release)
    return names is not None and context.boot.exists(names.image)


def _without_configuration(
    folder: BootFolder, release: str, has_image: bool, needed: Optional[bool], encrypted: bool
) -> Hit:
    name = "config-" + release
    severity = None if encrypted and not has_image else "degraded"
    if needed is None:
        message = (
            "{} is not there: mkinitramfs of initramfs-tools 0.141 and 0.142 makes no image for a kernel without it"
        )
        severity = "hygiene"
    elif has_image:
        message = "{} is not there: mkinitramfs stops without it, and the kernel's image cannot be made anew"
    else:
        message = "{} is not there: mkinitramfs stops without it, and this kernel has no image yet"
    return Hit(None, Span(folder.label(name)), message.format(printable(name)), severity=severity, boardless=True)
