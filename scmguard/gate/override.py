"""The word of somebody who answers for a change that the gate would stop."""

import json
import os
from contextlib import suppress
from typing import NamedTuple, Optional

from scmguard import atomic
from scmguard.gate import plain
from scmguard.gate.places import OVERRIDE

#: An override for transactions ends after this many seconds, used or not.
LONGEST = 24 * 3600


class Override(NamedTuple):
    """Why, by whom, made and ending when (seconds since 1970), and for how many transactions (0: any number)."""

    reason: str
    who: str
    made: int
    until: int
    transactions: int = 0


def read(now: float, path: str = OVERRIDE) -> Optional[Override]:
    """The override in force; None without one, for one that has ended, and for one that cannot be read."""
    try:
        found = Override(**json.loads(plain.read(path)))
        types = (str, str, int, int, int)
        if not all(type(value) is kind for value, kind in zip(found, types)) or not found.reason.strip():
            return None
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    end = min(found.until, found.made + LONGEST) if found.transactions else found.until
    # A clock that went back does not make it last for ever.
    return found if found.made - LONGEST <= now < end else None


def write(override: Override, path: str = OVERRIDE) -> None:
    """Makes it count from now on. Raises OSError."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    atomic.replace(path, [json.dumps(override._asdict()).encode("ascii")], 0o600)


def use(override: Override, path: str = OVERRIDE) -> None:
    """Takes one transaction off it, the last one with the override itself. Raises OSError."""
    if override.transactions == 0:
        return
    if override.transactions > 1:
        write(override._replace(transactions=override.transactions - 1), path)
    else:
        end(path)


def end(path: str = OVERRIDE) -> None:
    """Takes it away. Raises OSError."""
    with suppress(FileNotFoundError):
        os.unlink(path)
        atomic.sync_folder(os.path.dirname(path))
