"""Every source of a device's facts broken in every way, one at a time and in pairs.

A machine is wrapped so that one source (a file, a folder's listing, a link, a question to a program, the room on a
file system) is missing, nonsense, refused, or never answers. Which facts come from a source is found out by looking for
each fact alone. Facts from other sources stay what they were. Those from the broken one are found in another way, or
are unknown with a reason that names it; where something else is right, ``CHANGES`` has it.
"""

import json
import os
import re
import threading
import time
from functools import lru_cache
from itertools import combinations
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Set, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scmguard.device.anonymous import anonymised
from scmguard.device.facts import Device, Storage, Unknown, Usb
from scmguard.device.gather import FINDERS, gather
from scmguard.device.identity import is_raspberry_pi
from scmguard.device.machine import LIMITS, Machine
from scmguard.device.recording import RecordedMachine
from scmguard.folder import Folder, Space, Unreadable
from scmguard.programs import Answer
from scmguard.report import device_report
from tests.recorded import NAMES, data_of, machine_of

#: How many pairs of each recording are looked at; all of them if there are fewer.
PAIRS = int(os.environ.get("SCMGUARD_EXAMPLES", "50"))

#: How long sources may take here, in seconds. Where a busy computer is too slow for the first, the next is tried.
PATIENCE = (0.06, 1.0, 5.0)
#: What a run may take beyond the limits of its sources.
SLACK = 2.0


class Source(NamedTuple):
    """Something that facts are from: its sort (file, folder, link, question, space) and its name."""

    sort: str
    name: str


_FILES: Dict[str, bytes] = {
    "empty": b"",
    "random": bytes((number * 167 + 13) % 256 for number in range(99)),
    "one byte": b"\x01",
    "huge": b"A" * (1 << 20),
    "NULs": b"\0" * 8,
    "no UTF-8": b"\xff\xfe\x80",
    "other JSON": b'{"ledger": [null, 1e999, {}]}',
}
_LISTINGS: Dict[str, List[str]] = {
    "empty": [],
    "nonsense": ["", "..", "\udcff\udcfe", "x" * 300],
}
_TARGETS: Dict[str, str] = {
    "empty": "",
    "itself": "SELF",
    "nowhere": "../no/such/folder",
    "the top": "../../../../../../../../../../..",
    "no UTF-8": "\udcff\n\0",
}
_JSON_LINES = [
    {"fact": 1, "value": 2},
    {"fact": "imported", "value": True},
    {"fact": "module_model", "value": None},
    {"fact": "module_firmware", "value": ["a"]},
    {"fact": "module_serial", "value": "\x1b[31m"},
    {"fact": "binding", "value": {"locked": 1}},
    {"fact": "manifest", "value": 7},
]
_ANSWERS: Dict[str, Answer] = {
    "empty": Answer(0, ""),
    "random": Answer(0, "".join(map(chr, _FILES["random"])).replace("=", "?")),
    "huge": Answer(0, "A" * (1 << 20)),
    "NULs": Answer(0, "\0" * 8 + "\n"),
    "no UTF-8": Answer(0, "\ufffd\ufffd = \ufffd\n"),
    "other JSON": Answer(0, "".join(json.dumps(line) + "\n" for line in [*_JSON_LINES, 1, None, "x", [1]])),
    "deep JSON": Answer(0, "[" * 100000 + "\n"),
    "failed": Answer(1, "", "Traceback\nMemoryError\n"),
    "killed": Answer(-11, "", ""),
    "late": Answer(-9, "", "", "it did not answer within 2 s"),
}
KINDS: Dict[str, Tuple[str, ...]] = {
    "file": ("missing", "denied", "hangs", *_FILES),
    "folder": ("missing", "denied", "hangs", *_LISTINGS),
    "link": ("missing", "denied", "hangs", *_TARGETS),
    "question": ("missing", "denied", "hangs", *_ANSWERS),
    "space": ("missing", "denied", "hangs"),
}


#: MemTotal of each recording, in KiB.
MEMORY_OF_LINUX = {
    "cm4-sd": 1892152,
    "cm4-usb": 922924,
    "cm5": 4149776,
    "pc": 16303428,
    "pi5-nvme": 8256448,
    "scm-bookworm": 3884056,
    "scm-bullseye": 1892152,
    "scm-ubuntu": 7999500,
}


