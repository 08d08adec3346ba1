"""The options of ``scmguard init``."""

import sys
from typing import Optional

import click

from scmguard.cli.options import CONTEXT


@click.command("init", context_settings=CONTEXT)
@click.argument("folder", required=False, default=".", metavar="[DIR]")
@click.option("--profile", metavar="NAME", help="What the device is: scm (the default), cm4, pi4, pi5, ...")
def command(folder: str, profile: Optional[str]) -> None:
    """Write a first .scmguard.yaml and a pre-commit configuration into DIR, or the current folder.

    Nothing is overwritten. Where there is a .pre-commit-config.yaml, the entry for it is printed.
    """
    from scmguard.cli.init import run

    sys.exit(run(folder, profile))
