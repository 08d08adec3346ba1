"""Build hook of the wheel: compiles grammars to parse tables and rules to JSON.

An editable install has none of this, so that a change of a grammar or a rule counts at once.
"""

import json
import os
import sys
from typing import Any, Dict

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileHook(BuildHookInterface):  # type: ignore[misc,type-arg,unused-ignore]
    """Puts ``scmguard/_data/compiled`` into the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: Dict[str, Any]) -> None:
        """Called by hatchling before it collects files; ``version`` is ``standard`` or ``editable``."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from scmguard import compiled

        folder = os.path.join(self.root, "build", "compiled")
        os.makedirs(folder, exist_ok=True)
        for name, data in compiled.contents().items():
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as stream:
                json.dump(data, stream, separators=(",", ":"))
            build_data["force_include"][path] = "scmguard/_data/compiled/" + name
