"""What an image says of itself: its documents, and in Grocker's images the lock and ``image.json`` in small layers."""

from __future__ import annotations

import io
from collections.abc import Mapping

import msgspec

from grocker.digest import Digest
from grocker.errors import CorruptError, GrockerError
from grocker.images.places import open_image
from grocker.images.reading import OpenedImage
from grocker.images.sink import PlaceContext
from grocker.lock.document import parse
from grocker.lock.values import DebianPackage, Lock, PythonFile
from grocker.oci import Document, Image, Layer, Platform, RunConfig, values
from grocker.oci.reading import check_document, read_images
from grocker.runner.contract import codec, names, spec
from grocker.tar.limits import find_members, open_tar

CONTRACT = "org.grocker.contract"
_LOCK = names.LOCK.removeprefix("/")
_IMAGE = names.IMAGE_JSON.removeprefix("/")
_TITLES = {
    "debian": "debian",
    "generated": "configured",
    "runner": "runner",
    "wheels": "wheels",
    "environment": "environment",
    "application": "application",
}
"""kinds by the titles of layers that were built before layers said their kind"""
_MOST = 64 << 20
"""bytes: a layer above this size is not read for a file in it"""
_MOST_FILE = 16 << 20
"""bytes of that file"""


class InspectedLayer(msgspec.Struct, frozen=True):
    """A layer, and what is in it as far as the image's documents tell."""

    name: str
    digest: Digest
    size: int
    """bytes, compressed"""
    content: tuple[str, ...]
    """packages and wheels, ``NAME VERSION``"""


class Inspected(msgspec.Struct, frozen=True):
    """One image for one platform."""

    image: Image
    run: RunConfig
    layers: tuple[InspectedLayer, ...]
    application: spec.Spec | None
    """None for an image that Grocker did not build, or whose ``image.json`` cannot be read"""
    lock: Lock | None
    debian: tuple[DebianPackage, ...]
    python: tuple[PythonFile, ...]
    notes: tuple[str, ...]
    """what is unknown, and why"""

    @property
    def labels(self) -> Mapping[str, str]:
        """The image's labels."""
        return self.run.labels or {}

    @property
    def release(self) -> tuple[str, str] | None:
        """The application's name and version."""
        if self.application is not None:
            return self.application.name, self.application.version
        name, version = (self.labels.get(f"org.opencontainers.image.{one}") for one in ("title", "version"))
        return (name, version) if name and version and self.contract is not None else None

    @property
    def builder(self) -> str | None:
        """The version of Grocker that built it."""
        return self.application.grocker if self.application is not None else self.labels.get("org.grocker.version")

    @property
    def services(self) -> tuple[str, ...]:
        """The names of its services."""
        if self.application is not None:
            return tuple(self.application.services)
        return tuple(name for name in self.labels.get("org.grocker.services", "").split(",") if name)

    @property
    def contract(self) -> str | None:
        """The version of the image contract that it says it keeps."""
        return self.labels.get(CONTRACT)


class Inspection(msgspec.Struct, frozen=True):
    """What was found under a name."""

    place: str
    root: Document
    images: tuple[Inspected, ...]

    @property
    def is_index(self) -> bool:
        """Whether the name refers to an index of images."""
        return self.root.descriptor.media_type in values.INDEXES


def inspect(text: str, context: PlaceContext, *, platform: Platform | None = None, remote: bool = False) -> Inspection:
    """Inspect what ``text`` names (see ``places.open_image``); ``platform``: only its image for that platform.

    Raises MissingError, UsageError, CorruptError, and what a registry raises.
    """
    with open_image(text, context, remote=remote) as source:
        found = read_images(source.root, source.fetch, what=text, platform=platform)
        return Inspection(source.place, source.root, tuple(_inspected(one, source) for one in found))


def _inspected(image: Image, source: OpenedImage) -> Inspected:
    config = values.decode(image.config.data, values.ImageConfig, what=f"the configuration {image.config.digest}")
    run = config.config or RunConfig()
    notes: list[str] = []
    application: spec.Spec | None = None
    lock: Lock | None = None
    if CONTRACT in (run.labels or {}):
        data = _read_file(image, "environment", _LOCK, source, notes)
        if data is not None:
            lock = _read_lock(data, notes)
        data = _read_file(image, "application", _IMAGE, source, notes)
        if data is not None:
            application = _read_spec(data, notes)
    else:
        notes.append("not built by Grocker: it does not say which packages, wheels and services it has")
    own = lock.of(str(image.platform)) if lock is not None else None
    if lock is not None and own is None:
        notes.append(f"its lock file does not cover {image.platform}")
    debian, python = (own.debian, own.python) if own is not None else ((), ())
    layers = tuple(
        InspectedLayer(one.title, one.digest, one.size, _content(one, image, debian, python)) for one in image.layers
    )
    return Inspected(image, run, layers, application, lock, debian, python, tuple(notes))


def layer_kind(layer: Layer) -> str | None:
    """What the plan put into a layer (``grocker.plan.layers``): as the layer says, else as its title tells."""
    if layer.kind is not None:
        return layer.kind
    return "wheel" if layer.title.startswith("wheel ") else _TITLES.get(layer.title)


def _content(
    layer: Layer, image: Image, debian: tuple[DebianPackage, ...], python: tuple[PythonFile, ...]
) -> tuple[str, ...]:
    """The packages and wheels in a layer, as the lock tells."""
    kind = layer_kind(layer)
    if kind == "debian":
        return tuple(f"{one.name} {one.version}" for one in debian)
    if kind == "wheel":
        return tuple(f"{one.name} {one.version}" for one in python if f"wheel {one.name}" == layer.title)
    if kind == "wheels":
        alone = {one.title for one in image.layers if layer_kind(one) == "wheel"}
        return tuple(f"{one.name} {one.version}" for one in python if f"wheel {one.name}" not in alone)
    return ()


def _read_file(image: Image, kind: str, path: str, source: OpenedImage, notes: list[str]) -> bytes | None:
    """Read a file from the layer of that kind; None, and a note with the reason, when it cannot be read."""
    layer = next((one for one in image.layers if layer_kind(one) == kind), None)
    if layer is None:
        notes.append(f"it has no {kind} layer")
        return None
    if layer.size > _MOST:
        notes.append(f"its {kind} layer is too large to read /{path} from ({layer.size} bytes)")
        return None
    packed = check_document(layer.descriptor, source.layer(layer.descriptor)).data
    try:
        with open_tar(io.BytesIO(packed), f"its {kind} layer") as archive:
            for entry in find_members(archive):
                if entry.name.removeprefix("./") == path and entry.isreg() and entry.size <= _MOST_FILE:
                    stream = archive.extractfile(entry)
                    return stream.read() if stream is not None else None
    except CorruptError as error:
        notes.append(f"cannot read {error.message}")
        return None
    notes.append(f"its {kind} layer has no /{path}")
    return None


def _read_lock(data: bytes, notes: list[str]) -> Lock | None:
    try:
        return parse(data.decode("utf-8", "replace"), place="its lock file")
    except GrockerError as error:
        notes.append(f"{error.message} (built by another version of Grocker?)")
        return None


def _read_spec(data: bytes, notes: list[str]) -> spec.Spec | None:
    try:
        return codec.decode(data)
    except spec.SpecError as error:
        notes.append(f"{error} (built by another version of Grocker?)")
        return None
