"""Supervised Boot: files that the Zymbit module verifies, against what they were when they were last signed.

Source: Zymbit documentation, ``tutorials/supervised-boot`` and the Python API: the manifest is inside the module, its
names are relative to the boot partition, and it gives no hashes back; a file that was changed and not signed again
stops the boot, unless the binding is not locked (Development Mode), where the unit only flashes. Hence the ledger,
which ``seal`` keeps.
"""

from typing import TYPE_CHECKING, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from scmguard.boot import Boot
from scmguard.checks.base import Context, Hit, Params, known
from scmguard.checks.device.common import asked
from scmguard.digest import Digest, digest
from scmguard.effective.bootfiles import Choice, firmware_files
from scmguard.effective.worlds import TRUE, Condition, Split
from scmguard.finding import Related
from scmguard.folder import Lacking
from scmguard.text import Span, date

if TYPE_CHECKING:
    from scmguard.device.facts import Signed

_HIDDEN = "; Development Mode hides this: the unit boots all the same, until its binding is locked"


class Manifest(NamedTuple):
    """The supervised files; ``assumed`` says where the list is from, if not from the module."""

    names: Tuple[str, ...]
    assumed: str = ""


def supervised_file_changed(context: Context, _params: Params) -> Iterator[Hit]:
    """A supervised file must be as it was when it was signed."""
    device = asked(context)
    manifest = manifest_of(context)
    ledger = {entry.name: entry for entry in _ledger(context)}
    unlisted: List[str] = []
    for name in manifest.names:
        entry = ledger.get(name)
        found = _digest(context.boot, name)
        if entry is None:
            unlisted.append(name)
        elif found is not None and found != (entry.size, entry.sha256):
            message = "{} was changed after it was signed ({}) and not signed again".format(name, date(entry.time))
            if not entry.sha256:
                message = "signing {} was interrupted ({}): which content is signed is not known"
                message = message.format(name, date(entry.time))
            yield _hit(context, name, message, manifest)
    if unlisted:
        says = "needs to know when these were signed: {}; `scmguard seal` enters them into the ledger {}"
        raise Lacking("device", says.format(", ".join(unlisted), device.ledger.source))


def supervised_file_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """A supervised file must be on the boot partition. Of an assumed list only what was signed once must be there."""
    manifest = manifest_of(context)
    signed = {entry.name for entry in asked(context).ledger.value or ()}
    for name in manifest.names:
        if not context.boot.exists(name) and (not manifest.assumed or name in signed):
            yield _hit(context, name, "{} is supervised and not on the boot partition".format(name), manifest)


def supervised_manifest_gap(context: Context, _params: Params) -> Iterator[Hit]:
    """What decides the boot must be supervised, once anything is.

    A list that is only assumed says nothing here, unless somebody wrote it into the configuration. The files that
    choose and start the system are of the rule's severity. Device trees, overlays and the firmware itself are hygiene:
    the list that units are shipped with leaves most of them out.
    """
    device = asked(context)
    if not device.manifest.known and not context.profile.get("supervised"):
        known(device.manifest, "which files are supervised")
    manifest = manifest_of(context)
    supervised = {name.lower() for name in manifest.names}
    for part in _deciding(context) if supervised else ():
        if part.name.lower() not in supervised and context.boot.exists(part.name):
            message = "{} {} and is not supervised: nothing notices when it is changed"
            yield Hit(
                None,
                Span(context.boot.files.label(part.name)),
                message.format(part.name, part.role),
                part.when,
                _said(manifest),
                part.severity,
                possible=bool(manifest.assumed),
            )


class _Part(NamedTuple):
    """A file that takes part in the boot: its name, in which worlds, what it does, and a milder severity."""

    name: str
    when: Condition
    role: str
    severity: Optional[str] = None


def _deciding(context: Context) -> Iterator[_Part]:
    config, files, boot = context.config, context.files, context.boot
    read = [boot.name_of(document) for document in config.run.documents]
    for name in (*filter(None, read), "autoboot.txt", "tryboot.txt"):
        yield _Part(name, TRUE, "is read by the firmware")
    by_choice: Sequence[Tuple[Split[Choice], str, Optional[str]]] = (
        (files.cmdline, "is the kernel's command line", None),
        (files.kernel, "is the kernel", None),
        (files.initramfs, "is the initramfs", None),
        (files.device_tree, "is the device tree", "hygiene"),
        (firmware_files(config).map(lambda pair: pair.start), "is the firmware", "hygiene"),
    )
    for choices, role, severity in by_choice:
        for when, choice in choices:
            # Of several names the firmware takes the first that is there; parts of an initramfs are all taken.
            present = [name for name in choice.names if boot.exists(name)]
            for name in present if role == "is the initramfs" else present[:1]:
                yield _Part(name, when, role, severity)
    for when, load in config.loads:
        if load.resolved is not None:
            yield _Part(config.overlays.file(load.resolved), when, "is loaded as an overlay", "hygiene")


def manifest_of(context: Context) -> Manifest:
    """The module's list; where it is not known, the configuration's, that of what was signed before, or the shipped."""
    device = asked(context)
    if device.manifest.known:
        return Manifest(device.manifest.value or (), "")
    why = "the module's own list is not known: {}".format(device.manifest.unknown)
    if context.profile.get("supervised"):
        return Manifest(tuple(context.profile["supervised"]), "the configuration names it; " + why)
    if device.ledger.known and device.ledger.value:
        return Manifest(tuple(entry.name for entry in device.ledger.value), "it was signed before; " + why)
    shipped = tuple(context.profile.get("shipped-supervised") or ())
    if not shipped:
        known(device.manifest, "which files are supervised")
    return Manifest(shipped, "units are shipped with it supervised; " + why)


def _ledger(context: Context) -> "Tuple[Signed, ...]":
    fact = asked(context).ledger
    found = known(fact, "what was signed")
    if found is None:
        raise Lacking(
            "device", "needs to know what was signed: there is no {}; `scmguard seal` makes it".format(fact.source)
        )
    return found


def _hit(context: Context, name: str, message: str, manifest: Manifest) -> Hit:
    """A hit on a supervised file: milder where the module is known to let the unit boot all the same."""
    binding = asked(context).binding
    tolerated = binding.value is not None and not binding.value.locked
    message += _HIDDEN if tolerated else ""
    span = Span(context.boot.files.label(name))
    related = _said(manifest)
    if not binding.known:
        related += (Related(span, "whether the binding is locked is not known: {}".format(binding.unknown)),)
    severity = "degraded" if tolerated else None
    return Hit(None, span, message, related=related, severity=severity, boardless=True, possible=bool(manifest.assumed))


def _said(manifest: Manifest) -> Tuple[Related, ...]:
    return (Related(Span("supervised files"), manifest.assumed),) if manifest.assumed else ()


def _digest(boot: Boot, name: str) -> Optional[Digest]:
    """A file's digest, made once however many rules and boards ask for it. Raises Unreadable."""
    key = "digest", name
    if key not in boot.memo:
        boot.memo[key] = digest(boot.files, name)
    found: Optional[Digest] = boot.memo[key]
    return found
