"""The options of ``scmguard check``."""

import sys
from typing import Any, Tuple

import click

from scmguard.cli.options import CONTEXT, SEVERITIES, choosing_options, files, input_options
from scmguard.report.session import FORMATS


@click.command("check", context_settings=CONTEXT)
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=files)
@input_options
@click.option("--format", "format_", type=click.Choice(list(FORMATS)), default="text", help="How to report.")
@click.option("--output", metavar="FILE", help="Write the report there instead of printing it.", shell_complete=files)
@click.option("--fail-on", type=click.Choice(SEVERITIES), help="Exit with 1 from this severity up (degraded).")
@choosing_options
@click.option("--staged", is_flag=True, help="Check what the git index has: the PATHs, or all that differs from HEAD.")
@click.option("--pre-commit", is_flag=True, hidden=True, help="With --staged: PATHs are what pre-commit passes.")
@click.option(
    "--baseline", metavar="FILE", help="Do not count the findings that this baseline knows.", shell_complete=files
)
@click.option("--no-waivers", is_flag=True, help="Count everything, as for a release: no waiver or baseline helps.")
@click.option("--show-fixes", is_flag=True, help="Show what would correct a finding; `scmguard fix` does it.")
@click.option("--statistics", is_flag=True, help="Tell how many findings each rule has; in text instead of them.")
@click.option("--show-waived", is_flag=True, help="List the findings that waivers or the baseline cover, too.")
@click.option("--quiet", "-q", is_flag=True, help="Only findings of degraded and above, without explanations.")
def command(paths: Tuple[str, ...], **options: Any) -> None:
    """Check boot folders, root file systems or single files; this machine when no PATH is given."""
    from scmguard.cli.check import run

    sys.exit(run(paths, options))
