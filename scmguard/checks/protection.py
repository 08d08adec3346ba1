"""Doors that the command line leaves open, and protections that it switches off.

Sources: Linux ``Documentation/admin-guide/kernel-parameters.txt``; systemd ``src/basic/proc-cmdline.c`` (the whole of
/proc/cmdline is read, also behind ``--``; the words of runlevels), systemd-debug-generator(8),
systemd-run-generator(8); initramfs-tools 0.142, ``init`` and ``scripts/functions``.
"""

import re
from typing import Callable, Dict, Iterator, NamedTuple, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params, hit_on
from scmguard.checks.kernelargs import MOST_HITS, every_word, loader_worlds, uses_initramfs_tools, with_initramfs
from scmguard.effective.worlds import FALSE, Condition
from scmguard.parse.cmdline_txt import Argument, CommandLine, last

_SHELLS = frozenset(["sh", "ash", "bash", "dash", "zsh", "ksh", "csh", "tcsh", "fish", "sulogin"])
# systemd's words for targets; those that are None do not stop the boot.
_RUNLEVELS = {
    **dict.fromkeys(["emergency", "-b"], "emergency.target"),
    **dict.fromkeys(["rescue", "single", "-s", "s", "S", "1"], "rescue.target"),
    **dict.fromkeys(["2", "3", "4", "5"], "multi-user.target"),
}
_STOPPING = ("emergency", "rescue", "debug-shell")
_BREAKS = frozenset(["top", "modules", "premount", "mount", "mountroot", "bottom", "init"])


def _is_on(value: Optional[str]) -> bool:
    """Whether a switch is on: without a value it is; systemd and the kernel know 0, n, no, f, false, off."""
    return value is None or value.lower() not in ("0", "n", "no", "f", "false", "off", "")


def _is_off(value: Optional[str]) -> bool:
    return value is not None and value != "" and not _is_on(value)


def _last_words(line: CommandLine) -> Dict[str, Argument]:
    """The last argument of each name, with or without a value, ``-`` and ``_`` being the same in it."""
    return {word.name.replace("-", "_"): word for word in every_word(line)}


def _is_shell(value: Optional[str]) -> bool:
    return (value or "").rpartition("/")[2] in _SHELLS


def emergency_shell(context: Context, _params: Params) -> Iterator[Hit]:
    """What makes the boot stop in a shell, and what leaves a shell open beside it."""
    worlds = context.config.worlds
    for condition, line in context.cmdlines:
        if line is None or condition == FALSE:
            continue
        yield from _stops(line, condition)
        yield from _stops_in_initramfs(line, worlds.both(condition, with_initramfs(context)), context)
        yield from _doors(line, condition)


def _stops(line: CommandLine, when: Condition) -> Iterator[Hit]:
    init = last(line.arguments, "init")
    if init is not None and _is_shell(init.value):
        message = "{} starts a shell in place of the system, and nothing else".format(init.text)
        yield hit_on(line, init, message, when)
    target: Tuple[str, Optional[Argument]] = ("", None)
    for word in every_word(line):
        if word.name == "systemd.unit" and word.value:
            target = word.value, word
        elif word.value is None and word.name in _RUNLEVELS:
            target = _RUNLEVELS[word.name], word
    unit, chosen = target
    if chosen is not None and unit.partition(".")[0] in _STOPPING:
        message = "{} makes the boot stop in a shell ({}), and wait there for somebody".format(chosen.text, unit)
        yield hit_on(line, chosen, message, when)
    words = _last_words(line)
    waits, kgdboc = words.get("kgdbwait"), words.get("kgdboc")
    if waits is not None and kgdboc is not None and kgdboc.value:
        message = "kgdbwait stops the kernel until a debugger answers at {}".format(kgdboc.text)
        yield hit_on(line, waits, message, when)


