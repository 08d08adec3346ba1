"""The kernel modules that the image is to have: MODULES= in effect, and the names in lists and hooks.

Sources: initramfs-tools 0.142, ``mkinitramfs`` (the case of MODULES) and ``hook-functions`` (dep_add_modules looks at
the running system; manual_add_modules asks modprobe, with --quiet, and gives 0 whatever it finds); initramfs.conf(5);
cryptsetup 2:2.6.1-4~deb12u2, hook ``cryptroot``. Tried out on Debian 12.
"""

from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts, is_encrypted, running_hooks
from scmguard.checks.initramfs.rootneeds import Need, needs
from scmguard.checks.kernelargs import MOST_HITS
from scmguard.effective.worlds import FALSE, Condition
from scmguard.finding import Related
from scmguard.initramfs.broughtmodules import brought
from scmguard.initramfs.conf import Listed
from scmguard.initramfs.copies import copies
from scmguard.initramfs.facts import RootFacts
from scmguard.initramfs.tools import OWN
from scmguard.meant import nearest
from scmguard.parse.initramfs_sh import Script
from scmguard.parse.sh_model import Command
from scmguard.rootfs.kernels import newest
from scmguard.rootfs.modules import Modules
from scmguard.rootfs.shell_settings import Setting
from scmguard.rootfs.zymbit import unlocks
from scmguard.text import Source, Span, printable, shortened

_MOST_RELATED = 4
_MOST_NAMES = 4
_MOST_ASKED = 1000
_MODPROBE = ("etc/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d", "run/modprobe.d")

# What reaches the security module: the bus of a Zymkey, and the USB controller on which an SCM finds it.
_KEY_MODULES = ("i2c-dev", "i2c-bcm2835", "dwc2")

#: Names that drivers had, and what does their work now. Sources: raspberrypi/firmware#965, raspberrypi/linux#1263 and
#: commit bdfc988 (4.3), drtyhlpr/rpi23-gen-image#208; Linux 3.18, fs/overlayfs.
_RENAMED = {
    "i2c_bcm2708": "i2c_bcm2835",
    "spi_bcm2708": "spi_bcm2835",
    "bcm2708_wdog": "bcm2835_wdt",
    "bcm2708_rng": "bcm2835_rng",
    "overlayfs": "overlay",
}


class _Asked(NamedTuple):
    """A module that somebody asks for by name, and where."""

    name: str
    source: Source
    span: Span


def unknown_module(context: Context, _params: Params) -> Iterator[Hit]:
    """Names in the administrator's list and hooks that no kernel has a module of."""
    found = builder_facts(context)
    if found is None:
        return
    listed = _own_list(found)
    broken = [each for each in listed if _ends_in_return(each)]
    if broken:
        message = "this line ends in a carriage return, which modprobe takes for a part of the name: it finds no module"
        others = tuple(Related(each.span, "the same goes for this line") for each in broken[1:][:_MOST_RELATED])
        yield Hit(broken[0].source, broken[0].span, message, related=others, boardless=True)
    kernels = {release.name: found.modules(release) for release in found.releases}
    latest = [found.modules(release) for release in newest(found.releases)]
    if not latest or not all(modules.known for modules in latest):
        return
    asked = [_Asked(each.name, each.source, each.span) for each in listed if each not in broken]
    unknown = [each for each in [*asked, *_in_hooks(found)][:_MOST_ASKED] if _is_name(each.name)]
    unknown = [each for each in unknown if not any(modules.has(each.name) for modules in latest)]
    configured = _configured(found) if unknown else set()
    places: Dict[Span, List[_Asked]] = {}
    for each in unknown:
        if each.name.replace("-", "_") not in configured:
            places.setdefault(each.span, []).append(each)
    for group in list(places.values())[:MOST_HITS]:
        yield _unknown_hit(group, latest, kernels)


def _own_list(found: RootFacts) -> List[Listed]:
    path = found.root.label(OWN + "/modules")
    return [each for each in found.listed_modules if each.source.path == path]


def _ends_in_return(listed: Listed) -> bool:
    """Whether the name is the last word of a line with an end of Windows."""
    line = listed.source.lines[listed.span.line - 1]
    return line.ending.startswith("\r") and line.text.split()[-1:] == [listed.name] and len(line.text.split()) == 1


def _is_name(name: str) -> bool:
    """Whether it is the name of a module: no path, no folder (``=drivers/mmc``), no device's alias, no comment."""
    return not name.startswith(("=", "#")) and not any(char in name for char in "/:*?[")


def _in_hooks(found: RootFacts) -> Iterator[_Asked]:
    """The modules that hooks of the administrator always ask for.

    What a condition decides on may be for others, and so may what stands before ``|| true``.
    """
    for entry, script in running_hooks(found):
        if entry.packaged:
            continue
        for copy in copies(script):
            if copy.brings_modules and copy.sure and not _may_lack(script, copy.command):
                for field in copy.sources or ():
                    if not field.pattern:
                        yield _Asked(field.text, script.source, script.place(copy.command))


def _may_lack(script: Script, command: Command) -> bool:
    """Whether the hook says that it goes on without: ``|| true``, ``|| :``."""
    after = next((other for other in script.commands if other.start > command.start), None)
    if after is None or not command.context.tested or not after.context.conditional:
        return False
    return after.name in ("true", ":") and "||" in script.text[command.start : after.start]


