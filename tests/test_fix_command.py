"""``scmguard fix`` as a whole program: patches that patch and git take, files that are replaced or left alone."""

import os
import shutil
import stat
import subprocess

import pytest

from tests.live import Live, why_not
from tests.test_cli import BAD, GOOD, on_a_terminal, one_line, scmguard, tree
from tests.test_live import BOOT, ETC, NAMES

FAULTY = "gpu_mem=64 # why\nenable_uart = 1\n[CM4]\narm_boost=1\n[all]\ndtoverlay=dwc2,dr_mode=host\n"
FIXED = "# why\ngpu_mem=64\nenable_uart=1\n[cm4]\narm_boost=1\n[all]\ndtoverlay=dwc2,dr_mode=host\n"
needs_patch = pytest.mark.skipif(shutil.which("patch") is None, reason="patch is not installed")
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
not_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
needs_machine = pytest.mark.skipif(bool(why_not()), reason=why_not())

# Trees in which something is to be corrected, and that a patch may stumble over.
TREES = {
    "plain": {"config.txt": FAULTY.encode()},
    "cr lf": {"config.txt": FAULTY.replace("\n", "\r\n").encode()},
    "mixed ends and a lone CR": {"config.txt": b"gpu_mem=64\r\nenable_uart = 1\nkernel=a\rarm_boost=1\n"},
    "no last line end": {"config.txt": FAULTY.encode()[:-1]},
    "no line end at all": {"config.txt": b"gpu_mem = 64"},
    "a byte order mark": {"config.txt": b"\xef\xbb\xbf" + FAULTY.encode()},
    "a byte order mark alone": {"config.txt": b"\xef\xbb\xbf"},
    "form feeds and other line ends of Unicode": {
        "config.txt": "# a\x0cb\u2028c\x85d\x1ce\ngpu_mem = 64\n# \x0b\n[all]\ndtoverlay=dwc2,dr_mode=host\n".encode()
    },
    "bytes that are not UTF-8": {"config.txt": b"# \xff\xfe\xe9\ngpu_mem = 64\n# \xc3(\n"},
    "several files": {
        "config.txt": b"include inc.txt\ninclude sub/inc.txt\n[all]\ndtoverlay=dwc2,dr_mode=host\n",
        "inc.txt": b"gpu_mem = 64\r\n",
        "sub/inc.txt": b"enable_uart=1 # x\n",
        "cmdline.txt": b"root=/dev/mapper/cryptrfs\nrootwait\n",
    },
    "a name with a blank": {
        "config.txt": b"include a b.txt\n[all]\ndtoverlay=dwc2,dr_mode=host\n",
        "a b.txt": b"gpu_mem = 64\n",
    },
    "a name that is not ASCII": {
        "config.txt": "include caf\u00e9.txt\n[all]\ndtoverlay=dwc2,dr_mode=host\n".encode(),
        "caf\u00e9.txt": b"gpu_mem = 64\n",
    },
    "a name with a quote and a backslash": {
        "config.txt": b'include a"b\\c.txt\n[all]\ndtoverlay=dwc2,dr_mode=host\n',
        'a"b\\c.txt': b"gpu_mem = 64\n",
    },
    "an empty line at the end": {"config.txt": FAULTY.encode() + b"\n\n"},
    "lines that look like a patch": {"config.txt": b"-- a\n++ b\n@@ -1 +1 @@\ngpu_mem = 64\n\\ No newline\n"},
}


def made(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def contents(folder):
    found = {}
    for where, _, names in os.walk(str(folder)):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as stream:
                found[os.path.relpath(path, str(folder))] = stream.read()
    return found


def apply(patch, where, *command):
    done = subprocess.run(command, cwd=str(where), input=patch, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")


# --- the patch is what --write does ---


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("patch", "-p0", "--binary"), marks=needs_patch, id="patch --binary"),
        pytest.param(("patch", "-p0"), marks=needs_patch, id="patch"),
        pytest.param(("git", "apply", "-p0"), marks=needs_git, id="git"),
    ],
)
def test_a_patch_gives_the_bytes_that_write_gives(tmp_path, name, command):
    patched, written = (made(tmp_path / one, TREES[name]) for one in ("patched", "written"))
    done = scmguard("fix", ".", cwd=str(patched))
    assert done.returncode == 1 and done.stdout, done.err
    assert contents(patched) == TREES[name]
    apply(done.stdout, patched, *command)
    assert scmguard("fix", "--write", ".", cwd=str(written)).returncode in (0, 1)
    assert contents(patched) == contents(written) != TREES[name]


