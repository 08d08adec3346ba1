"""Unattended upgrades: an update-initramfs that fails while nobody looks leaves an encrypted root without a way in.

What decides, in apt 2.6.1 and unattended-upgrades 2.9.1 (facts read in their files, and tried):

* ``apt.systemd.daily`` asks ``apt-config shell`` for each value. ``APT::Periodic::Enable`` is on by default and off
  only where dash's ``[ $value -eq 0 ]`` holds: ``0`` or ``00``, but not ``false``, ``no`` or an empty value.
* ``APT::Periodic::Unattended-Upgrade`` is 0 by default. ``check_stamp`` compares its first word with the text ``0``;
  everything else (``always``, ``1``, ``12h``, and also ``00``, ``no`` or an empty value) runs the upgrade, at least
  while there is no stamp file.
* ``Update-Package-Lists`` and ``Download-Upgradeable-Packages`` decide on downloads alone.
* ``apt-daily-upgrade.timer`` starts ``apt-daily-upgrade.service``, which runs the script with ``install``.
  ``cron.daily/apt-compat`` runs the same script, and nothing where ``/run/systemd/system`` is there.
* ``unattended-upgrades.service`` acts at shutdown. With ``Unattended-Upgrade::InstallOnShutdown`` it upgrades there
  whatever ``APT::Periodic`` says, and the script's own run ends without upgrading anything.
"""

import re
from typing import Iterator, List, NamedTuple, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.finding import Related
from scmguard.folder import Folder
from scmguard.rootfs import apt, dpkg, systemd
from scmguard.text import Source, Span, printable

PACKAGE = "unattended-upgrades"
PROGRAM = "usr/bin/unattended-upgrade"
TIMER = "apt-daily-upgrade.timer"
SERVICE = "apt-daily-upgrade.service"
SHUTDOWN_SERVICE = "unattended-upgrades.service"
CRON_JOB = "etc/cron.daily/apt-compat"

ENABLE = "APT::Periodic::Enable"
INTERVAL = "APT::Periodic::Unattended-Upgrade"
ON_SHUTDOWN = "Unattended-Upgrade::InstallOnShutdown"

# An integer that dash's test takes for 0.
_ZERO = r"[+-]?0+\Z"


class _Setting(NamedTuple):
    """Whether apt's configuration switches something on, what says so, and where."""

    on: bool
    says: str
    option: Optional[apt.Option]


class _Starter(NamedTuple):
    """Whether anything starts it, what says so, and the file that decides (empty if none does)."""

    on: bool
    says: str
    path: str


def unattended_upgrades_active(context: Context, _params: Params) -> Iterator[Hit]:
    """unattended-upgrades must not run by itself on the root file system.

    It runs if it is installed, apt's configuration switches it on, and something starts it. Installed and held back
    by one of the two alone, it is a hit of severity ``hygiene``; held back by both, none. Raises Unreadable.
    """
    root = context.boot.root
    installed = None if root is None else _installed(root)
    if root is None or installed is None:
        return
    options = apt.read(root)
    setting, starter, verb = _at_shutdown(options), _shutdown_starter(root), "runs at every shutdown"
    if not setting.on:
        options = apt.read(root, "apt-config")
        setting, starter, verb = _periodic(options), _periodic_starter(root), "runs by itself"
    related = list(_related(root, setting, starter, installed, options))
    if setting.on and starter.on:
        message = "{} {}: {}, and {}".format(PACKAGE, verb, setting.says, starter.says)
        source, span = _place(setting, installed)
        yield Hit(source, span, message, related=tuple(related), boardless=True)
    elif setting.on or starter.on:
        reason = starter.says if setting.on else setting.says
        message = "{} is installed, and one thing alone keeps it from running: {}".format(PACKAGE, reason)
        source, span = _place(setting, installed)
        yield Hit(source, span, message, related=tuple(related), severity="hygiene", boardless=True)


def _place(setting: _Setting, installed: Span) -> Tuple[Optional[Source], Span]:
    """The line that decides; where none does, what is installed."""
    if setting.option is None:
        return None, installed
    return setting.option.place.source, setting.option.place.span


