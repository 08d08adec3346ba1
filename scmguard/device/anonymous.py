"""A recording without what tells one machine, its network or its owner from others, so that it can be sent.

Three things are done. What no fact is made of is left out: of the lists of mounts and services, of /proc/cpuinfo and
/proc/meminfo only the lines stay that are looked at. Where values are free text (the kernel command line, the
configuration of the bootloader) only those stay that are known to say nothing, like numbers, modes and consoles.
Everywhere else the words that identify are replaced (:mod:`scmguard.device.disguise`), by their form or because they
were found to be serial numbers, addresses or names. The contents of supervised files are in the ledger as digests; they
are replaced, too, and its checksum is made anew.
"""

import base64
import json
import re
import secrets
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from scmguard.device import ledger
from scmguard.device.disguise import Disguise
from scmguard.device.identity import CPUINFO, MEMINFO
from scmguard.device.kernel import CMDLINE
from scmguard.device.machine import BOOTLOADER_CONFIG, BOOTLOADER_VERSION, ZYMKEY_FACTS
from scmguard.device.zymbit import SERVICE
from scmguard.rootfs.mounts import BOOT_FOLDERS

_CPUINFO_KEYS = ("Hardware", "Revision", "Serial", "Model")
_MODULE_SERIAL = "module_serial"
_MOUNTS_KEPT = ("/", *BOOT_FOLDERS, "/overlay/lower", "/media/root-ro", "/lower")
_NETWORK_MOUNTS = ("nfs", "nfs4", "cifs", "9p")
# Files that have nothing but an identifier in them, wherever they are.
_IDENTIFIERS = re.compile(
    r"(^|/)(serial|serial-number|unique_number|cid|csd|wwid|address|hostname|machine-id|boot_id|nguid|eui|hostid"
    r"|product_uuid|product_serial|(local-)?mac-address|zymbit_mac_address|(?<!/dm/)uuid)\Z"
)
_MAC = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![0-9A-Fa-f])")
# Names of mapped devices that installers give.
_USUAL_NAMES = (
    *("cryptrfs", "cryptroot", "cryptdata", "crypt", "luks", "root", "rootfs", "swap", "home", "var", "data"),
    *("vg", "lv", "ubuntu-vg", "ubuntu-lv"),
)
_ARGUMENT = re.compile(r'(?:[^\s"]|"[^"]*(?:"|\Z))+')
# Values that say nothing about who and where.
_PLAIN = re.compile(
    r"-?[0-9]{1,6}(?:,[0-9]{1,6})*[kKmMgGs]?|0x[0-9a-fA-F]{1,8}|on|off|yes|no|[yn]|true|false|dhcp|any|none|auto|memory"
)
# Parameters whose values are modes and devices; identifiers in them are replaced by their form.
_OPEN = re.compile(
    r"(console|earlycon|root|rootfstype|rootflags|rootdelay|rootwait|init|rdinit|resume|ro|rw|cryptdevice|cryptopts|video"
    r"|elevator|pci|reboot|numa_policy|coherent_pool|cma|isolcpus|security|lsm|apparmor|selinux|lockdown|mitigations"
    r"|overlayroot|boot|break|panic|loglevel|systemd\.(unit|unified_cgroup_hierarchy|show_status|run|debug[-_]shell)"
    r"|(8250|bcm2708_fb|bcm270[89]|cfg80211|cgroup\w*|dwc_otg|fsck|net|plymouth|rng_core|snd_bcm2835|sdhci\w*|usbcore"
    r"|usbhid|vc_mem|zswap|swiotlb|psi|multipath|fixrtc|nohz)([._]\w+)?|usb-storage\.quirks|modules[-_]load|BOOT_IMAGE)\Z"
)
_FLAGS = (
    *("quiet", "splash", "ro", "rw", "rootwait", "debug", "single", "s", "S", "1", "emergency", "rescue", "-b", "--"),
    *("fixrtc", "fastboot", "forcefsck", "break", "noinitrd", "nosmp", "nokaslr", "logo.nologo", "ignore_loglevel"),
    *("initcall_debug", "nopti", "sysrq_always_enabled", "noresume", "resize", "fsckfix", "earlyprintk", "kgdbwait"),
    "plymouth.ignore-serial-consoles",
)
_SECTION = re.compile(
    r"\[(all|none|tryboot|pi[0-9]\w*\+?|cm[0-9]\w*\+?|gpio[0-9]+=[01]|board-type=0x[0-9a-fA-F]+|partition=[0-9]+)\]",
    re.IGNORECASE,
)
_MOUNT_OPTIONS = re.compile(
    r"[a-z_]+|(fmask|dmask|umask|errors|shortname|codepage|iocharset|data|commit|stripe)=[\w-]+"
)


