"""What ``grocker push`` and ``grocker load`` share: where an image goes, and what is printed of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from grocker.cli.rendering import delivery_data, delivery_line, json_line
from grocker.cli.request import place_context
from grocker.cli.terminal import Style
from grocker.context import Context
from grocker.errors import UnavailableError
from grocker.images import Delivered, Sink
from grocker.images.places import open_sinks
from grocker.images.store import StoredImage, StoreSink
from grocker.oci import Reference, reference


def open_sink(output: str | None, tools: Context) -> Sink:
    """The sink of that name, else an engine. UnavailableError when no engine can be used."""
    [sink] = open_sinks([output] if output else [], push=False, context=place_context(tools))
    if isinstance(sink, StoreSink):
        raise UnavailableError(
            "cannot load the image: neither docker nor podman is available",
            hint="start docker, join the group docker, or install podman; to see why docker fails, use --into docker",
        )
    return sink


def show(
    name: Reference, found: StoredImage, delivered: Delivered, *, quiet: bool, as_json: bool, environ: Mapping[str, str]
) -> None:
    """Print what was done."""
    style = Style.of(sys.stderr, environ)
    if not quiet:
        sys.stderr.write(f"{style.bold(str(name))}  {found.root.digest}\n{delivery_line(delivered)}\n")
    if as_json:
        sys.stdout.write(result_json(name, found, [delivered]))
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _names(found, delivered)))


def result_json(name: Reference, found: StoredImage, delivered: Sequence[Delivered]) -> str:
    """Write the result as a JSON document of one line (docs/reference/outputs.md)."""
    document = {
        "schema": 1,
        "name": str(name),
        "digest": found.root.digest,
        "images": [
            {"platform": str(one.platform), "digest": one.digest, "config": one.config.digest, "size": one.size}
            for one in found.images
        ],
        "outputs": [delivery_data(one) for one in delivered],
    }
    return json_line(document)


def _names(found: StoredImage, delivered: Delivered) -> Sequence[str]:
    """List the names for scripts, with the digest where a place keeps digests."""
    if delivered.kind != "registry":
        return delivered.names
    return list(dict.fromkeys(f"{reference.parse(name).name}@{found.root.digest}" for name in delivered.names))
