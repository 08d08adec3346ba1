"""Boot files as a transaction will leave them: held against what dpkg makes of it, and on a FAT file system."""

from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from scmguard.boot import Boot
from scmguard.folder import MemoryFolder, Unreadable
from scmguard.inputs.disk import DiskFolder
from scmguard.packages import future
from scmguard.packages.ahead import GONE, Ahead
from scmguard.packages.archive import Broken, Member
from scmguard.packages.lay import Outlook, named, outlook
from scmguard.packages.transaction import CONFIGURE, INSTALL, REMOVE, Change, Transaction
from tests.debs import Deb, Facts, Link, Same, System, Tree, needs_dpkg

CONF = "etc/modprobe.d/a.conf"
MERGED: Tree = {"usr/lib": None, "lib": Link("usr/lib")}
KERNEL: Tree = {
    "boot/vmlinuz-1": b"k", "lib/modules/1/kernel/a/x.ko": b"m", "lib/modules/1/build": Link("/nonexistent/src"),
    "lib/modules/1/source": Link("kernel"), "boot/firmware/overlays/x.dtbo": b"o",
}  # fmt: skip


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def changed(facts: "tuple[Outlook, Facts, Facts]") -> List[str]:
    """The paths about which something else holds than before."""
    _, before, after = facts
    return [path for path in before if before[path] != after[path]]


# --- What packages bring ---


@needs_dpkg
def test_a_new_package(system: System) -> None:
    found = system.check(Deb("a", "1", {**KERNEL, CONF: b"c", "usr/share/other": b"1"}, [CONF]))
    assert set(found[0].brings["a"]) == {*KERNEL, CONF} and found[0].takes["a"] == ()
    assert "usr/share/other" in found[0].names["a"] and "usr/share/other" not in found[0].members


@needs_dpkg
@pytest.mark.parametrize("files", [KERNEL, {"usr/share/other": b"1"}, {}], ids=["same", "elsewhere", "empty"])
def test_a_version_that_changes_nothing(system: System, files: Tree) -> None:
    system.install(Deb("a", "1", {**files, CONF: b"c"}, [CONF]))
    assert changed(system.check(Deb("a", "2", {**files, CONF: b"c"}, [CONF]))) == []


@needs_dpkg
def test_a_transaction_of_nothing(system: System) -> None:
    system.install(Deb("a", "1", KERNEL))
    for changes in ((), (Change("a", CONFIGURE, "", "1"),), (Change("b", REMOVE, "1"),), (Change("b", INSTALL),)):
        assert outlook(system.root, Transaction(changes)).members == {}


@needs_dpkg
def test_a_broken_archive_leaves_the_rest(system: System) -> None:
    good = system.changes(Deb("a", "1", {"boot/x": b"1"}))
    bad = Change("b", INSTALL, archive=str(system.folder / "missing.deb"))
    found = outlook(system.root, Transaction((bad, *good)))
    assert list(found.members) == ["boot/x"] and len(found.broken) == 1 and "b" not in found.brings
    assert named(Change("", INSTALL, archive=good[0].archive))[:5] == ("a", INSTALL, "", "1", "all")
    with pytest.raises(Broken):
        named(bad)


@needs_dpkg
@pytest.mark.parametrize(
    "old, new",
    [({}, {"boot/x": b"1", "boot/y": Same("boot/x"), "boot/z": Same("boot/x")}),
     ({"boot/x": b"1", "boot/y": Same("boot/x")}, {"boot/x": b"2"}),
     ({"boot/d/x": b"1"}, {"boot/d": Link("e"), "boot/e/y": b"1"}),
     ({"boot/d": Link("e"), "boot/e/y": b"1"}, {"boot/d/x": b"1"}),
     ({"boot/d": Link("e"), "boot/e": b"1"}, {"boot/d": b"2", "boot/e": b"3"}),
     ({"boot/d": b"2"}, {"boot/d": Link("e"), "boot/e": b"1"}),
     ({"boot/d": Link("d")}, {"boot/e": b"1"}), ({"boot/d": Link("d")}, {"boot/d": b"1"}),
     ({"etc/kernel/d": Link("e"), "etc/kernel/e/y": b"1"}, {"etc/kernel/e/y": b"1"}),
     ({"etc/kernel/a/b/c": b"1"}, {"etc/kernel/a": None}), ({"etc/kernel/a": None}, {}),
     ({"boot/x": b"1"}, {"boot/X": b"2"}), (KERNEL, {"lib/modules/1/kernel": None})],
    ids=["hard links", "no more hard links", "link instead of a folder", "folder instead of a link",
         "file instead of a link", "link instead of a file", "link to itself", "no more link to itself",
         "no more link to a folder", "folder emptied", "empty folder", "other case", "modules"],
)  # fmt: skip
def test_a_version_with_other_files(system: System, old: Tree, new: Tree) -> None:
    system.install(Deb("a", "1", old))
    system.check(Deb("a", "2", new))


