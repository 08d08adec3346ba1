"""A recording without what tells one machine from another: serial numbers, addresses, identifiers, names.

Each is replaced by one of the same form made of its hash, so that what was equal stays equal. The hash is keyed with a
number that is made for one recording and thrown away: a serial number is short enough to be guessed from a plain hash.
"""

import hashlib
import hmac
import json
import re
import secrets
from typing import Any, Dict, List, Set

_SERIAL_FILES = ("proc/device-tree/serial-number", "sys/firmware/devicetree/base/serial-number")
_MODULE_SERIAL = "module_serial"
_HEX = "0123456789abcdef"
# A shorter number may stand for anything.
_SHORTEST = 6
_ADDRESS = re.compile(r"\b[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}\b")
_UUID = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_PARTUUID = re.compile(r"(?<=PARTUUID=)[0-9a-fA-F]{8}(?=-[0-9a-fA-F]{2}\b)")
# dm/uuid of a LUKS volume has the UUID without hyphens.
_DM_UUID = re.compile(r"(?<=CRYPT-LUKS[12]-)[0-9a-fA-F]{32}\b")
_CPU_SERIAL = re.compile(r"(?<=^Serial\t\t: )[0-9a-fA-F]{1,16}$", re.MULTILINE)
# Network names and addresses on the command line.
_NETWORK = re.compile(r"\b((?:ip|nfsroot|nfsaddrs|netconsole)=)(\S+)")


def anonymised(data: Dict[str, Any]) -> Dict[str, Any]:
    """A recording's data with everything replaced that identifies the machine; the data itself is left as it is."""
    make = _Replacer(secrets.token_bytes(32))
    for serial in _serials(data):
        make.word(serial)
    result: Dict[str, Any] = make.everywhere(data)
    return result


class _Replacer:
    def __init__(self, key: bytes) -> None:
        self._key = key
        self._words: Dict[str, str] = {}

    def word(self, text: str) -> None:
        """From now on the text, and the same number with fewer zeros in front, is replaced wherever it stands."""
        if len(text.lstrip("0")) >= _SHORTEST:
            self._words[text.lower()] = self.like(text)

    def like(self, text: str) -> str:
        """Something of the same form: hexadecimal digits for such, everything else as it is."""
        digest = hmac.new(self._key, text.lower().encode("utf-8"), hashlib.sha512).hexdigest()
        digits = iter(digest * (len(text) // len(digest) + 1))
        return "".join(next(digits) if char.lower() in _HEX else char for char in text)

    def everywhere(self, value: Any) -> Any:
        """A value of JSON with all texts in it replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.everywhere(each) for each in value]
        if isinstance(value, dict):
            return {self.text(key): self.everywhere(each) for key, each in value.items()}
        return value

    def text(self, text: str) -> str:
        """A text with all that identifies replaced in it."""
        for word in sorted(self._words, key=len, reverse=True):
            text = re.sub(re.escape(word), self._words[word], text, flags=re.IGNORECASE)
        for pattern in (_ADDRESS, _UUID, _PARTUUID, _DM_UUID, _CPU_SERIAL):
            text = pattern.sub(lambda match: self.like(match.group()), text)
        return _NETWORK.sub(r"\1(removed)", text)


def _serials(data: Dict[str, Any]) -> Set[str]:
    """The serial numbers that the recording has, of the board and of the module."""
    found = [data["files"].get(name, "").rstrip("\0\n") for name in _SERIAL_FILES]
    for text in data["files"].values():
        found += _CPU_SERIAL.findall(text)
    for answer in data["answers"].values():
        found += _module_serials(str(answer.get("out", "")))
    return {each for each in found if each}


def _module_serials(out: str) -> List[str]:
    found = []
    for line in out.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("fact") == _MODULE_SERIAL and isinstance(entry.get("value"), str):
            found.append(entry["value"])
    return found
