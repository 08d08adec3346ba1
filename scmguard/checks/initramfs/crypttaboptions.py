"""The options of a line of crypttab: those that make the initramfs leave the line out, and those that it ignores.

Sources: cryptsetup 2:2.6.1-4~deb12u2, ``lib/cryptsetup/functions`` (crypttab_parse_options, crypttab_validate_option),
which the hook runs at the build and ``scripts/local-top/cryptroot`` once more at boot, with ``--missing-path=fail``: a
header or a check that is not in the image makes the line invalid there. All of it tried on Debian 12.
"""

from typing import Iterator, List, NamedTuple

from scmguard.checks.base import Hit
from scmguard.checks.initramfs.volumes import Early
from scmguard.initramfs.programs import ImagePrograms
from scmguard.meant import nearest
from scmguard.rootfs.crypttab import Option, Volume
from scmguard.text import printable, shortened

# Values that the shell compares or hands on as they are; all others are numbers.
_WORDS = ("cipher", "hash")
# What is addressed to systemd, and changes nothing for the initramfs.
_SYSTEMDS = ("x-systemd.", "nofail", "_netdev")
_CHECKS = "/lib/cryptsetup/checks/"
_FIRST = ("cipher", "size", "hash")
# Real lines have a handful.
_MOST_OPTIONS = 50


class Fault(NamedTuple):
    """A hit; ``decides``: the line is left out, or the key is another one than was meant."""

    hit: Hit
    decides: bool


def shown(text: str) -> str:
    """A part of the table for people."""
    return printable(shortened(text, 80))


def _quoted(text: str) -> str:
    return "'{}'".format(text)


def option_faults(one: Early, programs: ImagePrograms) -> Iterator[Fault]:
    """What is wrong with the options of a volume that the initramfs opens. Raises Unreadable."""
    volume = one.volume
    ignored: List[Option] = []
    for option in volume.options[:_MOST_OPTIONS]:
        carriage = "\r" if option is volume.options[-1] and "\r" in volume.ending else ""
        if carriage or len(option.text.split()) != 1 or option.text != option.text.strip():
            yield _spoilt(one, option, carriage)
        elif not _is_valid(option):
            yield _left_out(one, option, "{} is no valid value".format(shown(option.text)))
        elif option.name in ("header", "check") and option.value:
            yield from _not_in_image(one, option, programs)
        elif not option.is_known and not option.name.startswith(_SYSTEMDS):
            if _meant(option.name) == "keyscript":
                message = "the initramfs does not know {}, and ignores it; did you mean keyscript=?"
                yield Fault(_hit(one, option, message.format(shown(option.text))), True)
            elif not option.is_systemds or volume.option("keyscript") or volume.key != "none":
                ignored.append(option)
    if ignored:
        names = ", ".join(list(dict.fromkeys(shown(option.text) for option in ignored))[:6])
        near = _meant(ignored[0].name) if len(ignored) == 1 else ""
        message = "the initramfs does not know {}, and ignores {}{}".format(
            names, "it" if len(ignored) == 1 else "them", "; did you mean {}?".format(near) if near else ""
        )
        yield Fault(_hit(one, ignored[0], message)._replace(severity="hygiene"), False)
    yield from _plain(one, volume)


def _hit(one: Early, option: Option, message: str) -> Hit:
    return Hit(one.volume.file, option.span, message, severity=one.severity, boardless=True)


def _left_out(one: Early, option: Option, reason: str) -> Fault:
    return Fault(_hit(one, option, "{}: the initramfs leaves the whole line out".format(reason)), True)


def _is_valid(option: Option) -> bool:
    if option.name == "checkargs":
        return option.value is not None
    if option.name in ("tmp", "check"):
        return option.value != ""
    return option.is_valid


def _spoilt(one: Early, option: Option, carriage: str) -> Fault:
    """An option that a blank or a carriage return belongs to."""
    words = option.text.split() or [""]
    name, equals, _ = words[0].partition("=")
    what = "a carriage return" if carriage else "a blank"
    text = shown(option.text + carriage)
    if option.text[:1].isspace() or not equals:
        # The name is another one then: it is unknown, and ignored.
        message = "{} belongs to the option {}: the initramfs does not know it, and ignores it".format(
            what, _quoted(text)
        )
        hit = _hit(one, option, message)
        if name == "keyscript":
            return Fault(hit, True)
        matters = name == "initramfs" and not one.is_root
        return Fault(hit if matters else hit._replace(severity="hygiene"), matters)
    if name == "keyscript":
        return _left_out(one, option, "{} belongs to the name of the key script, {}".format(what, _quoted(text[10:])))
    if name in ("header", "check"):
        return _left_out(one, option, "{} belongs to the name of the file in {}".format(what, _quoted(text)))
    if name in _WORDS:
        message = "{} belongs to the value of {}".format(what, _quoted(text))
        return Fault(_hit(one, option, message)._replace(severity="degraded"), False)
    if not option._replace(value=(option.value or "") + carriage).is_valid:
        return _left_out(one, option, "{} belongs to the number in {}".format(what, _quoted(text)))
    message = "the initramfs does not know {}, and ignores it".format(_quoted(text))
    return Fault(_hit(one, option, message)._replace(severity="hygiene"), False)


def _not_in_image(one: Early, option: Option, programs: ImagePrograms) -> Iterator[Fault]:
    """A detached header or a check that is not there at boot."""
    value = option.value or ""
    path = value if value.startswith("/") or option.name == "header" else _CHECKS + value
    if path.startswith("/") and programs.brings(path) is False:
        message = "{} will not be in the image: at boot the initramfs leaves the whole line out".format(shown(path))
        yield Fault(_hit(one, option, message), True)


def _meant(name: str) -> str:
    names = ["keyscript", "initramfs", "discard", "tries", "header", "cipher", "keyslot", "keyfile-size", "readonly"]
    return nearest(name.strip().lower(), names, 0.8)


def _plain(one: Early, volume: Volume) -> Iterator[Fault]:
    """What a volume without a LUKS header must be told."""
    option = volume.option("plain")
    if option is None or option.text != "plain":
        return
    asked = _FIRST if volume.key == "none" or volume.option("keyscript") else _FIRST[:2]
    missing = [name for name in asked if volume.option(name) is None]
    if missing:
        message = "plain without {}: what cryptsetup takes instead changes between its releases".format(
            " and ".join(missing)
        )
        yield Fault(_hit(one, option, message)._replace(severity="hygiene"), False)
