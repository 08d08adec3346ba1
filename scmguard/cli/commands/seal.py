"""The options of ``scmguard seal``."""

import sys
from typing import Any

import click

from scmguard.cli.options import CONTEXT, boards, config_option, profile_option


@click.command("seal", context_settings=CONTEXT)
@click.option("--dry-run", is_flag=True, help="Show what would be signed, and why; sign nothing.")
@click.option("--all", "all_", is_flag=True, help="Sign unchanged files, too.")
@click.option("--rebuild", is_flag=True, help="Begin a new ledger, and sign all files for it.")
@profile_option("What the device is: scm (the default), zymkey, ...")
@click.option("--board", "boards", multiple=True, metavar="NAME", help="Check for this board.", shell_complete=boards)
@config_option()
def command(**options: Any) -> None:
    """Check the boot files of this machine, and have the Zymbit module sign the supervised ones that changed."""
    from scmguard.cli.seal import run

    sys.exit(run(options))
