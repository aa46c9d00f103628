"""``grocker push`` and ``grocker load``: images that are in the store already go further."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grocker.builder.blobs import StoredBlobs
from grocker.cli import delivery
from grocker.cli.request import Session, session
from grocker.cli.terminal import Style
from grocker.errors import UnavailableError, UsageError
from grocker.images import Delivered, Sink
from grocker.images.store import Stored, stored
from grocker.oci import Reference, reference


def run_push(options: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Push the image under its own name, or under those that are given instead."""
    with session(environ, quiet=options["quiet"]) as tools:
        name = reference.parse(options["name"])
        names = [reference.with_tag(reference.parse(text)) for text in options["names"]]
        if not names and name.digest is not None:
            raise UsageError(f"{name} is no name to push to: it has a digest", hint="say as what: grocker push NAME AS")
        found = stored(tools.store, name)
        delivered = _sink("registry", tools, environ).deliver(
            found.images, names or [reference.with_tag(name)], StoredBlobs(tools.store, found.images), tools.progress
        )
    _show(name, found, delivered, options, environ)


def run_load(options: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Give the image to an engine under its own name."""
    with session(environ, quiet=options["quiet"]) as tools:
        name = reference.parse(options["name"])
        found = stored(tools.store, name)
        if name.digest is not None:
            raise UsageError(f"{name}: an engine needs a name without a digest", hint="name it as it was built")
        delivered = _sink(options["into"], tools, environ).deliver(
            found.images, [reference.with_tag(name)], StoredBlobs(tools.store, found.images), tools.progress
        )
    _show(name, found, delivered, options, environ)


def _sink(output: str | None, tools: Session, environ: Mapping[str, str]) -> Sink:
    from grocker.images.outputs import Host, StoreAlone, sinks

    host = Host(environ, Path.cwd(), os.getuid(), lambda: tools.transport, tools.store.scratch, tools.store)
    [sink] = sinks([output] if output else [], push=False, host=host)
    if isinstance(sink, StoreAlone):
        raise UnavailableError(
            "neither docker nor podman can be used",
            hint="start docker or join its group, or install podman; --into docker says what is wrong with it",
        )
    return sink


def _show(
    name: Reference, found: Stored, delivered: Delivered, options: Mapping[str, Any], environ: Mapping[str, str]
) -> None:
    style = Style.of(sys.stderr, environ)
    if not options["quiet"]:
        sys.stderr.write(f"{style.bold(str(name))}  {found.root.digest}\n{delivery.line(delivered)}\n")
    if options["as_json"]:
        sys.stdout.write(as_json(name, found, [delivered]))
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _names(found, delivered)))


def _names(found: Stored, delivered: Delivered) -> Sequence[str]:
    """Each name with the digest where a place keeps digests, for scripts."""
    if delivered.kind != "registry":
        return delivered.names
    return list(dict.fromkeys(f"{reference.parse(name).name}@{found.root.digest}" for name in delivered.names))


def as_json(name: Reference, found: Stored, delivered: Sequence[Delivered]) -> str:
    """The result as a JSON document of one line (docs/reference/outputs.md)."""
    document = {
        "schema": 1,
        "name": str(name),
        "digest": found.root.digest,
        "images": [
            {"platform": str(one.platform), "digest": one.digest, "config": one.config.digest, "size": one.size}
            for one in found.images
        ],
        "outputs": [delivery.as_data(one) for one in delivered],
    }
    return delivery.as_line(document)
