"""What several checks ask of the kernel command line: its root=, who reads it, and what else is loaded."""

import re
from typing import Iterator, List, NamedTuple, Optional

from scmguard.checks.base import Context
from scmguard.effective.worlds import Condition
from scmguard.parse.cmdline_txt import Argument, CommandLine, last

# What image builders put in and replace later: pi-gen's ROOTDEV, and the marks of common template languages.
_PLACEHOLDER = r"ROOTDEV\b|ROOT_?UUID\b|@[A-Z_]+@|\$\{?[A-Za-z_]|\{\{|%[A-Z_]+%|<[A-Za-z_ -]+>|x{4,}-0?[0-9x]"
# No device has a longer name; and a pattern may take its time over megabytes.
_LONGEST_ROOT = 4096
# What dracut and mkinitcpio bring; initramfs-tools is not installed beside them.
_OTHER_BUILDERS = (
    "usr/lib/dracut/modules.d",
    "usr/bin/dracut",
    "etc/dracut.conf",
    "usr/bin/mkinitcpio",
    "etc/mkinitcpio.conf",
)
#: Of hits that are alike on one line. More says nothing more, and a file of megabytes may have any number.
MOST_HITS = 50


def loader_worlds(context: Context) -> Condition:
    """The worlds in which the kernel is a boot loader, which may have its own command line and initramfs."""
    return context.files.kernel.where(lambda choice: any(_is_loader(name) for name in choice.names))


def with_initramfs(context: Context) -> Condition:
    """The worlds in which an initramfs is loaded."""
    return context.files.initramfs.where(lambda choice: bool(choice.names))


def uses_initramfs_tools(context: Context) -> bool:
    """Whether it is known that initramfs-tools makes the initramfs: from the root file system, else from the profile.

    Packages leave hooks under usr/share/initramfs-tools where it is not installed, so that a folder alone says nothing.
    """
    root = context.boot.root
    if root is not None:
        if any(root.exists(name) for name in _OTHER_BUILDERS):
            return False
        if any(root.exists(name) for name in ("usr/share/initramfs-tools/init", "etc/initramfs-tools/initramfs.conf")):
            return True
    # Of a part of a root file system it is only known because such files are there.
    return context.boot.partial or context.profile.get("initramfs") == "initramfs-tools"


def below_comments(line: CommandLine) -> Optional[str]:
    """The one line of a file that is no comment, where there are lines that start with ``#``; None for other files.

    Such files are shipped and boot (nerves-project/nerves_system_rpi3), though a comment is none for the kernel.
    """
    lines = [each.text for each in line.source.lines if each.text.strip()]
    others = [text for text in lines if not text.lstrip().startswith("#")]
    return others[0] if len(others) == 1 < len(lines) else None


def words_behind(line: CommandLine) -> List[Argument]:
    """The words behind ``--``, where the kernel has stopped reading: initramfs-tools and systemd have not."""
    if "--" not in line.text:
        return []
    arguments = line.arguments
    end = arguments[-1].end if arguments else 0
    words = [word for word in line.initramfs_words if word.start >= end]
    return words[1:] if words and words[0].text == "--" else []


def every_word(line: CommandLine) -> List[Argument]:
    """What systemd reads: all of it, quotes taken off."""
    behind = [word._replace(value=word.value.strip("\"'") if word.value else word.value) for word in words_behind(line)]
    return [*line.arguments, *behind]


def _is_loader(name: str) -> bool:
    base = name.rpartition("/")[2].lower()
    return "boot" in base and not base.endswith(".img") or base.endswith((".efi", ".elf"))


def root_argument(line: Optional[CommandLine]) -> Optional[Argument]:
    """The ``root=`` that counts; None where a command line has none, or is not there."""
    return None if line is None else last(line.arguments, "root")


class Root(NamedTuple):
    """A ``root=`` in effect: the worlds, the command line, the argument in it, and its value."""

    when: Condition
    line: CommandLine
    argument: Argument
    value: str


def roots(context: Context) -> Iterator[Root]:
    """The ``root=`` of each command line; nothing where there is none, or where no command line is judged."""
    for when, line in context.cmdlines if context.boot.has_cmdline else ():
        argument = root_argument(line)
        if line is not None and argument is not None and argument.value is not None:
            yield Root(when, line, argument, argument.value)


def is_placeholder(root: Argument) -> bool:
    """Whether the value of ``root=`` is a mark of an image builder."""
    return bool(re.search(_PLACEHOLDER, (root.value or "")[:_LONGEST_ROOT]))
