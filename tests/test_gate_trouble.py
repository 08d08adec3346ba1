"""The gate when things go wrong: apt and dpkg go on, and nothing is half done."""

import json
import signal
import subprocess
import time
from typing import List

import pytest

from tests.machines import BOOT, FATAL, Machine, Maker, needs_machines
from tests.test_gate_after import appends
from tests.test_gate_apt import CONFIG, assert_quiet, events, install

pytestmark = needs_machines

BAD = {CONFIG: BOOT["config.txt"] + FATAL}
GOOD = {CONFIG: BOOT["config.txt"] + "# by a package\n"}


def plain(machine: Machine) -> str:
    return machine.deb("plain", files={"usr/share/plain/a": "1"})


@pytest.mark.core
def test_without_python_everything_goes_on_and_it_is_said(maker: Maker) -> None:
    machine = maker.guarded()
    machine.run("sh", "-c", "mkdir /root/away; mv /usr/bin/python3* /root/away/")
    done = machine.run("apt-get", "install", "-y", plain(machine))
    assert done.status == 0, done.output
    assert done.said[0] == "the change could not be checked, and goes on unchecked: python3 could not be started"
    assert machine.run("dpkg", "-P", "plain").status == 0
    machine.write("etc/scmguard.yaml", "profile: cm4\nstrict: true   # nothing unchecked\n")
    done = machine.run("apt-get", "install", "-y", plain(machine))
    assert done.status == 100 and done.said[-1].startswith("vetoed: the change could not be checked"), done.output
    assert machine.state("plain") == "" or machine.state("plain") == "pn"
    assert machine.run("dpkg", "--configure", "-a").status == 0
    machine.run("sh", "-c", "mv /root/away/* /usr/bin/")
    assert_quiet(machine.run("apt-get", "install", "-y", plain(machine)))


@pytest.mark.core
@pytest.mark.parametrize("victim", ["json/__init__.py", "subprocess.py", "tarfile.py", "typing.py"])
def test_with_half_of_python_everything_goes_on(maker: Maker, victim: str) -> None:
    machine = maker.guarded()
    machine.run("sh", "-c", "for f in /usr/lib/python3.*/{}; do echo 'raise ImportError' >$f; done".format(victim))
    machine.run("sh", "-c", "find /usr/lib/python3.* -name '*.pyc' -delete")
    assert machine.run("apt-get", "install", "-y", plain(machine)).status == 0
    assert machine.run("dpkg", "-P", "plain").status == 0
    done = install(machine, machine.deb("good", files=GOOD))
    assert done.status == 0 and any("unchecked" in line for line in done.said), done.output


def test_a_configuration_that_is_wrong_is_said_and_stops_nothing(maker: Maker) -> None:
    machine = maker.guarded()
    for text in ("profil: cm4\n", "profile: nonsense\n", ": : :\n", "waivers: 3\n"):
        machine.write("etc/scmguard.yaml", text)
        done = install(machine, machine.deb("bad", files=BAD))
        assert done.status == 0, (text, done.output)
        assert any("/etc/scmguard.yaml" in line for line in done.said), (text, done.output)
        machine.run("dpkg", "-P", "--force-all", "bad")
        machine.write(CONFIG, BOOT["config.txt"])


def test_a_configuration_beside_the_caller_is_not_read(maker: Maker) -> None:
    machine = maker.guarded()
    for folder in ("tmp", "root"):
        machine.write(folder + "/.scmguard.yaml", "ignore: ['*']\n")
    done = machine.watched("sh", "-c", "cd /tmp && apt-get install -y " + machine.deb("bad", files=BAD))
    assert done.status == 100, done.output


def test_a_bug_is_in_the_log_and_stops_nothing(maker: Maker) -> None:
    machine = maker.guarded()
    machine.write("usr/lib/scmguard/lib/scmguard/packages/lay.py", "")
    done = install(machine, machine.deb("good", files=GOOD))
    assert done.status == 0 and any("unchecked" in line for line in done.said), done.output
    machine.run("dpkg", "-i", "/root/scmguard.deb")
    machine.write(
        "usr/lib/scmguard/lib/scmguard/gate/worse.py", machine.read("usr/lib/scmguard/lib/scmguard/gate/worse.py") + BUG
    )
    done = install(machine, machine.deb("good", "2.0", files=GOOD))
    assert done.status == 0 and any("a bug in scmguard" in line for line in done.said), done.output
    assert (
        "ZeroDivisionError"
        in [event for event in events(machine) if event["event"] == "internal-error"][-1]["traceback"]
    )


BUG = "\ndef faults(findings):\n    return 1 / 0\n"


def test_the_log_is_never_written_through_a_link(maker: Maker) -> None:
    machine = maker.guarded()
    machine.write("root/target", "mine\n")
    machine.run("ln", "-sf", "/root/target", "/var/log/scmguard.log")
    done = install(machine, machine.deb("bad", files=BAD))
    assert done.status == 100 and any("the log could not be written" in line for line in done.said), done.output
    assert machine.read("root/target") == "mine\n"


def test_a_state_that_is_damaged_is_made_anew(maker: Maker) -> None:
    machine = maker.guarded()
    for text in ("", "garbage\n\n\n", "scmguard gate 1\nsettled\nx\n\n"):
        machine.write("var/lib/scmguard/gate/state", text)
        assert machine.run("apt-get", "install", "-y", plain(machine)).status == 0
        done = install(machine, machine.deb("bad", files=BAD))
        assert done.status == 100, done.output


