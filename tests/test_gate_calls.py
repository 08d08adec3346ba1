"""What dpkg was called for, from its command line as the system has it."""

import os
import subprocess
from typing import Any, Dict, List, Optional, Tuple

import pytest

from scmguard.folder import MemoryFolder
from scmguard.gate import calls, quick
from scmguard.gate.callers import Process
from scmguard.packages.transaction import Change, Transaction

STATUS = """Package: there
Status: install ok installed
Architecture: arm64
Version: 1.0

Package: both
Status: install ok installed
Architecture: arm64
Multi-Arch: same
Version: 2.0

Package: both
Status: install ok installed
Architecture: armhf
Multi-Arch: same
Version: 2.0

Package: left
Status: deinstall ok config-files
Architecture: arm64
Version: 3.0
"""
ROOT = MemoryFolder({"var/lib/dpkg/status": STATUS.encode()})


@pytest.fixture(scope="module")
def debs(tmp_path_factory: Any) -> str:
    """Packages: new.deb and there.deb, and in the folder ``all`` more of them, one behind a link."""
    top = tmp_path_factory.mktemp("debs")
    for name, path in [("new", "new.deb"), ("there", "there.deb"), ("one", "all/one.deb"), ("two", "all/in/two.deb")]:
        package = top / "build" / name
        (package / "DEBIAN").mkdir(parents=True)
        fields = "Package: {}\nVersion: 1.5\nArchitecture: arm64\nMaintainer: x <x@example>\nDescription: x\n"
        (package / "DEBIAN" / "control").write_text(fields.format(name))
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(
                ["dpkg-deb", "-Znone", "--build", str(package), str(top / path)], check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip("no packages can be built here: {}".format(error))
    (top / "all" / "notes.txt").write_text("no package")
    (top / "all" / "folder.deb").mkdir()
    (top / "behind").mkdir()
    (top / "new.deb").rename(top / "behind" / "new.deb")
    (top / "new.deb").symlink_to("behind/new.deb")
    (top / "all" / "link").symlink_to("../behind")
    (top / "all" / "loop").symlink_to("..")
    (top / "broken.deb").write_text("no package")
    (top / "a b.deb").symlink_to("there.deb")
    return str(top)


def of(words: str, folder: str, action: str = "install", **environment: str) -> Optional[Transaction]:
    above = [Process(3, 3, ("sh", "-c", "apt-hook dpkgpre")), Process(2, 2, ("dpkg", *words.split("|")), folder)]
    return calls.of_dpkg(ROOT, {"DPKG_HOOK_ACTION": action, **environment}, [*above, Process(1, 1, ("bash",))])


def shown(found: Optional[Transaction]) -> Optional[List[Tuple[str, str]]]:
    return None if found is None else [(change.package, change.action) for change in found.changes]


NEW, THERE, ALL = ("new", "install"), ("there", "upgrade"), [("one", "install"), ("two", "install")]


# --- what is installed ---


@pytest.mark.parametrize(
    "words, expected",
    [
        ("-i|new.deb", [NEW]),
        ("--install|new.deb|there.deb", [NEW, THERE]),
        ("--unpack|there.deb", [THERE]),
        ("-i|./behind/../new.deb", [NEW]),
        ("-i|a b.deb", [THERE]),
        ("-iGE|new.deb", [NEW]),
        ("--force-all|-i|new.deb", [NEW]),
        ("--log|there.deb|-i|new.deb", [NEW]),
        ("--log=there.deb|-i|new.deb", [NEW]),
        ("--path-exclude|there.deb|-i|new.deb", [NEW]),
        ("--pre-invoke|there.deb|-i|new.deb", [NEW]),
        ("--force|there.deb|-i|new.deb", [NEW]),
        ("-D|there.deb|-i|new.deb", [NEW]),
        ("-iD|there.deb|new.deb", [NEW]),
        ("-D1|-i|new.deb", [NEW]),
        ("--root|/|-i|new.deb", [NEW]),
        ("-i|--status-fd|--no-pager|new.deb", [NEW]),
        ("-i|broken.deb|new.deb", [("broken.deb", "install"), NEW]),
    ],
)
def test_archives(debs: str, words: str, expected: Any) -> None:
    found = of(words, debs)
    assert shown(found) == expected and found is not None
    assert all(os.path.isfile(change.archive) for change in found.changes)


def test_what_an_archive_says(debs: str) -> None:
    found = of("-i|{}/there.deb".format(debs), "/")
    assert found is not None and found.caller == "dpkg -i {}/there.deb".format(debs)
    assert found.changes == (Change("there", "upgrade", "1.0", "1.5", "arm64", debs + "/there.deb"),)


@pytest.mark.parametrize("words", ["-R|-i|all", "-iR|all", "-Ri|all/", "--recursive|--install|all"])
def test_a_folder_with_all_in_it(debs: str, words: str) -> None:
    found = shown(of(words, debs))
    assert found is not None and set(found) >= {*ALL, NEW}, "what is behind a link, too"
    assert found.count(("one", "install")) == 1, "and a loop ends"
    assert ("folder.deb", "install") not in found and ("notes.txt", "install") not in found


@pytest.mark.parametrize(
    "words", ["-i|all", "-i|gone.deb", "-i", "-i|--", "-i|all/notes", "--log|new.deb|-i", "-R|-i|gone"]
)
def test_dpkg_does_nothing_with_it(debs: str, words: str) -> None:
    assert shown(of(words, debs)) == []


# --- what is removed ---


@pytest.mark.parametrize(
    "action, option", [("remove", "-r"), ("purge", "-P"), ("remove", "--remove"), ("purge", "--purge")]
)
@pytest.mark.parametrize(
    "words, expected",
    [
        ("there", [("there", "arm64", "1.0")]),
        ("there|both", [("there", "arm64", "1.0"), ("both", "arm64", "2.0")]),
        ("both:armhf", [("both", "armhf", "2.0")]),
        ("both:arm64|--|there", [("both", "arm64", "2.0"), ("there", "arm64", "1.0")]),
        ("--ignore-depends|there|both", [("both", "arm64", "2.0")]),
        ("left", []),
        ("unknown|ther|the\u00efre", []),
        ("--pending", []),
    ],
)
def test_packages(action: str, option: str, words: str, expected: Any) -> None:
    found = of("{}|{}".format(option, words), "/", action)
    assert found is not None and all(each.action == "remove" and not each.archive for each in found.changes)
    assert [(each.package, each.architecture, each.old) for each in found.changes] == expected


def test_a_name_of_a_package_is_no_file(debs: str) -> None:
    """And the other way round."""
    assert shown(of("-r|new.deb", debs, "remove")) == [] == shown(of("-i|there", debs))


# --- what is nothing to look at ---


@pytest.mark.parametrize("option", ["--no-act", "--dry-run", "--simulate"])
def test_dpkg_only_pretends(debs: str, option: str) -> None:
    assert of("{}|-i|new.deb".format(option), debs) is None and of("-i|{}|new.deb".format(option), debs) is None


@pytest.mark.parametrize("action", ["configure", "triggers-only", "update-avail", ""])
def test_ways_out_of_trouble(debs: str, action: str) -> None:
    assert of("--configure|all|new.deb", debs, action) is None


@pytest.mark.parametrize(
    "environment, elsewhere",
    [
        ({}, False),
        ({"DPKG_ROOT": "", "DPKG_ADMINDIR": "/var/lib/dpkg"}, False),
        ({"DPKG_ROOT": "/"}, False),
        ({"DPKG_ROOT": "/mnt", "DPKG_ADMINDIR": "/mnt/var/lib/dpkg"}, True),
        ({"DPKG_ROOT": "", "DPKG_ADMINDIR": "/mnt/var/lib/dpkg"}, True),
    ],
)
def test_a_system_in_another_folder(debs: str, environment: Dict[str, str], elsewhere: bool) -> None:
    """What dpkg says to its hooks of --root=, --instdir= and --admindir=."""
    assert calls.is_elsewhere(environment) == elsewhere
    assert (of("--root=/mnt|-i|new.deb", debs, **environment) is None) == elsewhere


@pytest.mark.parametrize("above", [[], [Process(1, 1, ("bash",))], [Process(1, 1, ("sh", "-c", "dpkg -i new.deb"))]])
def test_no_dpkg_above(above: List[Process]) -> None:
    assert calls.of_dpkg(ROOT, {"DPKG_HOOK_ACTION": "install"}, above) is None


def test_the_nearest_dpkg_counts(debs: str) -> None:
    above = [Process(2, 2, ("/usr/bin/dpkg", "-i", "new.deb"), debs), Process(1, 1, ("dpkg", "-i", "there.deb"), debs)]
    assert shown(calls.of_dpkg(ROOT, {"DPKG_HOOK_ACTION": "install"}, above)) == [NEW]


def test_what_dpkg_takes_for_the_values_of_options(debs: str, tmp_path: Any) -> None:
    """Each option here that has a value takes the next word for it; a word that it does not take is no archive."""
    environment = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    for option in sorted(calls._WITH_VALUE):
        # Whatever it does, it does not do it to this machine.
        elsewhere = ["--root={}".format(tmp_path), "--log={}/log".format(tmp_path), "--no-act"]
        command = ["dpkg", *elsewhere, option, "not-there.deb", "--install"]
        try:
            run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
        except OSError as error:
            pytest.skip("no dpkg here: {}".format(error))
        assert "not-there.deb': No such file" not in run.stderr, option


@pytest.mark.parametrize("left, ends", [([".scmguard-half"], True), (["1-2.json"], False), ([], True)])
def test_what_a_killed_run_left_is_no_open_transaction(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, left: List[str], ends: bool
) -> None:
    from scmguard.gate import state

    (tmp_path / "open").mkdir()
    for name in left:
        (tmp_path / "open" / name).write_text("{}")
    monkeypatch.setattr(quick, "OPEN", str(tmp_path / "open"))
    monkeypatch.setattr(state, "read", lambda: state.State("", True, {}, "x"))
    assert quick.has_nothing_to_do("post", b"", str(tmp_path)) == ends
