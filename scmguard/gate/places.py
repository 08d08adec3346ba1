"""Where the gate keeps what it has to remember.

Loaded by every apt run, so that it imports nothing.
"""

from __future__ import annotations

#: For root alone. The ledger of ``seal`` is there, too.
STATE_FOLDER = "/var/lib/scmguard"
STATE = STATE_FOLDER + "/gate/state"
OPEN = STATE_FOLDER + "/gate/open"
LOCK = STATE_FOLDER + "/gate/lock"
OVERRIDE = STATE_FOLDER + "/gate/override.json"
#: The faults that the present boot began with.
BOOTED = STATE_FOLDER + "/gate/booted"
LOG = "/var/log/scmguard.log"
#: How the files looked that it looked at last.
SEEN = "/run/scmguard/seen"
#: What the reboot guard found last: the reason why the next boot is not safe, or nothing.
UNSAFE = "/run/scmguard/unsafe"
