"""The place ``registry``: images are pushed (``--push``) to the registries in their names, and read from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from grocker import background
from grocker.images.sink import UP_TO_DATE, Delivered, PlaceContext, Transfer, plural
from grocker.oci import Blobs, Image, Reference, reference, values
from grocker.oci.values import Descriptor
from grocker.progress import Progress

if TYPE_CHECKING:
    from grocker.images.reading import OpenedImage
    from grocker.oci.artifact import Artifact
    from grocker.registry import PushResult, RepositoryState
    from grocker.store import Store
    from grocker.web import Transport


_PATIENCE = 2.0
"""seconds for a registry to cancel uploads"""


def open_sink(path: str, context: PlaceContext) -> RegistrySink:
    """See sink.SinkModule."""
    return RegistrySink(context.environ, context.uid, context.transport, context.store)


@contextmanager
def open_image(text: str, context: PlaceContext) -> Iterator[OpenedImage]:
    """See reading.ImageModule. ``text`` is a reference."""
    from grocker import registry
    from grocker.images.reading import OpenedImage
    from grocker.registry import pull

    name = reference.parse(text)
    find = partial(registry.find_credentials, context.environ, name, uid=context.uid)
    session = registry.open_session(context.transport, name, find, actions="pull")

    def fetch(descriptor: Descriptor) -> bytes:
        if descriptor.media_type in values.MANIFESTS | values.INDEXES:
            return pull.read_manifest(session, descriptor.digest, size=descriptor.size).data
        return pull.read_blob(session, descriptor)

    top = pull.read_manifest(session, name.digest or name.tag or "latest")
    yield OpenedImage(f"the registry {name.registry}", top, fetch, partial(pull.read_blob, session))


class RegistrySink(msgspec.Struct, frozen=True):
    """The sink ``registry``."""

    environ: Mapping[str, str]
    """where credentials are found through"""
    uid: int
    transport: Transport
    store: Store | None = None
    """keeps which blobs a registry has, so that another repository of it mounts them"""
    _preflights: dict[tuple[Reference, ...], Future[RepositoryState]] = msgspec.field(default_factory=dict)
    """what was asked before there was an image, by the names in one repository"""

    def describe(self) -> str:
        """See Sink.describe."""
        return "the registry"

    def ask(self, names: Sequence[Reference]) -> None:
        """See Preflight.ask."""
        for group in _by_repository(names):
            # Only a delivery waits for it.
            self._preflights[group] = background.start(partial(self._prepare, group), "preflight")

    def _prepare(self, names: Sequence[Reference]) -> RepositoryState:
        from grocker.registry import early_uploads

        state = self._inspect(names)
        if state.blobs:  # a rebuild
            early_uploads.begin(state.session)
        return state

    def cancel(self) -> None:
        """See Preflight.cancel. The build has failed: its error does not wait for a slow registry."""
        begun = []
        while self._preflights:
            _, asked = self._preflights.popitem()
            if asked.done() and asked.exception() is None:
                from grocker.registry import early_uploads

                begun.append(background.start(partial(early_uploads.abandon, asked.result().session), "cancel"))
        if begun:
            wait(begun, timeout=_PATIENCE)

    def deliver(
        self, images: Sequence[Image], names: Sequence[Reference], blobs: Blobs, progress: Progress
    ) -> Delivered:
        """See Sink.deliver. Names in one repository are one push; a further repository mounts what the first got."""
        from grocker import registry

        candidates = registry.MountCandidates(self.store)
        pushed = []
        for group in _by_repository(names):
            asked = self._preflights.pop(group, None)
            state = asked.result() if asked is not None else self._inspect(group)
            pushed.append(registry.push(state, images, blobs, progress, candidates=candidates))
        listed = tuple(str(name) for one in pushed for name in one.names)
        transfer = Transfer(
            sum(one.sent_blobs for one in pushed),
            sum(one.mounted_blobs for one in pushed),
            sum(one.present_blobs for one in pushed),
        )
        new = sum(one.sent_bytes for one in pushed)
        return Delivered("registry", listed[0], new, _detail(pushed, transfer), listed, transfer)

    def attach(self, artifact: Artifact, names: Sequence[Reference]) -> tuple[tuple[str, ...], ...]:
        """See ReferrerSink.attach."""
        from grocker import registry
        from grocker.registry.referrers import push_artifact

        candidates = registry.MountCandidates(self.store)
        for group in _by_repository(names):
            find = partial(registry.find_credentials, self.environ, group[0], uid=self.uid)
            session = registry.open_session(self.transport, group[0], find, actions="pull,push")
            push_artifact(session, artifact, candidates=candidates)
        return ()

    def _inspect(self, names: Sequence[Reference]) -> RepositoryState:
        from grocker import registry

        find = partial(registry.find_credentials, self.environ, names[0], uid=self.uid)
        return registry.inspect_repository(self.transport, find, names)


def _by_repository(names: Sequence[Reference]) -> list[tuple[Reference, ...]]:
    """Group the names by repository."""
    found: dict[str, list[Reference]] = {}
    for name in names:
        found.setdefault(name.name, []).append(name)
    return [tuple(group) for group in found.values()]


def _detail(pushed: Sequence[PushResult], transfer: Transfer) -> str:
    if not any(one.new for one in pushed):
        return UP_TO_DATE
    total = transfer.sent + transfer.mounted + transfer.present
    words = f"sent {transfer.sent} of {plural(total, 'blob')}"
    return words + (f", {transfer.mounted} mounted" if transfer.mounted else "")
