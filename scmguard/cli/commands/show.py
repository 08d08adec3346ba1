"""The options of ``scmguard show``."""

import sys
from typing import Any, Optional

import click

from scmguard.cli.options import CONTEXT, files, input_options


@click.command("show", context_settings=CONTEXT)
@click.argument("path", required=False, shell_complete=files)
@click.argument("key", required=False)
@input_options
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report.")
@click.option(
    "--initrd",
    metavar="FILE",
    help="List this initial RAM file system instead, and check it.",
    shell_complete=files,
)
def command(path: Optional[str], key: Optional[str], initrd: Optional[str], **options: Any) -> None:
    """Show what is effective on the board, and the line that won; all of it, or one KEY."""
    if initrd is not None:
        from scmguard.cli.initrd import run as list_image

        sys.exit(list_image(initrd, path, options))
    from scmguard.cli.show import run

    sys.exit(run(path, key, options))
