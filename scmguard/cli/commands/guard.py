"""The commands under ``scmguard guard``, and their options."""

import sys
from typing import Optional, Tuple

import click

from scmguard.cli.options import CONTEXT


@click.group(context_settings=CONTEXT)
def command() -> None:
    """What stands between a change and the next boot.

    The hooks of apt and dpkg come from the Debian package. Exit codes: 10 a veto, 3 could not be judged.
    """


@command.command("status")
@click.option("--last", default=10, type=click.IntRange(0), metavar="N", help="How many decisions to show (10).")
def status(last: int) -> None:
    """Show the state of the boot files, transactions without an end, the override, and the last decisions."""
    from scmguard.cli.guard import run_status

    sys.exit(run_status(last))


@command.command("override")
@click.option("--reason", default="", metavar="TEXT", help="Why; it goes to the log.")
@click.option(
    "--for", "count", type=click.IntRange(1), metavar="N [transactions]", help="For so many transactions (1)."
)
@click.option("--until", metavar="TIME", help="For all transactions and reboots until then, as in 2031-12-31T18:00.")
@click.option("--end", "ends", is_flag=True, help="Take an override back.")
@click.argument("unit", nargs=-1, type=click.Choice(["transaction", "transactions"]))
def override(reason: str, count: Optional[int], until: Optional[str], ends: bool, unit: Tuple[str, ...]) -> None:
    """Let through what would be stopped; root alone, with a reason, for a day at most unless --until says more."""
    from scmguard.cli.guard import run_override

    if unit and count is None:
        raise click.UsageError("{} comes after --for N".format(unit[0]))
    sys.exit(run_override(reason, count, until, ends))


@command.command("reboot")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing where it is safe.")
def reboot(quiet: bool) -> None:
    """Tell whether the next boot is safe: exit code 0, or 10 if it is not."""
    from scmguard.cli.guard import run_reboot

    sys.exit(run_reboot(quiet))


@command.command("watch", hidden=True)
def watch() -> None:
    """Look at the boot files, and keep the reason why the next boot is not safe (a systemd unit runs this)."""
    from scmguard.cli.guard import run_watch

    sys.exit(run_watch())


@command.command("boot", hidden=True)
def boot() -> None:
    """Note what this boot began with, and close what the last one left open (a systemd unit runs this)."""
    from scmguard.cli.guard import run_boot

    sys.exit(run_boot())
