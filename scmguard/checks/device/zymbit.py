"""The Zymbit module of this machine, and its daemon.

Sources: Zymbit documentation, ``troubleshooting/general`` (zkifc must run) and the release notes of the SCM.
"""

from typing import Iterator

from scmguard.checks.base import Context, Hit, Params, known
from scmguard.checks.device.common import asked, hit_fact

# Zymbit release notes of the SCM, issue 159.
_LOSES_KEYS = "01.02.02release"


def scm_key_loss(context: Context, _params: Params) -> Iterator[Hit]:
    """The module's firmware must not be the one that forgets key pairs."""
    device = asked(context)
    version = known(device.module_firmware, "the version of the module's firmware")
    if version == _LOSES_KEYS:
        message = "the module's firmware is {}: key pairs that it makes in slots 16 and up are gone after a reboot"
        yield hit_fact(device.module_firmware, message.format(version))


def default_password(context: Context, _params: Params) -> Iterator[Hit]:
    """The user that units are shipped with must not have the password that they are shipped with."""
    device = asked(context)
    if known(device.default_password, "how the password of zymbit is stored"):
        message = "the user zymbit still has the password that every unit is shipped with"
        yield hit_fact(device.default_password, message)


def zkifc_not_running(context: Context, _params: Params) -> Iterator[Hit]:
    """The interface daemon must run."""
    device = asked(context)
    state = known(device.zkifc, "whether zkifc runs")
    if state == "stopped":
        yield hit_fact(device.zkifc, "zkifc is installed and does not run: nothing can reach the security module")