def test_another_hook_that_fails_leaves_an_entry_that_the_next_run_closes(maker: Maker) -> None:
    machine = maker.guarded()
    machine.write("etc/apt/apt.conf.d/99other", 'DPkg::Pre-Install-Pkgs:: "test -e /root/allowed";\n')
    good = machine.deb("good", files=GOOD)
    assert install(machine, good).status == 100
    assert machine.state("good") == ""
    assert len(open_entries(machine)) == 1
    machine.write("root/allowed", "")
    done = install(machine, good)
    assert done.status == 0 and done.said[0].startswith("note: a transaction has no end"), done.output
    assert open_entries(machine) == []
    assert [event["event"] for event in events(machine)].count("stale") == 1


def open_entries(machine: Machine) -> List[str]:
    return machine.run("sh", "-c", "ls /var/lib/scmguard/gate/open 2>/dev/null").output.split()


@pytest.mark.core
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("stage", ["preinst", "postinst"])
def test_apt_that_is_killed_in_the_middle_can_go_on(maker: Maker, number: signal.Signals, stage: str) -> None:
    machine = maker.guarded()
    scripts = {stage: "#!/bin/sh\n[ -e /root/again ] && exit 0\necho at >/root/there\nsleep 30\n"}
    scripts.setdefault("postinst", appends(FATAL))
    deb = machine.deb("slow", files=GOOD, **scripts)
    command = machine.command("apt-get", "install", "-y", deb)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    wait_for(machine, "root/there")
    kill_all(machine, number, "apt-get", "dpkg", "sleep")
    process.communicate(timeout=60)
    assert machine.read(CONFIG) in (BOOT["config.txt"], GOOD[CONFIG])
    machine.write("root/again", "")
    # Whatever was left, the ways out work, and the next run closes what has no end.
    assert machine.run("dpkg", "--configure", "-a").status == 0
    if machine.state("slow").endswith("R"):  # dpkg wants that it is unpacked again, gate or no gate
        assert machine.watched("dpkg", "-i", deb).status == 0
    done = machine.watched("apt-get", "-y", "-f", "install")
    assert done.status == 0, done.output
    assert install(machine, deb).status == 0
    assert machine.audit() == ""
    assert open_entries(machine) == []
    assert FATAL not in machine.read(CONFIG)


def wait_for(machine: Machine, name: str) -> None:
    end = time.monotonic() + 60
    while not machine.exists(name):
        assert time.monotonic() < end
        time.sleep(0.05)


def kill_all(machine: Machine, number: int, *names: str) -> None:
    """Sends a signal to all programs of those names."""
    script = 'for p in /proc/[0-9]*; do read n <$p/comm; case " $0 " in *" $n "*) kill -{} ${{p#/proc/}};; esac; done'
    machine.run("sh", "-c", script.format(int(number)) + " 2>/dev/null", " ".join(names))


@pytest.mark.parametrize("stage", ["pre", "post"])
def test_a_gate_that_is_killed_stops_nothing(maker: Maker, stage: str) -> None:
    machine = maker.guarded()
    machine.run("sleep", "3.5")
    machine.run("scmguard", "snapshot")
    # The lock is held, so that the gate waits, and can be killed at a place that is known.
    holder = subprocess.Popen(machine.command("python3", "-c", HOLD), stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    script = appends("# x\n")
    deb = machine.deb("meddles", postinst=script) if stage == "post" else machine.deb("good", files=GOOD)
    process = subprocess.Popen(
        machine.command("apt-get", "install", "-y", deb), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    end = time.monotonic() + 60
    while "hook.py\0{}".format(stage) not in machine.run("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null").output:
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(1)
    script = "for p in /proc/[0-9]*; do grep -qs hook.py $p/cmdline && grep -qs ^python3 $p/comm && "
    machine.run("sh", "-c", script + "kill -9 ${p#/proc/}; done")
    machine.write("root/release", "")
    output, _ = process.communicate(timeout=120)
    holder.wait()
    assert process.returncode == 0, output
    assert "could not be checked" in output, output
    assert machine.audit() == ""
    assert_next_is_fine(machine)


HOLD = (
    "import fcntl, os, time\n"
    "h = os.open('/var/lib/scmguard/gate/lock', os.O_RDWR | os.O_CREAT, 0o600)\n"
    "fcntl.flock(h, fcntl.LOCK_EX)\nprint('held', flush=True)\n"
    "for _ in range(900):\n    if os.path.exists('/root/release'):\n        break\n    time.sleep(0.1)\n"
)


def assert_next_is_fine(machine: Machine) -> None:
    done = install(machine, machine.deb("bad", "9.0", files=BAD))
    assert done.status == 100, done.output


def test_interrupting_from_the_keyboard_does_not_let_a_change_through(maker: Maker) -> None:
    machine = maker.guarded()
    holder = subprocess.Popen(
        machine.command("python3", "-c", HOLD.replace("900", "40")), stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    done = machine.watched("apt-get", "install", "-y", machine.deb("bad", files=BAD), keys=[("debconf", "\x03")])
    holder.wait()
    assert done.status != 0, done.output
    assert machine.state("bad") == "" and machine.read(CONFIG) == BOOT["config.txt"]


def test_the_log_is_json_and_names_the_packages(maker: Maker) -> None:
    machine = maker.guarded()
    install(machine, machine.deb("bad", files=BAD))
    install(machine, machine.deb("good", files=GOOD))
    lines = [json.loads(line) for line in machine.read("var/log/scmguard.log").splitlines()]
    assert [line["event"] for line in lines] == ["veto", "begin", "changed", "end"]
    assert lines[1]["packages"] == ["good install"]
    assert lines[0]["caller"].startswith("apt-get install")
    assert machine.run("stat", "-c", "%a %U", "/var/log/scmguard.log").output == "640 root\n"
    assert machine.run("stat", "-c", "%a %U", "/var/lib/scmguard").output == "700 root\n"
