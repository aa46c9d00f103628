"""The sink ``registry`` (``--push``): the images go to the registries that their names say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from grocker.images.sink import UP_TO_DATE, Delivered, Transfer, plural
from grocker.oci import Blobs, Image, Reference
from grocker.progress import Progress

if TYPE_CHECKING:
    from grocker.registry import Place, Pushed
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
    _looks: dict[tuple[Reference, ...], Future[Place]] = msgspec.field(default_factory=dict)
    """what was asked ahead, by the names in one repository"""

    def describe(self) -> str:
        """See Sink.describe."""
        return "the registry"

    def ask(self, names: Sequence[Reference]) -> None:
        """See Asking.ask."""
        for group in _repositories(names):
            look: Future[Place] = Future()
            self._looks[group] = look
            # Nobody waits for it but a delivery: a registry that does not answer delays neither an error nor Ctrl-C.
            threading.Thread(target=self._answer, args=(look, group), name="ask", daemon=True).start()

    def _answer(self, look: Future[Place], names: Sequence[Reference]) -> None:
        try:
            look.set_result(self._look(names))
        except BaseException as error:  # noqa: BLE001 - whoever delivers meets it
            look.set_exception(error)

    def deliver(
        self, images: Sequence[Image], names: Sequence[Reference], blobs: Blobs, progress: Progress
    ) -> Delivered:
        """See Sink.deliver. Names in one repository are one push; a further repository mounts what the first got."""
        from grocker import registry

        known = registry.Known(self.store)
        pushed = []
        for group in _repositories(names):
            asked = self._looks.pop(group, None)
            place = asked.result() if asked is not None else self._look(group)
            pushed.append(registry.push(place, images, blobs, progress, known=known))
        listed = tuple(str(name) for one in pushed for name in one.names)
        transfer = Transfer(
            sum(one.sent_blobs for one in pushed),
            sum(one.mounted_blobs for one in pushed),
            sum(one.present_blobs for one in pushed),
        )
        new = sum(one.sent_bytes for one in pushed)
        return Delivered("registry", listed[0], new, _detail(pushed, transfer), listed, transfer=transfer)

    def _look(self, names: Sequence[Reference]) -> Place:
        from grocker import registry

        find = partial(registry.credentials, self.environ, names[0], uid=self.uid)
        return registry.look(self.transport(), find, names)


def _repositories(names: Sequence[Reference]) -> list[tuple[Reference, ...]]:
    """The names of each repository."""
    found: dict[str, list[Reference]] = {}
    for name in names:
        found.setdefault(name.name, []).append(name)
    return [tuple(group) for group in found.values()]


def _detail(pushed: Sequence[Pushed], transfer: Transfer) -> str:
    if not any(one.new for one in pushed):
        return UP_TO_DATE
    total = transfer.sent + transfer.mounted + transfer.present
    words = f"sent {transfer.sent} of {plural(total, 'blob')}"
    return words + (f", {transfer.mounted} mounted" if transfer.mounted else "")
