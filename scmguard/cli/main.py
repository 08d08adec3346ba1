"""Commands and exit codes.

0 clean below the threshold, 1 findings at or above it, 2 wrong usage or configuration, 3 could not check (unreadable
input, no rules, a fault of scmguard). Messages go to standard error, reports to standard output.
"""

import os
import signal
import sys
from importlib import import_module
from typing import List, Optional, Tuple

import click

from scmguard import __version__
from scmguard.cli.console import COULD_NOT, USAGE, drop, fail
from scmguard.cli.options import CONTEXT
from scmguard.meant import did_you_mean
from scmguard.text import printable

#: The commands; each is in a module of its own, which has its name.
COMMANDS = (
    "baseline", "check", "completion", "device", "diff", "edit", "fix", "guard", "init", "restore", "rules", "schema",
    "seal", "set", "show", "snapshot", "unset",
)  # fmt: skip


class Commands(click.Group):
    """The commands, each imported when it is asked for: options cost time, and a hook runs one command."""

    def list_commands(self, ctx: click.Context) -> List[str]:
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """A command by its name."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module("scmguard.cli.commands." + cmd_name).command
        return found

    def resolve_command(
        self, ctx: click.Context, args: List[str]
    ) -> Tuple[Optional[str], Optional[click.Command], List[str]]:
        """The command that the first word names. A word that is none is a mistake of the user, or a path."""
        word = args[0]
        if word not in COMMANDS and not word.startswith("-"):
            hint = did_you_mean(word, COMMANDS)
            if not hint and os.path.lexists(word):
                hint = "; did you mean check {}?".format(printable(word))
            raise click.UsageError("no command {!r}{}".format(word, hint), ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(__version__, "-V", "--version", message="scmguard %(version)s")
def cli() -> None:
    """Check the boot configuration of Raspberry Pi class devices before it costs the device.

    Exit codes: 0 clean, 1 findings, 2 wrong usage, 3 could not check.
    """


def run() -> None:
    """Runs the command line; every way out has its exit code."""
    try:
        sys.exit(cli(prog_name="scmguard", standalone_mode=False))
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        # Of a group without a command newer versions of click make an error, with the help as its message.
        if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
            click.echo(context.get_help(), err=True)
            sys.exit(USAGE)
        hint = " (see {} --help)".format(context.command_path) if context is not None else ""
        fail(USAGE, error.format_message() + hint)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(128 + signal.SIGINT)
    except SystemExit:
        raise
    except BrokenPipeError:
        # The reader went away (`| head`); nothing is left to say.
        drop(sys.stdout)
        sys.exit(COULD_NOT)
    except Exception:
        import traceback

        traceback.print_exc()
        fail(COULD_NOT, "internal error; this is a bug in scmguard, please report it with the lines above")