def _stops_in_initramfs(line: CommandLine, when: Condition, context: Context) -> Iterator[Hit]:
    if when == FALSE:
        return
    rdinit = last(line.arguments, "rdinit")
    if rdinit is not None and _is_shell(rdinit.value):
        message = "{} starts a shell in the initramfs, and nothing else".format(rdinit.text)
        yield hit_on(line, rdinit, message, when)
    found = [word for word in line.initramfs_words if word.name == "break"]
    points = (found[-1].value or "").split(",") if found and found[-1].value is not None else ["premount"]
    if found and _BREAKS.intersection(points):
        message = "{} stops the boot in a shell of the initramfs".format(found[-1].text)
        yield hit_on(line, found[-1], message, when)
    tools, words = uses_initramfs_tools(context), _last_words(line)
    for name in ("rd.break", "rd.shell", "rd.emergency", "rd.rescue", "rd.systemd.debug_shell"):
        word = words.get(name)
        if word is None or not _is_on(word.value):
            continue
        message = "{} asks the initramfs for a shell".format(word.text)
        if tools:
            message += "; initramfs-tools does not know it"
        yield hit_on(line, word, message, when, severity="hygiene" if tools else "degraded")


def _doors(line: CommandLine, when: Condition) -> Iterator[Hit]:
    words = _last_words(line)
    for name, says in (
        ("systemd.debug_shell", "opens a root shell without a password, from early boot on"),
        ("systemd.crash_shell", "opens a shell when systemd crashes"),
    ):
        word = words.get(name)
        if word is not None and _is_on(word.value):
            yield hit_on(line, word, "{} {}".format(word.text, says), when, severity="degraded")
    settings = {(word.name, word.value): word for word in every_word(line)}
    for value in ("1", "yes", "true", "on"):
        word = settings.get(("systemd.setenv", "SYSTEMD_SULOGIN_FORCE=" + value))
        if word is not None:
            message = "{}: the rescue shell asks for no password".format(word.text)
            yield hit_on(line, word, message, when, severity="degraded")
    for unit in _STOPPING:
        for kind in (".target", ".service"):
            word = settings.get(("systemd.wants", unit + kind))
            if word is not None:
                message = "{} starts a shell at boot".format(word.text)
                yield hit_on(line, word, message, when, severity="degraded")


class _Switch(NamedTuple):
    """A parameter that takes a protection away: when it does, and what is lost. ``serious``: on our boards."""

    bad: Callable[[Optional[str]], bool]
    lost: str
    serious: bool = True


def _always(_value: Optional[str]) -> bool:
    return True


def _among(*values: str) -> Callable[[Optional[str]], bool]:
    return lambda value: value is not None and value.split(",")[0] in values


_NO_SUCH_CPU = "no Raspberry Pi has it: this changes nothing"
# Names with ``_`` for ``-``. What is not serious has no effect on an ARM core of a Raspberry Pi, or is the default.
_SWITCHES: Dict[str, _Switch] = {
    "mitigations": _Switch(_among("off"), "the mitigations against CPU bugs"),
    "kpti": _Switch(_is_off, "the kernel's page table isolation"),
    "nospectre_v2": _Switch(_always, "the mitigation of Spectre v2"),
    "nospectre_bhb": _Switch(_always, "the mitigation of Spectre-BHB"),
    "ssbd": _Switch(_among("force-off"), "the mitigation of speculative store bypass"),
    "nokaslr": _Switch(_always, "the random address of the kernel"),
    "norandmaps": _Switch(_always, "the random addresses of programs"),
    "randomize_kstack_offset": _Switch(_is_off, "the random offset of the kernel's stack"),
    "rodata": _Switch(_is_off, "the write protection of the kernel's code"),
    "hardened_usercopy": _Switch(_is_off, "the checks of copies from and to user space"),
    "init_on_alloc": _Switch(_is_off, "the clearing of memory that is handed out"),
    "no_hash_pointers": _Switch(_always, "the hiding of kernel addresses"),
    "hash_pointers": _Switch(_among("never"), "the hiding of kernel addresses"),
    "iomem": _Switch(_among("relaxed"), "the protection of device memory from /dev/mem"),
    "module.sig_enforce": _Switch(_is_off, "the refusal of unsigned modules"),
    "lockdown": _Switch(_among("none"), "the kernel's lockdown"),
    "apparmor": _Switch(_among("0"), "AppArmor"),
    "selinux": _Switch(_among("0"), "SELinux"),
    "enforcing": _Switch(_among("0"), "SELinux's enforcing mode"),
    "ima_appraise": _Switch(_among("off", "fix", "log"), "the appraisal of files by IMA"),
    "sysrq_always_enabled": _Switch(_always, "the limits of the magic SysRq key"),
    "kgdboc": _Switch(bool, "the kernel's privacy: a debugger can be attached there"),
    "slub_debug": _Switch(lambda value: value != "-", "the hiding of kernel addresses", False),
    "slab_debug": _Switch(lambda value: value != "-", "the hiding of kernel addresses", False),
    "debugfs": _Switch(_among("on"), "the closed debugfs, if the kernel has it closed", False),
    "nopti": _Switch(_always, "nothing here: an option of x86", False),
    "pti": _Switch(_is_off, "nothing here: an option of x86", False),
    "nospectre_v1": _Switch(_always, "nothing here: an option of x86 and PowerPC", False),
    "arm64.nobti": _Switch(_always, "branch target identification; " + _NO_SUCH_CPU, False),
    "arm64.nopauth": _Switch(_always, "pointer authentication; " + _NO_SUCH_CPU, False),
    "arm64.nomte": _Switch(_always, "memory tagging; " + _NO_SUCH_CPU, False),
    "arm64.nogcs": _Switch(_always, "the guarded control stack; " + _NO_SUCH_CPU, False),
}
_ENFORCING = r"(?m)^[ \t]*SELINUX[ \t]*=[ \t]*enforcing\b"


