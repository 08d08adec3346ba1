"""Signing again, with a stand-in for the module that keeps what it signed; in real processes, killed where it hurts."""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from scmguard.device.facts import Signed, Unknown
from scmguard.device.ledger import Damaged, of, parse, written
from scmguard.device.machine import LiveMachine
from scmguard.device.zymbit import binding, manifest, module_firmware, module_model
from scmguard.digest import digest
from scmguard.inputs.disk import DiskFolder
from scmguard.seal.plan import ASKED, CHANGED, INTERRUPTED, NEW, Impossible, plan
from scmguard.seal.sign import Failed, sign_all
from scmguard.seal.store import Refused, Store
from tests.killed import counting
from tests.standin.module import Module

FILES = {"config.txt": b"arm_boost=1\n", "cmdline.txt": b"root=/dev/mapper/cryptrfs\n", "kernel8.img": b"\x00" * 5000}
NAMES = ["config.txt", "cmdline.txt", "kernel8.img"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: Any) -> Tuple[str, Module]:
    top = tmp_path_factory.mktemp("module")
    boot = str(top / "boot")
    os.mkdir(boot)
    return boot, Module(str(top / "python"), boot)


@pytest.fixture
def module(shared: Tuple[str, Module]) -> Iterator[Module]:
    boot, found = shared
    for name in os.listdir(boot):
        os.remove(os.path.join(boot, name))
    for name, data in FILES.items():
        put(boot, name, data)
    found.write(
        firmware="01.02.03release",
        binding=[True, True],
        calls=[],
        signed={},
        faults={},
        noise=False,
        old=False,
        edit=None,
    )
    for name in NAMES:
        found.trust(name)
    yield found


def put(boot: str, name: str, data: bytes) -> None:
    with open(os.path.join(boot, name), "wb") as stream:
        stream.write(data)


def machine(module: Module, limit: float = 20.0) -> LiveMachine:
    return LiveMachine(module.python, {"zymkey facts": limit, "zymkey sign": limit})


def signed_as_it_is(module: Module, at: int = 100) -> List[Signed]:
    found = []
    for name in NAMES:
        made = digest(DiskFolder(module.boot), name)
        assert made is not None
        found.append(Signed(name, made.size, made.sha256, at))
    return found


def sealed(module: Module, folder: Any, ledger: List[Signed], every: bool = False, limit: float = 20.0) -> List[str]:
    files = DiskFolder(module.boot)
    todo = plan(files, NAMES, of(tuple(ledger)), every)
    store = Store(str(folder))
    with store.opened() as held:
        return [entry.name for entry in sign_all(machine(module, limit), files, todo, held, lambda: 200.0)]


def read(folder: Any, name: str = "ledger.json") -> Dict[str, Signed]:
    return of(parse((folder / name).read_bytes()))


# --- the module's answers ---


def test_the_module_says_what_it_is(module: Module) -> None:
    asked = machine(module)
    assert module_model(asked).value == "SCM" and module_firmware(asked).value == "01.02.03release"
    assert binding(asked).value == (True, True) and manifest(asked).value == tuple(NAMES)


def test_what_the_module_prints_is_no_answer(module: Module) -> None:
    module.write(noise=True)
    assert manifest(machine(module)).value == tuple(NAMES)


@pytest.mark.parametrize(
    "faults, says",
    [
        ({"get_current_binding_info": "raise"}, "RuntimeError: zkifc does not answer"),
        ({"import": "raise"}, "ConnectionError: cannot connect to zkifc"),
        ({"get_current_binding_info": {"return": "yes"}}, "not a pair"),
        ({"get_current_binding_info": {"return": None}}, "not a pair"),
    ],
)
def test_a_module_that_fails_leaves_facts_unknown(module: Module, faults: Dict[str, Any], says: str) -> None:
    module.fault(**faults)
    with pytest.raises(Unknown, match=says):
        binding(machine(module))


def test_what_was_said_before_a_hang_counts(module: Module) -> None:
    module.fault(get_current_binding_info="hang")
    asked = machine(module, 3.0)
    begin = time.monotonic()
    assert module_model(asked).value == "SCM"
    with pytest.raises(Exception, match="did not answer within 3 s"):
        binding(asked)
    assert time.monotonic() - begin < 12


