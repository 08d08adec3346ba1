"""Parsers: text in, lossless tree out. One module per grammar in ``grammars/``, with the same stem."""

import json
from functools import lru_cache

from scmguard import assets
from scmguard.parse.lalr import Grammar


@lru_cache(maxsize=None)
def grammar(stem: str) -> Grammar:
    """The grammar ``grammars/<stem>.lark``, from compiled tables where the package carries them."""
    data = assets.compiled(stem + ".json")
    if data is not None:
        return Grammar(json.loads(data))
    from scmguard.parse import tables

    return Grammar(tables.generate(assets.grammar(stem), tables.STARTS[stem]))
