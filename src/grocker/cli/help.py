"""``grocker help``."""

from __future__ import annotations

from difflib import get_close_matches

import click

from grocker.cli.options import command as declare
from grocker.errors import UsageError


@declare("help", short_help="show this page, or a command's", add_help_option=False)
@click.argument("name", metavar="[COMMAND|settings]", required=False)
@click.option("-h", "--help", "is_own", is_flag=True, hidden=True)
@click.pass_context
def command(context: click.Context, name: str | None, is_own: bool) -> None:
    """Show what a COMMAND does and its options, list the settings of a project, or list the commands."""
    if is_own:
        name = name or "help"
    page = context.parent
    assert page is not None
    assert isinstance(page.command, click.Group)
    if name == "settings":
        click.echo(settings_page())
        return
    if name is not None:
        found = page.command.get_command(page, name)
        if found is None:
            near = get_close_matches(name, page.command.list_commands(page), 1)
            hint = f"did you mean {near[0]}?" if near else "list the commands: grocker help"
            raise UsageError(f"unknown command {name!r}", hint=hint)
        page = click.Context(found, page, info_name=name)
    click.echo(page.get_help())


def settings_page() -> str:
    """List every setting with what it expects."""
    from grocker.config.listing import list_settings

    formatter = click.HelpFormatter(max_width=100)
    formatter.write_text("Settings of a project: [tool.grocker] in pyproject.toml, or grocker.toml.")
    formatter.write_paragraph()
    formatter.write_dl(list_settings(), col_max=36)
    return formatter.getvalue().rstrip()
