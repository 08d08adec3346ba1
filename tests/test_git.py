"""The index and revisions of real repositories, read as folders."""

import gc
import hashlib
import os
import subprocess
import sys
from typing import Any, Iterator, List, Optional

import pytest

from scmguard.folder import Status, Unreadable
from scmguard.inputs import disk, gitprocess
from scmguard.inputs.git import Repository
from tests.repositories import ENVIRONMENT, Repo, needs_git

pytestmark = needs_git


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: Any) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["sha1", "sha256"])
def repo(request: Any, tmp_path: Any) -> Repo:
    return Repo(tmp_path / "repo", "--object-format=" + request.param)


@pytest.fixture
def plain(tmp_path: Any) -> Repo:
    return Repo(tmp_path / "repo")


def index(repo: Repo) -> Any:
    return Repository(repo.path).index()


def reason(call: Any) -> str:
    with pytest.raises(Unreadable) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value.reason)


def children() -> List[str]:
    """The processes that this one has started and that are not over."""
    with open("/proc/self/task/{}/children".format(os.getpid())) as stream:
        return stream.read().split()


def test_the_index_is_read_and_not_the_working_tree(repo: Repo) -> None:
    repo.stage({"boot/config.txt": "staged\n"})
    repo.write("boot/config.txt", "edited\n")
    repo.write("boot/other.txt", "untracked\n")
    folder = index(repo)
    assert folder.read("boot/config.txt") == b"staged\n"
    assert folder.read("boot/other.txt") is None
    assert folder.names("boot") == ["config.txt"]
    assert list(folder.paths()) == ["boot/config.txt"]


def test_what_is_deleted_in_the_working_tree_alone_is_there(repo: Repo) -> None:
    repo.stage({"config.txt": "a=1\n"})
    os.remove(os.path.join(repo.path, "config.txt"))
    assert index(repo).read("config.txt") == b"a=1\n"


def test_revisions_are_read(repo: Repo) -> None:
    first = repo.commit({"a/config.txt": "one\n", "a/cmdline.txt": "x\n"})
    repo.commit({"a/config.txt": "two\n"})
    repo.git("rm", "-q", "a/cmdline.txt")
    with Repository(repo.path) as repository:
        assert repository.tree("HEAD").read("a/config.txt") == b"two\n"
        assert repository.tree("HEAD~1").read("a/config.txt") == b"one\n"
        assert repository.tree(first).below("a").names() == ["cmdline.txt", "config.txt"]
        assert repository.index().below("a").names() == ["config.txt"]
        assert repository.tree("HEAD^{tree}").exists("a")
        assert not repository.tree("main").exists("b")


@pytest.mark.parametrize("revision", ["HEAD", "nothing", "", "-x", "--all", "a b", "HEAD:gone", "\0", "HEAD~1"])
def test_unknown_revisions_are_one_line(plain: Repo, revision: str) -> None:
    assert reason(lambda: Repository(plain.path).tree(revision)).startswith("no such revision")


def test_a_revision_that_names_a_folder_is_that_folder(plain: Repo) -> None:
    plain.commit({"a/config.txt": "x"})
    with Repository(plain.path) as repository:
        folder = repository.tree("HEAD:a")
        assert folder.read("config.txt") == b"x"
        assert (folder.path, folder.label("config.txt")) == ("HEAD:a", "HEAD:a/config.txt")
        assert repository.tree("HEAD:").label("a/config.txt") == "HEAD:a/config.txt"
        assert repository.tree("HEAD:a/").label("config.txt") == "HEAD:a/config.txt"
        assert repository.tree("HEAD^{/x}").label("config.txt") == "HEAD^{/x}:config.txt"
        assert reason(lambda: repository.tree("HEAD:a/config.txt")) == "git: not a tree object"


def test_without_a_commit_there_is_an_index_and_no_head(repo: Repo) -> None:
    repo.stage({"config.txt": "a=1\n"})
    repository = Repository(repo.path)
    assert repository.resolve("HEAD") is None
    assert repository.index().read("config.txt") == b"a=1\n"
    assert list(repository.last_commit().paths()) == []
    assert repository.last_commit().read("config.txt") is None


def test_an_empty_repository_has_an_empty_index(repo: Repo) -> None:
    folder = index(repo)
    assert folder.names() == [] and folder.exists("") and folder.status("") == Status("folder", 0o755)


