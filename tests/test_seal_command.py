"""``scmguard seal`` as a whole program, while files change under it, signals come, and nothing can be written."""

import os
import signal
import subprocess
import time
from typing import Any, Dict, List

import pytest

from scmguard.device.facts import Signed
from scmguard.device.ledger import of, parse
from tests.live import Live, why_not
from tests.test_live import BOOT, ETC, NAMES

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
LEDGER = "var/lib/scmguard/ledger.json"
CONFIG = "boot/firmware/config.txt"

# Runs seal with one function of it followed by what somebody else does at that moment.
_MEANWHILE = """
import subprocess, sys
import scmguard.cli.seal as command
name, meanwhile = sys.argv[1:3]
function = getattr(command, name)
def wrapped(*arguments, **named):
    result = function(*arguments, **named)
    exec(meanwhile)
    return result
setattr(command, name, wrapped)
options = {"dry_run": False, "all_": False, "rebuild": False, "profile": None, "boards": (), "config_file": None}
sys.exit(command.run({**options, "format_": "text", "no_color": True}))
"""


@pytest.fixture
def live(tmp_path: Any) -> Live:
    made = Live(tmp_path, "scm-bookworm", BOOT, ETC)
    for name in NAMES:
        made.module.trust(name)
    return made


def ledger(live: Live) -> Dict[str, Signed]:
    return of(parse(live.read(LEDGER)))


def calls(live: Live) -> List[str]:
    return [name for name, _ in live.module.state()["calls"]]


def meanwhile(live: Live, function: str, code: str) -> "subprocess.CompletedProcess[str]":
    return live.sh('"$1" -c "$4" "$5" "$6"', _MEANWHILE, function, code)


# --- what changes while it runs ---


def test_a_file_that_is_changed_after_the_rules_have_read_it_is_not_signed(live: Live) -> None:
    assert live.run("seal").returncode == 0
    live.put(CONFIG, BOOT["config.txt"] + b"# x\n")
    run = meanwhile(live, "lint", "open('/boot/firmware/config.txt', 'ab').write(b'[all]\\notg_mode=1\\n')")
    assert run.returncode == 3 and "config.txt: it was changed after it was checked" in run.stderr, run.stderr
    assert calls(live) == ["kernel8.img", "cmdline.txt", "config.txt"]  # of the first run
    assert not live.module.would_boot()
    run = live.run("seal")
    assert run.returncode == 1 and "otg-mode-enabled" in run.stderr


@pytest.mark.parametrize("function, signed", [("lint", "none"), ("plan", "cmdline.txt")])
def test_a_file_that_was_unchanged_and_is_changed_meanwhile_is_said(live: Live, function: str, signed: str) -> None:
    assert live.run("seal").returncode == 0
    if signed != "none":
        live.put("boot/firmware/cmdline.txt", BOOT["cmdline.txt"].replace(b"panic=10", b"panic=9"))
    run = meanwhile(live, function, "open('/boot/firmware/config.txt', 'ab').write(b'# x\\n')")
    assert run.returncode == 3 and "changed while others were looked at: config.txt" in run.stderr, run.stdout
    assert "signed: {}; ".format(signed) in run.stderr and "verifies" not in run.stdout
    run = live.run("seal")
    assert run.returncode == 0 and "config.txt: signed" in run.stdout and live.module.would_boot()


def test_a_file_that_is_changed_before_the_rules_read_it_is_not_signed(live: Live) -> None:
    run = meanwhile(live, "plan", "open('/boot/firmware/config.txt', 'ab').write(b'[all]\\notg_mode=1\\n')")
    assert run.returncode == 1 and "otg-mode-enabled" in run.stderr and calls(live) == [], run.stderr


def test_a_file_that_is_not_touched_meanwhile_is_signed(live: Live) -> None:
    run = meanwhile(live, "lint", "pass")
    assert run.returncode == 0 and live.module.would_boot(), run.stderr


def test_what_the_ledger_says_is_kept_where_the_module_was_not_asked(live: Live) -> None:
    assert live.run("seal").returncode == 0
    before = ledger(live)
    meanwhile(live, "lint", "open('/boot/firmware/config.txt', 'ab').write(b'# x\\n')")
    live.put(CONFIG, BOOT["config.txt"] + b"# one\n")
    run = meanwhile(live, "plan", "open('/boot/firmware/config.txt', 'ab').write(b'# two\\n')")
    assert run.returncode == 3 and "nothing of it was signed" in run.stderr, run.stderr
    assert ledger(live) == before
    live.put(CONFIG, BOOT["config.txt"])
    run = live.run("seal")
    assert run.returncode == 0 and "0 signed, 3 unchanged" in run.stdout


