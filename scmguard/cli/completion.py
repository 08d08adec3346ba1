"""``scmguard completion``: what makes shells ask scmguard for the words that can come next."""

import sys

from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from scmguard.cli.console import print_pieces

_KINDS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


def run(shell: str) -> int:
    """Prints the script for a shell; returns the exit code."""
    print_pieces([script(shell)], sys.stdout)
    return 0


def script(shell: str) -> str:
    """The script for ``bash``, ``zsh`` or ``fish``."""
    from scmguard.cli.main import cli

    # Bash's own method would run bash to ask for its version, which says nothing about the shell that will read this.
    return ShellComplete.source(_KINDS[shell](cli, {}, "scmguard", "_SCMGUARD_COMPLETE"))
