"""``grocker load``: give an image that is in the store to an engine."""

from __future__ import annotations

import os
from typing import Any

import click

from grocker.cli.completion import complete_images
from grocker.cli.options import ENGINE, QUIET, json_option, with_options
from grocker.cli.options import command as declare


@declare("load", short_help="load an image from the store into an engine")
@click.argument("name", shell_complete=complete_images)
@click.option("--into", type=ENGINE, metavar="ENGINE", help="docker or podman. Default: docker if it answers.")
@with_options(json_option("the result"), QUIET)
def command(**options: Any) -> None:
    """Load the last build of image NAME into docker or podman: the image for the engine's own platform."""
    from grocker.cli.request import open_context
    from grocker.cli.transfer import open_sink, show
    from grocker.errors import UsageError
    from grocker.images.store import StoredBlobs, load_image
    from grocker.oci import reference

    with open_context(os.environ, quiet=options["quiet"]) as tools:
        name = reference.parse(options["name"])
        found = load_image(tools.store, name)
        if name.digest is not None:
            raise UsageError(f"cannot load {name}: an engine needs a name without a digest", hint="use the tag instead")
        delivered = open_sink(options["into"], tools).deliver(
            found.images, [reference.with_tag(name)], StoredBlobs(tools.store, found.images), tools.progress
        )
    show(name, found, delivered, quiet=options["quiet"], as_json=options["as_json"], environ=os.environ)
