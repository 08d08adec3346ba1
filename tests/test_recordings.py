"""Recordings of whole machines: the facts of each, what is shown of them, and what the rules say."""

import base64
import hashlib
import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import pytest

from scmguard import rulebook
from scmguard.boot import Boot
from scmguard.cli.main import cli
from scmguard.device.anonymous import anonymised
from scmguard.device.facts import Device, Fact, Signed, to_data
from scmguard.device.gather import FINDERS, gather
from scmguard.device.identity import is_raspberry_pi
from scmguard.device.machine import LiveMachine
from scmguard.device.recording import BadRecording, RecordedMachine, Recorder, load
from scmguard.effective.board import BOARDS
from scmguard.example_files import data_of as data_of_example
from scmguard.folder import MemoryFolder, Unreadable
from scmguard.lint import Job
from scmguard.lint import run as lint
from scmguard.report import device_report
from tests.recorded import EXPECTED, NAMES, data_of, machine_of, path_of

BOOK = rulebook.load()


def same(fact: str, found: Dict[str, Any], wanted: Any) -> None:
    """A fact as it is found is the one that was written down."""
    if isinstance(wanted, dict) and "unknown" in wanted:
        assert found.get("unknown", "").startswith(wanted["unknown"]), (fact, found)
        return
    assert "unknown" not in found, (fact, found)
    if fact == "cmdline":
        assert wanted in found["value"].split()
    elif fact == "ledger" and wanted:
        sums = {
            "SHA-256 of {!r}".format(data): hashlib.sha256(data).hexdigest() for data in (b"a config.txt", b"a kernel")
        }
        assert found["value"] == [{**entry, "sha256": sums[entry["sha256"]]} for entry in wanted]
    else:
        assert found["value"] == wanted, fact


class Done(NamedTuple):
    exit_code: int
    stdout: str
    stderr: str


def device_command(*words: str) -> Done:
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        cli(["device", *words], prog_name="scmguard", standalone_mode=False)
    for stream in (out, err):
        stream.seek(0)
    return Done(int(ended.value.code or 0), out.read(), err.read())


def test_every_recording_is_described_and_says_that_it_is_made_up() -> None:
    assert sorted(EXPECTED) == NAMES
    for name in NAMES:
        assert "Made up from documented layouts, not recorded: " in data_of(name)["note"]
        assert list(EXPECTED[name]) == list(FINDERS) == list(Device._fields)


@pytest.mark.parametrize("name", NAMES)
def test_facts(name: str) -> None:
    found = to_data(gather(machine_of(name)))
    for fact, wanted in EXPECTED[name].items():
        same(fact, found[fact], wanted)


@pytest.mark.parametrize("name", NAMES)
def test_every_fact_says_where_it_is_from_or_why_it_is_not_known(name: str) -> None:
    for fact, found in to_data(gather(machine_of(name))).items():
        assert found.get("source") or found.get("unknown"), fact


@pytest.mark.parametrize("name", NAMES)
def test_a_machine_is_a_raspberry_pi_or_not(name: str) -> None:
    assert is_raspberry_pi(machine_of(name).files) is (name != "pc")


@pytest.mark.parametrize("name", NAMES)
def test_text(name: str) -> None:
    done = device_command("--from", path_of(name))
    assert done.exit_code == (3 if name == "pc" else 0), done.stdout + done.stderr
    for fact, wanted in EXPECTED[name].items():
        if isinstance(wanted, str) and "\n" not in wanted:
            assert wanted in (done.stdout + done.stderr), fact
        elif isinstance(wanted, dict) and "unknown" in wanted:
            assert "unknown: " + wanted["unknown"] in (done.stdout + done.stderr), fact
    assert ("this is no Raspberry Pi" in (done.stdout + done.stderr)) is (name == "pc")
    assert "\x1b" not in (done.stdout + done.stderr)


@pytest.mark.parametrize("name", NAMES)
def test_json(name: str) -> None:
    done = device_command("--from", path_of(name), "--format", "json")
    assert done.exit_code == (3 if name == "pc" else 0)
    data = json.loads(done.stdout)
    for fact, wanted in EXPECTED[name].items():
        same(fact, data["facts"][fact], wanted)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_of_a_recording_says_the_same(name: str) -> None:
    """And only what was asked for is in it."""
    original = gather(machine_of(name))
    recorder = Recorder(machine_of(name))
    is_raspberry_pi(recorder.files)
    assert gather(recorder) == original
    again = recorder.data("again")
    assert gather(RecordedMachine(json.loads(json.dumps(again)))) == original
    second = Recorder(RecordedMachine(again))
    is_raspberry_pi(second.files)
    assert gather(second) == original
    assert second.data("again") == again


