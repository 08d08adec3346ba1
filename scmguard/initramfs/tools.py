"""What initramfs-tools finds on a root file system: hooks, boot scripts, and the order in which it runs them.

Source: initramfs-tools 0.142 and 0.148, ``mkinitramfs``, ``hook-functions`` (set_initlist, get_prereq_pairs,
run_scripts, cache_run_scripts): a file is taken whose name is made of letters, digits, dots, dashes and underscores
and does not begin with a dot; this is not run-parts, so that ``old.bak`` is taken, too. Of these, only executable files
that ``sh -n`` accepts are run, in the order of ``tsort``; all hooks of the packages run before the administrator's.
"""

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from scmguard.folder import Folder, Status
from scmguard.initramfs.tsort import Order, order
from scmguard.parse.initramfs_sh import Script, read_script
from scmguard.parse.sh_model import Command
from scmguard.parse.sh_values import Run, Values
from scmguard.rootfs.links import status_of
from scmguard.text import Source

#: The packages' tree and the administrator's, in the order in which they are run.
PACKAGED = "usr/share/initramfs-tools"
OWN = "etc/initramfs-tools"
TREES = (PACKAGED, OWN)

#: Where scripts that run at boot are.
STAGES = (
    *("init-top", "init-premount", "local-top", "local-block", "local-premount", "local-bottom"),
    *("nfs-top", "nfs-premount", "nfs-bottom", "init-bottom", "panic"),
)

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\Z")
# What a script of initramfs-tools calls or reads, and nothing else does.
_ITS_COMMANDS = frozenset(
    ["copy_exec", "copy_file", "copy_modules_dir", "manual_add_modules", "force_load", "add_firmware"]
)
_SOURCED = ("/usr/share/initramfs-tools/hook-functions", "/scripts/functions")
# Hooks are short; what is larger is no script that anybody wrote, and would take its time.
_LARGEST = 256 * 1024


# Commands in the answer to prereqs that print nothing.
_QUIET = frozenset([":", "true", "[", "test", "local", "exit", "return", "prereqs"])


class Entry(NamedTuple):
    """A name in a folder of hooks or boot scripts.

    ``path`` is in the root folder. ``takes_name``: the name is one that initramfs-tools looks at. ``status`` is None
    for a link that leads nowhere. ``stage`` is that of a boot script, empty for a hook.
    """

    root: Folder
    path: str
    status: Optional[Status]
    takes_name: bool
    stage: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def packaged(self) -> bool:
        """Whether it is in the tree that belongs to the packages."""
        return self.path.startswith(PACKAGED)

    @property
    def is_file(self) -> bool:
        """Whether it is a file, or a link to one."""
        return self.status is not None and self.status.is_file

    @property
    def is_taken(self) -> bool:
        """Whether initramfs-tools asks ``sh -n`` about it: the name and the mode are right."""
        return self.takes_name and self.status is not None and self.status.is_executable

    @property
    def source(self) -> Source:
        """Its text; empty where there is none. Raises Unreadable."""
        found = self.root.source(self.path)
        return Source(self.root.label(self.path), b"") if found is None else found

    @property
    def script(self) -> Optional[Script]:
        """The file as a script; None where it is no file, or far too large for one. Raises Unreadable."""
        if self.status is None or not self.status.is_file or self.status.size > _LARGEST:
            return None
        source = self.source
        return read_script(source.path, source.data)

    @property
    def is_script(self) -> bool:
        """Whether its text is that of a script, and no note or data. Raises Unreadable."""
        script = self.script
        if script is None or "\0" in script.text:
            return False
        if script.text.lstrip("\ufeff \t").startswith("#!") or script.answer is not None:
            return True
        return any(
            command.name in _ITS_COMMANDS or (command.name == "." and (command.arguments[:1] or ("",))[0] in _SOURCED)
            for command in script.commands
        )


def _entries(root: Folder, folder: str, stage: str = "") -> Iterator[Entry]:
    for name in root.names(folder):
        path = "{}/{}".format(folder, name)
        yield Entry(root, path, status_of(root, path), re.match(_NAME, name) is not None, stage)


