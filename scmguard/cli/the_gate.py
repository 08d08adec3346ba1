"""The gate of this machine: its boot files, and the rules that its configuration asks for."""

import os
from typing import Any, Callable, Dict, FrozenSet, Mapping, Optional

from scmguard.boot import Boot
from scmguard.cli.common import choose, device_for, job_for, rulebook_for, settings_for, with_waivers
from scmguard.cli.console import complain
from scmguard.device.ledger import FOLDER, NAME, Damaged, parse
from scmguard.finding import TreeReport
from scmguard.folder import Unreadable
from scmguard.gate import plain
from scmguard.gate.gate import Gate, Keeps
from scmguard.inputs import discover
from scmguard.inputs.discover import Request
from scmguard.lint import Job
from scmguard.lint import run as lint
from scmguard.packages.lay import Pending
from scmguard.settings import SYSTEM, Settings


def boot_files() -> Optional[Boot]:
    """This machine's boot files; None where there are none, as on a machine of another kind. Raises Unreadable."""
    from scmguard.inputs.disk import DiskFolder
    from scmguard.rootfs.mounts import fstab

    try:
        return discover.this_machine(Request())
    except Unreadable as error:
        lines = [mount for mount in fstab(DiskFolder("/", is_root=True)) if mount.is_boot and "boot" in mount.target]
        if not lines:
            return None
        reason = "{}; fstab has the boot partition at {}: it is not mounted, or empty"
        raise Unreadable(error.path, reason.format(error.reason, lines[0].target)) from None


def system_settings() -> Settings:
    """The configuration of this machine, and no other: where a hook is run is up to whoever calls apt."""
    return settings_for((), {"config_file": SYSTEM}) if os.path.isfile(SYSTEM) else Settings()


def the_gate(boot: Boot, say: Callable[[str], None] = complain) -> Gate:
    """The gate of this machine. Ends the program for a configuration that is wrong."""
    settings = system_settings()
    book = rulebook_for(settings)
    options: Mapping[str, Any] = {}
    job = job_for(book, choose(book, settings, options), settings, options, transaction=True)
    device = device_for(boot, job)
    assert boot.root is not None

    def judge(tree: Boot, pending: Optional[Pending]) -> TreeReport:
        report = lint(job, tree, device, pending)
        if settings.waivers:
            report = next(with_waivers(iter([report]), settings, book, job))
        return report

    manifest = device.manifest.value if device is not None and device.manifest.known else None
    signed = _signed()
    supervised = frozenset(manifest) if manifest is not None else _supervised(job, settings, signed)
    number, megabytes = settings.snapshots
    return Gate(
        lambda: discover.this_machine(Request()),
        boot.root,
        boot.files.path,
        judge,
        say,
        supervised,
        signed,
        Keeps(number, megabytes << 20),
    )


def _signed() -> Dict[str, str]:
    """The SHA-256 of each file as it was signed last, from the ledger; none where there is none that can be read."""
    try:
        return {entry.name: entry.sha256 for entry in parse(plain.read(os.path.join("/", FOLDER, NAME)))}
    except (OSError, Damaged):
        return {}


def _supervised(job: Job, settings: Settings, signed: Mapping[str, str]) -> FrozenSet[str]:
    """The files that the module is known, or else taken, to verify, where it does not answer."""
    if settings.supervised or signed:
        return frozenset(settings.supervised or signed)
    shipped: Any = job.parameters.get("shipped-supervised", ())
    return frozenset(shipped)