@needs_patch
@pytest.mark.parametrize("argument", ["{here}/boot", "boot", "./boot", "boot/config.txt", "../boot", "boot/"])
def test_a_patch_is_for_the_folder_in_which_it_was_made(tmp_path, argument):
    boot = tree(tmp_path / "boot", config_txt=FAULTY)
    here = tmp_path / "boot" if argument == "../boot" else tmp_path
    done = scmguard("fix", argument.format(here=tmp_path), cwd=str(here))
    apply(done.stdout, here, "patch", "-p0")
    assert contents(boot) == {"config.txt": FIXED.encode()}


@needs_patch
def test_a_patch_for_elsewhere_is_for_the_root_folder(tmp_path):
    boot = tree(tmp_path / "boot", config_txt=FAULTY)
    other = tree(tmp_path / "other")
    for argument in (str(boot), "../boot"):
        (boot / "config.txt").write_text(FAULTY)
        done = scmguard("fix", argument, cwd=str(other))
        apply(done.stdout, other, "patch", "-p0", "-d", "/")
        assert contents(boot) == {"config.txt": FIXED.encode()}


def test_standard_input_gets_a_patch(tmp_path):
    done = scmguard("fix", "-", data=FAULTY.encode(), cwd=str(tmp_path))
    assert done.returncode == 1 and done.out.startswith(
        "--- <stdin>\n+++ <stdin>\n@@ -1,6 +1,7 @@\n-gpu_mem=64 # why\n"
    )
    named = scmguard("fix", "-", "--stdin-filename", "a/config.txt", data=FAULTY.encode(), cwd=str(tmp_path))
    assert named.out.startswith("--- a/config.txt\n")


def test_on_a_terminal_no_control_character_is_printed(tmp_path):
    boot = tree(tmp_path / "boot", config_txt="# \x1b[2J\x07\ngpu_mem = 64\n# \x9b31m\n")
    code, seen = on_a_terminal("fix", ".", cwd=str(boot))
    assert code == 1 and "\x1b" not in seen and "\x07" not in seen and "\x9b" not in seen and "\\x1b[2J" in seen
    assert b"\x1b[2J" in scmguard("fix", ".", cwd=str(boot)).stdout


def test_standard_error_tells_what_is_done(tmp_path):
    boot = tree(tmp_path / "boot", config_txt=FAULTY)
    done = scmguard("fix", ".", cwd=str(boot))
    assert done.err.splitlines()[-1] == "scmguard: 3 to be corrected"
    assert "scmguard: config.txt:1: move the comment to a line of its own (trailing-comment)" in done.err
    assert scmguard("fix", "--quiet", ".", cwd=str(boot)).err == ""


# --- exit codes ---


def test_nothing_to_do_exits_0_and_prints_nothing(tmp_path):
    boot = tree(tmp_path / "boot", config_txt=FIXED)
    done = scmguard("fix", boot)
    assert (done.returncode, done.out, done.err) == (0, "", "scmguard: nothing to be corrected\n")


def test_a_patch_exits_1_and_so_do_findings_that_are_left(tmp_path):
    boot = tree(tmp_path / "boot", config_txt="# a\nenable_uart=1 # x\n[all]\ndtoverlay=dwc2,dr_mode=host\n")
    assert scmguard("fix", boot).returncode == 1
    done = scmguard("fix", "--write", boot)
    assert (done.returncode, done.out) == (0, "")
    (boot / "config.txt").write_text("kernel=a\u2013b.img\n[all]\ndtoverlay=dwc2,dr_mode=host\n")
    done = scmguard("fix", "--write", boot)
    assert done.returncode == 1 and "with --unsafe" in done.err
    done = scmguard("fix", "--write", "--unsafe", boot)
    assert done.returncode == 0 and (boot / "config.txt").read_text().startswith("kernel=a-b.img\n")


def test_a_hygiene_finding_that_is_left_is_no_reason_to_fail(tmp_path):
    boot = tree(tmp_path / "boot", config_txt="[pi5]\ngpu_mem=64\n[all]\ndtoverlay=dwc2,dr_mode=host\n")
    assert scmguard("fix", boot).returncode == 0