class Faulty(Machine):
    """A machine with some sources broken, that keeps which sources answered."""

    def __init__(self, machine: Machine, faults: Optional[Dict[Source, str]] = None) -> None:
        self._machine = machine
        self.faults = faults or {}
        self.used: Set[Source] = set()
        self.files = _FaultyFolder(machine.files, self)
        self._end = threading.Event()

    def kind(self, sort: str, name: str) -> str:
        """How a source is broken; empty for a good one. One that hangs does not return before the end of the test."""
        kind = self.faults.get(Source(sort, name), "")
        if kind == "hangs":
            self._end.wait(60)
            raise Unknown("it is over")
        return kind

    def let_go(self) -> None:
        """Ends what hangs."""
        self._end.set()

    def space(self, folder: str) -> Optional[Space]:
        kind = self.kind("space", folder)
        if kind == "denied":
            raise Unreadable("/" + folder, "permission denied")
        found = None if kind else self._machine.space(folder)
        if found is not None or kind:
            self.used.add(Source("space", folder))
        return found

    def ask(self, question: str) -> Answer:
        self.used.add(Source("question", question))
        kind = self.kind("question", question)
        if kind in ("missing", "denied"):
            raise Unknown(
                "{} is not installed".format(question.split()[0])
                if kind == "missing"
                else "{}: it could not be started: permission denied".format(question)
            )
        return _ANSWERS[kind] if kind else self._machine.ask(question)


class _FaultyFolder(Folder):
    def __init__(self, behind: Folder, machine: Faulty) -> None:
        self.path = "/"
        self._behind, self._machine = behind, machine

    def _refuse(self, kind: str, name: str) -> None:
        if kind == "denied":
            raise Unreadable(self.label(name), "permission denied")

    def _is_gone(self, name: str) -> bool:
        """Whether something is missing, or in a folder that is."""
        parts = name.split("/")
        above = ["/".join(parts[: number + 1]) for number in range(len(parts))]
        return any(
            self._machine.faults.get(Source(sort, each)) == "missing"
            for each in above
            for sort in ("file", "folder", "link")
        )

    def read(self, name: str) -> Optional[bytes]:
        kind = self._machine.kind("file", name)
        self._refuse(kind, name)
        data = None if self._is_gone(name) else self._behind.read(name)
        if data is not None:
            self._machine.used.add(Source("file", name))
            return _FILES.get(kind, data)
        return None

    def names(self, folder: str = "") -> List[str]:
        kind = self._machine.kind("folder", folder)
        self._refuse(kind, folder)
        found = [] if self._is_gone(folder) else self._behind.names(folder)
        if found:
            self._machine.used.add(Source("folder", folder))
            found = _LISTINGS.get(kind, found)
        return [name for name in found if not self._is_gone("{}/{}".format(folder, name))]

    def exists(self, name: str) -> bool:
        return not self._is_gone(name) and self._behind.exists(name)

    def link(self, name: str) -> Optional[str]:
        target = self._behind.link(name)
        if target is None or self._is_gone(name):
            return None
        self._machine.used.add(Source("link", name))
        kind = self._machine.kind("link", name)
        self._refuse(kind, name)
        return _TARGETS.get(kind, target).replace("SELF", name.rpartition("/")[2])


def limits_of(patience: float) -> Dict[str, float]:
    return {**dict.fromkeys(LIMITS, patience), "files": patience}


def facts_with(name: str, faults: Dict[Source, str], patience: float) -> Device:
    """All facts of a recording with some sources broken; never later than the limits say."""
    machine = Faulty(machine_of(name), faults)
    begin = time.monotonic()
    try:
        return gather(machine, limits=limits_of(patience))
    finally:
        machine.let_go()
        assert time.monotonic() - begin < 2 * patience + SLACK


class Picture(NamedTuple):
    """What is known of a recording: its facts, and the sources of each."""

    facts: Device
    sources: Dict[str, FrozenSet[Source]]

    @property
    def every(self) -> List[Source]:
        return sorted({source for found in self.sources.values() for source in found})


