"""A hook of apt or dpkg as a process.

Most runs end after the first look, so that no more is imported here than that takes.
"""

from __future__ import annotations

import os

from scmguard.gate import quick

MYPY = False
if MYPY:  # importing it takes as long as starting Python
    from typing import NoReturn


def main(stage: str) -> None:
    """One stage of a hook, which ends with 0, 10 for a veto, or another code where nothing could be judged."""
    if stage == "watch":
        _watch()
    payload = b""
    if stage == "pre":
        with os.fdopen(0, "rb", closefd=False) as stream:
            payload = stream.read()
    # Who is not root changes nothing, and dpkg says so.
    if os.geteuid() != 0 or _ends_at_once(stage, payload):
        os._exit(0)
    from scmguard.cli.stages import hook

    raise SystemExit(hook(stage, payload))


def _ends_at_once(stage: str, payload: bytes) -> bool:
    try:
        return stage != "dpkgpre" and quick.has_nothing_to_do(stage, payload)
    except OSError:
        return False


def _watch() -> NoReturn:
    """What the unit runs that watches the boot files."""
    try:
        seen = os.geteuid() == 0 and quick.was_seen()
    except OSError:
        seen = False
    if seen:
        os._exit(0)
    from scmguard.cli.guard import run_watch

    raise SystemExit(run_watch())
