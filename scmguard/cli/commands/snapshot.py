"""The options of ``scmguard snapshot``."""

import sys
from typing import Any

import click

from scmguard.cli.options import CONTEXT


@click.command("snapshot", context_settings=CONTEXT)
@click.option("--list", "list_", is_flag=True, help="List what is kept, the youngest last.")
@click.option("--reason", metavar="TEXT", help="What it is for, for the list.")
def command(**options: Any) -> None:
    """Keep the boot files of this machine as they are now."""
    from scmguard.cli.snapshot import run_snapshot

    sys.exit(run_snapshot(options))
