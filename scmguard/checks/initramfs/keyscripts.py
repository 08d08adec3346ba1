"""Key scripts of crypttab: whether the initramfs gets them, can start them, and has what they call.

Sources: cryptsetup 2:2.6.1-4~deb12u2 and 2:2.7.5-2, ``lib/cryptsetup/functions`` (crypttab_validate_option: the line is
invalid where the key script is no executable file; run_keyscript: it is started with ``exec``) and ``hooks/cryptroot``
(the script alone is copied). Tried on Debian 12 with that hook, and with busybox's and klibc's shells.
"""

import re
from typing import Iterator, List, NamedTuple, Optional, Set

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import builder_facts
from scmguard.checks.initramfs.volumes import Early, early_volumes, image_programs
from scmguard.elf import MAGIC
from scmguard.finding import Related
from scmguard.folder import Folder
from scmguard.initramfs.facts import RootFacts
from scmguard.initramfs.keyscriptcalls import Call, calls, each_once
from scmguard.initramfs.programs import ImagePrograms
from scmguard.meant import did_you_mean
from scmguard.parse.initramfs_sh import Script, read_script
from scmguard.rootfs.crypttab import Option
from scmguard.rootfs.links import after_links
from scmguard.text import Span, printable, shortened

# Key scripts are short; what is larger is no script that anybody wrote.
_LARGEST = 256 * 1024
_SHELLS = frozenset(["sh", "ash", "dash", "bash"])
# What busybox's shell takes and dash refuses: there the parser cannot tell.
_NOT_DASH = re.compile(r"\bfunction\b|[<>]\(")
_LATE_SHEBANG = re.compile(r"\ufeff?[ \t\r\n]*#![ \t]*(\S+)")
# A finding names so many commands.
_MOST_NAMED = 6


class _Keyscript(NamedTuple):
    """A key script that a volume names: the option, its path in the root folder as it is named, and after links.

    ``script`` is None where it cannot be started, or is no text.
    """

    early: Early
    option: Option
    named: str
    path: str
    script: Optional[Script]


def _keyscripts(context: Context, found: RootFacts) -> Iterator[_Keyscript]:
    """The key scripts of the volumes that the initramfs opens; not of lines that are broken (crypttab-unusable)."""
    for early in early_volumes(context, found):
        volume = early.volume
        # The last one is used; each of them has to be there.
        for option in volume.options if volume.is_whole and volume.ending else ():
            ends_line = option is volume.options[-1] and "\r" in volume.ending
            named = option.script if option.name == "keyscript" and not ends_line else None
            if named is not None and len(option.text.split()) == 1:
                path = after_links(found.root, named)
                yield _Keyscript(early, option, named, path, _script(found.root, path))


def _script(root: Folder, path: str) -> Optional[Script]:
    status = root.status(path)
    if status is None or not status.is_executable or status.size > _LARGEST:
        return None
    source = root.source(path)
    if source is None or source.data.startswith(MAGIC) or "\0" in source.text:
        return None
    return read_script(source.path, source.data)


def keyscript_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """Key scripts that are not there, or cannot be started."""
    found = builder_facts(context)
    if found is None:
        return
    for keyscript in _keyscripts(context, found):
        if keyscript.script is not None:
            yield from _start(keyscript, keyscript.script)
        elif not _is_rest(found.root, keyscript.named):
            fault = _absence(found.root, keyscript)
            if fault:
                yield _at_line(keyscript, "{}: cryptsetup's hook leaves this line out of the image".format(fault))


def _is_rest(root: Folder, named: str) -> bool:
    """Whether the tree is a part of a root file system alone, to which the folder of the script does not belong."""
    folder = after_links(root, "/".join(named.split("/")[:-1][:2]))
    return not root.exists("usr/bin") and not root.exists(folder)


def _absence(root: Folder, keyscript: _Keyscript) -> str:
    """Why cryptsetup takes a file for no key script; empty where it is one."""
    shown = printable(shortened("/" + keyscript.named))
    status = root.status(keyscript.path)
    if status is None or root.link(keyscript.path) is not None:
        return "the key script {} is not there{}".format(shown, _near(root, keyscript.path))
    if not status.is_file:
        return "the key script {} is no regular file".format(shown)
    if not status.is_executable:
        return "the key script {} is not executable (mode {:04o})".format(shown, status.mode)
    return ""


def _near(root: Folder, path: str) -> str:
    folder, _, name = path.rpartition("/")
    return printable(did_you_mean(name, root.names(folder)[:500]))


def _at_line(keyscript: _Keyscript, message: str) -> Hit:
    volume = keyscript.early.volume
    return Hit(volume.file, keyscript.option.span, message, severity=keyscript.early.severity, boardless=True)


