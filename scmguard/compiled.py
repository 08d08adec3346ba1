"""What a wheel carries in compiled form: parse tables of the grammars, and the rules as JSON.

``python -m scmguard.compiled`` makes the same in a checkout, so that not every process reads YAML and grammars again.
"""

import json
import os
import shutil
import tempfile
from typing import Any, Dict

from scmguard import assets, rulebook
from scmguard.parse import tables


def contents() -> Dict[str, Any]:
    """Data that can be written as JSON, by the file name under which :func:`scmguard.assets.compiled` reads it."""
    files: Dict[str, Any] = {
        stem + ".json": tables.generate(assets.grammar(stem), starts) for stem, starts in tables.STARTS.items()
    }
    files.update(rulebook.as_data(*rulebook.read_folder(assets.rules_folder())))
    return files


def keep() -> str:
    """Keeps the compiled files of a checkout as it is now, and no others. Returns their folder. Raises OSError."""
    top = assets.kept_folder()
    folder = os.path.join(top, assets.state_of_checkout())
    if os.path.isdir(folder):
        return folder
    os.makedirs(top, exist_ok=True)
    older = os.listdir(top)
    new = tempfile.mkdtemp(dir=top)
    for name, data in contents().items():
        with open(os.path.join(new, name), "w", encoding="ascii") as stream:
            json.dump(data, stream)
    try:
        os.rename(new, folder)
    except OSError:
        # Another process was faster.
        shutil.rmtree(new)
        if not os.path.isdir(folder):
            raise
    for name in older:
        # Another process may clear away, too.
        shutil.rmtree(os.path.join(top, name), ignore_errors=True)
    return folder


if __name__ == "__main__":
    keep()
