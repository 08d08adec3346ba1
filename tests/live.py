"""This machine dressed as a recorded one, in a mount namespace of its own: with another /proc, /sys and /boot.

It takes root, mount namespaces and overlayfs; :func:`why_not` says what is missing.
"""

import base64
import json
import os
import subprocess
import sys
from functools import lru_cache
from typing import Any, Dict, List, Mapping

from tests.places import staged
from tests.recorded import path_of
from tests.standin.module import Module

# $1 the folder with what was prepared; the rest is the command. Nothing of it is seen outside, nor left at the end.
_SCRIPT = """
set -e
top=$1 root=$1/root
shift
mount --rbind / "$root"
mount --make-rslave "$root"
for name in proc sys boot var/lib run; do mount --rbind "$top/$name" "$root/$name"; done
mount -t tmpfs none "$root/var/tmp"
mkdir -p "$top/upper"
mount -t tmpfs none "$top/upper"
for name in usr/bin etc; do
    mkdir -p "$top/upper/$name" "$top/upper/work/$name"
    cp -a "$top/$name/." "$top/upper/$name/"
    mount -t overlay overlay -o "lowerdir=/$name,upperdir=$top/upper/$name,workdir=$top/upper/work/$name" "$root/$name"
done
mount --bind "$top/dist-packages" "$root/usr/lib/python3/dist-packages"
eval "$BEFORE"
exec chroot "$root" "$@"
"""
_FOLDERS = ("root", "proc", "sys", "boot/firmware", "var/lib", "run", "usr/bin", "etc", "dist-packages", "upper")


@lru_cache(maxsize=None)
def why_not() -> str:
    """Why no machine can be dressed here; empty if it can."""
    if os.geteuid() != 0:
        return "mounting takes root"
    if not os.path.isdir("/usr/lib/python3/dist-packages") or not os.access("/usr/bin/python3", os.X_OK):
        return "there is no system Python with dist-packages"
    script = 'd=$(mktemp -d) && mount -t tmpfs none "$d" && mkdir "$d/u" "$d/w" && '
    script += 'mount -t overlay overlay -o "lowerdir=/etc,upperdir=$d/u,workdir=$d/w" /etc'
    run = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True)
    return "" if run.returncode == 0 else "no mounts of its own here: {}".format(run.stderr.strip())


class Live:
    """A machine made of a recording, boot files, and a Zymbit module that signs (``module``)."""

    def __init__(self, top: Any, recording: str, boot: Mapping[str, bytes], etc: Mapping[str, str]) -> None:
        self.top = str(top)
        for folder in _FOLDERS:
            os.makedirs(os.path.join(self.top, folder), exist_ok=True)
        with open(path_of(recording), encoding="utf-8") as stream:
            self._data: Dict[str, Any] = json.load(stream)
        self._dress()
        for name, data in boot.items():
            self.put("boot/firmware/" + name, data)
        for name, text in etc.items():
            self.put("etc/" + name, text.encode())
        module = os.path.join(self.top, "dist-packages")
        self.module = Module(os.path.join(self.top, "python"), os.path.join(self.top, "boot/firmware"), library=module)
        self.module.write(boot="/boot/firmware")

    def put(self, name: str, data: bytes) -> None:
        """Writes a file of the machine."""
        path = os.path.join(self.top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(data)

    def read(self, name: str) -> bytes:
        with open(os.path.join(self.top, name), "rb") as stream:
            return stream.read()

    def run(self, *words: str, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
        """scmguard on that machine."""
        return self.sh('exec "$@"', *words, timeout=timeout)

    def sh(
        self, script: str, *words: str, before: str = "", timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """A shell script on that machine; ``"$@"`` is scmguard with the words, ``"$1"`` the Python that has it.

        ``before`` is run outside, when ``$root`` is mounted: it can mount more.
        """
        command = self.command(script, *words)
        return subprocess.run(command, capture_output=True, text=True, env=self.environment(before), timeout=timeout)

    def command(self, script: str, *words: str) -> List[str]:
        """What runs :meth:`sh`, for those who start it themselves."""
        inner = ["sh", "-c", script, "sh", sys.executable, "-m", "scmguard", *words]
        return ["unshare", "--mount", "sh", "-c", _SCRIPT, "sh", self.top, *inner]

    @staticmethod
    def environment(before: str = "") -> Dict[str, str]:
        """Its environment."""
        path = "/usr/sbin:/usr/bin:/sbin:/bin"
        return {"PYTHONPATH": staged(), "PATH": path, "LC_ALL": "C.UTF-8", "BEFORE": before}

    def _dress(self) -> None:
        files = {name: text.encode() for name, text in self._data["files"].items()}
        files.update({name: base64.b64decode(text) for name, text in self._data.get("binary", {}).items()})
        for name, data in files.items():
            if name.startswith(("proc/", "sys/")):
                self.put(name, data)
        for name, inner in self._data.get("folders", {}).items():
            for each in ["", *inner] if name.startswith(("proc/", "sys/")) else ():
                path = os.path.join(self.top, name, each)
                if "{}/{}".format(name, each) not in self._data["links"] and not os.path.lexists(path):
                    os.makedirs(path, exist_ok=True)
        for name, target in self._data["links"].items():
            path = os.path.join(self.top, name)
            if name.startswith(("proc/", "sys/")) and not os.path.lexists(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.symlink(target, path)
        cases = ""
        for question, answer in self._data["answers"].items():
            program, _, words = question.partition(" ")
            if program == "vcgencmd" and "out" in answer:
                cases += "{}) cat <<'E'\n{}\nE\n;;\n".format(words, answer["out"].rstrip("\n"))
        self.put("usr/bin/vcgencmd", "#!/bin/sh\ncase $1 in\n{}*) exit 1;;\nesac\n".format(cases).encode())
        os.chmod(os.path.join(self.top, "usr/bin/vcgencmd"), 0o755)
