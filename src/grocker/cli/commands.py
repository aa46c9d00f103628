"""The table of commands: each is declared in the module of its name, calls one function of the domain and renders it.

The module of a command is imported when the command is asked for; it imports click and little else, and what it works
with when it is called.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from grocker.errors import UsageError

COMMANDS = ("build", "run", "init", "lock", "plan", "push", "load", "inspect", "prune", "version", "help")
"""their names, in the order of the help page; each is the attribute ``command`` of the module of its name"""
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


_PLANNED = {
    "rebase": "until then, build again; unchanged layers are reused",
    "images": "list the engine's images: docker images, or podman images",
}
"""Commands that people look for and that do not exist yet, and what to do instead."""


class _Commands(click.Group):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command. Raises UsageError for one that does not exist yet."""
        if args and args[0] in _PLANNED:
            raise UsageError(f"grocker {args[0]} does not exist yet", hint=_PLANNED[args[0]])
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        return load(cmd_name) if cmd_name in COMMANDS else None


def load(name: str) -> click.Command:
    """Import one of ``COMMANDS``."""
    command = import_module(f"grocker.cli.{name}").command
    assert isinstance(command, click.Command)
    return command


def _print_version(context: click.Context, parameter: click.Parameter, is_given: bool) -> None:
    if is_given:
        from grocker.cli.version import print_version

        print_version(as_json=False)
        context.exit()


@click.group(cls=_Commands, context_settings=_SETTINGS, epilog="Run `grocker COMMAND --help` for details.")
@click.option(
    "-v",
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
def grocker() -> None:
    """Build a production container image from a Python application: no engine, no Dockerfile, no base image, no root.

    In a project's directory, run `grocker build`.
    """


def invoke(arguments: list[str]) -> None:
    """Carry out a command line. Raises GrockerError, KeyboardInterrupt, BrokenPipeError."""
    try:
        grocker.main(arguments, prog_name="grocker", standalone_mode=False, obj=tuple(arguments))
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(error.format_message() + "\n")
        raise UsageError("no command given", hint="run: grocker build DIRECTORY") from error
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "grocker"
        raise UsageError(error.format_message(), hint=f"{command} --help") from error
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except SystemExit as error:  # click's reaction when standard output has no reader any more
        raise BrokenPipeError from error