# --- What goes ---


@needs_dpkg
def test_a_package_that_is_removed(system: System) -> None:
    system.install(Deb("a", "1", KERNEL))
    found = system.check("a")
    assert set(found[0].takes["a"]) == {*KERNEL} - {"lib/modules/1/source"} and found[2]["boot"][1]
    assert not found[2]["lib/modules"][1] and not found[2]["boot/firmware"][1]


@needs_dpkg
def test_what_others_have_stays(system: System) -> None:
    system.install(
        Deb("b", "1", {"etc/initramfs-tools/hooks": None, "etc/kernel/x/b": b"1", "usr/lib/modules/2": None}),
        Deb("a", "1", {"etc/initramfs-tools/hooks/x": b"1", "etc/kernel/x/a": b"1", "lib/modules/2/x": b"1"}),
    )
    after = system.check("a")[2]
    assert after["etc/initramfs-tools/hooks"][1] and after["etc/kernel/x"][0] == ["b"]


@needs_dpkg
def test_what_a_user_made_stays(system: System) -> None:
    system.install(Deb("a", "1", KERNEL), Deb("b", "1", {"etc/kernel/d/x": b"1"}))
    (system.top / "lib/modules/1/modules.dep").write_bytes(b"")
    (system.top / "etc/kernel/d/mine").mkdir()
    after = system.check("a", "b")[2]
    assert after["lib/modules/1"][0] == ["modules.dep"] and after["etc/kernel/d"][0] == ["mine"]


@needs_dpkg
@pytest.mark.parametrize("step", ["a", Deb("a", "2", {})], ids=["removed", "upgraded"])
@pytest.mark.parametrize("other", ["etc/kernel/d/y", "etc/kernel/e/y"])
def test_a_folder_that_a_user_replaced_with_a_link(tmp_path: Path, step: Any, other: str) -> None:
    system = System(tmp_path, {"etc/kernel/real": None, "etc/kernel/d": Link("real")})
    system.install(Deb("a", "1", {"etc/kernel/d/x": b"1"}), Deb("b", "1", {other: b"1"}))
    system.check(step)


@needs_dpkg
def test_what_somebody_else_removed_already(system: System) -> None:
    system.install(Deb("a", "1", {"boot/x": b"1"}))
    (system.top / "boot/x").unlink()
    assert changed(system.check("a")) == []


@needs_dpkg
def test_a_package_that_was_removed_before_is_purged(system: System) -> None:
    system.install(
        Deb("a", "1", {CONF: b"1", "etc/modprobe.d/b": b"1", "etc/kernel/x/c": b"1"}, [CONF, "etc/kernel/x/c"])
    )
    assert "etc/kernel/x" not in changed(system.check("a"))
    assert not system.check("a purged")[2][CONF][1]


# --- Configuration files ---


@needs_dpkg
@pytest.mark.parametrize("user", [None, b"1", b"2", b"3"], ids=["deleted", "left", "as the new one", "edited"])
@pytest.mark.parametrize("new", [(b"1", True), (b"2", True), (b"2", False), None], ids=["same", "new", "file", "none"])
@pytest.mark.parametrize("old", ["conffile", "file", "none"])
def test_a_configuration_file(system: System, old: str, new: Any, user: Optional[bytes]) -> None:
    system.install(Deb("a", "1", {CONF: b"1"} if old != "none" else {}, [CONF] if old == "conffile" else []))
    edit(system, user)
    system.check(Deb("a", "2", {CONF: new[0]} if new else {}, [CONF] if new and new[1] else []))


def edit(system: System, content: Optional[bytes]) -> None:
    if content is None:
        (system.top / CONF).unlink(missing_ok=True)
    elif not (system.top / CONF).is_file() or (system.top / CONF).read_bytes() != content:
        (system.top / CONF).write_bytes(content)