def test_a_ledger_that_another_seal_wrote_meanwhile_is_not_overwritten(live: Live) -> None:
    """The first has read that config.txt is as it was signed; then it is edited, and another one signs it."""
    assert live.run("seal").returncode == 0
    live.put("boot/firmware/cmdline.txt", BOOT["cmdline.txt"].replace(b"panic=10", b"panic=9"))
    other = "open('/boot/firmware/config.txt', 'ab').write(b'# x\\n');"
    other += "subprocess.run([sys.executable, '-m', 'scmguard', 'seal'], check=True)"
    run = meanwhile(live, "plan", other)
    assert run.returncode == 3 and "another scmguard" in run.stderr, run.stdout + run.stderr
    signed = live.module.state()["signed"]
    assert {name: entry.sha256 for name, entry in ledger(live).items()} == signed and live.module.would_boot()


# --- what was not looked at, or is not the boot partition ---


def test_a_file_that_could_not_be_read_was_not_checked_and_nothing_is_signed(live: Live) -> None:
    live.put(CONFIG, b"include extra.txt\n" + BOOT["config.txt"])
    os.makedirs(os.path.join(live.top, "boot/firmware/extra.txt"))
    run = live.run("seal")
    assert run.returncode == 3 and "extra.txt: is a folder" in run.stderr and "nothing was signed" in run.stderr
    assert calls(live) == []


def test_files_in_the_folder_below_a_boot_partition_that_is_not_mounted(live: Live) -> None:
    lines = live.read("proc/self/mountinfo").splitlines(True)
    live.put("proc/self/mountinfo", b"".join(line for line in lines if b" /boot" not in line))
    run = live.run("seal")
    assert run.returncode == 3 and "partition at /boot/firmware is not mounted" in run.stderr, run.stdout + run.stderr
    assert calls(live) == [] and not os.path.exists(os.path.join(live.top, LEDGER))


# --- who reads what it says, and who stops it ---


def test_a_reader_that_goes_away_does_not_stop_it_half_way(live: Live) -> None:
    live.module.write(slow=0.5)
    run = live.sh('{ "$@"; echo $? >/run/code; } | head -n 1; cat /run/code', "seal")
    assert live.module.would_boot() and len(calls(live)) == 3, run.stderr
    assert run.stdout.endswith("\n3\n") and "all files are signed" in run.stderr and "ledger cannot" not in run.stderr


def test_a_reader_that_stays(live: Live) -> None:
    run = live.sh('{ "$@"; echo $? >/run/code; } | cat; cat /run/code', "seal")
    assert run.stdout.endswith("verifies these\n0\n") and run.stderr == ""


def test_what_was_edited_is_on_the_disk_before_it_is_signed(live: Live) -> None:
    run = meanwhile(live, "plan", "import os; os.sync = lambda: print('synced')")
    told = run.stdout.splitlines()
    assert told.index("synced") < told.index("kernel8.img: signed"), run.stdout + run.stderr


