"""Zymbit's software on a root file system: its settings, and whether the security module holds the root's key.

Sources: Zymbit documentation, ``tutorials/alternative-gpio`` and ``troubleshooting/general`` (zkenv.conf); Zymbit's
``install_zk_sw.sh`` and ``mk_encr_sd_rfs.sh``: a shell reads zkenv.conf, as does systemd (``EnvironmentFile``), and
crypttab names the key script.
"""

from typing import TYPE_CHECKING, NamedTuple, Optional

from scmguard.folder import Folder
from scmguard.text import Source, Span

if TYPE_CHECKING:
    from scmguard.rootfs.crypttab import Volume

#: Where the binding to the module is kept; not there before Zymbit's packages are.
HOME = "var/lib/zymbit"
ENVIRONMENT = HOME + "/zkenv.conf"
WAKE_PIN = "ZK_GPIO_WAKE_PIN"

#: What ``mk_encr_sd_rfs.sh`` calls the opened root.
CRYPTRFS = "cryptrfs"

_KEYSCRIPT = "zk_get_key"


class WakePin(NamedTuple):
    """The wake pin as zkenv.conf gives it (empty where nothing is behind the equals sign), and where."""

    value: str
    file: Source
    span: Span


def wake_pin(root: Folder) -> Optional[WakePin]:
    """The last line of zkenv.conf that sets the wake pin; None where none does. Raises Unreadable."""
    file = root.source(ENVIRONMENT)
    if file is None:
        return None
    found = None
    for line in file.lines:
        name, equals, value = line.text.strip().partition("=")
        if equals and name.split() in ([WAKE_PIN], ["export", WAKE_PIN]):
            words = value.strip().strip("\"'").split()
            found = WakePin(words[0] if words else "", file, file.span(line.number))
    return found


def unlocks(volume: "Volume") -> bool:
    """Whether a volume of crypttab gets its key from the module."""
    return (volume.keyscript or "").endswith(_KEYSCRIPT)