@lru_cache(maxsize=None)
def picture(name: str) -> Picture:
    """Looks for every fact alone, and again while each source of it is missing, or nonsense: which shows what else it
    would be found in."""
    sources: Dict[str, FrozenSet[Source]] = {}
    for fact in FINDERS:
        known: Set[Source] = set()
        todo: List[Dict[Source, str]] = [{}]
        while todo:
            machine = Faulty(machine_of(name), todo.pop())
            gather(machine, {fact})
            for source in machine.used - known:
                known.add(source)
                todo += [
                    {**machine.faults, source: kind} for kind in ("missing", "empty") if kind in KINDS[source.sort]
                ]
        sources[fact] = frozenset(known)
    return Picture(gather(machine_of(name)), sources)


def test_every_kind_of_source_is_there() -> None:
    for name in NAMES:
        sorts = {source.sort for source in picture(name).every}
        assert sorts == set(KINDS) - ({"space"} if name == "pc" else set())
        assert {source.name for source in picture(name).every if source.sort == "question"} == set(LIMITS)


def test_which_facts_are_from_a_source() -> None:
    found = picture("scm-bookworm").sources

    def of(sort: str, ending: str) -> Set[str]:
        return {
            fact
            for fact, sources in found.items()
            for each in sources
            if each.sort == sort and each.name.endswith(ending)
        }

    assert of("file", "/model") == {"model"}
    assert of("file", "linux,revision") == {"revision", "board", "memory"}
    assert of("file", "meminfo") == {"memory"}
    assert of("file", "cpuinfo") == {"revision", "board", "serial", "memory"}
    assert of("file", "mountinfo") == {"root_storage", "boot_storage", "boot_mount"}
    assert of("file", "dm/name") == {"root_storage"}
    assert of("file", "mmc0:0001/type") == {"root_storage", "boot_storage"}
    assert of("question", "vcgencmd bootloader_version") == {"bootloader"}
    assert of("question", "zymkey facts") == {
        "module_model",
        "module_firmware",
        "module_serial",
        "binding",
        "manifest",
    }
    assert of("space", "boot/firmware") == {"boot_mount"}
    assert of("link", "proc/self") == {"root_storage", "boot_storage", "boot_mount"}


# Where a fact is another one, known, with a source broken: because the source being away means something, or because
# what is in it cannot be told from what could be. (source, kinds, fact, the value there, from the value before)


Change = Callable[[Any], Any]
ABSENT = ("missing", "empty")
NONSENSE = ("random", "one byte", "huge", "NULs", "no UTF-8", "other JSON")


def always(value: Any) -> Change:
    return lambda before: value


def layer_without_kind(layer: int) -> Change:
    """What a mapped device is, is only in its UUID."""

    def change(before: Storage) -> Storage:
        layers = list(before.layers)
        layers[layer] = "dm " + layers[layer].partition(" ")[2]
        return before._replace(layers=tuple(layers))

    return change


def modules_are_gone(before: Tuple[str, ...]) -> "Like":
    return Like(lambda value: value[:-1] == before and value[-1].startswith("the modules of the running kernel"))


class Like:
    """Equal to everything that it finds right."""

    def __init__(self, right: Callable[[Any], bool]) -> None:
        self._right = right

    def __eq__(self, other: object) -> bool:
        return self._right(other)

    __hash__ = None  # type: ignore[assignment]


NEXT_USB = {
    Usb("xhci", "host"): Usb("none"),
    Usb("dwc2", "host"): Like(lambda usb: usb in (Usb("none"), Usb("xhci", "host"))),
    Usb("none"): Usb("none"),
}
CHANGES: Tuple[Tuple[str, str, Tuple[str, ...], str, Change], ...] = (
    # Any text may be a command line, or a model.
    ("file", r"^proc/cmdline$", ("no UTF-8",), "cmdline", always("\ufffd\ufffd\ufffd")),
    ("file", r"^proc/cmdline$", ("other JSON",), "cmdline", always('{"ledger": [null, 1e999, {}]}')),
    ("file", r"/model$", ("other JSON",), "model", always('{"ledger": [null, 1e999, {}]}')),
    ("file", r"/dm-0/dm/uuid$", (*ABSENT, *NONSENSE), "root_storage", layer_without_kind(-1)),
    ("file", r"/dm-1/dm/uuid$", (*ABSENT, *NONSENSE), "root_storage", layer_without_kind(0)),
    # No process: the service is stopped. No file: there is no ledger, and nothing to reboot for.
    ("file", r"/zkifc.service/cgroup.procs$", ("empty",), "zkifc", always("stopped")),
    ("file", r"/ledger.json$", ("missing",), "ledger", always(None)),
    ("file", r"^run/reboot-required$", ("missing",), "pending_reboot", always(())),
    (
        "file",
        r"^run/reboot-required.pkgs$",
        (*ABSENT, *NONSENSE),
        "pending_reboot",
        always(("/run/reboot-required is there",)),
    ),
    # A listing says what there is.
    ("folder", r"^sys/bus/i2c/devices$", (*ABSENT, "nonsense"), "i2c", always(False)),
    ("folder", r"/system.slice$", ("nonsense",), "zkifc", always("stopped")),
    ("folder", r"^usr/lib/modules$", ("nonsense",), "pending_reboot", modules_are_gone),
    # Without the driver, or not bound to it: what is found next, which on a CM5 is the RP1's.
    ("folder", r"/drivers/(dwc2|xhci-hcd)$", ("missing",), "usb", lambda before: NEXT_USB[before]),
    ("link", r"/drivers/dwc2/1000480000.usb$", ("missing",), "usb", always(Usb("xhci", "host"))),
    ("link", r"/drivers/dwc2/fe980000.usb$", ("missing",), "usb", always(Usb("none"))),
    ("space", "", ("missing",), "boot_mount", lambda before: before._replace(total=0, free=0)),
)


