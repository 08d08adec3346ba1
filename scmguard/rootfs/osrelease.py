"""Which system a root file system is.

Source: os-release(5): ``/etc/os-release`` before ``/usr/lib/os-release``; one assignment a line, values may be quoted;
``ID``, ``VERSION_ID``, ``VERSION_CODENAME``.
"""

from typing import Dict

from scmguard.folder import Folder

PLACES = ("etc/os-release", "usr/lib/os-release")


def read(root: Folder) -> Dict[str, str]:
    """The variables of os-release; none where there is no such file. Raises Unreadable."""
    for name in PLACES:
        source = root.source(name)
        if source is not None:
            found: Dict[str, str] = {}
            for line in source.lines:
                key, equals, value = line.text.strip().partition("=")
                if equals and not key.startswith("#"):
                    found[key] = value.strip("\"'")
            return found
    return {}