def test_any_bytes_come_back(repo: Repo) -> None:
    data = {"a": b"", "b": b"\n", "c": b"no end", "d": bytes(range(256)) * 999, "e": b"x blob 3\n", "f": b"\n" * 70000}
    repo.commit(data)
    with Repository(repo.path) as repository:
        for folder in (repository.index(), repository.tree("HEAD")):
            assert {name: folder.read(name) for name in folder.names()} == data
            assert {name: folder.status(name).size for name in folder.names()} == {k: len(v) for k, v in data.items()}


def test_equal_bytes_have_equal_ids(repo: Repo) -> None:
    repo.commit({"a": "same", "b": "same", "c": "other"})
    repo.stage({"b": "changed"})
    with Repository(repo.path) as repository:
        old, new = repository.tree("HEAD"), repository.index()
        assert old.blob_id("a") == old.blob_id("b") == new.blob_id("a") != new.blob_id("b")
        assert old.blob_id("d") is None and old.blob_id("") is None


def test_modes_are_those_of_git_and_not_of_the_disk(plain: Repo) -> None:
    plain.write("on", "#!/bin/sh\n", executable=True)
    plain.write("off", "#!/bin/sh\n")
    plain.git("add", ".")
    os.chmod(os.path.join(plain.path, "on"), 0o644)
    os.chmod(os.path.join(plain.path, "off"), 0o755)
    folder = index(plain)
    assert folder.status("on") == Status("file", 0o755, 10)
    assert folder.status("off") == Status("file", 0o644, 10)


def test_labels_are_paths_from_where_people_are(plain: Repo, monkeypatch: Any) -> None:
    plain.commit({"a/b/config.txt": "x"})
    repository = Repository(plain.path)
    monkeypatch.chdir(plain.path)
    assert repository.index().label("a/b/config.txt") == "a/b/config.txt"
    assert repository.index().below("a/b").path == "a/b"
    assert repository.index().path == ""
    monkeypatch.chdir(os.path.join(plain.path, "a"))
    assert repository.index().below("a/b").label("config.txt") == "b/config.txt"
    assert repository.index().label("x") == "../x"
    assert repository.tree("HEAD").below("a/b").label("config.txt") == "HEAD:a/b/config.txt"
    assert repository.tree("HEAD").label("config.txt") == "HEAD:config.txt"
    assert repository.index().source("a/b/config.txt").path == "b/config.txt"


def test_names_are_found_as_a_fat_file_system_finds_them(plain: Repo) -> None:
    plain.commit({"boot/CMDLINE.TXT": "upper", "boot/Overlays/x.dtbo": "o", "boot/both": "1", "boot/BOTH": "2"})
    folder = index(plain).below("boot")
    assert folder.read("cmdline.txt") == b"upper"
    assert folder.read("overlays/X.DTBO") == b"o"
    assert folder.read("both") == b"1" and folder.read("BOTH") == b"2"
    assert folder.names() == ["BOTH", "CMDLINE.TXT", "Overlays", "both"]
    root = index(plain).below("boot", is_root=True)
    assert root.read("cmdline.txt") is None and root.read("CMDLINE.TXT") == b"upper"


def links(repo: Repo, **targets: str) -> None:
    for name, target in targets.items():
        os.symlink(target, os.path.join(repo.path, name))
    repo.git("add", ".")


def test_links_are_followed_within_the_tree(plain: Repo) -> None:
    plain.commit({"a/config.txt": "x", "b/keep": ""})
    links(
        plain, **{"b/config.txt": "../a/config.txt", "c": "a", "d": "c", "b/up": "..", "b/dot": "./../a/./config.txt"}
    )
    folder = index(plain)
    for name in ("b/config.txt", "c/config.txt", "d/config.txt", "b/up/b/up/c/config.txt", "b/dot"):
        assert folder.read(name) == b"x", name
    assert folder.below("b").read("config.txt") == b"x"
    assert folder.below("d").names() == ["config.txt"]
    assert folder.link("b/config.txt") == "../a/config.txt"
    assert folder.below("b").link("up") == ".."
    assert folder.link("a/config.txt") is None and folder.link("a") is None and folder.link("") is None
    assert folder.blob_id("b/config.txt") == folder.blob_id("a/config.txt")
    assert folder.entry("c").mode == 0o120000


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "../../outside", "a/../../x", "/"])
def test_links_that_leave_the_tree_are_not_followed(plain: Repo, tmp_path: Any, target: str) -> None:
    (tmp_path / "outside").write_text("secret")
    plain.commit({"a/config.txt": "x"})
    links(plain, out=target)
    folder = index(plain)
    assert reason(lambda: folder.read("out")) == "is a symbolic link that leaves the tree; it was not followed"
    assert reason(lambda: folder.names("out")) == "is a symbolic link that leaves the tree; it was not followed"