def _configured(found: RootFacts) -> Set[str]:
    """The names that the configuration of modprobe makes something of (modprobe.d(5))."""
    names: Set[str] = set()
    for folder in _MODPROBE:
        for name in found.root.names(folder):
            path = "{}/{}".format(folder, name)
            status = found.root.status(path) if name.endswith(".conf") else None
            source = found.root.source(path) if status is not None and status.is_file else None
            for line in source.lines if source is not None else ():
                words = line.text.split()
                if len(words) > 2 and words[0] in ("alias", "install"):
                    names.add(words[1].replace("-", "_"))
    return names


def _unknown_hit(asked: List[_Asked], latest: List[Modules], kernels: Dict[str, Modules]) -> Hit:
    """What one line asks for in vain."""
    first, severity = asked[0], None
    name, releases = first.name.replace("-", "_"), " and ".join(modules.release for modules in latest)
    said = ", ".join(shortened(printable(each.name), 60) for each in asked[:_MOST_NAMES])
    if len(asked) > _MOST_NAMES:
        said += " and {} more".format(len(asked) - _MOST_NAMES)
    older = [release for release, modules in kernels.items() if modules.has(name)]
    successor = _RENAMED.get(name) if len(asked) == 1 else None
    if successor is not None and all(modules.has(successor) for modules in latest):
        message = "{} is an old name, and of no module of {}: {} does its work".format(said, releases, successor)
        severity = "hygiene"
    elif older:
        message = "{} has no module {} any more, as {} had: nothing of it gets into the image"
        message = message.format(releases, said, older[-1])
    else:
        message = "{} has no module {}: nothing of it gets into the image".format(releases, said)
        near = _near(name, latest) if len(asked) == 1 else ""
        message += "; is {} meant?".format(near) if near else ""
    return Hit(first.source, first.span, message, severity=severity, boardless=True)


def _near(name: str, latest: List[Modules]) -> str:
    names = {each for modules in latest for each in (*(modules.depends or ()), *(modules.builtin or ()))}
    return nearest(name, sorted(names), 0.75)


def modules_dep(context: Context, _params: Params) -> Iterator[Hit]:
    """MODULES=dep: an image that only has what the system uses while it is built."""
    found = builder_facts(context)
    setting = found.settings.find("MODULES") if found is not None else None
    if found is None or setting is None or setting.value != "dep":
        return
    used = "MODULES=dep: the image only has the {} of what is in use while it is built"
    if context.profile.get("zymkey") and is_encrypted(context) or any(unlocks(volume) for volume in found.crypttab):
        lacking = _not_forced(found)
        if lacking:
            message = used + ", and nothing asks for {}, over which the security module is reached"
            yield _on_setting(setting, message.format("drivers", ", ".join(lacking)))
        else:
            yield _on_setting(setting, used.format("drivers"), "degraded")
    elif is_encrypted(context):
        yield _on_setting(setting, used.format("ciphers and drivers"), "degraded")
    else:
        yield _on_setting(setting, "MODULES=dep: the image only fits the storage that it is built on", "hygiene")


def _not_forced(found: RootFacts) -> List[str]:
    """The modules that reach the security module and are neither asked for by name nor built in."""
    names = {name.replace("-", "_") for name in brought(found).names}
    latest = [found.modules(release) for release in newest(found.releases)]
    return [
        name
        for name in _KEY_MODULES
        if name.replace("-", "_") not in names and not (latest and all(modules.is_builtin(name) for modules in latest))
    ]


def _on_setting(
    setting: Setting, message: str, severity: Optional[str] = None, when: Optional[Condition] = None
) -> Hit:
    place = setting.place
    others = tuple(
        Related(each.span, "this value does not hold: that one comes later")
        for each in setting.overridden[-_MOST_RELATED:]
    )
    hit = Hit(place.source, place.span, message, related=others, severity=severity, boardless=when is None)
    return hit if when is None else hit._replace(when=when)


def modules_list_incomplete(context: Context, _params: Params) -> Iterator[Hit]:
    """MODULES=list or netboot, where neither the kernel nor a list has what the root takes."""
    found = builder_facts(context)
    setting = found.settings.find("MODULES") if found is not None else None
    if found is None or setting is None or setting.value not in ("list", "netboot"):
        return
    judged = [modules for modules in map(found.modules, newest(found.releases)) if modules.known]
    possible = brought(found)
    if not judged or not possible.whole:
        return
    inside = [(modules, possible.modules(modules)) for modules in judged]
    surely = brought(found, sure=True)
    sure = [(modules, surely.modules(modules)) for modules in judged]
    lacking: Dict[Tuple[Condition, bool], List[Need]] = {}
    for need, when in needs(context).items():
        if when == FALSE or setting.value == "netboot" and _is_in_base(need):
            continue
        if all(_lacks(need, *each) for each in inside):
            lacking.setdefault((when, True), []).append(need)
        elif any(_lacks(need, *each) for each in sure):
            lacking.setdefault((when, False), []).append(need)
    for (when, certain), missing in lacking.items():
        without = ", ".join("without {} {}".format(" or ".join(need.names), need.what) for need in missing)
        end = "and no list brings {}".format("them" if len(missing) > 1 else "it")
        if not certain:
            end += " for sure: hooks may, or other kernels have it built in"
        message = "MODULES={}: {}, {}".format(setting.value, without, end)
        yield _on_setting(setting, message, None if certain else "degraded", when)


def _lacks(need: Need, modules: Modules, present: Set[str]) -> bool:
    """Whether the image has none of them, though the kernel has one as a module."""
    return present.isdisjoint(need.names) and any(name in (modules.depends or ()) for name in need.names)


def _is_in_base(need: Need) -> bool:
    """Whether MODULES=netboot brings it: file systems, but no storage."""
    return bool({"ext4", "btrfs", "f2fs", "jfs", "xfs", "isofs", "udf"}.intersection(need.names))
