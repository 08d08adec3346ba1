"""Zymbit Bootware: U-Boot, its script, and the encrypted parts it needs on the boot partition.

Source: Zymbit documentation, ``bootware/2.0.0/troubleshooting`` ("critical lines") and ``file-info``.
"""

import re
from typing import Iterator, List, Tuple

from scmguard.boot import Boot
from scmguard.checks.base import Context, Hit, Params, hit_at, hit_file, one_hit, span_of
from scmguard.checks.verbs import Value, value_test
from scmguard.effective.worlds import FALSE, TRUE
from scmguard.finding import Related
from scmguard.text import Span

# Files that nothing but Bootware writes.
_SIGNS = ("zboot.enc", "zb_config.enc", "usr-kernel.enc", "zboot.log")
_LINES: Tuple[Tuple[str, Value], ...] = (("kernel", "u-boot.bin"), ("enable_uart", 1))
_FILES = ("u-boot.bin", "boot.scr", "zboot.enc")
_KERNELS = ("usr-kernel.enc", "kernel8.img", "vmlinuz")


def evidence(context: Context) -> str:
    """The file that shows that this is a Bootware unit, or nothing."""
    return next((name for name in _SIGNS if context.boot.exists(name)), "")


def bootware_line_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """Where Bootware's files are, its lines must be in effect."""
    sign = evidence(context)
    if not sign:
        return
    config = context.config
    shows = Related(Span(context.boot.files.label(sign)), "this file shows that Bootware is installed")
    for key, wanted in _LINES:
        test = value_test(wanted)
        hits: List[Hit] = []
        for condition, found in config.outcome(key):
            if found is not None and test(found.value.lstrip("/")):
                continue
            message = "Bootware needs {}={}".format(key, wanted)
            if found is None:
                message += ", and nothing sets it on {}".format(config.board.name)
                inert = [one for one in config.run.settings.get((key, 0), []) if test(one.value)]
                related = [Related(span_of(one.place), "this line does not count") for one in inert]
                hits.append(hit_file(config.start, message, condition, [*related, shows]))
            else:
                hits.append(
                    hit_at(found.place, "{}; this line sets {!r}".format(message, found.value), condition, [shows])
                )
        yield from one_hit(hits, context)


def bootware_file_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """Where Bootware's kernel line or its files are, all of its files must be there."""
    starts_uboot = context.config.outcome("kernel").where(
        lambda found: found is not None and found.value == "u-boot.bin"
    )
    when = TRUE if evidence(context) else starts_uboot
    if when == FALSE:
        return
    boot = context.boot
    for name in _FILES:
        if not boot.exists(name):
            yield Hit(
                None,
                Span(boot.files.label(name)),
                "{} is missing, and Bootware cannot boot without it".format(name),
                when,
            )
    if not any(boot.exists(name) for name in _KERNELS):
        message = "there is no kernel for Bootware: none of {}".format(", ".join(_KERNELS))
        yield Hit(None, Span(boot.files.label(_KERNELS[0])), message, when)


_HANG = ("disable-bt", "miniuart-bt")


def _hanging_uboot(boot: Boot, name: str) -> bool:
    """Whether a kernel is U-Boot by its name (on Ubuntu with the board in it), and may be the version that hangs."""
    if not name.rpartition("/")[2].lower().startswith(("u-boot", "uboot")):
        return False
    data = boot.files.read(name) or b""
    version = re.search(rb"U-Boot (\d{4}\.\d{2})", data)
    return version is None or version.group(1) == b"2020.10"


def uboot_hangs_with_overlay(context: Context, _params: Params) -> Iterator[Hit]:
    """U-Boot with an overlay that moves the serial port from under it; which versions mind is not in the files.

    Images that ship both have been tried by their makers; a Bootware unit ships neither overlay.
    """
    config = context.config
    worlds = config.worlds
    loads = [(when, load) for when, load in config.loads if load.resolved in _HANG]
    if not loads:
        return  # U-Boot itself is only read where there is something to hang it
    starts = context.files.kernel.where(lambda choice: any(_hanging_uboot(context.boot, name) for name in choice.names))
    version = worlds.among("u-boot", ("2020.10", "another"), lambda each: each == "2020.10")
    sign = evidence(context)
    related = [Related(Span(context.boot.files.label(sign)), "this file shows that Bootware is installed")]
    for when, load in loads:
        message = "with {} U-Boot may hang before it starts the kernel".format(load.resolved)
        affected = worlds.both(worlds.both(when, starts), version)
        severity = None if sign else "hygiene"
        yield hit_at(load.place, message, affected, related if sign else (), severity)
