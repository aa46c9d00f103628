"""Where images are read from and go to: docker, podman, registries, OCI layouts, archives, Grocker's own store.

``places`` has the table. The face is imported when it is used: a build in which nothing changed needs ``places`` and
``engine`` alone, without msgspec.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from grocker.images.sink import Delivered, Sink

__all__ = ["Delivered", "Sink"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(name)
    from grocker.images import sink

    return getattr(sink, name)
