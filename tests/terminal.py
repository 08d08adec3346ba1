"""Reading what a program prints on a terminal."""

import os


def read_all(master: int) -> bytes:
    """Everything that comes out of a pseudo terminal until its other end is closed; closes this one."""
    seen = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # what Linux says when the last writer is gone
            break
        if not piece:
            break
        seen += piece
    os.close(master)
    return seen