def values(name: str, fact: str, faults: Dict[Source, str]) -> List[Any]:
    """What a fact may be with these sources broken, besides unknown."""
    before = getattr(picture(name).facts, fact)
    found = [before.value] if before.known else []
    for source, kind in faults.items():
        for sort, pattern, kinds, changed, change in CHANGES:
            if changed == fact and sort == source.sort and kind in kinds and re.search(pattern, source.name):
                found += [change(value) for value in found]
    if fact == "memory" and len(faults) > 1:
        # With the code in neither of its two places, it is what Linux has.
        found.append(MEMORY_OF_LINUX[name] << 10)
    return found


_SPOKEN = {
    "zymkey facts": ("zymkey", "Zymbit's Python module", "the module"),
    "password zymbit": ("password", "/etc/shadow"),
}


def names_source(reason: str, source: Source) -> bool:
    """Whether a reason tells people where to look."""
    if source.sort == "question":
        return any(
            word in reason for word in _SPOKEN.get(source.name, (source.name, source.name.split()[0] + " is not"))
        )
    last = source.name.split("/")[-2:]
    return any(part in reason for part in last)


def wrong(name: str, faults: Dict[Source, str], found: Device) -> Optional[str]:
    """What is not as it should be; None where all is."""
    known = picture(name)
    for fact in FINDERS:
        before, after = getattr(known.facts, fact), getattr(found, fact)
        broken = [source for source in faults if source in known.sources[fact]]
        if not broken:
            if after != before:
                return "{} is from elsewhere, and is {!r} instead of {!r}".format(fact, after, before)
        elif after.known:
            if after.value not in values(name, fact, faults):
                return "{} is {!r} and was {!r}".format(fact, after.value, before.value)
            if not after.source:
                return "{} does not say where it is from".format(fact)
        elif not (
            after.unknown == before.unknown
            or after.unknown.startswith("it did not answer within")
            or any(names_source(after.unknown, source) for source in broken)
        ):
            return "{} is unknown, and the reason does not say what is broken: {}".format(fact, after.unknown)
    return None


def judge(name: str, faults: Dict[Source, str]) -> None:
    """Breaks the sources, and fails where facts or reasons are not right. Slow computers get more time."""
    trouble: Optional[str] = None
    for patience in PATIENCE:
        found = facts_with(name, faults, patience)
        "".join(device_report.as_text(found))
        json.loads(device_report.as_json(found, "0"))
        trouble = wrong(name, faults, found)
        if trouble is None:
            return
        if "did not answer" not in trouble:
            break
    raise AssertionError("{} with {}: {}".format(name, faults, trouble))


def singles(name: str) -> Iterator[Tuple[Source, str]]:
    """Every source with every kind; where fewer pairs than usual are asked for, with one kind, by turns."""
    for number, source in enumerate(picture(name).every):
        kinds = KINDS[source.sort]
        for kind in kinds if PAIRS >= 50 else [kinds[number % len(kinds)]]:
            yield source, kind


@pytest.mark.parametrize("name", NAMES)
def test_one_source_is_broken(name: str) -> None:
    for source, kind in singles(name):
        judge(name, {source: kind})