def hooks(root: Folder) -> Tuple[Entry, ...]:
    """What is in the folders of hooks, which run while the image is built. Raises Unreadable."""
    return tuple(entry for tree in TREES for entry in _entries(root, tree + "/hooks"))


def boot_scripts(root: Folder) -> Tuple[Entry, ...]:
    """What is in the folders of the stages: it goes into the image and runs at boot. Raises Unreadable."""
    return tuple(
        entry
        for tree in TREES
        for stage in STAGES
        for entry in _entries(root, "{}/scripts/{}".format(tree, stage), stage)
    )


def in_image(scripts: Tuple[Entry, ...]) -> Tuple[Entry, ...]:
    """The boot scripts that get into the image: one of the administrator's replaces the packages' of the same name.

    Whether it is executable does not matter for that. Links are left out (``find -type f``).
    """
    found: Dict[Tuple[str, str], Entry] = {}
    for entry in scripts:
        if entry.takes_name and entry.is_file and entry.root.link(entry.path) is None:
            found[entry.stage, entry.name] = entry
    return tuple(found.values())


def prerequisites(script: Script, sure: bool = False) -> Optional[Tuple[str, ...]]:
    """What a script answers to ``prereqs``, in names; None where only running it would tell.

    With ``sure`` without what it answers under a condition.
    """
    if script.tree is None:
        return None
    values = Values(script)
    said = ""
    for command in _answer(script):
        if command.context.substitution or _is_redirected(command):  # it prints somewhere else
            continue
        if command.words and command.name not in _QUIET and command.name not in ("echo", "printf"):
            return None
        if command.name in ("echo", "printf"):
            if sure and command.context.function and command.context.conditional:
                continue
            for words in values.runs(command):
                printed = _printed(words)
                # What one turn prints may stand in the line of another, and how many there are is not always known.
                if printed is None or command.context.loops and not printed.endswith("\n"):
                    return None
                said += printed
    return tuple(said.split())


def _printed(words: Run) -> Optional[str]:
    """What ``echo`` or ``printf`` prints, None where that is not known, or takes to interpret more than is usual."""
    texts: List[str] = []
    for fields in words:
        if fields is None or any(field.pattern for field in fields):
            return None
        texts += [field.text for field in fields]
    name, *arguments = texts
    if name == "echo":
        line = arguments[:1] != ["-n"]
        text = " ".join(arguments if line else arguments[1:])
        return None if "\\" in text else text + "\n" * line
    form = arguments[0].replace("\\n", "\n") if arguments else "\\"
    if form.startswith("-") or "\\" in form or form.count("%") != form.count("%s") or form.count("%s") > 1:
        return None
    return "".join(form.replace("%s", each) for each in arguments[1:] or [""]) if "%s" in form else form


def _is_redirected(command: Command) -> bool:
    """Whether what the command prints goes elsewhere."""
    return any(one.operator.startswith(">") and one.descriptor in (None, 1) for one in command.redirections)


def _answer(script: Script) -> Iterator[Command]:
    """The commands of the function ``prereqs``, or of the item of the ``case`` that answers."""
    in_function = [command for command in script.commands if command.context.function == "prereqs"]
    if in_function:
        yield from in_function
        return
    item = script.answer
    if item is not None:
        start, end = item
        yield from (command for command in script.commands if start <= command.start < end)


def run_order(entries: Tuple[Entry, ...], sure: bool = False) -> Order:
    """The order in which initramfs-tools runs scripts of one folder, and the cycles in it.

    Prerequisites that cannot be told from the text are left out, with ``sure`` also those that a condition decides on.
    Raises Unreadable.
    """
    pairs: List[Tuple[str, str]] = []
    for entry in sorted(entries, key=lambda one: one.name):
        script = entry.script if entry.is_taken else None
        if script is None or script.tree is None:
            continue
        pairs.append((entry.name, entry.name))
        pairs += [(before, entry.name) for before in prerequisites(script, sure) or ()]
    return order(pairs)
