"""The places that images are read from, written to, and asked whether they still have one: a module each.

The words are those of ``--output`` and of names as ``oci:DIR``. Every module of the table has ``open_sink``
(``sink.SinkModule``); one whose place has a path also has ``open_image`` (``reading.ImageModule``).
A build in which nothing changed imports this module and the one that checks evidence, and therefore neither msgspec nor
typing.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    from grocker.images.reading import ImageModule, OpenedImage
    from grocker.images.sink import PlaceContext, Sink, SinkModule

OUTPUTS = "docker, podman, registry, store, oci:DIR or archive:FILE"
"""what ``--output`` takes, for people"""
_HINT = f"use {OUTPUTS}"


class Place:
    """Where the code of a place is, as modules of this room.

    ``module``: reads and writes. ``evidence``: has ``is_still_there``; None when only the place's own delivery can
    tell. ``takes_path``: whether a path follows the word and a colon.
    """

    __slots__ = ("evidence", "module", "takes_path")

    def __init__(self, module: str, *, evidence: str | None = None, takes_path: bool = False) -> None:
        self.module = module
        self.evidence = evidence
        self.takes_path = takes_path


PLACES = {
    "docker": Place("docker", evidence="engine"),
    "podman": Place("podman"),
    "registry": Place("registry"),
    "store": Place("store"),
    "oci": Place("layout", evidence="file_evidence", takes_path=True),
    "archive": Place("archive", evidence="file_evidence", takes_path=True),
}


def is_still_there(evidence: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether a place still has what it was given, by an element of ``Delivered.evidence``; False when in doubt."""
    place = PLACES.get(evidence[0]) if evidence else None
    if place is None or place.evidence is None:
        return False
    found: bool = import_module(f"grocker.images.{place.evidence}").is_still_there(evidence, environ)
    return found


def open_sink(output: str, context: PlaceContext) -> Sink:
    """The sink that one ``--output`` names. UsageError when it names none."""
    from grocker.errors import UsageError

    word, colon, path = output.partition(":")
    place = PLACES.get(word)
    if place is None or (colon and not place.takes_path):
        raise UsageError(f"unknown output {output!r}", hint=_HINT)
    if place.takes_path and not path:
        raise UsageError(f"output {output!r} needs a path", hint=_HINT)
    module: SinkModule = _module(place)
    return module.open_sink(path, context)


def open_sinks(outputs: Sequence[str], *, push: bool, context: PlaceContext) -> tuple[Sink, ...]:
    """The sinks of a command line: those of ``--output``, and the registry for ``--push``; else ``default_sink``."""
    words = [*outputs, *(["registry"] if push and "registry" not in outputs else [])]
    if not words:
        return (default_sink(context),)
    return tuple(open_sink(text, context) for text in dict.fromkeys(words))


def default_sink(context: PlaceContext) -> Sink:
    """Docker when its engine answers, else podman when it works, else the store with a hint for the user.

    Podman warns when it takes the place of an engine that was asked.
    """
    import os
    from shutil import which

    from grocker.images.engine import DEFAULT, of_environment

    engine = of_environment(context.environ)
    unanswered = ""
    # A socket that is not there is not asked; that spares the imports, too.
    if engine.address != DEFAULT or os.path.exists(DEFAULT.removeprefix("unix://")):
        from grocker.images.docker import Docker

        docker = Docker(engine)
        if docker.answers():
            return docker
        unanswered = engine.address
    if which("podman", path=context.environ.get("PATH")):
        from grocker.images.podman import Podman

        podman = Podman(context.environ, context.store.scratch, unanswered)
        if podman.answers():
            return podman
    from grocker.images.store import StoreSink

    return StoreSink(
        "start docker, join the group docker, or install podman; or use --push, --output oci:DIR or "
        "--output archive:FILE"
    )


def open_image(text: str, context: PlaceContext, *, remote: bool = False) -> AbstractContextManager[OpenedImage]:
    """Open the image that ``text`` names: ``oci:DIR[:NAME]``, ``archive:FILE[:NAME]``, or a reference.

    A reference is looked up in the store unless ``remote``; one with a host that the store does not have is read from
    its registry. Raises MissingError, UsageError, CorruptError, and what a registry raises.
    """
    from grocker.images import registry, store
    from grocker.oci import reference

    word, _, path = text.partition(":")
    place = PLACES.get(word)
    if place is not None and place.takes_path and path:
        module: ImageModule = _module(place)
        return module.open_image(path, context)
    name = reference.parse(text)
    if not remote and (name.host is None or store.has_root(context.store, name)):
        return store.open_image(text, context)
    return registry.open_image(text, context)


def _module(place: Place) -> Any:
    return import_module(f"grocker.images.{place.module}")
