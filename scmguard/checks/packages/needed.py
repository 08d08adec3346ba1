"""Packages that a unit cannot boot without, about to be removed.

Sources: Zymbit documentation (zkifc and its libraries release the key of the root); cryptsetup-initramfs (without it
the next image opens no encrypted root); modprobe(8).
"""

from typing import Iterator, Set

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import is_encrypted
from scmguard.checks.initramfs.images import kernel_releases
from scmguard.checks.packages.attended import place, said
from scmguard.finding import Related
from scmguard.packages.lay import Pending
from scmguard.packages.transaction import REMOVE, UNPACKS, Change
from scmguard.text import Span

_ZYMBIT = frozenset(["zkifc", "libzk", "libzymkeyssl", "zkapputilslib", "zkbootrtc"])
_CRYPT = frozenset(["cryptsetup", "cryptsetup-bin", "cryptsetup-initramfs", "cryptsetup-run"])
_INITRAMFS = frozenset(["initramfs-tools", "initramfs-tools-core", "initramfs-tools-bin"])
_MODULES = ("lib/modules/", "usr/lib/modules/")


def needed_package_removed(context: Context, _params: Params) -> Iterator[Hit]:
    """A package is removed that the next boot needs, and nothing comes in its place."""
    pending = context.pending
    if pending is None:
        return
    comes = {change.package for change in pending.transaction.changes if change.action in UNPACKS}
    for change in pending.transaction.changes:
        if change.action != REMOVE or change.package in comes:
            continue
        reason = _reason(context, change)
        if reason:
            yield Hit(None, place(pending), "{}: {}".format(said(change), reason), boardless=True)
    yield from _kernels(context, pending)


def _reason(context: Context, change: Change) -> str:
    if change.package in _ZYMBIT and context.profile.get("zymkey"):
        return "without it the security module does not release the key of the root file system"
    if change.package in _CRYPT and is_encrypted(context):
        return "the next initramfs could not open the encrypted root file system"
    if change.package in _INITRAMFS and context.profile.get("initramfs") == "initramfs-tools":
        return "no initramfs could be made any more"
    return ""


def _kernels(context: Context, pending: Pending) -> Iterator[Hit]:
    """The modules of the kernel that runs, or is to be loaded next, are taken away."""
    releases: Set[str] = {release for _, _, release in kernel_releases(context) if release is not None}
    device = context.device
    running = device.kernel.value if device is not None else None
    root = context.boot.root
    for change in pending.transaction.changes if root is not None else ():
        taken = {
            name
            for path in pending.outlook.takes.get(change.package, ())
            for prefix in _MODULES
            if path.startswith(prefix)
            for name in [path[len(prefix) :].partition("/")[0]]
        }
        for release in sorted(taken & (releases | {running or ""})):
            # An upgrade to another build of one release takes files away and leaves the rest.
            if root is not None and any(root.exists(prefix + release + "/kernel") for prefix in _MODULES):
                continue
            use = "the boot partition loads it" if release in releases else "it is the one that runs"
            message = "{} takes the modules of the kernel {} away, and {}".format(said(change), release, use)
            yield Hit(
                None,
                place(pending),
                message,
                related=(Related(Span("/lib/modules/" + release), "these modules would be gone"),),
                boardless=True,
            )
