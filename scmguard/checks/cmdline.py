"""The kernel command line: one line, of a length that survives, with one root= that all its readers understand."""

import re
from typing import Iterator, List, Optional

from scmguard.checks.base import Context, Hit, Params, hit_at, one_hit
from scmguard.effective.worlds import FALSE, Condition
from scmguard.finding import Related
from scmguard.parse.cmdline_txt import Argument, CommandLine, kernel_argument, last
from scmguard.text import Span

# What image builders put in and replace later: pi-gen's ROOTDEV, and the marks of common template languages.
_PLACEHOLDER = re.compile(
    r"ROOTDEV\b|ROOT_?UUID\b|@[A-Z_]+@|\$\{?[A-Za-z_]|\{\{|%[A-Z_]+%|<[A-Za-z_ -]+>|x{4,}-0?[0-9x]"
)


# No device has a longer name; and a pattern may take its time over megabytes.
_LONGEST_ROOT = 4096


def loader_worlds(context: Context) -> Condition:
    """The worlds in which the kernel is a boot loader, which may have its own command line and initramfs."""
    return context.files.kernel.where(lambda choice: any(_is_loader(name) for name in choice.names))


def _is_loader(name: str) -> bool:
    base = name.rpartition("/")[2].lower()
    return "boot" in base and not base.endswith(".img") or base.endswith((".efi", ".elf"))


def cmdline_not_one_line(context: Context, _params: Params) -> Iterator[Hit]:
    """More than one line that is not empty, or an empty one in front: a fault where only the first line counts."""
    for condition, line in context.cmdlines:
        if line is None or line.all_lines:
            continue
        rest = [each for each in line.source.lines[1:] if each.text.strip()]
        if not rest:
            continue
        if not line.text.strip():
            message = "the first line is empty, and it may be all that counts"
        else:
            message = "{} dropped: only the first line is sure to count".format(
                "this line may be" if len(rest) == 1 else "this line and the rest may be"
            )
        has_root = last(line.arguments, "root") is not None
        yield Hit(
            line.source, line.source.span(rest[0].number), message, condition, severity="degraded" if has_root else None
        )


def root_argument(line: CommandLine) -> Optional[Argument]:
    return last(line.arguments, "root")


def root_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """No ``root=``: certain death without an initramfs, and the initramfs's own affair with one."""
    worlds = context.config.worlds
    with_initramfs = context.files.initramfs.where(lambda choice: bool(choice.names))
    own_affair = worlds.either(with_initramfs, loader_worlds(context))
    if context.profile.get("initramfs") == "initramfs-tools":
        own_affair = loader_worlds(context)
    hits: List[Hit] = []
    for condition, line in context.cmdlines:
        if line is None:
            hits += _missing_file(context, condition)
            continue
        root = root_argument(line)
        if root is not None and root.value:
            continue
        elsewhere = _root_below(line)
        message = "root= is not on the first line" if elsewhere else "the command line has no root="
        if root is not None:
            message = "root= has no value"
        related = (Related(elsewhere, "it is here"),) if elsewhere else ()
        span = line.place(root) if root else line.source.span(1) if line.line else Span(line.source.path)
        alone = worlds.without(condition, own_affair)
        if alone != FALSE:
            hits.append(Hit(line.source, span, message, alone, related))
        elif condition != FALSE:
            message += "; the initramfs or boot loader has to know the root by itself"
            hits.append(Hit(line.source, span, message, condition, related, severity="hygiene"))
    yield from one_hit(hits, context.config)


def _missing_file(context: Context, condition: Condition) -> Iterator[Hit]:
    worlds, boot = context.config.worlds, context.boot
    for picked, choice in context.files.cmdline:
        name, when = choice.names[0], worlds.both(condition, picked)
        if when == FALSE or boot.exists(name):
            continue
        message = "there is no {}: the firmware falls back to a command line of its own".format(name)
        if choice.place is None:
            from difflib import get_close_matches  # only a missing file pays for it

            near = get_close_matches(name, boot.files.names(), 1)
            related = tuple(Related(Span(boot.files.label(each)), "this file has a name much like it") for each in near)
            yield Hit(None, Span(boot.files.label(name)), message, when, related)
        elif "=" in name or " " in name:
            yield hit_at(choice.place, "cmdline= takes the name of a file, not the command line itself", when)
        else:
            yield hit_at(choice.place, message, when)


def _root_below(line: CommandLine) -> Optional[Span]:
    for each in line.source.lines[1:]:
        for match in re.finditer(r"\S+", each.text):
            if kernel_argument(match.group()).name == "root":
                return line.source.span(each.number, match.start(), match.end())
    return None


def root_placeholder(context: Context, _params: Params) -> Iterator[Hit]:
    """A ``root=`` that an image builder was to fill in."""

    for condition, line in context.cmdlines:
        root = root_argument(line) if line is not None else None
        if line is None or root is None or not _PLACEHOLDER.search((root.value or "")[:_LONGEST_ROOT]):
            continue
        message = "{} is a placeholder that nobody filled in".format(root.text)
        yield Hit(line.source, line.place(root), message, condition)
