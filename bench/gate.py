"""Measures what the gate costs apt and dpkg, in a throw-away machine with the package of scmguard in it.

The hook before a transaction of one package without boot files, on a boot partition with 400 overlays that is as it was
at the last check, against `python3 -I -S -c pass` in pairs (goal: a ratio of at most 3.0); the hook afterwards; dpkg's
own hook under apt (goal: 0.5). With a kernel's package in the transaction: the whole hook, less one read of the archive
(goal: 2 s). Takes root, and what tests/machines.py needs; the kernel also takes the Debian archive.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Dict, List

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOP)

from tests.machines import Machine, Maker, why_not  # noqa: E402

PAYLOAD = 'DPkg::Pre-Install-Pkgs:: "cat >/root/payload";\nDPkg::Tools::Options::cat::Version "3";\n'
# Runs in the machine: commands in turn, and the times of each as one line of Python.
TURNS = """
import json, subprocess, sys, time
commands = json.load(open("/root/commands"))
rows = {name: [] for name in commands}
for number in range(int(sys.argv[1]) + 1):
    for name, (words, given, env) in commands.items():
        stdin = open(given) if given else subprocess.DEVNULL
        begin = time.perf_counter()
        subprocess.run(words, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
        if number:
            rows[name].append(time.perf_counter() - begin)
print(json.dumps(rows))
"""
PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def in_turn(machine: Machine, commands: Dict[str, List[object]], pairs: int) -> Dict[str, List[float]]:
    """The seconds of commands, run in turn in the machine; the first round only warms up."""
    import json

    machine.write("root/turns.py", TURNS)
    machine.write("root/commands", json.dumps(commands))
    done = machine.run("python3", "/root/turns.py", str(pairs), timeout=1800)
    rows: Dict[str, List[float]] = json.loads(done.output)
    return rows


def settle(machine: Machine) -> None:
    """Waits until a later change of the boot files is sure to look different, and has them looked at."""
    machine.run("sleep", "3.5")
    machine.run("scmguard", "snapshot")


def plain(maker: Maker, pairs: int) -> None:
    """A transaction of one package that has nothing to do with booting."""
    machine = maker.guarded()
    for number in range(400):
        machine.write("boot/firmware/overlays/overlay-{}.dtbo".format(number), "x" * 1500)
    machine.write("etc/apt/apt.conf.d/99payload", PAYLOAD)
    files = {"usr/share/plain/{}".format(number): "{}\n".format(number) * 50 for number in range(100)}
    machine.run("apt-get", "install", "-y", machine.deb("plain", files=files))
    settle(machine)
    line = next(each for each in machine.read("etc/dpkg/dpkg.cfg.d/90scmguard").splitlines() if each[:4] == "pre-")
    commands: Dict[str, List[object]] = {
        "python3 -I -S -c pass": [["/usr/bin/python3", "-I", "-S", "-c", "pass"], "", PATH],
        "before": [["/usr/lib/scmguard/apt-hook", "pre"], "/root/payload", PATH],
        "after": [["/usr/lib/scmguard/apt-hook", "post"], "", PATH],
        "dpkg's hook": [["sh", "-c", line.partition("=")[2]], "", {**PATH, "DPKG_FRONTEND_LOCKED": "1"}],
    }
    rows = in_turn(machine, commands, pairs)
    base = rows["python3 -I -S -c pass"]
    for name, row in rows.items():
        ratio = statistics.median(one / other for one, other in zip(row, base))
        print("  {:<24} {:7.1f} ms  ratio {:.2f}".format(name, 1000 * statistics.median(row), ratio), flush=True)


def kernel(maker: Maker, runs: int) -> None:
    """A transaction with the package of a kernel, where initramfs-tools is installed."""
    machine = maker.guarded(boot_kib=300_000)
    for words in (["update"], ["install", "-y", "initramfs-tools", "zstd"]):
        if machine.watched("apt-get", *words, timeout=900).status:
            print("  a kernel: not measured, the Debian archive cannot be reached")
            return
    machine.write("etc/apt/apt.conf.d/99payload", PAYLOAD)
    machine.watched("apt-get", "install", "-y", "linux-image-amd64", timeout=900)
    payload = install_lines(machine.read("root/payload"))
    name = payload.split()[-1]
    package = os.path.basename(name).partition("_")[0]
    # As it was before: the archive is there, and the package is not.
    machine.watched("sh", "-c", "apt-get purge -y 'linux-image-*'", timeout=900)
    machine.run("sh", "-c", "cd /var/cache/apt/archives && ls {} || apt-get download {}".format(name, package))
    machine.write("root/payload", payload)
    settle(machine)
    commands: Dict[str, List[object]] = {
        "one read of the archive": [["sh", "-c", "dpkg-deb --fsys-tarfile {} | cat".format(name)], "", PATH],
        "before, with a kernel": [["/usr/lib/scmguard/apt-hook", "pre"], "/root/payload", PATH],
    }
    rows = in_turn(machine, commands, runs)
    read, whole = (statistics.median(row) for row in rows.values())
    print("  {}: one read {:.2f} s, hook {:.2f} s, less the read {:.2f} s".format(package, read, whole, whole - read))


def install_lines(payload: str) -> str:
    """What apt wrote, without the packages whose archives are not there any more."""
    head, _, lines = payload.rpartition("\n\n")
    kept = [line for line in lines.splitlines() if line.startswith("linux-image-6") and line.endswith(".deb")]
    return head + "\n\n" + "\n".join(kept) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=41)
    parser.add_argument("--suite", default="bookworm")
    arguments = parser.parse_args()
    reason = why_not()
    if reason:
        sys.exit("not measured: {}".format(reason))
    with tempfile.TemporaryDirectory() as folder:
        maker = Maker(arguments.suite, Path(folder))
        try:
            print("gate, {}, {} pairs".format(arguments.suite, arguments.pairs))
            plain(maker, arguments.pairs)
            kernel(maker, 5)
        finally:
            maker.close()


if __name__ == "__main__":
    main()
