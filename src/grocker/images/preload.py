"""Layers sent to a Docker engine while those above them are still being built.

An engine takes only whole images. Finished lower layers are sent as an image without a name, so that the engine
unpacks them while the build goes on; the image itself then finds them there. The unnamed images are removed at the
end; by then, the image keeps their layers. None of this has to succeed: what is missing is sent with the image.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import msgspec

from grocker.errors import GrockerError
from grocker.oci import Blobs, Image, Layer, Platform, RunConfig, image

_WORTH_SENDING = 1 << 20
"""bytes, compressed: less costs the engine less than another image does"""

Load = Callable[[Image, Blobs, int], int | None]
"""Sends an image without its lowest so many layers: the bytes sent, None when the engine does not take it."""


class Preloading(msgspec.Struct):
    """The preloading of one image; ``offer`` is called from one thread, layer by layer from the bottom."""

    known: Callable[[Image], int | None]
    """how many layers, from the bottom, the engine had before; None when nothing can be sent ahead"""
    load: Load
    remove: Callable[[Image], None]
    sent: int = 0
    """bytes"""
    had: int = 0
    """layers that the engine had before any was sent"""
    images: list[Image] = msgspec.field(default_factory=list)
    """those that the engine took, the lowest first"""
    _layers: list[Layer] = msgspec.field(default_factory=list)
    _thread: threading.Thread | None = None
    _closed: bool = False
    _guard: threading.Lock = msgspec.field(default_factory=threading.Lock)

    def offer(self, layer: Layer, blobs: Blobs, platform: Platform, created: int) -> None:
        """Take the next layer; it is sent at once, or together with later ones if a transfer is running."""
        with self._guard:
            self._layers.append(layer)
            if self._thread is None and not self._closed and self._is_worth():
                self._thread = threading.Thread(target=self._send, args=(blobs, platform, created), name="preload")
                self._thread.start()

    def end(self) -> Image | None:
        """Stop sending, wait for a running transfer, and return the largest image that the engine has now."""
        with self._guard:
            self._closed = True
            thread = self._thread
        if thread is not None:
            thread.join()
        return self.images[-1] if self.images else None

    def clear(self) -> None:
        """Remove the unnamed images, however the build ended."""
        self.end()
        for one in self.images:
            try:
                self.remove(one)
            except GrockerError:
                pass  # an image without a name is left: docker image prune
        self.images.clear()

    def _is_worth(self) -> bool:
        below = len(self.images[-1].layers) if self.images else 0
        return sum(one.size for one in self._layers[below:]) > _WORTH_SENDING

    def _send(self, blobs: Blobs, platform: Platform, created: int) -> None:
        try:
            while (layers := self._next()) is not None:
                part = image(layers, platform=platform, run=RunConfig(), created=created)
                if self.images:
                    below: int | None = len(self.images[-1].layers)
                else:
                    below = self.known(part)
                    self.had = below or 0
                if below is None or (size := self.load(part, blobs, below)) is None:
                    return
                self.sent += size
                self.images.append(part)
        except (GrockerError, OSError):
            return  # the delivery of the image meets it, and raises it

    def _next(self) -> Sequence[Layer] | None:
        """Return all layers so far when they are worth sending; else None, and this thread ends."""
        with self._guard:
            if not self._closed and self._is_worth():
                return tuple(self._layers)
            self._thread = None
            return None
