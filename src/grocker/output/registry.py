"""The sink ``registry`` (``--push``): the images go to the registries that their names say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from grocker.oci import Blobs, Image, Reference
from grocker.output.sink import Delivered, Transfer, plural
from grocker.progress import Progress

if TYPE_CHECKING:
    from grocker.registry import Pushed
    from grocker.store import Store
    from grocker.web import Transport


class Registry(msgspec.Struct, frozen=True):
    """The sink ``registry``."""

    environ: Mapping[str, str]
    """where credentials are found through"""
    uid: int
    transport: Callable[[], Transport]
    """the transport, made or found when the first request is to be sent"""
    store: Store | None = None
    """where is kept which blobs a registry has, so that another repository of it mounts them"""

    def describe(self) -> str:
        """See Sink.describe."""
        return "the registry"

    def deliver(
        self, images: Sequence[Image], names: Sequence[Reference], blobs: Blobs, progress: Progress
    ) -> Delivered:
        """See Sink.deliver. Names in one repository are one push; a further repository mounts what the first got."""
        from grocker import registry

        known = registry.Known(self.store)
        repositories: dict[tuple[str, str], list[Reference]] = {}
        for name in names:
            repositories.setdefault((name.registry, name.path), []).append(name)
        pushed = [
            registry.push(
                self.transport(),
                partial(registry.credentials, self.environ, group[0], uid=self.uid),
                images,
                group,
                blobs,
                progress,
                known=known,
            )
            for group in repositories.values()
        ]
        listed = tuple(str(name) for one in pushed for name in one.names)
        transfer = Transfer(
            sum(one.sent_blobs for one in pushed),
            sum(one.mounted_blobs for one in pushed),
            sum(one.present_blobs for one in pushed),
        )
        new = sum(one.sent_bytes for one in pushed)
        return Delivered("registry", listed[0], new, _detail(pushed, transfer), listed, transfer=transfer)


def _detail(pushed: Sequence[Pushed], transfer: Transfer) -> str:
    if not any(one.new for one in pushed):
        return "it was there already"
    total = transfer.sent + transfer.mounted + transfer.present
    words = f"sent {transfer.sent} of {plural(total, 'blob')}"
    return words + (f", {transfer.mounted} mounted" if transfer.mounted else "")
