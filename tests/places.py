"""Where test data outside the project may be, and the marks of tests that need it."""

import atexit
import compileall
import importlib
import json
import os
import shutil
import sys
import tempfile
from functools import lru_cache
from types import ModuleType

import pytest

from scmguard import compiled

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: Real boot files from public repositories; not part of the project.
CORPUS = os.environ.get("SCMGUARD_CORPUS", os.path.join(os.path.dirname(TOP), "shared", "corpus"))

needs_corpus = pytest.mark.skipif(
    not os.path.isdir(CORPUS), reason="the corpus of real boot files is not here (SCMGUARD_CORPUS)"
)

#: The Debian packages that ship hooks and scripts of the initramfs, one a line.
HOOK_PACKAGES = os.path.join(CORPUS, "debian-hook-packages.txt")

#: Facts about boot files with their sources; not part of the project either.
REFERENCE = os.environ.get("SCMGUARD_REFERENCE", os.path.join(os.path.dirname(TOP), "shared", "reference"))

needs_reference = pytest.mark.skipif(
    not os.path.isdir(REFERENCE), reason="the reference texts are not here (SCMGUARD_REFERENCE)"
)


def docs_script(name: str) -> ModuleType:
    """A script of the folder docs as a module; what it imports from beside it is found."""
    folder = os.path.join(TOP, "docs")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)


@lru_cache(maxsize=None)
def staged() -> str:
    """A folder for PYTHONPATH with the package laid out as the wheel lays it out.

    A run from it takes a fraction of the time of one from the checkout, which reads YAML and makes parse tables anew.
    """
    folder = tempfile.mkdtemp(prefix="scmguard-staged-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    package = os.path.join(folder, "scmguard")
    shutil.copytree(os.path.join(TOP, "scmguard"), package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("grammars", "rules"):
        shutil.copytree(os.path.join(TOP, name), os.path.join(package, "_data", name))
    os.makedirs(os.path.join(package, "_data", "compiled"))
    for name, data in compiled.contents().items():
        with open(os.path.join(package, "_data", "compiled", name), "w", encoding="utf-8") as stream:
            json.dump(data, stream)
    compileall.compile_dir(package, quiet=2)
    return folder
