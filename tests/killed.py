"""Code at the start of a process that is to be killed at its Nth call of what changes a disk; N is its first word."""

_COUNTED = """
import os, signal, sys
left = int(sys.argv[1])
def counted(function):
    def call(*arguments, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return call
for name in {!r}:
    setattr(os, name, counted(getattr(os, name)))
"""


def counting(*names: str) -> str:
    """That code, with the functions of ``os`` that count; ``counted`` makes others count."""
    return _COUNTED.format(names)
