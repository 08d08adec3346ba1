"""The options of ``scmguard set``."""

import sys
from typing import Any, Tuple

import click

from scmguard.cli.options import CONTEXT, change_options


@click.command("set", context_settings=CONTEXT)
@click.argument("words", nargs=-1, required=True, metavar="KEY=VALUE...")
@click.option("--file", metavar="PATH", help="The file to change; this machine's config.txt by default.")
@click.option("--section", metavar="FILTER", help="Where it is to be in effect: all (the default), cm4, gpio4=1, ...")
@click.option("--dry-run", is_flag=True, help="Print what would change as a patch; write nothing.")
@click.option("--force", is_flag=True, help="Write in spite of new findings; takes a --reason.")
@click.option("--reason", metavar="TEXT", default="", help="Why, for the log.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report.")
@change_options
def command(words: Tuple[str, ...], **options: Any) -> None:
    """Put settings into effect, and change nothing else; prints "changed" or "unchanged".

    Of cmdline.txt (also with --as cmdline.txt) the words are arguments, as in: quiet console=tty1.
    """
    from scmguard.cli.setting import run

    sys.exit(run(words, options, away=False))
