"""What overlays there are and which parameters they take: from the boot tree's own files, else from the catalogue.

Sources: documentation, ``configuration/device-tree.adoc`` (parameters are properties of ``/__overrides__``; an overlay
that is missing or damaged is skipped) and ``config_txt/boot.adoc`` (overlay_prefix; os_prefix counts for overlays
where ``README`` exists under both); raspberrypi/utils ``dtmerge/dtoverlay.c`` (the overlay map; without one, names load
literally).
"""

from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from scmguard import catalogue
from scmguard.boot import Boot
from scmguard.effective.board import Board
from scmguard.effective.run import Load, ParameterSet, Run
from scmguard.folder import Unreadable

MAP_NAME = "overlay_map.dtb"
_ENDING = ".dtbo"


class Prefixes(NamedTuple):
    """``os_prefix`` and ``overlay_prefix`` in effect, and the values of ``device_tree``. None: not the same always."""

    os: Optional[str]
    overlay: Optional[str]
    device_trees: Tuple[str, ...] = ()


class Overlays:
    """The overlays of a boot tree on one board. Files are read when they are asked about."""

    def __init__(self, boot: Boot, board: Board, prefixes: Prefixes) -> None:
        self._boot = boot
        self._board = board
        self._prefixes = prefixes
        self._prefix, self.names = self._find()
        #: Overlays whose file cannot be used, and why.
        self.damaged: Dict[str, str] = {}
        self._parameters: Dict[str, Optional[FrozenSet[str]]] = {}
        self._map: Optional[Mapping[str, Mapping[str, Any]]] = None
        self._base: Optional[FrozenSet[str]] = None
        self._base_known = False
        self._base_has: Optional[FrozenSet[str]] = None

    def _find(self) -> Tuple[str, FrozenSet[str]]:
        """The prefix in effect and the overlays under it, without ending; none where that cannot be told."""
        os_prefix, overlay_prefix = self._prefixes.os, self._prefixes.overlay
        if os_prefix is None or overlay_prefix is None:
            return "", frozenset()
        prefix = overlay_prefix
        if os_prefix and self._boot.exists(os_prefix + overlay_prefix + "README"):
            prefix = os_prefix + overlay_prefix
        folder, _, start = prefix.rpartition("/")
        names = (name for name in self._boot.files.names(folder) if name.startswith(start) and name.endswith(_ENDING))
        return prefix, frozenset(name[len(start) : -len(_ENDING)] for name in names)

    def label(self, name: str) -> str:
        """The path of an overlay's file, for people."""
        return self._boot.files.label(self.file(name))

    def file(self, name: str) -> str:
        """The name of an overlay's file on the boot partition."""
        return self._prefix + name + _ENDING

    def present(self, name: str) -> Optional[bool]:
        """Whether the tree has the overlay, undamaged; None where the tree carries no overlays to look among."""
        if not self.names:
            return None
        return name in self.names and self._own(name) is not None

    def resolve(self, name: str) -> Tuple[Optional[str], str]:
        """The overlay that is loaded for ``name``, by the overlay map; None, with a remark, where none is."""
        return catalogue.map_overlay(name, self._board.soc, self.map)

    @property
    def map(self) -> Mapping[str, Mapping[str, Any]]:
        """The overlay map in force: the tree's; empty where it carries overlays and no map; else the catalogue's."""
        if self._map is None:
            self._map = self._read_map() if self.names else catalogue.overlay_map()
        return self._map

    def _read_map(self) -> Mapping[str, Mapping[str, Any]]:
        from scmguard import fdt

        data = self._bytes(self._prefix + MAP_NAME)
        if data is None:
            return {}
        try:
            found: Mapping[str, Mapping[str, Any]] = fdt.overlay_map(fdt.parse(data))
            return found
        except fdt.FdtError as error:
            self._boot.problems.append(Unreadable(self._boot.files.label(self._prefix + MAP_NAME), str(error)))
            return {}

    def known(self, overlay: str) -> bool:
        """Whether anything is known of the overlay's parameters."""
        return self._own(overlay) is not None or catalogue.overlay_known(overlay)

    def has(self, overlay: str, parameter: str) -> bool:
        """Whether the overlay takes the parameter, as far as is known."""
        own = self._own(overlay)
        return catalogue.overlay_has(overlay, parameter) if own is None else parameter in own

    def base_has(self, parameter: str) -> bool:
        """Whether the base tree takes the parameter: the board's own, where the tree carries it."""
        if self._base_has is None:
            own = self._own_base()
            if own is None:
                own = catalogue.tree_parameters(self._board.device_trees) or catalogue.base_parameters()
            self._base_has = own
        return parameter in self._base_has

    @property
    def base_known(self) -> bool:
        """Whether the tree carries a base device tree for the board, so that its parameters are known for certain."""
        return self._own_base() is not None

    def parameters(self, overlay: str) -> Optional[FrozenSet[str]]:
        """The parameters in the overlay's own file; None where the tree does not carry it."""
        return self._own(overlay)

    def _own(self, overlay: str) -> Optional[FrozenSet[str]]:
        if overlay not in self._parameters:
            own = None
            if overlay in self.names:
                own, reason = self._read(self._prefix + overlay + _ENDING)
                if own is None:
                    self.damaged[overlay] = reason
            self._parameters[overlay] = own
        return self._parameters[overlay]

    def _own_base(self) -> Optional[FrozenSet[str]]:
        """What any of the base trees takes that the board may get."""
        if not self._base_known:
            self._base_known = True
            found: List[FrozenSet[str]] = []
            for name in self._prefixes.device_trees or self._board.device_trees:
                own, _ = self._read((self._prefixes.os or "") + name, is_base=True)
                if own:
                    found.append(own)
            self._base = frozenset().union(*found) if found else None
        return self._base

    def _read(self, name: str, is_base: bool = False) -> Tuple[Optional[FrozenSet[str]], str]:
        from scmguard import fdt

        data = self._bytes(name)
        if data is None:
            return None, "cannot be read"
        try:
            tree = fdt.parse(data)
            return frozenset(fdt.base_parameters(tree) if is_base else fdt.parameters(tree)), ""
        except fdt.FdtError as error:
            return None, str(error)

    def _bytes(self, name: str) -> Optional[bytes]:
        try:
            return self._boot.files.read(name)
        except Unreadable as error:
            self._boot.problems.append(error)
            return None


def merge(run: Run, overlays: Overlays) -> Run:
    """Looks up the overlays that a run loads, and gives each parameter to its overlay or to the base tree.

    A parameter goes to the overlay that was in scope if that takes it, else to the base tree; if nothing is known of
    the overlay, to the base tree if that takes it, else to the overlay.
    """
    if not run.loads and not run.base:
        return run
    loads: List[Load] = []
    for load in run.loads:
        resolved, remark = overlays.resolve(load.name)
        loads.append(load._replace(resolved=resolved, remark=remark, parameters=list(load.parameters)))
    base: List[ParameterSet] = []
    for one in run.base:
        if one.scope >= 0 and _takes(overlays, loads[one.scope], one.name):
            loads[one.scope].parameters.append(one)
        else:
            base.append(one)
    return run._replace(loads=loads, base=base)


def _takes(overlays: Overlays, load: Load, parameter: str) -> bool:
    name = load.resolved or load.name
    if overlays.known(name):
        return overlays.has(name, parameter)
    return not overlays.base_has(parameter)
