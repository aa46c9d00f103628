"""The store: content-addressed, under the user's cache directory; safe between processes and for ``kill -9``.

    v1/blobs/sha256/HEX     finished blobs of images: layers, configurations, manifests (as in an OCI layout)
    v1/downloads/HEX        files as fetched: packages, wheels
    v1/members/KEY.gz       compressed tar segments that layers are made of; KEY beside it, written last, describes it
    v1/steps/KEY            results of steps: small documents
    v1/trees/KEY/           unpacked directory trees (the image's interpreter, for compiling)
    v1/refs/KEY             one file a reference
    v1/locks/KEY            one advisory lock a key, none global
    v1/tmp/PID.RANDOM/      what a process is writing; swept by the next one once its owner is gone

A name appears by rename alone, so what exists was complete; two processes that make the same thing make the same bytes
and the later rename changes nothing. What a disk did to it afterwards is found when it is read, by hash or checksum:
then it is forgotten, and made again by this build where its maker is at hand, else by the next (docs/decisions/0012).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, Self, TypeVar

from grocker import digest as digests
from grocker.digest import Digest, Hashing
from grocker.errors import CannotWriteError, CorruptError, MissingError
from grocker.store.memory_cache import MemoryCache
from grocker.store.writing import Writer, storage, sync_tree, write_whole

Room = Literal["steps", "members", "refs"]
ROOMS = ("blobs/sha256", "downloads", "members", "steps", "trees", "refs", "locks", "tmp")
SEAL = 10
"""bytes that ``seal`` gives"""
_ACTION = "writing to the cache"
_Document = TypeVar("_Document")


class Store:
    """One store on disk. Any thread may use it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        """the directory ``v1``"""
        self._scratch: Path | None = None
        self._scratch_lock: BinaryIO | None = None
        self._names = 0
        self.memory = MemoryCache()
        """what members of this process are made of, until they are read"""
        self._guard = threading.Lock()

    @classmethod
    def open(cls, root: Path) -> Store:
        """The store under the cache directory ``root``, made when it is not there.

        Raises CannotWriteError or StorageError.
        """
        if not root.is_absolute():
            # "~" is not expanded for a user without HOME and without an entry in passwd.
            raise CannotWriteError(
                f"cannot open the cache {root}: there is no home directory",
                hint="set GROCKER_CACHE to a writable directory",
            )
        store = cls(root / "v1")
        with storage("opening the cache", root):
            for room in ROOMS:
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
        """What was kept under ``key``; None when there is nothing, or something that is damaged: make it again."""
        try:
            with open(self.root / room / key, "rb") as stream:
                if is_bare(room, key):
                    return stream.read()
                data = stream.read(max(os.fstat(stream.fileno()).st_size - SEAL, 0))
                return data if stream.read() == seal(data) else None
        except OSError:
            return None

    def kept_as(self, room: Room, key: str, kind: type[_Document]) -> _Document | None:
        """What was kept under ``key``, decoded from JSON; None also when it is no such document: make it again."""
        import msgspec

        data = self.kept(room, key)
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.DecodeError:
            return None

    def keep(self, room: Room, key: str, data: bytes) -> None:
        """Keep ``data`` under ``key``, in place of what was there. Raises StorageError, CannotWriteError."""
        bare = is_bare(room, key)
        sealed = data if bare else data + seal(data)
        # What a power cut leaves of a sealed result counts as not kept: it need not wait for the disk.
        write_whole(self.root / room / key, sealed, temporary=self._temporary(), sync=bare)

    # -- files as fetched -----------------------------------------------------------------------------------------

    def download(self, digest: Digest) -> Path | None:
        """The fetched file of that digest, or None; nobody has looked whether it is still sound."""
        path = self._download_path(digest)
        return path if path.exists() else None

    def sound_download(self, digest: Digest) -> Path | None:
        """The fetched file of that digest, read and found to be it; a damaged one is removed, and None returned."""
        return _sound(self._download_path(digest), digest)

    def keep_download(
        self, chunks: Iterable[bytes], *, digest: Digest, size: int | None, what: str, sync: bool = True
    ) -> Path:
        """Keep a file as it arrives, hashed on its way; ``size`` in bytes when it is known, ``sync`` as ``Writer.put``.

        Raises CorruptError when ``what`` is not what was announced, StorageError when the disk is full; nothing is
        kept then.
        """
        target = self._download_path(digest)
        with Writer(self._temporary(), action=_ACTION) as writer:
            for chunk in chunks:
                writer.write(chunk)
                if size is not None and writer.hashing.size > size:
                    break  # a server that sends without end must not fill the disk
            verify(writer.hashing, digest=digest, size=size, what=what)
            writer.put(target, sync=sync)
        return target

    def add_wheel(self, path: Path) -> Digest:
        """Keep a file that was made here beside those that were fetched; its digest."""
        data = path.read_bytes()
        digest = digests.of(data)
        if self.sound_download(digest) is None:
            # Whoever reads it hashes it, and builds it again when it is not what it was.
            self.keep_download([data], digest=digest, size=len(data), what=path.name, sync=False)
        return digest

    def _download_path(self, digest: Digest) -> Path:
        return self.root / "downloads" / digests.hexadecimal(digest)

    # -- blobs of images ------------------------------------------------------------------------------------------

    def blob(self, digest: Digest, size: int | None = None) -> Path | None:
        """The finished blob of that digest, or None; with ``size``, in bytes, a cut one does not count either."""
        path = self._blob_path(digest)
        try:
            found = path.stat().st_size
        except FileNotFoundError:
            return None
        return path if size is None or found == size else None

    def sound_blob(self, digest: Digest) -> Path | None:
        """The blob of that digest, read and found to be it; a damaged one is removed, and None returned."""
        return _sound(self._blob_path(digest), digest)

    def add_blob(self, data: bytes) -> Digest:
        """Keep a small blob (configuration, manifest) and return its digest."""
        digest = digests.of(data)
        target = self._blob_path(digest)
        if self.sound_blob(digest) is None:
            write_whole(target, data, temporary=self._temporary())
        return digest

    @contextmanager
    def new_blob(self) -> Iterator[Writer]:
        """A blob that is written piece by piece; it appears when the block ends, under its digest."""
        with Writer(self._temporary(), action=_ACTION) as writer:
            yield writer
            writer.put(self._blob_path(writer.hashing.digest()))

    def _blob_path(self, digest: Digest) -> Path:
        return self.root / "blobs" / "sha256" / digests.hexadecimal(digest)

    # -- members: compressed tar segments ---------------------------------------------------------------------------

    def member(self, key: str) -> Path:
        """Where the compressed segment of that key lies; it is there when ``kept("members", key)`` is not None."""
        return self.root / "members" / f"{key}.gz"

    @contextmanager
    def new_member(self, key: str) -> Iterator[Writer]:
        """The file of a member's bytes; it appears when the block ends. Describe it then by ``keep``."""
        with Writer(self._temporary(), action=_ACTION) as writer:
            yield writer
            writer.put(self.member(key))

    def forget_member(self, key: str) -> None:
        """Take away a member that was found damaged, its description first, so that it is made again."""
        with storage(_ACTION, self.root / "members"):
            (self.root / "members" / key).unlink(missing_ok=True)
            self.member(key).unlink(missing_ok=True)

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
            with storage(_ACTION, tree):
                tree.mkdir()
            yield tree
            target = self.root / "trees" / key
            with storage(_ACTION, target):
                sync_tree(tree)
                try:
                    os.rename(tree, target)
                except OSError:
                    if not target.exists():
                        raise
                    # Another process made the same tree meanwhile: the same bytes.

    def forget_tree(self, key: str) -> None:
        """Take away a tree that was found damaged, so that it is made again."""
        with self.scratch() as scratch, storage(_ACTION, self.root / "trees" / key):
            try:
                os.rename(self.root / "trees" / key, scratch / "tree")
            except FileNotFoundError:
                pass  # somebody else was quicker

    # -- temporary places and locks -----------------------------------------------------------------------------------

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty directory on the store's file system, removed when the block ends."""
        directory = self._temporary()
        with storage(_ACTION, directory):
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
            with storage("locking in the cache", path):
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield
        finally:
            stream.close()

    def _temporary(self) -> Path:
        """A name in this process's own temporary directory that nothing has yet."""
        with self._guard:
            if self._scratch is None:
                self._scratch = self._claim_scratch()
            self._names += 1
            return self._scratch / str(self._names)

    def _claim_scratch(self) -> Path:
        """Make this process's directory in tmp and sweep those whose owners are gone.

        A directory is its owner's as long as the lock on its file ``owner`` is held, which ends with the process,
        however it ended, and with the programs that it ran, which write there too. It is made under the sweep's
        lock, so that no other process sees it before it is locked.
        """
        tmp = self.root / "tmp"
        with storage(_ACTION, tmp), self.lock("tmp"):
            for left in abandoned(self):
                shutil.rmtree(left, ignore_errors=True)
            scratch = tmp / f"{os.getpid()}.{os.urandom(4).hex()}"
            scratch.mkdir()
            owner = open(scratch / "owner", "wb")
            fcntl.flock(owner, fcntl.LOCK_EX)
            os.set_inheritable(owner.fileno(), True)
            self._scratch_lock = owner
            return scratch


