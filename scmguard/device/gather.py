"""All facts of a machine, each looked for on its own, side by side, and for a limited time."""

import threading
import time
from typing import Any, Callable, Dict, Optional, Set

from scmguard.device import firmware, identity, kernel, ledger, storage, usb, zymbit
from scmguard.device.facts import Device, Fact, Unknown
from scmguard.device.machine import (
    BOOTLOADER_CONFIG,
    BOOTLOADER_VERSION,
    LIMITS,
    PASSWORD,
    VERSION,
    ZYMKEY_FACTS,
    Machine,
)
from scmguard.folder import Space
from scmguard.programs import Answer

#: Who finds each fact.
FINDERS: Dict[str, Callable[[Machine], "Fact[Any]"]] = {
    "model": identity.model,
    "compatible": identity.compatible,
    "revision": identity.revision,
    "board": identity.board,
    "serial": identity.serial,
    "memory": identity.memory,
    "firmware": firmware.firmware,
    "bootloader": firmware.bootloader,
    "bootloader_config": firmware.bootloader_config,
    "boot_mode": firmware.boot_mode,
    "boot_partition": firmware.boot_partition,
    "tryboot": firmware.tryboot,
    "root_storage": storage.root_storage,
    "boot_storage": storage.boot_storage,
    "boot_mount": storage.boot_mount,
    "kernel": kernel.kernel,
    "cmdline": kernel.cmdline,
    "usb": usb.usb,
    "pending_reboot": kernel.pending_reboot,
    "default_password": zymbit.default_password,
    "i2c": zymbit.i2c,
    "zkifc": zymbit.zkifc,
    "module_model": zymbit.module_model,
    "module_firmware": zymbit.module_firmware,
    "module_serial": zymbit.module_serial,
    "binding": zymbit.binding,
    "manifest": zymbit.manifest,
    "ledger": ledger.signed_files,
}
#: The program that a fact needs or may need, whose time limit then counts.
ASKS = {
    "firmware": VERSION,
    "bootloader": BOOTLOADER_VERSION,
    "bootloader_config": BOOTLOADER_CONFIG,
    "default_password": PASSWORD,
    **dict.fromkeys(("module_model", "module_firmware", "module_serial", "binding", "manifest"), ZYMKEY_FACTS),
}
#: How long the files of one fact may take, in seconds. A healthy machine needs thousandths.
FILES_LIMIT = 2.0


def gather(machine: Machine, wanted: Optional[Set[str]] = None, limits: Optional[Dict[str, float]] = None) -> Device:
    """The facts of a machine, all or only the ``wanted``.

    A fact whose files do not answer in time is unknown, and the thread that waits for them is left to itself. Raises
    what a fault of scmguard raises, and nothing else.
    """
    limits = {**LIMITS, "files": FILES_LIMIT} if limits is None else limits
    once = _AskedOnce(machine)
    begin = time.monotonic()
    searches = {name: _Search(find, once) for name, find in FINDERS.items() if wanted is None or name in wanted}
    found: Dict[str, Fact[Any]] = {}
    for name in FINDERS:
        if name not in searches:
            found[name] = Fact.missing("it was not asked for")
            continue
        limit = limits["files"] + (limits[ASKS[name]] if name in ASKS else 0)
        found[name] = searches[name].result(max(begin + limit - time.monotonic(), 0), limit)
    return Device(**found)


class _Search:
    """One fact being looked for."""

    def __init__(self, find: Callable[[Machine], "Fact[Any]"], machine: Machine) -> None:
        self._find = find
        self._machine = machine
        self._fact: Optional[Fact[Any]] = None
        self._fault: Optional[BaseException] = None
        # A daemon: what hangs in the kernel must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._fact = self._find(self._machine)
        except Unknown as error:
            self._fact = Fact.missing(str(error))
        except BaseException as error:  # raised again where the result is asked for
            self._fault = error

    def result(self, wait: float, limit: float) -> "Fact[Any]":
        self._thread.join(wait)
        if self._fault is not None:
            raise self._fault
        return Fact.missing("it did not answer within {:g} s".format(limit)) if self._fact is None else self._fact


class _AskedOnce(Machine):
    """A machine whose programs are asked once, however many facts come from an answer."""

    def __init__(self, machine: Machine) -> None:
        self.files = machine.files
        self._machine = machine
        self._guard = threading.Lock()
        self._locks: Dict[str, threading.Lock] = {}
        self._answers: Dict[str, Any] = {}

    def space(self, folder: str) -> Optional[Space]:
        return self._machine.space(folder)

    def ask(self, question: str) -> Answer:
        with self._guard:
            lock = self._locks.setdefault(question, threading.Lock())
        with lock:
            if question not in self._answers:
                try:
                    self._answers[question] = self._machine.ask(question)
                except Unknown as error:
                    self._answers[question] = error
        answer = self._answers[question]
        if isinstance(answer, Unknown):
            raise Unknown(str(answer))
        assert isinstance(answer, Answer)
        return answer
