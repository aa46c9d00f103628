"""Where images go: docker, podman, a registry, an OCI layout, an archive. One seam, ``Sink``."""

from __future__ import annotations

from grocker.output.sink import Delivered, Sink

__all__ = ["Delivered", "Sink"]