# --- what is to sign ---


def test_a_file_that_changed_is_signed_and_nothing_else(module: Module, tmp_path: Any) -> None:
    ledger = signed_as_it_is(module)
    put(module.boot, "config.txt", b"arm_boost=0\n")
    assert not module.would_boot()
    assert sealed(module, tmp_path / "l", ledger) == ["config.txt"]
    assert module.would_boot() and module.state()["calls"] == [["config.txt", 15]]
    found = read(tmp_path / "l")
    assert found["config.txt"].time == 200 and found["kernel8.img"].time == 100


def test_nothing_changed(module: Module, tmp_path: Any) -> None:
    assert sealed(module, tmp_path / "l", signed_as_it_is(module)) == []
    assert module.state()["calls"] == [] and set(read(tmp_path / "l")) == set(NAMES)


def test_files_that_people_edit_are_signed_last(module: Module, tmp_path: Any) -> None:
    assert sealed(module, tmp_path / "l", []) == ["kernel8.img", "cmdline.txt", "config.txt"]


def test_the_older_order_of_arguments(module: Module, tmp_path: Any) -> None:
    module.write(old=True)
    assert len(sealed(module, tmp_path / "l", [])) == 3 and module.would_boot()


def test_why_each_file_is_signed(module: Module) -> None:
    ledger = of(tuple(signed_as_it_is(module)))
    ledger["cmdline.txt"] = ledger["cmdline.txt"]._replace(sha256="0" * 64)
    ledger["kernel8.img"] = ledger["kernel8.img"]._replace(sha256="")
    files = DiskFolder(module.boot)
    whys = {item.name: item.why for item in plan(files, NAMES, ledger, every=True).items}
    assert whys == {"config.txt": ASKED, "cmdline.txt": CHANGED, "kernel8.img": INTERRUPTED}
    assert {item.why for item in plan(files, NAMES, {}).items} == {NEW}


@pytest.mark.parametrize("name", ["gone.txt", "../config.txt", "/etc/passwd", "a//b", "x\ny", "x\0y", ".", ""])
def test_a_name_that_cannot_be_signed(module: Module, name: str) -> None:
    with pytest.raises(Impossible):
        plan(DiskFolder(module.boot), [*NAMES, name], {})


# --- what goes wrong ---


@pytest.mark.parametrize(
    "faults, says",
    [
        ({"add_or_update_supervised_boot_file": "raise"}, "RuntimeError: zkifc does not answer"),
        ({"add_or_update_supervised_boot_file": {"return": -1}}, "returned -1"),
        ({"add_or_update_supervised_boot_file": {"return": None}}, "answered None"),
        ({"add_or_update_supervised_boot_file": {"return": True}}, "answered True"),
        ({"add_or_update_supervised_boot_file": "hang"}, "whether it is signed is not known"),
        ({"import": True}, "cannot connect to zkifc"),
    ],
)
def test_a_signature_that_fails_is_not_entered(module: Module, tmp_path: Any, faults: Any, says: str) -> None:
    ledger = signed_as_it_is(module)
    put(module.boot, "cmdline.txt", b"root=/dev/sda2\n")
    module.fault(**faults)
    with pytest.raises(Failed, match=says) as raised:
        sealed(module, tmp_path / "l", ledger, limit=3.0)
    assert raised.value.name == "cmdline.txt"
    assert read(tmp_path / "l")["cmdline.txt"].sha256 == ""  # begun, and nobody knows how it ended
    module.fault()
    assert sealed(module, tmp_path / "l", list(read(tmp_path / "l").values())) == ["cmdline.txt"]
    assert module.would_boot()


def test_a_file_that_is_changed_while_it_is_signed(module: Module, tmp_path: Any) -> None:
    ledger = signed_as_it_is(module)
    put(module.boot, "config.txt", b"arm_boost=0\n")
    module.write(edit="config.txt")
    with pytest.raises(Failed, match="changed while it was being signed"):
        sealed(module, tmp_path / "l", ledger)
    assert read(tmp_path / "l")["config.txt"].sha256 == ""


