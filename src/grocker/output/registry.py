"""The sink ``registry`` (``--push``): the image goes to the registries that its names say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grocker.oci import Blobs, Image, Reference
from grocker.output.sink import Delivered, plural
from grocker.progress import Progress

if TYPE_CHECKING:
    from grocker.web import Transport


@dataclass(frozen=True, slots=True)
class Registry:
    """The sink ``registry``."""

    environ: Mapping[str, str]
    """where credentials are found through"""
    uid: int
    transport: Callable[[], Transport]
    """the transport, made or found when the first request is to be sent"""

    def describe(self) -> str:
        """See Sink.describe."""
        return "the registry"

    def deliver(self, image: Image, names: Sequence[Reference], blobs: Blobs, progress: Progress) -> Delivered:
        """See Sink.deliver. Blobs that a second name's repository shares with the first are found there."""
        from grocker import registry

        pushed = [
            registry.push(
                self.transport(),
                registry.credentials(self.environ, name, uid=self.uid),
                image,
                name,
                blobs,
                progress,
            )
            for name in names
        ]
        first = pushed[0]
        total = first.sent_blobs + first.present_blobs
        detail = f"sent {first.sent_blobs} of {plural(total, 'blob')}" if first.new else "it was there already"
        return Delivered("registry", str(first.reference), sum(one.sent_bytes for one in pushed), detail)