def test_links_in_a_circle_and_into_nothing(plain: Repo) -> None:
    plain.commit({"a/config.txt": "x"})
    links(plain, one="two", two="one", gone="a/none", through="a/config.txt/x")
    folder = index(plain)
    assert "too many levels" in reason(lambda: folder.read("one"))
    assert folder.read("gone") is None and not folder.exists("gone")
    assert folder.read("through") is None


def test_absolute_links_start_at_a_root_file_system(plain: Repo) -> None:
    plain.commit({"overlay/etc/real": "inside", "etc/real": "outside"})
    links(plain, **{"overlay/etc/name": "/etc/real", "overlay/etc/up": "../../../etc/real"})
    root = index(plain).below("overlay", is_root=True)
    assert root.read("etc/name") == b"inside"
    assert root.read("etc/up") == b"inside"
    assert reason(lambda: index(plain).read("overlay/etc/name")).startswith("is a symbolic link that leaves")


@pytest.mark.parametrize("name", ["..", "../x", "a/../../a/config.txt", "a/config.txt/..", "\0", "a/config.txt/x"])
def test_names_do_not_leave_the_folder(plain: Repo, name: str) -> None:
    plain.commit({"a/config.txt": "x", "config.txt": "top"})
    folder = index(plain).below("a")
    assert folder.read(name) is None and not folder.exists(name) and folder.names(name) == []


def test_names_may_go_up_within_the_folder(plain: Repo) -> None:
    plain.commit({"a/b/config.txt": "x", "a/y": "y"})
    folder = index(plain).below("a")
    assert folder.read("b/../y") == b"y"
    assert folder.read("./b//config.txt") == b"x"
    assert reason(lambda: folder.read("b")) == "is a folder"


def test_unusual_names(plain: Repo) -> None:
    names = ["a b", "tab\there", 'quo"te', "line\nend", "Ünïcode", "-x", ":(top)", "*", os.fsdecode(b"\xff\xfe")]
    for name in names:
        plain.write(name, name.encode("utf-8", "surrogateescape"))
    plain.git("add", "--all")
    plain.commit()
    with Repository(plain.path) as repository:
        for folder in (repository.index(), repository.tree("HEAD")):
            assert sorted(folder.paths()) == sorted(names)
            assert [folder.read(name) for name in names] == [os.fsencode(name) for name in names]


def test_submodules_are_not_there(plain: Repo, tmp_path: Any) -> None:
    inner = Repo(tmp_path / "inner")
    inner.commit({"config.txt": "x"})
    plain.commit({"keep": ""})
    plain.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.path, "sub")
    plain.commit()
    with Repository(plain.path) as repository:
        for folder in (repository.index(), repository.tree("HEAD")):
            assert sorted(folder.names()) == [".gitmodules", "keep"]
            assert folder.read("sub/config.txt") is None and not folder.exists("sub")
            commit = inner.git("rev-parse", "HEAD").strip()
            assert folder.submodules() == {"sub": commit} and folder.below("sub").submodules() == {"": commit}
            assert folder.below("su").submodules() == folder.below("keep").submodules() == {}


def conflicting(repo: Repo) -> None:
    repo.commit({"config.txt": "base\n", "other": "x"})
    repo.git("checkout", "-q", "-b", "side")
    repo.commit({"config.txt": "theirs\n"})
    repo.git("checkout", "-q", "main")
    repo.commit({"config.txt": "ours\n"})
    assert repo.run("git", "merge", "side").returncode == 1


