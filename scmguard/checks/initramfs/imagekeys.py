"""Whether the key scripts in an initramfs image can run, and find there what they call.

Sources: cryptsetup 2:2.6.1-4~deb12u2, ``lib/cryptsetup/functions`` (run_keyscript) and ``scripts/local-top/cryptroot``;
initramfs-tools 0.142, ``init`` (PATH). Zymbit's ``mk_encr_sd_rfs.sh`` and documentation (``bootware/2.0.0``): the key
comes from the module through ``zkunlockifs`` over I2C, with the files of /var/lib/zymbit.
"""

from typing import Iterator, List, NamedTuple, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.imagecrypto import volumes_inside
from scmguard.checks.initramfs.images import Image, each_image, kernel_releases, present_modules
from scmguard.checks.zymkey import over_usb
from scmguard.effective.worlds import FALSE, Condition
from scmguard.finding import Related
from scmguard.initramfs.busybox import ASH_BUILTINS, BUILTINS
from scmguard.initramfs.keyscriptcalls import Call, calls, each_once
from scmguard.initrd.contents import Contents, ImageFolder
from scmguard.parse.initramfs_sh import Script, read_script
from scmguard.rootfs.crypttab import Volume
from scmguard.rootfs.zymbit import HOME, unlocks
from scmguard.text import printable, shortened

# Where the shell of an initramfs looks for commands.
_PATH = ("sbin", "usr/sbin", "bin", "usr/bin")
_UNLOCKER = "zkunlockifs"
_BUS = ("i2c_dev", "i2c_bcm2835")
_MOST_NAMED = 6


class _Fault(NamedTuple):
    """What is wrong, as the end of a sentence that begins with the image; ``severity`` None is the rule's."""

    message: str
    severity: Optional[str] = None


def initrd_without_keyscript(context: Context, _params: Params) -> Iterator[Hit]:
    """Images in which a volume's key script is not there, cannot start, or lacks what it calls."""

    def judge(image: Image) -> Iterator[Hit]:
        for volume in volumes_inside(image):
            path = volume.keyscript
            if path is None:
                continue
            related = (Related(volume.span, "{} gets its key from it".format(_shown(volume.target))),)
            for fault in _faults(image, path):
                message = "{}: {}".format(image.path, fault.message)
                yield Hit(None, image.span, message, image.when, related, fault.severity)
            if unlocks(volume):
                yield from _zymbit(context, image, volume)

    yield from each_image(context, judge)


def _faults(image: Image, path: str) -> Iterator[_Fault]:
    contents, shown = image.contents, _shown("/" + path)
    member = contents.find(path)
    if member is None:
        yield _Fault("the key script {} is not in it".format(shown))
        return
    if not member.is_executable:
        yield _Fault("the key script {} in it is not executable (mode {:04o})".format(shown, member.mode & 0o7777))
        return
    if contents.program(path) is not None:
        lacking = contents.lacking_libraries(path)
        if lacking:
            yield _Fault("the key program {} lacks {}, and cannot start".format(shown, ", ".join(lacking[:4])))
        return
    data = contents.text(path)
    if data is None or b"\0" in data:
        return
    yield from _of_script(image, shown, read_script("{} ({})".format(path, image.path), data))


def _of_script(image: Image, shown: str, script: Script) -> Iterator[_Fault]:
    interpreter = script.interpreter
    first = script.text.partition("\n")[0]
    if interpreter is None:
        yield _Fault("the key script {} does not begin with #!, and runs by luck".format(shown), "hygiene")
    elif first.endswith("\r"):
        yield _Fault("the first line of the key script {} ends with a carriage return: it cannot start".format(shown))
        return
    elif _program(image.contents, interpreter) is None:
        message = "{}, which runs the key script {}, is not in it"
        yield _Fault(message.format(_shown(" ".join(interpreter).strip()), shown))
        return
    yield from _called(image, shown, script)


def _program(contents: Contents, interpreter: Tuple[str, str]) -> Optional[str]:
    """Where the interpreter of a script is in an image, ``env`` looked through; None where it is not there."""
    program, argument = interpreter
    if program.rpartition("/")[2] == "env" and argument:
        return _where(contents, argument.split()[-1])
    return _where(contents, program)


def _where(contents: Contents, command: str) -> Optional[str]:
    """The path at which a command is found in an image; None where it is not there."""
    tries = [command] if "/" in command else ["{}/{}".format(folder, command) for folder in _PATH]
    for path in tries:
        member = contents.find(path)
        if member is not None and member.is_executable:
            return path
    return None


def _called(image: Image, shown: str, script: Script) -> Iterator[_Fault]:
    """Commands of a script that are not in the image, and programs that lack libraries there."""
    contents = image.contents
    read = calls(script, ImageFolder(contents, image.path))
    if read is None or (read.path is None and any("/" not in call.name for call in read.calls)):
        return
    absent: List[Call] = []
    for call in each_once(read.calls):
        if call.reads or call.name in BUILTINS or call.name in ASH_BUILTINS:
            continue
        path = _where(contents, call.name)
        if path is None:
            absent.append(call)
            continue
        lacking = contents.lacking_libraries(path)
        if lacking:
            message = "{}, which the key script {} calls, lacks {}"
            names = _shown(call.name), shown, ", ".join(lacking[:4])
            yield _Fault(message.format(*names), None if call.sure else "degraded")
    for sure in (True, False):
        named = [_shown(call.name) for call in absent if call.sure == sure]
        if named:
            more = " and others" if len(named) > _MOST_NAMED else ""
            message = "the key script {} {} {}{}, and the image has no such program".format(
                shown, "needs" if sure else "may need", ", ".join(named[:_MOST_NAMED]), more
            )
            yield _Fault(message, None if sure else "degraded")


def _zymbit(context: Context, image: Image, volume: Volume) -> Iterator[Hit]:
    """What the key of a Zymbit module takes besides the script."""
    contents = image.contents
    faults: List[Tuple[str, Condition, Optional[str]]] = []
    if not any(name.rpartition("/")[2] == _UNLOCKER for name in contents.members):
        faults.append(("{}, which gets the key from the module, is not in it".format(_UNLOCKER), image.when, None))
    if contents.find(HOME) is None:
        faults.append(("/{}, which binds the root to the module, is not in it".format(HOME), image.when, None))
    for _name, when, release in kernel_releases(context):
        both = context.config.worlds.both(when, image.when)
        if release is None or release not in contents.releases or both == FALSE:
            continue
        present = present_modules(context, contents, release)
        missed = [name for name in _BUS if present.is_missed(name)]
        if missed:
            message = "it lacks {} for {}, over which the module is reached".format(" and ".join(missed), release)
            faults.append((message, both, "degraded" if over_usb(context) else None))
    related = (Related(volume.span, "{} gets its key from the module".format(_shown(volume.target))),)
    for text, when, severity in faults:
        yield Hit(None, image.span, "{}: {}".format(image.path, text), when, related, severity)


def _shown(name: str) -> str:
    return printable(shortened(name, 80))
