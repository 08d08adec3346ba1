"""What somebody wants to be set or not to be set, from words such as ``gpu_mem=64`` and ``dtoverlay=dwc2``."""

from typing import Dict, List, NamedTuple, Optional, Tuple

from scmguard import catalogue
from scmguard.editing.sections import ALL
from scmguard.effective.meaning import UNKNOWN, Filter, parse_filter
from scmguard.parse.config_txt import parse_line, parse_overlay, parse_parameters

_OVERLAY = ("dtoverlay", "device_tree_overlay")
_PARAMETER = ("dtparam", "device_tree_param")
#: Written with a blank and not with ``=`` (documentation, ``config_txt/boot.adoc``).
_SPACE_FORM = ("initramfs",)


class Refused(Exception):
    """A wish that cannot be: why, in one line."""


class Wish(NamedTuple):
    """One thing to set, or to take away.

    ``kind`` is ``setting``, ``overlay``, ``parameter`` (of the base device tree) or ``gpio``; ``key`` and ``port`` are
    a setting's; ``name`` is that of the overlay or parameter. ``value`` is None where any is meant (to take away),
    ``parameters`` likewise.
    """

    kind: str
    key: str
    port: Optional[int] = None
    name: str = ""
    value: Optional[str] = None
    parameters: Optional[Dict[str, str]] = None

    @property
    def line(self) -> str:
        """The line that sets it."""
        port = ":{}".format(self.port) if self.port is not None else ""
        between = " " if self.key in _SPACE_FORM else "="
        value = "{}={}".format(self.name, self.value) if self.kind == "parameter" else self.value
        return "{}{}{}{}".format(self.key, port, between, value)

    @property
    def said(self) -> str:
        """It, for people: ``gpu_mem``, ``hdmi_group:1``, ``dtoverlay=dwc2``."""
        if self.kind in ("overlay", "parameter"):
            return "{}={}".format(self.key, self.name)
        return "{}:{}".format(self.key, self.port) if self.port else self.key


class Section(NamedTuple):
    """The section that is meant: its filter, and its header as it is written."""

    filter: Filter = ALL
    header: str = "[all]"


def section(text: str) -> Section:
    """The section of that filter, given with or without brackets. Raises Refused."""
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    filter, folded = parse_filter(inner)
    if filter == UNKNOWN:
        raise Refused("{!r} is no section that the firmware knows; all, cm4, pi5, gpio4=1 are some".format(text))
    if folded:
        raise Refused("{!r} is not how the section is written; whether the firmware takes it is not known".format(text))
    if filter.kind == "none":
        raise Refused("nothing in [none] is ever in effect")
    if filter.kind == "hdmi":
        raise Refused("[{}] is no condition; write the port behind the key, as in hdmi_group:1=2".format(inner))
    return Section(filter, "[{}]".format(inner))


def to_set(word: str) -> List[Wish]:
    """What ``KEY=VALUE`` asks for; of a dtparam with several parameters, each. Raises Refused."""
    key, port, value = _parts(word)
    if value is None:
        raise Refused("{!r} is not KEY=VALUE".format(word))
    if not value.isprintable():
        raise Refused("{!r} has characters that no line of the file can have".format(word))
    if key in _OVERLAY:
        name, parameters = parse_overlay(value)
        if name in ("", "none"):
            raise Refused("{!r} loads no overlay".format(word))
        return [Wish("overlay", key, None, name, value, {one.name: one.value for one in parameters})]
    if key in _PARAMETER:
        several = parse_parameters(value)
        if not several:
            raise Refused("{!r} names no parameter".format(word))
        return [Wish("parameter", key, None, one.name, one.value) for one in several]
    if key == "gpio":
        return [Wish("gpio", key, None, "", value)]
    return [Wish("setting", key, port, "", value)]


def to_unset(word: str) -> Wish:
    """What ``KEY`` (or, of what can be there several times, ``KEY=VALUE``) is to be rid of. Raises Refused."""
    key, port, value = _parts(word)
    if key in _OVERLAY:
        name, parameters = parse_overlay(value or "")
        if name in ("", "none"):
            raise Refused("say which overlay: dtoverlay=NAME")
        given = {one.name: one.value for one in parameters}
        return Wish("overlay", key, None, name, None, given or None)
    if key in _PARAMETER:
        several = parse_parameters(value or "")
        if len(several) != 1:
            raise Refused("say which parameter: dtparam=NAME")
        exact = "=" in (value or "")
        return Wish("parameter", key, None, several[0].name, several[0].value if exact else None)
    if key == "gpio":
        return Wish("gpio", key, None, "", value)
    if value is not None:
        raise Refused("{!r}: a setting is taken away by its name alone, {}".format(word, key))
    return Wish("setting", key, port)


def _parts(word: str) -> Tuple[str, Optional[int], Optional[str]]:
    """Key, port and value; None for a value that is not given. Raises Refused."""
    statement = parse_line(word)
    if statement.kind not in ("setting", "word") or statement.key_start != 0 or "\n" in word or "\r" in word:
        raise Refused("{!r} is not KEY=VALUE".format(word))
    if statement.spaced or statement.tail or (statement.kind == "word" and word != word.rstrip()):
        raise Refused("{!r} has blanks around the = or at its end, which the firmware may not take".format(word))
    key = statement.key
    known = catalogue.other_case(key)
    if known is not None:
        raise Refused("there is no setting {}; {} is one".format(key, known))
    if key == "include":
        raise Refused("include brings whatever is in another file; edit the file to add one or take one away")
    port = statement.port
    if port is not None and not catalogue.has_port(key):
        raise Refused("{} has no ports".format(key))
    return key, port, statement.value if statement.kind == "setting" else None


def conflicts(wishes: List[Wish]) -> Optional[str]:
    """The name of what is asked for twice, with different values."""
    seen: Dict[Tuple[str, str, Optional[int], str], Optional[str]] = {}
    for wish in wishes:
        if wish.kind in ("overlay", "gpio"):
            continue
        what = (wish.kind, wish.key if wish.kind == "setting" else "", wish.port or None, wish.name)
        if seen.setdefault(what, wish.value) != wish.value:
            return wish.said
    return None
