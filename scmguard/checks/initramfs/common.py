"""What the rules about the initramfs ask first: the facts of the root file system, and what is at stake."""

from typing import Iterator, Optional, Tuple

from scmguard.checks.base import Context
from scmguard.checks.kernelargs import uses_initramfs_tools
from scmguard.initramfs.facts import RootFacts, facts
from scmguard.initramfs.tools import Entry
from scmguard.parse.initramfs_sh import Script


def root_facts(context: Context) -> Optional[RootFacts]:
    """The facts of the root file system; None where there is none."""
    return facts(context.boot)


def builder_facts(context: Context) -> Optional[RootFacts]:
    """The facts of a root file system on which initramfs-tools makes the initramfs; None for any other."""
    return facts(context.boot) if uses_initramfs_tools(context) else None


def running_hooks(found: RootFacts) -> Iterator[Tuple[Entry, Script]]:
    """The hooks that mkinitramfs runs, each with its script. Raises Unreadable."""
    for entry in found.hooks:
        script = entry.script if entry.is_taken else None
        if script is not None and script.tree is not None:
            yield entry, script


def is_encrypted(context: Context) -> bool:
    """Whether the root file system is known to be encrypted: without its initramfs the unit does not boot then.

    The profile says so, or crypttab has a volume that fstab mounts as the root or that is to be opened in the
    initramfs. Raises Unreadable.
    """
    if context.profile.get("encrypted-root"):
        return True
    found = root_facts(context)
    if found is None:
        return False
    return found.encrypted_root is not None or any(entry.option("initramfs") for entry in found.crypttab)
