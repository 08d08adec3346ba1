"""Files whose names keep them from being run or read: by mkinitramfs, and by run-parts, which takes fewer names.

Sources: initramfs-tools 0.142 and 0.148, ``hook-functions`` (set_initlist) and ``mkinitramfs`` (maybe_add_conf);
run-parts(8) of debianutils 5.7; each form of name tried out on Debian 12.
"""

import re
from typing import Iterator, Optional

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts, is_encrypted
from scmguard.checks.initramfs.hookfiles import OTHER_STAGES, is_put_aside, named, names_by_stage, whole
from scmguard.initramfs.conf import FOLDERS, is_read
from scmguard.initramfs.facts import RootFacts
from scmguard.initramfs.runparts import runner
from scmguard.initramfs.tools import Entry
from scmguard.rootfs.asides import is_rest
from scmguard.rootfs.links import status_of

# What a script has to do with that takes part in booting.
_BOOTS = re.compile(r"/boot\b|initr(?:d|amfs)|flash-kernel|zymkey|supervised_boot")


def hook_name_ignored(context: Context, _params: Params) -> Iterator[Hit]:
    """Hooks, boot scripts, configuration and files of run-parts that are passed over for their names.

    Raises Unreadable.
    """
    found = builder_facts(context)
    if found is None:
        return
    severity = None if is_encrypted(context) else "degraded"
    for entries, what in ((found.hooks, "this hook"), (found.boot_scripts, "this boot script")):
        names = names_by_stage(entries)
        for entry in entries:
            if not entry.takes_name and _is_meant(entry, is_put_aside(entry.name, names[entry.stage])):
                message = "mkinitramfs passes over {}: {}".format(what, _reason(entry.name, "._-"))
                milder = "degraded" if entry.name.startswith(".") or entry.stage in OTHER_STAGES else severity
                yield whole(entry, message, milder)
    yield from _settings(found)
    for entry in found.run_parts:
        if not entry.takes_name and _is_meant(entry, is_put_aside(entry.name)):
            message = "run-parts passes over this file when {} calls it: {}"
            text = entry.script.text if entry.script is not None else ""
            milder = severity if _BOOTS.search(text) and not entry.name.startswith(".") else "degraded"
            yield whole(entry, message.format(runner(entry), _reason(entry.name, "_-")), milder)


def _is_meant(entry: Entry, rest: bool) -> bool:
    """Whether somebody put a file there for it to be run."""
    return not rest and entry.is_file and entry.is_script


def _settings(found: RootFacts) -> Iterator[Hit]:
    """Files of conf.d that set something, and are not read."""
    for folder in FOLDERS:
        for name in found.root.names(folder):
            if is_read(name) or is_rest(name):
                continue
            path = "{}/{}".format(folder, name)
            entry = Entry(found.root, path, status_of(found.root, path), False)
            script = entry.script
            if script is not None and any(one.alone for command in script.commands for one in command.assignments):
                yield whole(entry, _not_read(name), "degraded")


def _not_read(name: str) -> str:
    if ".dpkg-" in name:
        return "mkinitramfs does not read this file: its name has .dpkg- in it"
    if re.match(r"[^\W_][\w.-]*\Z", name):
        return "mkinitramfs reads this file in some locales alone: {}".format(_reason(name, "._-"))
    return "mkinitramfs does not read this file: {}".format(_reason(name, "._-", first=True))


def _reason(name: str, taken: str, first: bool = False) -> str:
    """Why a name is not taken: it has a character that is no ASCII letter, digit or one of ``taken``.

    With ``first`` it may begin with none of these either.
    """
    if name.startswith(".") and "." in taken:
        return "a name that begins with a dot is hidden from it"
    if first and name[:1] in taken:
        return "its name begins with {}".format(name[0])
    wrong = _wrong(name, taken) or ""
    said = {" ": "a blank", ".": "a dot"}.get(wrong) or named(wrong)
    return "its name has {} in it".format(said)


def _wrong(name: str, taken: str) -> Optional[str]:
    return next((char for char in name if not (char.isascii() and char.isalnum()) and char not in taken), None)
