"""``scmguard schema``, and its argument."""

import sys

import click

from scmguard.cli.options import CONTEXT

#: What there are schemas of: files that people write, and reports.
NAMES = ("baseline", "change", "config", "device", "diff", "initrd", "recording", "report", "rule")


@click.command("schema", context_settings=CONTEXT)
@click.argument("name", type=click.Choice(NAMES))
def command(name: str) -> None:
    """Print the JSON Schema of a file or a report, for editors and validators.

    \b
    scmguard schema config >.scmguard.schema.json
    and then in .scmguard.yaml:
    # yaml-language-server: $schema=.scmguard.schema.json
    """
    from scmguard import assets
    from scmguard.cli.console import print_pieces

    print_pieces([assets.package_file("schema", name + "-1.json").decode("utf-8")], sys.stdout)
