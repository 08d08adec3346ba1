"""Where grammars, rules and catalogues are: in the installed package, or at the top of a checkout.

A wheel carries ``grammars/`` and ``rules/`` under ``scmguard/_data`` together with what was compiled from
them. Files are read through the module's loader, so that a package inside a zip archive works too.
"""

import os
from typing import Any, List, Optional

_HERE = os.path.dirname(os.path.abspath(__file__))
_SHIPPED = os.path.join(_HERE, "_data")
_CHECKOUT = os.path.dirname(_HERE)


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
    """A file made from grammars or rules when the wheel was built, or None in a checkout."""
    return _read(os.path.join(_SHIPPED, "compiled", name))


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
