"""Who runs a command, for the log."""

import os

from scmguard.text import printable


def who() -> str:
    """The name that somebody logged in with, before sudo if that was used."""
    from pwd import getpwuid

    for name in ("SUDO_USER", "LOGNAME"):
        if os.environ.get(name):
            return printable(os.environ[name])
    try:
        return getpwuid(os.getuid()).pw_name
    except KeyError:
        return "uid {}".format(os.getuid())
