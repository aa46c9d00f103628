"""Small images, made up, whose blobs are in memory."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import zstandard

from grocker import digest as digests
from grocker.digest import Digest
from grocker.errors import MissingError
from grocker.images.store import keep_images
from grocker.lock.document import render
from grocker.lock.values import Base, DebianPackage, Interpreter, Lock, PlatformLock, PythonFile
from grocker.oci import Image, Layer, Platform, RunConfig, image, layer, values
from grocker.oci.reference import parse
from grocker.runner.contract.codec import encode
from grocker.runner.contract.spec import Service, Spec
from grocker.store import Store
from grocker.tar.entry import Directory, Entry, File
from grocker.tar.writer import END_OF_ARCHIVE, segment

EPOCH = 315532800
AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")


class MemoryBlobs:
    """The seam ``Blobs`` over a dictionary; ``opened`` lists what was asked for, ``forgotten`` what was damaged."""

    def __init__(self, blobs: dict[Digest, bytes] | None = None) -> None:
        self.blobs = dict(blobs or {})
        self.opened: list[Digest] = []
        self.forgotten: list[Digest] = []

    def open(self, digest: Digest) -> BinaryIO:
        self.opened.append(digest)
        if digest not in self.blobs:
            raise MissingError(f"blob {digest} is not there")
        return io.BytesIO(self.blobs[digest])

    def path(self, digest: Digest) -> Path | None:
        return None

    def forget(self, digest: Digest) -> None:
        self.forgotten.append(digest)


class FileBlobs(MemoryBlobs):
    """The same, in files of a directory."""

    def __init__(self, root: Path, blobs: dict[Digest, bytes]) -> None:
        super().__init__(blobs)
        self.root = root
        for digest, data in blobs.items():
            (root / digest[7:]).write_bytes(data)

    def path(self, digest: Digest) -> Path | None:
        found = self.root / digest[7:]
        return found if found.exists() else None


class FailingBlobs(MemoryBlobs):
    """Blobs whose last layer fails with ``error``, or is damaged when there is none."""

    def __init__(self, made: Image, blobs: MemoryBlobs, error: OSError | None) -> None:
        super().__init__(blobs.blobs)
        self.error = error
        self.last = made.layers[-1].digest
        if error is None:
            self.blobs[self.last] = self.blobs[self.last][:-1] + b"?"

    def open(self, digest: Digest) -> BinaryIO:
        if digest == self.last and self.error is not None:
            raise self.error
        return super().open(digest)


def made_layer(
    title: str, entries: Iterable[Entry], *, kind: str | None = None, epoch: int = EPOCH, zstd: bool = False
) -> tuple[Layer, bytes]:
    """A layer of those entries, compressed by gzip or by zstd, and its bytes."""
    plain = b"".join(segment(entries, epoch=epoch)) + END_OF_ARCHIVE
    packed = zstandard.compress(plain) if zstd else gzip.compress(plain, mtime=0)
    made = layer(
        digest=digests.of(packed),
        size=len(packed),
        diff_id=digests.of(plain),
        title=title,
        kind=kind,
        media_type=values.LAYER_ZSTD if zstd else values.LAYER_GZIP,
    )
    return made, packed


def made_image(
    *more: str,
    texts: Sequence[str] = ("one", "two", "three"),
    labels: dict[str, str] | None = None,
    layers: Iterable[tuple[Layer, bytes]] = (),
    platform: Platform = AMD64,
) -> tuple[Image, MemoryBlobs]:
    """An image with one small layer for each text, above ``layers``."""
    made = [
        *layers,
        *(
            made_layer(f"text {number}", [Directory("opt"), File(f"opt/{number}", text.encode())])
            for number, text in enumerate(more or texts)
        ),
    ]
    run = RunConfig(
        user="1000:0",
        entrypoint=("/opt/run",),
        labels={"org.grocker.contract": "1", **(labels or {})},
    )
    result = image([one for one, _ in made], platform=platform, run=run, created=EPOCH)
    return result, MemoryBlobs({one.digest: data for one, data in made})


def two_images(*texts: str) -> tuple[list[Image], MemoryBlobs]:
    """The same for amd64 and for arm64, with one layer in common."""
    shared = made_layer("shared", [File("shared", b"shared")])
    amd64, blobs = made_image("amd64", *texts, layers=[shared], platform=AMD64)
    arm64, more = made_image("arm64", *texts, layers=[shared], platform=ARM64)
    return [amd64, arm64], MemoryBlobs(blobs.blobs | more.blobs)


def keep(store: Store, name: str, images: Sequence[Image], blobs: MemoryBlobs) -> None:
    """Put the images into a store under ``name``, as a build does."""
    for data in blobs.blobs.values():
        store.add_blob(data)
    keep_images(store, images, [parse(name)])


def grockers_image(
    platform: Platform = AMD64, *, version: str = "1.0", says_kinds: bool = True
) -> tuple[Image, MemoryBlobs]:
    """A small image that is Grocker's, with lock and ``image.json`` where the contract has them.

    ``says_kinds``: whether its layers say their kind, as those of older images do not.
    """
    package = DebianPackage(
        "libc6", "2.41-1", platform.architecture, "trixie", "pool/libc6.deb", 5, digests.of(b"libc6")
    )
    wheels = [
        PythonFile(name, "2.0", f"{name}-2.0-py3-none-any.whl", "default", 5, digests.of(name.encode()))
        for name in ("django", "sqlparse")
    ]
    lock = Lock(
        inputs={},
        base=Base("debian", "trixie"),
        interpreter=Interpreter("cpython", "3.13", "debian:trixie"),
        platforms=(PlatformLock(str(platform), (package,), tuple(wheels)),),
        build=(),
    )
    described = Spec(
        name="polls",
        version=version,
        namespace="POLLS",
        grocker="9.0.0",
        services={"www": Service(wsgi="polls.wsgi:application"), "worker": Service(command=("work", "hard"))},
    )
    layers: tuple[tuple[str, str, list[Entry]], ...] = (
        ("debian", "debian", [File("lib", platform.architecture.encode())]),
        ("wheel", "wheel django", [File("django", b"django")]),
        ("wheels", "wheels", [File("sqlparse", b"sqlparse")]),
        ("environment", "environment", [*_OPT, File("opt/grocker/grocker.lock", render(lock).encode())]),
        ("application", "application", [*_OPT, File("opt/grocker/image.json", encode(described))]),
    )
    return made_image(
        layers=[made_layer(title, entries, kind=kind if says_kinds else None) for kind, title, entries in layers],
        platform=platform,
        texts=(),
    )


_OPT = (Directory("opt"), Directory("opt/grocker"))
