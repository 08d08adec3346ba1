"""What a check gets and what it gives: facts in, hits out. A check reads no file and prints nothing."""

from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple, TypeVar

from scmguard.boot import Boot
from scmguard.effective.bootfiles import BootFiles, boot_files, cmdline_names, command_lines, present_images
from scmguard.effective.config import EffectiveConfig
from scmguard.effective.run import Place
from scmguard.effective.worlds import FALSE, TRUE, Condition, Split
from scmguard.finding import Related
from scmguard.folder import Lacking
from scmguard.parse.cmdline_txt import Argument, CommandLine
from scmguard.parse.config_txt import Document, header_span, parse_line
from scmguard.text import Source, Span

if TYPE_CHECKING:  # most runs are about no device
    from scmguard.device.facts import Device, Fact
    from scmguard.packages.lay import Pending

Params = Mapping[str, Any]
T = TypeVar("T")


class Hit(NamedTuple):
    """One fault found by a check.

    ``source`` and ``span`` say where (``source`` may be None, for a file that is not there). ``when`` are the worlds
    in which the fault is there; ``severity`` replaces the rule's where this one is milder. ``boardless`` marks what
    is the same on every board, ``possible`` what is not sure for another reason than the worlds.
    """

    source: Optional[Source]
    span: Span
    message: str
    when: Condition = TRUE
    related: Tuple[Related, ...] = ()
    severity: Optional[str] = None
    boardless: bool = False
    possible: bool = False


class Context:
    """One boot tree on one board, and what rules ask about it. Everything is worked out once, when it is asked for."""

    def __init__(
        self,
        config: EffectiveConfig,
        profile: Mapping[str, Any],
        device: "Optional[Device]" = None,
        pending: "Optional[Pending]" = None,
    ) -> None:
        self.config = config
        self.profile = profile
        #: The facts of the machine whose files these are; None where they are of no machine that can be asked.
        self.device = device
        #: The transaction after which the files will be as they are here; None where none is about to happen.
        self.pending = pending
        #: What checks of one topic keep for each other, by a name of their own.
        self.memo: Dict[str, Any] = {}
        self._files: Optional[BootFiles] = None
        self._cmdlines: Optional[Split[Optional[CommandLine]]] = None
        self._images: Optional[Dict[Tuple[str, ...], Condition]] = None

    @property
    def boot(self) -> Boot:
        """The boot tree."""
        return self.config.boot

    @property
    def files(self) -> BootFiles:
        """The files that the firmware picks."""
        if self._files is None:
            self._files = boot_files(self.config)
        return self._files

    @property
    def cmdlines(self) -> "Split[Optional[CommandLine]]":
        """The command line in effect; None where its file is missing (the firmware then uses one of its own)."""
        if self._cmdlines is None:
            self._cmdlines = command_lines(self.config, cmdline_names(self.config, self.files))
        return self._cmdlines

    @property
    def images(self) -> Dict[Tuple[str, ...], Condition]:
        """The initramfs images that are loaded and there, by the names of their files, with the worlds of each."""
        if self._images is None:
            self._images = present_images(self.config, self.files)
        return self._images

    def config_documents(self) -> List[Document]:
        """Every file in config.txt's format to be judged: what was run, and tryboot.txt and autoboot.txt beside it."""
        documents = list(self.config.run.documents)
        if not self.boot.single:
            for name in ("tryboot.txt", "autoboot.txt"):
                document = self.boot.document(name)
                if document is not None and document not in documents:
                    documents.append(document)
        return documents


def known(fact: "Fact[T]", what: str) -> Optional[T]:
    """The value of a fact (None: there is no such thing). Raises Lacking for one that is not known."""
    if not fact.known:
        raise Lacking("device", "needs to know {}: {}".format(what, fact.unknown))
    return fact.value


def carried(context: Context, other: EffectiveConfig, when: Condition) -> Condition:
    """Worlds of another evaluation, as ones of the context: what puts a world among them, said of these."""
    worlds, choices = context.config.worlds, dict(other.worlds.variables)
    known = dict(worlds.variables)
    if when in (TRUE, FALSE):
        return when
    result = TRUE
    for name, value in other.worlds.explain(when):
        here = name
        if value not in known.get(name, choices[name]):
            # Two files that compare one number with different ones have no values of it in common.
            here = "{} ({})".format(name, other.start.source.path)
        result = worlds.both(result, worlds.among(here, choices[name], value.__eq__))
    return result


def span_of(place: Place) -> Span:
    """The key and value (or brackets) of the statement at a place."""
    source = place.document.source
    start, end = header_span(parse_line(source.line_text(place.line)))
    return source.span(place.line, max(start, 0), end if end > 0 else None)


def hit_at(
    place: Place, message: str, when: Condition, related: Iterable[Related] = (), severity: Optional[str] = None
) -> Hit:
    """A hit at the statement of a place, with the headers that make it active as related places."""
    return Hit(place.document.source, span_of(place), message, when, tuple(because(place)) + tuple(related), severity)


def hit_on(
    line: CommandLine,
    argument: Argument,
    message: str,
    when: Condition,
    related: Iterable[Related] = (),
    severity: Optional[str] = None,
) -> Hit:
    """A hit on an argument of the kernel command line."""
    return Hit(line.source, line.place(argument), message, when, tuple(related), severity)


def because(place: Place, verb: str = "active because of") -> Iterator[Related]:
    """The headers in force at a place."""
    for header in place.headers:
        yield Related(
            Span(header.path, header.line, 1, header.line, 1 + len(header.text)), "{} {}".format(verb, header.text)
        )


def hit_file(
    document: Document, message: str, when: Condition, related: Iterable[Related] = (), severity: Optional[str] = None
) -> Hit:
    """A hit on a file as a whole."""
    return Hit(document.source, Span(document.source.path), message, when, tuple(related), severity)


def one_hit(hits: Iterable[Hit], context: Context) -> Iterator[Hit]:
    """Hits that are one fault seen in several worlds, as one: the likeliest speaks, the others are related places."""
    worlds, union = context.config.worlds, FALSE
    possible = [hit for hit in hits if hit.when != FALSE]
    if not possible:
        return
    for hit in possible:
        union = worlds.either(union, hit.when)
    first, *rest = sorted(possible, key=lambda hit: len(worlds.explain(hit.when)))
    others = tuple(Related(hit.span, hit.message) for hit in rest)
    yield first._replace(when=union if union == TRUE else first.when, related=first.related + others)


def merged(hits: Iterable[Hit], context: Context) -> Iterator[Hit]:
    """Hits that say the same of the same place in different worlds, as one; :mod:`scmguard.lint` asks for that."""
    found: Dict[Tuple[Span, str, Optional[str]], Hit] = {}
    for hit in hits:
        if hit.when == FALSE:
            continue
        key = hit.span, hit.message, hit.severity
        if key in found:
            hit = found[key]._replace(when=context.config.worlds.either(found[key].when, hit.when))
        found[key] = hit
    yield from found.values()