def test_unmerged_files_are_not_read(plain: Repo) -> None:
    conflicting(plain)
    folder = index(plain)
    assert reason(lambda: folder.read("config.txt")) == "has unresolved conflicts"
    assert folder.exists("config.txt") and folder.names() == ["config.txt", "other"]
    assert folder.blob_id("config.txt") is None and folder.read("other") == b"x"
    assert folder.status("config.txt") == Status("file", 0o644)
    plain.stage({"config.txt": "both\n"})
    assert index(plain).read("config.txt") == b"both\n"


def test_what_is_only_intended_to_be_added_is_not_there(repo: Repo) -> None:
    repo.stage({"empty": "", "z": "z"})
    repo.write("a b", "later")
    repo.git("add", "--intent-to-add", "a b")
    assert sorted(index(repo).paths()) == ["empty", "z"]
    repo.git("add", "a b")
    assert index(repo).read("a b") == b"later"


def test_a_large_file_is_refused_and_the_next_is_read(plain: Repo, monkeypatch: Any) -> None:
    plain.commit({"large": b"x" * 300000, "small": "y"})
    monkeypatch.setattr(gitprocess, "MAX_BYTES", 1 << 18)
    folder = index(plain)
    assert reason(lambda: folder.read("large")) == "is larger than 0 MiB"
    assert folder.read("small") == b"y"
    assert folder.status("large").size == 300000
    assert gitprocess.MAX_BYTES < disk.MAX_BYTES


def test_a_missing_object_is_said(plain: Repo) -> None:
    plain.commit({"config.txt": "x", "other": "y"})
    id = plain.git("rev-parse", "HEAD:config.txt").strip()
    os.remove(os.path.join(plain.path, ".git", "objects", id[:2], id[2:]))
    folder = index(plain)
    assert "is not in the repository" in reason(lambda: folder.read("config.txt"))
    assert folder.read("other") == b"y"


def test_objects_of_a_promisor_are_not_fetched(plain: Repo, tmp_path: Any) -> None:
    plain.git("config", "uploadpack.allowFilter", "true")
    plain.git("config", "uploadpack.allowAnySHA1InWant", "true")
    plain.commit({"boot/config.txt": "x"})
    clone = tmp_path / "clone"
    plain.git("clone", "-q", "--no-checkout", "--filter=blob:none", "file://" + plain.path, str(clone))
    folder = Repository(str(clone)).tree("HEAD")
    assert "is not in the repository" in reason(lambda: folder.read("boot/config.txt"))
    assert "is not in the repository" in reason(lambda: folder.status("boot/config.txt"))
    assert folder.names("boot") == ["config.txt"]


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"


def test_what_git_lfs_keeps_is_read_where_it_is_here(plain: Repo, tmp_path: Any) -> None:
    """The form of pointers and of the folder is that of Git LFS; it is not needed to read them."""
    data = b"\xd0\r\xfe\xed a device tree"
    id = hashlib.sha256(data).hexdigest()
    plain.commit(
        {"boot/x.dtbo": POINTER.format(id, len(data)), "notes": "version https://git-lfs.github.com/spec/v1\n"}
    )
    assert "is kept by Git LFS" in reason(lambda: index(plain).read("boot/x.dtbo"))
    kept = plain.write(".git/lfs/objects/{}/{}/{}".format(id[:2], id[2:4], id), data)
    assert index(plain).read("boot/x.dtbo") == data
    linked = str(tmp_path / "linked")
    plain.git("worktree", "add", "-q", "-b", "two", linked)
    assert Repository(os.path.join(linked, "boot")).tree("HEAD").read("boot/x.dtbo") == data
    assert index(plain).read("notes").startswith(b"version")
    with open(kept, "wb") as stream:
        stream.write(b"something else")
    assert "is kept by Git LFS" in reason(lambda: index(plain).read("boot/x.dtbo"))


def test_one_child_reads_all_and_ends(plain: Repo) -> None:
    files = {"b{}/config.txt".format(number): "a={}\n".format(number) for number in range(200)}
    plain.commit(files)
    plain.commit({name: data + "b=1\n" for name, data in files.items()})
    gc.collect()
    before = children()
    with Repository(plain.path) as repository:
        old, new = repository.tree("HEAD~1"), repository.index()
        for name, data in files.items():
            assert old.read(name) == data.encode()
            assert new.read(name) == (data + "b=1\n").encode()
        assert len(children()) == len(before) + 1
        repository.close()
        assert children() == before
        assert old.read("b7/config.txt") == b"a=7\n"
    assert children() == before


