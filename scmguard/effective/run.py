"""What running config.txt did: values, each with the place it comes from and the worlds in which it holds."""

from typing import Dict, List, NamedTuple, Optional, Tuple

from scmguard.effective.worlds import Condition
from scmguard.parse.config_txt import Document


class Header(NamedTuple):
    """A section header in force: file, line number (from 1), and its text with brackets."""

    path: str
    line: int
    text: str


class Place(NamedTuple):
    """Where an effect comes from, and the headers that were in force there."""

    document: Document
    line: int
    headers: Tuple[Header, ...]

    @property
    def path(self) -> str:
        """The file's path."""
        return self.document.source.path


class Assignment(NamedTuple):
    """A value given to a setting in the worlds of ``when``, unless a later assignment beats it."""

    key: str
    port: int
    value: str
    place: Place
    when: Condition


class ParameterSet(NamedTuple):
    """A parameter given to an overlay or to the base tree in the worlds of ``when``.

    ``scope`` is the number of the load that was in scope; -1 for none, and for a parameter on a load's own line.
    """

    name: str
    value: str
    place: Place
    when: Condition
    scope: int = -1


class Load(NamedTuple):
    """One loading of an overlay. ``resolved`` is None, with a remark, where the overlay map blocks it."""

    name: str
    resolved: Optional[str]
    remark: str
    parameters: List[ParameterSet]
    place: Place
    when: Condition


class Run(NamedTuple):
    """All that running a file did, in order. Settings are by key and port.

    As the runner leaves it, ``base`` has every parameter of a ``dtparam`` line, and loads have the names that were
    written; :func:`scmguard.effective.overlays.merge` looks the overlays up and gives each parameter to its own.
    """

    settings: Dict[Tuple[str, int], List[Assignment]]
    loads: List[Load]
    base: List[ParameterSet]
    gpio: List[Assignment]
    documents: List[Document]
    missing_includes: List[Assignment]
    #: The headers in force at the end.
    headers: Tuple[Header, ...]
