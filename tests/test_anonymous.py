"""What identifies a machine, its network or its owner does not survive in a recording that is written."""

import base64
import json
import os
import re
from typing import Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scmguard.device.anonymous import anonymised
from scmguard.device.disguise import Disguise
from scmguard.device.facts import Device, Signed
from scmguard.device.gather import gather
from scmguard.device.ledger import written
from scmguard.device.recording import RecordedMachine
from tests.recorded import NAMES, data_of

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "25"))
HEX = "0123456789abcdef"
#: Facts that are made of what is replaced.
IDENTIFYING = ("serial", "module_serial", "cmdline", "ledger")


def hexadecimal(size: int) -> st.SearchStrategy[str]:
    return st.text(HEX, min_size=size, max_size=size).filter(lambda word: len(set(word)) > 5 and word[0] != "0")


def uuids() -> st.SearchStrategy[str]:
    return hexadecimal(32).map(lambda word: "-".join((word[:8], word[8:12], word[12:16], word[16:20], word[20:])))


def names() -> st.SearchStrategy[str]:
    """Names that occur nowhere else."""
    return (
        st.text("bcdfghjklmnpqrstvwxz", min_size=7, max_size=10)
        .filter(lambda word: len(set(word)) > 4)
        .map("q{}q".format)
    )


def macs() -> st.SearchStrategy[str]:
    return hexadecimal(12)


def mac(word: str, divider: str) -> str:
    return divider.join(word[at : at + 2] for at in range(0, 12, 2))


@st.composite
def identities(draw: Any) -> Dict[str, str]:
    return {
        "serial": "1000" + draw(hexadecimal(12)),
        "module": draw(hexadecimal(16)),
        "mac": draw(macs()),
        "other mac": draw(macs()),
        "luks": draw(uuids()),
        "uuid": draw(uuids()),
        "machine": draw(hexadecimal(32)),
        "partuuid": draw(hexadecimal(8)),
        "host": draw(names()),
        "user": draw(names()),
        "group": draw(names()),
        "secret": draw(names()),
        "unit": draw(names()),
        "disk": draw(names()),
        "server": draw(names()),
        "address": "10.{}.{}.{}".format(*draw(st.tuples(*[st.integers(101, 254)] * 3))),
        "digest": draw(hexadecimal(64)),
    }


def recording(who: Dict[str, str]) -> Dict[str, Any]:
    """An SCM with identifiers in every place that is known to have some."""
    data = data_of("scm-bookworm")
    files = data["files"]
    tree = "sys/firmware/devicetree/base/"
    files[tree + "serial-number"] = who["serial"] + "\0"
    files["proc/cpuinfo"] = "model name\t: {secret}\nRevision\t: c03141\nSerial\t\t: {serial}\nModel\t\t: Pi\n".format(
        **who
    )
    files["proc/cmdline"] = (
        "smsc95xx.macaddr={0} bcm2708.serial=0x{1} root=UUID={uuid} cryptdevice=UUID={luks}:cryptrfs "
        "resume=/dev/disk/by-id/usb-{disk}-0:0-part2 rootflags=x boot=PARTUUID={partuuid}-02 BOOTIF=01-{2} "
        "ip={address}::10.0.0.1:255.255.255.0:{host}:eth0:off systemd.machine_id={machine} "
        'systemd.hostname={host} acme.token="{secret} {secret}" netconsole=@/,@{address}/{3} {secret} '
        "nfsroot={address}:/home/{user} ds=nocloud-net;s=http://{server}/ console=tty1 quiet\n"
    ).format(mac(who["mac"], ":").upper(), who["serial"][8:], mac(who["mac"], "-"), mac(who["other mac"], ":"), **who)
    files["proc/1187/mountinfo"] += (
        "70 28 0:50 / /home/{user} rw - cifs //{server}/{user} rw,username={user},addr={address}\n"
        "71 28 8:1 / /media/{user}/{disk} rw - vfat /dev/sda1 rw\n"
        "72 28 0:51 / /var/lib/docker/overlay2/{digest}/merged rw - overlay overlay rw,lowerdir=/x/{digest}\n"
    ).format(**who)
    dm = "sys/devices/virtual/block/dm-0/dm/"
    files[dm + "uuid"] = "CRYPT-LUKS2-{}-{group}--vg-root\n".format(who["luks"].replace("-", ""), **who)
    files[dm + "name"] = "{group}--vg-root\n".format(**who)
    files["etc/machine-id"] = who["machine"] + "\n"
    files["sys/class/net/eth0/address"] = mac(who["mac"], ":") + "\n"
    files["sys/block/mmcblk0/device/cid"] = who["machine"] + "\n"
    data["binary"][tree + "soc/ethernet/local-mac-address"] = base64.b64encode(bytes.fromhex(who["mac"])).decode()
    # Text with a byte that is no UTF-8 is kept as binary.
    data["binary"]["proc/extra"] = base64.b64encode(b"\xff " + who["luks"].encode()).decode()
    data["links"]["dev/mapper/{group}--vg-root".format(**who)] = "../dm-0"
    data["links"]["dev/disk/by-uuid/" + who["uuid"]] = "../../mmcblk0p2"
    data["folders"]["sys/fs/cgroup/system.slice"] += [
        "{unit}.service".format(**who),
        "docker-{digest}.scope".format(**who),
        "ssh@3-{address}:22-{address}:5000.service".format(**who),
        "systemd-fsck@dev-disk-by\\x2duuid-{}.service".format(who["uuid"].replace("-", "\\x2d")),
    ]
    data["unreadable"]["home/{user}/.cache".format(**who)] = "permission denied"
    data["answers"]["vcgencmd bootloader_config"]["out"] = (
        "[all]\n# {secret} of {user}\nBOOT_ORDER=0xf1\nMAC_ADDRESS={0}\nTFTP_IP={address}\nTFTP_PREFIX_STR={1}/\n"
        "HTTP_HOST={server}\nHTTP_PATH={secret}/pi\nHTTP_CACERT_HASH={digest}\n[0x{1}]\nBOOT_UART=1\n[all]\n"
        "NETCONSOLE=6665@{address}/eth0,6666@10.0.0.1/{2}\nBOOT_MENU={secret}\n{secret}\n"
    ).format(mac(who["mac"], ":"), who["serial"][8:], mac(who["other mac"], ":"), **who)
    answer = data["answers"]["zymkey facts"]
    answer["out"] = answer["out"].replace("0a64c2e95b81f7d3", who["module"])
    answer["err"] = "File /home/{user}/x.py: unit {module} at {address}, {user}@{server}.example.org\n".format(**who)
    files["var/lib/scmguard/ledger.json"] = written([Signed("config.txt", 9, who["digest"], 1711098000)]).decode()
    return data


