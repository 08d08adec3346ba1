"""Running somebody's editor, and hearing signals meanwhile."""

import os
import shlex
import shutil
import signal
import subprocess  # noqa: S404  (what this module is for: the user's own editor, without a shell)
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Dict, Iterator, List, Mapping, Optional

#: What is taken without VISUAL and EDITOR: Debian's own choice first.
DEFAULTS = ("sensible-editor", "editor", "nano", "vi")
# An editor that was told to end is given so many seconds for it, twice.
_PATIENCE = 2.5


class NoEditor(Exception):
    """There is none, or what is set is none: why, in one line."""


class Interrupted(Exception):
    """A signal that asks for the end: its number."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Watch:
    """Hears signals: the first that asks for the end raises Interrupted, those that follow are not heard.

    The terminal's keys (SIGINT, SIGQUIT) are the editor's while it runs.
    """

    def __init__(self) -> None:
        self._editing = False
        self._holding = 0
        self._waiting = 0
        self._heard = 0
        self._before: Dict[int, Any] = {}

    def __enter__(self) -> "Watch":
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            # What is ignored from the start (nohup) stays so.
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _frame: Optional[FrameType]) -> None:
        if self._heard or (self._editing and number in (signal.SIGINT, signal.SIGQUIT)):
            return
        if self._holding:
            self._waiting = number
            return
        self._heard = number
        raise Interrupted(number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is begun in here comes to its end; a signal is heard after that."""
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1
        if self._waiting and not self._heard:
            self._heard = self._waiting
            raise Interrupted(self._waiting)

    def edit(self, words: List[str], path: str) -> int:
        """Runs the editor on a file and returns its exit status (below 0: the signal that ended it).

        Raises NoEditor, and Interrupted: then the editor was told to end, too.
        """
        self._editing = True
        try:
            # Handlers of this process are no handlers of the editor: exec(2) puts them back.
            process = subprocess.Popen([*words, path])  # noqa: S603
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise NoEditor("the editor {} cannot be started: {}".format(words[0], reason)) from None
        finally:
            self._editing = False
        self._editing = True
        try:
            return process.wait()
        except Interrupted as signalled:
            _end(process, signalled.number)
            raise
        finally:
            self._editing = False


def _end(process: "subprocess.Popen[bytes]", number: int) -> None:
    """Waits for an editor that has mostly heard the signal, too, and tells one that has not."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE)
        return
    with suppress(ProcessLookupError):
        process.send_signal(number)
    # One that does not end has its file all the same.
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE)


def words(environment: Mapping[str, str]) -> List[str]:
    """The editor's command: VISUAL or EDITOR, split as a shell splits words and never run by one. Raises NoEditor."""
    for name in ("VISUAL", "EDITOR"):
        value = environment.get(name, "")
        try:
            found = shlex.split(value)
        except ValueError as error:
            raise NoEditor("{}={}: {}".format(name, value, str(error).lower())) from None
        if found:
            if shutil.which(found[0], path=environment.get("PATH")) is None:
                raise NoEditor("{}: there is no program {}".format(name, found[0]))
            return found
    for program in DEFAULTS:
        if shutil.which(program, path=environment.get("PATH", os.defpath)) is not None:
            return [program]
    raise NoEditor("there is no editor; name one in EDITOR")
