"""/etc/crypttab as Debian's initramfs reads it.

Source: cryptsetup 2:2.6.1-4~deb12u2 and 2:2.7.5-2, ``lib/cryptsetup/functions`` (crypttab_foreach_entry,
crypttab_parse_options, crypttab_validate_option) and the hook ``cryptroot``. Four fields, separated by blanks, of which
the last takes the rest of the line, blanks and all; ``#`` in front makes a comment; backslashes with digits stand for
characters.
"""

import re
from typing import Iterator, NamedTuple, Optional, Tuple

from scmguard.folder import Folder
from scmguard.text import Source, Span, decode, encode

PATH = "etc/crypttab"
#: Where a key script is looked for that is named without a folder.
SCRIPTS = "lib/cryptsetup/scripts"

_VALUES = {
    "cipher": r".+", "hash": r".+", "header": r".+", "size": r"0*[1-9][0-9]*", "keyfile-size": r"0*[1-9][0-9]*",
    "sector-size": r"0*[1-9][0-9]*", "offset": r"[0-9]+", "skip": r"[0-9]+", "tries": r"[0-9]+", "keyslot": r"[0-9]+",
    "keyfile-offset": r"[0-9]+", "keyscript": r".+",
}  # fmt: skip
_FLAGS = frozenset(
    ["tmp", "check", "checkargs", "verify", "loud", "quiet", "initramfs", "noearly", "noauto", "readonly", "discard"]
    + ["plain", "luks", "swap", "tcrypt", "veracrypt", "tcrypthidden", "bitlk", "fvault2", "same-cpu-crypt"]
    + ["submit-from-crypt-cpus", "no-read-workqueue", "no-write-workqueue", "x-initrd.attach"]
)
_ALIASES = {"read-only": "readonly", "key-slot": "keyslot", "tcrypt-hidden": "tcrypthidden"}
_ALIASES["tcrypt-veracrypt"] = "veracrypt"
# What systemd-cryptsetup opens a volume with; the initramfs of initramfs-tools knows nothing of it.
_SYSTEMD = ("tpm2-device", "fido2-device", "pkcs11-uri", "tpm2-pcrs", "fido2-cid")


class Option(NamedTuple):
    """An option as written, its name after aliases, its value (None for a flag), and where it stands."""

    text: str
    name: str
    value: Optional[str]
    span: Span

    @property
    def is_known(self) -> bool:
        """Whether the initramfs knows an option of that name; others it ignores with a warning."""
        return self.name in _VALUES or self.name in _FLAGS

    @property
    def is_valid(self) -> bool:
        """Whether the value is one that it takes; with another the whole line is left out."""
        if self.name in ("tmp", "checkargs"):  # one may stand alone, the other may be empty
            return bool(self.value) or (self.value is None) == (self.name == "tmp")
        form = _VALUES.get(self.name)
        return form is None or re.fullmatch(form, self.value or "", re.DOTALL) is not None

    @property
    def script(self) -> Optional[str]:
        """The path in the root folder that the value means as a key script; None where there is no value."""
        if not self.value:
            return None
        return self.value.strip("/") if self.value.startswith("/") else SCRIPTS + "/" + self.value

    @property
    def is_systemds(self) -> bool:
        """Whether it is one that systemd-cryptsetup alone knows, and that the volume is not opened without."""
        return self.name in _SYSTEMD


class Volume(NamedTuple):
    """A line of crypttab. Missing fields are empty: such a line is left out with a warning.

    ``ending`` is the line's: without one it is not read (``while read``), and a carriage return in it belongs to the
    last field.
    """

    file: Source
    span: Span
    target: str
    source: str
    key: str
    options: Tuple[Option, ...]
    ending: str = "\n"

    @property
    def is_whole(self) -> bool:
        """Whether the line has the three fields that it must have."""
        return bool(self.source and self.key)

    def option(self, name: str) -> Optional[Option]:
        """The last option of that name; None where there is none."""
        found = None
        for option in self.options:
            if option.name == name:
                found = option
        return found

    @property
    def keyscript(self) -> Optional[str]:
        """The path of the key script in the root folder; None where there is none."""
        option = self.option("keyscript")
        return None if option is None else option.script


_ESCAPE = re.compile(rb"\\(0[0-7]{0,3}|[1-7][0-7]{0,2}|[abefnrtv\\]|c[\s\S]*)")
_CHARACTERS = dict(zip(b"abefnrtv\\", b"\a\b\x1b\f\n\r\t\v\\"))


def _plain(text: str) -> str:
    """What ``$(printf '%b' FIELD)`` makes of a field in dash."""
    if "\\" not in text:
        return text
    return decode(_ESCAPE.sub(_character, encode(text)).replace(b"\0", b"").rstrip(b"\n"))


def _character(match: "re.Match[bytes]") -> bytes:
    code: bytes = match.group(1)
    if code.startswith(b"c"):  # all that follows is left out
        return b""
    return bytes([int(code, 8) & 0xFF if code.isdigit() else _CHARACTERS[code[0]]])


def crypttab(root: Folder) -> Iterator[Volume]:
    """The lines of /etc/crypttab but comments, in order; none where there is no such file. Raises Unreadable."""
    file = root.source(PATH)
    if file is not None:
        yield from volumes(file)


def volumes(file: Source) -> Iterator[Volume]:
    """The lines of a file such as /etc/crypttab, or the ``cryptroot/crypttab`` of an image."""
    for line in file.lines:
        text = line.text.strip(" \t")
        if not text or text.startswith("#"):
            continue
        fields = re.split(r"[ \t]+", text, maxsplit=3)
        target, source, key, rest = (*fields, "", "", "")[:4]
        at = line.text.rindex(rest) if rest else 0
        options = tuple(_options(file, line.number, rest, at))
        yield Volume(file, file.span(line.number), _plain(target), _plain(source), _plain(key), options, line.ending)


def _options(file: Source, number: int, text: str, start: int) -> Iterator[Option]:
    for part in text.split(","):
        if part:
            name, equals, value = part.partition("=")
            span = file.span(number, start, start + len(part))
            yield Option(part, _ALIASES.get(name, name), _plain(value) if equals else None, span)
        start += len(part) + 1