@needs_dpkg
@pytest.mark.parametrize("user", [None, b"1", b"3"], ids=["deleted", "left", "edited"])
@pytest.mark.parametrize("what", ["removed", "purged", "withdrawn", "moved", "moved late", "moved and removed"])
def test_a_configuration_file_that_its_package_loses(system: System, what: str, user: Optional[bytes]) -> None:
    system.install(Deb("a", "1", {CONF: b"1", "etc/modprobe.d/sub/x": b"1"}, [CONF]))
    edit(system, user)
    without, other = Deb("a", "2", {}), Deb("b", "1", {CONF: b"2"}, [CONF], "Replaces: a (<< 2)\n")
    withdrawn = Deb("a", "2", {}, ["remove-on-upgrade /" + CONF])
    steps: Dict[str, Any] = {
        "removed": ["a"], "purged": ["a purged"], "withdrawn": [withdrawn], "moved": [without, other],
        "moved late": [other, without], "moved and removed": ["a", other],
    }  # fmt: skip
    system.check(*steps[what])


@needs_dpkg
@pytest.mark.parametrize("edited", [b"1", b"3", None])
def test_a_configuration_file_that_is_a_link(system: System, edited: Optional[bytes]) -> None:
    system.install(Deb("a", "1", {CONF: b"1"}, [CONF]))
    (system.top / CONF).unlink()
    (system.top / CONF).symlink_to("mine")
    if edited is not None:
        (system.top / "etc/modprobe.d/mine").write_bytes(edited)
    assert changed(system.check(Deb("a", "2", {CONF: b"2"}, [CONF]))) == []


@needs_dpkg
def test_a_configuration_file_in_the_place_of_a_link(system: System) -> None:
    system.install(Deb("a", "1", {CONF: Link("a")}))
    system.check(Deb("a", "2", {CONF: b"2"}, [CONF]))


# --- Files elsewhere than in lists ---


@needs_dpkg
@pytest.mark.parametrize("old, new", [("lib", "usr/lib"), ("usr/lib", "lib"), ("lib", "lib"), ("usr/lib", "usr/lib")])
def test_a_merged_root(tmp_path: Path, old: str, new: str) -> None:
    system = System(tmp_path, MERGED)
    system.install(Deb("a", "1", {old + "/modules/1/x": b"1", old + "/modules/1/y": b"1"}))
    after = system.check(Deb("a", "2", {new + "/modules/1/x": b"2", new + "/modules/2/x": b"2"}))[2]
    assert after["lib/modules/1/x"] == after["usr/lib/modules/1/x"] and after["lib/modules"][1]
    system.check("a")


@needs_dpkg
def test_folders_that_are_links(tmp_path: Path) -> None:
    tree: Tree = {"data/m": None, "usr/lib/modules": Link("../../data/x/../m"), "data/x": None, "boot/real": None,
                  "boot/firmware": Link("./real/")}  # fmt: skip
    system = System(tmp_path, tree)
    deb = Deb("a", "1", {"usr/lib/modules/1/x": b"1", "boot/firmware/config.txt": b"1", "boot/firmware/o/x": b"1"})
    system.check(deb)
    system.install(deb)
    system.check("a")


@needs_dpkg
@pytest.mark.parametrize("whose", [":", "a", "b"])
def test_diversions(system: System, whose: str) -> None:
    system.divert("boot/x", whose)
    deb = Deb("a", "1", {"boot/x": b"1", "boot/y": b"1"})
    after = system.check(deb)[2]
    assert after["boot"][0] == (["x", "y"] if whose == "a" else ["x.distrib", "y"])
    system.install(deb)
    (system.top / "boot/x").write_bytes(b"mine")
    system.check("a")


@needs_dpkg
@pytest.mark.parametrize("whose", [":", "a", "b"])
@pytest.mark.parametrize("step", ["a", "a purged", "a new"])
def test_a_configuration_file_that_is_diverted(system: System, whose: str, step: str) -> None:
    system.divert("boot/x", whose)
    system.install(Deb("a", "1", {"boot/x": b"1", "boot/y": b"1"}, ["boot/x"]))
    system.check(Deb("a", "2", {"boot/y": b"2"}) if step == "a new" else step)


@needs_dpkg
@pytest.mark.parametrize("whose", [":", "a", "b"])
@pytest.mark.parametrize("order", [1, -1])
def test_a_diverted_file_whose_package_goes_while_another_brings_its_own(
    system: System, whose: str, order: int
) -> None:
    system.divert("boot/x", whose)
    system.install(Deb("a", "1", {"boot/x": b"1", "boot/y": b"1"}))
    steps = ["a", Deb("b", "1", {"boot/x": b"2"}, (), "Replaces: a\n")]
    system.check(*steps[::order])


