"""The documents of the OCI image specification 1.1, and their one encoding.

Fields that Grocker neither writes nor checks are left out.
Sources: descriptor.md, manifest.md, image-index.md, image-layout.md, config.md.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from grocker import digest as digests
from grocker.digest import Digest
from grocker.errors import CorruptError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
"""the configuration of an artifact: ``{}``"""
LAYER = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFESTS = frozenset({MANIFEST, DOCKER_MANIFEST})
"""what docker wrote before OCI has the same fields (distribution, manifest/schema2)"""
INDEXES = frozenset({INDEX, DOCKER_LIST})
REF_NAME = "org.opencontainers.image.ref.name"
LAYER_KIND = "org.grocker.layer.kind"
"""annotation of a layer's descriptor: what Grocker put into the layer (``debian``, ``wheel``, ``application``)"""
SOCI_TYPE = "application/vnd.amazon.soci.index.v2+json"
"""artifact type of a SOCI index"""
SOCI_INDEX = "com.amazon.soci.index-digest"
"""annotation of an image's manifest: its SOCI index"""
SOCI_IMAGE = "com.amazon.soci.image-manifest-digest"
"""annotation of a SOCI index where an index lists it: the manifest of its image"""
LAYOUT_VERSION = "1.0.0"

_HINT = "build or push the image again: it is damaged or malformed"
_Value = TypeVar("_Value", bound=msgspec.Struct)


class PlatformValue(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A platform in a descriptor."""

    architecture: str
    os: str
    variant: str | None = None


class Descriptor(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What is known of a blob without its bytes; ``size`` in bytes."""

    media_type: str
    digest: str
    size: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
    annotations: dict[str, str] | None = None
    platform: PlatformValue | None = None
    artifact_type: str | None = None


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """An image manifest."""

    schema_version: int
    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str | None = None
    annotations: dict[str, str] | None = None
    artifact_type: str | None = None
    subject: Descriptor | None = None
    """for an artifact: what it refers to"""


class Index(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """An image index, also a layout's ``index.json``."""

    schema_version: int
    manifests: tuple[Descriptor, ...]
    media_type: str | None = None
    annotations: dict[str, str] | None = None


class LayoutMarker(msgspec.Struct, frozen=True, rename={"version": "imageLayoutVersion"}):
    """The file ``oci-layout``."""

    version: str


class Nothing(msgspec.Struct, frozen=True):
    """``{}``: the values of Go's sets, ``ExposedPorts`` and ``Volumes``."""


class RunConfig(msgspec.Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """How an engine runs the image: the object ``config`` of an image configuration."""

    user: str | None = None
    exposed_ports: dict[str, Nothing] | None = None
    env: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    volumes: dict[str, Nothing] | None = None
    working_dir: str | None = None
    labels: dict[str, str] | None = None
    stop_signal: str | None = None


class RootFs(msgspec.Struct, frozen=True):
    """The layers of an image as their tars' digests."""

    type: str
    diff_ids: tuple[Digest, ...]


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a layer came to be, for people."""

    created: str | None = None
    created_by: str | None = None
    comment: str | None = None
    empty_layer: bool = False


class ImageConfig(msgspec.Struct, frozen=True, omit_defaults=True):
    """An image configuration."""

    architecture: str
    os: str
    rootfs: RootFs
    variant: str | None = None
    created: str | None = None
    config: RunConfig | None = None
    history: tuple[History, ...] | None = None


def encode(value: msgspec.Struct) -> bytes:
    """Encode in the one form: UTF-8 JSON, keys sorted, no white space, absent fields left out."""
    return msgspec.json.encode(value, order="sorted")


def decode(data: bytes, kind: type[_Value], *, what: str) -> _Value:
    """Decode the document in ``data``. CorruptError, naming ``what``, when it is not of that ``kind``."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptError(f"{what} is malformed: {error}", hint=_HINT) from error


def describe(media_type: str, data: bytes) -> Descriptor:
    """Make the descriptor of a document."""
    return Descriptor(media_type=media_type, digest=digests.of(data), size=len(data))


def digest_of(descriptor: Descriptor) -> Digest:
    """Return the descriptor's digest. CorruptError when it is not sha256, the only algorithm that Grocker supports."""
    try:
        return digests.parse(descriptor.digest)
    except ValueError as error:
        raise CorruptError(f"unsupported digest in a descriptor: {error}", hint=_HINT) from error


def string_set(*keys: str) -> dict[str, Nothing]:
    """Make a set as Go encodes it: ``{"80/tcp": {}}``."""
    return {key: Nothing() for key in sorted(keys)}
