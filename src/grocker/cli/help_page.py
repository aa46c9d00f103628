"""The help pages: options under headings, commands in the order in which one needs them, ``grocker help COMMAND``."""

from __future__ import annotations

from collections.abc import Sequence

import click

_HEADINGS = (
    ("The image", ("tags", "platforms", "platform", "suite", "config", "labels", "strict")),
    ("Where it goes", ("outputs", "push", "into")),
    ("The container", ("engine", "port", "supervision", "env", "mounts", "engine_options")),
    ("Which versions", ("lock", "locked", "refresh", "upgrade")),
)
_LAST = "What is shown"


class Page(click.Command):
    """A command whose options stand under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each under its heading; those of no heading come last."""
        options = [option for option in self.get_params(ctx) if isinstance(option, click.Option)]
        left = {option.name: row for option in options if (row := option.get_help_record(ctx)) is not None}
        for heading, names in _HEADINGS:
            _section(formatter, heading, [left.pop(name) for name in names if name in left])
        _section(formatter, "Options" if len(left) == len(options) else _LAST, list(left.values()))


class Commands(click.Group):
    """The group of all commands, listed as they were declared."""

    command_class = Page

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See click.Group.list_commands."""
        return list(self.commands)


def _section(formatter: click.HelpFormatter, heading: str, rows: Sequence[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows)
