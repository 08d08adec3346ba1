"""Who watches a change of what boots.

Sources: Zymbit documentation, ``hardware/components/scm`` and ``tutorials/encrypt-rfs`` (an update-initramfs that fails
in an unattended upgrade leaves no way back); Supervised Boot: new files must be signed before the next boot.
"""

from typing import Iterator, List

from scmguard.checks.base import Context, Hit, Params
from scmguard.finding import Related
from scmguard.packages.lay import Pending
from scmguard.packages.transaction import INSTALL, UNPACKS, Change
from scmguard.text import Span, printable

# Its version says which release of the distribution is installed, and nothing more.
_NO_BOOT = frozenset(["base-files", "unattended-upgrades"])
_MOST_NAMED = 4


def boot_package_unattended(context: Context, _params: Params) -> Iterator[Hit]:
    """Packages that change the boot, while nobody watches."""
    pending = context.pending
    if pending is None or not pending.transaction.unattended:
        return
    others = [change for change in pending.transaction.changes if change.package not in _NO_BOOT]
    touched = [change for change in others if pending.concerns(change)]
    if not touched:
        return
    shown = ", ".join(said(change) for change in touched[:_MOST_NAMED])
    more = " and {} more".format(len(touched) - _MOST_NAMED) if len(touched) > _MOST_NAMED else ""
    message = "{}{} would change what boots, and nobody watches: {}"
    message = message.format(shown, more, pending.transaction.unattended)
    related = tuple(_files(pending, change) for change in touched if pending.touched(change))
    yield Hit(None, place(pending), message, related=related, boardless=True)


def unattended_upgrades_installed(context: Context, _params: Params) -> Iterator[Hit]:
    """unattended-upgrades comes onto a unit that must not be upgraded by itself."""
    pending = context.pending
    for change in pending.transaction.changes if pending is not None else ():
        if pending is not None and change.package == "unattended-upgrades" and change.action == INSTALL:
            message = "{} would from then on upgrade this unit while nobody watches".format(said(change))
            yield Hit(None, place(pending), message, boardless=True)


def _files(pending: Pending, change: Change) -> Related:
    files: List[str] = sorted(pending.touched(change))
    more = " and {} more".format(len(files) - 1) if len(files) > 1 else ""
    return Related(Span("/" + files[0]), "of {}{}".format(printable(change.package), more))


def said(change: Change) -> str:
    """A change for people: ``raspi-firmware (upgrade 1:1.20 to 1:1.21)``."""
    if change.action in UNPACKS and change.old:
        versions = " {} to {}".format(change.old, change.new)
    else:
        versions = " {}".format(change.new or change.old) if change.new or change.old else ""
    return printable("{} ({}{})".format(change.package, change.action, versions))


def place(pending: Pending) -> Span:
    """Where findings about a transaction are: the command that asked for it."""
    return Span(printable(pending.transaction.caller) or "the transaction")
