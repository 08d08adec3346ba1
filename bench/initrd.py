"""Measures listing and checking an initramfs image with the modules of a real kernel against `lsinitramfs`.

Whole processes of an installed wheel, run in turn; the image is made from Debian's kernel package (downloaded with
apt-get) with cpio and zstd, with a small bare archive in front as microcode has. `lsinitramfs` is in Debian's
initramfs-tools-core.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from typing import List, Sequence, Tuple

from measure import measured
from run import install

NEEDED = ("apt-get", "dpkg-deb", "cpio", "zstd", "lsinitramfs")


def package(architecture: str) -> str:
    """The name of the kernel package that linux-image-ARCHITECTURE stands for."""
    shown = subprocess.run(
        ["apt-cache", "depends", "linux-image-" + architecture], capture_output=True, text=True, check=True
    )
    found = re.search(r"Depends: (linux-image-\S+)", shown.stdout)
    if found is None:
        sys.exit("no kernel package: try `apt-get update`")
    return found.group(1)


def unpacked(folder: str, architecture: str) -> str:
    """A folder with the files of the kernel package."""
    subprocess.run(["apt-get", "download", "-q", package(architecture)], cwd=folder, check=True)
    (archive,) = [name for name in os.listdir(folder) if name.endswith(".deb")]
    tree = os.path.join(folder, "tree")
    subprocess.run(["dpkg-deb", "-x", os.path.join(folder, archive), tree], check=True)
    shutil.rmtree(os.path.join(tree, "boot"))
    shutil.rmtree(os.path.join(tree, "usr"), ignore_errors=True)
    with open(os.path.join(tree, "init"), "w", encoding="ascii") as stream:
        stream.write("#!/bin/sh\n")
    return tree


def make_image(folder: str, tree: str, level: str) -> str:
    """An image of the tree: a bare archive of 3 MB, then one compressed with zstd."""
    early = os.path.join(folder, "early")
    code = os.path.join(early, "kernel", "x86", "microcode")
    os.makedirs(code, exist_ok=True)
    with open(os.path.join(code, "GenuineIntel.bin"), "wb") as stream:
        stream.write(os.urandom(3_000_000))
    image = os.path.join(folder, "initrd.zstd{}".format(level))
    pack = "find . | LC_ALL=C sort | cpio --quiet --reproducible -R 0:0 -o -H newc"
    with open(image, "wb") as stream:
        subprocess.run(pack, shell=True, cwd=early, stdout=stream, check=True)
        stream.flush()
        subprocess.run("{} | zstd -q -c {}".format(pack, level), shell=True, cwd=tree, stdout=stream, check=True)
    return image


def boot_folder(image: str) -> str:
    """A boot folder in which the firmware loads the image, beside a kernel of the same release."""
    folder = os.path.join(os.path.dirname(image), "boot-" + os.path.basename(image))
    if not os.path.isdir(folder):
        os.makedirs(folder)
        release = next(name for name in os.listdir(os.path.join(os.path.dirname(image), "tree", "lib", "modules")))
        for name, text in (
            ("config.txt", "auto_initramfs=1\n"),
            ("cmdline.txt", "root=/dev/mmcblk0p2 rootfstype=ext4 rootwait\n"),
            ("kernel8.img", "Linux version {} (builder)\n".format(release)),
        ):
            with open(os.path.join(folder, name), "w", encoding="ascii") as stream:
                stream.write(text)
        os.link(image, os.path.join(folder, "initramfs8"))
    return folder


def listed(command: Sequence[str]) -> Tuple[float, float]:
    """Seconds and peak memory in MB of a listing, or of a check: 1 is its status where it finds something."""
    taken, peak, status = measured(command)
    if status not in (0, 1):
        sys.exit("{} ends with {}".format(" ".join(command), status))
    return taken, peak


def compare(python: str, image: str, pairs: int) -> None:
    """The image listed by both, in turn."""
    print("{}: {:.1f} MB".format(os.path.basename(image), os.path.getsize(image) / 1e6))
    base = ["lsinitramfs", image]
    # A folder that hides the libraries, so that the programs are used.
    hidden = os.path.join(os.path.dirname(image), "hidden")
    os.makedirs(os.path.join(hidden, "lz4"), exist_ok=True)
    for name in ("zstandard.py", os.path.join("lz4", "__init__.py")):
        with open(os.path.join(hidden, name), "w", encoding="ascii") as stream:
            stream.write("raise ImportError\n")
    script = os.path.join(os.path.dirname(python), "scmguard")
    ours = [script, "show", "--initrd", image]
    rows: List[Tuple[str, List[str]]] = [
        ("text", ours),
        ("json", [*ours, "--format", "json"]),
        ("text, zstd program", ["env", "PYTHONPATH=" + hidden, *ours]),
        ("check, all rules", [script, "check", "--profile", "pi4", boot_folder(image)]),
    ]
    for name, command in rows:
        listed(command), listed(base)
        found = [(listed(command), listed(base)) for _ in range(pairs)]
        ratios = sorted(one[0] / other[0] for one, other in found)
        print(
            "  {:<18} {:.2f} of lsinitramfs (quartiles {:.2f} to {:.2f}; {:.0f} ms against {:.0f}); {:.0f} MB".format(
                name,
                statistics.median(ratios),
                ratios[len(ratios) // 4],
                ratios[3 * len(ratios) // 4],
                statistics.median(one[0] for one, _ in found) * 1000,
                statistics.median(other[0] for _, other in found) * 1000,
                max(one[1] for one, _ in found),
            ),
            flush=True,
        )


def main() -> None:
    """Makes the images, or takes one, and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", default="amd64", choices=["amd64", "arm64"])
    parser.add_argument("--level", action="append", help="of zstd: -1 to -19; may be repeated (default: -1 and -19)")
    parser.add_argument("--pairs", type=int, default=11)
    options = parser.parse_args()
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        sys.exit("not installed: {}".format(" ".join(missing)))
    with tempfile.TemporaryDirectory(prefix="scmguard-bench-") as folder:
        python = install(os.path.join(folder, "venv"))
        subprocess.run([python, "-m", "pip", "install", "--quiet", "zstandard", "lz4"], check=True)
        tree = unpacked(folder, options.architecture)
        for level in options.level or ["-1", "-19"]:
            compare(python, make_image(folder, tree, level), options.pairs)


if __name__ == "__main__":
    main()
