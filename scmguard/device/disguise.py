"""Text without what tells one machine, network or owner from another; each such word becomes another of its form.

What was equal stays equal, also in another notation (a UUID with and without hyphens). The words are made by a hash
that is keyed with a number of one run: a serial number is short enough to be guessed from a plain hash.
"""

import hashlib
import hmac
import re
from typing import Dict, List, Match, Pattern

_HEX = frozenset("0123456789abcdef")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
# A shorter word may stand for anything, and is only replaced where it is known what it is.
_SHORTEST = 4
# From here on a word is found inside of others, too ("pi-100000003a5c91e7", "host1234abcd").
_UNMISTAKABLE = 8

# What is no letter or digit of the word itself: systemd's way to write a hyphen, and the mark of a hexadecimal number.
_FIXED = re.compile(r"\\x2d|^0x")
# Labels that images and installers give; others are somebody's own.
_LABELS = "writable|system-boot|rootfs|bootfs|boot|root|RASPIFIRM|RASPIROOT|cloudimg-rootfs"
# What is a token whatever it is in. ``keep`` groups stay as they are.
_TOKENS = (
    # Commits of firmware and bootloader are no secret, and a fact.
    r"(?P<keep>version [0-9a-f]{7,64}\b)",
    # MAC addresses: six pairs, or seven with the type in front (BOOTIF=), or eight (EUI-64); Cisco's notation.
    r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5,7}(?![0-9A-Fa-f])",
    r"(?<![0-9A-Fa-f.])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![0-9A-Fa-f.])",
    # UUIDs; systemd writes the hyphen as \x2d in names of units.
    r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}(?:(?:-|\\x2d)[0-9A-Fa-f]{4}){3}(?:-|\\x2d)[0-9A-Fa-f]{12}(?![0-9A-Fa-f])",
    # Of a partition of an MBR, of a FAT file system.
    r"(?<=PARTUUID=)[0-9a-fA-F]{8}(?=-[0-9a-fA-F]{2})",
    r"(?<=by-partuuid/)[0-9a-fA-F]{8}(?=-[0-9a-fA-F]{2})",
    r"(?<=UUID=)[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}(?![0-9A-Fa-f-])",
    r"(?<=by-uuid/)[0-9A-Fa-f]{4}(?:-|\\x2d)[0-9A-Fa-f]{4}(?![0-9A-Fa-f-])",
    r"(?<=LABEL=)(?!(?:" + _LABELS + r")(?![\w-]))[^\s,;:\"']+",
    r"(?<=by-label/)(?!(?:" + _LABELS + r")(?![\w-]))[^\s,;:\"']+",
    r"(?<=by-partlabel/)[^\s,;:\"']+",
    r"(?<=by-id/)[^\s,;:\"']+?(?=-part[0-9]+|[\s,;:\"']|\Z)",
    # An LVM volume's: 32 characters of the group and 32 of the volume.
    r"(?<=LVM-)[0-9A-Za-z]{64}",
    # Long numbers: machine ids, digests, CIDs of cards, serial numbers.
    r"(?<![0-9A-Za-z])(?:0x)?(?=[0-9A-Fa-f]*[0-9])[0-9A-Fa-f]{12,}(?![0-9A-Za-z])",
    # The filter on a serial number in the bootloader's configuration.
    r"(?<=\[)0x[0-9A-Fa-f]{1,16}(?=\])",
    # Who and where: addresses of mail and hosts, home folders.
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    r"(?:(?<=/home/)|(?<=^home/))[^/\s:,\"']+",
    r"(?:(?<=/media/)|(?<=^media/))(?!root-r[ow]\b)[^/\s:,\"']+",
    r"(?<=://)[^\s/\"']+",
    r"(?<![\w.])(?!127\.0\.0\.1\b|255\.255|0\.0\.0\.0\b)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.])",
    r"(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}(?![\w:])",
    r"(?<![\w:])[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,5}::(?:[0-9A-Fa-f]{1,4}:){0,5}[0-9A-Fa-f]{1,4}(?![\w:])",
)


class Disguise:
    """Replaces what identifies. ``key`` makes the replacements: with the same key they are the same."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._words: Dict[str, str] = {}
        self._pattern: Pattern[str] = re.compile("|".join(_TOKENS))
        self._hiding = self._pattern

    def learn(self, words: List[str]) -> None:
        """Words that identify wherever they stand, in any case and with any number of zeros in front."""
        found = {word.lower().lstrip("0") for word in words}
        self._words = {word: word for word in found if len(word) >= _SHORTEST}
        tokens = []
        for word in sorted(self._words, key=len, reverse=True):
            text = "(?i:{})".format(re.escape(word))
            alone = r"(?<![0-9A-Za-z]){}(?![0-9A-Za-z])"
            tokens.append(text if len(word) >= _UNMISTAKABLE else alone.format("(?:0x)?0*" + text))
        # Words first: a UUID may be one, and must become the same everywhere.
        self._pattern = re.compile("|".join([*tokens, *_TOKENS]))
        self._hiding = re.compile("|".join([*tokens, *_TOKENS, r"[^\W_]+"]))

    def text(self, text: str) -> str:
        """A text in which what identifies by its form, or is a known word, is replaced."""
        return self._pattern.sub(self._one, text)

    def hidden(self, text: str) -> str:
        """A text in which all letters and digits are replaced; what divides them stays."""
        return self._hiding.sub(self._one, text)

    def _one(self, match: Match[str]) -> str:
        if match.groupdict().get("keep"):
            return match.group()
        return self.like(match.group())

    def like(self, word: str) -> str:
        """Another word of the same form: letters for letters, digits for digits, hexadecimal ones for such."""
        fixed = {place for match in _FIXED.finditer(word) for place in range(*match.span())}
        places = [place for place, char in enumerate(word) if char.isalnum() and place not in fixed]
        plain = "".join(word[place].lower()[0] for place in places)
        # A number with zeros in front is the same number without them.
        zeros = len(plain) - len(plain.lstrip("0"))
        made = "0" * zeros + self._made(plain[zeros:])
        chars = list(word)
        is_upper = word == word.upper() != word.lower()
        for place, char in zip(places, made):
            chars[place] = char.upper() if word[place].isupper() or is_upper else char
        return "".join(chars)

    def blob(self, text: str) -> str:
        """As many other bytes, where every character is one."""
        return "".join(chr(value % 128) for value in self._stream(text, 0, len(text))[: len(text)])

    def _made(self, core: str) -> str:
        """What stands for the letters and digits of a word."""
        is_hex = len(core) >= _SHORTEST and set(core) <= _HEX and any(char in _DIGITS for char in core)
        for attempt in range(100):
            stream = self._stream(core, attempt, len(core))
            made = ""
            for number, char in enumerate(core):
                value = stream[number]
                if is_hex:
                    made += "{:x}".format(value % 16 if number else value % 15 + 1)
                elif char in _DIGITS:
                    made += _DIGITS[value % 10]
                else:
                    made += _LETTERS[value % 26]
            if made != core:
                return made
        return core

    def _stream(self, core: str, attempt: int, size: int) -> List[int]:
        found: List[int] = []
        while len(found) < size:
            message = "{}/{}/{}".format(core, attempt, len(found)).encode("utf-8", "surrogatepass")
            digest = hmac.new(self._key, message, hashlib.sha512).digest()
            found += [int.from_bytes(digest[at : at + 4], "big") for at in range(0, len(digest), 4)]
        return found
