"""Boot trees of a repository before and after a change."""

from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

from scmguard.boot import Boot
from scmguard.inputs.gittree import GitFolder
from scmguard.repository.kinds import of_name
from scmguard.repository.trees import INITRAMFS, Place, Skipped, Trees


class Pair(NamedTuple):
    """A boot tree that a change touches: as it was (None: it was not there), and as it will be."""

    place: Place
    before: Optional[Boot]
    after: Boot


def changed(before: GitFolder, after: GitFolder) -> List[str]:
    """The paths of which two states of a repository have different bytes or modes, or one of them nothing."""
    old, new = set(before.paths()), set(after.paths())
    both = [path for path in new & old if before.entry(path) != after.entry(path)]
    return sorted(both + list(old ^ new))


def pairs(
    before: GitFolder, after: GitFolder, paths: Iterable[str], named: bool = False, kind: str = ""
) -> Tuple[List[Pair], List[Skipped]]:
    """The boot trees to which the paths belong, in both states, and what was passed over.

    A tree that is gone as a whole is none. ``named`` and ``kind``: somebody chose the paths, and said what they are.
    """
    trees = Trees(after)
    if kind:
        places = [trees.at(path.rpartition("/")[0], kind, path.rpartition("/")[2]) for path in paths]
        skipped: List[Skipped] = []
    else:
        places, skipped = trees.of(paths, named)
    old = Trees(before)
    gone: Optional[List[str]] = None
    found = []
    for place in places:
        boot = place.boot(after)
        if boot is None:
            continue
        origin = place.folder, place.name
        if place.kind != INITRAMFS and not before.below(place.folder).exists(place.name):
            if gone is None:
                here = set(after.paths())
                gone = [path for path in before.paths() if path not in here and of_name(path.rpartition("/")[2])]
            origin = _origin(place, gone) or origin
        found.append(Pair(place, old.at(origin[0], place.kind, origin[1]).boot(before), boot))
    return found, skipped


def _origin(place: Place, gone: Sequence[str]) -> Optional[Tuple[str, str]]:
    """Where a file was that has moved: the one file of its kind that is gone, or of those the one of its name."""
    alike = [path for path in gone if (of_name(path.rpartition("/")[2]) or place).kind == place.kind]
    same = [path for path in alike if path.rpartition("/")[2] == place.name]
    for paths in (same, alike):
        if len(paths) == 1:
            folder, _, name = paths[0].rpartition("/")
            return folder, name
    return None
