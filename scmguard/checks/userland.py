"""The root file system against what boots it: the kernel's bits, and the key of Zymbit's packages.

Sources: Raspberry Pi documentation, ``config_txt/boot.adoc`` (``arm_64bit``, ``kernel``: a known name sets the bits;
which boards can do either); Linux on Arm: a 64-bit kernel runs 32-bit programs, a 32-bit one no 64-bit programs.
Zymbit documentation, ``troubleshooting/general`` (32-bit systems; the repository's key).
"""

from typing import Iterator, List, NamedTuple, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params, hit_at, hit_file, one_hit
from scmguard.checks.kernelargs import loader_worlds
from scmguard.effective.bootfiles import Choice, kernel_bits
from scmguard.effective.config import is_on
from scmguard.effective.run import Assignment, Place
from scmguard.effective.worlds import FALSE
from scmguard.finding import Related
from scmguard.folder import Folder
from scmguard.rootfs import aptsources, architecture, zymbit
from scmguard.text import Span


class _Mode(NamedTuple):
    """The bits that the firmware starts the kernel with, why, and the line that says so (None: a default)."""

    bits: int
    says: str
    place: Optional[Place]


_Parts = Tuple[Tuple[Optional[Assignment], Optional[Assignment]], Choice]


def userland_mismatch(context: Context, _params: Params) -> Iterator[Hit]:
    """A 32-bit kernel cannot run a 64-bit root file system. The other way round it is Zymbit's installer that stops."""
    root = context.boot.root
    programs = architecture.native(root) if root is not None else None
    if root is None or programs is None:
        return
    config, worlds = context.config, context.config.worlds
    parts = config.outcome("kernel").product(config.outcome("arm_64bit")).product(context.files.kernel)
    loader = loader_worlds(context)
    related = [Related(Span(root.label(programs.path)), "the root file system is {}".format(programs.name))]
    hits: List[Hit] = []
    for condition, mode in parts.map(lambda each: _mode(context, each)):
        when = worlds.without(condition, loader)
        if mode is None or mode.bits == programs.bits or when == FALSE:
            continue
        if programs.bits == 64:
            message = "{} a 32-bit kernel, and the root file system is {}: its init cannot run"
            severity = None
        elif context.profile.get("zymkey") and not root.exists(zymbit.HOME):
            message = "{} a 64-bit kernel, and the root file system is {}: Zymbit's installer refuses that"
            severity = "hygiene"
        else:
            continue
        message = message.format(mode.says, programs.name)
        if mode.place is not None:
            hits.append(hit_at(mode.place, message, when, related, severity))
        else:
            hits.append(hit_file(config.start, message, when, related, severity))
    yield from one_hit(hits, context)


def _mode(context: Context, parts: _Parts) -> Optional[_Mode]:
    """How the kernel is started; None where that is not sure."""
    (kernel, bits), choice = parts
    board = context.config.board
    if not board.kernels_64:
        return _Mode(32, "{} can only start".format(board.name), None)
    asked = None if bits is None else 64 if is_on(bits) else 32
    if not board.kernels_32:
        return _Mode(64, "{} can only start".format(board.name), None)
    named = None if kernel is None else kernel_bits(kernel.value)
    if kernel is not None and named is not None:
        says = "kernel={} starts".format(kernel.value)
        return _Mode(named, says, kernel.place) if asked in (None, named) else None
    if asked is not None and bits is not None:
        return _Mode(asked, "arm_64bit={} starts".format(bits.value), bits.place)
    if (kernel is not None and kernel.value) or not any(context.boot.exists(each) for each in choice.names):
        # What a kernel of another name is, nobody knows; and firmware of another year may prefer the one that is there.
        return None
    return _Mode(64 if board.arm_64bit else 32, "{} starts by default".format(board.name), None)


def repository_key_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """A source of Zymbit's packages must name its key, and the key must be there."""
    root = context.boot.root
    if root is None:
        return
    for one in aptsources.repositories(root):
        if one.is_trusted or not _is_zymbit(one):
            continue
        message = _fault(root, one.signed_by)
        if message:
            yield Hit(one.file, one.span, message, boardless=True)


def _is_zymbit(one: aptsources.Repository) -> bool:
    name = one.file.path.rpartition("/")[2]
    return name.startswith("zymbit") or any("zk-sw-repo" in uri for uri in one.uris)


def _fault(root: Folder, signed_by: str) -> str:
    if not signed_by:
        return "this source of Zymbit's packages has no signed-by, so apt looks for its key among the old ones"
    files = [word for word in signed_by.replace(",", " ").split() if word.startswith("/")]
    if "BEGIN PGP" in signed_by or not files or any(root.exists(name.lstrip("/")) for name in files):
        return ""
    return "signed-by names {}, which is not there: apt cannot check this source".format(", ".join(files))
