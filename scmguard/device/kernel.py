"""The running kernel: its release, its command line, and whether a reboot is due.

Sources: proc(5); Debian policy and update-notifier (``/run/reboot-required`` and ``.pkgs``, which kernel packages,
unattended-upgrades and others write); modules of a release that is gone from /lib/modules can no longer be loaded
(initramfs-tools, kmod).
"""

import re
from typing import List, Tuple

from scmguard.device import paths
from scmguard.device.facts import Fact, Unknown
from scmguard.device.machine import Machine

RELEASE = "proc/sys/kernel/osrelease"
CMDLINE = "proc/cmdline"
REBOOT = ("run/reboot-required", "var/run/reboot-required")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]{1,200}\Z")
# Linux takes 4096 bytes at most (COMMAND_LINE_SIZE); who patched that has more.
_LONGEST = 1 << 16
MODULES = ("usr/lib/modules", "lib/modules")


def kernel(machine: Machine) -> "Fact[str]":
    """The release of the running kernel, as ``uname -r`` says it."""
    release = paths.needed(machine.files, RELEASE)
    if not paths.is_text(release) or "/" in release or " " in release:
        raise Unknown("/{} has no release in it".format(RELEASE))
    return Fact(release, "/" + RELEASE)


def cmdline(machine: Machine) -> "Fact[str]":
    """The command line that the kernel was started with: the firmware's part and that of cmdline.txt."""
    line = paths.needed(machine.files, CMDLINE)
    if not line.strip():
        raise Unknown("/{} is empty".format(CMDLINE))
    if len(line) > _LONGEST or not re.sub("[\t\n]", " ", line).isprintable():
        raise Unknown("/{} is no command line".format(CMDLINE))
    return Fact(line, "/" + CMDLINE)


def pending_reboot(machine: Machine) -> "Fact[Tuple[str, ...]]":
    """Why a reboot is due, in clauses; none if it is not."""
    reasons: List[str] = []
    for name in REBOOT:
        if paths.text(machine.files, name) is not None:
            words = (paths.text(machine.files, name + ".pkgs") or "").split()
            packages = [word for word in words if _PACKAGE.match(word)]
            reasons.append(
                "/{} is there{}".format(name, " for " + ", ".join(sorted(set(packages))) if packages else "")
            )
            break
    release = kernel(machine).sure
    present = sorted({each for folder in MODULES for each in paths.names(machine.files, folder)})
    if present and release not in present:
        reasons.append(
            "the modules of the running kernel {} are gone (there are {})".format(release, ", ".join(present))
        )
    return Fact(tuple(reasons), "/{} and /{}".format(REBOOT[0], MODULES[1]))
