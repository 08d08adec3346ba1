"""Hooks and boot scripts of initramfs-tools: what mkinitramfs passes over in silence, and what it runs on the host.

Sources: initramfs-tools 0.142, ``mkinitramfs``, ``hook-functions`` and ``scripts/functions``, tried out on Debian 12: a
hook that ``sh -n`` refuses is left out, the image is built without what it brings, and the status is 0. Each boot
script is run with the argument ``prereqs`` while the image is built.
"""

from typing import Iterable, Iterator, List, Optional

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs import builder_facts, is_encrypted
from scmguard.parse.initramfs_sh import Script
from scmguard.rootfs.initramfs_tools import PACKAGED, Entry
from scmguard.text import Span


def _scripts(entries: Iterable[Entry]) -> Iterator[Script]:
    for entry in entries:
        script = entry.script if entry.takes_name else None
        if script is not None:
            yield script


def hook_does_not_parse(context: Context, _params: Params) -> Iterator[Hit]:
    """Hooks and boot scripts that ``sh -n`` refuses."""
    found = builder_facts(context)
    if found is None:
        return
    severity = None if is_encrypted(context) else "degraded"
    for script in _scripts(found.hooks):
        message = "sh refuses this hook, and mkinitramfs builds the image without it: expected {}"
        yield from _refused(script, message, severity)
    for script in _scripts(found.boot_scripts):
        yield from _refused(script, "sh refuses this script, which is to run at boot: expected {}", severity)


def _refused(script: Script, message: str, severity: Optional[str]) -> Iterator[Hit]:
    refusal = script.refusal
    if refusal is not None and "\0" not in script.text:
        source = script.source
        span = Span(source.path, refusal.line, refusal.column, refusal.line, refusal.column + 1)
        yield Hit(source, span, message.format(refusal.expected), severity=severity, boardless=True)


def boot_script_runs_on_host(context: Context, _params: Params) -> Iterator[Hit]:
    """Boot scripts that do not look for ``prereqs``: all of them is run on the machine that builds the image."""
    found = builder_facts(context)
    if found is not None:
        message = "this boot script does not ask for prereqs: while an image is built, all of it runs on this machine"
        yield from _without_prereqs(_scripts(found.boot_scripts), message)


def hook_without_prereqs(context: Context, _params: Params) -> Iterator[Hit]:
    """Hooks that do not look for ``prereqs``: they are run twice, and what they print is taken for names of hooks."""
    found = builder_facts(context)
    if found is not None:
        message = "this hook does not ask for prereqs: it is run twice, the first time for what has to run before it"
        yield from _without_prereqs(_scripts(found.hooks), message)


def _without_prereqs(scripts: Iterator[Script], message: str) -> Iterator[Hit]:
    for script in scripts:
        if script.tree is None or not script.commands or script.answer is not None or _tests_prereqs(script):
            continue
        # Packages ship a few that do no harm (mdadm, open-iscsi); what an administrator wrote nobody has tried there.
        severity = "hygiene" if PACKAGED in script.source.path else None
        span = script.source.span(script.line(script.commands[0]))
        yield Hit(script.source, span, message, severity=severity, boardless=True)


def _tests_prereqs(script: Script) -> bool:
    """Whether a test of another form than ``case $1 in prereqs)`` looks for the word."""
    words: List[str] = [each or "" for command in script.commands for each in command.arguments]
    return "prereqs" in words
