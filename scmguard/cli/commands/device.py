"""The options of ``scmguard device``."""

import sys
from typing import Any

import click

from scmguard.cli.options import CONTEXT, files


@click.command("device", context_settings=CONTEXT)
@click.option(
    "--record",
    metavar="FILE",
    help="Write what was found into FILE, with serial numbers replaced.",
    shell_complete=files,
)
@click.option(
    "--from", "from_", metavar="FILE", help="Tell about the machine that was recorded in FILE.", shell_complete=files
)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report.")
def command(**options: Any) -> None:
    """Show what this machine is: each fact with where it is from, or why it is not known."""
    from scmguard.cli.device import run

    sys.exit(run(options))
