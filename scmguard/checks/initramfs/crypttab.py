"""Lines of crypttab that the initramfs passes over, or takes for something else; and crypttab without cryptsetup.

Sources: cryptsetup 2:2.6.1-4~deb12u2 and 2:2.7.5-2, ``lib/cryptsetup/functions`` (crypttab_foreach_entry,
crypttab_parse_options, crypttab_validate_option, crypttab_key_check) and ``hooks/cryptroot`` (crypttab_print_entry),
tried with that hook on Debian 12 and in the image that it makes; crypttab(5) of Debian and of systemd 252.
"""

from fnmatch import fnmatchcase
from typing import Dict, Iterator, List, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts, root_facts, running_hooks
from scmguard.checks.initramfs.crypttaboptions import option_faults, shown
from scmguard.checks.initramfs.volumes import CONF_HOOK, MOST_VOLUMES, Early, early_volumes, image_programs, key_pattern
from scmguard.finding import Related
from scmguard.initramfs.copies import copies
from scmguard.initramfs.facts import RootFacts
from scmguard.rootfs.crypttab import Volume
from scmguard.rootfs.dpkg import package
from scmguard.rootfs.links import is_there
from scmguard.text import Span

# Hooks of packages that answer the question for a passphrase by themselves, or let somebody far away do so.
_ANSWERING = frozenset(["clevis", "dropbear", "mandos", "kxc", "tinyssh"])
_DRACUT = ("usr/bin/dracut", "usr/sbin/dracut")
_GENERATORS = tuple(folder + "/systemd/system-generators/systemd-cryptsetup-generator" for folder in ("usr/lib", "lib"))
_RANDOM = ("/dev/random", "/dev/urandom")
_HOOK = "usr/share/initramfs-tools/hooks/cryptroot"


def crypttab_unusable(context: Context, _params: Params) -> Iterator[Hit]:
    """Lines that the initramfs does not use as they are meant."""
    found = root_facts(context)
    if found is None or not found.crypttab:
        return
    early = early_volumes(context, found)
    if builder_facts(context) is None:
        # With both of them there it is not known which one makes the image.
        alone = not found.root.exists("usr/share/initramfs-tools/init")
        if alone and any(found.root.exists(name) for name in _DRACUT):
            yield from _for_dracut(early)
        return
    for one in early:
        unread = _unread(one.volume)
        if unread and any(other.volume.target == one.volume.target and not _unread(other.volume) for other in early):
            continue
        if unread:
            yield _at(one, one.volume.span, unread)
            continue
        faults = list(option_faults(one, image_programs(context, found)))
        yield from (fault.hit for fault in faults)
        if not any(fault.decides for fault in faults):
            yield from _key(context, found, one, early)
    yield from _later(found, early)
    yield from _doubles(found, early)


def _at(one: Early, span: Span, message: str, related: Tuple[Related, ...] = ()) -> Hit:
    return Hit(one.volume.file, span, message, related=related, severity=one.severity, boardless=True)


def _unread(volume: Volume) -> str:
    """Why the initramfs has no line for a volume, whatever is in its options; empty where it has one."""
    if not volume.is_whole:
        number = "two fields" if volume.source else "one field"
        return "the initramfs passes over this line: it has {}, and needs a name, a device and a key".format(number)
    if not volume.ending:
        return "the initramfs does not read this line: it is the last one, and no line end is behind it"
    if volume.file.bom and volume.span.line == 1:
        return "a byte order mark belongs to the name: the initramfs finds no line for {}".format(shown(volume.target))
    if "\r" in volume.ending and not volume.options:
        return "a carriage return belongs to the key: the initramfs takes {} for a file".format(
            shown(volume.key + "\r")
        )
    return ""


def _key(context: Context, found: RootFacts, one: Early, early: List[Early]) -> Iterator[Hit]:
    """What is wrong with the third field, where no key script takes it for an argument."""
    volume = one.volume
    if volume.option("keyscript"):
        return
    if volume.key == "none":
        yield from _passphrase(found, one)
        return
    pattern = key_pattern(found.root)
    if pattern is None:
        return
    key = shown(volume.key)
    if volume.key in _RANDOM:
        if one.is_root:
            yield _at(one, volume.span, "a root cannot be opened with {}, which is new at each boot".format(key))
    elif pattern and fnmatchcase(volume.key, pattern):
        folder = volume.key.rpartition("/")[0]
        is_whole = is_there(found.root, folder) or found.root.exists("usr/bin")
        if is_whole and not is_there(found.root, volume.key):
            message = "the key file {} is not there: the image has no key for this volume".format(key)
            yield _at(one, volume.span, message)
    elif volume.key == "-":
        message = 'cryptsetup\'s hook takes - for a key file, so that the volume is not opened: it wants "none"'
        yield _at(one, volume.span, message)
    elif one.is_root:
        message = "cryptsetup's hook leaves the line of the root out: it has the key file {}, which {} does not match"
        yield _at(one, volume.span, message.format(key, "KEYFILE_PATTERN in " + CONF_HOOK))
    elif not volume.key.startswith("/dev/"):
        others = any(other.volume is not volume and other.volume.key == "none" for other in early)
        message = (
            "the key {} is a file on a file system that is not mounted yet: the initramfs does not open this volume"
        )
        hit = _at(one, volume.span, message.format(key))
        yield hit._replace(severity="hygiene" if others or one.severity else "degraded")


