"""Whole trees of hostile files under all rules: nothing crashes, nothing takes long, places are inside of files.

The trees are made of those of the rules' examples: files of several are put together, damaged, exchanged, and given
odd names, modes, sizes and times.
"""

import gzip
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, NoReturn, Optional, Sequence

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scmguard import __version__, assets, rulebook
from scmguard.boot import Boot
from scmguard.device.facts import Device
from scmguard.effective.board import BOARDS
from scmguard.example_files import data_of, status_of
from scmguard.examples import cases, device_of
from scmguard.finding import Summary, TreeReport
from scmguard.folder import Content, MemoryFolder, Space, Status, Unreadable
from scmguard.inputs.discover import Request, from_path
from scmguard.lint import Job, run
from scmguard.report import json_report, text
from scmguard.report.session import Tail
from scmguard.text import Source, Span, decode, encode
from tests.places import staged

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "800"))
# Far more than any of the trees takes; what has no end takes longer.
SECONDS = 20
BOOT, ROOT = "/boot-partition", "/root-file-system"
SECRET = b"out-of-the-tree"

BOOK = rulebook.load()
SCHEMA = jsonschema.Draft202012Validator(json.loads(assets.package_file("schema", "report-1.json")))
CASES = {name: case for rule in BOOK.rules.values() for name, (_bad, case) in cases(rule).items()}
DEVICES = [case for case in CASES.values() if "device" in case or "ledger" in case]


def job_of(profile: str, *boards: str) -> Job:
    """All rules of a profile, on its board; with other boards, on those, too."""
    found = BOOK.profiles[profile]
    rules = tuple(rule for rule in BOOK.rules.values() if rule.applies_to(profile))
    names = (found.board, *boards)
    return Job(rules, tuple(BOARDS[name] for name in names), profile, found.parameters, frozenset(names[:1]))


JOBS = {name: job_of(name) for name in ("scm", "zymkey", "pi3", "pi4", "pi5", "cm4")}
JOBS["several boards"] = job_of("scm", "pi4", "pi5")


class HostileFolder(MemoryFolder):
    """Files in memory. Some cannot be read, some are said to have another size, or to be no files."""

    def __init__(self, path: str) -> None:
        super().__init__({}, path)
        self.unreadable: Dict[str, str] = {}
        self.sizes: Dict[str, int] = {}
        self.kinds: Dict[str, str] = {}

    def read(self, name: str) -> Optional[bytes]:
        name = name.strip("/")
        if name in self.unreadable or self.kinds.get(name) == "other":
            raise Unreadable(self.label(name), self.unreadable.get(name, "is not a regular file"))
        return super().read(name)

    def names(self, folder: str = "") -> List[str]:
        if folder.strip("/") in self.unreadable:
            raise Unreadable(self.label(folder), "permission denied")
        return super().names(folder)

    def status(self, name: str) -> Optional[Status]:
        found, name = super().status(name), name.strip("/")
        if found is None or found.kind != "file":
            return found
        return found._replace(kind=self.kinds.get(name, found.kind), size=self.sizes.get(name, found.size))

    def content(self, name: str) -> Optional[Content]:
        data = self.read(name)
        if data is None:
            return None
        whole = data
        return Content(self.sizes.get(name.strip("/"), len(whole)), lambda size, at: whole[at : at + size])


class Tree(NamedTuple):
    """What a lint is run on."""

    boot: HostileFolder
    root: Optional[HostileFolder]
    device: Optional[Device]
    profile: str
    single: str = ""


# --- damage ---