def _related(
    root: Folder, setting: _Setting, starter: _Starter, installed: Span, options: apt.AptOptions
) -> Iterator[Related]:
    if starter.path:
        yield Related(Span(root.label(starter.path)), starter.says)
    if setting.option is not None:
        yield Related(installed, "{} is installed".format(PACKAGE))
        for place in setting.option.overridden:
            yield Related(place.span, "overridden: {}".format(_quoted(place.value)))
    if starter.on and setting.on and starter.says.startswith("apt-daily"):
        service = systemd.unit(root, SHUTDOWN_SERVICE)
        if service.state in ("masked", "disabled"):
            message = "{} is {}, which does not stop this: it acts at shutdown only"
            yield Related(Span(root.label(service.path)), message.format(SHUTDOWN_SERVICE, service.state))
    for fault in options.faults:
        message = "apt stops at an error here and runs nothing until it is mended: {}"
        yield Related(fault.span, message.format(fault.reason))


def _installed(root: Folder) -> Optional[Span]:
    """Where it says that the package is installed, or its program; None for neither."""
    found = dpkg.package(root, PACKAGE)
    if found is not None and found.is_present:
        return found.span
    return Span(root.label(PROGRAM)) if root.exists(PROGRAM) else None


def _periodic(options: apt.AptOptions) -> _Setting:
    enable = options.find(ENABLE)
    if enable is not None and _is_zero(enable.value):
        return _Setting(False, _says(ENABLE, enable), enable)
    interval = options.find(INTERVAL)
    if interval is None:
        return _Setting(False, "{} is not set".format(INTERVAL), None)
    return _Setting(interval.value.split()[:1] != ["0"], _says(INTERVAL, interval), interval)


def _at_shutdown(options: apt.AptOptions) -> _Setting:
    option = options.find(ON_SHUTDOWN)
    if option is None:
        return _Setting(False, "{} is not set".format(ON_SHUTDOWN), None)
    return _Setting(apt.truth(option.value) is True, _says(ON_SHUTDOWN, option), option)


def _is_zero(value: str) -> bool:
    """What ``[ $value -eq 0 ]`` is in dash: several words, or none, are an error and so not true."""
    words = value.split()
    return len(words) == 1 and re.match(_ZERO, words[0]) is not None


def _says(name: str, option: apt.Option) -> str:
    return "{} is {}".format(name, _quoted(option.value))


def _quoted(value: str) -> str:
    return '"{}"'.format(printable(value))


def _periodic_starter(root: Folder) -> _Starter:
    """What runs apt.systemd.daily: systemd's timer, or cron. Where no file tells which is in charge, either will do."""
    booted = systemd.runs_systemd(root)
    starters: List[_Starter] = []
    if booted is not False:
        starters.append(_timer(root))
    if booted is not True:
        if root.exists(CRON_JOB):
            starters.append(_Starter(True, "cron has a daily job for it", CRON_JOB))
        else:
            starters.append(_Starter(False, "cron has no daily job for it", ""))
    return next((one for one in starters if one.on), starters[0])


def _timer(root: Folder) -> _Starter:
    service = systemd.unit(root, SERVICE)
    timer = systemd.unit(root, TIMER)
    decides = timer if service.can_start and service.state != "enabled" else service
    return _Starter(decides.state == "enabled", "{} is {}".format(decides.name, decides.state), decides.path)


def _shutdown_starter(root: Folder) -> _Starter:
    """What runs unattended-upgrade-shutdown: a systemd service, or a script of the runlevels 0 and 6."""
    booted = systemd.runs_systemd(root)
    service = systemd.unit(root, SHUTDOWN_SERVICE)
    starter = _Starter(service.state == "enabled", "{} is {}".format(SHUTDOWN_SERVICE, service.state), service.path)
    if booted is True or (booted is None and starter.on):
        return starter
    for folder in ("etc/rc0.d", "etc/rc6.d"):
        for name in root.names(folder):
            if name.startswith("K") and name[3:] == PACKAGE:
                return _Starter(True, "its script runs at shutdown", folder + "/" + name)
    return _Starter(False, "no script of it runs at shutdown", "") if booted is False else starter
