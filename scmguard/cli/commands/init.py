"""The options of ``scmguard init``."""

import sys
from typing import Optional

import click

from scmguard.cli.options import CONTEXT, folders, profile_option


@click.command("init", context_settings=CONTEXT)
@click.argument("folder", required=False, default=".", metavar="[DIR]", shell_complete=folders)
@profile_option()
def command(folder: str, profile: Optional[str]) -> None:
    """Write a first .scmguard.yaml and a pre-commit configuration into DIR, or the current folder.

    Nothing is overwritten. Where there is a .pre-commit-config.yaml, the entry for it is printed.
    """
    from scmguard.cli.init import run

    sys.exit(run(folder, profile))