def anonymised(data: Mapping[str, Any]) -> Dict[str, Any]:
    """A recording's data with everything replaced that identifies the machine; the data itself is left as it is."""
    disguise = Disguise(secrets.token_bytes(32))
    files = {name: (text, False) for name, text in data.get("files", {}).items()}
    for name, encoded in data.get("binary", {}).items():
        files[name] = base64.b64decode(encoded).decode("latin-1"), True
    disguise.learn(list(_words(data, files)))
    result = dict(data)
    result["note"] = disguise.text(str(data.get("note", "")))
    result["files"], result["binary"] = {}, {}
    for name, (text, is_binary) in files.items():
        changed, key = _file(disguise, name, text), disguise.text(name)
        if is_binary:
            result["binary"][key] = base64.b64encode(changed.encode("latin-1")).decode("ascii")
        else:
            result["files"][key] = changed
    for part in ("links", "unreadable"):
        result[part] = {disguise.text(key): disguise.text(value) for key, value in data.get(part, {}).items()}
    result["folders"] = {
        disguise.text(name): [disguise.text(each) for each in _listed(name, found)]
        for name, found in data.get("folders", {}).items()
    }
    result["space"] = {disguise.text(key): value for key, value in data.get("space", {}).items()}
    result["answers"] = {key: _answer(disguise, key, value) for key, value in data.get("answers", {}).items()}
    return result


def _words(data: Mapping[str, Any], files: Mapping[str, Tuple[str, bool]]) -> Iterator[str]:
    """Serial numbers, addresses and names that the recording shows to be such."""
    names: List[str] = []
    for name, (text, _) in files.items():
        if name.endswith("/serial-number"):
            yield from _number(text.strip("\0\n "))
        elif name == CPUINFO:
            yield from _number(dict(_pairs(text)).get("Serial", ""))
        elif name == CMDLINE:
            yield from _of_command_line(text, names)
        elif name.endswith("/dm/name"):
            names += _mapped(text.strip())
    for question, answer in data.get("answers", {}).items():
        for entry in _entries(str(answer.get("out", ""))) if question == ZYMKEY_FACTS else ():
            if entry.get("fact") == _MODULE_SERIAL and isinstance(entry.get("value"), str):
                yield entry["value"].strip()
    for text in [text for text, _ in files.values()] + [
        str(each.get("out", "")) for each in data.get("answers", {}).values()
    ]:
        yield from (re.sub("[:-]", "", each) for each in _MAC.findall(text))
    # A name is only one where it is not also a word of paths, models, kernels or supervised files.
    public = " ".join([*data.get("folders", {}), *files, json.dumps(data.get("answers", {}))])
    public += " ".join(
        text for name, (text, _) in files.items() if re.search(r"/(model|compatible|osrelease)\Z|\.pkgs\Z", name)
    )
    yield from (name for name in names if name.lower() not in public.lower())


def _number(serial: str) -> Iterator[str]:
    """A serial number, and its second half, by which TFTP folders and old parameters know it."""
    if serial:
        yield serial
        if len(serial) == 16:
            yield serial[8:]


def _of_command_line(line: str, names: List[str]) -> Iterator[str]:
    for argument in _ARGUMENT.findall(line):
        name, _, value = argument.partition("=")
        if name.endswith(".serial"):
            yield value[2:] if value.startswith("0x") else value
        elif name in ("hostname", "systemd.hostname"):
            names.append(value.strip('"'))
        elif name == "ip" and value.count(":") >= 4:
            names.append(value.split(":")[4])


def _mapped(name: str) -> Iterator[str]:
    """The names that are in a mapped device's: of an LVM volume its group's and its own, also as they are there."""
    if name in _USUAL_NAMES:
        return
    parts = [part.replace("--", "-") for part in re.split(r"(?<!-)-(?!-)", name)]
    for part in parts if len(parts) == 2 else [name]:
        if part not in _USUAL_NAMES:
            yield part
            yield part.replace("-", "--")


def _file(disguise: Disguise, name: str, text: str) -> str:
    if name == CPUINFO:
        return "".join(_cpuinfo(disguise, text))
    if name == MEMINFO:
        return "".join(line for line in text.splitlines(True) if line.startswith("MemTotal:"))
    if name == CMDLINE:
        return _ARGUMENT.sub(lambda match: _argument(disguise, match.group()), text)
    if name.endswith("/chosen/bootloader/version"):
        return text if re.match(r"[0-9a-f]{7,64}\0?\Z", text) else disguise.text(text)
    if name.endswith("/mountinfo"):
        return "".join(_mounts(disguise, text))
    if name.startswith(ledger.FOLDER + "/"):
        return _ledger(disguise, text)
    if _IDENTIFIERS.search(name):
        plain = text.strip("\0\n ")
        return disguise.hidden(text) if plain.isprintable() and plain.isascii() else disguise.blob(text)
    return disguise.text(text)


