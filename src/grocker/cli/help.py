"""``grocker help``."""

from __future__ import annotations

from difflib import get_close_matches

import click

from grocker.cli.options import command as declare
from grocker.errors import UsageError


@declare("help", short_help="show this page, or a command's", add_help_option=False)
@click.argument("name", metavar="[COMMAND]", required=False)
@click.pass_context
def command(context: click.Context, name: str | None) -> None:
    """Show what a COMMAND does and its options, or list the commands."""
    page = context.parent
    assert page is not None
    assert isinstance(page.command, click.Group)
    if name is not None:
        found = page.command.get_command(page, name)
        if found is None:
            near = get_close_matches(name, page.command.list_commands(page), 1)
            hint = f"did you mean {near[0]}?" if near else "list the commands: grocker help"
            raise UsageError(f"unknown command {name!r}", hint=hint)
        page = click.Context(found, page, info_name=name)
    click.echo(page.get_help())
