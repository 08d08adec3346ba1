"""The priority that apt gives a release, held against apt-cache policy on archives made here."""

import os
import re
import shutil
import subprocess
from typing import Any, Dict, Optional

import pytest

from scmguard.folder import MemoryFolder
from scmguard.rootfs import aptpins

APT = shutil.which("apt-cache")
RELEASE = "Origin: Debian\nLabel: Debian\nSuite: {0}-suite\nCodename: {0}\nComponents: main\nArchitectures: amd64\n"
PACKAGE = "Package: p\nVersion: 1\nArchitecture: amd64\nFilename: pool/p.deb\nSize: 1\nSHA256: {}\n\n".format("0" * 64)
CODENAMES = ("bookworm", "trixie")


def pin(criteria: str, priority: object = 100, package: str = "*") -> str:
    return "Package: {}\nPin: {}\nPin-Priority: {}\n".format(package, criteria, priority)


#: Preferences (or other files, by name), and whether the codename of each release decides.
CASES: Dict[str, Any] = {
    "nothing": {},
    "another release held back": pin("release n=trixie"),
    "the word alone": pin("release trixie"),
    "the first that fits": pin("release n=trixie") + "\n" + pin("release n=trixie", 700),
    "a shell pattern": pin("release n=trix*"),
    "a set of letters": pin("release n=[st]rixie"),
    "a range that runs backwards": pin("release n=[z-a]rixie"),
    "a bracket that is not closed": pin("release n=[t"),
    "capitals": pin("release n=TRIXIE"),
    "field names in small letters": pin("release n=trixie").lower(),
    "comments and explanations": "# one\nExplanation: two\n" + pin("release n=trixie").replace("Pin:", "# three\nPin:"),
    "for one package": pin("release n=trixie", package="q"),
    "for several packages": pin("release n=trixie", package="* q"),
    "no priority": "Package: *\nPin: release n=trixie\n",
    "priority 0": pin("release n=trixie", 0),
    "a priority that is no number": pin("release n=trixie", "x"),
    "a priority below 0": pin("release n=trixie", -10),
    "quotes": pin('release n="trixie"'),
    "the installed release above all": pin("release n=bookworm", 995),
    "all releases": pin("release *", 300),
    "a version": pin("version 1*"),
    "a folder": {"preferences.d/a.pref": pin("release n=trixie", 50)},
    "a folder behind the main file": {
        "preferences": pin("release n=trixie"),
        "preferences.d/a": pin("release n=trixie", 5),
    },
    "files in the order of their names": {
        "preferences.d/b": pin("release n=trixie", 60),
        "preferences.d/a.pref": pin("release n=trixie", 70),
    },
    "names that are not read": {
        "preferences.d/a.conf": pin("release n=trixie"),
        "preferences.d/.b": pin("release n=trixie"),
        "preferences.d/c~": pin("release n=trixie"),
    },
    "a target release": {"apt.conf": 'APT::Default-Release "bookworm";\n'},
    "a target release that is to come": {"apt.conf": 'APT::Default-Release "n=trixie";\n'},
    "a target release before a pin": {
        "apt.conf": 'APT::Default-Release "trixie";\n',
        "preferences": pin("release n=trixie"),
    },
}
#: What a codename does not tell.
OPEN: Dict[str, str] = {
    "a suite": pin("release a=trixie-suite"),
    "a suite as the word alone": pin("release testing"),
    "an origin besides the codename": pin("release o=Debian,n=trixie"),
    "an address": pin('origin "deb.debian.org"'),
    "a regular expression": pin("release n=/tri/"),
    "a version of the distribution": pin("release 13*"),
    "more pins than anybody has": "\n".join([pin("release n=sid")] * 1001),
    "a pattern without end": pin("release n=" + "*t" * 50000),
}


def files_of(case: Any) -> Dict[str, str]:
    return {"preferences": case} if isinstance(case, str) else case


def ours(case: Any, codename: str) -> Optional[int]:
    files = {"etc/apt/" + name: text.encode() for name, text in files_of(case).items()}
    return aptpins.priority(aptpins.pins(MemoryFolder(files)), codename)


def policy(folder: str, case: Any) -> Dict[str, int]:
    """What apt-cache says of the archives."""
    assert APT is not None
    lists = os.path.join(folder, "var/lib/apt/lists")
    for name in (
        "etc/apt/preferences.d",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "var/lib/dpkg",
    ):
        os.makedirs(os.path.join(folder, name))
    texts = {"var/lib/dpkg/status": "", "etc/apt/sources.list": ""}
    for name in CODENAMES:
        texts["etc/apt/sources.list"] += "deb [trusted=yes] http://deb.debian.org/debian {} main\n".format(name)
        start = "var/lib/apt/lists/deb.debian.org_debian_dists_{}_".format(name)
        texts[start + "Release"] = RELEASE.format(name)
        texts[start + "main_binary-amd64_Packages"] = PACKAGE
    texts.update({"etc/apt/" + name: text for name, text in files_of(case).items()})
    texts["conf"] = 'Dir "{0}"; Dir::State::status "{0}/var/lib/dpkg/status"; Dir::Etc::parts "";\n'.format(folder)
    texts["conf"] += 'APT::Architecture "amd64"; APT::Architectures {"amd64";};\n'
    texts["conf"] += texts.get("etc/apt/apt.conf", "")
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
            stream.write(text)
    assert os.path.isdir(lists)
    environment = {"APT_CONFIG": os.path.join(folder, "conf"), "LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([APT, "policy"], env=environment, capture_output=True, text=True, timeout=30, check=False)
    found = re.findall(r"^ *(-?[0-9]+) http://deb\.debian\.org/debian ([a-z]+)/main", done.stdout, re.M)
    return {name: int(priority) for priority, name in found}


@pytest.mark.skipif(APT is None, reason="apt-cache is not here: nothing to compare with")
@pytest.mark.parametrize("case", CASES)
def test_priorities_are_those_of_apt(tmp_path: Any, case: str) -> None:
    assert {name: ours(CASES[case], name) for name in CODENAMES} == policy(str(tmp_path), CASES[case])


@pytest.mark.parametrize("case", OPEN)
def test_what_a_codename_does_not_tell_is_not_known(case: str) -> None:
    assert ours(OPEN[case], "trixie") is None


def test_another_codename_is_known_all_the_same() -> None:
    assert ours("\n".join([pin("release n=sid")] * 1000), "trixie") == aptpins.USUAL
    assert ours(OPEN["an origin besides the codename"], "bookworm") == aptpins.USUAL
