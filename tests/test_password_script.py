"""Whether a password is the shipped one, asked of real password files: made with the system's own programs."""

import os
import shutil
import subprocess
import time
from typing import Any, Tuple

import pytest

import scmguard.device.password_script as script
from scmguard.programs import ask

SCRIPT = script.__file__
PYTHON = "/usr/bin/python3"
OPENSSL = shutil.which("openssl")
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a password file of one's own takes root"),
    pytest.mark.skipif(not os.access(PYTHON, os.X_OK), reason="there is no system Python"),
]
# Hides /etc/shadow behind the file given, for this process alone.
_HIDDEN = 'mount --bind "$1" /etc/shadow && exec "$2" -I -B -c "$3" "$4"'


def said(tmp_path: Any, shadow: bytes, user: str = "zymbit", limit: float = 10) -> Tuple[int, str, str, str]:
    path = tmp_path / "shadow"
    path.write_bytes(shadow)
    with open(SCRIPT, encoding="utf-8") as stream:
        text = stream.read()
    words = ["--mount", "sh", "-c", _HIDDEN, "sh", str(path), PYTHON, text, user]
    answer = ask("/usr/bin/unshare", words, limit)
    if "mount:" in answer.err or "unshare:" in answer.err:
        pytest.skip("no mounts of its own here: {}".format(answer.err.strip()))
    stored = [line.split(b":")[1].decode("utf-8", "replace") for line in shadow.split(b"\n") if line.count(b":") > 1]
    for secret in ("zymbit:", *(each for each in stored if len(each) > 3)):
        assert secret not in answer.out + answer.err
    return answer.status, answer.out.strip(), answer.err, answer.late


def made(password: str, kind: str) -> bytes:
    """A password as it is stored, by openssl or by libcrypt itself."""
    if kind == "yescrypt":
        code = "import ctypes, sys; c = ctypes.CDLL('libcrypt.so.1'); c.crypt.restype = ctypes.c_char_p; "
        code += "print(c.crypt(sys.argv[1].encode(), b'$y$j9T$kQ3p4uWc1bXyGf0Zs2dLe/').decode())"
        return subprocess.run([PYTHON, "-c", code, password], check=True, capture_output=True).stdout.strip()
    if OPENSSL is None:
        pytest.skip("there is no openssl")
    return subprocess.run([OPENSSL, "passwd", kind, password], check=True, capture_output=True).stdout.strip()


def entry(stored: bytes, user: bytes = b"zymbit") -> bytes:
    return user + b":" + stored + b":19700:0:99999:7:::\n"


@pytest.mark.parametrize("kind", ["-6", "-5", "-1", "yescrypt"])
@pytest.mark.parametrize("password, wanted", [("zymbit", "shipped"), ("Zymbit", "changed"), ("zymbit ", "changed")])
def test_a_password(tmp_path: Any, kind: str, password: str, wanted: str) -> None:
    shadow = entry(b"*", b"root") + entry(made(password, kind)) + entry(b"!", b"other")
    assert said(tmp_path, shadow)[:2] == (0, wanted)


@pytest.mark.parametrize(
    "shadow, wanted",
    [
        (entry(b"!"), "locked"),
        (entry(b"*"), "locked"),
        (entry(b"!!"), "locked"),
        (entry(b""), "empty"),
        (b"", "no such user"),
        (entry(b"x", b"zymbit2"), "no such user"),
        (b"\xff\xfe:\x00:\n" + entry(b"!"), "locked"),
        (b"zymbit\n", "no such user"),
    ],
)
def test_what_is_no_password(tmp_path: Any, shadow: bytes, wanted: str) -> None:
    assert said(tmp_path, shadow)[:2] == (0, wanted)


def test_a_locked_password_is_locked_also_where_it_is_the_shipped_one(tmp_path: Any) -> None:
    assert said(tmp_path, entry(b"!" + made("zymbit", "yescrypt")))[:2] == (0, "locked")


def test_of_several_entries_the_first_counts(tmp_path: Any) -> None:
    shipped, other = entry(made("zymbit", "yescrypt")), entry(b"*")
    assert said(tmp_path, shipped + other)[1] == "shipped" and said(tmp_path, other + shipped)[1] == "locked"


@pytest.mark.parametrize("stored", [b"$99$nonsense", b"x", b"\xff\xff\xff", b"$6", b"$y$", b"$y$zzzz$!!!!$x"])
def test_a_way_to_store_it_that_libcrypt_does_not_know(tmp_path: Any, stored: bytes) -> None:
    status, out, err, late = said(tmp_path, entry(stored))
    assert (status, out, late) == (1, "", "") and err.strip() == "libcrypt does not know how this password is stored"


@pytest.mark.parametrize("stored", [b"$6$", b"$6$abcdefgh$", b"$6$abcdefgh$" + b"x" * 86, b"ab"])
def test_one_that_was_cut_short_is_not_the_shipped_one(tmp_path: Any, stored: bytes) -> None:
    assert said(tmp_path, entry(stored))[:2] == (0, "changed")


def test_one_that_takes_for_ever_is_ended(tmp_path: Any) -> None:
    begin = time.monotonic()
    late = said(tmp_path, entry(b"$6$rounds=999999999$abcdefgh$" + b"x" * 86), limit=2)[3]
    assert "did not answer within 2 s" in late and time.monotonic() - begin < 10


def test_a_user_that_nobody_ships(tmp_path: Any) -> None:
    status, out, _, _ = said(tmp_path, entry(b"$6$a$b", b"root"), "root")
    assert status != 0 and out == ""
