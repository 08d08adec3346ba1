"""Files in the folders of hooks and boot scripts that do not run though they should, or run though they should not.

Sources: initramfs-tools 0.142 and 0.148, ``mkinitramfs`` (add existant boot scripts) and ``hook-functions``
(get_source, set_initlist, cache_run_scripts), tried out on Debian 12: what is not executable is passed over, and the
status is 0; a boot script of the administrator takes the place of the packages' one of the same name, executable or
not; boot scripts that are links are not copied. Any name of letters, digits, dots, dashes and underscores is taken.
"""

import re
from typing import Collection, Dict, Iterator, Optional, Set, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts, is_encrypted
from scmguard.finding import Related
from scmguard.initramfs.conf import parts
from scmguard.initramfs.facts import RootFacts
from scmguard.initramfs.runparts import runner
from scmguard.initramfs.tools import Entry, in_image
from scmguard.rootfs import dpkg
from scmguard.rootfs.asides import Aside, aside, is_note, is_rest
from scmguard.rootfs.links import is_there
from scmguard.rootfs.shell_settings import Setting
from scmguard.text import Source, Span, printable, shortened

#: The boot scripts of these stages have no part in opening the root.
OTHER_STAGES = ("nfs-top", "nfs-premount", "nfs-bottom", "panic")
#: What opens an encrypted root: the hook and the boot script.
_OPENS_ROOT = ("usr/share/initramfs-tools/hooks/cryptroot", "usr/share/initramfs-tools/scripts/local-top/cryptroot")
# What makes images, and what brings them to the boot partition.
_CHAIN = re.compile(
    r"etc/(?:kernel/postinst|initramfs/post-update)\.d/(?:initramfs-tools|(?:z50-)?raspi-firmware|(?:zz-)?flash-kernel)\Z"
)

_KINDS = {"copy": "a copy", "off": "switched off"}


def names_by_stage(entries: Collection[Entry]) -> Dict[str, Set[str]]:
    """The names that there are in each stage (hooks have none), in whichever tree."""
    found: Dict[str, Set[str]] = {}
    for entry in entries:
        found.setdefault(entry.stage, set()).add(entry.name)
    return found


def is_put_aside(name: str, beside: Collection[str] = ()) -> bool:
    """Whether nobody expects a file of that name to be run."""
    return is_note(name) or is_rest(name, beside)


def named(name: str) -> str:
    """A file's name, for a message."""
    return shortened(printable(name), 60)


def whole(entry: Entry, message: str, severity: Optional[str], related: Tuple[Related, ...] = ()) -> Hit:
    """A hit on a file as a whole."""
    path = entry.root.label(entry.path)
    return Hit(Source(path, b""), Span(path), message, severity=severity, related=related, boardless=True)


def hook_not_executable(context: Context, _params: Params) -> Iterator[Hit]:
    """Hooks, boot scripts and files of run-parts that are passed over for their mode, or are links that are not taken.

    Raises Unreadable.
    """
    found = builder_facts(context)
    if found is None:
        return
    severity = None if is_encrypted(context) else "degraded"
    names = {entry.name for entry in found.hooks}
    for entry in found.hooks:
        if entry.takes_name and not is_put_aside(entry.name, names):
            yield from _idle_hook(found, entry, severity)
    yield from _idle_scripts(found, severity)
    for entry in found.run_parts:
        yield from _idle_part(found, entry, severity)


def _idle_hook(found: RootFacts, entry: Entry, severity: Optional[str]) -> Iterator[Hit]:
    if entry.status is None:
        target = entry.root.link(entry.path)
        if target is not None and not found.partial and not is_there(entry.root, entry.path):
            # It may well be a rest of something that was removed.
            message = "this link leads to {}, where nothing is, and mkinitramfs passes over it"
            yield whole(entry, message.format(named(target)), "hygiene" if entry.packaged else "degraded")
    elif entry.is_file and not entry.status.is_executable and entry.is_script:
        message = "mkinitramfs passes over this hook: it is not executable, and what it would bring is not in the image"
        yield whole(entry, message, _milder(found, entry, severity))


def _idle_scripts(found: RootFacts, severity: Optional[str]) -> Iterator[Hit]:
    names = names_by_stage(found.boot_scripts)
    packaged = {(entry.stage, entry.name): entry for entry in found.boot_scripts if _is_packaged_script(entry)}
    for entry in found.boot_scripts:
        if not entry.takes_name or (entry.status is not None and not entry.is_file):
            continue
        masked = None if entry.packaged else packaged.get((entry.stage, entry.name))
        aside_name = is_put_aside(entry.name, names[entry.stage])
        if entry.root.link(entry.path) is not None:
            if not aside_name:
                message = "this boot script is a link, and mkinitramfs copies no links: it is not in the image"
                yield whole(entry, message, _milder(found, entry, severity))
        elif entry.status is None or entry.status.is_executable:
            continue
        elif masked is not None:
            yield _mask(entry, masked, severity)
        elif not aside_name and entry.is_script:
            message = "this boot script is not executable: it goes into the image, and does not run at boot"
            yield whole(entry, message, _milder(found, entry, severity))


