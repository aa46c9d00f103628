"""The seam between images and the places that they go to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec
from msgspec.structs import replace

from grocker.digest import Digest
from grocker.errors import UsageError
from grocker.oci import Blobs, Image, Layer, Platform, Reference, reference
from grocker.oci.index import find_image
from grocker.progress import Progress

if TYPE_CHECKING:
    from grocker.oci.artifact import Artifact
    from grocker.store import Store
    from grocker.web import Transport

UP_TO_DATE = "already up to date"
"""detail of a delivery that had nothing to do"""


class Transfer(msgspec.Struct, frozen=True):
    """Blobs of a push, for all repositories together."""

    sent: int = 0
    mounted: int = 0
    """found in another repository of the same registry"""
    present: int = 0
    """already in the repository"""


class Delivered(msgspec.Struct, frozen=True):
    """What a sink did."""

    kind: str
    """the word of the place in ``places.PLACES``"""
    place: str
    """the image's first name there, or the path"""
    new_bytes: int
    """bytes that were sent or written; 0 when the place was up to date"""
    detail: str
    """one line for people: ``sent 1 of 7 layers``"""
    names: tuple[str, ...] = ()
    """every name that the image has there, as that place writes it"""
    transfer: Transfer | None = None
    """for a registry"""
    evidence: tuple[tuple[str, ...], ...] = ()
    """what ``places.is_still_there`` can check later, the place's word first; empty when only a delivery can tell"""


class PlaceContext(msgspec.Struct, frozen=True):
    """What places work with."""

    store: Store
    transport: Transport
    environ: Mapping[str, str]
    directory: Path
    """what relative paths start from"""
    uid: int
    """the caller's, for podman's files of credentials"""


class Sink(Protocol):
    """A place that images go to."""

    def describe(self) -> str:
        """The place, for people: ``docker``, ``oci:/tmp/polls``."""

    def deliver(
        self, images: Sequence[Image], names: Sequence[Reference], blobs: Blobs, progress: Progress
    ) -> Delivered:
        """Put the images, one for each platform, there under ``names`` (at least one).

        Places that keep manifests get all of them, and an index that the names refer to when there are several; an
        engine gets the one for its own platform.
        Raises UnavailableError, DeniedError, StorageError, CannotWriteError or CorruptError; UsageError when the
        engine can run none of them.
        """


class SinkModule(Protocol):
    """A module of this room whose place can be written to."""

    def open_sink(self, path: str, context: PlaceContext) -> Sink:
        """The place at ``path`` (what follows the word and a colon on the command line; else empty)."""


@runtime_checkable
class Preflight(Protocol):
    """A sink that can ask its place for something before there is an image."""

    def ask(self, names: Sequence[Reference]) -> None:
        """Start asking, for a later ``deliver`` under these names, which raises what goes wrong. Thread safe."""

    def cancel(self) -> None:
        """Give up what was asked for, as far as no delivery has used it. Always called at the end."""


@runtime_checkable
class LayerSink(Protocol):
    """A sink that can take layers before their one image is whole."""

    def offer(self, layer: Layer, blobs: Blobs, platform: Platform, created: int) -> None:
        """Take the next layer, from the bottom; ``created``: the image's epoch. Raises nothing, promises nothing."""

    def withdraw(self) -> None:
        """Discard what was offered and did not become part of a delivered image. Always called at the end."""


@runtime_checkable
class ReferrerSink(Protocol):
    """A sink that takes artifacts that refer to its images."""

    def attach(self, artifact: Artifact, names: Sequence[Reference]) -> tuple[tuple[str, ...], ...]:
        """Put the artifact beside the image that it refers to, which was delivered under ``names``.

        Returns the evidence that both are there, which replaces that of the delivery (``Delivered.evidence``). Raises
        as ``Sink.deliver``.
        """


def delivered_digest(delivered: Sequence[Delivered], own: Digest) -> Digest:
    """Return the digest under which registries have an image whose ``own`` digest is that.

    It is another one where Docker's media types were used. When registries differ, it is ``own``.
    """
    names = [name for one in delivered if one.kind == "registry" for name in one.names]
    found = {reference.parse(name).digest for name in names}
    return found.pop() or own if len(found) == 1 else own


def select_image(images: Sequence[Image], platform: Callable[[], Platform], engine: str) -> tuple[Image, str]:
    """Select the image that an engine takes, and what to say about it: empty, or beginning with ``, ``.

    It has no SOCI index any more: an engine pulls nothing of an image that it is given.

    ``platform`` asks for the engine's own platform; not called when there is only one image, which is taken as it is.
    UsageError when there are several, none of them for that platform.
    """
    if len(images) == 1:
        return replace(images[0], soci=None), ""
    own = platform()
    found = find_image(images, own)
    built = " and ".join(str(one.platform) for one in images)
    if found is None:
        raise UsageError(
            f"{engine} runs {own}, but the images are for {built}",
            hint=f"add --platform {own}; or build for one platform only, and {engine} takes that image as it is",
        )
    return replace(found, soci=None), f", {found.platform} of {built}"


def plural(count: int, noun: str) -> str:
    """Write ``1 layer``, ``2 layers``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