@pytest.mark.parametrize(
    "arguments, code, says",
    [
        (("--write", "-"), 2, "--write cannot change standard input"),
        (("--seal", "."), 2, "--seal signs what --write has changed"),
        (("--select", "no-such-rule", "."), 2, "no rule 'no-such-rule'"),
        (("--ignore", "irreversible-setting", "."), 2, "irreversible-setting cannot be ignored"),
        (("--board", "pi9", "."), 2, "no board 'pi9'"),
        (("missing",), 3, "missing: no such file or folder"),
        (("empty",), 3, "no boot files here"),
        (("other.txt",), 3, "not a name scmguard knows"),
    ],
)
def test_wrong_use_is_one_clear_line(tmp_path, arguments, code, says):
    tree(tmp_path, config_txt=FAULTY, other_txt=FAULTY)
    tree(tmp_path / "empty")
    done = scmguard("fix", *arguments, cwd=str(tmp_path))
    assert done.returncode == code and done.out == "", done.err
    assert says in one_line(done.err)
    assert (tmp_path / "config.txt").read_text() == FAULTY


def test_several_trees_at_once_one_of_which_is_not_there(tmp_path):
    one, two = (tree(tmp_path / name, config_txt=FAULTY) for name in ("one", "two"))
    done = scmguard("fix", "--write", one, tmp_path / "missing", two)
    assert done.returncode == 3 and "missing: no such file" in done.err
    assert (one / "config.txt").read_text() == (two / "config.txt").read_text() == FIXED


def test_a_file_under_any_name(tmp_path):
    file = tree(tmp_path, my_cfg=FAULTY) / "my.cfg"
    assert scmguard("fix", "--write", "--as", "config.txt", file).returncode == 0
    assert file.read_text() == FIXED


def test_house_settings_waivers_and_rules_that_are_asked_for(tmp_path):
    boot = tree(tmp_path / "boot", config_txt=FAULTY)
    done = scmguard("fix", "--select", "spaces-*", ".", cwd=str(boot))
    assert "enable_uart=1" in done.out and "+[cm4]" not in done.out and done.returncode == 1
    done = scmguard("fix", "--ignore", "spaces-around-equals", "--ignore", "unknown-section", ".", cwd=str(boot))
    assert "+gpu_mem=64" in done.out and "-enable_uart" not in done.out
    (boot / ".scmguard.yaml").write_text(
        "waivers:\n- {rule: trailing-comment, reason: we like it}\nignore: [spaces-*]\n"
    )
    done = scmguard("fix", "--write", ".", cwd=str(boot))
    assert done.returncode == 0, done.err
    assert (boot / "config.txt").read_text() == FAULTY.replace("[CM4]", "[cm4]")


def test_an_included_file_that_cannot_be_read_stops_all(tmp_path):
    boot = tree(tmp_path / "boot", config_txt="include inc.txt\n" + FAULTY)
    (boot / "inc.txt").mkdir()
    for words in ((), ("--write",)):
        done = scmguard("fix", *words, boot)
        assert done.returncode == 3 and done.out == "" and "inc.txt: is a folder" in done.err
    assert (boot / "config.txt").read_text() == "include inc.txt\n" + FAULTY


# --- writing ---


def test_the_mode_is_kept(tmp_path):
    boot = tree(tmp_path / "boot", config_txt=FAULTY)
    (boot / "config.txt").chmod(0o640)
    assert scmguard("fix", "--write", boot).returncode == 0
    assert stat.S_IMODE((boot / "config.txt").stat().st_mode) == 0o640
    assert os.listdir(str(boot)) == ["config.txt"]


@as_root
def test_the_owner_is_kept(tmp_path):
    boot = tree(tmp_path / "boot", config_txt=FAULTY)
    os.chown(str(boot / "config.txt"), 1234, 4321)
    assert scmguard("fix", "--write", boot).returncode == 0
    status = (boot / "config.txt").stat()
    assert (status.st_uid, status.st_gid) == (1234, 4321)


def test_a_link_is_not_replaced(tmp_path):
    boot = tree(tmp_path / "boot", real_cfg=FAULTY)
    (boot / "config.txt").symlink_to("real.cfg")
    for argument in (boot, boot / "config.txt"):
        done = scmguard("fix", "--write", argument)
        assert done.returncode == 3 and "symbolic link" in done.err and (boot / "config.txt").is_symlink()
    assert (boot / "real.cfg").read_text() == FAULTY


