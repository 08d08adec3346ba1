"""Whether the next boot is safe.

The present boot has proven that what was wrong when it began does not keep the unit from booting; what came since has
not. Where it is not known what was wrong then, everything counts.
"""

import os
from contextlib import suppress
from typing import List, Optional

from scmguard import atomic
from scmguard.finding import Finding
from scmguard.gate import state
from scmguard.gate.places import BOOTED, SEEN, UNSAFE
from scmguard.gate.worse import Faults, after_boot, worse

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def boot_id() -> str:
    """What the kernel calls this boot; empty where it does not say."""
    try:
        with open(_BOOT_ID, encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def began_with(path: str = BOOTED) -> Optional[Faults]:
    """The faults that there were when this boot began; None where nobody looked then."""
    known = state.read(path)
    return known.faults if known is not None and known.snapshot == boot_id() != "" else None


def remember(found: Faults, path: str = BOOTED) -> None:
    """Keeps the faults that this boot began with. Raises OSError."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    state.write(state.State("", True, found, boot_id()), path)


def unsafe(findings: List[Finding], began: Optional[Faults]) -> List[Finding]:
    """The findings that speak against a reboot, worst first."""
    return worse(began or {}, findings, after_boot)


def note(reason: str, path: str = UNSAFE) -> None:
    """Keeps why the next boot is not safe, for those who ask without root's rights; empty: it is. Raises OSError."""
    if not reason:
        with suppress(FileNotFoundError):
            os.unlink(path)
        return
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    atomic.replace(path, [reason.encode("utf-8", "backslashreplace") + b"\n"], 0o644)


def noted(path: str = UNSAFE) -> str:
    """Why the next boot is not safe, as it was found last; empty if it is. Raises OSError."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().rstrip("\n")
    except FileNotFoundError:
        return ""


def saw(lines: str, path: str = SEEN) -> None:
    """Keeps how the files looked that were looked at. Raises OSError."""
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    atomic.replace(path, [lines.encode("utf-8", "surrogateescape")], 0o600)
