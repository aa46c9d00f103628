"""Where an image is read from for ``inspect``: the store, an OCI layout, an archive, a registry.

Each gives the root (manifest or index), its documents, and the bytes of a layer when they are wanted.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grocker import digest as digests
from grocker.errors import CorruptError, GrockerError, MissingError, UsageError
from grocker.images.store import names, others, stored_by_digest
from grocker.oci import Document, Reference, reference, values
from grocker.oci.reading import LARGEST, document, root
from grocker.oci.values import Descriptor
from grocker.store import Store

if TYPE_CHECKING:
    from grocker.web import Transport

_INDEX = "index.json"


class ImageSource(msgspec.Struct, frozen=True):
    """An image somewhere."""

    place: str
    """for people: ``Grocker's store``"""
    root: Document
    fetch: Callable[[Descriptor], bytes]
    """the bytes of a manifest or configuration"""
    layer: Callable[[Descriptor], bytes]
    """the bytes of a layer, held in memory: for small ones"""


@contextmanager
def opened(
    text: str, *, store: Store, transport: Transport, environ: Mapping[str, str], remote: bool
) -> Iterator[ImageSource]:
    """The image that ``text`` names: ``oci:DIR[:NAME]``, ``archive:FILE[:NAME]``, or a reference.

    A reference is looked up in the store, unless ``remote``; one with a host that the store does not have is read from
    its registry. Raises MissingError, UsageError, CorruptError, and what a registry raises.
    """
    kind, _, rest = text.partition(":")
    if kind == "oci" and rest:
        yield _layout(rest)
    elif kind == "archive" and rest:
        path, name = _split(rest)
        with _tar(path) as archive:
            yield _of_files(f"archive:{path}", partial(_member, archive, path), name)
    else:
        yield _named(reference.parse(text), store, transport, environ, remote)


def _named(
    name: Reference, store: Store, transport: Transport, environ: Mapping[str, str], remote: bool
) -> ImageSource:
    digest = name.digest or names(store).get(name.full)
    if digest is not None and store.blob(digest) is not None and not remote:
        found = stored_by_digest(store, digest, str(name))

        def kept(descriptor: Descriptor) -> bytes:
            path = store.sound_blob(values.digest_of(descriptor))
            if path is None:
                raise MissingError(f"{descriptor.digest} of {name} is not in Grocker's store", hint="build again")
            return path.read_bytes()

        return ImageSource("Grocker's store", found.root, kept, kept)
    if name.host is None and not remote:
        raise MissingError(
            f"there is no image {name.docker} in Grocker's store",
            hint=f"{others(store, name)} (Docker Hub's is docker.io/{name.path}:{name.tag or 'latest'})",
        )
    from grocker import registry
    from grocker.registry import pull

    session = registry.session(
        transport, name, partial(registry.credentials, environ, name, uid=os.getuid()), actions="pull"
    )

    def document_of(descriptor: Descriptor) -> bytes:
        if descriptor.media_type in values.MANIFESTS | values.INDEXES:
            return pull.manifest(session, descriptor.digest, size=descriptor.size).data
        return pull.blob(session, descriptor)

    top = pull.manifest(session, name.digest or name.tag or "latest")
    return ImageSource(f"the registry {name.registry}", top, document_of, partial(pull.blob, session))


def _layout(text: str) -> ImageSource:
    path, name = _split(text)
    if not path.is_dir():
        raise MissingError(
            f"oci:{path}: there is no such directory", hint="name an OCI layout, oci:DIR or oci:DIR:NAME"
        )

    def read(member: str, most: int) -> bytes | None:
        try:
            with (path / member).open("rb") as stream:
                return stream.read(most + 1)
        except OSError:
            return None

    return _of_files(f"oci:{path}", read, name)


def _split(text: str) -> tuple[Path, str | None]:
    """``PATH`` or ``PATH:NAME``; a path with a colon in it that exists is a path."""
    place, colon, name = text.partition(":")
    while colon and not Path(place).exists() and ":" in name:
        more, _, name = name.partition(":")
        place = f"{place}:{more}"
    if not colon or Path(text).exists():
        return Path(text), None
    return Path(place), name or None


@contextmanager
def _tar(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        archive = tarfile.open(path, "r:*")
    except OSError as error:
        raise MissingError(f"archive:{path}: {(error.strerror or str(error)).lower()}") from error
    except tarfile.TarError as error:
        raise CorruptError(f"archive:{path}: this is no tar archive: {error}") from error
    with archive:
        yield archive


def _member(archive: tarfile.TarFile, path: Path, member: str, most: int) -> bytes | None:
    try:
        stream = archive.extractfile(member)
        if stream is None:
            return None
        with stream:
            return stream.read(most + 1)
    except KeyError:
        return None
    except (tarfile.TarError, OSError, EOFError) as error:
        raise CorruptError(f"archive:{path}: damaged: {error}") from error


def _of_files(place: str, read: Callable[[str, int], bytes | None], name: str | None) -> ImageSource:
    """An image in an OCI layout. ``read``: a file of it, at most so many bytes and one more."""

    def bytes_of(descriptor: Descriptor) -> bytes:
        digest = values.digest_of(descriptor)
        data = read(f"blobs/sha256/{digests.hexadecimal(digest)}", descriptor.size)
        if data is None:
            raise MissingError(f"{place} lacks {digest}", hint="it was not written to its end, or is damaged")
        return document(descriptor, data).data

    data = read(_INDEX, LARGEST)
    if data is None:
        raise CorruptError(
            f"{place} is no OCI layout: there is no {_INDEX}", hint="docker's older archives lack it; load it instead"
        )
    index = values.decode(data, values.Index, what=f"{place}, {_INDEX}")
    found = {}
    for one in index.manifests:
        called = (one.annotations or {}).get(values.REF_NAME)
        if name is None or name in _names(called):
            found[one.digest] = one
    if len(found) != 1:
        known = ", ".join(sorted({(o.annotations or {}).get(values.REF_NAME, o.digest) for o in index.manifests}))
        if not found:
            raise MissingError(f"{place} has no image {name or ''}".rstrip(), hint=f"it has: {known or 'none'}")
        raise UsageError(f"{place} has {len(found)} images", hint=f"add a colon and one of: {known}")
    [top] = found.values()
    return ImageSource(place, root(bytes_of(top), top.media_type), bytes_of, bytes_of)


def _names(called: str | None) -> frozenset[str]:
    """What an image in a layout may be asked for as."""
    if called is None:
        return frozenset()
    try:
        known = reference.parse(called)
    except GrockerError:
        return frozenset({called})
    local = {f"{known.repository}:{known.tag}"} if known.host == "localhost" else set()
    return frozenset({called, known.docker, *local})