def test_a_link_to_the_folder_is_followed(tmp_path):
    tree(tmp_path / "boot", config_txt=FAULTY)
    (tmp_path / "link").symlink_to("boot")
    assert scmguard("fix", "--write", tmp_path / "link").returncode == 0
    assert (tmp_path / "boot" / "config.txt").read_text() == FIXED


def test_names_in_another_case_as_a_fat_file_system_finds_them(tmp_path):
    boot = made(
        tmp_path / "boot", {"CONFIG.TXT": b"include INC.txt\n" + FAULTY.encode(), "inc.TXT": b"hdmi_mode = 4\n"}
    )
    patched = made(tmp_path / "patched", contents(boot))
    apply(scmguard("fix", ".", cwd=str(patched)).stdout, patched, "patch", "-p0")
    done = scmguard("fix", "--write", boot)
    assert done.returncode in (0, 1), done.err
    assert contents(boot) == contents(patched) and sorted(contents(boot)) == ["CONFIG.TXT", "inc.TXT"]
    assert contents(boot)["inc.TXT"] == b"hdmi_mode=4\n"


# Runs fix with one function of it followed by what somebody else does at that moment.
MEANWHILE = """
import sys
import scmguard.cli.fix as command
name, meanwhile, path = sys.argv[1:4]
function = getattr(command, name)
def wrapped(*arguments, **named):
    result = function(*arguments, **named)
    exec(meanwhile)
    return result
setattr(command, name, wrapped)
options = dict.fromkeys(["profile", "root", "kind", "stdin_filename", "config_file"])
options.update(boards=(), select=(), ignore=(), write=True, unsafe=False, seal=False, quiet=False, no_color=True)
sys.exit(command.run((path,), options))
"""


def meanwhile(function, code, path):
    import sys

    from tests.test_cli import environment

    command = [sys.executable, "-c", MEANWHILE, function, code, str(path)]
    return subprocess.run(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_file_that_was_changed_meanwhile_is_left(tmp_path):
    boot = made(tmp_path / "boot", TREES["several files"])
    done = meanwhile("mend", "open('{}/inc.txt', 'ab').write(b'# x')".format(boot), boot)
    assert done.returncode == 3 and "inc.txt: was changed meanwhile; nothing was written" in done.stderr
    assert contents(boot) == {**TREES["several files"], "inc.txt": b"gpu_mem = 64\r\n# x"}


def test_a_file_that_is_gone_meanwhile_stays_gone(tmp_path):
    boot = made(tmp_path / "boot", TREES["several files"])
    done = meanwhile("mend", "import os; os.unlink('{}/inc.txt')".format(boot), boot)
    assert done.returncode == 3 and "inc.txt" in one_line(done.stderr)
    assert contents(boot) == {name: data for name, data in TREES["several files"].items() if name != "inc.txt"}


@as_root
def test_a_full_disk_leaves_all_files_as_they_were(tmp_path):
    """Room for the first of two files, and not for the second."""
    disk = tmp_path / "disk"
    disk.mkdir()
    big = b"# " + b"x" * 60 + b"\n"
    files = {
        "config.txt": b"gpu_mem = 64\ninclude inc.txt\n[all]\ndtoverlay=dwc2,dr_mode=host\n",
        "inc.txt": big * 300 + b"enable_uart = 1\n",
    }
    script = (
        'mount -t tmpfs -o size=48k none "$0" && cp -r "$1"/. "$0" && shift && "$@"; echo "code $?"; cp -r "$0" "$2"'
    )
    script = """
mount -t tmpfs -o size=44k none "$1" && cp -r "$2"/. "$1" || exit 99
"$4" -m scmguard fix --write "$1"; echo "code $?"
ls -A "$1"; cp -r "$1"/. "$3"
"""
    source, copy = made(tmp_path / "source", files), tree(tmp_path / "copy")
    import sys

    from tests.test_cli import environment

    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(disk), str(source), str(copy), sys.executable]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no mounts of its own here")
    assert "code 3" in done.stdout and "no space left on device; nothing was written" in done.stderr, done
    assert done.stdout.splitlines()[1:] == ["config.txt", "inc.txt"]
    assert contents(copy) == files


