"""Arguments of the kernel command line, set and taken away: text in, text out. Order and blanks stay as they are.

Names are compared as the kernel does it, which takes ``-`` and ``_`` for the same (Linux ``kernel/params.c``,
parameqn). Of most arguments the last counts; those of :data:`SEVERAL` add up.
"""

from typing import List, NamedTuple, Optional, Tuple

from scmguard.editing.wish import Refused
from scmguard.lines import completed
from scmguard.parse.cmdline_txt import Argument, CommandLine, kernel_argument
from scmguard.text import Source, encode, split

#: Arguments that may stand several times, all of which count (Linux admin-guide, kernel-parameters; systemd
#: kernel-command-line(7); cryptsetup-initramfs).
SEVERAL = frozenset(
    "blacklist console cryptopts dyndbg earlycon earlyprintk initcall_blacklist memmap module_blacklist"
    " modprobe.blacklist nameserver netconsole rd.driver.blacklist rd.luks.options rd.luks.uuid systemd.mask"
    " systemd.setenv systemd.wants udev.event_timeout video".replace("-", "_").split()
)
# Of these the part before the first comma or colon says which one is meant.
_BY_DEVICE = {"console": ",", "video": ":"}


class Word(NamedTuple):
    """An argument that somebody wants: its name, its value (None without ``=``), and how it is written."""

    name: str
    value: Optional[str]
    text: str


def word(text: str) -> Word:
    """The argument that a word asks for; a value with blanks gets quotes. Raises Refused."""
    name, equals, value = text.partition("=")
    if not name or not name.isprintable() or any(char in name for char in ' "') or not value.isprintable():
        raise Refused("{!r} is no argument of the kernel, NAME or NAME=VALUE".format(text))
    if name == "--":
        raise Refused("-- ends the kernel's arguments; edit the file to move it")
    plain = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    if '"' in plain:
        raise Refused("{!r}: a value cannot have a double quote in it".format(text))
    written = name + equals + ('"{}"'.format(plain) if " " in plain or value != plain else plain)
    found = kernel_argument(written)
    if not equals:
        return Word(name, None, written)
    if (found.name, found.value) != (name, plain):
        raise Refused("{!r} is not how the kernel would read it".format(text))
    return Word(name, plain, written)


def fold(name: str) -> str:
    """A name as the kernel compares it."""
    return name.replace("-", "_")


def is_it(argument: Argument, wanted: Word) -> bool:
    """Whether an argument is the one that is wanted, with its value."""
    return fold(argument.name) == fold(wanted.name) and argument.value == wanted.value


def is_set(arguments: Tuple[Argument, ...], wanted: Word) -> bool:
    """Whether a word is in effect: the last of its name is that, or of those that add up any."""
    same = [each for each in arguments if fold(each.name) == fold(wanted.name)]
    if fold(wanted.name) in SEVERAL:
        return any(is_it(each, wanted) for each in same)
    return bool(same) and is_it(same[-1], wanted)


def with_words(data: bytes, words: List[Word]) -> bytes:
    """The file with the words set, each where its name stands, else behind the others (before ``--``)."""
    source = Source("", data)
    text = _first(source)
    for each in words:
        arguments = _arguments(text)
        if is_set(arguments, each):
            continue
        old = _stands_for(arguments, each)
        if old is not None:
            text = text[: old.start] + each.text + text[old.end :]
            continue
        # Behind what the kernel reads: blanks at the end of the line and what follows "--" stay where they are.
        at = arguments[-1].end if arguments else len(text) - len(text.lstrip())
        before, behind = text[:at], text[at:]
        text = (
            before + (" " if arguments else "") + each.text + (" " if not arguments and behind.strip() else "") + behind
        )
    return _having(source, text)


def _stands_for(arguments: Tuple[Argument, ...], wanted: Word) -> Optional[Argument]:
    """The argument that is to become the one that is wanted; None where that is to be added."""
    same = [each for each in arguments if fold(each.name) == fold(wanted.name)]
    name = fold(wanted.name)
    if name in _BY_DEVICE and wanted.value is not None:
        device = wanted.value.partition(_BY_DEVICE[name])[0]
        same = [each for each in same if (each.value or "").partition(_BY_DEVICE[name])[0] == device]
    elif name in SEVERAL:
        return None
    return same[-1] if same else None


def without(data: bytes, names: List[str]) -> bytes:
    """The file without arguments: ``NAME`` is every one of that name, ``NAME=VALUE`` that one alone. Raises Refused."""
    source = Source("", data)
    text = _first(source)
    for each in names:
        wanted = word(each)
        for old in reversed(_arguments(text)):
            if fold(old.name) == fold(wanted.name) and (wanted.value is None or old.value == wanted.value):
                before, behind = text[: old.start], text[old.end :]
                # With it go the blanks behind it, or those before it where nothing follows.
                if behind.strip():
                    text = before + behind.lstrip(" \t")
                else:
                    text = before.rstrip(" \t") + behind
    return _having(source, text)


def _arguments(text: str) -> Tuple[Argument, ...]:
    return CommandLine(Source("", encode(text))).arguments


def _first(source: Source) -> str:
    """The line that is the command line. Raises Refused for one that a change would not be sure to reach."""
    if source.bom:
        raise Refused("the file begins with a byte order mark, which the kernel would get as text; take it away first")
    lines = split(source.text)
    text = lines[0].text if lines else ""
    if text.count('"') % 2:
        raise Refused("a double quote in the command line is never closed; edit the file")
    return text


def _having(source: Source, text: str) -> bytes:
    lines = split(source.text)
    if not lines:
        return encode(completed(text)) if text else source.data
    rest = "".join(line.text + line.ending for line in lines[1:])
    return source.encoded(text + lines[0].ending + rest)
