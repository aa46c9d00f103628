"""Where images go: docker, podman, a registry, an OCI layout, an archive. One seam, ``Sink``.

The face is imported when it is looked at: a build in which nothing changed needs ``engine`` alone, without msgspec.
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