@as_root
def test_a_read_only_file_system(tmp_path):
    boot = tree(tmp_path / "boot", config_txt=FAULTY)
    import sys

    from tests.test_cli import environment

    script = (
        'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 99; exec "$2" -m scmguard fix --write "$1"'
    )
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(boot), sys.executable]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no mounts of its own here")
    assert done.returncode == 3 and "read-only file system" in one_line(done.stderr)
    assert (boot / "config.txt").read_text() == FAULTY


@not_root
def test_a_folder_in_which_nobody_may_write(tmp_path):
    boot = tree(tmp_path / "boot", config_txt=FAULTY)
    boot.chmod(0o555)
    done = scmguard("fix", "--write", boot)
    boot.chmod(0o755)
    assert done.returncode == 3 and "permission denied" in one_line(done.err)


def test_a_patch_that_cannot_be_printed(tmp_path):
    import sys

    from tests.test_cli import environment

    boot = tree(tmp_path / "boot", config_txt=FAULTY)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "scmguard", "fix", str(boot)], env=environment(), stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 3 and b"standard output: no space left on device" in done.stderr


def test_writing_twice_changes_nothing_the_second_time(tmp_path):
    boot = made(tmp_path / "boot", TREES["several files"])
    scmguard("fix", "--write", boot)
    before = contents(boot)
    done = scmguard("fix", "--write", boot)
    assert contents(boot) == before and done.out == "" and done.err.startswith("scmguard: nothing to be corrected;")


def test_the_brick_of_the_readme(tmp_path):
    boot = tree(tmp_path / "boot", config_txt=BAD)
    assert scmguard("fix", "--write", boot).returncode == 0
    assert (boot / "config.txt").read_text() == "[cm4]\n[all]\ndtoverlay=dwc2,dr_mode=host\n"
    assert scmguard("fix", tree(tmp_path / "good", config_txt=GOOD)).returncode == 0


# --- on an SCM ---


@pytest.fixture
def live(tmp_path):
    machine = Live(tmp_path, "scm-bookworm", BOOT, ETC)
    for name in NAMES:
        machine.module.trust(name)
    assert machine.run("seal").returncode == 0
    return machine


CONFIG = "boot/firmware/config.txt"
OTG = b"[cm4]\notg_mode=1\n" + BOOT["config.txt"]
WITHOUT = b"[cm4]\n" + BOOT["config.txt"]


@needs_machine
@pytest.mark.parametrize("words", [(), ("/boot/firmware",), ("/boot/firmware/config.txt",), ("/boot",)])
def test_a_supervised_file_is_not_touched_without_seal(live, words):
    live.put(CONFIG, OTG)
    run = live.run("fix", "--write", *words)
    assert run.returncode == 1 and "config.txt is supervised" in run.stderr and "--seal" in run.stderr, run.stderr
    assert live.read(CONFIG) == OTG
    run = live.run("fix", *words)
    assert run.returncode == 1 and "-otg_mode=1" in run.stdout


@needs_machine
@pytest.mark.parametrize("words", [(), ("/boot/firmware",), ("/boot/firmware/config.txt",)])
def test_a_supervised_file_is_written_and_signed(live, words):
    live.put(CONFIG, OTG)
    run = live.run("fix", "--write", "--seal", *words)
    assert run.returncode == 0 and "config.txt: signed" in run.stdout, run.stderr + run.stdout
    assert live.read(CONFIG) == WITHOUT and live.module.would_boot()


@needs_machine
def test_what_would_not_be_signed_is_not_written(live):
    """A fault that no fix takes away: then the other fix would leave a file that is not signed."""
    faulty = OTG + b"device_tree=\n"
    live.put(CONFIG, faulty)
    run = live.run("fix", "--write", "--seal")
    assert run.returncode == 1 and "nothing was written" in run.stderr and "dwc2-host-missing" in run.stderr, run.stderr
    assert live.read(CONFIG) == faulty


@needs_machine
def test_a_file_that_the_module_will_not_sign_becomes_what_it_was(live):
    """The module cannot be asked: known before anything is written."""
    live.put(CONFIG, OTG)
    live.sh("true")
    live.put("proc/self/mountinfo", b"".join(
        line for line in live.read("proc/self/mountinfo").splitlines(True) if b" /boot" not in line
    ))  # fmt: skip
    run = live.run("fix", "--write", "--seal")
    assert run.returncode == 3 and "not mounted" in run.stderr, run.stderr
    assert live.read(CONFIG) == OTG


