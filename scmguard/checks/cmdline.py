"""The kernel command line: one line, a root, and an initramfs where the root needs one."""

import re
from typing import Iterator, List, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params, one_hit, span_of
from scmguard.effective.bootfiles import Choice
from scmguard.effective.worlds import FALSE, Condition
from scmguard.finding import Related
from scmguard.parse.cmdline_txt import Argument, CommandLine, kernel_argument, last, needs_initramfs
from scmguard.text import Span

# What image builders put in and replace later: pi-gen's ROOTDEV, and the marks of common template languages.
_PLACEHOLDER = re.compile(r"ROOTDEV\b|ROOT_?UUID\b|@[A-Z_]+@|\$\{?[A-Za-z_]|\{\{|%[A-Z_]+%|<[A-Za-z_ -]+>|x{4,}-0?[0-9x]")


def _loader(context: Context) -> Condition:
    """The worlds in which the kernel is a boot loader, which may read another command line and load its own initramfs."""
    return context.files.kernel.where(lambda choice: any(_is_loader(name) for name in choice.names))


def _is_loader(name: str) -> bool:
    base = name.rpartition("/")[2].lower()
    return "boot" in base and not base.endswith(".img") or base.endswith((".efi", ".elf"))


def cmdline_not_one_line(context: Context, _params: Params) -> Iterator[Hit]:
    """More than one line that is not empty, or an empty one in front."""
    for condition, line in context.cmdlines:
        if line is None:
            continue
        rest = [each for each in line.source.lines[1:] if each.text.strip()]
        if not rest:
            continue
        first = rest[0]
        span = line.source.span(first.number)
        has_root = last(line.arguments, "root") is not None
        if not line.text.strip():
            message = "the first line is empty, and only the first line counts"
        else:
            message = "only the first line counts; {} is dropped".format("this line" if len(rest) == 1 else "the rest")
        yield Hit(line.source, span, message, condition, severity="degraded" if has_root else None)


def _root(line: CommandLine) -> Optional[Argument]:
    return last(line.arguments, "root")


def _span(line: CommandLine, argument: Argument) -> Span:
    return line.source.span(line.line.number if line.line else 1, argument.start, argument.end)


def root_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """No ``root=``: certain death without an initramfs, and the initramfs's own affair with one."""
    worlds = context.config.worlds
    with_initramfs = context.files.initramfs.where(lambda choice: bool(choice.names))
    own_affair = worlds.either(with_initramfs, _loader(context))
    if context.profile.get("initramfs") == "initramfs-tools":
        own_affair = _loader(context)
    hits: List[Hit] = []
    for condition, line in context.cmdlines:
        if line is None:
            hits += _missing_file(context, condition)
            continue
        if _root(line) is not None:
            continue
        elsewhere = _root_below(line)
        message = "root= is not on the first line" if elsewhere else "the command line has no root="
        related = (Related(elsewhere, "it is here"),) if elsewhere else ()
        span = line.source.span(1) if line.line else Span(line.source.path)
        alone = worlds.without(condition, own_affair)
        if alone != FALSE:
            hits.append(Hit(line.source, span, message, alone, related))
        elif condition != FALSE:
            message += "; the initramfs or boot loader has to know the root by itself"
            hits.append(Hit(line.source, span, message, condition, related, severity="hygiene"))
    yield from one_hit(hits, context.config)


def _missing_file(context: Context, condition: Condition) -> Iterator[Hit]:
    worlds = context.config.worlds
    for picked, choice in context.files.cmdline:
        when = worlds.both(condition, picked)
        if when != FALSE and not context.boot.exists(choice.names[0]):
            label = context.boot.files.label(choice.names[0])
            related = (Related(span_of(choice.place), "named here"),) if choice.place else ()
            message = "there is no {}: the firmware falls back to a command line of its own".format(choice.names[0])
            yield Hit(None, Span(label), message, when, related)


def _root_below(line: CommandLine) -> Optional[Span]:
    for each in line.source.lines[1:]:
        for match in re.finditer(r"\S+", each.text):
            if kernel_argument(match.group()).name == "root":
                return line.source.span(each.number, match.start(), match.end())
    return None


def root_placeholder(context: Context, _params: Params) -> Iterator[Hit]:
    """A ``root=`` that an image builder was to fill in."""
    for condition, line in context.cmdlines:
        root = _root(line) if line is not None else None
        if line is None or root is None or not _PLACEHOLDER.search(root.value or ""):
            continue
        message = "{} is a placeholder that nobody filled in".format(root.text)
        yield Hit(line.source, _span(line, root), message, condition)


def root_needs_initramfs(context: Context, _params: Params) -> Iterator[Hit]:
    """A ``root=`` that the kernel alone cannot resolve, and no initramfs."""
    worlds = context.config.worlds
    loader = _loader(context)
    hits: List[Hit] = []
    for condition, line in context.cmdlines:
        root = _root(line) if line is not None else None
        if line is None or root is None or not needs_initramfs(root.value or ""):
            continue
        for loaded, choice in context.files.initramfs:
            when = worlds.without(worlds.both(condition, loaded), loader)
            if not choice.names and when != FALSE:
                message = "{} needs an initramfs, and none is loaded on {}".format(root.text, context.config.board.name)
                hits.append(Hit(line.source, _span(line, root), message, when, _why_none(context, choice)))
    yield from one_hit(hits, context.config)


def _why_none(context: Context, choice: Choice) -> Tuple[Related, ...]:
    if choice.place is not None:
        return (Related(span_of(choice.place), "auto_initramfs is on, but there is no initramfs for the kernel"),)
    return (Related(Span(context.config.start.source.path), "no initramfs line and no auto_initramfs=1 is in effect"),)
