"""A folder in which files have other names than in the repository: those under which the firmware looks for them."""

from typing import Dict, List, Mapping, Optional, Tuple

from scmguard.folder import Content, Folder, Status


class View(Folder):
    """A folder seen as the boot partition that is made from it.

    ``names`` are files by the names that they will have there; a file that has got another name is not there under its
    own. ``without`` are names that are not there. ``contents`` are bytes that stand for a file's.
    """

    def __init__(
        self,
        behind: Folder,
        names: Mapping[str, str],
        without: Tuple[str, ...] = (),
        contents: Optional[Mapping[str, bytes]] = None,
    ) -> None:
        self.path = behind.path
        self._behind = behind
        self._names = dict(names)
        self._hidden = frozenset([name for name in names.values() if name not in names] + list(without))
        self._contents: Dict[str, bytes] = dict(contents or {})

    def with_contents(self, contents: Mapping[str, bytes]) -> "View":
        """The same folder with other bytes in some files, by the names that they have here."""
        view = View(self._behind, self._names, (), {**self._contents, **contents})
        view._hidden = self._hidden
        return view

    def read(self, name: str) -> Optional[bytes]:
        if self._plain(name) in self._contents:
            return self._contents[self._plain(name)]
        real = self._real(name)
        return None if real is None else self._behind.read(real)

    def names(self, folder: str = "") -> List[str]:
        if self._plain(folder):
            real = self._real(folder)
            return [] if real is None else self._behind.names(real)
        found = {name for name in self._behind.names("") if name not in self._hidden}
        return sorted(found.union(name for name in self._names if self.exists(name)))

    def exists(self, name: str) -> bool:
        real = self._real(name)
        return self._plain(name) in self._contents or real is not None and self._behind.exists(real)

    def status(self, name: str) -> Optional[Status]:
        real = self._real(name)
        found = None if real is None else self._behind.status(real)
        data = self._contents.get(self._plain(name))
        return found if found is None or data is None else found._replace(size=len(data))

    def content(self, name: str) -> Optional[Content]:
        data = self._contents.get(self._plain(name))
        if data is not None:
            return Content.of_bytes(data)
        real = self._real(name)
        return None if real is None else self._behind.content(real)

    def link(self, name: str) -> Optional[str]:
        real = self._real(name)
        return None if real is None else self._behind.link(real)

    def label(self, name: str) -> str:
        return self._behind.label(self._names.get(self._plain(name), name))

    def _real(self, name: str) -> Optional[str]:
        plain = self._plain(name)
        if plain in self._names:
            return self._names[plain]
        return None if plain in self._hidden else name

    @staticmethod
    def _plain(name: str) -> str:
        return "/".join(part for part in name.split("/") if part not in ("", "."))
