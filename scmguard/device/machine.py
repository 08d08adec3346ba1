"""Where facts come from: the files below one root folder, and a closed set of questions to programs.

A machine is the running one, or a recording of one; what looks for facts cannot tell.
"""

import os
import pkgutil
from typing import Dict, Optional, Tuple

from scmguard.device.facts import Unknown
from scmguard.folder import Folder, Space
from scmguard.inputs.disk import DiskFolder
from scmguard.programs import Answer, Silent, ask, find

#: The questions, by how people would ask them, and how long each may take, in seconds.
VERSION = "vcgencmd version"
BOOTLOADER_VERSION = "vcgencmd bootloader_version"
BOOTLOADER_CONFIG = "vcgencmd bootloader_config"
ZYMKEY_FACTS = "zymkey facts"
PASSWORD = "password zymbit"  # noqa: S105  (a question, not a password)
#: What is no question: it changes the module.
SIGN = "zymkey sign"
LIMITS: Dict[str, float] = {
    VERSION: 2,
    BOOTLOADER_VERSION: 2,
    BOOTLOADER_CONFIG: 2,
    ZYMKEY_FACTS: 8,
    PASSWORD: 8,
}
#: A signature takes the module longer than an answer, of a large file above all.
SIGN_LIMIT = 30.0
# Scripts of this package that run in a Python of their own.
_SCRIPTS = {"zymkey": "zymkey_script.py", "password": "password_script.py"}


class Machine:
    """What can be asked for facts."""

    #: The root file system, with /proc, /sys and /dev.
    files: Folder

    def space(self, folder: str) -> Optional[Space]:
        """The room on the file system of a folder; None where it is not known. Raises Unreadable."""
        raise NotImplementedError

    def ask(self, question: str) -> Answer:
        """A program's answer to one of the questions. Raises :class:`Unknown`."""
        raise NotImplementedError

    def sign(self, name: str) -> Answer:
        """Has the module sign the present content of a supervised file, named as in its list. Raises Unknown."""
        raise Unknown("this machine's module cannot be asked to sign")


class LiveMachine(Machine):
    """The machine that scmguard runs on. ``python`` is the system's own, which has Zymbit's module as a package."""

    def __init__(self, python: str = "/usr/bin/python3", limits: Optional[Dict[str, float]] = None) -> None:
        self.files = DiskFolder("/", is_root=True)
        self._python = python
        self._limits = LIMITS if limits is None else limits

    def space(self, folder: str) -> Optional[Space]:
        return DiskFolder("/", is_root=True, base=folder).space()

    def ask(self, question: str) -> Answer:
        path, arguments = self._command(question)
        try:
            return ask(path, arguments, self._limits[question])
        except Silent as error:
            raise Unknown("{}: {}".format(question, error)) from None

    def sign(self, name: str) -> Answer:
        path, arguments = self._command(SIGN)
        try:
            return ask(path, [*arguments, name], self._limits.get(SIGN, SIGN_LIMIT))
        except Silent as error:
            raise Unknown("{}: {}".format(SIGN, error)) from None

    def _command(self, question: str) -> Tuple[str, Tuple[str, ...]]:
        program, *words = question.split()
        if program not in _SCRIPTS:
            path = find(program)
            if path is None:
                raise Unknown("{} is not installed".format(program))
            return path, tuple(words)
        if not os.access(self._python, os.X_OK):
            raise Unknown("there is no {}".format(self._python))
        script = pkgutil.get_data("scmguard.device", _SCRIPTS[program])
        assert script is not None
        # Isolated from the environment and the folder it starts in; site packages of the system only.
        return self._python, ("-I", "-B", "-c", script.decode("utf-8"), *words)
