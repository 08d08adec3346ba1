"""Puts the program's lists (boards, profiles, needs, facts, severities) into the JSON Schemas of what people write.

Run it after a change of one of them; a test fails while a schema is out of date. All else in the schemas is by hand.
"""

import json
import os
import sys
from typing import Any, Dict

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(TOP, "scmguard", "schema")


def schema(name: str) -> Dict[str, Any]:
    """The schema of that name, as it is."""
    with open(os.path.join(FOLDER, name), encoding="utf-8") as stream:
        found: Dict[str, Any] = json.load(stream)
    return found


def updated() -> Dict[str, str]:
    """The text of each schema with lists in it, by its file's name."""
    from scmguard import rulebook, rulefile
    from scmguard.device.facts import Device
    from scmguard.effective.board import BOARDS
    from scmguard.finding import SEVERITIES

    config, rule = schema("config-1.json"), schema("rule-1.json")
    keys = config["properties"]
    keys["profile"]["enum"] = list(rulebook.load().profiles)
    keys["boards"]["items"]["enum"] = list(BOARDS)
    keys["fail-on"]["enum"] = list(SEVERITIES)
    keys = rule["properties"]
    keys["severity"]["enum"] = list(SEVERITIES)
    keys["needs"]["items"]["enum"] = keys["wants"]["items"]["enum"] = list(rulefile.NEEDS)
    keys["facts"]["items"]["enum"] = list(Device._fields)
    return {
        name: json.dumps(data, indent=2) + "\n" for name, data in (("config-1.json", config), ("rule-1.json", rule))
    }


if __name__ == "__main__":
    sys.path.insert(0, TOP)
    for name, text in updated().items():
        with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as stream:
            stream.write(text)