@needs_machine
def test_a_supervised_file_is_known_by_its_place(live):
    """Not by what it is taken for, and also below the boot partition's top, or by a link to that."""
    text = b"gpu_mem = 64\n" + BOOT["config.txt"]
    live.put(CONFIG, OTG)
    live.put("etc/all.yaml", b"profile: scm\n")
    for name in ("boot/firmware/sub/usercfg.txt", "boot/firmware/usercfg.txt"):
        live.put(name, text)
        inner, before = name.partition("firmware/")[2], live.module.state()["signed"]
        live.module.trust(inner)
        select = ("--config", "/etc/all.yaml", "--select", "spaces-*", "--as", "config.txt")
        run = live.run("fix", "--write", *select, "/" + name)
        assert run.returncode == 1 and inner + " is supervised" in run.stderr, run.stderr
        live.module.write(signed=before)
        run = live.run("fix", "--write", *select, "/" + name)
        assert run.returncode == 0 and live.read(name) == text.replace(b" = ", b"="), run.stderr
    run = live.sh('ln -s /boot/firmware /run/link; exec "$@"', "fix", "--write", "/run/link")
    assert run.returncode == 1 and "config.txt is supervised" in run.stderr and live.read(CONFIG) == OTG


@needs_machine
def test_what_is_written_is_signed_whatever_becomes_of_other_trees(live):
    live.put("run/other/config.txt", OTG)
    for more, code in (("/missing", 3), ("/run/other", 2)):
        live.put(CONFIG, OTG)
        assert live.run("seal", "--dry-run").returncode == 1
        run = live.run("fix", "--write", "--seal", "/boot/firmware", more)
        assert run.returncode == code and "config.txt: signed" in run.stdout, run.stderr + run.stdout
        assert live.read(CONFIG) == WITHOUT and live.module.would_boot()
        live.put(CONFIG, BOOT["config.txt"])
        assert live.run("seal").returncode == 0


@needs_machine
def test_nothing_is_signed_where_nothing_could_be_written(live):
    live.put(CONFIG, BOOT["config.txt"] + b"# x\n")
    run = live.run("fix", "--write", "--seal", "/missing")
    assert run.returncode == 3 and "signed" not in run.stdout and not live.module.would_boot()


@needs_machine
def test_what_could_not_be_signed_becomes_what_it_was(live):
    """Another one is signing at that moment."""
    live.put(CONFIG, OTG)
    run = live.sh('exec 9</var/lib/scmguard; flock -n 9; exec "$@"', "fix", "--write", "--seal")
    assert run.returncode == 3 and "another scmguard is signing" in run.stderr, run.stderr
    assert "the files are as they were: they could not be signed" in run.stderr and live.read(CONFIG) == OTG


@needs_machine
def test_a_connection_that_is_lost_does_not_keep_what_is_written_from_being_signed(live):
    live.put(CONFIG, OTG)
    code = "import os\nfor number in (1, 2, 15): os.kill(os.getpid(), number)"
    words = MEANWHILE.replace("write=True, unsafe=False, seal=False", "write=True, unsafe=False, seal=True")
    run = live.sh('"$1" -c "$4" "$5" "$6" "$7"', words, "replace_all", code, "/boot/firmware")
    assert run.returncode == 0 and "config.txt: signed" in run.stdout, run.stderr
    assert live.read(CONFIG) == WITHOUT and live.module.would_boot()


@needs_machine
def test_a_tree_that_is_not_this_machine_s_is_not_sealed(live, tmp_path):
    elsewhere = "tmp-{}".format(os.getpid())
    live.put("run/" + elsewhere + "/config.txt", OTG)
    run = live.run("fix", "--write", "--seal", "/run/" + elsewhere)
    assert run.returncode == 2 and "this machine" in run.stderr, run.stderr
    assert live.read("run/" + elsewhere + "/config.txt") == OTG
    run = live.run("fix", "--write", "/run/" + elsewhere)
    assert run.returncode == 0 and live.read("run/" + elsewhere + "/config.txt") == WITHOUT