# fmt: off
_BITS = [
    b"\0", b"\xff\xfe", b"\xc3", b"\r\n", b"\r", b"\n", b"\n\n", b"\t", b" " * 90, b"\x1b[31m", "\u202e".encode(),
    "\u2028".encode(), "\u0663\u00b2".encode(), b"((((", b"$(", b"`", b"${", b"$((", b"<<E\n", b"<<-'", b"case x in ",
    b"esac\n", b"if ", b"; then ", b"fi\n", b"do ", b"done\n", b"{ ", b" }\n", b"f() ", b"|", b"&&", b"||", b"\\",
    b"\\\n", b"'", b'"', b"/*", b"*/", b"//", b"[", b"]", b"[!", b"*", b"~", b"#", b"!", b"=", b",", b":", b"%s{}{0}",
    b"../", b"-1", b"0x", b"99999999999999999999", b"2147483648", b"1e999", b"nan", b"$@", b"$1", b"$x", b"${x:-",
    b"${x%%*}", b"${#x}", b"x=$x$x\n", b"for x in ", b"while ", b"set -e\n", b"exit 1\n", b"return\n", b"eval ",
    b"exec ", b". /", b"trap ", b"read x\n", b"unset ", b"export ", b"IFS=", b"PATH=", b"2>&1", b">", b"<",
    b"copy_exec ", b"manual_add_modules ", b"force_load ", b"PREREQ=", b"MODULES=most\n", b"COMPRESS=", b"RESUME=",
    b"[all]\n", b"[gpio4=1]\n", b"[0x]\n", b"[EDID=\n", b"include ", b"include config.txt\n",
    b"initramfs initrd.img followkernel\n", b"dtoverlay=", b"dtparam=", b"UUID=", b"root=", b"none ", b"keyscript=",
    b"luks,", b"Package: ", b"Conffiles:\n /x ", b"A { ", b"#clear ",
]
_STARTS = [
    b"\xef\xbb\xbf", b"#!/bin/sh\n", b"#!/bin/sh -e\n", b"#!", b"\x7fELF", b"070701", b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd", b"\xd0\x0d\xfe\xed",
]
_LINE_ENDS = [b"\r\n", b"\r", b"\n\n", b"", b"\\\n", b" ", b";", b"\0"]
_NAMES = [
    "a\0b", "a\nb", "\udcff", "\u00e9", "a b", "-x", "*", "{}%s", "a" * 300, "#x#", "x~", ".x", "x.bak", "x.dpkg-new",
    "\x1b[31m", "\u202e",
]
# fmt: on


def _numbered(form: str, times: int) -> bytes:
    return "".join(form.format(number, number + 1) for number in range(times)).encode()


