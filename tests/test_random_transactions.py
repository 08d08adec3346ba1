"""Random transactions: boot files as they were foreseen, held against what dpkg made."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Dict, List, Optional, Tuple, Union

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.debs import Deb, Link, Same, System, Tree, needs_dpkg

EXAMPLES = int(os.environ.get("SCMGUARD_EXAMPLES", "40"))
pytestmark = needs_dpkg

PLACES = (
    "boot/vmlinuz-1", "boot/firmware/config.txt", "boot/firmware/overlays/a.dtbo", "usr/lib/modules/1/kernel/a.ko",
    "usr/lib/modules/1/kernel/b.ko", "usr/lib/modules/1/build", "usr/lib/modules/2/a", "etc/modprobe.d/a.conf",
    "etc/kernel/postinst.d/x", "etc/kernel/postinst.d/y", "etc/initramfs-tools/hooks/x", "etc/crypttab",
    "usr/share/initramfs-tools/hooks/z", "etc/default/raspi-firmware", "usr/share/elsewhere", "etc/elsewhere",
)  # fmt: skip
FOLDERS = ("etc/initramfs-tools/hooks", "etc/kernel/empty", "usr/lib/modules/1", "boot/firmware/overlays", "boot/sub")
TARGETS = ("a", "../x", "a.ko", "/nonexistent/usr/src", "kernel", "1")
NAMES = ("a", "b", "c")
# Configuration files do not move here: what dpkg makes of one that two packages bring at once is an accident.
OWN = {"etc/modprobe.d/a.conf": "a", "etc/kernel/postinst.d/x": "b", "etc/default/raspi-firmware": "c"}
PATHS = st.lists(st.sampled_from(PLACES), max_size=7, unique=True)
DATA = st.sampled_from((b"1", b"2", b"3"))


@st.composite
def debs(draw: st.DrawFn, name: str, version: str) -> Deb:
    files: Dict[str, Union[bytes, Link, Same, None]] = {}
    regular: List[str] = []
    for path in sorted(path for path in draw(PATHS) if OWN.get(path, name) == name):
        kind = draw(st.sampled_from(("file",) * 6 + ("link", "same")))
        if kind == "link":
            files[path] = Link(draw(st.sampled_from(TARGETS)))
        elif kind == "same" and set(regular) - {*OWN}:
            # dpkg forgets to take away the second name of what becomes a configuration file.
            files[path] = Same(draw(st.sampled_from(sorted(set(regular) - {*OWN}))))
        else:
            files[path] = draw(DATA)
            # What is inside drivers, and elsewhere, is not kept.
            regular += [] if path.endswith((".ko", "elsewhere")) else [path]
    files.update(dict.fromkeys(draw(st.lists(st.sampled_from(FOLDERS), max_size=2))))
    shared = {what.path for what in files.values() if isinstance(what, Same)}
    conffiles = [path for path in regular if path in OWN and path not in shared and draw(st.booleans())]
    others = ", ".join(each for each in NAMES if each != name)
    return Deb(name, version, files, conffiles, "Replaces: {}\n".format(others))


Edits = Dict[str, Optional[bytes]]
EDITS = st.dictionaries(st.sampled_from(PLACES), st.sampled_from((b"1", b"9", None)), max_size=4)


def step(name: str) -> "st.SearchStrategy[Union[Deb, str, None]]":
    """What happens to a package in a transaction."""
    return st.one_of(st.sampled_from((name, name + " purged", None)), debs(name, "2"), debs(name, "2"))


STEPS = st.permutations(NAMES).flatmap(lambda names: st.tuples(*(step(name) for name in names)))


def edit(system: System, edits: Edits) -> None:
    """What a user did since."""
    for path, content in edits.items():
        place = system.top / path
        if content is None:
            if place.is_file() or place.is_symlink():
                place.unlink()
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_symlink():
                place.unlink()
            place.write_bytes(content)


@settings(max_examples=EXAMPLES, deadline=None, report_multiple_bugs=False)
@given(
    st.lists(st.sampled_from(NAMES), unique=True).flatmap(
        lambda names: st.tuples(*(debs(name, "1") for name in names))
    ),
    EDITS,
    st.tuples(st.sampled_from((":", "a")), st.sampled_from(("", *PLACES[:8]))),
    st.sampled_from(({}, {"lib": Link("usr/lib"), "usr/lib": None})),
    STEPS,
)
def test_what_was_foreseen_is_what_dpkg_makes(
    before: Tuple[Deb, ...],
    edits: Edits,
    diverted: Tuple[str, str],
    top: Tree,
    steps: Tuple[Union[Deb, str, None], ...],
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        system = System(folder, top)
        if diverted[1]:
            system.divert(diverted[1], diverted[0])
        system.install(*before)
        edit(system, edits)
        system.check(
            *(each for each in steps if isinstance(each, Deb) or (each and each.split()[0] in system.installed))
        )
    finally:
        shutil.rmtree(folder)
