"""Where grammars, rules and catalogues are: in the installed package, or at the top of a checkout.

A wheel carries ``grammars/`` and ``rules/`` under ``scmguard/_data`` together with what was compiled from
them. Files are read through the module's loader, so that a package inside a zip archive works too.
"""

import os
from functools import lru_cache
from typing import Any, List, Optional

_HERE = os.path.dirname(os.path.abspath(__file__))
_SHIPPED = os.path.join(_HERE, "_data")
_CHECKOUT = os.path.dirname(_HERE)
# What has a say in what compiled files look like, and in what is refused.
_MAKERS = (
    "assets.py",
    "compiled.py",
    "example_files.py",
    "rulebook.py",
    "rulefile.py",
    os.path.join("checks", "__init__.py"),
    os.path.join("checks", "verbs.py"),
    os.path.join("device", "facts.py"),
    os.path.join("effective", "board.py"),
    os.path.join("parse", "lalr.py"),
    os.path.join("parse", "tables.py"),
)


def _read(path: str) -> Optional[bytes]:
    loader: Any = __loader__  # type: ignore[name-defined]  # noqa: F821
    try:
        data: bytes = loader.get_data(path)
    except OSError:
        return None
    return data


def package_file(*parts: str) -> bytes:
    """The bytes of a file inside the package folder. Raises FileNotFoundError."""
    path = os.path.join(_HERE, *parts)
    data = _read(path)
    if data is None:
        raise FileNotFoundError(path)
    return data


def compiled(name: str) -> Optional[bytes]:
    """A file made from grammars or rules when the wheel was built; in a checkout one that its tests made, if any.

    What tests made counts as long as nothing that it was made from has changed.
    """
    data = _read(os.path.join(_SHIPPED, "compiled", name))
    if data is None and os.path.isdir(kept_folder()):
        data = _read(os.path.join(kept_folder(), state_of_checkout(), name))
    return data


def kept_folder() -> str:
    """The folder of a checkout in which :mod:`scmguard.compiled` keeps what it made, by the state of the sources."""
    return os.path.join(_CHECKOUT, ".compiled")


@lru_cache(maxsize=None)
def state_of_checkout() -> str:
    """A digest of everything that compiled files are made from, and by."""
    from hashlib import sha256

    found = sha256()
    folders = [os.path.join(_CHECKOUT, name) for name in ("grammars", "rules", os.path.join("rules", "profiles"))]
    paths = [os.path.join(folder, name) for folder in folders for name in sorted(os.listdir(folder)) if "." in name]
    for path in paths + [os.path.join(_HERE, name) for name in _MAKERS]:
        found.update(path.encode("utf-8", "surrogateescape") + b"\0" + (_read(path) or b"") + b"\0")
    return found.hexdigest()


def grammar(stem: str) -> str:
    """The text of ``grammars/<stem>.lark``. Raises FileNotFoundError."""
    for base in (_SHIPPED, _CHECKOUT):
        data = _read(os.path.join(base, "grammars", stem + ".lark"))
        if data is not None:
            return data.decode("utf-8")
    raise FileNotFoundError(os.path.join("grammars", stem + ".lark"))


def rules_folder() -> str:
    """The folder with the YAML files of the rules (profiles are in ``profiles`` below it)."""
    shipped = os.path.join(_SHIPPED, "rules")
    return shipped if os.path.isdir(shipped) else os.path.join(_CHECKOUT, "rules")


def yaml_files(folder: str) -> List[str]:
    """The paths of the ``.yaml`` files directly in ``folder``, sorted by name."""
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".yaml"))
