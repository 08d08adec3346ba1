"""autoboot.txt: which partition boots, and which is on trial.

Source: documentation, ``config_txt/autoboot.adoc``.
"""

import re
from typing import Iterator, List, Optional

from scmguard.checks.base import Context, Hit, Params, carried, hit_at, one_hit, span_of
from scmguard.effective.conditions import Known
from scmguard.effective.config import EffectiveConfig, evaluate, integer, is_on
from scmguard.effective.meaning import parse_filter
from scmguard.effective.run import Assignment
from scmguard.effective.worlds import FALSE
from scmguard.finding import Related
from scmguard.meant import did_you_mean
from scmguard.parse.config_txt import Document
from scmguard.text import Span

AUTOBOOT = "autoboot.txt"
TRYBOOT = "tryboot.txt"
_AUTOBOOT_KEYS = ("boot_partition", "tryboot_a_b")
_AUTOBOOT_FILTERS = ("all", "none", "tryboot")
# Numbers above are free for other uses (documentation, eeprom-bootloader.adoc, PARTITION).
_MOST_PARTITION = 31
_NUMBER = r"[ \t]*[+-]?[0-9]"


def bad_autoboot(context: Context, _params: Params) -> Iterator[Hit]:
    """What in autoboot.txt is not obeyed, or leads nowhere. No autoboot.txt, nothing to say."""
    boot = context.boot
    document = boot.document(AUTOBOOT) if boot.single in ("", AUTOBOOT) else None
    if document is None:
        return
    normal, trial = autoboot_config(context, False), autoboot_config(context, True)
    for hit in (*_not_obeyed(document), *_partitions(context, normal, trial), *_trial(context, normal, trial)):
        yield hit._replace(boardless=True)


def autoboot_config(context: Context, tryboot: bool) -> EffectiveConfig:
    """autoboot.txt, evaluated once for a context: as a trial boot reads it, or as any other does."""
    name = "autoboot {}".format(tryboot)
    if name not in context.memo:
        context.memo[name] = evaluate(context.boot, context.config.board, AUTOBOOT, Known(tryboot=tryboot))
    found: EffectiveConfig = context.memo[name]
    return found


def _not_obeyed(document: Document) -> Iterator[Hit]:
    source = document.source
    others = []
    for line, statement in document.statements():
        if statement.kind == "header":
            filter, _folded = parse_filter(statement.key.strip(" \t"))
            if filter.kind not in (*_AUTOBOOT_FILTERS, "unknown"):
                message = "[{}] is not obeyed in autoboot.txt, where only [all], [none] and [tryboot] are".format(
                    statement.key
                )
                start = max(statement.key_start - 1, 0)
                span = source.span(line.number, start, start + len(statement.key) + 2)
                yield Hit(source, span, message, severity="degraded")
        elif statement.kind in ("setting", "directive") and statement.key.lower() not in _AUTOBOOT_KEYS:
            others.append((line.number, statement))
    if others:
        number, statement = others[0]
        message = "{} does nothing in autoboot.txt, which knows boot_partition and tryboot_a_b alone".format(
            statement.key
        )
        if len(others) > 1:
            message += " (and {} more)".format(len(others) - 1)
        end = statement.key_start + len(statement.key)
        near = did_you_mean(statement.key.lower(), _AUTOBOOT_KEYS, 0.8)
        severity = "degraded" if near else "hygiene"
        yield Hit(source, source.span(number, statement.key_start, end), message + near, severity=severity)


def _partitions(context: Context, normal: EffectiveConfig, trial: EffectiveConfig) -> Iterator[Hit]:
    for config in (normal, trial):
        hits = []
        for condition, found in config.outcome("boot_partition"):
            if found is None or (config is trial and _same_line(found, normal)):
                continue
            when = carried(context, config, condition)
            number = integer(found.value)
            if not re.match(_NUMBER, found.value):
                message = "boot_partition={} is no number and counts as 0: the first partition that can be booted"
                hits.append(hit_at(found.place, message.format(found.value), when, severity="degraded"))
            elif not 0 <= number <= _MOST_PARTITION:
                message = "there is no partition {}: the boot ends there, or goes on with another".format(number)
                hits.append(hit_at(found.place, message, when))
        yield from one_hit(hits, context)


def _same_line(found: Assignment, config: EffectiveConfig) -> bool:
    return any(one is not None and one.place.line == found.place.line for _, one in config.outcome("boot_partition"))


def _trial(context: Context, normal: EffectiveConfig, trial: EffectiveConfig) -> Iterator[Hit]:
    """Where a trial boot (``reboot "0 tryboot"``) goes, against where a normal one does."""
    worlds = context.config.worlds
    same: List[Hit] = []
    apart: List[Hit] = []
    usual = [(carried(context, normal, when), found) for when, found in normal.outcome("boot_partition")]
    for condition, (found, switch) in trial.outcome("boot_partition").product(trial.outcome("tryboot_a_b")):
        when = carried(context, trial, condition)
        by_partition = is_on(switch)
        for normally, other in usual:
            both = worlds.both(when, normally)
            if both == FALSE:
                continue
            partition, goes_to = _partition(found), _partition(other)
            if by_partition and partition == goes_to and switch is not None:
                place = (found or switch).place
                message = "a trial boot goes to {}, where a normal boot goes: there is nothing to fall back to".format(
                    "partition {}".format(partition) if partition else "the default partition"
                )
                undone = [
                    Related(span_of(one.place), "this line for the trial is undone")
                    for one in trial.run.settings.get(("boot_partition", 0), [])
                    if one.when != FALSE and integer(one.value) != partition and _for_trial(one)
                ]
                same.append(hit_at(place, message, both, undone, "degraded" if undone else "hygiene"))
            elif not by_partition and partition != goes_to and found is not None:
                message = "without tryboot_a_b=1 a trial boot reads tryboot.txt on partition {}, not config.txt".format(
                    partition
                )
                apart.append(hit_at(found.place, message, both, severity="degraded"))
        if by_partition and switch is not None and context.boot.document(TRYBOOT) is not None:
            related = (Related(Span(context.boot.files.label(TRYBOOT)), "this file"),)
            message = (
                "with tryboot_a_b=1 a trial boot reads config.txt and not tryboot.txt, unless the loader is too old"
            )
            yield hit_at(switch.place, message, when, related, "hygiene")
    yield from one_hit(same, context)
    yield from one_hit(apart, context)


def _for_trial(found: Assignment) -> bool:
    return any(header.text.lower() == "[tryboot]" for header in found.place.headers)


def _partition(found: Optional[Assignment]) -> int:
    return 0 if found is None else integer(found.value)
