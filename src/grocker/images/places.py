"""Which sinks the command line's words mean, and which one is taken when there are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grocker.errors import UsageError
from grocker.images.engine import DEFAULT, of_environment
from grocker.images.sink import Delivered, Sink
from grocker.oci import Blobs, Image, Reference
from grocker.progress import Progress

if TYPE_CHECKING:
    from grocker.store import Store
    from grocker.web import Transport

_HINT = "name docker, podman, registry, store, oci:DIR or archive:FILE"


class Host(msgspec.Struct, frozen=True):
    """What sinks need of the host."""

    environ: Mapping[str, str]
    directory: Path
    """what relative paths start from"""
    uid: int
    transport: Callable[[], Transport]
    """see ``Registry.transport``"""
    scratch: Callable[[], AbstractContextManager[Path]]
    """see ``Podman.scratch``"""
    store: Store | None = None
    """see ``Registry.store``"""


class StoreAlone(msgspec.Struct, frozen=True):
    """The sink ``store``: every image is in Grocker's own store; nothing more is done."""

    hint: str | None = None
    """why it was chosen, when nobody did"""

    def describe(self) -> str:
        """See Sink.describe."""
        return "the store alone"

    def deliver(
        self, images: Sequence[Image], names: Sequence[Reference], blobs: Blobs, progress: Progress
    ) -> Delivered:
        """See Sink.deliver."""
        if self.hint is not None:
            progress.warn("the image is in Grocker's store alone: neither docker nor podman can be used", self.hint)
        return Delivered("store", str(names[0]), 0, "kept in the store", tuple(str(name) for name in names))


def parse(text: str, host: Host) -> Sink:
    """The sink that one ``--output`` names. UsageError when it names none."""
    kind, colon, place = text.partition(":")
    if kind in ("oci", "archive"):
        if not place:
            raise UsageError(f"--output {text}: no path after {kind}:", hint=_HINT)
        path = host.directory / place
        if kind == "oci":
            from grocker.images.layout import Layout

            return Layout(path)
        from grocker.images.archive import Archive

        return Archive(path)
    if not colon:
        if kind == "docker":
            from grocker.images.docker import Docker

            return Docker(of_environment(host.environ))
        if kind == "podman":
            from grocker.images.podman import Podman

            return Podman(host.environ, host.scratch)
        if kind == "registry":
            from grocker.images.registry import Registry

            return Registry(host.environ, host.uid, host.transport, host.store)
        if kind == "store":
            return StoreAlone()
    raise UsageError(f"--output {text}: there is no such output", hint=_HINT)


def sinks(outputs: Sequence[str], *, push: bool, host: Host) -> tuple[Sink, ...]:
    """The sinks of a command line: those named by ``--output``, and the registry for ``--push``; else the default."""
    words = [*outputs, *(["registry"] if push and "registry" not in outputs else [])]
    if not words:
        return (default(host),)
    return tuple(parse(text, host) for text in dict.fromkeys(words))


def default(host: Host) -> Sink:
    """Docker when its engine answers, else podman when it is there, else the store alone, with a hint."""
    engine = of_environment(host.environ)
    # A socket that is not there is not asked; that spares the imports, too.
    if engine.address != DEFAULT or Path(DEFAULT.removeprefix("unix://")).exists():
        from grocker.images.docker import Docker

        docker = Docker(engine)
        if docker.answers():
            return docker
    from shutil import which

    if which("podman", path=host.environ.get("PATH")):
        from grocker.images.podman import Podman

        podman = Podman(host.environ, host.scratch)
        if podman.answers():
            return podman
    return StoreAlone(
        "start docker or join its group, or install podman, or choose --push, --output oci:DIR or --output archive:FILE"
    )
