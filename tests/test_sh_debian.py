"""Every shell script that Debian puts into an initramfs or runs to make one: dash's verdict, shfmt's counts.

Needs a Debian archive (apt-get download), dash, shfmt and the list of packages; skips with a reason elsewhere.
"""

import os
import random
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List

import pytest

from scmguard.parse.initramfs_sh import Script
from scmguard.text import Source, decode, encode
from tests.archive import download
from tests.places import HOOK_PACKAGES
from tests.test_sh_oracles import dash_takes, needs_dash, needs_shfmt, our_counts, shfmt_counts

pytestmark = [
    needs_dash,
    needs_shfmt,
    pytest.mark.skipif(not os.path.isfile(HOOK_PACKAGES), reason="the list of packages is not here (SCMGUARD_CORPUS)"),
    pytest.mark.skipif(
        not all(shutil.which(name) for name in ("apt-get", "apt-cache", "dpkg-deb")), reason="this is no Debian"
    ),
]

FOLDERS = ("usr/share/initramfs-tools", "etc/initramfs-tools", "lib/cryptsetup/scripts", "usr/lib/cryptsetup",
           "usr/lib/cryptsetup/scripts", "etc/initramfs")  # fmt: skip
MUTANTS = int(os.environ.get("SCMGUARD_MUTANTS", "5000"))
#: What mutation puts in: mostly what means something to a shell.
CHARACTERS = "\n \t;&|()<>'\"\\$`{}#=!~*?[]-+:/%@" * 3 + "\r\x01\x7fé\udc82,.^_059aefinoxDETZ"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: Any) -> Dict[str, bytes]:
    """The scripts by package and path."""
    folder = tmp_path_factory.mktemp("packages")
    with open(HOOK_PACKAGES, encoding="utf-8") as stream:
        listed = stream.read().split()
    archives = download(listed, str(folder), str(tmp_path_factory.mktemp("lists")))
    if not archives:
        pytest.skip("no Debian archive (apt-get update)")
    found = {}
    for archive in archives:
        name = archive.split("_")[0]
        unpacked = os.path.join(folder, "x", name)
        os.makedirs(unpacked)
        subprocess.run(["dpkg-deb", "-x", os.path.join(folder, archive), unpacked], check=True)
        for where, _, files in os.walk(unpacked):
            inner = os.path.relpath(where, unpacked)
            if not inner.startswith(FOLDERS) and not (inner.startswith("etc/kernel/") and inner.endswith(".d")):
                continue
            for file in files:
                path = os.path.join(where, file)
                if not os.path.islink(path):
                    with open(path, "rb") as opened:
                        data = opened.read()
                    if _is_shell(data):
                        found[os.path.join(name, inner, file)] = data
    print("{} of {} packages, {} scripts".format(len(archives), len(listed), len(found)))
    return found


def _is_shell(data: bytes) -> bool:
    """No binary, and no script of another interpreter. Configuration that shells read has no such line."""
    first = data.split(b"\n", 1)[0]
    return b"\0" not in data and (not first.startswith(b"#!") or b"sh" in first.split(b"/")[-1])


def test_every_script_has_the_verdict_of_dash_and_prints_back(scripts: Dict[str, bytes]) -> None:
    assert len(scripts) > 100
    wrong = []
    for name, data in scripts.items():
        script = Script(Source(name, data))
        if (script.tree is not None) != dash_takes(script.text):
            wrong.append((name, script.refusal))
        elif script.tree is not None:
            assert encode(script.printed()) == data, name
    assert wrong == []


def test_every_script_has_the_counts_of_shfmt(scripts: Dict[str, bytes]) -> None:
    wrong = []
    for name, data in scripts.items():
        script = Script(Source(name, data))
        if script.tree is not None:
            counts = our_counts(script)
            theirs = shfmt_counts(script.text)
            if counts != theirs:
                wrong.append((name, counts, theirs))
    assert wrong == []


def test_mutants_have_the_verdict_of_dash(scripts: Dict[str, bytes]) -> None:
    """No false accept; at most 0.2 % false rejects, which the message lists with their reasons."""
    choose = random.Random(20)
    names = sorted(name for name, data in scripts.items() if data.startswith(b"#!"))
    mutants: List[str] = []
    places = []
    for _ in range(MUTANTS):
        name = choose.choice(names)
        text = decode(scripts[name])
        at = choose.randrange(len(text))
        piece = choose.choice(["", choose.choice(CHARACTERS), choose.choice(CHARACTERS) + text[at]])
        mutants.append(text[:at] + piece + text[at + 1 :])
        places.append((name, at, text[at], piece))
    with ThreadPoolExecutor() as pool:
        verdicts = list(pool.map(dash_takes, mutants))
    accepts, rejects = [], []
    for place, text, taken in zip(places, mutants, verdicts):
        script = Script(Source("x", encode(text)))
        if script.tree is None and taken:
            rejects.append((place, script.refusal))
        elif script.tree is not None and not taken:
            accepts.append(place)
        if script.tree is not None:
            assert script.printed() == text
    assert not accepts, "taken, but not by dash: {}".format(accepts)
    assert len(rejects) <= MUTANTS * 0.002, "refused, but not by dash: {}".format(rejects)
    print("{} mutants, {} taken by dash; refused wrongly: {}".format(MUTANTS, sum(verdicts), rejects))


def test_all_scripts_are_read_in_seconds(scripts: Dict[str, bytes]) -> None:
    start = time.process_time()
    found = sum(len(Script(Source(name, data)).commands) for name, data in scripts.items())
    spent = time.process_time() - start
    print("{} commands in {:.2f} s".format(found, spent))
    assert found > 2000
    assert spent < 20  # a bound for slow machines; the goal, 3 s on a PC, is the bench's