def pairs(name: str) -> List[Dict[Source, str]]:
    """Every two sources, each pair with other kinds than the one before, so that all kinds meet."""
    turns: Dict[Tuple[str, str], int] = {}
    found = []
    for first, second in combinations(picture(name).every, 2):
        both = KINDS[first.sort], KINDS[second.sort]
        turn = turns.get((first.sort, second.sort), 0)
        turns[first.sort, second.sort] = turn + 1
        found.append({first: both[0][turn % len(both[0])], second: both[1][turn // len(both[0]) % len(both[1])]})
    return found


def test_all_kinds_meet_in_pairs() -> None:
    """Of every two sorts of sources that are not rare, over all recordings."""
    seen = {
        (first[0].sort, first[1], second[0].sort, second[1])
        for name in NAMES
        for faults in pairs(name)
        for first, second in [tuple(faults.items())]
    }
    for first in ("file", "folder", "link"):
        for second in ("file", "folder", "link", "question"):
            both = [(one, other) for one in KINDS[first] for other in KINDS[second]]
            missed = [pair for pair in both if (first, pair[0], second, pair[1]) not in seen]
            assert (first, second) not in (("file", "file"), ("file", "link"), ("link", "link")) or not missed, missed


@pytest.mark.parametrize("name", NAMES)
def test_two_sources_are_broken(name: str) -> None:
    every = pairs(name)
    step = max(len(every) // PAIRS, 1)
    for faults in every[::step]:
        judge(name, faults)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_answers(name: str) -> None:
    """Every source at once, in each way that all of them can be broken."""
    for kind in ("missing", "denied", "hangs"):
        found = facts_with(name, dict.fromkeys(picture(name).every, kind), PATIENCE[0])
        for fact, after in found._asdict().items():
            assert not after.known or fact in ("i2c", "ledger"), (kind, fact, after)
            assert after.known or after.unknown


@pytest.mark.parametrize("name", NAMES)
def test_whether_it_is_a_raspberry_pi_is_told_whatever_is_broken(name: str) -> None:
    """A device tree that cannot be read is one: the facts then say why they are not known."""
    tree = [source for source in picture(name).every if re.search(r"device-?tree", source.name)]
    for source in tree:
        for kind in KINDS[source.sort]:
            if kind == "denied":
                assert is_raspberry_pi(Faulty(machine_of(name), {source: kind}).files)
            elif kind != "hangs":
                assert is_raspberry_pi(Faulty(machine_of(name), {source: kind}).files) in (True, False)
    # The model tells, too, where the names are nonsense.
    for source in tree:
        if source.name.endswith("/compatible"):
            assert is_raspberry_pi(Faulty(machine_of(name), {source: "random"}).files)


@settings(max_examples=PAIRS, deadline=None)
@given(st.sampled_from(NAMES), st.data())
def test_any_bytes_and_any_answers_are_no_fault(name: str, data: st.DataObject) -> None:
    content = data_of(name)
    for part in ("files", "links"):
        for key in data.draw(st.lists(st.sampled_from(sorted(content[part])), max_size=3)):
            content[part][key] = data.draw(st.text(st.characters(blacklist_categories=["Cs"]), max_size=40))
    for key in data.draw(st.lists(st.sampled_from(sorted(content["answers"])), max_size=3)):
        content["answers"][key] = {
            "status": data.draw(st.integers(-15, 255)),
            "out": data.draw(st.text(max_size=60) | st.sampled_from(_PLAUSIBLE)),
            "err": data.draw(st.text(max_size=20)),
        }
    found = gather(RecordedMachine(content))
    "".join(device_report.as_text(found))
    for fact, entry in json.loads(device_report.as_json(found, "0"))["facts"].items():
        assert entry.get("source") or entry.get("unknown"), fact
    anonymised(content)


_PLAUSIBLE = [
    "2023/13/41 99:99:99\nversion 0123456\n",
    "version 0123456789\ntimestamp 999999999999\n",
    "[all]\nBOOT_ORDER=\n=\n",
    '{"fact": "imported", "value": false}\n{"fact": "binding", "value": [0, 1]}\n',
    '{"fact": "imported", "value": 1}\n{"fact": "manifest", "value": "a\\nb a"}\n',
    '{"fact": "imported", "error": ""}\n',
    "changed",
    "shipped\nshipped\n",
]