def is_bare(room: Room, key: str) -> bool:
    """Whether a result has no seal: references, and what ``cli.replay`` reads and judges without the store."""
    return room == "refs" or key.startswith("replay-")


def seal(data: bytes) -> bytes:
    """The end of a kept file: by it a result that the disk has changed is told from a sound one, JSON or not."""
    import zlib

    return b"\n%08x\n" % zlib.crc32(data)


def abandoned(store: Store) -> tuple[Path, ...]:
    """Temporary directories whose owners are gone (``kill -9``); the next process that writes sweeps them."""
    return tuple(left for left in sorted((store.root / "tmp").iterdir()) if _is_abandoned(left))


def verify(hashing: Hashing, *, digest: Digest, size: int | None, what: str) -> None:
    """Compare what arrived with what was expected. CorruptError when they differ."""
    if size is not None and hashing.size != size:
        more = "more than " if hashing.size > size else ""
        arrived = size if hashing.size > size else hashing.size
        raise CorruptError(
            f"{what}: expected {size} bytes, got {more}{arrived}",
            hint="the server or a proxy serves another file; try again, or use another mirror",
        )
    if hashing.digest() != digest:
        raise CorruptError(
            f"{what}: expected {digest}, got {hashing.digest()}",
            hint="the file was changed or damaged in transit and was discarded; use another mirror",
        )


def require(path: Path | None, what: str) -> Path:
    """Return ``path``. MissingError when it is None: the file is gone from the store."""
    if path is None:
        raise MissingError(f"{what} is no longer in the cache", hint="build again")
    return path


def digest_of(path: Path) -> Digest:
    """The digest of a file's bytes. Raises OSError."""
    with open(path, "rb") as stream:
        return digests.from_hex(hashlib.file_digest(stream, "sha256").hexdigest())


def _sound(path: Path, digest: Digest) -> Path | None:
    try:
        if digest_of(path) == digest:
            return path
    except FileNotFoundError:
        return None
    except OSError:
        pass  # a bad sector: as damaged as a wrong hash
    with storage(_ACTION, path):
        path.unlink(missing_ok=True)
    return None


def _is_abandoned(directory: Path) -> bool:
    try:
        with open(directory / "owner", "rb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