def everything(data: Dict[str, Any]) -> str:
    """All that can be read in a recording, in lower case, also behind base64 and JSON, and without dividers."""
    text = json.dumps(data, ensure_ascii=False)
    for encoded in data["binary"].values():
        raw = base64.b64decode(encoded)
        text += "\n" + raw.decode("latin-1") + "\n" + raw.hex()
    text = text.lower()
    return text + "\n" + re.sub(r"\\\\x2d|[-:.]", "", text)


@settings(max_examples=EXAMPLES, deadline=None)
@given(identities())
def test_nothing_that_identifies_survives(who: Dict[str, str]) -> None:
    data = recording(who)
    before = everything(data)
    after = everything(anonymised(data))
    for what, word in who.items():
        plain = re.sub(r"[-.]", "", word)
        assert word in before and (what == "address" or plain in before), what
        assert word not in after, what
        if what != "address":
            assert plain not in after, what
    assert who["serial"][8:] not in after


@settings(max_examples=EXAMPLES, deadline=None)
@given(identities())
def test_facts_stay_what_they_were(who: Dict[str, str]) -> None:
    data = recording(who)
    before, after = gather(RecordedMachine(data)), gather(RecordedMachine(anonymised(data)))
    for fact in Device._fields:
        if fact in (*IDENTIFYING, "root_storage", "bootloader_config"):
            assert getattr(before, fact).known and getattr(after, fact).known, fact
            assert getattr(before, fact).source == getattr(after, fact).source
        else:
            assert getattr(before, fact) == getattr(after, fact), fact
    assert after.root_storage.sure._replace(layers=()) == before.root_storage.sure._replace(layers=())
    assert re.match(r"crypt [a-z]+--[a-z]{2}-root\Z", after.root_storage.sure.layers[0])
    old, new = before.ledger.sure[0], after.ledger.sure[0]
    assert new._replace(sha256="") == old._replace(sha256="") and len(new.sha256) == 64
    kept = [
        line for line in after.bootloader_config.sure.splitlines() if not re.search("ADDR|IP|PREF|HTTP|NETC|MENU", line)
    ]
    assert kept[:3] == ["[all]", "#", "BOOT_ORDER=0xf1"] and "BOOT_UART=1" in kept


