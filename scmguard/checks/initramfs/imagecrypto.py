"""Whether an initramfs image can open the encrypted root: its table, cryptsetup, libraries, device mapper, ciphers.

Sources: cryptsetup 2:2.6.1-4~deb12u2, ``hooks/cryptroot`` (what goes into an image; libgcc_s for libargon2) and
``scripts/local-top/cryptroot`` (``cryptroot/crypttab`` is the table at boot; ``cryptopts=`` replaces it). Zymbit
documentation, ``bootware/2.0.0/troubleshooting`` (the salt in the initramfs must be that of the root file system).
"""

import re
from typing import Dict, Iterator, List, Tuple

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.initramfs.common import is_encrypted, root_facts
from scmguard.checks.initramfs.images import Image, Present, each_image, kernel_releases, present_modules
from scmguard.checks.kernelargs import roots
from scmguard.effective.worlds import FALSE, TRUE, Condition
from scmguard.finding import Related
from scmguard.folder import Folder
from scmguard.initrd.contents import SMALL
from scmguard.rootfs import mounts
from scmguard.rootfs.crypttab import Volume, volumes
from scmguard.rootfs.zymbit import HOME
from scmguard.text import Source, Span

TABLE = "cryptroot/crypttab"
_CRYPTSETUP = "sbin/cryptsetup"
# Scripts of cryptsetup-initramfs itself; another one that calls it may open the root by itself.
_OWN = re.compile(r"scripts/(?:local-top|local-block|local-bottom)/crypt")
_AES = re.compile(r"(?:\A|_)aes(?:_|\Z)|aesni")
_XTS = re.compile(r"(?:\A|_)xts(?:_|\Z)|aes_(?:neon|ce)_b(?:lk|s)|aesni")


def volumes_inside(image: Image) -> Tuple[Volume, ...]:
    """The volumes that an image opens at boot."""
    data = image.contents.text(TABLE)
    return () if data is None else tuple(volumes(Source("{} ({})".format(TABLE, image.path), data)))


def wanted(context: Context) -> List[Tuple[str, Condition]]:
    """The names of the volumes that have to be opened for the root, with the worlds in which they are.

    Those of crypttab, else of the command line. A name with a dash may be a logical volume, which nobody opens.
    """
    found = root_facts(context)
    if found is not None and found.encrypted_root is not None:
        return [(found.encrypted_root.target, TRUE)]
    names: Dict[str, Condition] = {}
    for root in roots(context):
        name = mounts.mapper_name(root.value)
        given = any(word.name == "cryptopts" for word in root.line.initramfs_words)
        if name and "-" not in name.replace("--", "") and not given:
            names[name] = context.config.worlds.either(names.get(name, FALSE), root.when)
    return list(names.items())


def initrd_without_crypto(context: Context, _params: Params) -> Iterator[Hit]:
    """Images of initramfs-tools that cannot open the encrypted root."""
    names = wanted(context)
    if not names and not is_encrypted(context):
        return

    def judge(image: Image) -> Iterator[Hit]:
        if not image.is_initramfs_tools:
            return
        for message, when in _faults(context, image, names):
            both = context.config.worlds.both(image.when, when)
            if both != FALSE:
                yield Hit(None, image.span, "{} {}".format(image.path, message), both)

    yield from each_image(context, judge)


def _faults(context: Context, image: Image, names: List[Tuple[str, Condition]]) -> Iterator[Tuple[str, Condition]]:
    """What is wrong with an image, as the end of a sentence that begins with its name."""
    contents = image.contents
    program = contents.find(_CRYPTSETUP)
    if program is None:
        yield "has no cryptsetup: nothing in it can open the root", TRUE
        return
    lacking = contents.lacking_libraries(_CRYPTSETUP)
    if lacking:
        yield "has cryptsetup without {}: it cannot start".format(", ".join(lacking[:4])), TRUE
    if contents.needs(_CRYPTSETUP, "libargon2.so") and not contents.has_library("libgcc_s.so.1"):
        yield "has cryptsetup without libgcc_s.so.1, which it ends for lack of when it derives a key with argon2", TRUE
    inside = {volume.target for volume in volumes_inside(image)}
    if not _opens_itself(image):
        for name, when in names:
            if name not in inside:
                listed = "only {}".format(", ".join(sorted(inside)[:4])) if inside else "nothing"
                yield "does not open {}: its {} names {}".format(name, TABLE, listed), when
    for _name, when, release in kernel_releases(context):
        if release is not None and release in contents.releases:
            present = present_modules(context, contents, release)
            for fault in _module_faults(present):
                yield fault, when


def _opens_itself(image: Image) -> bool:
    """Whether a script in the image that is not of cryptsetup-initramfs calls cryptsetup."""
    return any(
        name.startswith("scripts/") and not _OWN.match(name) and b"cryptsetup" in data
        for name, data in image.contents.texts.items()
    )


def _module_faults(present: Present) -> Iterator[str]:
    missed = [name for name in ("dm_mod", "dm_crypt") if present.is_missed(name)]
    if missed:
        yield "lacks {} for {}: an encrypted volume cannot be opened".format(" and ".join(missed), present.release)
        return
    if not present.builtin_known:
        return
    names = list(present.names())
    if any("adiantum" in name for name in names):
        return
    lacking = [what for what, form in (("aes", _AES), ("xts", _XTS)) if not any(map(form.search, names))]
    if lacking:
        yield "lacks the cipher ({}) for {}".format(" and ".join(lacking), present.release)


def initrd_salt_differs(context: Context, _params: Params) -> Iterator[Hit]:
    """Files of Zymbit's that bind the root to the module, and that are others in the image than on the root."""
    root = context.boot.root
    if root is None:
        return
    files = tuple(_binding_files(root, HOME, 0))

    def judge(image: Image) -> Iterator[Hit]:
        contents = image.contents
        if not files or contents.find(HOME) is None:
            return
        different: List[Related] = []
        for path in files:
            status = root.status(path) if root is not None else None
            if root is None or status is None or status.size > SMALL:
                continue
            inside = contents.text(path)
            if inside is None or inside != root.read(path):
                state = "is not in the image" if contents.find(path) is None else "is another in the image"
                different.append(Related(Span(root.label(path)), "{} {}".format(path, state)))
        if different:
            message = "{}: {}".format(image.path, different[0].message)
            more = len(different) - 1
            message += ", and {} more".format(more) if more else ""
            yield Hit(None, image.span, message, image.when, tuple(different[:5]))

    yield from each_image(context, judge)


# The salt of the key, and the key locked to the module (Zymbit's key script and salt-fix script).
_BINDING = ("s1_fp_salt.bin", "key.bin.lock")
_DEPTH = 4


def _binding_files(root: Folder, folder: str, depth: int) -> Iterator[str]:
    for name in root.names(folder):
        path = "{}/{}".format(folder, name)
        if name in _BINDING:
            yield path
        elif depth < _DEPTH and "." not in name and root.link(path) is None:
            yield from _binding_files(root, path, depth + 1)
