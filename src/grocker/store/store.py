"""The store: content-addressed, under the user's cache directory; safe between processes and for ``kill -9``.

    v1/blobs/sha256/HEX     finished blobs of images: layers, configurations, manifests (an OCI layout's own place for them)
    v1/downloads/HEX        files as fetched: packages, wheels
    v1/members/KEY.gz       compressed tar segments that layers are made of; KEY beside it, written last, describes it
    v1/steps/KEY            results of steps: small documents
    v1/index/KEY            parsed package indices
    v1/trees/KEY/           unpacked directory trees (the image's interpreter, for compiling)
    v1/refs/KEY             one file a reference
    v1/locks/KEY            one advisory lock a key, none global
    v1/tmp/PID.RANDOM/      what a process is writing; swept by the next one once its owner is gone

A name appears by rename alone, so what exists is complete; two processes that make the same thing make the same bytes
and the later rename changes nothing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, Self

from grocker import digest as digests
from grocker.digest import Digest, Hashing
from grocker.errors import CorruptError, MissingError
from grocker.store.writing import storage, write_whole

Room = Literal["steps", "index", "members", "refs"]
_ROOMS = ("blobs/sha256", "downloads", "members", "steps", "index", "trees", "refs", "locks", "tmp")


class Store:
    """One store on disk. Any thread may use it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        """the directory ``v1``"""
        self._scratch: Path | None = None
        self._scratch_lock: BinaryIO | None = None
        self._names = 0
        self._guard = threading.Lock()

    @classmethod
    def open(cls, root: Path) -> Store:
        """The store under the cache directory ``root``, made when it is not there.

        Raises CannotWriteError or StorageError.
        """
        store = cls(root / "v1")
        with storage("opening the cache", root):
            for room in _ROOMS:
                (store.root / room).mkdir(parents=True, exist_ok=True)
            probe = store._temporary()
            probe.touch()
            probe.unlink()
        return store

    def close(self) -> None:
        """Remove this process's temporary directory."""
        with self._guard:
            if self._scratch is not None and self._scratch_lock is not None:
                shutil.rmtree(self._scratch, ignore_errors=True)
                self._scratch_lock.close()
                self._scratch = self._scratch_lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- small derived results ------------------------------------------------------------------------------------

    def kept(self, room: Room, key: str) -> bytes | None:
        """What was kept under ``key``, or None."""
        try:
            return (self.root / room / key).read_bytes()
        except FileNotFoundError:
            return None

    def keep(self, room: Room, key: str, data: bytes) -> None:
        """Keep ``data`` under ``key``, in place of what was there."""
        target = self.root / room / key
        with storage("writing to the cache", target):
            write_whole(target, data, temporary=self._temporary())

    # -- files as fetched -----------------------------------------------------------------------------------------

    def download(self, digest: Digest) -> Path | None:
        """The fetched file of that digest, or None."""
        path = self.root / "downloads" / digests.hexadecimal(digest)
        return path if path.exists() else None

    def keep_download(self, chunks: Iterable[bytes], *, digest: Digest, size: int | None, what: str) -> Path:
        """Keep a file as it arrives, hashed on its way; ``size`` in bytes when it is known.

        Raises CorruptError when ``what`` is not what was announced; nothing is kept then.
        """
        target = self.root / "downloads" / digests.hexadecimal(digest)
        self._write_verified(chunks, target, digest=digest, size=size, what=what)
        return target

    def add_wheel(self, path: Path) -> Digest:
        """Keep a file that was made here beside those that were fetched; its digest."""
        data = path.read_bytes()
        digest = digests.of(data)
        if self.download(digest) is None:
            self.keep_download([data], digest=digest, size=len(data), what=path.name)
        return digest

    # -- blobs of images ------------------------------------------------------------------------------------------

    def blob(self, digest: Digest) -> Path | None:
        """The finished blob of that digest, or None."""
        path = self._blob_path(digest)
        return path if path.exists() else None

    def add_blob(self, data: bytes) -> Digest:
        """Keep a small blob (configuration, manifest) and return its digest."""
        digest = digests.of(data)
        target = self._blob_path(digest)
        if not target.exists():
            with storage("writing to the cache", target):
                write_whole(target, data, temporary=self._temporary())
        return digest

    @contextmanager
    def new_blob(self) -> Iterator[BlobWriter]:
        """A blob that is written piece by piece; it appears when the block ends, under its digest."""
        temporary = self._temporary()
        with storage("writing to the cache", self.root / "blobs"):
            try:
                with open(temporary, "wb") as stream:
                    writer = BlobWriter(stream)
                    yield writer
                    stream.flush()
                    os.fdatasync(stream.fileno())
                os.replace(temporary, self._blob_path(writer.hashing.digest()))
            finally:
                temporary.unlink(missing_ok=True)

    def _blob_path(self, digest: Digest) -> Path:
        return self.root / "blobs" / "sha256" / digests.hexadecimal(digest)

    # -- members: compressed tar segments ---------------------------------------------------------------------------

    def member(self, key: str) -> Path:
        """Where the compressed segment of that key lies; it is there when ``kept("members", key)`` is not None."""
        return self.root / "members" / f"{key}.gz"

    @contextmanager
    def new_member(self, key: str) -> Iterator[BinaryIO]:
        """The file of a member's bytes; it appears when the block ends. Describe it by ``keep("members", key, …)`` then."""
        temporary = self._temporary()
        with storage("writing to the cache", self.root / "members"):
            try:
                with open(temporary, "wb") as stream:
                    yield stream
                    stream.flush()
                    os.fdatasync(stream.fileno())
                os.replace(temporary, self.member(key))
            finally:
                temporary.unlink(missing_ok=True)

    # -- directory trees ----------------------------------------------------------------------------------------------

    def tree(self, key: str) -> Path | None:
        """The unpacked tree of that key, whole, or None."""
        path = self.root / "trees" / key
        return path if path.exists() else None

    @contextmanager
    def new_tree(self, key: str) -> Iterator[Path]:
        """An empty directory to fill; it appears as the tree of that key when the block ends."""
        with self.scratch() as scratch:
            tree = scratch / "tree"
            tree.mkdir()
            yield tree
            target = self.root / "trees" / key
            with storage("writing to the cache", target):
                try:
                    os.rename(tree, target)
                except OSError:
                    if not target.exists():
                        raise
                    # Another process made the same tree meanwhile: the same bytes.

    # -- temporary places and locks -----------------------------------------------------------------------------------

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty directory on the store's file system, removed when the block ends."""
        directory = self._temporary()
        with storage("writing to the cache", directory):
            directory.mkdir()
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the lock of that name, against other processes and other threads."""
        path = self.root / "locks" / name
        with storage("locking in the cache", path):
            stream = open(path, "ab")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield
        finally:
            stream.close()

    def _temporary(self) -> Path:
        """A name in this process's own temporary directory that nothing has yet."""
        with self._guard:
            if self._scratch is None:
                self._claim_scratch()
            self._names += 1
            assert self._scratch is not None
            return self._scratch / str(self._names)

    def _claim_scratch(self) -> None:
        """Make this process's directory in tmp and sweep those whose owners are gone.

        A directory is its owner's as long as the lock on its file ``owner`` is held, which ends with the process,
        however it ended. It is made under the sweep's lock, so that no other process sees it before it is locked.
        """
        tmp = self.root / "tmp"
        with storage("writing to the cache", tmp), self.lock("tmp"):
            for left in sorted(tmp.iterdir()):
                if _is_abandoned(left):
                    shutil.rmtree(left, ignore_errors=True)
            self._scratch = tmp / f"{os.getpid()}.{os.urandom(4).hex()}"
            self._scratch.mkdir()
            self._scratch_lock = open(self._scratch / "owner", "wb")
            fcntl.flock(self._scratch_lock, fcntl.LOCK_EX)

    def _write_verified(
        self, chunks: Iterable[bytes], target: Path, *, digest: Digest, size: int | None, what: str
    ) -> None:
        temporary = self._temporary()
        hashing = Hashing()
        with storage("writing to the cache", target):
            try:
                with open(temporary, "wb") as stream:
                    for chunk in hashing.through(chunks):
                        stream.write(chunk)
                    stream.flush()
                    os.fdatasync(stream.fileno())
                verify(hashing, digest=digest, size=size, what=what)
                os.replace(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)


class BlobWriter:
    """Writes a blob and knows its digest and size when all is written."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.hashing = Hashing()

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        self.hashing.update(data)
        self._stream.write(data)


def verify(hashing: Hashing, *, digest: Digest, size: int | None, what: str) -> None:
    """Compare what arrived with what was announced; CorruptError when they differ."""
    if size is not None and hashing.size != size:
        raise CorruptError(
            f"{what}: {hashing.size} bytes arrived where {size} were announced",
            hint="the server or a proxy serves another file; try again, or try another mirror",
        )
    if hashing.digest() != digest:
        raise CorruptError(
            f"{what}: its hash is {hashing.digest()}, announced was {digest}",
            hint="the file was changed or damaged on its way; nothing of it was kept; try another mirror",
        )


def require(path: Path | None, what: str) -> Path:
    """``path``, or MissingError for a file of the store that went away."""
    if path is None:
        raise MissingError(f"{what} is not in the cache any more", hint="build again")
    return path


def _is_abandoned(directory: Path) -> bool:
    try:
        with open(directory / "owner", "rb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