def _is_packaged_script(entry: Entry) -> bool:
    return entry.packaged and entry.is_taken and entry.root.link(entry.path) is None


def _mask(entry: Entry, masked: Entry, severity: Optional[str]) -> Hit:
    """A file that takes the place of a packaged boot script and does not run itself."""
    message = "this file takes the place of the packaged {}, and is not executable: neither of them runs at boot"
    if masked.path not in _OPENS_ROOT:
        # An empty file is a way to switch the packaged one off.
        severity = "hygiene" if not entry.is_script else "degraded" if entry.stage in OTHER_STAGES else severity
    related = Related(Span(entry.root.label(masked.path)), "the packaged one, which is left out")
    return whole(entry, message.format(named(entry.name)), severity, (related,))


def _milder(found: RootFacts, entry: Entry, severity: Optional[str]) -> Optional[str]:
    """The severity for an entry: what packages brought, somebody has switched off, or it was meant to be so."""
    if entry.packaged and entry.root.link(entry.path) is not None:
        return "degraded"  # dpkg keeps no sums of links, so that it is not known whose it is
    if entry.packaged and entry.path in found.packaged and (severity or entry.path not in _OPENS_ROOT):
        return "hygiene"
    return "degraded" if entry.stage in OTHER_STAGES else severity


def _idle_part(found: RootFacts, entry: Entry, severity: Optional[str]) -> Iterator[Hit]:
    if not entry.takes_name:
        return
    if entry.status is None:
        target = entry.root.link(entry.path)
        if target is not None and not found.partial and not is_there(entry.root, entry.path):
            message = "this link leads to {}, where nothing is: run-parts fails at it when {} calls it"
            yield whole(entry, message.format(named(target), runner(entry)), "degraded")
    elif entry.is_file and not entry.status.is_executable and entry.is_script and not is_put_aside(entry.name):
        message = "run-parts passes over this file when {} calls it: it is not executable"
        if not _CHAIN.match(entry.path):
            severity = "hygiene" if dpkg.is_conffile(entry.root, entry.path) else "degraded"
        yield whole(entry, message.format(runner(entry)), severity)


def editor_backup_runs(context: Context, _params: Params) -> Iterator[Hit]:
    """Copies and switched-off files that are run, or read, like all others. Raises Unreadable."""
    found = builder_facts(context)
    if found is None:
        return
    for entries, runs in (
        (found.hooks, "mkinitramfs runs it like any other hook"),
        (in_image(found.boot_scripts), "it goes into the image, and runs at boot like any other"),
    ):
        known = {(entry.stage, entry.name): entry for entry in entries}
        names = names_by_stage(entries)
        for entry in entries:
            said = aside(entry.name, names[entry.stage])
            script = entry.script if said is not None and entry.is_taken else None
            if said is not None and script is not None and script.commands:
                original = known.get((entry.stage, said.original))
                yield whole(entry, _ran(found, entry, said, original, runs), "degraded", tuple(_original(original)))
    yield from _copies_read(found)


def _ran(found: RootFacts, entry: Entry, said: Aside, original: Optional[Entry], runs: str) -> str:
    beside = "" if original is None or not original.is_taken else ", beside {}".format(named(said.original))
    if entry.packaged and entry.path in dpkg.diversions(found.root).values():
        return "dpkg-divert has put a packaged file here, and {}{}".format(runs, beside)
    return "this file is {} by its name, but {}{}".format(_KINDS[said.kind], runs, beside)


def _original(entry: Optional[Entry]) -> Iterator[Related]:
    if entry is not None:
        yield Related(Span(entry.root.label(entry.path)), "the original")


def _copies_read(found: RootFacts) -> Iterator[Hit]:
    """Copies in conf.d, and what they set."""
    paths = parts(found.root)
    names = [path.rpartition("/")[2] for path in paths]
    known = set(names)
    for path, name in zip(paths, names):
        said = aside(name, known)
        if said is None:
            continue
        label = found.root.label(path)
        settings = list(found.settings.set_by(label))
        wins = [(variable, setting) for variable, setting in settings if _changes(setting, label)]
        message = "this file is {} by its name, but mkinitramfs reads it like any other".format(_KINDS[said.kind])
        if wins:
            variable, setting = wins[0]
            place = setting.place
            value = "" if place.value is None else "={}".format(named(place.value))
            related = tuple(Related(other.span, "and {}".format(name)) for name, (_, other, _) in wins[1:])
            related += tuple(Related(other.span, "what holds without it") for other in setting.overridden[-1:])
            message += ", and its {}{} holds".format(named(variable), value)
            yield Hit(place.source, place.span, message, related=related, severity="degraded", boardless=True)
        elif settings:
            yield Hit(Source(label, b""), Span(label), message, severity="hygiene", boardless=True)


def _changes(setting: Setting, path: str) -> bool:
    """Whether a variable has the value that it has because of a file."""
    if setting.place.source.path != path:
        return False
    others = [place for place in setting.overridden if place.source.path != path]
    return not others or setting.place.value is None or others[-1].value != setting.place.value