def test_standard_output_that_is_full(live: Live) -> None:
    assert live.run("seal").returncode == 0
    live.put(CONFIG, BOOT["config.txt"] + b"# x\n")
    run = live.sh('"$@" >/dev/full', "seal")
    assert run.returncode == 3 and "no space left" in run.stderr and "ledger cannot" not in run.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_between_two_files(live: Live, number: int) -> None:
    """It ends after the file at hand, and says what is signed; a connection that is lost ends nothing."""
    live.module.write(slow=1.5)
    process = subprocess.Popen(
        live.command('exec "$@"', "seal"),
        env=live.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not os.path.exists(os.path.join(live.top, LEDGER)) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(number)  # everything on the way to it is exec
    out, err = process.communicate(timeout=60)
    if number == signal.SIGHUP:
        assert process.returncode == 0 and live.module.would_boot() and len(calls(live)) == 3, err
        return
    assert process.returncode == 3, out + err
    assert "interrupted" in err and "signed: kernel8.img; not signed: cmdline.txt, config.txt" in err
    assert set(ledger(live)) == {"kernel8.img"} and ledger(live)["kernel8.img"].sha256 and len(calls(live)) == 1
    live.module.write(slow=0)
    run = live.run("seal")
    assert run.returncode == 0 and run.stdout.endswith("2 signed, 1 unchanged: the next boot verifies these\n")


def test_two_at_once(live: Live) -> None:
    live.module.write(slow=1.0)
    run = live.sh('"$@" >/run/one 2>&1 & sleep 2.5; "$@"; echo $?; wait; cat /run/one', "seal")
    assert "another scmguard is signing" in run.stderr, run.stdout + run.stderr
    assert "3\n" in run.stdout and run.stdout.endswith("3 signed, 0 unchanged: the next boot verifies these\n")
    assert calls(live) == ["kernel8.img", "cmdline.txt", "config.txt"] and live.module.would_boot()


# --- where nothing can be written ---

_AFTER = '"$@"; echo "exit $?"; ls -A /var/lib/scmguard; cat /var/lib/scmguard/ledger.json'


def test_a_var_that_is_read_only(live: Live) -> None:
    before = 'mount -t tmpfs -o ro none "$root/var/lib"'
    run = live.sh('"$@"; echo "exit $?"', "seal", before=before)
    assert run.stdout.endswith("exit 3\n") and "read-only file system" in run.stderr, run.stdout + run.stderr
    assert "signed: none; not signed: kernel8.img, cmdline.txt, config.txt" in run.stderr and calls(live) == []


def test_a_full_disk_leaves_the_old_ledger(live: Live) -> None:
    assert live.run("seal").returncode == 0
    old = live.read(LEDGER).decode()
    live.put(CONFIG, BOOT["config.txt"] + b"# x\n")
    before = 'cp "$top/{0}" "$top/run/old"; mount -t tmpfs -o size=64k none "$root/var/lib"; d=$root/var/lib/scmguard;'
    before += 'mkdir -m 700 "$d"; cp -p "$top/run/old" "$d/ledger.json"; cat /dev/zero >"$root/var/lib/fill" || :'
    run = live.sh(_AFTER, "seal", before=before.format(LEDGER))
    assert "exit 3\nledger.1.json\nledger.json\n" + old in run.stdout, run.stdout + run.stderr
    assert "no space left on device" in run.stderr and "not signed: config.txt" in run.stderr
    assert len(calls(live)) == 3


def test_a_run_with_nothing_to_do_pushes_no_ledger_out(live: Live) -> None:
    for number in range(2):
        live.put(CONFIG, BOOT["config.txt"] + b"# %d\n" % number)
        assert live.run("seal").returncode == 0
    folder = os.path.join(live.top, "var/lib/scmguard")
    before = {name: live.read("var/lib/scmguard/" + name) for name in os.listdir(folder)}
    assert live.run("seal").returncode == 0 and live.run("seal").returncode == 0
    assert {name: live.read("var/lib/scmguard/" + name) for name in os.listdir(folder)} == before
    assert len(set(before.values())) == len(before) > 1


def test_a_file_that_is_off_the_list_leaves_the_ledger(live: Live) -> None:
    assert live.run("seal").returncode == 0
    state = live.module.state()["signed"]
    live.module.write(signed={name: state[name] for name in NAMES[:2]})
    assert live.run("seal").returncode == 0 and set(ledger(live)) == set(NAMES[:2])


# --- who runs it ---


def test_somebody_else_than_root(live: Live) -> None:
    nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups "
    # A Python in root's own folders is none for others.
    can = live.sh(nobody + '"$1" -c "import scmguard.cli.main"')
    if can.returncode != 0:
        pytest.skip("nobody cannot run this Python: {}".format(can.stderr.strip()[-200:]))
    run = live.sh(nobody + '"$@"', "seal")
    assert run.returncode == 3 and run.stderr.count("\n") == 1 and "run it as root" in run.stderr
    assert calls(live) == []


def test_all_signs_what_is_unchanged_too(live: Live) -> None:
    assert live.run("seal").returncode == 0
    run = live.run("seal", "--all")
    assert run.returncode == 0 and run.stdout.endswith("3 signed, 0 unchanged: the next boot verifies these\n")
    assert len(calls(live)) == 6
