"""The device behind root=: who can find it, and whether the rest of the system means the same one."""

from typing import Iterator, List, Tuple

from scmguard.checks.base import Context, Hit, Params, one_hit, span_of
from scmguard.checks.cmdline import loader_worlds, root_argument
from scmguard.effective.bootfiles import Choice
from scmguard.effective.worlds import FALSE
from scmguard.finding import Related
from scmguard.parse.cmdline_txt import needs_initramfs
from scmguard.text import Span


def root_needs_initramfs(context: Context, _params: Params) -> Iterator[Hit]:
    """A ``root=`` that the kernel alone cannot resolve, and no initramfs."""
    worlds = context.config.worlds
    loader = loader_worlds(context)
    hits: List[Hit] = []
    for condition, line in context.cmdlines:
        root = root_argument(line) if line is not None else None
        if line is None or root is None or not needs_initramfs(root.value or ""):
            continue
        for loaded, choice in context.files.initramfs:
            when = worlds.without(worlds.both(condition, loaded), loader)
            gone = _gone(context, choice)
            if (gone or not choice.names) and when != FALSE:
                message = "{} needs an initramfs, and none is loaded on {}".format(root.text, context.config.board.name)
                hits.append(Hit(line.source, line.place(root), message, when, _why_none(context, choice, gone)))
    yield from one_hit(hits, context.config)


def _gone(context: Context, choice: Choice) -> Tuple[str, ...]:
    """Of the files picked, those that a real boot partition does not have."""
    boot = context.boot
    return tuple(name for name in choice.names if boot.has_binaries and not boot.exists(name))


def _why_none(context: Context, choice: Choice, gone: Tuple[str, ...]) -> Tuple[Related, ...]:
    if choice.place is not None:
        missing = "{} is not on the boot partition".format(" ".join(gone))
        reason = missing if gone else "auto_initramfs is on, but there is no initramfs for the kernel"
        return (Related(span_of(choice.place), reason),)
    return (Related(Span(context.config.start.source.path), "no initramfs line and no auto_initramfs=1 is in effect"),)