@pytest.mark.parametrize("name", NAMES)
def test_record_writes_what_from_reads(name: str, tmp_path: Any) -> None:
    first, second = str(tmp_path / "first.json"), str(tmp_path / "second.json")
    once = device_command("--from", path_of(name), "--format", "json", "--record", first)
    twice = device_command("--from", first, "--format", "json", "--record", second)
    assert once.exit_code == twice.exit_code == (3 if name == "pc" else 0), once.stderr
    before, after = json.loads(once.stdout)["facts"], json.loads(twice.stdout)["facts"]
    for fact in set(FINDERS) - {"serial", "module_serial", "cmdline", "ledger"}:
        assert before[fact] == after[fact], fact
    assert ("serial" in EXPECTED[name] and before["serial"] == after["serial"]) is (name == "pc")


def test_the_machine_that_this_runs_on_can_be_recorded() -> None:
    recorder = Recorder(LiveMachine())
    is_raspberry_pi(recorder.files)
    first = gather(recorder)
    data = json.loads(json.dumps(recorder.data("")))
    assert gather(RecordedMachine(data)) == first
    anonymous = gather(RecordedMachine(anonymised(data)))
    assert (anonymous.kernel, anonymous.memory, anonymous.usb) == (first.kernel, first.memory, first.usb)


# What the rules that ask the device say of a machine that runs what is in its boot files.

HOST = b"dtoverlay=dwc2,dr_mode=host\n"
#: Of each recording: config.txt, and what of the command line is from cmdline.txt.
TREES: Dict[str, Tuple[bytes, str]] = {
    "scm-bookworm": (HOST, "console=serial0,115200 console=tty1 root=/dev/mapper/cryptrfs"),
    "scm-bullseye": (HOST, "console=serial0,115200 console=tty1 root=/dev/mapper/cryptrfs"),
    "scm-ubuntu": (HOST, "dwc_otg.lpm_enable=0 console=serial0,115200 console=tty1 root=/dev/mapper/ubuntu--vg-"),
    "cm4-sd": (b"otg_mode=1\n", "console=serial0,115200 console=tty1 root=PARTUUID=4c7f19d8-02"),
    "cm4-usb": (HOST, "console=serial0,115200 console=tty1 root=PARTUUID=9b02e5a7-02"),
    "pi5-nvme": (b"", "console=serial0,115200 console=tty1 root=PARTUUID=e3a5704f-02"),
    "cm5": (HOST, "console=serial0,115200 console=tty1 root=PARTUUID=51d8c06e-03"),
}
#: For each recording and profile the rules that find something, as often as they do. (Nobody asks a PC.)
FINDINGS: Dict[Tuple[str, str], List[str]] = {
    # The shipped list has everything but the overlay of the USB port.
    ("scm-bookworm", "scm"): ["supervised-manifest-gap"],
    ("scm-bookworm", "cm4"): [],
    ("scm-bookworm", "pi5"): ["profile-mismatch"],
    ("scm-bullseye", "scm"): ["default-password", "scm-key-loss"],
    ("scm-ubuntu", "scm"): ["zkifc-not-running"],
    ("cm4-sd", "scm"): ["boot-medium-not-emmc"] * 2 + ["profile-mismatch", "usb-controller-not-dwc2-host"],
    ("cm4-sd", "cm4"): [],
    ("cm4-usb", "scm"): ["boot-medium-not-emmc"] * 3 + ["profile-mismatch"],
    ("cm4-usb", "cm4"): [],
    # As on a CM4, its config.txt would leave the port without a driver.
    ("pi5-nvme", "scm"): ["boot-medium-not-emmc"] * 3
    + ["profile-mismatch"] * 2
    + ["running-differs-from-files", "usb-controller-not-dwc2-host"],
    ("pi5-nvme", "pi5"): [],
    ("cm5", "scm"): ["profile-mismatch"] * 2,
    ("cm5", "cm5"): [],
}
#: A rule about the device that is added is added here, too, and to the lists above where it finds something.
RULES_OF_THE_DEVICE = (
    "boot-medium-not-emmc",
    "boot-order-without-own-medium",
    "boot-partition-not-mounted",
    "boot-partition-read-only-pending",
    "bootloader-too-old",
    "default-password",
    "profile-mismatch",
    "running-differs-from-files",
    "scm-key-loss",
    "supervised-file-changed",
    "supervised-file-missing",
    "supervised-manifest-gap",
    "usb-controller-not-dwc2-host",
    "zkifc-not-running",
)


