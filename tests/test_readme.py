"""The README shows what the program prints, and lists the rules there are."""

import importlib.util
import os
from typing import Any

from tests.places import TOP


def _update_readme() -> Any:
    spec = importlib.util.spec_from_file_location("update_readme", os.path.join(TOP, "docs", "update_readme.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_readme_is_up_to_date() -> None:
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as stream:
        text = stream.read()
    assert _update_readme().updated(text) == text, "run docs/update_readme.py"
