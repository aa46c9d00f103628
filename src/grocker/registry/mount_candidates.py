"""Which blobs a registry is known to have, and in which repositories: what to mount instead of sending it.

A record is a guess: a registry that no longer has the blob there says so, and the blob is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import msgspec

from grocker import digest as digests
from grocker.digest import Digest
from grocker.store import Store

_MOST_BLOBS = 4096
_MOST_REPOSITORIES = 3  # of a blob


class MountCandidates:
    """The record, kept in the store if there is one; thread safe.

    ``most_blobs``: of a registry; the oldest are dropped first.
    """

    def __init__(self, store: Store | None = None, *, most_blobs: int = _MOST_BLOBS) -> None:
        self._store = store
        self._most_blobs = most_blobs
        self._lock = threading.Lock()
        self._registries: dict[str, dict[str, list[str]]] = {}

    def find(self, registry: str, repository: str, digest: Digest) -> str | None:
        """Find another repository of ``registry`` than ``repository`` that has the blob: the one seen last."""
        with self._lock:
            if registry not in self._registries:
                self._registries[registry] = self._kept(registry)
            places = self._registries[registry].get(digest, [])
            return next((one for one in reversed(places) if one != repository), None)

    def add(self, registry: str, repository: str, blobs: Iterable[Digest]) -> None:
        """Record blobs that were pushed to the repository or seen there. Raises StorageError, CannotWriteError."""
        if self._store is None:
            with self._lock:
                self._record(self._registries.setdefault(registry, {}), repository, blobs)
            return
        key = _key(registry)
        with self._lock, self._store.lock(key):
            known = self._kept(registry)
            before = msgspec.json.encode(known)
            self._record(known, repository, blobs)
            self._registries[registry] = known
            after = msgspec.json.encode(known)
            if after != before:
                self._store.keep("steps", key, after)

    def _kept(self, registry: str) -> dict[str, list[str]]:
        if self._store is None:
            return {}
        return self._store.kept_as("steps", _key(registry), dict[str, list[str]]) or {}

    def _record(self, known: dict[str, list[str]], repository: str, blobs: Iterable[Digest]) -> None:
        for digest in blobs:
            places = [one for one in known.get(digest, []) if one != repository]
            if known.get(digest, [])[-1:] != [repository]:
                known.pop(digest, None)
                known[digest] = [*places, repository][-_MOST_REPOSITORIES:]
        for oldest in list(known)[: max(0, len(known) - self._most_blobs)]:
            del known[oldest]


def _key(registry: str) -> str:
    return f"pushed-{digests.hexadecimal(digests.of(registry.encode()))[:32]}"