@settings(max_examples=EXAMPLES, deadline=None)
@given(identities())
def test_what_was_equal_is_equal(who: Dict[str, str]) -> None:
    after = anonymised(recording(who))
    line = after["files"]["proc/cmdline"]
    serial = after["files"]["sys/firmware/devicetree/base/serial-number"].strip("\0")
    assert "Serial\t\t: {}\n".format(serial) in after["files"]["proc/cpuinfo"]
    (luks,) = re.findall(r"cryptdevice=UUID=([0-9a-f-]{36}):cryptrfs", line)
    assert "CRYPT-LUKS2-{}-".format(luks.replace("-", "")) in after["files"]["sys/devices/virtual/block/dm-0/dm/uuid"]
    assert luks in base64.b64decode(after["binary"]["proc/extra"]).decode("latin-1")
    (address,) = re.findall(r"smsc95xx.macaddr=([0-9A-Fa-f:]{17}) ", line)
    assert "BOOTIF=" in line
    assert after["files"]["sys/class/net/eth0/address"].strip() == address.lower()
    assert "MAC_ADDRESS={}\n".format(address.lower()) in after["answers"]["vcgencmd bootloader_config"]["out"]
    (uuid,) = re.findall(r"root=UUID=([0-9a-f-]{36})", line)
    assert "dev/disk/by-uuid/" + uuid in after["links"]
    name = after["files"]["sys/devices/virtual/block/dm-0/dm/name"].strip()
    assert "dev/mapper/" + name in after["links"]
    (half,) = re.findall(r"bcm2708.serial=0x([0-9a-f]{8}) ", line)
    assert "TFTP_PREFIX_STR={}/\n[".format(half) in after["answers"]["vcgencmd bootloader_config"]["out"].replace(
        "\nHTTP", "\n["
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(identities())
def test_two_recordings_of_one_machine_have_nothing_in_common(who: Dict[str, str]) -> None:
    first, second = anonymised(recording(who)), anonymised(recording(who))
    for name in ("proc/cmdline", "sys/firmware/devicetree/base/serial-number", "etc/machine-id"):
        assert first["files"][name] != second["files"][name]
    assert first["answers"]["zymkey facts"]["out"] != second["answers"]["zymkey facts"]["out"]


@settings(max_examples=EXAMPLES, deadline=None)
@given(identities())
def test_the_recording_itself_is_left_as_it_is(who: Dict[str, str]) -> None:
    data = recording(who)
    copy = json.loads(json.dumps(data))
    anonymised(data)
    assert data == copy


@pytest.mark.parametrize("name", NAMES)
def test_recordings_keep_their_facts(name: str) -> None:
    data = data_of(name)
    before, after = gather(RecordedMachine(data)), gather(RecordedMachine(anonymised(data)))
    for fact in Device._fields:
        if fact not in IDENTIFYING:
            assert getattr(before, fact) == getattr(after, fact), fact
    if name != "pc":
        assert before.serial.sure != after.serial.sure
        assert len(after.serial.sure) == 16
    assert before.cmdline.sure != after.cmdline.sure
    assert [word.partition("=")[0] for word in before.cmdline.sure.split()] == [
        word.partition("=")[0] for word in after.cmdline.sure.split()
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "root=/dev/mmcblk0p2 console=ttyAMA0,115200",
        "root=LABEL=writable",
        "fe340000.mmc 1000fff000.mmc 0000:01:00.0 pci0000:00/0000:00:00.0 target0:0:0/0:0:0:0/block/sda",
        "version 8ba17717fbcedd4c3b6d4bce7e50c7af4155cba9 (release)",
        "timestamp 1673458852",
        "2023/01/11 17:40:52",
        "6.6.20+rpt-rpi-v8 5.15.0-1049-raspi 01.02.02release",
        "raspberrypi,4-compute-module\0brcm,bcm2711\0",
        "vc_mem.mem_base=0x3ec00000",
        "/boot/firmware /lib/modules /media/root-ro",
        "127.0.0.1 255.255.255.0",
    ],
)
def test_text_that_identifies_nobody_stays(text: str) -> None:
    assert Disguise(b"key").text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "d8:3a:dd:4e:17:c2",
        "D8-3A-DD-4E-17-C2",
        "d83a.dd4e.17c2",
        "root=PARTUUID=4c7f19d8-02",
        "UUID=4A5F-11C3",
        "/dev/disk/by-uuid/4A5F-11C3",
        "LABEL=alice",
        "0x3f00000012345678",
        "192.0.2.17",
        "2001:db8::1f",
        "2001:db8:0:0:0:0:0:1f",
        "alice@example.org",
        "/home/alice/x",
        "https://boot.example.org/pi",
    ],
)
def test_text_that_identifies_does_not(text: str) -> None:
    found = Disguise(b"key").text(text)
    assert found != text and len(found) == len(text)
    assert re.sub(r"\w", "_", found) == re.sub(r"\w", "_", text)


@given(st.text(max_size=80), st.lists(st.text("0123abcXYZ", min_size=1, max_size=12), max_size=3))
def test_any_text_keeps_its_form(text: str, words: List[str]) -> None:
    disguise = Disguise(b"key")
    disguise.learn(words)
    for found in (disguise.text(text), disguise.hidden(text)):
        assert len(found) == len(text)
        assert all(a == b or (a.isalnum() and b.isalnum()) for a, b in zip(text, found))


@given(
    st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=5)
)
def test_nonsense_from_the_module_is_no_fault(value: Any) -> None:
    data = data_of("scm-bookworm")
    data["answers"]["zymkey facts"]["out"] = json.dumps({"fact": "module_serial", "value": value}) + "\nx\n"
    found = anonymised(data)["answers"]["zymkey facts"]["out"]
    assert json.loads(found.splitlines()[0])["fact"] == "module_serial"