def _passphrase(found: RootFacts, one: Early) -> Iterator[Hit]:
    """Options that give systemd-cryptsetup a key, where the initramfs asks for a passphrase."""
    systemds = [option for option in one.volume.options if option.is_systemds]
    if systemds:
        answered = any(entry.name in _ANSWERING for entry, _script in running_hooks(found))
        message = "the initramfs does not know {}, and asks for a passphrase".format(shown(systemds[0].text))
        hit = _at(one, systemds[0].span, message)
        yield hit._replace(severity="hygiene") if answered else hit


def _for_dracut(early: List[Early]) -> Iterator[Hit]:
    for one in early:
        option = one.volume.option("keyscript")
        if option is not None:
            message = "dracut and systemd-cryptsetup do not know {}: a passphrase is asked for".format(
                shown(option.text)
            )
            yield _at(one, option.span, message)


def _later(found: RootFacts, early: List[Early]) -> Iterator[Hit]:
    """Key scripts of volumes that systemd opens, which ignores them."""
    lines = {one.volume.span.line for one in early}
    late = [
        volume
        for volume in found.crypttab[:MOST_VOLUMES]
        if volume.span.line not in lines and volume.option("keyscript")
    ]
    if not late or not any(found.root.exists(name) for name in _GENERATORS):
        return
    for volume in late:
        option = volume.option("keyscript")
        if option is not None and not volume.option("noauto"):
            message = "systemd ignores {}, and without the option initramfs it is systemd that opens {}".format(
                shown(option.text), shown(volume.target)
            )
            yield Hit(volume.file, option.span, message, severity="degraded", boardless=True)


def _doubles(found: RootFacts, early: List[Early]) -> Iterator[Hit]:
    """Second lines of a name."""
    first: Dict[str, Volume] = {}
    opened = {one.volume.target for one in early}
    for volume in found.crypttab[:MOST_VOLUMES]:
        if volume.target not in opened or _unread(volume):
            continue
        one = first.setdefault(volume.target, volume)
        if one is volume:
            continue
        same = (one.source, one.key, _texts(one)) == (volume.source, volume.key, _texts(volume))
        message = "{} has a line already, and the first one of a name counts".format(shown(volume.target))
        related = (Related(one.span, "it is here"),)
        severity = "hygiene" if same else "degraded"
        yield Hit(volume.file, volume.span, message, related=related, severity=severity, boardless=True)


def _texts(volume: Volume) -> List[str]:
    return [option.text for option in volume.options]


def cryptsetup_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """An encrypted root, and nothing that puts cryptsetup into the image."""
    found = builder_facts(context)
    if found is None or not found.crypttab or not found.root.exists("usr/share/initramfs-tools/init"):
        return
    one = next((one for one in early_volumes(context, found) if one.severity is None), None)
    reason = _no_cryptsetup(found) if one is not None else None
    if one is None or reason is None or _brings_itself(found):
        return
    stanza = package(found.root, "cryptsetup-initramfs")
    gone = stanza if stanza is not None and not stanza.is_present else None
    related = (Related(gone.span, "the package is {}".format(gone.state)),) if gone is not None else ()
    message = "{}: the image has nothing that opens {}".format(reason, shown(one.volume.target))
    yield _at(one, one.volume.span, message, related)


def _no_cryptsetup(found: RootFacts) -> Optional[str]:
    entry = next((each for each in found.hooks if each.path == _HOOK), None)
    if entry is None or not entry.is_file:
        return "cryptsetup's hook ({}) is not installed (package cryptsetup-initramfs)".format("/" + _HOOK)
    if not entry.is_taken:
        return "cryptsetup's hook (/{}) is not executable, and mkinitramfs passes over it".format(_HOOK)
    if not any(is_there(found.root, folder + "/cryptsetup") for folder in ("sbin", "usr/sbin")):
        return "/sbin/cryptsetup is not installed (package cryptsetup-bin)"
    return None


def _brings_itself(found: RootFacts) -> bool:
    """Whether another hook brings cryptsetup."""
    for entry, script in running_hooks(found):
        for copy in copies(script) if entry.path != _HOOK else ():
            if not copy.brings_files:
                continue
            # What a hook of one's own copies by an unknown name may be cryptsetup.
            if copy.sources is None and not entry.packaged:
                return True
            if any(field.text.rpartition("/")[2] == "cryptsetup" for field in copy.sources or ()):
                return True
    return False