def protection_disabled(context: Context, _params: Params) -> Iterator[Hit]:
    """On a locked device: each parameter by which the kernel gives a protection up. The last value of a name counts."""
    if not context.profile.get("locked"):
        return
    for condition, line in context.cmdlines:
        found: Dict[str, Argument] = {}
        for argument in line.arguments if line is not None else ():
            name = argument.name.replace("-", "_")
            if name in _SWITCHES:
                found[name] = argument
        for name, argument in found.items():
            switch = _SWITCHES[name]
            if line is None or not switch.bad(argument.value):
                continue
            serious = switch.serious and (name not in ("selinux", "enforcing") or _wants_selinux(context))
            message = "{} gives up {}".format(argument.text, switch.lost)
            severity = None if serious else "hygiene"
            yield hit_on(line, argument, message, condition, severity=severity)


def _wants_selinux(context: Context) -> bool:
    file = context.boot.root.source("etc/selinux/config") if context.boot.root is not None else None
    return file is not None and bool(re.search(_ENFORCING, file.text))


_SERIAL = r"(?:serial|ttyAMA|ttyS|ttyUSB|ttyACM|ttyGS|ttymxc|uart|pl011)\d*\b"


def console_on_serial(context: Context, _params: Params) -> Iterator[Hit]:
    """On a locked device: a console on a serial port, and above all one that gets the shell of the initramfs.

    The last ``console=`` is /dev/console, and there initramfs-tools opens its shell when the root does not come up,
    unless ``panic=`` forbids it.
    """
    if not context.profile.get("locked"):
        return
    worlds = context.config.worlds
    on = context.config.number("enable_uart").where(lambda number: number != 0)
    shell = worlds.without(worlds.both(with_initramfs(context), on), loader_worlds(context))
    for condition, line in context.cmdlines:
        if line is None:
            continue
        consoles = [each for each in line.arguments if each.name == "console" and each.value]
        guarded = last(line.arguments, "panic") is not None
        for argument in consoles[-MOST_HITS:]:
            if not re.match(_SERIAL, argument.value or ""):
                continue
            message, when = "{} lets a serial port see the boot, and log in".format(argument.text), condition
            if argument is consoles[-1] and not guarded:
                open_ = worlds.both(condition, shell)
                says = (
                    "{} is the last console, and panic= is not set: if the root does not open, there is a shell on it"
                )
                yield hit_on(line, argument, says.format(argument.text), open_)
                when = worlds.without(condition, open_)
            yield hit_on(line, argument, message, when, severity="hygiene")
        for name in ("earlycon", "earlyprintk"):
            argument_ = _last_words(line).get(name)
            if argument_ is not None:
                message = "{} prints what the kernel does on a serial port".format(argument_.text)
                yield hit_on(line, argument_, message, condition, severity="hygiene")
