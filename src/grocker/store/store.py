"""The store: content-addressed, under the user's cache directory; safe between processes and for ``kill -9``.

    v1/blobs/sha256/HEX     finished blobs of images: layers, configurations, manifests (as in an OCI layout)
    v1/downloads/HEX        files as fetched: packages, wheels
    v1/members/KEY.gz       compressed tar segments that layers are made of; KEY beside it, written last, describes it
    v1/steps/KEY            results of steps: small documents
    v1/trees/KEY/           unpacked directory trees (the image's interpreter, for compiling)
    v1/refs/KEY             one file a reference
    v1/locks/KEY            one advisory lock a key, none global
    v1/tmp/PID.RANDOM/      what a process is writing; swept by the next one once its owner is gone

Names appear only by rename, so whatever exists is complete; two processes that make the same thing make the same bytes,
and the later rename changes nothing. Damage on the disk is found when a file is read, by hash or checksum: the file is
then forgotten and made again, by this build if it can, else by the next one (docs/decisions/0012).
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal, Self, TypeVar

from grocker import digest as digests
from grocker.digest import Digest
from grocker.errors import CannotWriteError
from grocker.store import tree_seal
from grocker.store.cache_tag import tag_cache
from grocker.store.writing import Writer, digest_of, remove, remove_tree, storage, sync_tree, verify, write_whole

Room = Literal["steps", "members", "refs"]
ROOMS = ("blobs/sha256", "downloads", "members", "steps", "trees", "refs", "locks", "tmp")
SEAL = 10
"""bytes that ``seal`` gives"""
_ACTION = "writing to the cache"
_CHUNK = 1 << 20
_Document = TypeVar("_Document")


class Store:
    """One store on disk. Thread safe."""

    def __init__(self, root: Path) -> None:
        self.root = root
        """the directory ``v1``"""
        self.is_new = False
        """whether it was empty, save for downloads, when it was opened"""
        self._scratch: Path | None = None
        self._scratch_lock: BinaryIO | None = None
        self._names = 0
        self._guard = threading.Lock()

    @classmethod
    def open(cls, root: Path) -> Store:
        """Open the store under the cache directory ``root``; create it if needed.

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
            store.is_new = not (store.root / "members").exists()
            for room in ROOMS:
                (store.root / room).mkdir(parents=True, exist_ok=True)
            tag_cache(root)
            probe = store._temporary()
            probe.touch()
            probe.unlink()
        return store

    def close(self) -> None:
        """Remove this process's temporary directory."""
        with self._guard:
            if self._scratch is not None and self._scratch_lock is not None:
                remove_tree(self._scratch)
                self._scratch_lock.close()
                self._scratch = self._scratch_lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- small derived results ------------------------------------------------------------------------------------

    def kept(self, room: Room, key: str) -> bytes | None:
        """Return what was kept under ``key``; None when there is nothing or it is damaged: make it again."""
        try:
            with open(self.root / room / key, "rb") as stream:
                if is_bare(room, key):
                    return stream.read()
                data = stream.read(max(os.fstat(stream.fileno()).st_size - SEAL, 0))
                return data if stream.read() == seal(data) else None
        except OSError:
            return None

    def kept_as(self, room: Room, key: str, kind: type[_Document]) -> _Document | None:
        """Return what was kept under ``key``, decoded from JSON; None also when it is malformed: make it again."""
        import msgspec

        data = self.kept(room, key)
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.DecodeError:
            return None

    def copies(self, room: Room, key: str) -> Iterator[bytes]:
        """Yield what ``kept`` returns, and what other stores that this one looks into have under ``key``."""
        data = self.kept(room, key)
        if data is not None:
            yield data

    def keep(self, room: Room, key: str, data: bytes) -> None:
        """Keep ``data`` under ``key``, replacing what was there. Raises StorageError, CannotWriteError."""
        bare = is_bare(room, key)
        sealed = data if bare else data + seal(data)
        # A power cut may leave a sealed result incomplete, which counts as not kept: no need to wait for the disk.
        write_whole(self.root / room / key, sealed, temporary=self._temporary(), sync=bare)

    def keep_answer(self, key: str, data: bytes) -> None:
        """Keep what an archive or an index has just answered as the result of a step."""
        self.keep("steps", key, data)

    # -- files as fetched -----------------------------------------------------------------------------------------

    def download(self, digest: Digest) -> Path | None:
        """Return the fetched file with that digest, or None, without checking whether it is damaged."""
        path = self._download_path(digest)
        return path if path.exists() else None

    def sound_download(self, digest: Digest) -> Path | None:
        """Return the fetched file with that digest after checking it; remove a damaged one and return None."""
        return _sound(self._download_path(digest), digest)

    def keep_download(
        self, chunks: Iterable[bytes], *, digest: Digest, size: int | None, what: str, sync: bool = True
    ) -> Path:
        """Keep a file while it arrives, hashing it; ``size`` in bytes when known, ``sync`` as in ``Writer.put``.

        Raises CorruptError when ``what`` does not match, StorageError when the disk is full; nothing is kept then.
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
        """Store a locally built file among the fetched ones; return its digest."""
        digest = digest_of(path)
        if self.sound_download(digest) is None:
            with open(path, "rb") as stream:
                chunks = iter(lambda: stream.read(_CHUNK), b"")
                # Readers hash it, and build it again when it is damaged.
                self.keep_download(chunks, digest=digest, size=None, what=path.name, sync=False)
        return digest

    def built_wheel(self, digest: Digest) -> Path | None:
        """Return what ``add_wheel`` stored, after checking it; remove a damaged one and return None."""
        return self.sound_download(digest)

    def _download_path(self, digest: Digest) -> Path:
        return self.root / "downloads" / digests.hexadecimal(digest)

    # -- blobs of images ------------------------------------------------------------------------------------------

    def blob(self, digest: Digest, size: int | None = None) -> Path | None:
        """Return the finished blob with that digest; None if there is none, or its size is not ``size`` (if given)."""
        path = self._blob_path(digest)
        try:
            found = path.stat().st_size
        except FileNotFoundError:
            return None
        return path if size is None or found == size else None

    def has_blob(self, digest: Digest, size: int) -> bool:
        """Whether ``blob`` will find it, without fetching it."""
        return Store.blob(self, digest, size) is not None

    def use_layer(self, digest: Digest, members: Iterable[tuple[str, int, int]]) -> None:
        """Hear that an image has that layer, of these members (key, offset, compressed size): for one that shares."""

    def sound_blob(self, digest: Digest) -> Path | None:
        """Return the blob with that digest after checking it; remove a damaged one and return None."""
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
        """Write a blob piece by piece; it appears under its digest when the block ends."""
        with Writer(self._temporary(), action=_ACTION) as writer:
            yield writer
            writer.put(self._blob_path(writer.hashing.digest()))

    def _blob_path(self, digest: Digest) -> Path:
        return self.root / "blobs" / "sha256" / digests.hexadecimal(digest)

    # -- members: compressed tar segments ---------------------------------------------------------------------------

    def member(self, key: str) -> Path:
        """The path of that member's compressed segment; it exists when ``kept("members", key)`` is not None."""
        return self.root / "members" / f"{key}.gz"

    def member_size(self, key: str) -> int | None:
        """Bytes of the member's compressed segment, None when there is none."""
        with suppress(FileNotFoundError):
            return self.member(key).stat().st_size
        return None

    def open_member(self, key: str) -> BinaryIO:
        """Open the member's compressed segment; closed by the caller. Raises OSError."""
        return open(self.member(key), "rb")

    @contextmanager
    def new_member(self, key: str) -> Iterator[Writer]:
        """Write a member's bytes; the file appears when the block ends. Describe it then with ``keep``."""
        with Writer(self._temporary(), action=_ACTION) as writer:
            yield writer
            writer.put(self.member(key))

    def forget_member(self, key: str) -> None:
        """Remove a damaged member, its description first, so that it is made again."""
        with storage(_ACTION, self.root / "members"):
            (self.root / "members" / key).unlink(missing_ok=True)
            self.member(key).unlink(missing_ok=True)

    # -- directory trees ----------------------------------------------------------------------------------------------

    def tree(self, key: str) -> Path | None:
        """Return the unpacked tree of that key as it was put there; None if there is none, or if it was changed.

        Programs that run in a tree may change it: sizes and times are compared each time, contents if those differ
        (after a restored backup).
        """
        path = self.root / "trees" / key
        kept = self.kept("steps", f"tree-{key}")
        state = tree_seal.check(path, kept) if kept is not None else None
        if state == "moved":
            self.seal_tree(key)
        return path if state is not None else None

    def own_tree(self, key: str) -> Path | None:
        """Return what ``tree`` returns, without looking into other stores."""
        return Store.tree(self, key)

    def share_tree(self, key: str) -> None:
        """Hear that the tree of that key is worth sharing: for a store that shares."""

    def seal_tree(self, key: str, tree: Path | None = None) -> None:
        """Accept the tree of that key, or ``tree``, as it is now; the caller, who has changed it, holds its lock."""
        path = tree or self.root / "trees" / key
        with storage(_ACTION, path):
            self.keep("steps", f"tree-{key}", tree_seal.make(path))

    @contextmanager
    def new_tree(self, key: str) -> Iterator[Path]:
        """Yield an empty directory to fill; it appears as the tree of that key when the block ends."""
        with self.scratch() as scratch:
            tree = scratch / "tree"
            with storage(_ACTION, tree):
                tree.mkdir()
            yield tree
            target = self.root / "trees" / key
            with storage(_ACTION, target):
                sync_tree(tree)
                if target.exists() and Store.tree(self, key) is None:
                    self.forget_tree(key)  # a changed one is in the way
                self.seal_tree(key, tree)
                try:
                    os.rename(tree, target)
                except OSError:
                    if not target.exists():
                        raise
                    # Another process made the same tree meanwhile, with the same bytes.

    def forget_tree(self, key: str) -> None:
        """Remove a damaged tree, so that it is made again."""
        # Another process may have removed it first.
        with self.scratch() as scratch, storage(_ACTION, self.root / "trees" / key), suppress(FileNotFoundError):
            os.rename(self.root / "trees" / key, scratch / "tree")

    # -- temporary places and locks -----------------------------------------------------------------------------------

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield an empty directory on the store's file system; it is removed when the block ends."""
        directory = self._temporary()
        with storage(_ACTION, directory):
            directory.mkdir()
        try:
            yield directory
        finally:
            remove_tree(directory)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the lock of that name, against other processes and threads."""
        path = self.root / "locks" / name
        with storage("locking in the cache", path):
            stream = open(path, "ab")
        try:
            with storage("locking in the cache", path):
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield
        finally:
            stream.close()

    def owns(self, directory: Path) -> bool:
        """Tell whether a directory in ``tmp`` is this process's."""
        return directory == self._scratch

    def _temporary(self) -> Path:
        """Choose an unused name in this process's own temporary directory."""
        with self._guard:
            if self._scratch is None:
                self._scratch = self._claim_scratch()
            self._names += 1
            return self._scratch / str(self._names)

    def _claim_scratch(self) -> Path:
        """Make this process's directory in tmp, and remove those of processes that are gone.

        A directory is in use as long as the lock on its file ``owner`` is held. The lock ends with the process,
        however that ended, and with the programs that it ran, which write there too. Directories are made and removed
        under one lock, so that no other process sees a directory before it is locked.
        """
        tmp = self.root / "tmp"
        with storage(_ACTION, tmp), self.lock("tmp"):
            for left in abandoned(self):
                remove_tree(left)
            scratch = tmp / f"{os.getpid()}.{os.urandom(4).hex()}"
            scratch.mkdir()
            owner = open(scratch / "owner", "wb")
            fcntl.flock(owner, fcntl.LOCK_EX)
            os.set_inheritable(owner.fileno(), True)
            self._scratch_lock = owner
            return scratch


def is_bare(room: Room, key: str) -> bool:
    """Whether a result has no seal: references, and records that ``cli.replay`` reads and checks without the store."""
    return room == "refs" or key.startswith("replay-")


def seal(data: bytes) -> bytes:
    """Return the checksum at the end of a kept file, which reveals damage on the disk."""
    import zlib

    return b"\n%08x\n" % zlib.crc32(data)


def abandoned(store: Store) -> tuple[Path, ...]:
    """List temporary directories whose owners are gone (``kill -9``); the next process that writes removes them."""
    return tuple(left for left in sorted((store.root / "tmp").iterdir()) if _is_abandoned(left))


def _sound(path: Path, digest: Digest) -> Path | None:
    try:
        if digest_of(path) == digest:
            return path
    except FileNotFoundError:
        return None
    except OSError:
        pass  # a bad sector is as bad as a wrong hash
    with storage(_ACTION, path):
        remove(path)
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