def tree_of(name: str, device: Device) -> Dict[str, bytes]:
    """Boot files that made the machine run what it runs, and everything that is supervised."""
    config, start = TREES[name]
    first = start.partition("console=")[0] + "console="
    running = device.cmdline.sure[device.cmdline.sure.index(first) :]
    line = re.sub(r"console=tty(S0|AMA10),", "console=serial0,", running)
    assert line.startswith(start)
    files = {each: each.encode() for each in device.manifest.value or ()}
    if files:
        # Some overlays are supervised, so that there is a folder with them.
        files["overlays/dwc2.dtbo"] = data_of_example({"parameters": ["dr_mode"]})
    return {**files, "config.txt": config, "cmdline.txt": line.encode() + b"\n"}


def found_by(name: str, profile: str, change: Optional[Callable[[Dict[str, bytes]], Any]] = None) -> List[str]:
    """The rules with findings, where all that is supervised was signed as it is, and then changed."""
    device = gather(machine_of(name))
    tree = tree_of(name, device)
    signed = [
        Signed(each, len(tree[each]), hashlib.sha256(tree[each]).hexdigest(), 0) for each in device.manifest.value or ()
    ]
    if signed:
        device = device._replace(ledger=Fact(tuple(signed), "the ledger"))
    if change is not None:
        change(tree)
    chosen = BOOK.profiles[profile]
    rules = tuple(BOOK.rules[rule] for rule in RULES_OF_THE_DEVICE if BOOK.rules[rule].applies_to(profile))
    assert all(rule.facts for rule in rules)
    job = Job(rules, (BOARDS[chosen.board],), profile, chosen.parameters)
    report = lint(job, Boot(MemoryFolder(tree)), device)
    return sorted(finding.rule for finding in report.findings)


@pytest.mark.parametrize("name, profile", FINDINGS)
def test_findings(name: str, profile: str) -> None:
    assert found_by(name, profile) == FINDINGS[name, profile]


def test_an_edit_of_a_supervised_file_is_found_on_a_recorded_machine() -> None:
    def edit(tree: Dict[str, bytes]) -> None:
        tree["config.txt"] += b"# a comment\n"

    assert found_by("scm-bookworm", "scm", edit) == ["supervised-file-changed", "supervised-manifest-gap"]
    # In this one Supervised Boot is off.
    assert found_by("scm-bullseye", "scm", edit) == FINDINGS["scm-bullseye", "scm"]


def test_a_supervised_file_that_is_gone_is_found_on_a_recorded_machine() -> None:
    found = found_by("scm-bookworm", "scm", lambda tree: tree.pop("zymbit_mac_address"))
    assert found == ["supervised-file-missing", "supervised-manifest-gap"]


def test_what_nobody_can_know_is_not_checked_and_says_why() -> None:
    data = data_of("scm-bookworm")
    del data["folders"]["sys/fs/cgroup/system.slice"]
    for name in [name for name in data["files"] if name.startswith("sys/fs/cgroup")]:
        del data["files"][name]
    rules = (BOOK.rules["zkifc-not-running"],)
    job = Job(rules, (BOARDS["cm4"],), "scm", BOOK.profiles["scm"].parameters)
    report = lint(job, Boot(MemoryFolder({"config.txt": HOST})), gather(RecordedMachine(data)))
    assert report.findings == []
    assert [(entry.rule, entry.needs) for entry in report.not_checked] == [("zkifc-not-running", "device")]
    assert "there is no control group system.slice" in report.not_checked[0].reason