def test_a_file_that_is_changed_between_check_and_signing(module: Module, tmp_path: Any) -> None:
    files = DiskFolder(module.boot)
    todo = plan(files, NAMES, {})
    put(module.boot, "cmdline.txt", b"root=/dev/sda2\n")
    done = []
    with Store(str(tmp_path / "l")).opened() as held, pytest.raises(Failed, match="changed after it was checked"):
        for entry in sign_all(machine(module), files, todo, held, lambda: 1.0):
            done.append(entry.name)
    assert done == ["kernel8.img"] and [name for name, _ in module.state()["calls"]] == ["kernel8.img"]


# --- the ledger on disk ---


def test_the_last_ledgers_are_kept(module: Module, tmp_path: Any) -> None:
    folder = tmp_path / "l"
    for number in range(5):
        put(module.boot, "config.txt", b"# %d\n" % number)
        sealed(module, folder, list(read(folder).values()) if folder.exists() else [])
    sizes = [read(folder, name)["config.txt"].sha256 for name in ("ledger.json", "ledger.1.json", "ledger.2.json")]
    assert len(set(sizes)) == 3 and sorted(os.listdir(folder)) == ["ledger.1.json", "ledger.2.json", "ledger.json"]
    assert os.stat(folder).st_mode & 0o777 == 0o700 and os.stat(folder / "ledger.json").st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o722])
def test_a_folder_that_others_write(tmp_path: Any, mode: int) -> None:
    (tmp_path / "l").mkdir()
    os.chmod(tmp_path / "l", mode)
    with pytest.raises(Refused, match="others than root"), Store(str(tmp_path / "l")).opened():
        pass


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_a_folder_that_others_do_not_write(tmp_path: Any, mode: int) -> None:
    (tmp_path / "l").mkdir()
    os.chmod(tmp_path / "l", mode)
    with Store(str(tmp_path / "l")).opened() as store:
        store.write([])
    assert parse((tmp_path / "l" / "ledger.json").read_bytes()) == ()


def test_a_ledger_that_is_a_link_is_replaced_and_not_followed(tmp_path: Any) -> None:
    (tmp_path / "other").write_text("somebody else's")
    with Store(str(tmp_path / "l")).opened() as store:
        (tmp_path / "l" / "ledger.json").symlink_to(tmp_path / "other")
        with pytest.raises(OSError):
            store.read()
        store.write([])
    assert (tmp_path / "other").read_text() == "somebody else's"
    assert not (tmp_path / "l" / "ledger.json").is_symlink() and read(tmp_path / "l") == {}


def test_a_folder_that_is_a_link_or_a_file(tmp_path: Any) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_text("")
    for name in ("link", "file"):
        with pytest.raises((Refused, OSError)), Store(str(tmp_path / name)).opened():
            pass


def test_two_at_once(tmp_path: Any) -> None:
    first, second = Store(str(tmp_path / "l")), Store(str(tmp_path / "l"))
    with first.opened(), pytest.raises(Refused, match="another scmguard"), second.opened():
        pass
    with Store(str(tmp_path / "l")).opened():
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_full_disk_leaves_the_old_ledger(tmp_path: Any) -> None:
    code = """
import sys
from scmguard.seal.store import Store
from scmguard.device.facts import Signed
with Store(sys.argv[1]).opened() as store:
    store.write([Signed("a", 1, "0" * 64, 1)])
    with open(sys.argv[1] + "/fill", "wb", buffering=0) as fill:
        try:
            while True:
                fill.write(b"x" * 4096)
        except OSError:
            pass
    try:
        store.write([Signed("b%d" % n, 1, "0" * 64, 1) for n in range(500)])
    except OSError as error:
        print("OSError", error.errno)
"""
    (tmp_path / "l").mkdir(mode=0o700)
    script = 'mount -t tmpfs -o size=64k,mode=700 none "$1" && "$2" -c "$3" "$1" && cat "$1/ledger.json" && ls "$1"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path / "l"), sys.executable, code]
    done = subprocess.run(command, capture_output=True, text=True)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("no mount namespaces here: {}".format(done.stderr.strip()))
    assert done.stdout.startswith("OSError 28"), done.stdout + done.stderr
    assert '"name": "a"' in done.stdout and done.stdout.split()[-2:] == ["fill", "ledger.json"]


