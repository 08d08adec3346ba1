"""The Zymbit module of this machine, and its daemon.

Sources: Zymbit documentation, ``troubleshooting/general`` (zkifc must run) and the release notes of the SCM.
"""

from typing import Iterator

from scmguard.checks.base import Context, Hit, Params, known
from scmguard.checks.device.common import asked, hit_fact


def zkifc_not_running(context: Context, _params: Params) -> Iterator[Hit]:
    """The interface daemon must run."""
    device = asked(context)
    state = known(device.zkifc, "whether zkifc runs")
    if state == "stopped":
        yield hit_fact(device.zkifc, "zkifc is installed and does not run: nothing can reach the security module")
