"""Hooks and boot scripts of initramfs-tools: what mkinitramfs passes over in silence, and what it runs on the host.

Sources: initramfs-tools 0.142, ``mkinitramfs``, ``update-initramfs``, ``hook-functions`` and ``scripts/functions``,
tried out on Debian 12: a hook that ``sh -n`` refuses is left out, the image is built without what it brings, and the
status is 0. Configuration that the shell refuses ends both programs with status 2. Each boot script is run with the
argument ``prereqs`` while the image is built. Of prerequisites in a circle tsort drops one, and all scripts are run.
"""

from typing import Iterable, Iterator, List, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts, is_encrypted
from scmguard.checks.initramfs.hookfiles import named
from scmguard.finding import Related
from scmguard.initramfs.tools import PACKAGED, TREES, Entry, in_image, run_order
from scmguard.parse.initramfs_sh import Script
from scmguard.text import Span


def _scripts(entries: Iterable[Entry]) -> Iterator[Script]:
    """What is run, or asked whether it may be."""
    for entry in entries:
        script = entry.script if entry.is_taken else None
        if script is not None:
            yield script


def hook_does_not_parse(context: Context, _params: Params) -> Iterator[Hit]:
    """Hooks, boot scripts and configuration that sh refuses. Raises Unreadable."""
    found = builder_facts(context)
    if found is None:
        return
    severity = None if is_encrypted(context) else "degraded"
    for script in _scripts(found.hooks):
        message = "sh refuses this hook, and mkinitramfs builds the image without it: expected {}"
        yield from _refused(script, message, severity)
    for script in _scripts(in_image(found.boot_scripts)):
        yield from _refused(script, "sh refuses this script, which is to run at boot: expected {}", severity)
    stops = "sh refuses this file, and {} stops at it before it builds anything: expected {{}}"
    for script in found.settings.refused:
        yield from _refused(script, stops.format("mkinitramfs"), severity)
    for script in found.update_settings.refused:
        yield from _refused(script, stops.format("update-initramfs"), severity)


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
        yield from _without_prereqs(_scripts(in_image(found.boot_scripts)), message)


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


def hook_prerequisite_cycle(context: Context, _params: Params) -> Iterator[Hit]:
    """Hooks, or boot scripts of one stage, each of which asks for another of them to run first. Raises Unreadable."""
    found = builder_facts(context)
    if found is None:
        return
    for tree in TREES:
        yield from _cycles(tuple(entry for entry in found.hooks if entry.path.startswith(tree)), "hooks")
    scripts = in_image(found.boot_scripts)
    for stage in sorted({entry.stage for entry in scripts}):
        yield from _cycles(tuple(entry for entry in scripts if entry.stage == stage), "scripts of " + stage)


def _cycles(entries: Tuple[Entry, ...], what: str) -> Iterator[Hit]:
    by_name = {entry.name: entry for entry in entries}
    for cycle in run_order(entries, sure=True).cycles:
        members = [by_name[name] for name in cycle if name in by_name]
        # The administrator's file is the one that can be changed.
        members.sort(key=lambda entry: entry.packaged)
        places = [_prerequisites_of(entry) for entry in members]
        pairs = ["{} before {}".format(named(one), named(other)) for one, other in zip(cycle, cycle[1:] + cycle[:1])]
        message = "these {} wait for each other, so that chance decides which is first: {}".format(
            what, ", ".join(pairs)
        )
        severity = "hygiene" if all(entry.packaged for entry in members) else None
        related = tuple(Related(span, "another of them") for span in places[1:])
        yield Hit(members[0].source, places[0], message, related=related, severity=severity, boardless=True)


def _prerequisites_of(entry: Entry) -> Span:
    """Where an entry says what is to run before it."""
    script = entry.script
    if script is None:
        return Span(entry.root.label(entry.path))
    assigned = [one for name in ("PREREQ", "PREREQS") for one in script.assigned(name)]
    start = assigned[0].start if assigned else script.answer[0] if script.answer is not None else 0
    return script.source.span(script.position(start)[0])
