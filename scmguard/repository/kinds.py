"""What a file in a repository is, by its name and by what stands in it.

Image builders keep the boot files of several boards in one folder (Buildroot: ``config_4_64bit.txt``,
``cmdline_5.txt``; Nerves: ``cmdline-a.txt``), and templates of them. And many a program has a ``config.txt``.
"""

import re
from typing import NamedTuple, Optional, Tuple

from scmguard import catalogue
from scmguard.effective.board import MODEL_FILTERS
from scmguard.parse.config_txt import parse_line
from scmguard.text import BOM, decode

#: Endings that template languages give to the files that they make others from.
TEMPLATE_ENDINGS = (".j2", ".jinja2", ".jinja", ".in", ".tmpl", ".tpl", ".template")

_WORDS = re.compile(r"[^A-Za-z0-9]+")
# With what Canonical, Buildroot and others put behind it: config.txt-arm64, config.txt.armhf, cmdline.txt-0.
_ENDING = re.compile(r"\.txt([-._][\w.-]*)?\Z", re.IGNORECASE)
_NUMBERED = re.compile("(config|cmdline)([0-9]+)")
# Nobody makes an image with these.
_PUT_ASIDE = frozenset(["old", "bak", "backup", "orig", "save", "swp", "rej", "patch", "diff", "md"])
# Ubuntu's usercfg.txt and syscfg.txt, Alpine's usercfg.txt, and what others include under such names.
_CONFIGS = frozenset(["config", "usercfg", "syscfg", "btcfg", "nobtcfg", "extraconfig", "distroconfig", "userconfig"])
_CMDLINES = frozenset(["cmdline", "nobtcmd", "btcmd", "nobtcmdline"])
_BOOTCONFS = frozenset(["bootconf", "bootconf2711", "bootconf2712"])
_MARK = re.compile(r"\{\{|\{%|\{#|@[A-Za-z_][A-Za-z0-9_]*@|\$\{|%%|<%")
_ARGUMENT = re.compile(
    r"(?:^|\s)(?:(?:root|console|rootfstype|modules-load|elevator|loglevel|fsck\.\w+|dwc_otg\.\w+|cgroup_\w+|init)="
    r"|rootwait(?:\s|$))"
)
# A setting that is left to be switched on, as in the files that are handed out.
_SWITCHED_OFF = re.compile(r"\s*#+\s*([A-Za-z_][\w]*)=[^\s]")
_FILTER = re.compile("(?:all|none|tryboot)\\Z|gpio[0-9]|edid=|hdmi:[01]|0x|board-type=|partition[<>=&]|boot_")
# More of a file says nothing more.
_ENOUGH = 1 << 18


class Name(NamedTuple):
    """What a file's name says: the kind (the name that the firmware knows), and what tells it from its like.

    ``variant`` are the other words of the name: ``("4", "64bit")`` of config_4_64bit.txt. ``template`` says that its
    ending is that of a template.
    """

    kind: str
    variant: Tuple[str, ...] = ()
    template: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing tells it from others of its kind."""
        return not self.variant


def of_name(name: str) -> Optional[Name]:
    """What a file of that name (without folder) may be; None for a name that says nothing."""
    base = without_template_ending(name)
    template = base != name
    if base.lower() == "boot.conf":
        return Name("boot.conf", (), template)
    ending = _ENDING.search(base)
    if ending is None:
        return None
    words = [word for word in _WORDS.split(_NUMBERED.sub(r"\1 \2", base[: ending.start()].lower())) if word]
    behind = [word for word in _WORDS.split((ending.group(1) or "").lower()) if word]
    if behind and behind[-1] in _PUT_ASIDE:
        return None
    for kind, heads in (("cmdline.txt", _CMDLINES), ("bootconf.txt", _BOOTCONFS), ("config.txt", _CONFIGS)):
        found = [word for word in words if word in heads]
        if found:
            own = found[0] if found[0] not in ("config", "cmdline", "bootconf") else ""
            rest = [word for word in words if word != found[0]]
            return Name(kind, tuple([own] if own else []) + tuple(rest + behind), template)
    if words and words[0] in ("autoboot", "tryboot"):
        return Name(words[0] + ".txt", tuple(words[1:] + behind), template)
    return None


def is_fragment(name: str) -> bool:
    """Whether a file's name is one of those that a config.txt includes: usercfg.txt and its like."""
    found = of_name(name)
    return found is not None and found.kind == "config.txt" and not _CONFIGS.isdisjoint(found.variant)


def without_template_ending(name: str) -> str:
    """A file's name as it will be when the template is filled in."""
    for ending in TEMPLATE_ENDINGS:
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def is_like(kind: str, data: bytes) -> Optional[bool]:
    """Whether bytes are like a file of that kind; None where they do not tell (no line says anything)."""
    text = decode(data[len(BOM) :] if data.startswith(BOM) else data)[:_ENOUGH]
    if "\0" in text:
        return False
    if kind == "cmdline.txt":
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if not lines:
            return None
        return _ARGUMENT.search(lines[0]) is not None or _MARK.search(lines[0]) is not None and len(lines) < 3
    known = total = off = 0
    for line in re.split("\r\n|\r|\n", text):
        statement = parse_line(line[:500])
        if statement.kind == "comment":
            match = _SWITCHED_OFF.match(line[:500])
            off += match is not None and catalogue.setting(match.group(1)) is not None
        good = statement.kind == "header" and _is_filter(statement.key.strip().lower())
        if statement.kind in ("setting", "directive"):
            good = any(catalogue.setting(key) for key in (statement.key, statement.key.lower()))
        # Where something is filled in, what is not known says nothing.
        if good or not (statement.kind in ("blank", "comment") or _MARK.search(line)):
            total += 1
            known += good
    if not total:
        return True if off else None
    return 2 * known >= total


def _is_filter(text: str) -> bool:
    return text in MODEL_FILTERS or _FILTER.match(text) is not None
