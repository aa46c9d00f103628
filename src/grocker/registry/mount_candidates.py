"""Which blobs a registry is known to have, and in which repositories: what can be mounted instead of sent.

A record is a guess: a registry that does not have the blob there any more says so, and the blob is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import msgspec

from grocker import digest as digests
from grocker.digest import Digest
from grocker.store import Store

_MOST_BLOBS = 4096  # of a registry; the oldest go first
_MOST_REPOSITORIES = 3  # of a blob


class Known:
    """The record, in the store where there is one. Any thread may use it."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._registries: dict[str, dict[str, list[str]]] = {}

    def source(self, registry: str, repository: str, digest: Digest) -> str | None:
        """Another repository of ``registry`` than ``repository`` that has the blob, the last one seen."""
        with self._lock:
            if registry not in self._registries:
                self._registries[registry] = self._kept(registry)
            places = self._registries[registry].get(digest, [])
            return next((one for one in reversed(places) if one != repository), None)

    def note(self, registry: str, repository: str, blobs: Iterable[Digest]) -> None:
        """The blobs were pushed to the repository, or seen there. Raises StorageError, CannotWriteError."""
        if self._store is None:
            with self._lock:
                _add(self._registries.setdefault(registry, {}), repository, blobs)
            return
        key = _key(registry)
        with self._lock, self._store.lock(key):
            known = self._kept(registry)
            before = msgspec.json.encode(known)
            _add(known, repository, blobs)
            self._registries[registry] = known
            after = msgspec.json.encode(known)
            if after != before:
                self._store.keep("steps", key, after)

    def _kept(self, registry: str) -> dict[str, list[str]]:
        if self._store is None:
            return {}
        return self._store.kept_as("steps", _key(registry), dict[str, list[str]]) or {}


def _add(known: dict[str, list[str]], repository: str, blobs: Iterable[Digest]) -> None:
    for digest in blobs:
        places = [one for one in known.get(digest, []) if one != repository]
        if known.get(digest, [])[-1:] != [repository]:
            known.pop(digest, None)
            known[digest] = [*places, repository][-_MOST_REPOSITORIES:]
    for oldest in list(known)[: max(0, len(known) - _MOST_BLOBS)]:
        del known[oldest]


def _key(registry: str) -> str:
    return f"pushed-{digests.hexadecimal(digests.of(registry.encode()))[:32]}"
