"""Measures scmguard as people run it: whole processes of an installed wheel. See README.md beside this file."""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from typing import Dict, List, Optional, Sequence, Tuple

from measure import measured

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BOOTS = os.path.join(TOP, "tests", "boots")
STOCK = os.path.join(BOOTS, "raspios-bookworm")
CORPUS = os.environ.get("SCMGUARD_CORPUS", os.path.join(os.path.dirname(TOP), "shared", "corpus"))


def seconds(command: Sequence[str], folder: Optional[str] = None) -> float:
    """Wall-clock seconds of one run, in a folder where one is given; output thrown away."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, cwd=folder)
    return time.perf_counter() - start


def ratio(command: Sequence[str], base: Sequence[str], pairs: int, folder: Optional[str] = None) -> str:
    """The median of command/base over pairs run in turn, with quartiles and the medians in milliseconds."""
    seconds(command, folder), seconds(base)
    found: List[Tuple[float, float]] = [(seconds(command, folder), seconds(base)) for _ in range(pairs)]
    ratios = sorted(one / other for one, other in found)
    low, middle, high = ratios[len(ratios) // 4], statistics.median(ratios), ratios[3 * len(ratios) // 4]
    ours, theirs = (statistics.median(column) * 1000 for column in zip(*found))
    return "{:5.2f}  (quartiles {:.2f} to {:.2f}; {:.0f} ms against {:.0f} ms)".format(middle, low, high, ours, theirs)


def git(folder: str, *words: str) -> None:
    """Runs git in a folder, without anybody's configuration."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for role in ("AUTHOR", "COMMITTER"):
        environment.update({"GIT_{}_NAME".format(role): "A", "GIT_{}_EMAIL".format(role): "a@example.org"})
    subprocess.run(["git", *words], cwd=folder, check=True, env=environment)


def install(folder: str) -> str:
    """A virtual environment with the wheel and yamllint; the path of its python."""
    venv.create(folder, with_pip=True)
    python = os.path.join(folder, "bin", "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", TOP, "yamllint"], check=True)
    return python


def start(python: str, folder: str, pairs: int) -> None:
    """Start-up: the ratio to the bare interpreter."""
    script = os.path.join(os.path.dirname(python), "scmguard")
    with open(os.path.join(STOCK, "config.txt"), encoding="utf-8") as stream:
        lines = len(stream.readlines())
    with open(os.path.join(STOCK, "cmdline.txt"), encoding="utf-8") as stream:
        lines += len(stream.readlines())
    document = os.path.join(folder, "lines.yaml")
    with open(document, "w", encoding="utf-8") as stream:
        stream.write("---\n" + "".join("key_{}: value\n".format(number) for number in range(lines - 1)))
    base = [python, "-c", "pass"]
    rows: Dict[str, List[str]] = {
        "scmguard check": [script, "check", STOCK],
        "scmguard check --profile pi4": [script, "check", "--profile", "pi4", STOCK],
        "import click": [python, "-c", "import click"],
        "import click, lark": [python, "-c", "import click, lark"],
        "yamllint": [os.path.join(os.path.dirname(python), "yamllint"), document],
    }
    print("start: ratio to `python -c pass`, median of {} pairs, {} lines".format(pairs, lines))
    for name, command in rows.items():
        print("  {:<30}{}".format(name, ratio(command, base, pairs)), flush=True)
    repository = os.path.join(folder, "repository")
    _stage(repository)
    # As pre-commit calls it where one file was changed.
    command = [script, "check", "--staged", "--pre-commit", "boot/config.txt"]
    if subprocess.run(command, cwd=repository, stdout=subprocess.DEVNULL, check=False).returncode != 1:
        sys.exit("the staged file is not what was to be measured")
    print("  {:<30}{}".format("scmguard check --staged", ratio(command, base, pairs, repository)), flush=True)


def _stage(repository: str) -> None:
    """A repository with the stock boot folder, of which one file is staged with another line."""
    boot = os.path.join(repository, "boot")
    shutil.copytree(STOCK, boot)
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "stock"]):
        git(repository, *words)
    with open(os.path.join(boot, "config.txt"), "a", encoding="utf-8") as stream:
        stream.write("gpu_mem=64\n")
    git(repository, "add", ".")