def _pairs(text: str) -> Iterator[Tuple[str, str]]:
    for line in text.splitlines():
        key, _, value = line.partition(":")
        yield key.strip(), value.strip()


def _cpuinfo(disguise: Disguise, text: str) -> Iterator[str]:
    for line in text.splitlines(True):
        before, colon, value = line.partition(":")
        if before.strip() in _CPUINFO_KEYS:
            yield before + colon + (disguise.hidden(value) if before.strip() == "Serial" else disguise.text(value))


def _argument(disguise: Disguise, argument: str) -> str:
    """An argument of the command line: its name, and of its value what is known to say nothing."""
    name, equals, value = argument.partition("=")
    if not equals:
        return argument if argument in _FLAGS else disguise.hidden(argument)
    shown = name if re.match(r"[\w.-]{1,60}\Z", name) else disguise.hidden(name)
    if name.endswith("serial") or not (_OPEN.match(name) or _PLAIN.fullmatch(value)):
        return shown + equals + disguise.hidden(value)
    return disguise.text(shown + equals + value)


def _mounts(disguise: Disguise, text: str) -> Iterator[str]:
    """The mounts that facts are made of, without options and sources that name somebody."""
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields, behind = before.split(), after.split()
        if not separator or len(fields) < 6 or len(behind) < 3 or fields[4] not in _MOUNTS_KEPT:
            continue
        fields[3] = "/"
        fields[5], behind[2] = _options(fields[5]), _options(behind[2])
        behind[1] = disguise.hidden(behind[1]) if behind[0] in _NETWORK_MOUNTS else disguise.text(behind[1])
        yield "{} - {}\n".format(" ".join(fields), " ".join(behind[:3]))


def _options(options: str) -> str:
    return ",".join(each for each in options.split(",") if _MOUNT_OPTIONS.fullmatch(each)) or "rw"


def _ledger(disguise: Disguise, text: str) -> str:
    try:
        files = ledger.parse(text.encode("utf-8"))
    except ledger.Damaged:
        return disguise.text(text)
    return ledger.written(entry._replace(sha256=disguise.like(entry.sha256)) for entry in files).decode("ascii")


def _listed(name: str, found: List[Any]) -> List[str]:
    """The names in a folder; of services those that every machine has, and the one that is looked for."""
    names = [str(each) for each in found]
    if not name.endswith("/system.slice"):
        return names
    kept = [each for each in names if each == SERVICE or re.match(r"(systemd-[a-z]+|dbus|cron|ssh)\.service\Z", each)]
    return kept if kept or not names else ["removed.service"]


def _answer(disguise: Disguise, question: str, answer: Mapping[str, Any]) -> Dict[str, Any]:
    result = {key: disguise.text(value) if isinstance(value, str) else value for key, value in answer.items()}
    out = str(answer.get("out", ""))
    if out and question == BOOTLOADER_VERSION:
        result["out"] = re.sub(r"(?<=update-time )[0-9]+", "0", result["out"])
    elif "=" in out and question == BOOTLOADER_CONFIG:
        result["out"] = "".join(_config_line(disguise, line) for line in out.splitlines(True))
    elif out and question == ZYMKEY_FACTS:
        result["out"] = "".join(_module_line(disguise, line) for line in out.splitlines(True))
    return result


def _config_line(disguise: Disguise, line: str) -> str:
    """A line of the bootloader's configuration, which may have addresses, hosts, keys and notes in it."""
    text = line.strip()
    if text.startswith("#"):
        return "#\n"
    key, equals, value = text.partition("=")
    if not text or _SECTION.fullmatch(text) or (equals and re.match(r"\w{1,40}\Z", key) and _PLAIN.fullmatch(value)):
        return line if not value or key.lower() == "serial" else disguise.text(line)
    if equals and re.match(r"\w{1,40}\Z", key):
        return "{}={}\n".format(key, disguise.hidden(value))
    return disguise.hidden(line)


def _entries(out: str) -> Iterator[Dict[str, Any]]:
    for line in out.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            yield entry


def _module_line(disguise: Disguise, line: str) -> str:
    for entry in _entries(line):
        serial = entry.get("fact") == _MODULE_SERIAL
        changed = {key: _module_value(disguise, value, serial and key == "value") for key, value in entry.items()}
        return json.dumps(changed) + "\n"
    return disguise.text(line)


def _module_value(disguise: Disguise, value: Any, serial: bool) -> Any:
    if isinstance(value, str):
        return disguise.hidden(value) if serial else disguise.text(value)
    if isinstance(value, list):
        return [_module_value(disguise, each, serial) for each in value]
    if isinstance(value, dict):
        return {disguise.text(key): _module_value(disguise, each, serial) for key, each in value.items()}
    return value
