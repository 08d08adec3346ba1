"""Commands and exit codes.

0 clean below the threshold, 1 findings at or above it, 2 wrong usage or configuration, 3 could not check (unreadable
input, no rules, a fault of scmguard). Messages go to standard error, reports to standard output.
"""

import signal
import sys
from typing import Any, Callable, Dict, List, Optional, Tuple

import click

from scmguard import __version__
from scmguard.cli.console import COULD_NOT, USAGE, drop, fail
from scmguard.inputs.discover import KINDS

_CONTEXT = {"help_option_names": ["-h", "--help"]}
_SEVERITIES = ("hygiene", "degraded", "no-boot", "brick")


class Commands(click.Group):
    """The commands, each built when it is asked for: options cost time, and a hook runs one command."""

    def list_commands(self, ctx: click.Context) -> List[str]:
        """The names, in the order of the help."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """A command by its name."""
        build = COMMANDS.get(cmd_name)
        return None if build is None else build()


@click.group(cls=Commands, context_settings=_CONTEXT)
@click.version_option(__version__, "-V", "--version", message="scmguard %(version)s")
def cli() -> None:
    """Check the boot configuration of Raspberry Pi class devices before it costs the device.

    Exit codes: 0 clean, 1 findings, 2 wrong usage, 3 could not check.
    """


def _input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--profile", metavar="NAME", help="What the device is: scm (the default), cm4, pi4, pi5, ..."),
        click.option(
            "--board", "boards", multiple=True, metavar="NAME", help="Check for this board; repeat for several."
        ),
        click.option("--root", metavar="DIR", help="The root file system that belongs to the boot files."),
        click.option("--as", "kind", type=click.Choice(KINDS), help="What a file is, whatever its name."),
        click.option("--stdin-filename", metavar="PATH", help="The path that standard input (-) stands for."),
        click.option("--config", "config_file", metavar="FILE", help="Use this configuration file."),
        click.option("--no-color", is_flag=True, help="No colour. So does NO_COLOR in the environment."),
    ):
        command = option(command)
    return command


def _check() -> click.Command:
    @click.command("check", context_settings=_CONTEXT)
    @click.argument("paths", nargs=-1, metavar="[PATH]...")
    @_input_options
    @click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report.")
    @click.option("--output", metavar="FILE", help="Write the report there instead of printing it.")
    @click.option("--fail-on", type=click.Choice(_SEVERITIES), help="Exit with 1 from this severity up (degraded).")
    @click.option("--select", multiple=True, metavar="RULE", help="Only these rules; ids and patterns like 'root-*'.")
    @click.option("--ignore", multiple=True, metavar="RULE", help="Not these rules.")
    @click.option("--no-device", is_flag=True, help="Do not ask the hardware when the files are this machine's own.")
    @click.option("--show-waived", is_flag=True, help="List the findings that waivers cover, too.")
    @click.option("--quiet", "-q", is_flag=True, help="Only findings of degraded and above, without explanations.")
    def check(paths: Tuple[str, ...], **options: Any) -> None:
        """Check boot folders, root file systems or single files; this machine when no PATH is given."""
        from scmguard.cli.check import run

        sys.exit(run(paths, options))

    return check


def _show() -> click.Command:
    @click.command("show", context_settings=_CONTEXT)
    @click.argument("path", required=False)
    @click.argument("key", required=False)
    @_input_options
    @click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report.")
    @click.option("--initrd", metavar="FILE", help="List this initial RAM file system instead, and check it.")
    def show(path: Optional[str], key: Optional[str], initrd: Optional[str], **options: Any) -> None:
        """Show what is effective on the board, and the line that won; all of it, or one KEY."""
        if initrd is not None:
            from scmguard.cli.initrd import run as list_image

            sys.exit(list_image(initrd, path, options))
        from scmguard.cli.show import run

        sys.exit(run(path, key, options))

    return show


def _rules() -> click.Command:
    @click.command("rules", context_settings=_CONTEXT)
    @click.argument("rule", required=False)
    @click.option(
        "--config", "config_file", metavar="FILE", help="Use this configuration file (it can name house rules)."
    )
    @click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report.")
    def rules(rule: Optional[str], **options: Any) -> None:
        """List the rules, or show the page of one RULE."""
        from scmguard.cli.rules import run

        sys.exit(run(rule, options))

    return rules


def _device() -> click.Command:
    @click.command("device", context_settings=_CONTEXT)
    @click.option("--record", metavar="FILE", help="Write what was found into FILE, with serial numbers replaced.")
    @click.option("--from", "from_", metavar="FILE", help="Tell about the machine that was recorded in FILE.")
    @click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to report.")
    def device(**options: Any) -> None:
        """Show what this machine is: each fact with where it is from, or why it is not known."""
        from scmguard.cli.device import run

        sys.exit(run(options))

    return device


def _seal() -> click.Command:
    @click.command("seal", context_settings=_CONTEXT)
    @click.option("--dry-run", is_flag=True, help="Show what would be signed, and why; sign nothing.")
    @click.option("--all", "all_", is_flag=True, help="Sign unchanged files, too.")
    @click.option("--rebuild", is_flag=True, help="Begin a new ledger, and sign all files for it.")
    @click.option("--profile", metavar="NAME", help="What the device is: scm (the default), zymkey, ...")
    @click.option("--board", "boards", multiple=True, metavar="NAME", help="Check for this board.")
    @click.option("--config", "config_file", metavar="FILE", help="Use this configuration file.")
    def seal(**options: Any) -> None:
        """Check the boot files of this machine, and have the Zymbit module sign the supervised ones that changed."""
        from scmguard.cli.seal import run

        sys.exit(run(options))

    return seal


def _snapshot() -> click.Command:
    @click.command("snapshot", context_settings=_CONTEXT)
    @click.option("--list", "list_", is_flag=True, help="List what is kept, the youngest last.")
    @click.option("--reason", metavar="TEXT", help="What it is for, for the list.")
    def snapshot(**options: Any) -> None:
        """Keep the boot files of this machine as they are now."""
        from scmguard.cli.snapshot import run_snapshot

        sys.exit(run_snapshot(options))

    return snapshot


def _restore() -> click.Command:
    @click.command("restore", context_settings=_CONTEXT)
    @click.argument("name", required=False)
    @click.argument("files", nargs=-1, metavar="[FILE]...")
    @click.option("--dry-run", is_flag=True, help="Show what would be put back; write nothing.")
    def restore(name: Optional[str], files: Tuple[str, ...], **options: Any) -> None:
        """Put boot files back as they were in the snapshot NAME, or in the last one without a fault."""
        from scmguard.cli.snapshot import run_restore

        sys.exit(run_restore(name, files, options))

    return restore


def _guard() -> click.Command:
    from scmguard.cli.guard_commands import guard

    return guard


#: What builds each command.
COMMANDS: Dict[str, Callable[[], click.Command]] = {
    "check": _check,
    "device": _device,
    "guard": _guard,
    "restore": _restore,
    "rules": _rules,
    "seal": _seal,
    "show": _show,
    "snapshot": _snapshot,
}


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
