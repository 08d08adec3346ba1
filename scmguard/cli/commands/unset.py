"""The options of ``scmguard unset``."""

import sys
from typing import Any, Tuple

import click

from scmguard.cli.options import CONTEXT, change_options


@click.command("unset", context_settings=CONTEXT)
@click.argument("words", nargs=-1, required=True, metavar="KEY...")
@click.option("--file", metavar="PATH", help="The file to change; this machine's config.txt by default.")
@click.option("--section", metavar="FILTER", help="Only what stands in that section: all, cm4, gpio4=1, ...")
@click.option("--dry-run", is_flag=True, help="Print what would change as a patch; write nothing.")
@click.option("--force", is_flag=True, help="Write in spite of new findings; takes a --reason.")
@click.option("--reason", metavar="TEXT", default="", help="Why, for the log.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report.")
@change_options
def command(words: Tuple[str, ...], **options: Any) -> None:
    """Take away the lines that set something, and change nothing else; prints "changed" or "unchanged".

    KEY is a setting, dtoverlay=NAME, dtparam=NAME, or gpio; of cmdline.txt the name of an argument, or NAME=VALUE.
    """
    from scmguard.cli.setting import run

    sys.exit(run(words, options, away=True))
