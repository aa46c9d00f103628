"""``grocker version``."""

from __future__ import annotations

import click

from grocker import __version__
from grocker.cli.options import command as declare
from grocker.cli.options import json_option


@declare("version", short_help="print Grocker's version")
@json_option("the versions")
def command(as_json: bool) -> None:
    """Print the version of Grocker, and of the contract that its images honour."""
    print_version(as_json=as_json)


def print_version(*, as_json: bool) -> None:
    """Print it to standard output."""
    from grocker.runner.contract.spec import CONTRACT

    if as_json:
        click.echo(f'{{"contract": {CONTRACT}, "version": "{__version__}"}}')
    else:
        click.echo(f"grocker {__version__} (image contract {CONTRACT})")
