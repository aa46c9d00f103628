"""The standalone interpreters of this build: which there are, and the archive of one, from the store or through uv."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from grocker.context import Context
from grocker.digest import Digest
from grocker.errors import CorruptError, DeniedError, GrockerError, MissingError, TryAgainError, UnavailableError
from grocker.lock.values import StandalonePython
from grocker.platforms.interpreters import OLDEST, release_of, series_of
from grocker.platforms.suites import SUITES, debian_pythons, nearest_suites
from grocker.platforms.target import Target
from grocker.python import Uv, hide_credentials
from grocker.python.standalone import Download, download_archive, list_downloads, read_archive
from grocker.store.answers import recent_answer
from grocker.store.writing import require
from grocker.tar.entry import Entry
from grocker.tar.keys import cache_key

_HOUR = 3600.0
"""seconds"""


class _Listed(msgspec.Struct, frozen=True):
    at: float
    """seconds since 1970"""
    downloads: tuple[Download, ...]


class Lack(msgspec.Struct, frozen=True):
    """Why an interpreter could not be fetched."""

    at: float
    """seconds since 1970"""
    message: str
    hint: str | None


class StandaloneSource(msgspec.Struct, frozen=True):
    """Gives standalone interpreters to one build."""

    context: Context
    uv: Uv
    refresh: bool = False
    """ask again, whatever is kept"""
    locked: Mapping[str, StandalonePython] = MappingProxyType({})
    """archives to keep to, by platform: those of the lock"""

    def list(self) -> tuple[Download, ...]:
        """Return the archives that uv knows, the newest version first; asked once a day. Raises UnavailableError."""

        def ask() -> _Listed:
            found = list_downloads(self.uv)
            usable = (one for one in found if release_of(series_of(one.version)) >= OLDEST)
            # The address of a mirror may have a password, which the store does not get.
            return _Listed(self.context.now, tuple(replace(one, url=hide_credentials(one.url)) for one in usable))

        key = cache_key("standalone pythons", self.uv.variables())
        store, now = self.context.store, self.context.now
        return recent_answer(store, key, _Listed, ask, now=now, refresh=self.refresh).downloads

    def find(self, target: Target) -> StandalonePython:
        """Return the archive of the target's interpreter: the lock's, or the one that uv fetches.

        Raises as ``python.standalone.download_archive``, with a hint that names what Debian has instead.
        """
        locked = self.locked.get(target.platform)
        if locked is not None and locked.version == target.standalone:
            return locked
        store, known = self.context.store, self._known(target)
        key = cache_key("standalone python", known.key, known.url)
        kept = store.kept_as("steps", key, StandalonePython)
        if kept is not None and not self.refresh:
            return kept
        path, digest = self._download(target, known)
        found = StandalonePython(known.version, known.build, known.file, path.stat().st_size, digest)
        store.keep("steps", key, msgspec.json.encode(found))
        return found

    def find_lack(self, target: Target) -> Lack | None:
        """Return why the target's interpreter cannot be fetched, None if it can; a failure counts for an hour."""
        store, now = self.context.store, self.context.now
        key = cache_key("standalone python out of reach", str(target.platform), target.standalone, self.uv.variables())
        kept = store.kept_as("steps", key, Lack)
        if kept is not None and not self.refresh and 0 <= now - kept.at < _HOUR:
            return kept
        try:
            self.find(target)
        except (UnavailableError, DeniedError, TryAgainError) as error:
            lack = Lack(now, error.message, error.hint)
            store.keep("steps", key, msgspec.json.encode(lack))
            return lack
        return None

    def fetch(self, target: Target, python: StandalonePython) -> Path:
        """Return the file of an archive, from the store or fetched again.

        Raises CorruptError if it is another one now, and as ``find``.
        """
        kept = self._vouched(python)
        if kept is not None:
            return kept
        known = self._known(target)
        if known.file == python.file:
            path, digest = self._download(target, known)
        else:  # uv knows a newer build of that version: the releases lie beside each other
            address = next(one.url for one in list_downloads(self.uv) if one.key == known.key)
            release = posixpath.dirname(posixpath.dirname(address))
            locked = replace(known, url=f"{release}/{python.build}/{quote(python.file, safe='')}")
            path, digest = self._download(target, locked, python.sha256)
        if digest != python.sha256:
            raise CorruptError(
                f"fetching Python {python.version}: expected {python.sha256}, got {digest}",
                hint="check the mirror (UV_PYTHON_INSTALL_MIRROR), or create the lock again: grocker lock --upgrade",
            )
        return path

    def read(self, target: Target, *, development: bool = False) -> tuple[Entry, ...]:
        """Return the files of the target's interpreter, as ``python.standalone.read_archive`` does."""
        python = self.find(target)
        return read_archive(
            self.fetch(target, python),
            target.python,
            file=python.file,
            architecture=target.architecture,
            development=development,
        )

    def _known(self, target: Target) -> Download:
        fitting = [one for one in self.list() if one.architecture == target.architecture]
        known = next((one for one in fitting if one.version == target.standalone), None)
        if known is None:
            names = ", ".join(dict.fromkeys(series_of(one.version) for one in fitting)) or "none"
            raise MissingError(
                f"no standalone Python {target.standalone} for {target.architecture}",
                hint=f"choose a Python from Debian: {debian_pythons()}; or a standalone one: {names}",
            )
        return known

    def _download(self, target: Target, known: Download, promised: Digest | None = None) -> tuple[Path, Digest]:
        """Fetch an archive; ``promised``: its digest, if it is not one that uv knows."""
        context = self.context
        with context.store.scratch() as scratch, context.progress.task(f"fetching Python {known.version}"):
            try:
                path = download_archive(self.uv, known, scratch, promised)
            except (UnavailableError, DeniedError, MissingError, TryAgainError) as error:
                raise _with_nearest(error, target) from error
            digest = context.store.add_wheel(path)
        self._vouch(digest)
        return require(context.store.sound_download(digest), f"Python {known.version}"), digest

    def _vouched(self, python: StandalonePython) -> Path | None:
        """Return the stored file if uv or the releases gave it.

        The build runs it, so that a lock names a file does not suffice: other files of the store are a project's.
        """
        store = self.context.store
        if store.kept("steps", _voucher(python.sha256)) is None:
            return None
        return store.sound_download(python.sha256)

    def _vouch(self, digest: Digest) -> None:
        self.context.store.keep("steps", _voucher(digest), b"true")


def _voucher(digest: Digest) -> str:
    return f"vouched-{cache_key(digest)}"  # this machine's own judgement


def _with_nearest(error: GrockerError, target: Target) -> GrockerError:
    """The same error; its hint names Debian's nearest Python too."""
    python = nearest_suites(SUITES.values(), target.python)[0].python
    return type(error)(
        error.message,
        hint=f'{error.hint}; or build with Debian\'s nearest Python: set python = "{python}" in [tool.grocker]',
    )
