"""Build with a cache that machines share: look there for what this one lacks, and add what it made."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import replace

from grocker.builder.result import Built
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.digest import Digest
from grocker.errors import CorruptError, DeniedError, GrockerError, MissingError, UsageError
from grocker.images.store import StoredBlobs
from grocker.inputs.request import Request
from grocker.oci import Layer, Reference, reference
from grocker.oci.values import Descriptor
from grocker.plan.layers import Kind
from grocker.python import read_project
from grocker.registry import MountCandidates, find_credentials
from grocker.registry.shared_cache import SharedCache
from grocker.store.sharing import TREE, SharingStore
from grocker.store.snapshot import SharedFile, Snapshot

_CHEAP: frozenset[Kind] = frozenset({"runner", "environment", "static", "application"})
"""layers that alone are no reason to write the cache: those that change with every line, or are made in no time"""
_SECONDS_A_DAY = 86400
_HINT = "check the address in --cache-from or in [tool.grocker] cache, and the registry's log"


def cache_names(request: Request, settings: Settings) -> tuple[str | None, str | None]:
    """Return the names of the caches to read and to write: the options', else the settings' for both."""
    if request.cache_from is None and request.cache_to is None:
        return settings.cache, settings.cache
    return request.cache_from, request.cache_to


def build_with_cache(
    request: Request, settings: Settings, context: Context, build: Callable[[Context], Built]
) -> Built:
    """Return what ``build`` returns for a context whose store looks into the cache. A cache that fails fails nothing.

    Raises what ``build`` raises, and UsageError for a malformed name.
    """
    source, target = (
        parse_cache(text, request) if text is not None else None for text in cache_names(request, settings)
    )
    candidates = MountCandidates(context.store)

    def open_cache(name: Reference) -> SharedCache:
        find = partial(find_credentials, context.environ, name, uid=os.getuid())
        return SharedCache(context.transport, name, find, candidates)

    def warn(error: GrockerError) -> None:
        context.progress.warn(f"building without the shared cache: {error.message}", error.hint or _HINT)

    upstream = open_cache(source) if source is not None else None
    if upstream is not None:
        upstream.begin(warn)
    with SharingStore(context.store, upstream, warn) as store:
        shared = replace(context, store=store)
        try:
            built = build(shared)
        except (CorruptError, MissingError):
            if store.failure is None:
                raise
            # A layer was counted on whose bytes cannot be had.
            built = build(shared)
        if target is not None and _is_due(built, store, upstream):
            _write(open_cache(target), built, shared, store, upstream)
    return built


def _is_due(built: Built, store: SharingStore, upstream: SharedCache | None) -> bool:
    """Whether the build made something that is worth writing for others, into a cache that answers."""
    if upstream is None:
        return True
    if upstream.failure is not None:
        return False
    if store.failure is not None:
        # What the registry lost is written again.
        return isinstance(store.failure, CorruptError | MissingError)
    if store.has_new_answers or any(upstream.tree(key) is None for key in store.trees):
        return True
    every = [one for each in built.images for one in (*each.composed, *each.image.layers)]
    layers = [one for one in every if one.kind not in _CHEAP]
    return any(upstream.size(one.digest) is None for one in layers)


def _write(
    cache: SharedCache, built: Built, context: Context, store: SharingStore, upstream: SharedCache | None
) -> None:
    """Write what the build used and made; warn if that fails."""
    today = int(context.now) // _SECONDS_A_DAY
    images = [each.image for each in built.images]
    layers = {one.digest: one for each in built.images for one in (*each.image.blobs, *each.composed)}
    try:
        whole = _take_snapshot(layers, store, upstream, today)
        sent = {digest: layers.get(digest) or _as_layer(digest, one) for digest, one in whole.files.items()}
        blobs = _Files(store, StoredBlobs(store, images))
        cache.write(whole, sent, blobs, made=store.made, today=today, progress=context.progress)
    except DeniedError as error:
        context.progress.warn(
            f"cannot write the shared cache {cache.name}: {error.message}",
            f"log in as a user who may push (docker login {cache.name.registry}),"
            f" or only read the cache: --cache-from {cache.name}",
        )
    except GrockerError as error:
        context.progress.warn(f"cannot write the shared cache {cache.name}: {error.message}", error.hint)


def _take_snapshot(
    layers: Mapping[Digest, Layer], store: SharingStore, upstream: SharedCache | None, today: int
) -> Snapshot:
    used = store.used(today)
    trees = {key: _pack(key, store, upstream) for key in sorted(store.trees)}
    files = {
        **used.files,
        **{digest: SharedFile(today, size, TREE) for digest, size in trees.values()},
        **{one.digest: SharedFile(today, one.size, one.descriptor.media_type) for one in layers.values()},
    }
    members = {key: one for key, one in used.members.items() if one.layer in layers}
    return Snapshot(used.results, files, members, {key: digest for key, (digest, _) in trees.items()})


def _pack(key: str, store: SharingStore, upstream: SharedCache | None) -> tuple[Digest, int]:
    """Return digest and size of the file in which a tree is packed: the upstream's, else a new one."""
    if upstream is not None and store.failure is None:
        found = upstream.tree(key)
        size = upstream.size(found) if found is not None else None
        if found is not None and size is not None:
            return found, size
    return store.pack_tree(key)


class _Files:
    """Layers, wheels and packed trees of the store as ``oci.Blobs``."""

    def __init__(self, store: SharingStore, layers: StoredBlobs) -> None:
        self._store = store
        self._layers = layers

    def open(self, digest: Digest) -> BinaryIO:
        """See oci.Blobs.open."""
        wheel = self._store.download(digest)
        return open(wheel, "rb") if wheel is not None else self._layers.open(digest)

    def path(self, digest: Digest) -> Path | None:
        """See oci.Blobs.path."""
        return self._store.download(digest) or self._layers.path(digest)

    def forget(self, digest: Digest) -> None:
        """See oci.Blobs.forget."""
        self._store.sound_download(digest)
        self._layers.forget(digest)


def _as_layer(digest: Digest, file: SharedFile) -> Layer:
    descriptor = Descriptor(media_type=file.media_type, digest=digest, size=file.size)
    return Layer(descriptor, digest, "unpacked files" if file.media_type == TREE else "a wheel")


def parse_cache(text: str, request: Request) -> Reference:
    """Return the cache's name with a tag: without one, the project's name is the tag, so each project has its own."""
    name = reference.parse(text)
    if name.host is None or name.digest is not None:
        raise UsageError(
            f"invalid cache {text!r}: expected REGISTRY/REPOSITORY or REGISTRY/REPOSITORY:TAG",
            hint="for example: registry.example.com/team/cache",
        )
    return name if name.tag is not None else replace(name, tag=_tag(request))


def _tag(request: Request) -> str:
    origin = request.origin
    name = origin.name
    if origin.kind == "project" and origin.path is not None:
        try:
            name = read_project(origin.path).name or ""
        except GrockerError:  # the build says what is wrong with it
            name = ""
        name = name or origin.path.resolve().name
    elif origin.path is not None:
        name = origin.path.name.partition("-")[0] if origin.kind == "wheel" else origin.path.stem
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:128] or "cache"
