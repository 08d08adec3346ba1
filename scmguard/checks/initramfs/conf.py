"""The configuration of initramfs-tools: values that its programs do not take, and what becomes of them.

Each was tried out on Debian 12 (initramfs-tools 0.142, dash 0.5.12): some stop every build, others count as another
value, and nobody is told. Sources: ``mkinitramfs``, ``update-initramfs``; initramfs.conf(5), update-initramfs.conf(5).
"""

import re
from typing import Callable, Dict, FrozenSet, Iterator, NamedTuple, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts, is_encrypted
from scmguard.initramfs.conf import MAIN, is_installed
from scmguard.initramfs.facts import RootFacts
from scmguard.parse.initramfs_sh import Script, read_script
from scmguard.rootfs.shell_settings import ShellSettings
from scmguard.text import Span, printable, shortened

# What mkinitramfs reads, and what update-initramfs does.
_OF_BUILDS = frozenset(
    ["MODULES", "BUSYBOX", "COMPRESS", "COMPRESSLEVEL", "UMASK", "KEYMAP", "DEVICE", "NFSROOT", "RUNSIZE", "FSTYPE"]
    + ["RESUME", "ROOT", "FRAMEBUFFER"]
)
_OF_UPDATES = frozenset(["update_initramfs", "backup_initramfs"])
# umask(1) of dash: octal digits, or clauses as of chmod.
_MODE = re.compile(r"[0-7]+\Z|(?:[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+)(?:,[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+)*\Z")
# Somebody who wrote this wanted no updates, or those of all kernels.
_NOT_YES = re.compile(r"\W*(no|off|false|none|never|0|all)\W*\Z", re.IGNORECASE)


class _Form(NamedTuple):
    """The values that a setting may have, what becomes of others, in words, and whether that does no harm."""

    fits: Callable[[str], bool]
    effect: str
    harmless: bool = False


_FORMS: Dict[str, _Form] = {
    "MODULES": _Form(
        frozenset(["most", "dep", "list", "netboot"]).__contains__,
        "mkinitramfs takes most for it, cryptsetup's hook a small set of ciphers",
    ),
    "BUSYBOX": _Form(frozenset(["y", "n", "auto"]).__contains__, "it counts as auto, so that busybox gets in", True),
    # An empty one is no setting.
    "UMASK": _Form(
        lambda value: not value or _MODE.match(value) is not None,
        "umask refuses it, and the image is one that everybody can read",
    ),
}
_UPDATE_FORMS: Dict[str, _Form] = {
    "update_initramfs": _Form(frozenset(["yes", "no", "all"]).__contains__, "it counts as yes"),
    "backup_initramfs": _Form(
        frozenset(["yes", "no"]).__contains__, "it counts as yes, and a copy takes room on /boot"
    ),
}


def initramfs_conf_invalid(context: Context, _params: Params) -> Iterator[Hit]:
    """Settings of initramfs-tools that it does not take, and files that stop it."""
    found = builder_facts(context)
    if found is None:
        return
    encrypted = is_encrypted(context)
    for hit in _that_stop(found):
        yield hit._replace(severity=None if encrypted else "degraded")
    yield from _values(found.settings, _FORMS, "degraded" if encrypted else "hygiene")
    yield from _values(found.update_settings, _UPDATE_FORMS, "hygiene")
    yield from _with_blanks(found, encrypted)


def _that_stop(found: RootFacts) -> Iterator[Hit]:
    """What makes every build fail; but files that sh refuses, which hook-does-not-parse tells of."""
    if found.partial or not is_installed(found.root):
        return
    path = found.root.label(MAIN)
    main = found.root.source(MAIN) if found.root.exists(MAIN) else None
    if main is None:
        yield Hit(None, Span(path), "mkinitramfs stops without this file: no image is built", boardless=True)
        return
    settings = found.settings
    if settings.find("COMPRESS") is None and not settings.refused and not _reads_others(found):
        message = "no file sets COMPRESS, and mkinitramfs stops there: no image is built"
        yield Hit(main, Span(path), message, boardless=True)
    busybox = settings.find("BUSYBOX")
    if busybox is not None and busybox.value == "y" and settings.value("BUSYBOXDIR", "") == "":
        message = (
            "BUSYBOX=y, and no package of busybox is there to say where it is: mkinitramfs stops, no image is built"
        )
        yield Hit(busybox.place.source, busybox.place.span, message, boardless=True)


def _reads_others(found: RootFacts) -> bool:
    """Whether a file reads another one that is not known, which may set anything."""
    return any(
        command.name in (".", "eval") for script in _scripts(found, found.settings) for command in script.commands
    )


def _scripts(found: RootFacts, settings: ShellSettings) -> Iterator[Script]:
    for path in settings.files:
        source = found.root.source(path)
        if source is not None:
            yield read_script(source.path, source.data)


def _values(settings: ShellSettings, forms: Dict[str, _Form], severity: str) -> Iterator[Hit]:
    for name, form in forms.items():
        setting = settings.find(name)
        if setting is None or setting.value is None or form.fits(setting.value):
            continue
        milder = "hygiene" if form.harmless else severity
        worse = name == "update_initramfs" and _NOT_YES.match(setting.value)
        message = "{}={} is not known: {}".format(name, _shown(setting.value), form.effect)
        place = setting.place
        yield Hit(place.source, place.span, message, severity="degraded" if worse else milder, boardless=True)


def _shown(value: str) -> str:
    text = shortened(printable(value.rstrip("\r")), 60)
    if value.endswith("\r"):
        return text + " with a carriage return behind it"
    return text or "(nothing)"


def _with_blanks(found: RootFacts, encrypted: bool) -> Iterator[Hit]:
    """Lines like ``UMASK = 0077``, which set nothing: the shell looks for a program of that name."""
    for script in _scripts(found, found.settings):
        for name, span in _blanks(script, _OF_BUILDS):
            message = "with a blank beside the = this line is a command, which is not found: {} is not set"
            severity = "degraded" if encrypted else "hygiene"
            yield Hit(script.source, span, message.format(name), severity=severity, boardless=True)
    for script in _scripts(found, found.update_settings):
        for _name, span in _blanks(script, _OF_UPDATES):
            message = (
                "with a blank beside the = this line is a command, which is not found: update-initramfs stops here"
            )
            yield Hit(script.source, span, message, severity=None if encrypted else "degraded", boardless=True)


def _blanks(script: Script, names: FrozenSet[str]) -> Iterator[Tuple[str, Span]]:
    for command in script.commands:
        first: Optional[str] = command.words[1].raw[:1] if len(command.words) > 1 else None
        if command.name in names and first == "=":
            yield command.name or "", script.place(command)
        elif command.words:
            for assignment in command.assignments:
                if assignment.name in names and not assignment.value.raw:
                    yield assignment.name, script.place(command)
