"""The kernel modules that lists and hooks of initramfs-tools bring into the image, whatever MODULES= says.

Source: initramfs-tools 0.142, ``mkinitramfs`` and ``hook-functions`` (add_modules_from_file, manual_add_modules:
modprobe tells what a module takes; copy_modules_dir); in 0.148 dracut-install does that, for which ``=drivers/mmc`` is
a folder.
"""

from typing import NamedTuple, Set

from scmguard.initramfs.copies import copies
from scmguard.initramfs.facts import RootFacts
from scmguard.initramfs.tools import Entry
from scmguard.parse.initramfs_sh import Script
from scmguard.rootfs.modules import Modules

# Functions that bring modules which no name tells.
_OTHERS = frozenset(
    ["auto_add_modules", "add_modules_from_file", "add_loaded_modules", "class_add_modules", "sys_walk_mod_add"]
    + ["block_dev_mod_add", "dep_add_modules", "dep_add_modules_mount"]
)


class Brought(NamedTuple):
    """Names of modules, and folders below that of a release. ``whole``: no hook brings others that it does not name."""

    names: Set[str]
    folders: Set[str]
    whole: bool

    def modules(self, modules: Modules) -> Set[str]:
        """The modules of a release that get into the image so, with all that they take, and those that are built in."""
        names = {found for name in self.names for found in modules.named(name)}
        if self.folders:
            wanted = tuple(folder.strip("/") + "/" for folder in self.folders)
            names.update(name for name, folder in modules.folders.items() if (folder + "/").startswith(wanted))
        return modules.with_dependencies(names) | set(modules.builtin or ())


def brought(found: RootFacts, sure: bool = False) -> Brought:
    """What the lists and the hooks that run bring, with ``sure`` without what a condition decides on in a hook.

    Raises Unreadable.
    """
    result = Brought(set(), set(), True)
    for listed in found.listed_modules:
        _add(result, listed.name)
    for entry in found.hooks:
        script = entry.script if entry.is_taken else None
        if script is not None and not _of_hook(result, entry, script, sure):
            result = result._replace(whole=False)
    return result


def _of_hook(result: Brought, entry: Entry, script: Script, sure: bool) -> bool:
    """Adds what a hook brings; whether all of it is known. What a package's hook finds out by itself is left out."""
    whole = not any(command.name in _OTHERS for command in script.commands)
    for copy in copies(script):
        if not copy.brings_modules and copy.kind != "copy_modules_dir" or sure and not copy.sure:
            continue
        whole = whole and (copy.sources is not None or entry.packaged)
        for field in copy.sources or ():
            if copy.brings_modules:
                _add(result, field.text)
            else:
                result.folders.add(field.text)
    return whole


def _add(result: Brought, name: str) -> None:
    if name.startswith("="):
        result.folders.add("kernel/" + name[1:])
    else:
        result.names.add(name)
