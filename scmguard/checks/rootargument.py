"""root= on the kernel command line: there, once, and filled in."""

import re
from typing import Iterator, List, Optional

from scmguard.checks.base import Context, Hit, Params, hit_at, hit_on, one_hit
from scmguard.checks.fuses import is_recovery
from scmguard.checks.kernelargs import (
    below_comments,
    is_placeholder,
    loader_worlds,
    root_argument,
    roots,
    with_initramfs,
    words_behind,
)
from scmguard.effective.worlds import FALSE, TRUE, Condition
from scmguard.finding import Related
from scmguard.meant import nearest
from scmguard.parse.cmdline_txt import CommandLine, kernel_argument
from scmguard.rootfs import mounts
from scmguard.text import Span


def root_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """No ``root=``: certain death without an initramfs, and the initramfs's own affair with one."""
    worlds = context.config.worlds
    own_affair = worlds.either(with_initramfs(context), loader_worlds(context))
    if context.profile.get("initramfs") == "initramfs-tools":
        own_affair = loader_worlds(context)
    elif not context.config.known:
        own_affair = TRUE  # of a lone cmdline.txt nobody knows what is loaded with it
    hits: List[Hit] = []
    for condition, line in context.cmdlines:
        if line is None:
            hits += _missing_file(context, condition)
            continue
        root = root_argument(line)
        if root is not None and root.value:
            continue
        if "root=" in (below_comments(line) or ""):
            continue  # cmdline-not-one-line says it
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
    yield from one_hit(hits, context)


def _missing_file(context: Context, condition: Condition) -> Iterator[Hit]:
    worlds, boot = context.config.worlds, context.boot
    if is_recovery(boot):
        return  # no Linux is started from such a folder
    for picked, choice in context.files.cmdline:
        name, when = choice.names[0], worlds.both(condition, picked)
        if when == FALSE or boot.exists(name):
            continue
        message = "there is no {}: the firmware falls back to a command line of its own".format(name)
        if choice.place is None:
            near = nearest(name, boot.files.names())
            related = (Related(Span(boot.files.label(near)), "this file has a name much like it"),) if near else ()
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
    for when, line, root, _ in roots(context):
        if is_placeholder(root):
            message = "{} is a placeholder that nobody filled in".format(root.text)
            # Among the sources of an image it is what its builder fills in.
            severity = None if context.boot.has_binaries else "hygiene"
            yield hit_on(line, root, message, when, severity=severity)


def root_given_twice(context: Context, _params: Params) -> Iterator[Hit]:
    """Several ``root=``, of which the last counts; and one behind ``--`` that only initramfs-tools reads."""
    worlds = context.config.worlds
    for condition, line in context.cmdlines:
        roots = [each for each in line.arguments if each.name == "root" and each.value is not None] if line else []
        if line is None or not roots:
            continue
        winner = roots[-1]
        others = [each for each in roots if each.value and not _same_device(each.value, winner.value or "")]
        if others:
            message = "root= is given {} times, and the last one counts: {}, not {}"
            message = message.format(len(roots), winner.value or "an empty one", others[-1].value or "an empty one")
            related = tuple(Related(line.place(each), "this one does not count") for each in others[:8])
            yield hit_on(line, winner, message, condition, related, _how_bad(context, winner.value or ""))
        elif len(roots) > 1:
            message = "root= is given {} times, each time the same".format(len(roots))
            yield hit_on(line, winner, message, condition, severity="hygiene")
        behind = [each for each in words_behind(line) if each.name == "root" and each.value]
        if behind and behind[-1].value != winner.value:
            message = "behind -- the kernel does not read this, but initramfs-tools does: it takes {}, not {}"
            message = message.format(behind[-1].value, winner.value)
            when = worlds.both(condition, with_initramfs(context))
            yield hit_on(line, behind[-1], message, when)


def _same_device(one: str, other: str) -> bool:
    return one == other or (one.startswith("PARTUUID=") and one.lower() == other.lower())


def _how_bad(context: Context, winner: str) -> Optional[str]:
    """Fatal where the root file system's table names another root than the one that counts; unclear without it."""
    if not winner:
        return None
    if context.boot.root is None or mounts.device_name(winner) is None:
        return "degraded"
    return "hygiene" if _fstab_has(context, winner) else None


def _fstab_has(context: Context, device: str) -> bool:
    """Whether the root file system's own table confirms that device as the root."""
    name = mounts.device_name(device)
    if name is None or context.boot.root is None:
        return False
    return any(mount.is_root and mounts.device_name(mount.source) == name for mount in mounts.fstab(context.boot.root))