# Recordings are text that people send and change.


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        (b"[" * 100000, "it is no JSON"),
        (b"[]", "it is no recording of format 1"),
        (b'{"recording": 2}', "it is no recording of format 1"),
        (b'{"recording": 1, "extra": {}}', "it has an unknown part 'extra'"),
        (b'{"recording": 1, "files": []}', "files is no mapping to str"),
        (b'{"recording": 1, "files": {"a": 1}}', "files is no mapping to str"),
        (b'{"recording": 1, "files": {"a": "\\ud800"}}', "files has text that is no Unicode"),
        (b'{"recording": 1, "binary": {"a": "?"}}', "a is not in base64"),
        (b'{"recording": 1, "answers": {"rm -rf /": {}}}', "the answer to 'rm -rf /' is none"),
        (
            b'{"recording": 1, "answers": {"vcgencmd version": {"status": "0"}}}',
            "the answer to 'vcgencmd version' is none",
        ),
        (b'{"recording": 1, "space": {"boot": [1]}}', "space is not two numbers"),
        (b'{"recording": 1, "space": {"boot": [true, false]}}', "space is not two numbers"),
    ],
)
def test_what_is_no_recording(content: bytes, reason: str, tmp_path: Any) -> None:
    with pytest.raises(BadRecording, match="^" + reason.replace("[", "\\[")):
        load(content)
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    done = device_command("--from", str(path))
    assert done.exit_code == 3
    assert "{}: {}".format(path, reason) in (done.stdout + done.stderr) and "Traceback" not in (
        done.stdout + done.stderr
    )
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1


def test_no_file(tmp_path: Any) -> None:
    done = device_command("--from", str(tmp_path / "none.json"))
    assert done.exit_code == 3 and "no such file" in (done.stdout + done.stderr)


def test_an_empty_recording_is_a_machine_of_which_nothing_is_known() -> None:
    device = gather(load(b'{"recording": 1}'))
    known = {name for name, fact in device._asdict().items() if fact.known}
    assert known == {"i2c", "ledger"}
    assert device.ledger.value is None
    text = "".join(device_report.as_text(device))
    assert text.count("unknown: ") == len(FINDERS) - 2


def test_a_reason_that_says_nothing_is_still_one() -> None:
    device = gather(RecordedMachine({"recording": 1, "answers": {"vcgencmd version": {"unknown": ""}}}))
    assert device.firmware == Fact.missing("no reason is given")
    assert "firmware                unknown: no reason is given" in "".join(device_report.as_text(device))


@pytest.mark.parametrize("time", [-1, 0, 10**12, 10**30])
def test_a_ledger_with_any_time_is_shown(time: int) -> None:
    from scmguard.device.ledger import written

    data = data_of("scm-bullseye")
    data["files"]["var/lib/scmguard/ledger.json"] = written([Signed("config.txt", 1, "0" * 64, time)]).decode()
    device = gather(RecordedMachine(data))
    assert device.ledger.sure[0].time == time
    assert "config.txt signed " in "".join(device_report.as_text(device))
    # Also where the file is another by now.
    device = device._replace(manifest=Fact(("config.txt",)))
    job = Job((BOOK.rules["supervised-file-changed"],), (BOARDS["cm4"],), "scm", BOOK.profiles["scm"].parameters)
    found = lint(job, Boot(MemoryFolder({"config.txt": b"arm_64bit=1\n"})), device).findings
    assert "supervised-file-changed" in {one.rule for one in found}
    assert "internal-error" not in {one.rule for one in found}


class _Guarded(MemoryFolder):
    """A folder in which some names may be seen by nobody."""

    def __init__(self, behind: MemoryFolder, name: str, calls: str) -> None:
        super().__init__(behind.files, "/", behind.links)
        self._behind, self._name, self._calls = behind, name, calls

    def _look(self, call: str, name: str) -> None:
        if call in self._calls and name.strip("/") == self._name:
            raise Unreadable("/" + self._name, "permission denied")

    def read(self, name: str) -> Any:
        self._look("read", name)
        return self._behind.read(name)

    def names(self, folder: str = "") -> Any:
        self._look("names", folder)
        return self._behind.names(folder)

    def exists(self, name: str) -> bool:
        self._look("exists", name)
        return self._behind.exists(name)

    def link(self, name: str) -> Any:
        self._look("link", name)
        return self._behind.link(name)


