"""The Zymbit module, and what it needs: its daemon, its bus, what it says of itself, and the user it is shipped with.

Sources: Zymbit documentation, Python API (see ``zymkey_script.py``), ``hardware/modules`` (I2C1) and
``troubleshooting/general`` (zkifc is the interface daemon, a systemd service); the cgroup of a service is
``system.slice/NAME.service`` (systemd.slice(5)).
"""

import json
from typing import Any, Dict, List, Tuple

from scmguard.device import paths
from scmguard.device.facts import Binding, Fact, Unknown
from scmguard.device.machine import PASSWORD, ZYMKEY_FACTS, Machine

_CGROUPS = ("sys/fs/cgroup", "sys/fs/cgroup/systemd", "sys/fs/cgroup/unified")
SERVICE = "zkifc.service"
PROGRAM = "usr/bin/zkifc"
UNIT_FOLDERS = ("etc/systemd/system", "lib/systemd/system", "usr/lib/systemd/system")
BUS = "sys/bus/i2c/devices"


def zkifc(machine: Machine) -> "Fact[str]":
    """The state of the interface daemon: ``running``, ``stopped`` or ``absent``."""
    for top in _CGROUPS:
        slice_ = top + "/system.slice"
        services = paths.names(machine.files, slice_)
        if SERVICE in services:
            processes = "{}/{}/cgroup.procs".format(slice_, SERVICE)
            data = paths.raw(machine.files, processes)
            if data is None:
                raise Unknown("there is no /{}".format(processes))
            said = data.decode("utf-8", "replace").split()
            running = any(paths.decimal(each) for each in said)
            if said and not running:
                raise Unknown("/{} has no process number in it".format(processes))
            return Fact("running" if running else "stopped", "/" + processes)
        if services:
            return Fact("stopped" if _installed(machine) else "absent", "/" + slice_)
    raise Unknown("there is no control group system.slice, so that it does not show what systemd runs")


def _installed(machine: Machine) -> bool:
    places = [PROGRAM, *("{}/{}".format(folder, SERVICE) for folder in UNIT_FOLDERS)]
    return any(paths.real(machine.files, place) is not None for place in places)


def i2c(machine: Machine) -> "Fact[bool]":
    """Whether Linux has the bus I2C1, which a module on the header is on."""
    return Fact("i2c-1" in paths.names(machine.files, BUS), "/{}/i2c-1".format(BUS))


def module_model(machine: Machine) -> "Fact[str]":
    """The module's model, in its own words."""
    return Fact(_text(_answer(machine, "module_model"), "module_model"), ZYMKEY_FACTS)


def module_firmware(machine: Machine) -> "Fact[str]":
    """The version of the module's firmware, as in ``01.02.02release``."""
    return Fact(_text(_answer(machine, "module_firmware"), "module_firmware"), ZYMKEY_FACTS)


def module_serial(machine: Machine) -> "Fact[str]":
    """The module's serial number."""
    return Fact(_text(_answer(machine, "module_serial"), "module_serial"), ZYMKEY_FACTS)


def binding(machine: Machine) -> "Fact[Binding]":
    """Whether the module is bound, and locked to this host (Production Mode)."""
    found = _answer(machine, "binding")
    if not isinstance(found, list) or len(found) != 2 or not all(isinstance(each, (bool, int)) for each in found):
        raise Unknown("the module's answer on its binding is not a pair of truth values")
    return Fact(Binding(bool(found[0]), bool(found[1])), ZYMKEY_FACTS)


def manifest(machine: Machine) -> "Fact[Tuple[str, ...]]":
    """The names of the supervised files, relative to the boot partition, in the module's order."""
    return Fact(manifest_names(_answer(machine, "manifest")), ZYMKEY_FACTS)


def manifest_names(value: Any) -> Tuple[str, ...]:
    """The module's list of supervised files (text, with blanks between names) taken apart. Raises Unknown."""
    if not isinstance(value, str) or not all(paths.is_text(name) for name in value.split()):
        raise Unknown("the module's list of supervised files is no text")
    return tuple(dict.fromkeys(value.split()))


def default_password(machine: Machine) -> "Fact[bool]":
    """Whether the user ``zymbit`` still has the password that images are shipped with."""
    answer = machine.ask(PASSWORD)
    if answer.late:
        raise Unknown("/etc/shadow: {}".format(answer.late))
    said = answer.out.strip()
    if answer.status == 0 and said in ("shipped", "changed", "empty", "locked", "no such user"):
        return Fact(said == "shipped", "/etc/shadow: {}".format(said))
    lines = answer.err.strip().splitlines() or ["nothing was said of it"]
    if "PermissionError" in lines[-1]:
        raise Unknown("only root may read /etc/shadow")
    raise Unknown("the password of zymbit: {}".format(lines[-1][:200]))


def _answer(machine: Machine, fact: str) -> Any:
    """The value of one of the module's answers. Raises Unknown."""
    answers, fault = _answers(machine)
    for name in ("imported", fact):
        if name not in answers:
            raise Unknown(fault or "{} did not answer that".format(ZYMKEY_FACTS))
        if "error" in answers[name]:
            raise Unknown(_reason(str(answers[name]["error"])))
    return answers[fact]["value"]


def answered(out: str) -> Dict[str, Dict[str, Any]]:
    """What the child process of ``zymkey_script.py`` printed, by fact, each with ``value`` or ``error``.

    What is no answer is passed over: the module itself, or what it loads, may print, too.
    """
    found: Dict[str, Dict[str, Any]] = {}
    for line in out.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and isinstance(entry.get("fact"), str) and ("value" in entry or "error" in entry):
            found[entry["fact"]] = entry
    return found


def _answers(machine: Machine) -> Tuple[Dict[str, Dict[str, Any]], str]:
    """What came from the child process, by fact, and why not all of it did."""
    answer = machine.ask(ZYMKEY_FACTS)
    found = answered(answer.out)
    if answer.late:
        return found, "{}: {}".format(ZYMKEY_FACTS, answer.late)
    lines: List[str] = answer.err.strip().splitlines()
    fault = "{}: {}".format(ZYMKEY_FACTS, lines[-1][:200]) if answer.status and lines else ""
    return found, fault


def _reason(error: str) -> str:
    if error.startswith(("ModuleNotFoundError", "ImportError")):
        return "Zymbit's Python module is not installed ({})".format(error[:200])
    return "Zymbit's Python module failed: {}".format(error[:200])


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not paths.is_text(value.strip()):
        raise Unknown("the module's answer to {} is no text".format(what))
    return value.strip()
