"""The options of ``scmguard restore``."""

import sys
from typing import Any, Optional, Tuple

import click

from scmguard.cli.options import CONTEXT


@click.command("restore", context_settings=CONTEXT)
@click.argument("name", required=False)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--dry-run", is_flag=True, help="Show what would be put back; write nothing.")
def command(name: Optional[str], files: Tuple[str, ...], **options: Any) -> None:
    """Put boot files back as they were in the snapshot NAME, or in the last one without a fault."""
    from scmguard.cli.snapshot import run_restore

    sys.exit(run_restore(name, files, options))