@pytest.mark.parametrize(
    "calls, name, fact",
    [
        ("read", "var/lib/scmguard/ledger.json", "ledger"),
        # A folder that only root may enter: whether there is a ledger cannot even be asked.
        ("exists read", "var/lib/scmguard/ledger.json", "ledger"),
        ("link exists read", "sys/firmware/devicetree/base/model", "model"),
        ("names", "sys/bus/platform/drivers", "usb"),
    ],
)
def test_what_may_not_be_read_is_recorded_as_that(calls: str, name: str, fact: str) -> None:
    machine = machine_of("scm-bookworm")
    behind = machine.files
    assert isinstance(behind, MemoryFolder)
    machine.files = _Guarded(behind, name, calls)
    recorder = Recorder(machine)
    first = gather(recorder)
    assert getattr(first, fact).unknown == "/{}: permission denied".format(name)
    assert gather(RecordedMachine(recorder.data(""))) == first


def test_space_that_cannot_be_asked_for_is_recorded_as_that() -> None:
    class NoSpace(RecordedMachine):
        def space(self, folder: str) -> Any:
            raise Unreadable("/" + folder, "input/output error")

    recorder = Recorder(NoSpace(data_of("scm-bookworm")))
    first = gather(recorder)
    assert first.boot_mount.unknown == "/boot/firmware: input/output error"
    assert gather(RecordedMachine(recorder.data(""))) == first


# Single facts in forms that the recordings do not have.


def changed(name: str, files: Dict[str, Any], **parts: Dict[str, Any]) -> Device:
    """The facts of a recording with some files (None: without) and other parts changed."""
    data = data_of(name)
    for file, content in files.items():
        data["files"].pop(file, None)
        data["binary"].pop(file, None)
        if content is not None:
            data["binary"][file] = base64.b64encode(content).decode()
    for part, entries in parts.items():
        data[part].update(entries)
    return gather(RecordedMachine(data))


TREE = "sys/firmware/devicetree/base/"


@pytest.mark.parametrize(
    "files, fact, value",
    [
        # The revision code from /proc/cpuinfo where the device tree has none, or nonsense.
        ({TREE + "system/linux,revision": None}, "revision", 0xC03141),
        ({TREE + "system/linux,revision": b"\0"}, "revision", 0xC03141),
        ({TREE + "serial-number": b"no number\0"}, "serial", "100000003a5c91e7"),
        ({TREE + "serial-number": b"-1\0"}, "serial", "100000003a5c91e7"),
        ({TREE + "serial-number": b"1_0\0"}, "serial", "100000003a5c91e7"),
        ({TREE + "serial-number": b"3A5C91E7\0"}, "serial", "000000003a5c91e7"),
        # A warranty bit says nothing about the board.
        ({TREE + "system/linux,revision": b"\2\xc0\x31\x41"}, "board", "cm4"),
        # A code that nobody knows: by the names of the device tree.
        ({TREE + "system/linux,revision": b"\0\xc0\x3f\xf1"}, "board", "cm4"),
        ({TREE + "system/linux,revision": b"\0\xc0\x3f\xf1"}, "memory", 3884056 << 10),
        ({TREE + "chosen/bootloader/boot-mode": b"\0\0\0\3"}, "boot_mode", "rpiboot"),
        ({TREE + "chosen/bootloader/tryboot": b"\0\0\0\1"}, "tryboot", True),
        ({TREE + "soc/usb@7e980000/dr_mode": b"peripheral\0"}, "usb", ("dwc2", "peripheral")),
        # A controller whose node says nothing: otg, where it may be a peripheral; host, where it may not.
        ({TREE + "soc/usb@7e980000/dr_mode": None}, "usb", ("dwc2", "host")),
    ],
)
def test_fact_in_another_form(files: Dict[str, Any], fact: str, value: Any) -> None:
    found = getattr(changed("scm-bookworm", files), fact)
    assert found.known, found.unknown
    assert found.value == value


