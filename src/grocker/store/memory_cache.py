"""Bytes that this process produced and will soon need again: kept in memory while there is room, else read back."""

from __future__ import annotations

import threading

ROOM = 256 << 20
"""bytes; an image with Debian and a large framework needs half of that"""


class MemoryCache:
    """Parts by key. Thread safe."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._parts: dict[str, tuple[bytes, ...]] = {}
        self._guard = threading.Lock()

    @property
    def room(self) -> int:
        """Bytes that there is room for now."""
        return self._room

    def put(self, key: str, parts: tuple[bytes, ...]) -> None:
        """Keep ``parts``, unless there is no room for them."""
        size = sum(map(len, parts))
        with self._guard:
            if size <= self._room and key not in self._parts:
                self._room -= size
                self._parts[key] = parts

    def take(self, key: str) -> tuple[bytes, ...] | None:
        """Remove and return the parts; None when there are none."""
        with self._guard:
            parts = self._parts.pop(key, None)
            if parts is not None:
                self._room += sum(map(len, parts))
            return parts