def test_a_repository_that_is_forgotten_ends_its_children(plain: Repo) -> None:
    plain.commit({"config.txt": "x"})
    gc.collect()
    before = children()
    folder: Optional[Any] = index(plain)
    assert folder is not None and folder.read("config.txt") == b"x"
    assert folder.status("config.txt").size == 1
    assert len(children()) == len(before) + 2
    folder = None
    gc.collect()
    assert children() == before


def test_the_index_of_a_hook_counts(plain: Repo, monkeypatch: Any, tmp_path: Any) -> None:
    plain.commit({"config.txt": "head\n"})
    plain.stage({"config.txt": "usual\n"})
    plain.git("read-tree", "HEAD", more={"GIT_INDEX_FILE": ".git/next"})
    monkeypatch.chdir(plain.path)
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/next")
    assert Repository().index().read("config.txt") == b"head\n"
    monkeypatch.setenv("GIT_DIR", ".git")
    assert Repository("config.txt").index().read("config.txt") == b"head\n"
    # A path in another repository has nothing to do with that.
    other = Repo(tmp_path / "other")
    other.commit({"config.txt": "other\n"})
    assert Repository(other.path).index().read("config.txt") == b"other\n"


def test_hooks_see_what_is_being_committed(plain: Repo, tmp_path: Any) -> None:
    """``git commit FILE`` makes an index of its own for the hook; it differs from what is staged."""
    plain.commit({"config.txt": "1\n", "cmdline.txt": "1\n"})
    plain.stage({"config.txt": "2\n"})
    plain.write("cmdline.txt", "3\n")
    seen = tmp_path / "seen"
    code = "from scmguard.inputs.git import Repository as R; f = R().index(); "
    code += "print(f.read('config.txt'), f.read('cmdline.txt'))"
    hook = plain.write(".git/hooks/pre-commit", '#!/bin/sh\n{} -c "{}" > {}\n'.format(sys.executable, code, seen), True)
    assert os.access(hook, os.X_OK)
    plain.git("commit", "-q", "-m", "x", "cmdline.txt")
    assert seen.read_text() == "b'1\\n' b'3\\n'\n"


def test_linked_working_trees_have_their_own_index(plain: Repo, tmp_path: Any) -> None:
    plain.commit({"config.txt": "main\n"})
    linked = str(tmp_path / "linked")
    plain.git("worktree", "add", "-q", "-b", "two", linked)
    with open(os.path.join(linked, "config.txt"), "w") as stream:
        stream.write("linked\n")
    plain.run("git", "add", ".", at=linked)
    assert Repository(linked).index().read("config.txt") == b"linked\n"
    assert Repository(plain.path).index().read("config.txt") == b"main\n"


def test_a_path_that_is_gone_is_in_the_repository_all_the_same(plain: Repo) -> None:
    plain.commit({"config.txt": "x"})
    assert Repository(os.path.join(plain.path, "no", "such", "file")).index().read("config.txt") == b"x"


def test_no_repository_is_one_line(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert reason(lambda: Repository(str(tmp_path / "x"))) == "is in no git repository"


def test_a_bare_repository_is_one_line(tmp_path: Any) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "bare")], check=True)
    assert "bare" in reason(lambda: Repository(str(tmp_path / "bare")))


def test_without_git_it_is_one_line(plain: Repo, monkeypatch: Any) -> None:
    monkeypatch.setattr(gitprocess, "FOLDERS", ())
    monkeypatch.setenv("PATH", "relative")
    monkeypatch.setattr(os.path, "isfile", lambda path: False)
    assert reason(lambda: Repository(plain.path)) == "git is not installed"


@pytest.mark.skipif(os.geteuid() != 0, reason="another owner takes root")
def test_somebody_elses_repository_is_one_line(plain: Repo, monkeypatch: Any) -> None:
    plain.commit({"config.txt": "x"})
    for folder, _, names in os.walk(plain.path):
        for name in ["", *names]:
            os.chown(os.path.join(folder, name), 65534, 65534)
    assert "does not trust this repository" in reason(lambda: Repository(plain.path))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "*")
    assert index(plain).read("config.txt") == b"x"


