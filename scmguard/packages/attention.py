"""Whether a transaction has to do with booting."""

from scmguard.packages.lay import Pending
from scmguard.packages.relevant import is_boot_package
from scmguard.packages.transaction import CONFIGURE


def matters(pending: Pending) -> bool:
    """Whether a package of it changes the boot, by its files or by what it is."""
    return any(
        is_boot_package(change.package) or pending.touched(change)
        for change in pending.transaction.changes
        if change.action != CONFIGURE
    )
