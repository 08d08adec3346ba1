"""Measures how long scmguard takes for all hooks and scripts that Debian's packages bring into an initramfs.

The packages of a list are downloaded (apt-get) and laid over each other in one root file system, which is then checked
by a whole process of an installed wheel: with the rules about hooks, and with all rules. (Goal: 3 s for the first.)
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from typing import List

from measure import measured
from run import CORPUS, install

LIST = os.path.join(CORPUS, "debian-hook-packages.txt")
#: What other builders of images bring: with it, initramfs-tools would not be the one that builds.
OTHERS = ("usr/bin/dracut", "usr/lib/dracut", "etc/dracut.conf", "usr/bin/mkinitcpio", "etc/mkinitcpio.conf")
RULES = (
    "hook-*",
    "boot-script-*",
    "editor-*",
    "packaged-*",
    "unknown-module",
    "keyscript-*",
    "removes-*",
    "discarded-*",
)


def tree(folder: str) -> str:
    """A root file system with the packages of the list in it."""
    with open(LIST, encoding="utf-8") as stream:
        listed = stream.read().split()
    shown = subprocess.run(["apt-cache", "--no-all-versions", "show", *listed], capture_output=True, text=True)
    names = sorted({line.split()[1] for line in shown.stdout.splitlines() if line.startswith("Package:")})
    archives = os.path.join(folder, "archives")
    os.makedirs(archives)
    subprocess.run(["apt-get", "download", "-q", *names], cwd=archives, check=False, capture_output=True)
    found = sorted(name for name in os.listdir(archives) if name.endswith(".deb"))
    if not found:
        sys.exit("no packages: try `apt-get update`")
    root = os.path.join(folder, "root")
    for name in found:
        subprocess.run(["dpkg-deb", "-x", os.path.join(archives, name), root], check=True)
    for name in OTHERS:
        subprocess.run(["rm", "-rf", os.path.join(root, name)], check=True)
    boot = os.path.join(root, "boot", "firmware")
    os.makedirs(boot)
    for name, text in (("config.txt", "auto_initramfs=1\n"), ("cmdline.txt", "root=/dev/mmcblk0p2 rootwait\n")):
        with open(os.path.join(boot, name), "w", encoding="ascii") as stream:
            stream.write(text)
    print("{} of {} packages".format(len(found), len(listed)))
    return root


def scripts(root: str) -> int:
    """How many hooks and boot scripts there are."""
    count = 0
    for folder, _, names in os.walk(os.path.join(root, "usr/share/initramfs-tools")):
        count += len(names) if "/hooks" in folder or "/scripts" in folder else 0
    return count


def main() -> None:
    """Makes the root file system, or takes one, and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", help="measure with this root file system and make none")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scmguard-bench-") as folder:
        python = install(os.path.join(folder, "venv"))
        root = os.path.abspath(options.root) if options.root else tree(folder)
        script = os.path.join(os.path.dirname(python), "scmguard")
        base = [script, "check", "--profile", "pi4", "--root", root]
        chosen = [word for rule in RULES for word in ("--select", rule)]
        print("{} hooks and boot scripts".format(scripts(root)))
        for name, command in (("the rules about hooks and scripts", [*base, *chosen]), ("all rules", base)):
            rows: List[float] = []
            peak = 0.0
            for _ in range(options.runs + 1):
                taken, memory, _status = measured(command)
                rows.append(taken)
                peak = max(peak, memory)
            kept = sorted(rows[1:])
            print(
                "  {:<34} {:.2f} s ({:.2f} to {:.2f}), {:.0f} MB".format(
                    name, statistics.median(kept), kept[0], kept[-1], peak
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
