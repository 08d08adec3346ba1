"""What an image carries for its first boot, and what stays behind of it.

Sources: RPi-Distro/pi-gen and raspberrypi-sys-mods (``firstboot``, ``resize``), Raspberry Pi Imager (``systemd.run=``),
systemd-run-generator(8).
"""

from typing import Iterator

from scmguard.checks.base import Context, Hit, Params, hit_on
from scmguard.checks.kernelargs import every_word, with_initramfs
from scmguard.effective.worlds import Condition
from scmguard.finding import Related
from scmguard.parse.cmdline_txt import CommandLine, last
from scmguard.rootfs.mounts import BOOT_FOLDERS

_FIRST_INIT = (
    "/usr/lib/raspi-config/init_resize.sh",
    "/usr/lib/raspberrypi-sys-mods/firstboot",
    "/usr/lib/raspberrypi-sys-mods/firstboot.sh",
)
_RUN_TARGET = "kernel-command-line.target"


def first_boot_leftover(context: Context, _params: Params) -> Iterator[Hit]:
    """What an image has for its first boot, and a device that has booted must not have any more.

    An image that was never started has it rightly. It is a fault where the program is not there, and where the profile
    says that the device is in production.
    """
    worlds, initramfs = context.config.worlds, with_initramfs(context)
    usual = "degraded" if context.profile.get("locked") else "hygiene"
    for condition, line in context.cmdlines:
        if line is None:
            continue
        init = last(line.arguments, "init")
        if init is not None and init.value in _FIRST_INIT:
            message = "{} is for the first boot".format(init.text)
            place = line.place(init)
            if _is_missing(context, init.value or ""):
                message += ", and that program is not there"
                # initramfs-tools looks for another init then; the kernel by itself stops.
                yield Hit(line.source, place, message, worlds.without(condition, initramfs))
                yield Hit(line.source, place, message, worlds.both(condition, initramfs), severity="degraded")
            else:
                yield Hit(line.source, place, message, condition, severity=usual)
        yield from _run_once(context, line, condition, usual)
        for argument in line.arguments:
            if argument.name == "resize" and argument.value is None:
                message = "resize is for the first boot: it makes the root file system fill its disk"
                yield hit_on(line, argument, message, condition, severity="hygiene")
                break


def _run_once(context: Context, line: CommandLine, when: Condition, usual: str) -> Iterator[Hit]:
    words = every_word(line)
    runs = [word for word in words if word.name == "systemd.run" and word.value]
    units = [word for word in words if word.name == "systemd.unit" and word.value]
    actions = [word for word in words if word.name in ("systemd.run_success_action", "systemd.run_failure_action")]
    if runs:
        related = tuple(Related(line.place(word), "this belongs to it") for word in [*actions[:2], *units[-1:]])
        missing = [word for word in runs if _is_missing(context, (word.value or "").split(" ")[0])]
        if missing:
            message = "{}: there is no such program, and the device powers down when it fails".format(missing[0].text)
            kept = any(word.name == "systemd.run_failure_action" and word.value == "none" for word in actions)
            severity = "degraded" if kept else None
            yield hit_on(line, missing[0], message, when, related, severity)
        else:
            message = "{} is for the first boot: the device then restarts or powers down".format(runs[0].text)
            yield hit_on(line, runs[0], message, when, related, usual)
    elif units and units[-1].value == _RUN_TARGET:
        message = "{} without systemd.run=: nothing of the system is started".format(units[-1].text)
        yield hit_on(line, units[-1], message, when)
    elif actions:
        message = "{} is for the first boot, and does nothing without systemd.run=".format(actions[0].text)
        yield hit_on(line, actions[0], message, when, severity="hygiene")


def _is_missing(context: Context, program: str) -> bool:
    """Whether a program is certainly not there. Below /boot, the boot partition itself is asked as well."""
    boot, name = context.boot, program.lstrip("/")
    if not program.startswith("/"):
        return False
    folder = next((each.strip("/") + "/" for each in BOOT_FOLDERS if name.startswith(each.strip("/") + "/")), "")
    on_boot = name[len(folder) :] if folder else ""
    if not on_boot:
        # A root file system of which only some files are known says nothing.
        return boot.root is not None and _is_whole(context) and not boot.root.exists(name)
    if boot.single or not (boot.has_binaries or boot.root is not None):
        return False
    return not boot.exists(on_boot) and not (boot.root is not None and boot.root.exists(name))


def _is_whole(context: Context) -> bool:
    root = context.boot.root
    return root is not None and any(root.exists(name) for name in ("usr/bin", "usr/sbin", "sbin/init"))
