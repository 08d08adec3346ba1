"""Key files that get into the initramfs, whose image lies on a partition that anybody can read.

Sources: cryptsetup 2:2.6.1-4~deb12u2, ``conf-hook`` and ``hooks/cryptroot`` (KEYFILE_PATTERN); Raspberry Pi
documentation: the firmware reads the initramfs from a FAT partition, which has neither modes nor encryption.
"""

import re
from fnmatch import fnmatchcase
from typing import Iterator, List, Set

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts, running_hooks
from scmguard.checks.initramfs.crypttaboptions import shown
from scmguard.checks.initramfs.volumes import CONF_HOOK, early_volumes, key_pattern
from scmguard.finding import Related
from scmguard.initramfs.copies import copies
from scmguard.initramfs.facts import RootFacts
from scmguard.parse.initramfs_sh import Script
from scmguard.rootfs import mounts
from scmguard.rootfs.shell_settings import read_settings

_READABLE = "the image lies on the boot partition, where anybody who has the storage can read it"
# Where people keep keys, and what they call them; and what is public, or locked.
_KEYS = re.compile(
    r"/etc/(?:keys|luks|luks-keys|cryptsetup-keys\.d)(?:/.*)?\Z|/etc/cryptroot/[^/]*\.bin\Z|.*\.(?:key|keyfile|lek)\Z"
)
_NO_KEYS = re.compile(
    r"/usr/|/etc/apt/|.*/(?:root|pub[^/]*|[^/]*[._-]pub)\.key\Z"
    r"|.*\.(?:sh|conf|pub|crt|cer|gpg|asc|enc|age|lock|locked|sealed|blob)\Z"
)


def key_in_initramfs(context: Context, _params: Params) -> Iterator[Hit]:
    """Keys that KEYFILE_PATTERN or a hook puts into the image."""
    found = builder_facts(context)
    if found is None or _boot_is_encrypted(found):
        return
    yield from _by_pattern(context, found)
    keys = {volume.key for volume in found.crypttab if not volume.option("keyscript")}
    for entry, script in running_hooks(found):
        if not entry.packaged:
            yield from _by_hook(script, keys)


def _boot_is_encrypted(found: RootFacts) -> bool:
    """Whether the partition that is mounted for the firmware's files is an opened volume."""
    boots = [mount for mount in mounts.fstab(found.root) if mount.is_boot]
    return bool(boots) and all(mounts.mapper_name(mount.source) for mount in boots)


def _by_pattern(context: Context, found: RootFacts) -> Iterator[Hit]:
    pattern = key_pattern(found.root)
    setting = read_settings(found.root, [CONF_HOOK]).find("KEYFILE_PATTERN")
    if setting is None or not pattern:
        return
    taken = [
        one.volume
        for one in early_volumes(context, found)
        if one.volume.key != "none" and not one.volume.option("keyscript") and fnmatchcase(one.volume.key, pattern)
    ]
    if taken:
        place = setting.place
        message = "the key file {} gets into the image: {}".format(shown(taken[0].key), _READABLE)
        related = tuple(Related(volume.span, "it opens {}".format(shown(volume.target))) for volume in taken[:6])
        yield Hit(place.source, place.span, message, related=related, boardless=True)


def _by_hook(script: Script, keys: Set[str]) -> Iterator[Hit]:
    """One hit for a hook; more keys than one are related places."""
    lines: List[int] = []
    names: List[str] = []
    for copy in copies(script):
        for field in copy.sources or () if copy.brings_files else ():
            line = script.line(copy.command)
            if line not in lines and _is_key(field.text, keys):
                lines.append(line)
                names.append(field.text)
    if lines:
        spans = [script.source.span(line) for line in lines]
        message = "this hook puts the key {} into the image: {}".format(shown(names[0]), _READABLE)
        related = tuple(Related(span, "{} as well".format(shown(name))) for span, name in list(zip(spans, names))[1:7])
        yield Hit(script.source, spans[0], message, related=related, boardless=True)


def _is_key(path: str, keys: Set[str]) -> bool:
    if path in keys and path.startswith("/") and not path.startswith("/dev/"):
        return True
    return _KEYS.match(path) is not None and _NO_KEYS.match(path) is None