def _originals() -> List[Tuple[bytes, bytes]]:
    if not os.path.isdir(CORPUS):
        print("  (no corpus: made from tests/boots)")
        folders = [os.path.join(BOOTS, name) for name in sorted(os.listdir(BOOTS))]
        return [(_read(os.path.join(one, "config.txt")), _read(os.path.join(one, "cmdline.txt"))) for one in folders]
    kinds = [os.path.join(CORPUS, kind) for kind in ("config", "cmdline")]
    configs, lines = ([_read(os.path.join(kind, name)) for name in sorted(os.listdir(kind))] for kind in kinds)
    return [(config, lines[number % len(lines)]) for number, config in enumerate(configs)]


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def _varied(config: bytes, dice: random.Random) -> bytes:
    """The file with three lines put in somewhere, so that no two are alike."""
    lines = config.split(b"\n")
    for _ in range(3):
        text = dice.choice(["gpu_mem={}", "# note {}", "arm_freq={}", "dtparam=i2c_arm_baudrate={}"])
        lines.insert(dice.randrange(len(lines) + 1), text.format(dice.randrange(10**6)).encode())
    return b"\n".join(lines)


def many(python: str, folder: str) -> None:
    """Many boot folders in one call."""
    dice = random.Random(20261122)
    originals = _originals()
    paths = []
    for number in range(10_000):
        path = os.path.join(folder, "many", "{:05d}".format(number))
        os.makedirs(path)
        config, line = originals[number % len(originals)]
        for name, data in (("config.txt", _varied(config, dice)), ("cmdline.txt", line)):
            with open(os.path.join(path, name), "wb") as stream:
                stream.write(data)
        paths.append(path)
    print("many: different boot folders in one call")
    for count in (1_000, 10_000):
        for form in ("json", "text"):
            command = [python, "-m", "scmguard", "check", "--format", form, *paths[:count]]
            taken, peak, _status = measured(command)
            print(
                "  {:>6} folders, {}: {:6.2f} s, {:.2f} ms each, {:.0f} MB".format(
                    count, form, taken, taken / count * 1000, peak
                ),
                flush=True,
            )


def big(python: str, folder: str) -> None:
    """Large files without equal lines."""
    print("big: one config.txt without equal lines")
    for megabytes in (1, 5, 10):
        lines: List[str] = []
        size = number = 0
        while size < megabytes * 1_000_000:
            number += 1
            text = (
                "gpu_mem={}",
                "# a comment that is not like any other, {}",
                "dtparam=i2c_arm_baudrate={}",
                "kernel=kernel-{}.img",
            )[number % 4]
            lines.append(text.format(number))
            size += len(lines[-1]) + 1
        tree = os.path.join(folder, "big-{}".format(megabytes))
        os.makedirs(tree)
        with open(os.path.join(tree, "config.txt"), "w", encoding="ascii") as stream:
            stream.write("\n".join(lines) + "\n")
        taken, peak, _status = measured([python, "-m", "scmguard", "check", "--format", "json", tree])
        print(
            "  {:>3} MB, {:>6} lines: {:6.2f} s, {:.2f} s per MB, {:.0f} MB".format(
                megabytes, number, taken, taken / megabytes, peak
            ),
            flush=True,
        )
    tree = os.path.join(folder, "one-line")
    os.makedirs(tree)
    with open(os.path.join(tree, "config.txt"), "w", encoding="ascii") as stream:
        stream.write("dtoverlay=x" + ",parameter=value" * (10_000_000 // 16))
    taken, peak, _status = measured([python, "-m", "scmguard", "check", "--format", "json", tree])
    print("  one line of 10 MB: {:6.2f} s, {:.0f} MB".format(taken, peak), flush=True)


def main() -> None:
    """Runs the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["start", "many", "big"])
    parser.add_argument("--pairs", type=int, default=21)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scmguard-bench-") as folder:
        python = install(os.path.join(folder, "venv"))
        print("Python {}, {} cores".format(sys.version.split()[0], os.cpu_count()))
        if options.only in (None, "start"):
            start(python, folder, max(options.pairs, 15))
        if options.only in (None, "many"):
            many(python, folder)
        if options.only in (None, "big"):
            big(python, folder)


if __name__ == "__main__":
    main()
