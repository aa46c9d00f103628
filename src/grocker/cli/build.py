"""``grocker build``: its options."""

from __future__ import annotations

from typing import Any

import click

from grocker.cli.options import FILE, INPUTS, QUIET, RESOLUTION, SOURCE, examples, json_option, with_options
from grocker.cli.options import command as declare
from grocker.images.places import OUTPUTS


@declare(
    "build",
    short_help="build an image of a project, a script, a wheel or a release",
    epilog=examples(
        "grocker build",
        'grocker build "httpbin==0.10.4" -o archive:httpbin.tar',
        "grocker build . -t registry.example.com/shop:2.1 --push",
    ),
)
@with_options(SOURCE, *INPUTS)
@click.option("-t", "--tag", "tags", multiple=True, metavar="NAME[:TAG]", help="Name of the image.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="WHERE",
    help=f"{OUTPUTS}.",
)
@click.option("--push", is_flag=True, help="Push to the registries in the tags.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Label of the image.")
@click.option("--strict", is_flag=True, help="Fail on skipped maintainer scripts, malformed wheels.")
@click.option("--check", is_flag=True, help="Start each service, and wait until it is ready.")
@click.option("-e", "--env", "variables", multiple=True, metavar="NAME[=VALUE]", help="Variable for --check.")
@click.option("--watch", is_flag=True, help="Rebuild whenever a file changes.")
@with_options(*RESOLUTION)
@click.option("--cache-from", metavar="REPOSITORY", help="Read the shared cache in REPOSITORY.")
@click.option("--cache-to", metavar="REPOSITORY", help="Write the shared cache in REPOSITORY.")
@click.option("--result-file", type=FILE, metavar="FILE", help="Write the result to FILE as JSON.")
@with_options(json_option("the result"), QUIET)
def command(**options: Any) -> None:
    """Build an image of SOURCE and deliver it to an engine, a registry or a file.

    SOURCE is a project's directory (default: the current one), a script with inline metadata (bot.py), a wheel
    (./app-1.0-py3-none-any.whl[extra]) or a release on the package index (app[extra]==1.0). The image is named
    NAME:VERSION unless --tag says otherwise. It goes to docker if docker answers, else to podman, unless --output or
    --push says otherwise. --tag, --platform, --output and --label can be repeated.

    With --check, Grocker starts each service in a container of its own, waits until it is ready, and removes the
    container. A Django project is started as www.

    With --watch, Grocker rebuilds and delivers the image after each change to a file that it depends on, until you
    press Ctrl-C.

    --cache-from and --cache-to name a repository of a registry, through which machines share what their builds make.

    Standard output is one line for each image, NAME@DIGEST; everything else goes to standard error.
    """
    from grocker.cli.build_action import carry_out

    carry_out(options, click.get_current_context().obj)