@needs_dpkg
@pytest.mark.parametrize("order", [1, -1])
def test_a_file_that_moves_to_another_package(system: System, order: int) -> None:
    system.install(Deb("a", "1", {"boot/x": b"1", "boot/sub/y": b"1"}))
    steps = [Deb("a", "2", {"boot/z": b"1"}), Deb("b", "1", {"boot/x": b"2"}, (), "Replaces: a (<< 2)\n")]
    found = system.check(*steps[::order])
    assert found[2]["boot/x"][3] == b"2" and not found[2]["boot/sub"][1]


# --- FAT ---


def test_names_in_any_case() -> None:
    behind = MemoryFolder({"config.txt": b"1", "OVERLAYS/A.DTBO": b"a", "start4.elf": b"s"}, "/boot")
    new = Member("file", 0o644, 1, data=b"2")
    fat = Ahead(behind, {"CONFIG.TXT": new, "overlays/a.dtbo": GONE, "overlays/b.dtbo": new, "New/X": new}, True)
    assert fat.names() == ["New", "OVERLAYS", "config.txt", "start4.elf"]
    assert fat.read("config.txt") == fat.read("Config.TXT") == fat.read("NEW/x") == b"2" and fat.exists("new")
    assert not fat.exists("OVERLAYS/A.DTBO") and fat.read("OVERLAYS/A.DTBO") is None and fat.status("new/x") is not None
    assert fat.read("start4.elf") == b"s" and fat.label("x") == "/boot/x" and fat.status("OVERLAYS/a.dtbo") is None
    assert fat.names("NEW") == ["X"]


def test_names_in_one_case() -> None:
    ahead = Ahead(MemoryFolder({"a": b"1"}), {"A": Member("file", 0o644, 1, data=b"2"), "B": GONE})
    assert ahead.names() == ["A", "a"] and ahead.read("a") == b"1" and ahead.read("A") == b"2" and not ahead.exists("b")
    assert Ahead(MemoryFolder({"a": b"1"}), {"A": GONE}).names() == ["a"]


def test_a_boot_partition_on_disk(tmp_path: Path) -> None:
    (tmp_path / "boot/firmware/overlays").mkdir(parents=True)
    (tmp_path / "boot/firmware/CONFIG.TXT").write_bytes(b"1")
    (tmp_path / "boot/firmware/overlays/a.dtbo").write_bytes(b"1")
    root = DiskFolder(str(tmp_path), is_root=True)
    boot = Boot(root.below("boot/firmware"), root)
    new = Member("file", 0o644, 1, data=b"2")
    members = {"boot/firmware/config.txt": new, "boot/firmware/overlays/a.dtbo": GONE, "boot/x": new, CONF: new,
               "boot/firmware/l": Member("link", 0o777, target="config.txt")}  # fmt: skip
    after = future.after(boot, Outlook(members, {}, {}, {}))
    assert after.files.names() == ["CONFIG.TXT"] and after.files.read("config.txt") == b"2" and after.root is not None
    assert after.root.read(CONF) == b"2" and after.root.read("boot/x") == b"2"
    same = future.after(boot, Outlook({}, {}, {}, {}))
    assert same.files.names() == ["CONFIG.TXT", "overlays"] and same.files.read("CONFIG.TXT") == b"1"
    back = future.put_back(boot, {"config.txt": new, "overlays/a.dtbo": GONE})
    assert back.files.read("CONFIG.TXT") == b"2" and back.root is root
    alone = Boot(root.below("boot/firmware"))
    assert future.after(alone, Outlook(members, {}, {}, {})) is alone


@needs_dpkg
def test_a_boot_partition_behind_a_link(tmp_path: Path) -> None:
    system = System(tmp_path, {"boot/real/config.txt": b"1", "boot/firmware": Link("real")})
    boot = Boot(system.root.below("boot/firmware"), system.root)
    changes = system.changes(Deb("a", "1", {"boot/firmware/config.txt": b"2", "boot/config.txt": b"3"}))
    after = future.after(boot, outlook(system.root, Transaction(tuple(changes))))
    assert boot.files.read("config.txt") == b"1" and after.files.read("config.txt") == b"2"


def test_what_is_not_kept_is_unreadable_and_counts_all_the_same() -> None:
    ahead = Ahead(MemoryFolder({}), {"a": Member("file", 0o600, 9), "f": Member("other", 0), "d": Member("folder", 0)})
    for name in ("a", "f", "d"):
        assert ahead.exists(name)
        with pytest.raises(Unreadable):
            ahead.read(name)
    status = ahead.status("a")
    assert status is not None and status.size == 9 and ahead.names() == ["a", "d", "f"] and ahead.names("a") == []