#: What is repeated, with its end; the number says how often.
_DEEP: List[Callable[[int], bytes]] = [
    lambda n: b"(" * n,
    lambda n: b"$(" * n + b")" * n,
    lambda n: b"`" * n,
    lambda n: b'"$(' * n,
    lambda n: b"{ " * n + b"x;" + b" }" * n,
    lambda n: b"if true; then\n" * n + b"fi\n" * n,
    lambda n: b"$((" * n + b"))" * n,
    lambda n: b"case x in x) " * n + b";; esac " * n,
    lambda n: b"${x:-" * n + b"}" * n,
    lambda n: b"while :; do " * n + b"done; " * n,
    lambda n: b"f() { " * n + b"}; " * n,
    lambda n: b"! " * n + b"x | " * n,
    lambda n: b"<<E " * n,
    lambda n: b"a='x y'\n" + b'a="$a $a"\n' * n + b"copy_exec $a\n",
    lambda n: b"x=$x$x\n" * n,
    lambda n: b"x0=a\n" + _numbered("x{1}=$x{0}$x{0}$x{0}$x{0}\n", n) + b"copy_exec $x8 $x9\n",
    lambda n: b"for a in 1 2 3 4 5 6 7 8; do\n" * min(n, 50) + b"copy_exec /$a\n" * n + b"done\n" * min(n, 50),
    lambda n: _numbered("f{0}() {{ f{1}; f{1}; }}\n", n) + b"f0\n",
    lambda n: _numbered("if [ -e /x{0} ]; then y={0}; copy_exec /x{0}; fi\n", n),
    lambda n: _numbered("[gpio{0}=1]\na={0}\n", n),
    lambda n: _numbered("dtoverlay=x{0},a,b=c\n", n),
    lambda n: _numbered("kernel/m{0}.ko: kernel/m{1}.ko\n", n),
    lambda n: b"A { " * n + b"}; " * n,
    lambda n: b"/*" * n,
    lambda n: b"a::" * n,
    lambda n: b"a," * n,
    lambda n: b"../" * n,
    lambda n: b"\\" * n,
    lambda n: b"9" * n,
    lambda n: b"exit " + b"9" * n + b"\n",
    lambda n: b"$((" + b"A" * n + b"))",
    lambda n: b"\n" * n,
    lambda n: b"x" * n,
]
_TIMES = (2, 8, 40, 300, 5000)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """``data`` with one thing wrong in it."""
    kind = chance.randrange(11)
    at, other = chance.randint(0, len(data)), chance.randint(0, len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return bytes(chance.choice([byte] * 40 + [chance.randrange(256)]) for byte in data[:4000]) + data[4000:]
    if kind == 2:
        lines = data.split(b"\n")
        return b"\n".join(lines[: len(lines) // 2] + [chance.choice(lines)] * chance.choice((1, 2, 100)) + lines)
    if kind == 3:
        return data.replace(b"\n", chance.choice(_LINE_ENDS))
    if kind in (4, 5, 6):
        return data[:at] + chance.choice(_BITS) + data[at:]
    if kind == 7:
        return data[:at] + chance.choice(_DEEP)(chance.choice(_TIMES)) + data[at:]
    if kind == 8:
        return bytes(chance.randrange(256) for _ in range(chance.choice((0, 1, 7, 100, 2000))))
    if kind == 9:
        return data[:at] + data[other:]
    return chance.choice(_STARTS) + data


def damaged_inside(data: bytes, chance: random.Random) -> bytes:
    """``data`` with one thing wrong in it, below its compression if it has one."""
    if data.startswith(b"\x1f\x8b") and chance.random() < 0.8:
        try:
            return gzip.compress(damaged(gzip.decompress(data), chance), 1)
        except (EOFError, OSError, zlib.error):
            pass  # it is damaged already
    return damaged(data, chance)


def bytes_of(content: Any, chance: random.Random) -> bytes:
    """The bytes of an example's file. Of an image, also files may be damaged that are in it."""
    if isinstance(content, dict) and "initrd" in content and chance.random() < 0.5:
        inner = {}
        for name, file in content["initrd"].items():
            # Characters up to U+00FF stand for bytes.
            text_of = {"text": damaged(data_of(file), chance).decode("latin-1")}
            kept = {"mode": file["mode"]} if isinstance(file, dict) and "mode" in file else {}
            inner[name] = {**text_of, **kept} if chance.random() < 0.3 else file
        content = {**content, "initrd": inner}
    return data_of(content)


def machine_of(case: Dict[str, Any], chance: random.Random) -> Optional[Device]:
    """The machine of an example. What is taken over from its files as it stands there may be damaged, too."""
    facts = dict(case.get("device", {}))
    for name in ("model", "kernel", "cmdline", "bootloader_config"):
        if isinstance(facts.get(name), str) and chance.random() < 0.3:
            facts[name] = decode(damaged(encode(facts[name]), chance))
    return device_of({**case, "device": facts})


def hostile(files: Dict[str, bytes], folder: HostileFolder, chance: random.Random) -> None:
    """Puts files into a folder, with things wrong in them and around them."""
    folder.files = dict(files)
    every = folder.files
    for name in list(every):
        for _ in range(chance.choice((0, 0, 0, 0, 1, 1, 2, 4))):
            every[name] = damaged_inside(every[name], chance)
    if not every:
        return

    def one() -> str:
        return chance.choice(sorted(every))

    if chance.random() < 0.2:
        first, second = one(), one()
        every[first], every[second] = every[second], every[first]
    if chance.random() < 0.2:
        above, _, last = one().rpartition("/")
        every[os.path.join(above, chance.choice((last, "")) + chance.choice(_NAMES))] = every[one()]
    if chance.random() < 0.1:  # a folder where a file is expected
        name = one()
        every[os.path.join(name, chance.choice(("x", "config.txt", "modules.dep")))] = every.pop(name)
    if chance.random() < 0.1:
        folder.unreadable[chance.choice((one(), os.path.dirname(one()) or one()))] = "permission denied"
    if chance.random() < 0.1:
        folder.kinds[one()] = chance.choice(("other", "folder"))
    for _ in range(chance.choice((0, 0, 1, 3))):
        name = one()
        mode = chance.choice((0, 0o111, 0o644, 0o755, 0o777, 0o4755, 0o7777))
        folder.statuses[name] = Status("file", mode, 0, chance.choice((0, -1, -(10**12), 2**31, 2**63, 10**18)))
    if chance.random() < 0.15:
        name = one()
        folder.sizes[name] = chance.choice((0, 1, len(every[name]) // 2, len(every[name]) + 1, 10**6, 2**40, 2**63))


def links_among(names: Sequence[str], chance: random.Random) -> Dict[str, str]:
    """Links, also to themselves, in circles, up and out of the tree."""
    sources = [*names, "bin", "lib", "sbin", "etc", "boot", "usr/lib", "usr/bin/x"]
    targets = ["x", ".", "..", "/", "", "../../../../etc/passwd", "/dev/null", "a\0b", "\udcff"]
    targets += [*names, *("/" + name for name in names)]
    return {chance.choice(sources): chance.choice(targets) for _ in range(chance.choice((0, 0, 0, 1, 4)))}


def tree_of(names: Sequence[str], profile: str, seed: int) -> Tree:
    """The trees of examples as one, damaged."""
    chosen, chance = [CASES[name] for name in names], random.Random(seed)
    boot, root = HostileFolder(BOOT), HostileFolder(ROOT)
    for folder, key in ((boot, "files"), (root, "root")):
        files: Dict[str, bytes] = {}
        for case in chosen:
            for name, content in case.get(key, {}).items():
                files[name] = bytes_of(content, chance)
                status = status_of(content)
                if status is not None:
                    folder.statuses[name] = status
        hostile(files, folder, chance)
    for case in chosen:
        root.links.update(case.get("links", {}))
    root.links.update(links_among(sorted(root.files), chance))
    if chance.random() < 0.1:
        rooms = (Space(0, 0), Space(1, 5), Space(-1, -1), Space(2**63, 2**62), Space(256 << 20, 0, False))
        boot._space = chance.choice(rooms)
    device = machine_of(chance.choice(DEVICES), chance) if chance.random() < 0.2 else None
    single = chance.choice(("",) * 12 + ("config.txt", "cmdline.txt", "tryboot.txt", "bootconf.txt"))
    return Tree(boot, root if root.files or root.links else None, device, profile, single)


#: What trees are made of: names of examples, a profile, and what chance begins with.
PARTS = (
    st.lists(st.sampled_from(sorted(CASES)), min_size=1, max_size=5),
    st.sampled_from(sorted(JOBS)),
    st.integers(0, (1 << 32) - 1),
)


# --- what is asked of a report ---


class Late(BaseException):
    """Time is over. No Exception: a rule that crashes with one is a finding."""


@contextmanager
def in_time(seconds: int = SECONDS) -> Iterator[None]:
    """Fails where something takes longer."""

    def over(_number: int, _frame: Any) -> NoReturn:
        raise Late

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    except Late as late:
        pytest.fail("not done after {} s, at {}".format(seconds, late.__traceback__ and late.__traceback__.tb_next))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def boot_of(tree: Tree) -> Boot:
    """The boot tree."""
    start = tree.single if tree.single == "tryboot.txt" else "config.txt"
    return Boot(tree.boot, tree.root, start, tree.single)


def check_place(span: Span, tree: Tree) -> None:
    """A place is in a file of the tree, and not behind its end; a caret may stand where something is missing."""
    path, inside, rest = span.path.partition(" (")
    if inside and rest.startswith((BOOT, ROOT)):  # a file of an image
        path = rest.rstrip(")")
        span = Span(path)
    if not path.startswith((BOOT, ROOT)):
        # What the machine or its EEPROM says is in no file.
        assert tree.device is not None, span
        return
    if span.line == 0:
        return
    folder = tree.boot if path.startswith(BOOT) else tree.root
    assert folder is not None
    data = MemoryFolder.read(folder, path.partition("/")[2].partition("/")[2])
    assert data is not None, span
    source = Source(path, data)
    assert (span.line, span.column) <= (span.end_line, span.end_column), span
    for line, column, slack in ((span.line, span.column, 1), (span.end_line, span.end_column, 2)):
        # Where a text ends with a line end, its end is on the line behind.
        assert 1 <= line <= len(source.lines) + 1, (span, len(source.lines))
        assert 1 <= column <= len(source.line_text(line)) + slack, (span, source.line_text(line))


def as_text(report: TreeReport) -> str:
    """The report for people."""
    style = text.Style()
    return "".join([*text.trees([report], BOOK.rules, style), *text.not_checked_lines(report.not_checked, style)])


def as_json(report: TreeReport, job: Job) -> Any:
    """The report for programs, held against its schema."""
    errors = [{"path": path, "reason": reason} for path, reason in report.problems]
    counts = dict(Counter(finding.severity for finding in report.findings))
    written = json_report.head(__version__, job.profile, [board.name for board in job.boards])
    written += "".join(json_report.findings(report.findings))
    data = json.loads(written + json_report.tail(Tail(report.not_checked, errors, report.notes, Summary(counts, 1))))
    SCHEMA.validate(data)
    return data


def crashes(report: TreeReport) -> List[str]:
    """What is said of rules that crashed."""
    return [finding.message for finding in report.findings if finding.rule == "internal-error"]


def check(tree: Tree) -> Optional[TreeReport]:
    """Runs all rules over a tree, and looks at what comes of it; None where config.txt cannot be read."""
    job = JOBS[tree.profile]
    with in_time():
        try:
            report = run(job, boot_of(tree), tree.device)
        except Unreadable as error:
            assert error.path.startswith(BOOT)
            return None
        shown = as_text(report)
    assert not crashes(report)
    assert all(char.isprintable() or char in "\n\t" for char in shown)
    assert len(as_json(report, job)["findings"]) == len(report.findings)
    for finding in report.findings:
        check_place(finding.span, tree)
        for related in finding.related:
            check_place(related.span, tree)
    known = {rule.id for rule in job.rules}
    assert report.ran <= known and {entry.rule for entry in report.not_checked} <= known
    return report


# --- in memory ---


def test_hostile_trees() -> None:
    seen: "Counter[str]" = Counter()

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(*PARTS)
    def look(names: List[str], profile: str, seed: int) -> None:
        report = check(tree_of(names, profile, seed))
        if report is not None:
            seen.update({finding.rule for finding in report.findings})

    look()
    # The damage leaves enough of the examples that rules get to where they find something.
    assert len(seen) > min(EXAMPLES, 120) // 8


# --- on disk ---


def write(files: MemoryFolder, top: str) -> None:
    """Puts the files of a folder on a disk, as far as it takes their names; one that is in the way stays."""
    for name, data in files.files.items():
        path = os.path.join(top, name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            # Nothing that is there already: a pipe would wait for a reader, a link lead elsewhere.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_NONBLOCK
            with open(os.open(path, flags, 0o666), "wb") as stream:
                stream.write(data)
            status = files.statuses.get(name)
            if status is not None:
                os.chmod(path, status.mode)
                os.utime(path, (0, max(-(2**31), min(status.mtime, 2**33))))
        except (OSError, ValueError):
            continue
    for name, target in files.links.items():
        put(os.path.join(top, name), lambda path, target=target: os.symlink(target, path))  # type: ignore[misc]


def put(path: str, make: Callable[[str], Any]) -> None:
    """Makes something at a place of a disk, instead of what is there, where the disk takes it."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        make(path)
    except (OSError, ValueError):
        pass


def huge(path: str) -> None:
    """A file that is said to have more bytes than any disk."""
    with open(path, "wb") as stream:
        stream.truncate(1 << 42)


def folder_instead(path: str) -> None:
    """A folder with a file in it."""
    os.mkdir(path)
    with open(os.path.join(path, "config.txt"), "wb") as stream:
        stream.write(b"include ../config.txt\n")


#: What may be where a file is expected, or a folder.
ODDITIES: Dict[str, Callable[[str], Any]] = {
    "pipe": os.mkfifo,
    "device": lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)),
    "huge file": huge,
    "folder": folder_instead,
    "empty file": lambda path: open(path, "wb").close(),
    "link to itself": lambda path: os.symlink(os.path.basename(path), path),
    "link to the folder": lambda path: os.symlink(".", path),
    "link above": lambda path: os.symlink("../" * 20, path),
    "link out": lambda path: os.symlink("../" * 20 + "etc/passwd", path),
    "link to a password file": lambda path: os.symlink("/etc/passwd", path),
    "link to a secret": lambda path: os.symlink(os.path.join(path.partition("/tree/")[0], "secret"), path),
    "link up to a secret": lambda path: os.symlink("../" * path.partition("/tree/")[2].count("/") + "../secret", path),
    "link to a device": lambda path: os.symlink("/dev/zero", path),
}


def on_disk(tree: Tree, top: str, seed: int) -> str:
    """Writes a tree to a disk, with oddities in it, and a secret beside it. Returns its folder."""
    folder, chance = os.path.join(top, "tree"), random.Random(seed)
    os.mkdir(folder)
    with open(os.path.join(top, "secret"), "wb") as stream:
        stream.write(SECRET + b"\n#!/bin/sh\n" + SECRET + b"=1\ncopy_exec /" + SECRET + b"\n")
    if tree.root is not None:
        write(tree.root, folder)
    place = os.path.join(folder, "boot", "firmware")
    write(tree.boot, place)
    if not os.path.isdir(place) or not os.listdir(place):
        put(os.path.join(folder, "boot"), lambda path: os.makedirs(os.path.join(path, "firmware")))
        put(os.path.join(place, "cmdline.txt"), ODDITIES["empty file"])
    names = [os.path.join("boot/firmware", name) for name in tree.boot.files]
    names += list(tree.root.files) if tree.root is not None else []
    for _ in range(chance.choice((1, 1, 3, 8))):
        name = chance.choice(names or ["etc"])
        if chance.random() < 0.2:
            name = os.path.dirname(name) or name
        if name not in ("boot", "boot/firmware"):
            put(os.path.join(folder, name), ODDITIES[chance.choice(sorted(ODDITIES))])
    return folder


def open_files() -> int:
    """How many files this process has open; 0 where that cannot be seen."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


@settings(max_examples=max(1, EXAMPLES // 4), deadline=None)
@given(*PARTS, st.booleans())
def test_hostile_disks(names: List[str], profile: str, seed: int, by_root: bool) -> None:
    tree, job = tree_of(names, profile, seed), JOBS[profile]
    with tempfile.TemporaryDirectory() as top:
        folder = on_disk(tree, top, seed)
        before = open_files()
        with in_time():
            try:
                if by_root:
                    boot = from_path(folder, Request())
                else:
                    boot = from_path(os.path.join(folder, "boot", "firmware"), Request(root=folder))
                report = run(job, boot)
            except Unreadable as error:
                assert error.path.startswith(folder) and SECRET.decode() not in error.reason
                return
        assert open_files() == before
        assert not crashes(report)
        written = json.dumps(as_json(report, job)) + as_text(report)
        assert SECRET.decode() not in written and "root:x:0" not in written
        for path in [finding.span.path for finding in report.findings] + [path for path, _ in report.problems]:
            assert path.startswith(folder) or " ({}".format(folder) in path, path


@pytest.mark.parametrize("seed", range(6))
def test_the_command_on_a_hostile_disk(tmp_path: Any, seed: int) -> None:
    chance = random.Random(seed)
    tree = tree_of(chance.sample(sorted(CASES), 5), "scm", seed)
    folder = on_disk(tree, str(tmp_path), seed)
    environment = {**os.environ, "PYTHONPATH": staged(), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
    codes = set()
    for form in ("text", "json"):
        done = subprocess.run(
            [sys.executable, "-m", "scmguard", "check", folder, "--format", form, "--profile", "scm"],
            stdin=subprocess.DEVNULL, capture_output=True, cwd=staged(), env=environment, timeout=3 * SECONDS,
        )  # fmt: skip
        codes.add(done.returncode)
        assert b"Traceback" not in done.stdout + done.stderr and b"internal" not in done.stderr, done.stderr
        assert SECRET not in done.stdout + done.stderr
        assert all(line.startswith(b"scmguard: ") for line in done.stderr.splitlines())
        if form == "json":
            data = json.loads(done.stdout)
            SCHEMA.validate(data)
            severe = sum(data["summary"][severity] for severity in ("brick", "no-boot", "degraded"))
            assert done.returncode == (3 if data["errors"] else 1 if severe else 0)
    assert len(codes) == 1
