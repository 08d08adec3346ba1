"""Run by the system's Python as root: whether a user still has the password that Zymbit's images are shipped with.

Prints ``shipped``, ``changed``, ``empty``, ``locked`` or ``no such user``, and nothing else of what it reads. The
system's libcrypt does the work, because Python's own ``crypt`` is gone in 3.13. It imports nothing of scmguard.

Source: Zymbit documentation, hardware/components/scm: user and password are zymbit and zymbit, to be changed at first
login.
"""

import ctypes
import sys

SHIPPED = {"zymbit": "zymbit"}


def main(user: str) -> str:
    """How the user's password is stored."""
    with open("/etc/shadow", "rb") as file:
        entries = [line.rstrip(b"\n").split(b":") for line in file]
    stored = next((entry[1] for entry in entries if len(entry) > 1 and entry[0] == user.encode()), None)
    if stored is None:
        return "no such user"
    if stored[:1] in (b"!", b"*"):
        return "locked"
    if not stored:
        return "empty"
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    library.crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    made = library.crypt(SHIPPED[user].encode(), stored)
    if made is None or made.startswith(b"*"):
        raise SystemExit("libcrypt does not know how this password is stored")
    return "shipped" if made == stored else "changed"


if __name__ == "__main__":
    print(main(sys.argv[1]))
