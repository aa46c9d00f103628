"""The seam between an image and the places that it goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from grocker.oci import Blobs, Image, Reference
from grocker.progress import Progress


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a sink did."""

    kind: str
    """``docker``, ``podman``, ``registry``, ``oci``, ``archive`` or ``store``"""
    place: str
    """the image's name there, or the path"""
    new_bytes: int
    """bytes that were sent or written; 0 when the image was there already"""
    detail: str
    """one line for people: ``sent 1 of 7 layers``"""


class Sink(Protocol):
    """A place that images go to."""

    def describe(self) -> str:
        """The place, for people: ``docker``, ``oci:/tmp/polls``."""

    def deliver(self, image: Image, names: Sequence[Reference], blobs: Blobs, progress: Progress) -> Delivered:
        """Put the image there under ``names`` (at least one).

        Raises UnavailableError, DeniedError, StorageError, CannotWriteError or CorruptError.
        """


def plural(count: int, noun: str) -> str:
    """``1 layer``, ``2 layers``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