def test_a_damaged_index_is_one_line(plain: Repo) -> None:
    plain.commit({"config.txt": "x"})
    with open(os.path.join(plain.path, ".git", "index"), "wb") as stream:
        stream.write(b"not an index")
    assert reason(lambda: index(plain)).startswith("git: ")


@pytest.fixture
def trap(tmp_path: Any) -> Iterator[str]:
    """A program that tells when it was run."""
    mark = tmp_path / "ran"
    path = tmp_path / "trap"
    path.write_text('#!/bin/sh\necho "$0 $*" >> {}\ncat\n'.format(mark))
    path.chmod(0o755)
    yield str(path)
    assert not mark.exists(), mark.read_text()


def test_nothing_that_the_configuration_names_is_run(plain: Repo, trap: str) -> None:
    plain.commit({"boot/config.txt": "x\n", ".gitattributes": "*.txt filter=trap diff=trap\n", "empty": ""})
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.askPass",
        "core.sshCommand",
        "core.gitProxy",
        "core.alternateRefsCommand",
        "diff.external",
        "diff.trap.textconv",
        "diff.trap.command",
        "filter.trap.clean",
        "filter.trap.smudge",
        "filter.trap.process",
        "credential.helper",
        "gpg.program",
        "pager.ls-files",
        "pager.ls-tree",
        "pager.cat-file",
        "pager.rev-parse",
        "alias.ls-files",
    ):
        plain.git("config", key, trap if not key.startswith("alias") else "!" + trap)
    plain.git("config", "core.hooksPath", os.path.dirname(trap))
    os.symlink(trap, os.path.join(os.path.dirname(trap), "post-index-change"))
    plain.write("boot/config.txt", "y\n")
    with Repository(plain.path) as repository:
        for folder in (repository.index(), repository.tree("HEAD")):
            assert folder.read("boot/config.txt") == b"x\n"
            assert folder.status("boot/config.txt").size == 2


def test_the_repository_is_not_written_to(plain: Repo) -> None:
    plain.commit({"boot/config.txt": "x\n", "empty": ""})
    os.utime(os.path.join(plain.path, "boot/config.txt"), (1, 1))

    def state() -> List[Any]:
        found = []
        for folder, _, names in os.walk(os.path.join(plain.path, ".git")):
            found += [(os.path.join(folder, name), os.stat(os.path.join(folder, name)).st_mtime_ns) for name in names]
        return sorted(found)

    before = state()
    with Repository(plain.path) as repository:
        assert repository.index().read("boot/config.txt") == repository.tree("HEAD").read("boot/config.txt") == b"x\n"
    assert state() == before


def test_what_is_read_ahead_is_what_is_read(repo: Repo, monkeypatch: Any) -> None:
    files = {"{:03}/config.txt".format(number): b"x\n" * number for number in range(200)}
    files["big/config.txt"] = b"#" * (1 << 21)
    repo.commit(files)
    with Repository(repo.path) as repository:
        folder = repository.tree("HEAD")
        ids = {name: next(folder.ids_of([name])) for name in files}
        gone = "0" * len(ids["big/config.txt"])
        for several in (
            list(ids.values()),
            [ids["001/config.txt"], gone, ids["002/config.txt"]],
            [ids["003/config.txt"], ids["big/config.txt"], ids["004/config.txt"]],
            [],
        ):
            folder.read_ahead(several)
            assert {name: folder.read(name) for name in files} == files
        folder.read_ahead(list(ids.values())[:150])
        monkeypatch.setattr(gitprocess._Child, "ask", lambda *_: pytest.fail("it was read already"))
        assert {name: folder.read(name) for name in list(files)[:100]} == dict(list(files.items())[:100])
    assert children() == []


def test_links_and_what_is_not_there_are_not_read_ahead(plain: Repo) -> None:
    plain.write("a/config.txt", "x\n")
    os.symlink("config.txt", os.path.join(plain.path, "a", "cmdline.txt"))
    plain.git("add", "-A")
    plain.commit()
    folder = Repository(plain.path).tree("HEAD").below("a")
    assert list(folder.ids_of(["config.txt", "cmdline.txt", "tryboot.txt"])) == [folder.blob_id("config.txt")]
