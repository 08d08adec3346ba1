"""What a wheel carries in compiled form: parse tables of the grammars, and the rules as JSON."""

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
