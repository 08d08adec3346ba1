"""How far a long run is: one line on a terminal's standard error, redrawn in place, and taken away in the end.

Standard output may be the same terminal, so the line is gone before anything else is written there, and it is only
drawn where a line begins.
"""

import os
import sys
import time
from typing import Iterable, Iterator

from scmguard.cli import console

#: Seconds until the line is there, and from one drawing to the next.
FIRST, NEXT = 1.0, 0.25
_START_OF_LINE, _CLEAR = "\r", "\r\x1b[K"


class Progress:
    """The line of one run over ``total`` boot trees; ``wanted`` is whether there is anybody to see it."""

    def __init__(self, total: int, wanted: bool) -> None:
        self._total = total
        self._wanted = wanted and total > 1 and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn = False
        self._at_start = True
        self._next = time.monotonic() + FIRST
        if self._wanted:
            console.before_saying.append(self.erase)

    def step(self, done: int) -> None:
        """So many trees are done."""
        if self._wanted and self._at_start and time.monotonic() >= self._next:
            text = "checked {} of {}".format(done, self._total)
            if self._fits(text):
                # Before, so that an interrupt in between leaves nothing on the screen.
                self._drawn = True
                self._write(_START_OF_LINE + text)
            self._next = time.monotonic() + NEXT

    def around(self, pieces: Iterable[str]) -> Iterator[str]:
        """The pieces of a text that goes to standard output; the line is not there while one of them is written."""
        if not (self._wanted and sys.stdout.isatty()):
            yield from pieces
            return
        for piece in pieces:
            self.erase()
            self._at_start = piece.endswith("\n")
            yield piece

    def erase(self) -> None:
        """Takes the line away, if it is there."""
        if self._drawn:
            self._write(_CLEAR)
            self._drawn = False

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:  # the terminal was closed: there is nobody any more to tell
            self._wanted = self._drawn = False
            console.drop(sys.stderr)

    def _fits(self, text: str) -> bool:
        try:
            # A terminal that does not tell its size says 0.
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
            return columns == 0 or len(text) < columns
        except OSError:
            return False
