"""apt's configuration, systemd's units, dpkg's status, and the rule that asks them.

Real apt, systemctl and dpkg-query are the oracles, where they are installed.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scmguard.boot import Boot
from scmguard.checks import unattended
from scmguard.checks.base import Context, Hit
from scmguard.effective.board import BOARDS
from scmguard.effective.config import evaluate
from scmguard.folder import MemoryFolder
from scmguard.inputs.disk import DiskFolder
from scmguard.parse.apt_conf import AptConf
from scmguard.rootfs import apt, dpkg, systemd
from scmguard.text import Source, Span, encode

needs_apt = pytest.mark.skipif(shutil.which("apt-config") is None, reason="apt-config is not installed")
needs_systemctl = pytest.mark.skipif(shutil.which("systemctl") is None, reason="systemctl is not installed")
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="dpkg-query is not installed")


def conf(text: str) -> AptConf:
    return AptConf(Source("apt.conf", text.encode("utf-8", "surrogateescape")))


# ---- the parser --------------------------------------------------------------------------------------------

PIECES = ["zz", "::", '"', "\n", ";", "{", "}", "//", "/*", "*/", "#", "#clear", "#include ", " ", "\t", "\r", "[", "]"]


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)))
@example("a{" * 1500)
@example('/* "')
def test_any_text_is_printed_back(text: str) -> None:
    document = conf(text.encode("utf-8", "replace").decode())
    assert document.text() == document.source.text
    for statement in document.statements:
        assert document.span(statement.start, statement.end).line > 0
    for mistake in document.mistakes:
        assert document.span(mistake.start).line > 0


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_printed_back(data: bytes) -> None:
    document = AptConf(Source("apt.conf", data))
    assert document.text() == document.source.text


def test_a_statement_knows_its_place() -> None:
    document = conf('// first\nAPT {\n  Periodic { Enable "0"; };\n};\n')
    (statement,) = document.statements
    assert (statement.name, statement.value) == ("APT::Periodic::Enable", "0")
    assert document.span(statement.start, statement.end) == Span("apt.conf", 3, 14, 3, 24)


def test_directives_are_statements_of_their_own() -> None:
    statements = conf('#clear APT::Periodic;\n#include "/etc/x";\n# clear y;\n').statements
    found = [(one.kind, one.name, one.value) for one in statements]
    assert found == [("clear", "APT::Periodic", ""), ("include", "", "/etc/x")]


def test_a_long_file_is_read_quickly() -> None:
    text = 'APT::Periodic { Enable "1"; /* x */ };\n' * 2000
    started = time.perf_counter()
    assert len(conf(text).statements) == 2000
    assert time.perf_counter() - started < 5


# ---- apt as the oracle -------------------------------------------------------------------------------------

OWN = (b"zz", b"yy")


def apt_says(folder: Path, *extra: str) -> Optional[List[Tuple[bytes, bytes]]]:
    """What apt-config makes of the files below ``folder``, for options of our own; None where it fails."""
    (folder / "env").write_text(
        'Dir::Etc::parts "{0}/etc/apt/apt.conf.d"; Dir::Etc::main "{0}/etc/apt/apt.conf";'.format(folder)
    )
    environment = {"APT_CONFIG": str(folder / "env"), "PATH": os.environ["PATH"], "LC_ALL": "C"}
    result = subprocess.run(
        ["apt-config", *(extra or ("dump",))],
        env=environment,
        stdin=subprocess.DEVNULL,
        check=False,
        capture_output=True,
        timeout=20,
    )
    if result.returncode:
        return None
    if extra:
        return [(b"", result.stdout)]
    pairs = re.findall(rb'^(\S*) "(.*)";$', result.stdout, re.M)
    names = [(re.sub(rb"%(..)", lambda match: bytes([int(match.group(1), 16)]), name), value) for name, value in pairs]
    return [(name, value) for name, value in names if name.lower().split(b"::")[0].startswith(OWN)]


def we_say(folder: Path) -> Optional[List[Tuple[bytes, bytes]]]:
    options = apt.read(DiskFolder(str(folder), is_root=True), "apt-config")
    if options.faults:
        return None
    pairs = [(encode(name), encode(value)) for name, value in options.dump()]
    return [pair for pair in pairs if pair[0].lower().split(b"::")[0].startswith(OWN)]


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = folder / "etc/apt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())
    return folder


CASES = {
    "scopes": 'zz { a "1"; b { c "2"; }; };',
    "later wins, in any case": 'zz::a "1"; ZZ::A "2";',
    "no semicolon before the brace": 'zz { a "1" }',
    "no brace at the end": 'zz { a "1";',
    "a brace too many": '} zz::a "1";',
    "no semicolon at the end": 'zz::a "1"',
    "no semicolon between lines": 'zz::a "1"\nzz::b "2";',
    "a block without a name": 'zz { { a "1"; }; };',
    "a block with a value": 'zz::a "1" { b "2"; };',
    "a list": 'zz::l { "1"; "2"; }; zz::l:: "3";',
    "clear empties": 'zz::a "1"; #clear zz::a;',
    "clear drops what is below": 'zz::a "1"; #clear zz;',
    "clear of what is not there": "#clear zz::a;",
    "clear in a block": "zz { #clear zz::a; };",
    "clear without a name": "#clear;",
    "an unknown directive": '#clearly zz; zz::a "1";',
    "strings side by side": 'zz::a "x"  "y""z";',
    "a value without quotes": "zz::a x;",
    "two words": "zz::a x y;",
    "a comment character in quotes": 'zz::a "http://x#y";',
    "an address without quotes": 'zz::a http://x;\n"1";',
    "a comment hash behind a statement": 'zz::a "1"; # zz::b "2";',
    "a hash keeps a block comment open": '/* issue #12 */\nzz::a "1";\n/* x */ zz::b "2";',
    "slashes keep a block comment open": '/* http://x */\nzz::a "1";\n/* x */ zz::b "2";',
    "slashes in quotes do not": '/* "http://x" */\nzz::a "1";',
    "slash star slash is open": '/*/ zz::a "1"; */ zz::b "2";',
    "a block comment inside a name": 'zz::a/* x */b "1";',
    "a quote over two lines": 'zz::a "1\n2";\n',
    "a tab in quotes": 'zz::a "1\t2";',
    "percent in a word": 'zz::%41 %42; zz::b "%43";',
    "brackets hold spaces": "zz[a b]::c [d e];",
    "dos lines": 'zz::a "1";\r\nzz::b "2";\r\n',
    "a byte order mark": '\ufeffzz::a "1";',
    "more colons than needed": 'zz:::: "1"; zz::::a "2"; zz::b::: "3";',
    "its own part for a program": 'Binary::apt-config::zz::a "2"; zz::a "1"; Binary::apt::zz::a "3";',
}


@needs_apt
@pytest.mark.parametrize("name", CASES)
def test_apt_agrees_on(name: str, tmp_path: Path) -> None:
    write(tmp_path, {"apt.conf.d/10case": CASES[name]})
    assert we_say(tmp_path) == apt_says(tmp_path)


GAPS = st.sampled_from(["", " ", "\n", "\t", " // c\n", "/* c */", " /* a\nb */ ", "/* # */", "\r\n", "# c\n"])
NAMES = st.sampled_from(["zz", "ZZ::a", "yy::a::B", "zz::l::", "yy[a b]", "zz::%41", '"zz"::a'])
VALUES = st.sampled_from(
    ['"1"', '""', "0", '"a;b"', '"a//b"', '"a" "b"', 'a"b"', "%31", '"x\ty"', "[a b]", '"{}"', "it's"]
)
STATEMENTS = st.one_of(
    st.tuples(GAPS, NAMES, st.just(" "), VALUES, GAPS, st.just(";")),
    st.tuples(GAPS, st.just("#clear "), NAMES, GAPS, st.just(";")),
    st.tuples(GAPS, NAMES, GAPS, st.just("{")),
    st.tuples(GAPS, NAMES, st.just(" "), VALUES, st.sampled_from(["}", "{", ""])),
    st.tuples(st.sampled_from(["}", "};\n", ";"])),
).map("".join)


@needs_apt
@settings(max_examples=150, deadline=None)
@given(st.lists(STATEMENTS, max_size=8).map("".join))
def test_apt_agrees_on_any_statements(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = write(tmp_path_factory.mktemp("apt"), {"apt.conf.d/10case": text})
    assert we_say(folder) == apt_says(folder)


@needs_apt
def test_apt_agrees_on_which_files_are_read(tmp_path: Path) -> None:
    names = "10a 20b.conf 30c.bak 40d.conf.dpkg-old 50e_x-y 60f:x 70g+x 80h. .90i 95j.CONF 96k~ Z1 a1"
    for name in (names + " 97.x.conf 98m..conf 99ü #x#").split():
        write(tmp_path, {"apt.conf.d/" + name: 'zz::last "{0}"; zz::list:: "{0}";'.format(name)})
    (tmp_path / "etc/apt/apt.conf.d/11folder").mkdir()
    write(tmp_path, {"apt.conf.d/12folder.conf/a": 'zz::list:: "in a folder";'})
    (tmp_path / "etc/apt/apt.conf.d/13dangling").symlink_to("nowhere")
    (tmp_path / "etc/apt/apt.conf.d/14link.conf").symlink_to("10a")
    assert we_say(tmp_path) == apt_says(tmp_path)
    assert ("zz::last", "a1") in list(apt.read(DiskFolder(str(tmp_path), is_root=True)).dump())


@needs_apt
def test_apt_agrees_that_apt_conf_comes_last(tmp_path: Path) -> None:
    write(tmp_path, {"apt.conf": 'zz::a "main";', "apt.conf.d/99x": 'zz::a "part"; zz::b "part";'})
    assert we_say(tmp_path) == apt_says(tmp_path) == [(b"zz", b""), (b"zz::a", b"main"), (b"zz::b", b"part")]


@needs_apt
def test_the_files_of_this_machine_are_read_as_apt_reads_them(tmp_path: Path) -> None:
    """Each file of /etc/apt/apt.conf.d, pushed down below an option of our own."""
    source = Path("/etc/apt/apt.conf.d")
    for path in sorted(source.iterdir()) if source.is_dir() else []:
        if apt.is_read(path.name) and "#clear" not in path.read_text():
            write(tmp_path, {"apt.conf.d/" + path.name: "zz {\n" + path.read_text() + "\n};\n"})
    assert we_say(tmp_path) == apt_says(tmp_path)


@needs_apt
@pytest.mark.parametrize(
    "value", ["1", "0", "2", "yes", "On", "TRUE", "no", "false", "", "01", "0x1", "+1", " 1", "1 ", "x"]
)
def test_apt_agrees_on_truth(value: str, tmp_path: Path) -> None:
    write(tmp_path, {"apt.conf.d/10x": 'zz::a "{}";'.format(value)})
    truth = b"true" if apt.truth(value) is True else b"false"
    assert apt_says(tmp_path, "shell", "X", "zz::a/b") == [(b"", b"X='%s'\n" % truth)]


@pytest.mark.skipif(shutil.which("dash") is None, reason="dash is not installed")
@pytest.mark.parametrize("value", ["0", "00", "-0", "+0", " 0 ", "1", "0x0", "false", "no", "", "0 0", "0d", "always"])
def test_dash_agrees_on_what_switches_enable_off(value: str) -> None:
    run = subprocess.run(["dash", "-c", "V=$1; [ $V -eq 0 ]", "dash", value], stderr=subprocess.DEVNULL, check=False)
    assert unattended._is_zero(value) == (run.returncode == 0)


def test_an_include_is_followed_and_a_missing_one_is_a_fault() -> None:
    files = {"etc/apt/apt.conf": b'#include "/opt/a";\n#include "/opt/none";\n', "opt/a": b'zz::a "1";\n'}
    options = apt.read(MemoryFolder(files))
    option = options.find("ZZ::A")
    assert option is not None and option.place.span == Span("opt/a", 1, 1, 1, 10)
    assert [(one.span.path, one.span.line) for one in options.faults] == [("etc/apt/apt.conf", 2)]


def test_a_file_that_includes_itself_is_a_fault() -> None:
    assert apt.read(MemoryFolder({"etc/apt/apt.conf": b'#include "/etc/apt/apt.conf";'})).faults


def test_an_option_knows_the_lines_that_lost() -> None:
    options = apt.read(MemoryFolder({"etc/apt/apt.conf.d/1": b'zz "1";\n', "etc/apt/apt.conf.d/2": b'\nZZ "2";\n'}))
    option = options.find("zz")
    assert option is not None and (option.value, option.place.span.line) == ("2", 2)
    assert [(one.span.path, one.value) for one in option.overridden] == [("etc/apt/apt.conf.d/1", "1")]


# ---- systemd -----------------------------------------------------------------------------------------------

TIMER = b"[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n"
VENDOR, WANTS = "usr/lib/systemd/system/", "etc/systemd/system/timers.target.wants/"
UNITS: Dict[str, Tuple[Dict[str, bytes], Dict[str, str], str]] = {
    "enabled": ({VENDOR + "a.timer": TIMER}, {WANTS + "a.timer": "/usr/lib/systemd/system/a.timer"}, "enabled"),
    "disabled": ({VENDOR + "a.timer": TIMER}, {}, "disabled"),
    "static": ({VENDOR + "a.timer": b"[Timer]\n"}, {}, "static"),
    "masked by a link": ({VENDOR + "a.timer": TIMER}, {"etc/systemd/system/a.timer": "/dev/null"}, "masked"),
    "masked by an empty file": ({VENDOR + "a.timer": TIMER, "etc/systemd/system/a.timer": b""}, {}, "masked"),
    "masked though enabled": (
        {VENDOR + "a.timer": TIMER},
        {"etc/systemd/system/a.timer": "/dev/null", WANTS + "a.timer": "/usr/lib/systemd/system/a.timer"},
        "masked",
    ),
    "replaced and enabled": (
        {VENDOR + "a.timer": TIMER, "etc/systemd/system/a.timer": TIMER},
        {WANTS + "a.timer": "../a.timer"},
        "enabled",
    ),
    "another unit is enabled": (
        {VENDOR + "a.timer": TIMER, VENDOR + "b.timer": TIMER},
        {WANTS + "b.timer": "x"},
        "disabled",
    ),
    "absent": ({VENDOR + "b.timer": TIMER}, {}, "absent"),
}


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is(name: str) -> None:
    files, links, state = UNITS[name]
    assert systemd.unit(MemoryFolder(files, links=links), "a.timer").state == state


@needs_systemctl
@pytest.mark.parametrize("name", UNITS)
def test_systemctl_agrees_that_a_unit_is(name: str, tmp_path: Path) -> None:
    files, links, state = UNITS[name]
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    for path, target in links.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).symlink_to(target)
    command = ["systemctl", "--root={}".format(tmp_path), "is-enabled", "a.timer"]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout.decode().strip()
    assert (said or "absent") == state
    assert systemd.unit(DiskFolder(str(tmp_path), is_root=True), "a.timer").state == state


def test_a_null_link_in_wants_hides_the_vendors() -> None:
    links = {VENDOR + "timers.target.wants/a.timer": "../a.timer", WANTS + "a.timer": "/dev/null"}
    assert systemd.unit(MemoryFolder({VENDOR + "a.timer": TIMER}, links=links), "a.timer").state == "disabled"


@pytest.mark.parametrize(
    ("links", "files", "expected"),
    [
        ({"sbin/init": "/lib/systemd/systemd"}, {}, True),
        ({"usr/sbin/init": "../lib/systemd/systemd"}, {}, True),
        ({"sbin/init": "/bin/busybox"}, {}, False),
        ({}, {"sbin/init": b"ELF"}, False),
        ({}, {"run/systemd/system/x": b"", "sbin/init": b"ELF"}, True),
        ({}, {"usr/lib/systemd/systemd": b"ELF"}, True),
        ({}, {"etc/fstab": b""}, None),
    ],
)
def test_what_boots(links: Dict[str, str], files: Dict[str, bytes], expected: Optional[bool]) -> None:
    assert systemd.runs_systemd(MemoryFolder(files, links=links)) is expected


# ---- dpkg --------------------------------------------------------------------------------------------------

STATUS = (
    "Package: apt\nStatus: install ok installed\nVersion: 2.4.5\nDescription: x\n Package: held\n\n"
    "Package: held\nStatus: hold ok installed\nVersion: 1\n\n"
    "Package: gone\nStatus: deinstall ok config-files\nVersion: 2\n\n"
    "Package: half\nStatus: install reinstreq half-configured\nVersion: 3\n\n"
)


@pytest.mark.parametrize(
    ("name", "line", "present"), [("apt", 1, True), ("held", 7, True), ("gone", 11, False), ("half", 15, True)]
)
def test_a_package_is_found(name: str, line: int, present: bool) -> None:
    found = dpkg.package(MemoryFolder({"var/lib/dpkg/status": STATUS.encode()}), name)
    assert found is not None and (found.span.line, found.is_present) == (line, present)


@pytest.mark.parametrize("name", ["ap", "apt-utils", "pt", "x"])
def test_a_package_is_not_found(name: str) -> None:
    assert dpkg.package(MemoryFolder({"var/lib/dpkg/status": STATUS.encode()}), name) is None


def test_of_two_architectures_the_one_that_is_there_counts() -> None:
    text = "Package: a\nStatus: deinstall ok config-files\n\nPackage: a\nStatus: install ok installed\n"
    found = dpkg.package(MemoryFolder({"var/lib/dpkg/status": text.encode()}), "a")
    assert found is not None and found.is_present


@needs_dpkg
@pytest.mark.parametrize("name", ["dpkg", "bash", "no-such-package", "unattended-upgrades"])
def test_dpkg_query_agrees_on_this_machine(name: str) -> None:
    command = ["dpkg-query", "-W", "-f", "${Status}|${Version}\n", name]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout.decode().strip()
    found = dpkg.package(DiskFolder("/", is_root=True), name)
    assert said == ("" if found is None else "{0.want} {0.error} {0.state}|{0.version}".format(found))


def test_a_large_status_file_is_searched_quickly() -> None:
    stanza = "Package: p%d\nStatus: install ok installed\nDescription: x\n" + " y" * 400 + "\n\n"
    data = "".join(stanza % number for number in range(2500)).encode()
    started = time.perf_counter()
    assert dpkg.package(MemoryFolder({"var/lib/dpkg/status": data}), "p2499") is not None
    assert time.perf_counter() - started < 0.2


# ---- the rule ----------------------------------------------------------------------------------------------

ON = b'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n'
UBUNTU = {
    "var/lib/dpkg/status": b"Package: unattended-upgrades\nStatus: install ok installed\n",
    "usr/bin/unattended-upgrade": b"",
    "etc/apt/apt.conf.d/20auto-upgrades": ON,
    "etc/cron.daily/apt-compat": b"#!/bin/sh\n",
    VENDOR + "apt-daily-upgrade.timer": TIMER,
    VENDOR + "apt-daily-upgrade.service": b"[Service]\n",
    VENDOR + "unattended-upgrades.service": b"[Install]\n",
}
LINKS = {
    "sbin/init": "/lib/systemd/systemd",
    WANTS + "apt-daily-upgrade.timer": "/usr/lib/systemd/system/apt-daily-upgrade.timer",
    "etc/systemd/system/multi-user.target.wants/unattended-upgrades.service": "../unattended-upgrades.service",
}
NO_TIMER = {WANTS + "apt-daily-upgrade.timer": ""}
MASKED = {"etc/systemd/system/apt-daily-upgrade.timer": "/dev/null"}


def hits(files: Mapping[str, bytes], links: Mapping[str, str]) -> List[Hit]:
    """The rule on a stock Ubuntu with these files and links besides; an empty target takes a link away."""
    every = {name: target for name, target in {**LINKS, **links}.items() if target}
    boot = Boot(MemoryFolder({}), MemoryFolder({**UBUNTU, **files}, links=every))
    return list(unattended.unattended_upgrades_active(Context(evaluate(boot, BOARDS["cm4"]), {}), {}))


def places(found: List[Hit]) -> List[Tuple[str, int, Optional[str]]]:
    return [(hit.span.path, hit.span.line, hit.severity) for hit in found]


def apt_conf(text: str, name: str = "apt.conf.d/99x") -> Dict[str, bytes]:
    return {"etc/apt/" + name: text.encode()}


AUTO, NINES = "etc/apt/apt.conf.d/20auto-upgrades", "etc/apt/apt.conf.d/99x"
REMOVED = {"var/lib/dpkg/status": b"Package: unattended-upgrades\nStatus: deinstall ok config-files\n"}
Case = Tuple[Dict[str, bytes], Dict[str, str], str, int]
ACTIVE: Dict[str, Case] = {
    "stock ubuntu 22.04": ({}, {}, AUTO, 2),
    "always": (apt_conf('APT::Periodic::Unattended-Upgrade "always";'), {}, NINES, 1),
    "hours": (apt_conf('apt { periodic { unattended-upgrade "12h" } }'), {}, NINES, 1),
    "00 is not 0": (apt_conf('APT::Periodic::Unattended-Upgrade "00";'), {}, NINES, 1),
    "no is not 0": (apt_conf('APT::Periodic::Unattended-Upgrade "no";'), {}, NINES, 1),
    "cleared, and so empty": (apt_conf("\n#clear APT::Periodic::Unattended-Upgrade;"), {}, NINES, 2),
    "enable false": (apt_conf('APT::Periodic::Enable "false";'), {}, AUTO, 2),
    "package lists are not updated": (apt_conf('APT::Periodic::Update-Package-Lists "0";'), {}, AUTO, 2),
    "an earlier file switches it off": (
        apt_conf('APT::Periodic::Unattended-Upgrade "0";', "apt.conf.d/10x"),
        {},
        AUTO,
        2,
    ),
    "a file that is not read switches it off": (
        apt_conf('APT::Periodic::Enable "0";', "apt.conf.d/99x.bak"),
        {},
        AUTO,
        2,
    ),
    "a comment switches it off": (apt_conf('// APT::Periodic::Enable "0";'), {}, AUTO, 2),
    "only its service is masked": ({}, {"etc/systemd/system/unattended-upgrades.service": "/dev/null"}, AUTO, 2),
    "only the timer of downloads is masked": ({}, {"etc/systemd/system/apt-daily.timer": "/dev/null"}, AUTO, 2),
    "the program without the package": (REMOVED, {}, AUTO, 2),
    "cron without systemd": ({}, {"sbin/init": "/bin/busybox", **MASKED}, AUTO, 2),
    "at shutdown": (
        apt_conf('APT::Periodic::Enable "0"; Unattended-Upgrade::InstallOnShutdown "true";'),
        MASKED,
        NINES,
        1,
    ),
}


@pytest.mark.parametrize("name", ACTIVE)
def test_active(name: str) -> None:
    files, links, path, line = ACTIVE[name]
    assert places(hits(files, links)) == [(path, line, None)]


INTERVAL_0 = apt_conf('APT::Periodic::Unattended-Upgrade "0";')
ENABLE_0 = apt_conf('APT::Periodic::Enable "0";')
HELD_BACK: Dict[str, Case] = {
    "interval 0": (INTERVAL_0, {}, NINES, 1),
    "enable 0": (ENABLE_0, {}, NINES, 1),
    "a later apt.conf": (apt_conf('APT::Periodic::Enable "0";', "apt.conf"), {}, "etc/apt/apt.conf", 1),
    "its own part for apt-config": (apt_conf('Binary::apt-config::APT::Periodic::Enable "0";'), {}, NINES, 1),
    "not set, as debian ships it": ({AUTO: b""}, {}, "var/lib/dpkg/status", 1),
    "timer masked": ({}, MASKED, AUTO, 2),
    "timer disabled": ({}, NO_TIMER, AUTO, 2),
    "service masked": ({}, {"etc/systemd/system/apt-daily-upgrade.service": "/dev/null"}, AUTO, 2),
    "at shutdown, with its service masked": (
        apt_conf('Unattended-Upgrade::InstallOnShutdown "1";'),
        {"etc/systemd/system/unattended-upgrades.service": "/dev/null"},
        NINES,
        1,
    ),
}


@pytest.mark.parametrize("name", HELD_BACK)
def test_held_back_by_one_thing(name: str) -> None:
    files, links, path, line = HELD_BACK[name]
    assert places(hits(files, links)) == [(path, line, "hygiene")]


SILENT: Dict[str, Tuple[Dict[str, bytes], Dict[str, str]]] = {
    "interval 0 and timer masked": (INTERVAL_0, MASKED),
    "interval 0 and timer disabled": (INTERVAL_0, NO_TIMER),
    "enable 0 and timer masked": (ENABLE_0, MASKED),
    "enable 00 and timer disabled": (apt_conf('APT::Periodic::Enable "00";'), NO_TIMER),
    "not set and timer masked": ({AUTO: b""}, MASKED),
    "first word 0 and timer masked": (apt_conf('APT::Periodic::Unattended-Upgrade "0 1";'), MASKED),
    "interval 0 and service masked": (INTERVAL_0, {"etc/systemd/system/apt-daily-upgrade.service": "/dev/null"}),
    "the branch is cleared and timer masked": (apt_conf("#clear APT::Periodic;"), MASKED),
    "cron, where systemd is in charge": (INTERVAL_0, {**MASKED, "usr/sbin/init": "/lib/systemd/systemd"}),
    "masked while it runs": (INTERVAL_0, {"run/systemd/system/apt-daily-upgrade.timer": "/dev/null"}),
    "not at shutdown": (
        apt_conf('APT::Periodic::Enable "0"; Unattended-Upgrade::InstallOnShutdown "false";'),
        MASKED,
    ),
}


@pytest.mark.parametrize("name", SILENT)
def test_silent(name: str) -> None:
    assert hits(*SILENT[name]) == []


NOT_INSTALLED: Dict[str, Dict[str, bytes]] = {
    "stock raspberry pi os": {"var/lib/dpkg/status": b"Package: apt\nStatus: install ok installed\n"},
    "purged": {"var/lib/dpkg/status": b"Package: apt\nStatus: install ok installed\n", AUTO: ON},
    "removed": {**REMOVED, AUTO: ON},
    "no status file": {AUTO: ON},
    "a shutdown setting left behind": apt_conf('Unattended-Upgrade::InstallOnShutdown "true";'),
    "nothing": {},
}


@pytest.mark.parametrize("name", NOT_INSTALLED)
def test_not_installed(name: str) -> None:
    units = {path: content for path, content in UBUNTU.items() if path.startswith(VENDOR)}
    boot = Boot(MemoryFolder({}), MemoryFolder({**units, **NOT_INSTALLED[name]}, links=LINKS))
    assert not list(unattended.unattended_upgrades_active(Context(evaluate(boot, BOARDS["cm4"]), {}), {}))


def test_a_hit_tells_what_starts_it_what_lost_and_what_apt_cannot_read() -> None:
    early = apt_conf('APT::Periodic::Unattended-Upgrade "0";\n', "apt.conf.d/10x")
    files = {**early, **apt_conf('zz "1"\nyy "2";\n')}
    (hit,) = hits(files, {"etc/systemd/system/unattended-upgrades.service": "/dev/null"})
    assert [(one.span.path, one.span.line) for one in hit.related] == [
        (WANTS + "apt-daily-upgrade.timer", 0),
        ("var/lib/dpkg/status", 1),
        ("etc/apt/apt.conf.d/10x", 1),
        ("etc/systemd/system/unattended-upgrades.service", 0),
        (NINES, 1),
    ]


def test_no_root_file_system_no_hit() -> None:
    context = Context(evaluate(Boot(MemoryFolder({})), BOARDS["cm4"]), {})
    assert not list(unattended.unattended_upgrades_active(context, {}))
