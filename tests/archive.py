"""The Debian archive that apt on this machine is set up for, with components and an architecture that it may not be."""

import os
import subprocess
from typing import List, Optional, Sequence, Tuple

COMPONENTS = "main contrib non-free non-free-firmware"


def archive() -> Optional[Tuple[str, str]]:
    """The address and the suite of the first Debian archive that is none of security or updates; None without one."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(CODENAME)|$(RELEASE)|$(ORIGIN)", "Created-By: Packages"],
        capture_output=True,
        text=True,
    )
    for line in done.stdout.splitlines():
        uri, codename, release, origin = (line.split("|") + ["", "", ""])[:4]
        if origin == "Debian" and not any(word in release for word in ("security", "updates", "backports")):
            return uri, codename
    return None


def _private(folder: str, uri: str, suite: str, architecture: str) -> List[str]:
    """Options that make apt use lists of its own in a folder, with all components."""
    lists = os.path.join(folder, "lists")
    os.makedirs(os.path.join(lists, "partial"), exist_ok=True)
    sources = os.path.join(folder, "sources.list")
    keys = [
        "/usr/share/keyrings/debian-archive-keyring.{}".format(ending)
        for ending in ("gpg", "pgp")
        if os.path.exists("/usr/share/keyrings/debian-archive-keyring.{}".format(ending))
    ]
    signed = "[signed-by={}] ".format(keys[0]) if keys else ""
    with open(sources, "w", encoding="utf-8") as stream:
        stream.write("deb {}{} {} {}\n".format(signed, uri, suite, COMPONENTS))
    values = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/nonexistent",
        "Dir::State::lists": lists,
        "Dir::State::status": "/dev/null",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
    }
    return [word for name, value in values.items() for word in ("-o", "{}={}".format(name, value))]


def download(packages: Sequence[str], folder: str, work: str) -> List[str]:
    """Downloads packages to a folder, and returns the names of their archives; without a Debian archive none.

    First from the lists that there are, then those still missing from lists of all components, for this machine's
    architecture and for arm64. ``work`` is a folder for these lists.
    """
    _get([], packages, folder)
    where = archive()
    own = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True).stdout.strip()
    for architecture in dict.fromkeys([own, "arm64"]) if where is not None else ():
        missing = sorted(set(packages) - {name.split("_")[0] for name in os.listdir(folder)})
        if missing and where is not None:
            options = _private(os.path.join(work, architecture), *where, architecture)
            subprocess.run(["apt-get", *options, "update", "-q"], capture_output=True, timeout=300)
            _get(options, missing, folder)
    return sorted(name for name in os.listdir(folder) if name.endswith(".deb"))


def _get(options: Sequence[str], packages: Sequence[str], folder: str) -> None:
    known = subprocess.run(
        ["apt-cache", *options, "--no-all-versions", "show", *packages], capture_output=True, text=True
    ).stdout.splitlines()
    names = sorted({line.split()[1] for line in known if line.startswith("Package:")})
    if names:
        subprocess.run(["apt-get", *options, "download", "-q", *names], cwd=folder, capture_output=True, timeout=600)
