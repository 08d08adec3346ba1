"""The kernel command line, as the kernel splits it and as initramfs-tools does.

Sources: Linux ``lib/cmdline.c`` (``next_arg``: quotes are removed only around a whole argument or a whole value) and
the ``init`` script of initramfs-tools (``for x in $(cat /proc/cmdline)``: no quotes, no end at ``--``).
"""

from functools import lru_cache
from typing import List, NamedTuple, Optional, Tuple

from scmguard.parse import grammar
from scmguard.text import Line, Source, Span
from scmguard.tree import Token, Tree

# What isspace() knows in the C locale.
_SPACE = " \t\n\v\f\r"


class Argument(NamedTuple):
    """One argument: name, value (None without ``=``), and the offset (from 0) of its text in its line."""

    name: str
    value: Optional[str]
    text: str
    start: int

    @property
    def end(self) -> int:
        """Offset after the last character."""
        return self.start + len(self.text)


class CommandLine:
    """What of a cmdline.txt reaches the kernel: its first line, or with ``all_lines`` all, line ends being blanks.

    Documentation, ``kernel-command-line-config.adoc``: all must be on one line. What happens to others is a reading.
    """

    def __init__(self, source: Source, all_lines: bool = False) -> None:
        self.source = source
        first = next(iter(source.lines), None)
        self.line: Optional[Line] = first
        self.text = source.text if all_lines else first.text if first is not None else ""
        self.all_lines = all_lines

    def span(self, start: int, end: int) -> Span:
        """The place of a piece of ``text`` (offsets from 0) that stands on one line."""
        if not self.text:
            return Span(self.source.path)
        for line in self.source.lines:
            if start <= len(line.text):
                return self.source.span(line.number, start, min(end, len(line.text)))
            size = len(line.text) + len(line.ending)
            start, end = start - size, end - size
        return Span(self.source.path)

    def place(self, argument: Argument) -> Span:
        """Where an argument stands."""
        return self.span(argument.start, argument.end)

    def tree(self, start: str = "kernel") -> Tree:
        """The tree of ``text``; ``start`` is ``kernel`` or ``initramfs_tools``."""
        return _tree(self.text, start)

    @property
    def arguments(self) -> Tuple[Argument, ...]:
        """What the kernel makes of it, up to ``--``."""
        return _kernel_arguments(self.text)

    @property
    def initramfs_words(self) -> Tuple[Argument, ...]:
        """What initramfs-tools makes of it: quotes are ordinary, ``--`` is a word."""
        return _initramfs_words(self.text)


def _tree(text: str, start: str) -> Tree:
    tree = grammar("cmdline_txt").parse(text, start)
    if tree is None:
        raise AssertionError("the command line grammar is total")
    return tree


@lru_cache(maxsize=64)
def _kernel_arguments(text: str) -> Tuple[Argument, ...]:
    found: List[Argument] = []
    for token in _words(_tree(text, "kernel")):
        if token.text == "--":
            break
        found.append(kernel_argument(token.text, token.start))
    return tuple(found)


@lru_cache(maxsize=64)
def _initramfs_words(text: str) -> Tuple[Argument, ...]:
    return tuple(_plain(token.text, token.start) for token in _words(_tree(text, "initramfs_tools")))


def _words(tree: Tree) -> List[Token]:
    return [token for token in tree.leaves if token.kind != "SPACE"]


def kernel_argument(text: str, start: int = 0) -> Argument:
    """One argument as the kernel takes it apart: first ``=`` (not a leading one), quotes off the ends."""
    whole = text
    quoted = text.startswith('"')
    if quoted:
        text = text[1:]
    cut = text.find("=", 1)
    name, value = (text, None) if cut < 0 else (text[:cut], text[cut + 1 :])
    if value is None:
        if quoted and name.endswith('"'):
            name = name[:-1]
    elif value.startswith('"'):
        value = value[1:]
        if value.endswith('"'):
            value = value[:-1]
    elif quoted and value.endswith('"'):
        value = value[:-1]
    return Argument(name, value, whole, start)


def _plain(text: str, start: int) -> Argument:
    name, equals, value = text.partition("=")
    return Argument(name, value if equals else None, text, start)


def last(arguments: Tuple[Argument, ...], name: str) -> Optional[Argument]:
    """The last argument of that name that has a value: the one that counts for ``root=`` and its like."""
    found = None
    for argument in arguments:
        if argument.name == name and argument.value is not None:
            found = argument
    return found


def needs_initramfs(root: str) -> bool:
    """Whether ``root=`` names its device in a way that the kernel alone cannot resolve.

    The kernel knows ``/dev/NAME`` of devices it has found, ``PARTUUID=``, ``PARTLABEL=``, numbers and network roots
    (Linux ``block/early-lookup.c``); ``UUID=``, ``LABEL=``, device-mapper names and udev's links take an initramfs.
    """
    if root.startswith(("UUID=", "LABEL=")):
        return True
    return root.startswith(("/dev/mapper/", "/dev/disk/", "/dev/dm-", "/dev/vg", "ZFS="))
