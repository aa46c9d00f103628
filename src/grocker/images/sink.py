"""The seam between images and the places that they go to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from grocker.digest import Digest
from grocker.errors import UsageError
from grocker.oci import Blobs, Image, Layer, Platform, Reference
from grocker.oci.index import fitting
from grocker.progress import Progress

UP_TO_DATE = "already up to date"
"""detail of a delivery that had nothing to do"""


class Transfer(msgspec.Struct, frozen=True):
    """Blobs on their way to a registry, all repositories together."""

    sent: int = 0
    mounted: int = 0
    """found in another repository of the same registry"""
    present: int = 0
    """there already"""


class Delivered(msgspec.Struct, frozen=True):
    """What a sink did."""

    kind: str
    """``docker``, ``podman``, ``registry``, ``oci``, ``archive`` or ``store``"""
    place: str
    """the image's first name there, or the path"""
    new_bytes: int
    """bytes that were sent or written; 0 when the image was there already"""
    detail: str
    """one line for people: ``sent 1 of 7 layers``"""
    names: tuple[str, ...] = ()
    """every name that the image has there, as that place calls it"""
    identities: tuple[Digest, ...] = ()
    """what an engine may call the image: by its configuration or by its manifest"""
    transfer: Transfer | None = None
    """for a registry"""


class Sink(Protocol):
    """A place that images go to."""

    def describe(self) -> str:
        """The place, for people: ``docker``, ``oci:/tmp/polls``."""

    def deliver(
        self, images: Sequence[Image], names: Sequence[Reference], blobs: Blobs, progress: Progress
    ) -> Delivered:
        """Put the images, one for each platform, there under ``names`` (at least one each).

        Places that keep manifests get all, and an index that the names refer to when there are several; an engine
        gets the one of its own platform.
        Raises UnavailableError, DeniedError, StorageError, CannotWriteError or CorruptError; UsageError when an engine
        could run none.
        """


@runtime_checkable
class Asking(Protocol):
    """A sink that can ask its place for something before there is an image."""

    def ask(self, names: Sequence[Reference]) -> None:
        """Begin to ask, for a ``deliver`` under these names, which raises what goes wrong. Any thread may call it."""


@runtime_checkable
class Early(Protocol):
    """A sink that can begin before the one image that it will get is whole."""

    def offer(self, layer: Layer, blobs: Blobs, platform: Platform, created: int) -> None:
        """The next layer, from the bottom; ``created``: the image's epoch. Nothing is raised for it, or promised."""

    def withdraw(self) -> None:
        """Nothing is left of what was offered but what a delivered image consists of; always called at the end."""


def chosen(images: Sequence[Image], platform: Callable[[], Platform], engine: str) -> tuple[Image, str]:
    """The image that an engine takes, and what is to be said of it, empty or beginning with ``, ``.

    ``platform``: asks for the engine's own, when there is a choice: the only image there is is taken as it is.
    UsageError when there are several, none of them for it.
    """
    if len(images) == 1:
        return images[0], ""
    own = platform()
    found = fitting(images, own)
    built = " and ".join(str(one.platform) for one in images)
    if found is None:
        raise UsageError(
            f"{engine} runs {own}, and the images are for {built}",
            hint=f"add --platform {own}, or name one platform alone: {engine} then takes it as it is",
        )
    return found, f", {found.platform} of {built}"


def plural(count: int, noun: str) -> str:
    """``1 layer``, ``2 layers``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
