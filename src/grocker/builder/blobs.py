"""``StoredBlobs`` is in ``grocker.images.store``."""

from __future__ import annotations

from grocker.images.store import StoredBlobs

__all__ = ["StoredBlobs"]
