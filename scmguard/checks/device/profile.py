"""Whether the machine is what the profile says it is."""

from typing import Iterator

from scmguard.checks.base import Context, Hit, Params, known
from scmguard.checks.device.common import asked, hit_fact
from scmguard.effective.board import BOARDS


def profile_mismatch(context: Context, _params: Params) -> Iterator[Hit]:
    """The board must be the one that is checked for, and one with a Zymbit module must have what is needed for it."""
    device, board = asked(context), context.config.board
    if context.profile.get("zymkey") and device.zkifc.known and device.zkifc.value == "absent":
        message = "the profile is for a Zymbit module, and zkifc, without which none works, is not installed"
        yield hit_fact(device.zkifc, message)
    name = known(device.board, "the board")
    if name is not None and name != board.name:
        model = device.model.value if device.model.known else BOARDS[name].model
        message = "this machine is a {} ({}), and it is checked as {} ({})"
        yield hit_fact(device.board, message.format(name, model, board.name, board.model))