def _in_script(
    keyscript: _Keyscript, span: Span, message: str, severity: Optional[str], related: List[Related]
) -> Iterator[Hit]:
    """A hit in a key script; the line that names it is a related place."""
    if keyscript.script is not None:
        target = printable(shortened(keyscript.early.volume.target, 60))
        places = (*related, Related(keyscript.option.span, "{} gets its key from it".format(target)))
        yield Hit(keyscript.script.source, span, message, related=places, severity=severity, boardless=True)


def _start(keyscript: _Keyscript, script: Script) -> Iterator[Hit]:
    """What keeps a script from being started, or from being read to its end."""
    source, severity = script.source, keyscript.early.severity
    interpreter = script.interpreter
    if interpreter is not None and "\r" in script.text.partition("\n")[0]:
        message = "a carriage return ends the first line: the kernel finds no such interpreter, and no key comes"
        yield from _in_script(keyscript, source.span(1), message, severity, [])
        return
    if interpreter is not None and not _is_shell(interpreter[0]):
        return
    late = _LATE_SHEBANG.match(script.text) if interpreter is None else None
    if late is not None and not _is_shell(late.group(1)):
        message = "the file does not begin with #!: a shell runs this key script, and not {}"
        message = message.format(printable(shortened(late.group(1), 60)))
        yield from _in_script(keyscript, source.span(1), message, severity, [])
        return
    refusal = script.refusal
    if refusal is not None and not _NOT_DASH.search(script.text):
        span = Span(source.path, refusal.line, refusal.column, refusal.line, refusal.column + 1)
        message = "sh refuses this key script, and no key comes: expected {}".format(refusal.expected)
        yield from _in_script(keyscript, span, message, severity, [])
    elif interpreter is None:
        message = "the file does not begin with #!: the kernel refuses it, and it runs since the shell tries it next"
        yield from _in_script(keyscript, source.span(1), message, "hygiene", [])


def _is_shell(program: str) -> bool:
    return program.rpartition("/")[2] in _SHELLS


def keyscript_tool_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """Commands of key scripts, and their interpreters, that the image will not have."""
    found = builder_facts(context)
    if found is None:
        return
    seen: Set[str] = set()
    for keyscript in _keyscripts(context, found):
        script = keyscript.script
        if script is None or keyscript.path in seen:
            continue
        seen.add(keyscript.path)
        programs = image_programs(context, found)
        absent = _interpreter(script, programs)
        if absent:
            message = "{} runs this key script, and will not be in the image".format(printable(shortened(absent, 60)))
            related = list(_idle(absent, programs))
            yield from _in_script(keyscript, script.source.span(1), message, keyscript.early.severity, related)
        else:
            yield from _lacking(keyscript, script, programs, found.root)


def _interpreter(script: Script, programs: ImagePrograms) -> str:
    """The interpreter that is not in the image; empty where it is there, or that is not known."""
    interpreter = script.interpreter
    if interpreter is None or "\r" in script.text.partition("\n")[0]:
        return ""
    program, argument = interpreter
    if program.rpartition("/")[2] == "env":
        program = next((word for word in argument.split() if not word.startswith("-")), program)
    return program if programs.has(program) is False else ""


def _lacking(keyscript: _Keyscript, script: Script, programs: ImagePrograms, root: Folder) -> Iterator[Hit]:
    """One hit for the commands without which no key comes, and a milder one for those that it may do without."""
    read = calls(script, root)
    if read is None:
        return
    absent = each_once(tuple(call for call in read.calls if programs.has(call.name, read.path) is False))
    for sure in (True, False):
        named = [call for call in absent if call.sure == sure]
        if named:
            yield from _absent(keyscript, script, programs, named)


def _absent(keyscript: _Keyscript, script: Script, programs: ImagePrograms, named: List[Call]) -> Iterator[Hit]:
    names = [printable(shortened(call.name, 60)) for call in named[:_MOST_NAMED]]
    shown = ["{}{}".format(name, _other_place(call.name, programs)) for call, name in zip(named, names)]
    message = "{}{} will not be found in the image, and this key script {} {}".format(
        ", ".join(shown),
        " and others" if len(named) > _MOST_NAMED else "",
        "needs" if named[0].sure else "may need",
        "them" if len(named) > 1 else "it",
    )
    related = [reason for call in named[:_MOST_NAMED] for reason in _idle(call.name, programs)]
    places = [script.source.span(script.line(call.command)) for call in named]
    related += [Related(place, "{} is called here".format(name)) for place, name in list(zip(places, names))[1:]]
    severity = keyscript.early.severity if named[0].sure else "degraded"
    yield from _in_script(keyscript, places[0], message, severity, related)


def _other_place(command: str, programs: ImagePrograms) -> str:
    place = programs.elsewhere(command)
    return " (a hook puts it at {})".format(printable(shortened(place, 80))) if place else ""


def _idle(command: str, programs: ImagePrograms) -> Iterator[Related]:
    """The hook that would bring a command, where it is not run."""
    hook = programs.idle(command)
    if hook is not None:
        message = "this hook would bring {}, and is not run".format(printable(shortened(command, 60)))
        yield Related(Span(hook.root.label(hook.path)), message)
