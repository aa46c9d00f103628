"""The form of a help page: options under headings."""

from __future__ import annotations

from collections.abc import Sequence

import click

_HEADINGS = (
    ("Image", ("tags", "platforms", "platform", "emulate", "suite", "config", "labels", "strict")),
    ("Destination", ("outputs", "push", "into")),
    ("Check", ("check", "variables")),
    ("Development", ("watch",)),
    ("Container", ("engine", "port", "supervision", "env", "env_files", "mounts", "engine_options")),
    ("Shared cache", ("cache_from", "cache_to")),
    ("Versions", ("lock", "ignore_lock", "extras", "groups", "locked", "refresh", "upgrade")),
)
_LAST = "Messages and results"


class HelpPage(click.Command):
    """A command whose help lists its options under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each under its heading; those without one come last."""
        options = [option for option in self.get_params(ctx) if isinstance(option, click.Option)]
        left = {option.name: row for option in options if (row := option.get_help_record(ctx)) is not None}
        for heading, names in _HEADINGS:
            _write_section(formatter, heading, [left.pop(name) for name in names if name in left])
        _write_section(formatter, "Options" if len(left) == len(options) else _LAST, list(left.values()))


def _write_section(formatter: click.HelpFormatter, heading: str, rows: Sequence[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows)
