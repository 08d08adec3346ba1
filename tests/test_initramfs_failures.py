"""How an initramfs fails in the field: each of the known ways has rules that see it, or a reason why none does.

The ways are those of the reference (initramfs, section 6), in its order.
"""

import os
import re
from typing import Dict, List, NamedTuple

import pytest

from scmguard import rulebook
from tests.places import REFERENCE, needs_reference

RULES = rulebook.load().rules


class Way(NamedTuple):
    """What fails, the rules that see it, and for what no rule sees the reason."""

    what: str
    rules: str = ""
    reason: str = ""


WAYS: Dict[int, Way] = {
    1: Way("not rebuilt, or with another kernel's modules", "initrd-other-kernel initrd-stale kernel-without-modules"),
    2: Way("no room on the boot partition", "boot-space-low stray-backup half-configured-package"),
    3: Way("cut off or damaged", "initrd-truncated initrd-copy-differs"),
    4: Way("only the modules of the running system", "modules-dep initrd-without-storage initrd-without-keyscript"),
    5: Way("cryptsetup, dm_crypt or a cipher is missing", "cryptsetup-missing crypttab-unusable initrd-without-crypto"),
    6: Way("the kernel's configuration is missing", "kernel-config-missing"),
    7: Way("the image of another board or kernel", "initrd-other-kernel stale-flavour root-needs-initramfs"),
    8: Way(
        "the key script or its tools are missing",
        "keyscript-missing keyscript-tool-missing crypttab-unusable initrd-without-keyscript",
    ),
    9: Way("another root= than the volume", "root-mismatch root-quoted initrd-without-crypto"),
    10: Way(
        "a hook is passed over",
        "hook-not-executable hook-name-ignored hook-does-not-parse hook-bad-interpreter initrd-stale",
    ),
    11: Way("a hook fails half-way", "hook-unchecked-copy hook-copies-missing-file initrd-salt-differs"),
    12: Way("a packaged hook was edited", "packaged-hook-edited"),
    13: Way(
        "updates are off, or do nothing", "initramfs-updates-off stale-flavour discarded-update-status initrd-stale"
    ),
    14: Way("packed in a way that the kernel does not take", "compressor-unsupported"),
    15: Way("no modules at all", "initrd-without-modules kernel-without-modules"),
    16: Way("the command line is cut off, or has two lines", "cmdline-too-long cmdline-not-one-line"),
    17: Way("the prompt is not seen", reason="It depends on the display driver and the monitor at that moment."),
    18: Way("a fault of the kernel's own ciphers", reason="It takes a run of that kernel on that board."),
}


@pytest.mark.parametrize("number", WAYS)
def test_a_way_has_rules_or_a_reason(number: int) -> None:
    way = WAYS[number]
    assert bool(way.rules) != bool(way.reason)
    for id in way.rules.split():
        assert id in RULES
        assert len(RULES[id].examples["bad"]) >= 2


@needs_reference
def test_all_ways_of_the_reference_are_here() -> None:
    with open(os.path.join(REFERENCE, "initramfs.md"), encoding="utf-8") as stream:
        text = stream.read()
    section: List[str] = re.findall(r"^\|(\d+)\|", text.partition("## 6 ")[2].partition("## 7 ")[0], re.MULTILINE)
    assert [int(number) for number in section] == list(WAYS)
