"""Exit codes, and the two ways to say something: one line of complaint, and printed text."""

import os
import sys
from typing import Callable, Iterable, List, NoReturn, TextIO

import click

from scmguard.text import printable

#: Exit codes: findings, wrong usage or configuration, could not check.
FOUND, USAGE, COULD_NOT = 1, 2, 3

#: Called before a line is said on standard error: what is drawn there meanwhile is taken away.
before_saying: List[Callable[[], None]] = []


def fail(code: int, message: str) -> NoReturn:
    """One line on standard error, and the end."""
    complain(message)
    sys.exit(code)


def reason_of(error: OSError, otherwise: str) -> str:
    """What went wrong with which file; ``otherwise`` stands for one that the error does not name."""
    return "{}: {}".format(error.filename or otherwise, (error.strerror or str(error)).lower())


def complain(message: str) -> None:
    """One line on standard error. Whatever a path or a file puts into it, no control character gets to the terminal.

    Where nobody can hear it (a terminal that was closed, a full disk) nothing else is left out for that.
    """
    for call in before_saying:
        call()
    try:
        click.echo("scmguard: " + printable(message), err=True)
    except OSError:
        drop(sys.stderr)


def write_pieces(pieces: Iterable[str], stream: TextIO) -> None:
    """Writes text out. What a terminal cannot show is escaped. Raises OSError."""
    for piece in pieces:
        try:
            stream.write(piece)
        except UnicodeEncodeError:
            stream.write(piece.encode(stream.encoding, "backslashreplace").decode(stream.encoding))
    stream.flush()


def print_pieces(pieces: Iterable[str], stream: TextIO) -> None:
    """Prints text; a full disk is one line and an exit code."""
    try:
        write_pieces(pieces, stream)
    except BrokenPipeError:
        raise
    except OSError as error:
        # What could not be written is still in the buffer; Python must not try again at exit.
        drop(stream)
        fail(COULD_NOT, "standard output: {}".format((error.strerror or str(error)).lower()))


def print_bytes(data: bytes) -> None:
    """Writes bytes to standard output as they are; a full disk is one line and an exit code."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop(sys.stdout)
        fail(COULD_NOT, "standard output: {}".format((error.strerror or str(error)).lower()))


def drop(stream: TextIO) -> None:
    """Sends whatever is still to be written there to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
