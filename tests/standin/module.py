"""A security module for tests: a Python that has the stand-in, and the module's state."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from typing import Any, Dict, Iterable

HERE = os.path.dirname(os.path.abspath(__file__))


class Module:
    """The module of one test. ``python`` is the interpreter to ask it with, unless a ``library`` to be in was given."""

    def __init__(self, folder: str, boot: str, names: Iterable[str] = (), library: str = "") -> None:
        self.boot = boot
        self.python = os.path.join(folder, "bin", "python")
        if not library:
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
            (version,) = os.listdir(os.path.join(folder, "lib"))
            library = os.path.join(folder, "lib", version, "site-packages")
        shutil.copy(os.path.join(HERE, "zymkey.py"), library)
        self._state = os.path.join(library, "state.json")
        self.write(firmware="01.02.03release", binding=[True, True], boot=boot, calls=[], signed={})
        for name in names:
            self.trust(name)

    def state(self) -> Dict[str, Any]:
        with open(self._state, encoding="utf-8") as stream:
            found: Dict[str, Any] = json.load(stream)
        return found

    def write(self, **changes: Any) -> None:
        """Changes the state."""
        state = self.state() if os.path.exists(self._state) else {}
        with open(self._state, "w", encoding="utf-8") as stream:
            json.dump({**state, **changes}, stream)

    def fault(self, **faults: Any) -> None:
        """From now on the calls misbehave; none of those that did before."""
        self.write(faults=faults)

    def trust(self, name: str) -> None:
        """Puts a file on the list, signed as it is; one that is not there with some signature."""
        self.write(signed={**self.state()["signed"], name: self._digest(name) or "0"})

    def _digest(self, name: str) -> str:
        try:
            with open(os.path.join(self.boot, name), "rb") as stream:
                return hashlib.sha256(stream.read()).hexdigest()
        except FileNotFoundError:
            return ""

    def would_boot(self) -> bool:
        """Whether every file on the list is as it was signed."""
        return all(self._digest(name) == signed for name, signed in self.state()["signed"].items())
