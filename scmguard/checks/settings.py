"""Settings one by one: their names, their values, and which file they must stand in.

Ranges and boards are data: ``catalogue/settings.json``.
"""

import re
from typing import Dict, Iterator, List, Optional, Tuple

from scmguard import catalogue
from scmguard.checks.base import Context, Hit, Params, hit_at, span_of
from scmguard.effective.bootfiles import early
from scmguard.effective.config import integer, is_on
from scmguard.effective.devicetree import switches_on
from scmguard.effective.run import Assignment
from scmguard.effective.worlds import FALSE, Condition
from scmguard.finding import Related
from scmguard.meant import nearest
from scmguard.parse.config_txt import parse_line

# Past that, names are counted and no longer compared: a file of prose has thousands.
_MOST_NAMES = 40
# Names of the EEPROM's configuration, and what templates write for a name.
_FOREIGN_NAME = r"[A-Z0-9_]*\Z|__.*__\Z"
_TEMPLATE = r"\{\{|\}\}|\$\{|\$\(|<%|@[A-Z_]+@|%[A-Z_]+%"


def unknown_setting(context: Context, _params: Params) -> Iterator[Hit]:
    """Names that no catalogue knows, once each, with the known name that comes nearest."""
    looked = {"setting": 0, "directive": 0}
    more: List[Assignment] = []
    for (key, _port), several in context.config.run.settings.items():
        if key in catalogue.settings():
            continue
        one = _first(context, several)
        kind = "" if one is None else _kind(one)
        if one is None or not kind:
            continue
        looked[kind] += 1
        if looked[kind] <= _MOST_NAMES:
            message = _name_message(one, kind)
            if message:
                yield hit_at(one.place, message, one.when)._replace(boardless=True)
        elif kind == "setting":
            more.append(one)
    if more:
        message = "{} more names from here on that no catalogue knows; is this a config.txt?".format(len(more))
        yield hit_at(more[0].place, message, more[0].when)._replace(boardless=True)


def _first(context: Context, several: List[Assignment]) -> Optional[Assignment]:
    """The first that is in effect somewhere, with all worlds in which its line sets that name."""
    first: Optional[Assignment] = None
    for one in several:
        if first is None and one.when != FALSE:
            first = one
        elif first is not None and one.place == first.place:
            first = first._replace(when=context.config.worlds.either(first.when, one.when))
    return first


def _kind(one: Assignment) -> str:
    """``setting`` or ``directive``; nothing for the tail of a long line, a template's name, or one for the EEPROM."""
    statement = parse_line(_line(one))
    if statement.key != one.key or re.search(_TEMPLATE, one.value):
        return ""
    if re.match(_FOREIGN_NAME, one.key) and catalogue.other_case(one.key) is None:
        return ""
    if statement.kind == "directive":
        return "" if " " in statement.value else "directive"
    return "setting"


def _line(one: Assignment) -> str:
    return one.place.document.source.line_text(one.place.line)


def _name_message(one: Assignment, kind: str) -> str:
    key = one.key
    folded = catalogue.other_case(key)
    if folded is not None:
        return "{} is only known as {}; whether the firmware minds the case is not known".format(key, folded)
    text = "no setting of the name {} is known".format(key)
    if catalogue.base_has(key):
        return "{}; as a parameter it is written dtparam={}={}".format(text, key, one.value)
    near = nearest(key, catalogue.settings(), 0.8)
    if near:
        return "{}; is {} meant?".format(text, near)
    # Two words without an equals sign are as good as prose.
    return text if kind == "setting" else ""


# ---- values ------------------------------------------------------------------------------------------------

_NUMBER = r"[+-]?(?:0[xX][0-9A-Fa-f]+|[0-9]+)"
# Quotes, a second setting in the line, templates and odd characters are the business of other rules, or of nobody.
_NOT_PLAIN = r"[\"'={}<>$@%\\]|[^ -~\t]"
_YES = ("on", "yes", "true", "enable", "enabled", "y")
_NO = ("off", "no", "false", "disable", "disabled", "n", "none")
_FRACTION = r"[.,][0-9]"

Fault = Tuple[str, Optional[str]]


def invalid_value(context: Context, _params: Params) -> Iterator[Hit]:
    """Values that the firmware reads as another number than they seem to say, or that are out of range."""
    config = context.config
    found: Dict[Tuple[str, int], Tuple[Assignment, Fault, Condition]] = {}
    for key, port in config.run.settings:
        known = catalogue.setting(key)
        if known is None or known.kind not in ("int", "bool") or not known.on(config.board.name, config.board.soc):
            continue
        for when, one in config.outcome(key, port):
            fault = None if one is None else _fault(key, known, one.value)
            if one is not None and fault is not None and (one.value or "#" not in _line(one)):
                place = one.place.path, one.place.line
                before = found[place][2] if place in found else FALSE
                found[place] = one, fault, config.worlds.either(before, when)
    for one, (message, severity), when in found.values():
        yield hit_at(one.place, message, when, severity=severity)
    yield from _switches(context)


