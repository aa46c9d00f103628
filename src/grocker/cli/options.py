"""What the declarations of commands share: their form, and the options that several of them have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from grocker.cli.completion import complete_words
from grocker.cli.help_page import HelpPage
from grocker.platforms.architectures import ARCHITECTURES
from grocker.platforms.suites import SUITES

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Option = Callable[[Any], Any]

FILE = click.Path(path_type=Path)
ENGINE = click.Choice(["docker", "podman"])

SOURCE = click.argument("source", default=".", type=click.Path())
INPUTS: tuple[_Option, ...] = (
    click.option("-c", "--config", type=FILE, metavar="FILE", help="Read settings from FILE instead of the project."),
    click.option(
        "--debian",
        "suite",
        metavar="SUITE",
        shell_complete=complete_words(SUITES),
        help=f"{', '.join(SUITES)}. Default: the first that fits.",
    ),
    click.option("--lock", type=FILE, metavar="FILE", help="Lock file. Default: grocker.lock in the project."),
    click.option("--extra", "extras", multiple=True, metavar="NAME", help="Also install an extra of the application."),
    click.option("--group", "groups", multiple=True, metavar="NAME", help="Also install a dependency group."),
    click.option("--ignore-lock", is_flag=True, help="Ignore the project's own lock file, such as uv.lock."),
    click.option(
        "--platform",
        "platforms",
        multiple=True,
        metavar="OS/ARCH",
        shell_complete=complete_words(f"linux/{name}" for name in ARCHITECTURES),
        help=", ".join(f"linux/{name}" for name in ARCHITECTURES) + ". Default: this host's.",
    ),
    click.option("--emulate", is_flag=True, help="Compile, and run scripts, in an emulator."),
)
"""which application, and for what"""
RESOLUTION: tuple[_Option, ...] = (
    click.option("--locked", is_flag=True, help="Fail if the lock file is missing or stale."),
    click.option("--refresh", is_flag=True, help="Resolve again, ignoring cached results."),
)
"""where versions come from"""
QUIET = click.option("-q", "--quiet", is_flag=True, help="Show only warnings and errors.")


def json_option(what: str) -> _Option:
    """``--json``, which prints ``what``."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")


def command(name: str, *, short_help: str, **attributes: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Declare ``grocker NAME``; ``attributes`` as ``click.command`` takes them."""
    return click.command(name, cls=HelpPage, short_help=short_help, **attributes)


def with_options(*options: _Option) -> Callable[[_Function], _Function]:
    """Add options to a command, in this order."""

    def add(function: _Function) -> _Function:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def examples(*lines: str) -> str:
    """Write an epilog of command lines: the backspace keeps click from filling the paragraph."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
