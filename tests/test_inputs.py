"""What is read: boot folders, root file systems, links, odd bytes and large files. Nothing is ever written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import staged

OTG = "otg-mode-enabled"
BAD = "[cm4]\notg_mode=1\n[all]\ndtoverlay=dwc2,dr_mode=host\n"
GOOD = "[cm5]\notg_mode=1\n[all]\ndtoverlay=dwc2,dr_mode=host\n"
STUB = "This file is not used any more.\nIt has been moved to /boot/firmware/config.txt\n"


def scmguard(*arguments, cwd=None, timeout=60):
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    env.update(PYTHONPATH=staged(), PYTHONDONTWRITEBYTECODE="1", PYTHONIOENCODING="utf-8")
    command = [sys.executable, "-m", "scmguard", *map(str, arguments)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd or staged(),
        timeout=timeout,
        env=env,
    )
    assert b"Traceback" not in done.stderr + done.stdout, done.stderr.decode("utf-8", "replace")
    assert b"internal error" not in done.stderr, done.stderr.decode("utf-8", "replace")
    done.out = done.stdout.decode("utf-8", "surrogateescape")
    done.err = done.stderr.decode("utf-8", "surrogateescape")
    return done


def otg_findings(*arguments, **keywords):
    """Where otg_mode=1 is found, as (path, line)."""
    done = scmguard("check", *arguments, "--select", OTG, "--format", "json", **keywords)
    assert done.returncode in (0, 1), done.err
    report = json.loads(done.out)
    assert done.returncode == (1 if report["findings"] else 0)
    assert report["not_checked"] == []
    return [(f["path"], f["line"]) for f in report["findings"]]


def tree(top, files):
    """Files below a folder: text, bytes, or a Path for a symbolic link to it."""
    top.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            path.symlink_to(content)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return top


# folders


def test_boot_folder(tmp_path):
    boot = tree(tmp_path / "b", {"config.txt": BAD})
    assert otg_findings(boot) == [(str(boot / "config.txt"), 2)]


def test_clean_boot_folder(tmp_path):
    assert otg_findings(tree(tmp_path / "b", {"config.txt": GOOD})) == []


def test_boot_folder_with_a_slash_behind(tmp_path):
    boot = tree(tmp_path / "b", {"config.txt": BAD})
    assert otg_findings(str(boot) + "/") == [(str(boot / "config.txt"), 2)]


def test_relative_boot_folder(tmp_path):
    tree(tmp_path / "b", {"config.txt": BAD})
    assert otg_findings("b", cwd=tmp_path) == [("b/config.txt", 2)]


def test_the_folder_it_stands_in(tmp_path):
    tree(tmp_path / "b", {"config.txt": BAD})
    assert len(otg_findings(".", cwd=tmp_path / "b")) == 1


@pytest.mark.parametrize("place", ["boot/firmware", "boot"])
@pytest.mark.parametrize("by_option", [True, False])
def test_root_file_system(tmp_path, place, by_option):
    root = tree(tmp_path / "r", {place + "/config.txt": BAD, "etc/hostname": "pi\n"})
    arguments = ["--root", root] if by_option else [root]
    assert otg_findings(*arguments) == [(str(root / place / "config.txt"), 2)]


@pytest.mark.parametrize("place", ["boot/firmware", "boot"])
@pytest.mark.parametrize("by_option", [True, False])
def test_clean_root_file_system(tmp_path, place, by_option):
    root = tree(tmp_path / "r", {place + "/config.txt": GOOD, "etc/hostname": "pi\n"})
    assert otg_findings(*(["--root", root] if by_option else [root])) == []


def test_boot_firmware_counts_when_both_are_there(tmp_path):
    root = tree(tmp_path / "r", {"boot/config.txt": STUB, "boot/firmware/config.txt": BAD, "etc/hostname": "pi\n"})
    assert otg_findings("--root", root) == [(str(root / "boot/firmware/config.txt"), 2)]


def test_root_option_beside_a_boot_folder(tmp_path):
    boot = tree(tmp_path / "b", {"config.txt": BAD})
    root = tree(tmp_path / "r", {"etc/hostname": "pi\n"})
    assert otg_findings("--root", root, boot) == [(str(boot / "config.txt"), 2)]


def test_a_root_file_system_without_boot_files(tmp_path):
    done = scmguard("check", "--root", tree(tmp_path / "r", {"etc/hostname": "pi\n"}))
    assert done.returncode == 3
    assert str(tmp_path / "r") in done.err


def test_a_root_that_does_not_exist(tmp_path):
    done = scmguard("check", "--root", tmp_path / "r")
    assert done.returncode == 3
    assert str(tmp_path / "r") in done.err


def test_a_root_makes_more_checkable(tmp_path):
    root = tree(tmp_path / "r", {"boot/firmware/config.txt": GOOD, "etc/hostname": "pi\n"})
    done = scmguard("check", "--root", root, "--select", "unattended-*", "--format", "json")
    assert json.loads(done.out)["not_checked"] == []


# the stub of Bookworm


@pytest.mark.parametrize("path", ["boot", "boot/config.txt"])
def test_stub_is_followed(tmp_path, path):
    tree(tmp_path / "r", {"boot/config.txt": STUB, "boot/firmware/config.txt": BAD})
    assert otg_findings(tmp_path / "r" / path) == [(str(tmp_path / "r/boot/firmware/config.txt"), 2)]


@pytest.mark.parametrize("path", ["boot", "boot/config.txt"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_following_the_stub_is_said(tmp_path, path, form):
    tree(tmp_path / "r", {"boot/config.txt": STUB, "boot/firmware/config.txt": GOOD})
    done = scmguard("check", tmp_path / "r" / path, "--select", OTG, "--format", form)
    assert done.returncode == 0
    said = done.out + done.err
    assert str(tmp_path / "r/boot/config.txt") in said
    assert str(tmp_path / "r/boot/firmware") in said


def test_show_follows_the_stub(tmp_path):
    tree(tmp_path / "r", {"boot/config.txt": STUB, "boot/firmware/config.txt": BAD})
    done = scmguard("show", tmp_path / "r/boot", "otg_mode")
    assert "otg_mode=1" in done.out
    assert "boot/firmware/config.txt:2" in done.out


def test_a_stub_of_comments_is_followed(tmp_path):
    stub = "# Do not edit; see /boot/firmware/config.txt\n"
    tree(tmp_path / "r", {"boot/config.txt": stub, "boot/firmware/config.txt": BAD})
    assert len(otg_findings(tmp_path / "r/boot")) == 1


def test_a_file_with_settings_is_no_stub(tmp_path):
    text = "# a copy is in /boot/firmware/config.txt\n" + GOOD
    tree(tmp_path / "r", {"boot/config.txt": text, "boot/firmware/config.txt": BAD})
    assert otg_findings(tmp_path / "r/boot") == []


def test_a_stub_with_nothing_behind_it_is_not_a_crash(tmp_path):
    tree(tmp_path / "b", {"config.txt": STUB})
    done = scmguard("check", tmp_path / "b", "--select", OTG)
    assert done.returncode in (0, 3)


def test_a_link_out_of_a_stub_is_not_followed(tmp_path):
    tree(tmp_path / "out", {"config.txt": BAD})
    tree(tmp_path / "r", {"boot/config.txt": STUB, "boot/firmware": tmp_path / "out"})
    done = scmguard("check", tmp_path / "r/boot", "--select", OTG)
    assert done.returncode in (0, 3)


# symbolic links


def test_link_inside_the_folder(tmp_path):
    boot = tree(tmp_path / "b", {"real.txt": BAD, "config.txt": Path("real.txt")})
    assert [line for _, line in otg_findings(boot)] == [2]


def test_link_inside_a_sub_folder(tmp_path):
    boot = tree(tmp_path / "b", {"sub/real.txt": BAD, "config.txt": Path("sub/real.txt")})
    assert [line for _, line in otg_findings(boot)] == [2]


def test_link_up_and_down_inside_the_folder(tmp_path):
    boot = tree(
        tmp_path / "b", {"config.txt": "include sub/link.txt\n", "user.txt": BAD, "sub/link.txt": Path("../user.txt")}
    )
    assert [line for _, line in otg_findings(boot)] == [2]


def test_the_boot_folder_itself_may_be_a_link(tmp_path):
    tree(tmp_path / "b", {"config.txt": BAD})
    (tmp_path / "link").symlink_to("b")
    assert len(otg_findings(tmp_path / "link")) == 1


def test_included_link_inside_the_folder(tmp_path):
    boot = tree(tmp_path / "b", {"config.txt": "include user.txt\n", "real.txt": BAD, "user.txt": Path("real.txt")})
    assert [line for _, line in otg_findings(boot)] == [2]


@pytest.mark.parametrize("absolute", [True, False])
def test_config_txt_that_links_out_of_the_folder(tmp_path, absolute):
    tree(tmp_path, {"outside.txt": "otg_mode=1\nsecret=hunter2\n"})
    target = tmp_path / "outside.txt" if absolute else Path("../outside.txt")
    boot = tree(tmp_path / "b", {"config.txt": target})
    done = scmguard("check", boot)
    assert done.returncode == 3
    assert str(boot / "config.txt") in done.err
    assert "hunter2" not in done.out + done.err
    assert "secret" not in scmguard("show", boot).out


@pytest.mark.parametrize("absolute", [True, False])
def test_included_link_out_of_the_folder(tmp_path, absolute):
    tree(tmp_path, {"outside.txt": "otg_mode=1\nsecret=hunter2\n"})
    target = tmp_path / "outside.txt" if absolute else Path("../outside.txt")
    boot = tree(tmp_path / "b", {"config.txt": "include user.txt\n", "user.txt": target})
    done = scmguard("check", boot, "--select", OTG)
    assert done.returncode in (0, 3)
    assert "otg_mode=1" not in done.out
    assert str(boot / "user.txt") in done.out + done.err  # said, not passed over
    assert "secret" not in scmguard("show", boot).out


def test_link_over_a_folder_that_leaves(tmp_path):
    tree(tmp_path / "out", {"user.txt": "otg_mode=1\nsecret=hunter2\n"})
    boot = tree(tmp_path / "b", {"config.txt": "include sub/user.txt\n", "sub": Path("../out")})
    done = scmguard("check", boot, "--select", OTG)
    assert done.returncode in (0, 3)
    assert "otg_mode=1" not in done.out
    assert "secret" not in scmguard("show", boot).out


def test_a_sibling_with_the_same_beginning_is_outside(tmp_path):
    tree(tmp_path / "b2", {"user.txt": "otg_mode=1\n"})
    boot = tree(tmp_path / "b", {"config.txt": "include user.txt\n", "user.txt": Path("../b2/user.txt")})
    done = scmguard("check", boot, "--select", OTG)
    assert done.returncode in (0, 3)
    assert "otg_mode=1" not in done.out


def test_command_line_that_links_out_of_the_folder(tmp_path):
    tree(tmp_path, {"outside.txt": "root=/dev/sda1 hunter2\n"})
    boot = tree(tmp_path / "b", {"config.txt": GOOD, "cmdline.txt": Path("../outside.txt")})
    done = scmguard("check", boot)
    shown = scmguard("show", boot)
    assert "hunter2" not in done.out + done.err + shown.out + shown.err


@pytest.mark.parametrize("by_option", [True, False])
def test_absolute_link_in_a_root_is_taken_inside_it(tmp_path, by_option):
    link = Path("/boot/firmware/other.txt")
    root = tree(
        tmp_path / "r", {"boot/firmware/other.txt": BAD, "boot/firmware/config.txt": link, "etc/hostname": "pi\n"}
    )
    assert [line for _, line in otg_findings(*(["--root", root] if by_option else [root]))] == [2]


def test_absolute_link_of_a_folder_in_a_root(tmp_path):
    root = tree(
        tmp_path / "r", {"boot/real/config.txt": BAD, "boot/firmware": Path("/boot/real"), "etc/hostname": "pi\n"}
    )
    assert [line for _, line in otg_findings("--root", root)] == [2]


def test_relative_link_in_a_root_may_leave_the_boot_folder(tmp_path):
    root = tree(tmp_path / "r", {"etc/pi.txt": BAD, "boot/firmware/config.txt": Path("../../etc/pi.txt")})
    assert [line for _, line in otg_findings("--root", root)] == [2]


def test_link_to_etc_in_a_root_is_not_the_one_of_this_machine(tmp_path):
    root = tree(tmp_path / "r", {"boot/firmware/config.txt": Path("/etc/passwd"), "etc/hostname": "pi\n"})
    done = scmguard("show", "--root", root)
    assert done.returncode == 3
    assert "root:" not in done.out + done.err


def test_too_many_dots_in_a_link_stop_at_the_root(tmp_path):
    tree(tmp_path, {"outside.txt": "otg_mode=1\n"})
    root = tree(tmp_path / "r", {"boot/firmware/config.txt": Path("../../../outside.txt"), "etc/hostname": "pi\n"})
    done = scmguard("check", "--root", root, "--select", OTG)
    assert done.returncode == 3
    assert "otg_mode=1" not in done.out


@pytest.mark.parametrize(
    "files",
    [
        {"config.txt": Path("config.txt")},
        {"config.txt": Path("a"), "a": Path("b"), "b": Path("a")},
        {"config.txt": Path("./sub/config.txt"), "sub": Path(".")},
        {"config.txt": Path("sub/x"), "sub": Path("sub")},
    ],
)
def test_link_loops_of_config_txt(tmp_path, files):
    boot = tree(tmp_path / "b", files)
    done = scmguard("check", boot)
    assert done.returncode == 3
    assert str(boot) in done.err


def test_link_loop_of_an_included_file(tmp_path):
    boot = tree(tmp_path / "b", {"config.txt": "include a\n", "a": Path("b"), "b": Path("a")})
    assert scmguard("check", boot, "--select", OTG).returncode in (0, 3)


def test_folder_loop_in_a_root(tmp_path):
    root = tree(
        tmp_path / "r", {"boot/firmware": Path("/boot/loop"), "boot/loop": Path("/boot/firmware"), "etc/hostname": "x"}
    )
    assert scmguard("check", "--root", root).returncode == 3


# include


def test_include(tmp_path):
    boot = tree(tmp_path / "b", {"config.txt": "[cm4]\ninclude user.txt\n", "user.txt": "\notg_mode=1\n"})
    assert otg_findings(boot) == [(str(boot / "user.txt"), 2)]


def test_include_below_another_filter(tmp_path):
    assert (
        otg_findings(tree(tmp_path / "b", {"config.txt": "[cm5]\ninclude user.txt\n", "user.txt": "otg_mode=1\n"}))
        == []
    )


def test_missing_include(tmp_path):
    assert otg_findings(tree(tmp_path / "b", {"config.txt": "include user.txt\n"})) == []


def test_include_of_itself(tmp_path):
    boot = tree(tmp_path / "b", {"config.txt": "otg_mode=1\ninclude config.txt\notg_mode=0\n"})
    assert otg_findings(boot) == []


def test_includes_in_a_circle(tmp_path):
    boot = tree(
        tmp_path / "b",
        {"config.txt": "include a.txt\n", "a.txt": "include b.txt\n", "b.txt": "include a.txt\notg_mode=1\n"},
    )
    assert otg_findings(boot) == [(str(boot / "b.txt"), 2)]


def test_include_of_a_sub_folder(tmp_path):
    boot = tree(tmp_path / "b", {"config.txt": "include sub/user.txt\n", "sub/user.txt": "otg_mode=1\n"})
    assert otg_findings(boot) == [(str(boot / "sub/user.txt"), 1)]


@pytest.mark.parametrize(
    "name", ["../outside.txt", "sub/../../outside.txt", "./../outside.txt", "../b/../outside.txt", ".././outside.txt"]
)
def test_include_cannot_leave_with_dots(tmp_path, name):
    tree(tmp_path, {"outside.txt": "otg_mode=1\nsecret=hunter2\n"})
    boot = tree(tmp_path / "b", {"config.txt": "include " + name + "\n", "sub/x": ""})
    done = scmguard("check", boot, "--select", OTG)
    assert done.returncode in (0, 3)
    assert "otg_mode=1" not in done.out
    assert "secret" not in scmguard("show", boot).out


def test_dots_in_an_include_are_not_called_a_link(tmp_path):
    tree(tmp_path, {"outside.txt": "otg_mode=1\n"})
    boot = tree(tmp_path / "b", {"config.txt": "include ../outside.txt\n"})
    assert "symbolic link" not in scmguard("check", boot, "--select", OTG).err


def test_include_cannot_leave_by_an_absolute_name(tmp_path):
    tree(tmp_path, {"outside.txt": "otg_mode=1\n"})
    assert otg_findings(tree(tmp_path / "b", {"config.txt": "include %s\n" % (tmp_path / "outside.txt")})) == []


def test_other_directives_cannot_leave_either(tmp_path):
    tree(tmp_path, {"outside.txt": "root=/dev/sda1 hunter2\n"})
    boot = tree(tmp_path / "b", {"config.txt": "cmdline=../outside.txt\nos_prefix=../\n"})
    done, shown = scmguard("check", boot), scmguard("show", boot)
    assert "hunter2" not in done.out + done.err + shown.out + shown.err


@pytest.mark.parametrize(
    "name", ["x\0y", "a" * 300, "a/" * 3000 + "x", "caf\u00e9.txt", "\u202e.txt", "~", "*", "$(id)", "NUL", "."]
)
def test_odd_include_names(tmp_path, name):
    assert otg_findings(tree(tmp_path / "b", {"config.txt": "include " + name + "\n"})) == []


def test_include_of_the_folder_itself(tmp_path):
    boot = tree(tmp_path / "b", {"config.txt": "include overlays\n", "overlays/README": ""})
    assert scmguard("check", boot, "--select", OTG).returncode in (0, 3)


# names on a FAT file system know no case


@pytest.mark.parametrize("name", ["CONFIG.TXT", "Config.txt", "config.TXT"])
def test_config_txt_in_other_case(tmp_path, name):
    boot = tree(tmp_path / "b", {name: BAD})
    assert [line for _, line in otg_findings(boot)] == [2]


@pytest.mark.parametrize(
    "included, there", [("USER.txt", "user.txt"), ("user.txt", "USER.TXT"), ("Sub/User.txt", "sub/user.TXT")]
)
def test_included_name_in_other_case(tmp_path, included, there):
    boot = tree(tmp_path / "b", {"config.txt": "include " + included + "\n", there: "otg_mode=1\n"})
    assert [line for _, line in otg_findings(boot)] == [1]


def test_command_line_in_other_case(tmp_path):
    boot = tree(tmp_path / "b", {"config.txt": GOOD, "CMDLINE.TXT": "root=/dev/mmcblk0p2 rootwait\n"})
    shown = json.loads(scmguard("show", boot, "--format", "json").out)
    assert {"name": "root", "value": "/dev/mmcblk0p2"} in shown["cmdline"]


def test_another_name_is_another_file(tmp_path):
    assert otg_findings(tree(tmp_path / "b", {"config.txt": "include user.txt\n", "user2.txt": "otg_mode=1\n"})) == []


def test_config_txt_of_a_single_file_in_other_case(tmp_path):
    boot = tree(tmp_path / "b", {"CONFIG.TXT": BAD})
    assert [line for _, line in otg_findings(boot / "CONFIG.TXT")] == [2]


# nothing is written


def listing(top):
    found = {}
    for folder, folders, files in os.walk(str(top)):
        for name in [".", *folders, *files]:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            content = Path(path).read_bytes() if os.path.isfile(path) and not os.path.islink(path) else b""
            found[path] = (info.st_mode, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns, content)
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "r/boot/firmware"],
        ["check", "--root", "r"],
        ["check", "r", "--format", "json"],
        ["check", "r/boot"],
        ["check", "r/boot/firmware/config.txt"],
        ["check", "r/nowhere", "r/etc", "r"],
        ["show", "r/boot/firmware"],
        ["show", "r", "otg_mode"],
        ["rules"],
        ["rules", "--format", "json"],
    ],
)
def test_nothing_is_written(tmp_path, arguments):
    files = {
        "r/boot/config.txt": STUB,
        "r/boot/firmware/config.txt": BAD + "include user.txt\n",
        "r/boot/firmware/user.txt": "otg_mode=1",
        "r/boot/firmware/cmdline.txt": "root=/dev/mmcblk0p2 rootwait",
        "r/boot/firmware/link.txt": Path("user.txt"),
        "r/etc/apt/apt.conf.d/20auto-upgrades": 'APT::Periodic::Unattended-Upgrade "1";\n',
        "r/etc/crypttab": "cryptrfs /dev/mmcblk0p2 none luks\n",
        "r/var/lib/dpkg/status": "Package: unattended-upgrades\nStatus: install ok installed\n",
        ".scmguard.yaml": "fail-on: brick\nrules: [house]\n",
        "house/README": "",
    }
    tree(tmp_path, files)
    before = listing(tmp_path)
    scmguard(*arguments, cwd=tmp_path)
    assert listing(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_checked(tmp_path):
    boot = tree(tmp_path / "b", {"config.txt": BAD})
    (boot / "config.txt").chmod(0o444)
    boot.chmod(0o555)
    try:
        assert len(otg_findings(boot)) == 1
    finally:
        boot.chmod(0o755)


# bytes


ENCODED = {
    "NUL": b"[cm4]\0\notg_mode=1\0\n\0\n",
    "only NUL": b"\0" * 5000,
    "CR": b"[cm4]\rotg_mode=1\r",
    "CRLF": b"[cm4]\r\notg_mode=1\r\n",
    "CR and LF and CRLF": b"[cm4]\rarm_64bit=1\notg_mode=1\r\n\n\r\r",
    "BOM": b"\xef\xbb\xbf[cm4]\notg_mode=1\n",
    "only BOM": b"\xef\xbb\xbf",
    "two BOMs": b"\xef\xbb\xbf\xef\xbb\xbf[cm4]\notg_mode=1\n",
    "latin-1": "# gr\u00fc\u00dfe\notg_mode=1 # \u00e9\n".encode("latin-1"),
    "UTF-16": "[cm4]\notg_mode=1\n".encode("utf-16"),
    "UTF-16 big endian": "\ufeff[cm4]\notg_mode=1\n".encode("utf-16-be"),
    "UTF-32": "[cm4]\notg_mode=1\n".encode("utf-32"),
    "surrogates": b"\xed\xa0\x80=\xed\xbf\xbf\n[\xed\xa0\x80]\notg_mode=1\n",
    "cut in a character": b"otg_mode=1\n# \xe9\x9b",
    "over-long form": b"otg_mode\xc0\xbd1\n",
    "beyond Unicode": b"\xf4\x90\x80\x80=\xff\xfe\n",
    "controls": bytes(range(32)) + b"=\x7f\n[\x1b]\n",
    "line separators": "otg_mode=0\u2028otg_mode=1\u2029\u0085\x0b\x0c\x1c\n".encode(),
    "all bytes": bytes(range(256)) * 40,
    "digits that are no digits": "otg_mode=\u0661\notg_mode=\u00b2\n[gpio\u0664=1]\n[0x\uff11]\n".encode(),
    "huge numbers": b"otg_mode=" + b"9" * 5000 + b"\n[gpio" + b"9" * 5000 + b"=1]\n[partition=" + b"9" * 5000 + b"]\n",
    "no last newline": b"[cm4]\notg_mode=1",
    "nothing": b"",
    "blank": b" \t\n \n",
}


@pytest.mark.parametrize("case", ENCODED)
@pytest.mark.parametrize("form", ["text", "json"])
def test_odd_bytes_are_input(tmp_path, case, form):
    boot = tree(tmp_path / "b", {"config.txt": ENCODED[case], "cmdline.txt": ENCODED[case]})
    done = scmguard("check", boot, "--format", form)
    assert done.returncode in (0, 1)
    assert done.err == ""
    if form == "json":
        assert "internal-error" not in {f["rule"] for f in json.loads(done.out)["findings"]}
    else:
        assert "internal-error" not in done.out


@pytest.mark.parametrize("case", ENCODED)
def test_odd_bytes_can_be_shown(tmp_path, case):
    boot = tree(tmp_path / "b", {"config.txt": ENCODED[case], "cmdline.txt": ENCODED[case]})
    for more in ([], ["otg_mode"], ["--format", "json"]):
        done = scmguard("show", boot, *more)
        assert (done.returncode, done.err) == (0, "")


@pytest.mark.parametrize("name", ["autoboot.txt", "tryboot.txt", "user.txt"])
def test_odd_bytes_in_the_other_files(tmp_path, name):
    for number, data in enumerate(ENCODED.values()):
        boot = tree(tmp_path / str(number), {"config.txt": GOOD + "include user.txt\n", name: data})
    done = scmguard("check", *[tmp_path / str(n) for n in range(len(ENCODED))])
    assert done.returncode in (0, 1)
    assert "internal-error" not in done.out
    assert boot.exists()


@pytest.mark.parametrize("case", ["CR", "CRLF", "BOM", "latin-1", "cut in a character", "no last newline"])
def test_a_fault_is_found_behind_odd_bytes(tmp_path, case):
    assert len(otg_findings(tree(tmp_path / "b", {"config.txt": ENCODED[case]}))) == 1


@pytest.mark.parametrize(
    "case", ["only NUL", "over-long form", "all bytes", "nothing", "blank", "digits that are no digits"]
)
def test_odd_bytes_are_not_a_fault_by_themselves(tmp_path, case):
    assert otg_findings(tree(tmp_path / "b", {"config.txt": ENCODED[case]})) == []


def test_path_that_is_not_utf_8(tmp_path):
    folder = os.fsencode(str(tmp_path)) + b"/b\xff"
    try:
        os.mkdir(folder)
    except OSError:
        pytest.skip("this file system wants UTF-8 names")
    with open(folder + b"/config.txt", "wb") as stream:
        stream.write(BAD.encode())
    for form in ("text", "json"):
        done = scmguard("check", os.fsdecode(folder), "--select", OTG, "--format", form)
        assert done.returncode == 1


# size

MB = 1_000_000
LARGE = {
    "one line of 10 MB, a comment": b"#" * 10 * MB,
    "one line of 10 MB, a word": b"a" * 10 * MB,
    "one line of 10 MB, a number": b"otg_mode=" + b"1" * 10 * MB,
    "one line of 10 MB, a value": b"kernel=" + b"k" * 10 * MB,
    "one line of 10 MB, blanks": b"otg_mode" + b" " * 10 * MB + b"=1",
    "one line of 10 MB, brackets": b"[" * 10 * MB,
    "one line of 10 MB, a header": b"[cm4" + b" " * 10 * MB + b"]",
    "one line of 10 MB, an include": b"include " + b"a/" * 5 * MB,
    "one line of 10 MB, an overlay": b"dtoverlay=dwc2," + b"a" * 10 * MB,
    "one line of 1 MB, overlay parameters": b"dtoverlay=dwc2" + b",a" * 500_000,
    "one line of 10 MB, quotes": b"dtoverlay=a," + b'"' * 10 * MB,
    "200000 different settings": b"".join(b"k%d=1\n" % i for i in range(200_000)),
    "200000 times one setting": b"arm_64bit=1\n" * 200_000,
    "140000 section headers": b"[cm5]\notg_mode=1\n[all]\n" * 70_000,
    "200000 unknown section headers": b"".join(b"[x%d]\n" % (i % 50) for i in range(200_000)),
    "200000 comments behind values": b"arm_64bit=1 # yes\n" * 200_000,
    "200000 CRLF": b"arm_64bit=1\r\n" * 200_000,
    "2 million empty lines": b"\n" * 2 * MB,
    "200000 includes": b"include config.txt\n" * 200_000,
    "200000 gpio lines": b"gpio=4=op,dh\n" * 200_000,
    "10000 overlays": b"dtoverlay=disable-bt\n" * 10_000,
}


@pytest.mark.parametrize("case", LARGE)
def test_large_files_finish(tmp_path, case):
    boot = tree(tmp_path / "b", {"config.txt": LARGE[case]})
    done = scmguard("check", boot, "--select", OTG, timeout=60)
    assert done.returncode in (0, 1)


@pytest.mark.parametrize(
    "case", ["one line of 10 MB, a number", "one line of 10 MB, a value", "200000 different settings"]
)
def test_large_files_finish_under_all_rules(tmp_path, case):
    boot = tree(tmp_path / "b", {"config.txt": LARGE[case]})
    done = scmguard("check", boot, timeout=90)
    assert done.returncode in (0, 1)


def test_a_large_command_line_finishes(tmp_path):
    boot = tree(tmp_path / "b", {"config.txt": GOOD, "cmdline.txt": b"root=/dev/mmcblk0p2 " + b"a=b " * 500_000})
    done = scmguard("check", boot, timeout=90)
    assert done.returncode in (0, 1)


@pytest.mark.parametrize("count", [1000, 5000])
def test_deep_include_chains_finish(tmp_path, count):
    files = {"f%d.txt" % i: "include f%d.txt\n" % (i + 1) for i in range(count)}
    boot = tree(tmp_path / "b", {"config.txt": "include f0.txt\n", **files})
    assert otg_findings(boot) == []


def test_includes_that_double_finish(tmp_path):
    files = {"f%d.txt" % i: ("include f%d.txt\n" % (i + 1)) * 6 for i in range(8)}
    boot = tree(tmp_path / "b", {"config.txt": "include f0.txt\n", **files, "f8.txt": "otg_mode=0\n"})
    assert scmguard("check", boot, "--select", OTG, timeout=90).returncode in (0, 1)
