"""``grocker push``: send an image that is in the store to registries."""

from __future__ import annotations

import os
from typing import Any

import click

from grocker.cli.completion import complete_images
from grocker.cli.options import QUIET, json_option, with_options
from grocker.cli.options import command as declare


@declare("push", short_help="push an image from the store to a registry")
@click.argument("name", shell_complete=complete_images)
@click.argument("names", nargs=-1, metavar="[AS]...")
@with_options(json_option("the result"), QUIET)
def command(**options: Any) -> None:
    """Push the last build of image NAME to the registry in its name, or to those in the names AS.

    Every platform that the image was built for is pushed. Several names in one repository cost one transfer; blobs that
    another repository of the registry has are mounted. Credentials are those of docker login and podman login.
    """
    from grocker.cli.request import open_context
    from grocker.cli.transfer import open_sink, show
    from grocker.errors import UsageError
    from grocker.images.store import StoredBlobs, load_image
    from grocker.oci import reference

    with open_context(os.environ, quiet=options["quiet"]) as tools:
        name = reference.parse(options["name"])
        names = [reference.with_tag(reference.parse(text)) for text in options["names"]]
        if not names and name.digest is not None:
            raise UsageError(
                f"cannot push to {name}: the name has a digest", hint=f"name the tag to push: grocker push {name} AS"
            )
        found = load_image(tools.store, name)
        delivered = open_sink("registry", tools).deliver(
            found.images, names or [reference.with_tag(name)], StoredBlobs(tools.store, found.images), tools.progress
        )
    show(name, found, delivered, quiet=options["quiet"], as_json=options["as_json"], environ=os.environ)