def _fault(key: str, known: catalogue.Setting, value: str) -> Optional[Fault]:
    """What is wrong with a value, and the severity if it is milder than the rule's."""
    word = value.partition("#")[0].strip(" \t\r")
    if (not word and "#" in value) or re.search(_NOT_PLAIN, word):
        return None
    # Nobody boots by those any more; a wrong number is a wrong picture at most.
    mild = "hygiene" if known.deprecated and known.risk != "boot" else None
    match = re.match(_NUMBER, word)
    if match is None:
        return _no_number(key, word, mild)
    number, rest = integer(word), word[match.end() :]
    fault = _out_of_range(key, known, number)
    if fault is not None:
        return fault[0], fault[1] or mild
    if rest:
        message = "{}={}: the firmware reads {} and ignores {!r}".format(key, word, number, rest)
        return message, mild if re.match(_FRACTION, rest) else "hygiene"
    if known.kind == "bool" and number not in (0, 1):
        return "{} is on or off: {} counts as 1".format(key, word), "hygiene"
    return None


def _no_number(key: str, word: str, mild: Optional[str]) -> Fault:
    if not word:
        return "{}= is empty; the firmware reads 0".format(key), "hygiene"
    if word.lower() in _YES:
        return "{}={} wants a number: the firmware reads 0, which is off; write {}=1".format(key, word, key), mild
    if word.lower() in _NO:
        return "{}={} wants a number: the firmware reads 0, which is off as well".format(key, word), "hygiene"
    return "{}={} wants a number: the firmware reads 0".format(key, word), mild


def _out_of_range(key: str, known: catalogue.Setting, number: int) -> Optional[Fault]:
    if known.risk == "clock" or number == 0:
        return None  # clocks and voltages have a rule of their own, and 0 is as good as not set
    if known.values and number not in known.values:
        shown = ", ".join(hex(each) if each > 0xFFFF else str(each) for each in known.values)
        return "{}={} has no meaning; known are {}".format(key, number, shown), None
    low, high = known.low, known.high
    if (low is None or number >= low) and (high is None or number <= high):
        return None
    too_low = low is not None and number < low
    limit = "less than {}, the least" if too_low else "more than {}, the most"
    message = "{}={} is " + limit.format(low if too_low else high) + " that has a meaning"
    if known.clamped:
        message += "; the firmware takes that instead"
    # Too little is taken for the least, as far as anybody says.
    return message.format(key, number), "hygiene" if too_low or known.clamped else None


# Base parameters that set a node's status.
_SWITCHES = (
    *("audio", "axiperf", "i2c", "i2c0", "i2c1", "i2c_arm", "i2c_csi_dsi", "i2c_csi_dsi0", "i2c_csi_dsi1", "i2c_vc"),
    *("i2s", "krnbt", "nvme", "pciex1", "random", "spi", "suspend", "uart0", "uart1", "watchdog"),
)


def _switches(context: Context) -> Iterator[Hit]:
    """``dtparam=i2c_arm=ON``: what is no lower-case on or off is stored, and Linux takes it for disabled.

    Source: documentation, ``configuration/device-tree.adoc`` (boolean parameters); tried with dtmerge.
    """
    config = context.config
    later: Dict[str, Condition] = {}
    for one in reversed(config.run.base):
        if one.name not in _SWITCHES or one.when == FALSE:
            continue
        when = config.worlds.without(one.when, later.get(one.name, FALSE))
        later[one.name] = config.worlds.either(one.when, later.get(one.name, FALSE))
        word = one.value.partition("#")[0].strip(" \t\r")
        if not switches_on(word) and word.lower() in _YES + ("ok", "okay"):
            message = "dtparam={}={} switches it off: only on, yes, true and 1 in small letters switch it on"
            when = config.worlds.without(when, config.without_tree)
            yield hit_at(one.place, message.format(one.name, word), when)


def bootloader_setting_in_include(context: Context, _params: Params) -> Iterator[Hit]:
    """Settings that are read before ``include`` is understood, in effect from an included file."""
    config = context.config
    board = config.board
    for key in catalogue.settings_with("main_file_only"):
        known = catalogue.setting(key)
        if (key, 0) not in config.run.settings or known is None or not known.on(board.name, board.soc):
            continue
        for when, (one, own) in config.outcome(key).product(early(config, key)):
            if one is None or not _included(context, one) or (own is not None and own.value == one.value):
                continue
            if own is None and known.kind == "bool" and not is_on(one):
                continue
            message = "{}={} has no effect in an included file: it is read before include is".format(key, one.value)
            related = [Related(span_of(own.place), "this is what counts")] if own is not None else []
            severity = "hygiene" if key == "uart_2ndstage" else None
            yield hit_at(one.place, message, when, related, severity)


def _included(context: Context, one: Assignment) -> bool:
    boot = context.boot
    if one.place.document == context.config.start:
        return False
    # Lines below [config.txt] in the EEPROM's configuration come from no include.
    return not boot.bootconf or one.place.path != boot.files.label(boot.bootconf)
