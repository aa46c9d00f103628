"""Describe every command and option as ``grocker COMMAND --help`` does: docs/reference/commands.md."""

from __future__ import annotations

import inspect
import re
import textwrap

import click

from grocker.cli.commands import COMMANDS, grocker, load

_HEAD = """\
# Commands

What `grocker COMMAND --help` says, on one page. `make docs` generates it from the declarations of the commands.
Most options that change the image are [settings](settings.md) too; [variables](environment.md) and [exit
statuses](exit-statuses.md) have pages of their own.
"""


def page() -> str:
    """The page."""
    text = _HEAD + "\n| command | purpose |\n| --- | --- |\n"
    for name in COMMANDS:
        text += f"| [`grocker {name}`](#grocker-{name}) | {load(name).get_short_help_str(200)} |\n"
    for name in COMMANDS:
        text += _section(name, load(name))
    return text


def _section(name: str, command: click.Command) -> str:
    parent = click.Context(grocker, info_name="grocker", **grocker.context_settings)
    context = click.Context(command, parent, info_name=name)
    text = f"\n## grocker {name}\n\n```console\n$ {' '.join(_usage(command, context))}\n```\n\n"
    text += _prose(command.help or "")
    options = [option for option in command.get_params(context) if isinstance(option, click.Option)]
    records = [row for option in options if (row := option.get_help_record(context)) is not None]
    if records:
        text += "\n| option | meaning |\n| --- | --- |\n"
        text += "".join(f"| {_code(names)} | {_cell(meaning)} |\n" for names, meaning in records)
    if command.epilog:
        examples = [line.strip() for line in command.epilog.replace("\b", "").splitlines() if line.startswith("  ")]
        text += "\n```console\n" + "".join(f"$ {line}\n" for line in examples) + "```\n"
    return text


def _usage(command: click.Command, context: click.Context) -> list[str]:
    return [context.command_path, *command.collect_usage_pieces(context)]


def _prose(text: str) -> str:
    return (
        "\n\n".join(textwrap.fill(one, 120, break_on_hyphens=False) for one in inspect.cleandoc(text).split("\n\n"))
        + "\n"
    )


def _code(names: str) -> str:
    return ", ".join(f"`{one}`" for one in re.split(r", (?=-)", names))


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