# --- killed anywhere ---

_KILLED = (
    counting("replace", "link", "fsync", "fchmod", "mkdir", "unlink")
    + """
from scmguard.device.ledger import of, parse
from scmguard.device.machine import LiveMachine
from scmguard.inputs.disk import DiskFolder
from scmguard.seal import sign
from scmguard.seal.plan import plan
from scmguard.seal.store import Store
sign.sign = counted(sign.sign)
_, _, python, boot, folder, *names = sys.argv
path = os.path.join(folder, "ledger.json")
known = of(parse(open(path, "rb").read())) if os.path.exists(path) else {}
files = DiskFolder(boot)
with Store(folder).opened() as store:
    for entry in sign.sign_all(LiveMachine(python), files, plan(files, names, known), store, lambda: 300.0):
        pass
print("done")
"""
)


@pytest.mark.parametrize("begun", [False, True])
def test_killed_at_every_write(module: Module, tmp_path: Any, begun: bool) -> None:
    """Afterwards the ledger is an old or a new one, nothing in it is wrong, and a second run completes.

    With a ledger from before, and without one.
    """
    driver = tmp_path / "killed.py"
    driver.write_text(_KILLED)
    folder = tmp_path / "l"
    completed = False
    number = deaths = 0
    while not completed:
        number += 1
        for name in os.listdir(folder) if folder.exists() else ():
            os.remove(folder / name)
        module.write(signed={}, calls=[])
        for name in NAMES:
            module.trust(name)
        if begun:
            with Store(str(folder)).opened() as store:
                store.write(signed_as_it_is(module))
        put(module.boot, "config.txt", b"# %d\n" % number)
        put(module.boot, "cmdline.txt", b"panic=%d\n" % number)
        command = [sys.executable, str(driver), "{}", module.python, module.boot, str(folder), *NAMES]
        run = subprocess.run([each.format(number) for each in command], capture_output=True, text=True)
        completed = run.stdout == "done\n"
        assert completed or run.returncode == -signal.SIGKILL, run.stderr
        deaths += not completed
        assert (folder / "ledger.json").exists() or not begun, "there was one before"
        if (folder / "ledger.json").exists():
            for name, entry in read(folder).items():
                made = digest(DiskFolder(module.boot), name)
                if made == (entry.size, entry.sha256):
                    assert module.state()["signed"][name] == entry.sha256, "the ledger says that it is signed"
        again = subprocess.run([each.format(0) for each in command], capture_output=True, text=True)
        assert again.stdout == "done\n", again.stderr
        assert module.would_boot()
        for name, entry in read(folder).items():
            assert digest(DiskFolder(module.boot), name) == (entry.size, entry.sha256)
        assert set(read(folder)) == set(NAMES)
        assert all(name.startswith("ledger") for name in os.listdir(folder))
    assert deaths > 20


# --- the format ---


def test_a_ledger_that_was_cut_or_changed_is_damaged() -> None:
    data = written([Signed("config.txt", 12, "ab" * 32, 1700000000), Signed("b", 0, "", 1)])
    whole = parse(data)
    for cut in range(len(data) - 1):
        with pytest.raises(Damaged):
            parse(data[:cut])
    for place in range(len(data)):
        for bit in (1, 32):
            other = bytearray(data)
            other[place] ^= bit
            try:
                found = parse(bytes(other))
            except Damaged:
                continue
            assert found == whole


@pytest.mark.parametrize(
    "entries",
    [
        [{"name": "a", "size": 1, "sha256": "", "time": True}],
        [{"name": "a", "size": "1", "sha256": "", "time": 1}],
        [{"name": "a", "size": 1, "sha256": ""}],
        [{"name": "a", "size": 1, "sha256": "", "time": 1}] * 2,
        ["a"],
        {},
    ],
)
def test_a_ledger_with_entries_that_are_none(entries: Any) -> None:
    from scmguard.device import ledger

    with pytest.raises(Damaged):
        parse(json.dumps({"ledger": 1, "sha256": ledger._sum(entries), "files": entries}).encode())


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from scmguard.cli.seal import run

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit) as ended:
        run({"dry_run": False})
    assert ended.value.code == 3 and "run it as root" in capsys.readouterr().err
