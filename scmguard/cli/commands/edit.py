"""The options of ``scmguard edit``."""

import sys
from typing import Any, Optional

import click

from scmguard.cli.options import CONTEXT, change_options


@click.command("edit", context_settings=CONTEXT)
@click.argument("file", required=False)
@change_options
def command(file: Optional[str], **options: Any) -> None:
    """Edit a boot file as visudo does: a private copy in your editor, a check, then the file as a whole.

    FILE is this machine's config.txt (or what --as names) when none is given. The editor is VISUAL or EDITOR.
    """
    from scmguard.cli.edit import run

    sys.exit(run(file, options))