@pytest.mark.parametrize(
    "files, fact, reason",
    [
        ({TREE + "model": b"\0"}, "model", "/proc/device-tree/model has no text in it"),
        ({TREE + "model": b"\xff\xfe\0"}, "model", "/proc/device-tree/model has no text in it"),
        ({TREE + "chosen/bootloader/boot-mode": b"\0\0\0\x09"}, "boot_mode", "no documented mode"),
        ({TREE + "chosen/bootloader/boot-mode": b"\1"}, "boot_mode", "boot-mode has 1 bytes instead of 4"),
        ({TREE + "soc/usb@7e980000/dr_mode": b"gadget\0"}, "usb", "dr_mode of fe980000.usb is 'gadget'"),
        (
            {"sys/devices/platform/emmc2bus/fe340000.mmc/mmc_host/mmc0/mmc0:0001/type": b"SDIO\n"},
            "root_storage",
            "neither MMC nor SD",
        ),
        ({"sys/devices/virtual/block/dm-0/dm/name": None}, "root_storage", "/dm/name"),
        ({"sys/fs/cgroup/system.slice/zkifc.service/cgroup.procs": b"?"}, "zkifc", "no process number"),
        ({"proc/cmdline": b"\n"}, "cmdline", "/proc/cmdline is empty"),
        (
            {"proc/1187/mountinfo": b"28 1 254:0 / /home rw - ext4 /dev/mapper/cryptrfs rw\n"},
            "root_storage",
            "no root file system",
        ),
        ({"var/lib/scmguard/ledger.json": b"{}"}, "ledger", "is damaged"),
    ],
)
def test_fact_that_cannot_be_known(files: Dict[str, Any], fact: str, reason: str) -> None:
    found = getattr(changed("scm-bookworm", files), fact)
    assert not found.known
    assert reason in found.unknown


def test_the_root_below_an_overlay() -> None:
    mounts = (
        b"28 1 0:30 / / rw,relatime - overlay overlay rw,lowerdir=/lower,upperdir=/upper,workdir=/work\n"
        b"29 28 254:0 / /media/root-ro ro,noatime - ext4 /dev/mapper/cryptrfs ro\n"
    )
    device = changed("scm-bookworm", {"proc/1187/mountinfo": mounts})
    assert device.root_storage.sure.layers == ("overlay", "crypt cryptrfs")
    assert device.root_storage.sure.kind == "emmc"
    assert device.boot_mount == Fact(None, "/proc/self/mountinfo")


def test_a_root_over_the_network() -> None:
    device = changed("cm4-sd", {"proc/1187/mountinfo": b"28 1 0:20 / / rw - nfs 192.0.2.7:/srv/pi rw,vers=3\n"})
    assert device.root_storage.sure == ("192.0.2.7:/srv/pi", 0, "network", "", ())


def test_btrfs_which_has_a_device_number_of_its_own() -> None:
    device = changed("cm4-sd", {"proc/1187/mountinfo": b"28 1 0:20 /@ / rw - btrfs /dev/mmcblk0p2 rw,subvol=/@\n"})
    assert device.root_storage.sure == ("mmcblk0", 2, "sd", "fe340000.mmc", ())


def test_a_device_that_is_made_of_nothing_is_no_disk() -> None:
    data = data_of("scm-bookworm")
    del data["links"]["sys/devices/virtual/block/dm-0/slaves/mmcblk0p2"]
    device = gather(RecordedMachine(data))
    assert "/sys/devices/virtual/block/dm-0/slaves" in device.root_storage.unknown


def test_a_partition_without_a_number_is_no_disk_either() -> None:
    data = data_of("pi5-nvme")
    name = next(name for name in data["files"] if name.endswith("nvme0n1p2/partition"))
    del data["files"][name]
    device = gather(RecordedMachine(data))
    assert device.root_storage.unknown == "there is no /{}".format(name)
    assert device.boot_storage.sure.partition == 1


def test_modules_of_the_running_kernel_are_gone() -> None:
    device = changed("scm-bookworm", {"proc/sys/kernel/osrelease": b"6.6.31+rpt-rpi-v8\n"})
    (reason,) = device.pending_reboot.sure
    assert reason.startswith("the modules of the running kernel 6.6.31+rpt-rpi-v8 are gone (there are 6.6.20+rpt-")


@pytest.mark.parametrize("said, wanted", [("shipped", True), ("changed", False), ("empty", False), ("locked", False)])
def test_what_is_said_of_the_password(said: str, wanted: bool) -> None:
    data = data_of("scm-bookworm")
    data["answers"]["password zymbit"] = {"out": said + "\n"}
    fact = gather(RecordedMachine(data)).default_password
    assert (fact.sure, fact.source) == (wanted, "/etc/shadow: " + said)


def test_a_word_about_the_password_that_nobody_knows_is_no_answer() -> None:
    data = data_of("scm-bookworm")
    data["answers"]["password zymbit"] = {"out": "unchanged\n"}
    assert gather(RecordedMachine(data)).default_password.unknown == "the password of zymbit: nothing was said of it"
