"""What runs now against what the files would boot: every edit since the last boot shows here, meant or not.

Sources: reference of the kernel command line: the firmware puts its own arguments in front of those of cmdline.txt and
writes the name of a real port for ``serial0`` (Raspberry Pi documentation,
``configuration/kernel-command-line-config.adoc`` and ``configuration/uart.adoc``); of several ``root=`` the last
counts (Linux, ``init/do_mounts.c``).
"""

import re
from typing import Iterator, List, Optional, Set, Tuple

from scmguard.checks.base import Context, Hit, Params, hit_at, hit_file, hit_on, known
from scmguard.checks.device.common import asked
from scmguard.checks.initramfs.images import kernel_releases
from scmguard.effective.worlds import FALSE
from scmguard.finding import Related
from scmguard.folder import Lacking
from scmguard.parse.cmdline_txt import Argument, CommandLine, last
from scmguard.text import Source, Span, encode

# What decides how the system starts, and what the firmware never adds on its own.
_TELLING = frozenset(
    (
        *(
            "root",
            "rootflags",
            "rootfstype",
            "rootdelay",
            "init",
            "rdinit",
            "cryptdevice",
            "cryptopts",
            "ip",
            "nfsroot",
        ),
        *("panic", "break", "single", "overlayroot", "fsck.mode", "resume", "systemd.unit", "ro", "rw"),
    )
)
_CONSOLE = re.compile(r"console=(?:serial[01]|tty(?:S|AMA)[0-9]+)\b")


def running_differs_from_files(context: Context, _params: Params) -> Iterator[Hit]:
    """Command line, USB controller and kernel of the next boot, where they are other ones than now."""
    lacking: Optional[Lacking] = None
    for look in (_cmdline, _usb, _kernel):
        try:
            yield from look(context)
        except Lacking as error:
            lacking = error
    if lacking is not None:
        raise lacking


def _cmdline(context: Context) -> Iterator[Hit]:
    fact = asked(context).cmdline
    text = known(fact, "the running kernel's command line")
    assert text is not None
    running = CommandLine(Source(fact.source, encode(text))).arguments
    for when, line in context.cmdlines:
        if line is None or when == FALSE:
            continue
        root, now = last(line.arguments, "root"), last(running, "root")
        if root is not None and now is not None and root.text != now.text:
            message = "the next boot has {}, and {} is what runs now".format(root.text, now.text)
            yield hit_on(line, root, message, when, severity="degraded")
        added, gone = _added(line, running), _gone(line, running)
        for argument in added:
            if argument.name != "root" or now is None:
                message = "{} is new: the running kernel was started without it".format(argument.text)
                yield hit_on(line, argument, message, when)
        if gone:
            message = "the running kernel was started with {}, and the next one will not be".format(", ".join(gone))
            yield Hit(line.source, Span(line.source.path), message, when)


def _added(line: CommandLine, running: Tuple[Argument, ...]) -> List[Argument]:
    """Arguments of the file that the running kernel did not get. A serial console has another name there."""
    present: Set[str] = {each.text for each in running}
    serial = any(_CONSOLE.match(each.text) for each in running)
    return [each for each in line.arguments if each.text not in present and not (serial and _CONSOLE.match(each.text))]


def _gone(line: CommandLine, running: Tuple[Argument, ...]) -> List[str]:
    names = {each.name for each in line.arguments}
    gone = [each.text for each in running if each.name in _TELLING and each.name not in names]
    return list(dict.fromkeys(gone))


def _usb(context: Context) -> Iterator[Hit]:
    usb = known(asked(context).usb, "which driver has the USB port")
    assert usb is not None
    wanted = bool(context.profile.get("usb-host"))
    severity = "degraded" if wanted else None
    for when, will in context.config.usb:
        differs = will.controller != usb.controller or will.controller == "dwc2" and will.dr_mode != usb.mode
        if when == FALSE or not differs:
            continue
        message = "after the next boot the USB port is run by {}, and now by {}"
        message = message.format(_state(will.controller, will.dr_mode), _state(usb.controller, usb.mode))
        if will.place is not None:
            yield hit_at(will.place, message, when, severity=severity)
        elif wanted:
            # No line decides. Which driver a kernel has for the port by itself is not the same for all kernels.
            yield hit_file(context.config.start, message, when, severity=severity)


def _state(controller: str, mode: Optional[str]) -> str:
    if controller == "none":
        return "no driver"
    return "{} in {} mode".format(controller, mode) if mode else controller


def _kernel(context: Context) -> Iterator[Hit]:
    running = known(asked(context).kernel, "the release of the running kernel")
    for name, when, release in kernel_releases(context):
        if release is not None and release != running:
            message = "the next boot starts kernel {}, and {} runs now".format(release, running)
            span = Span(context.boot.files.label(name))
            related = (Related(Span("/proc/sys/kernel/osrelease"), "the running kernel"),)
            yield Hit(None, span, message, when, related)
