"""Wheels that are built because uv, which never builds anything itself, finds none of a package."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from grocker.errors import SettingsError, StorageError
from grocker.python.direct_references import write_stand_in
from grocker.python.pylock import CompiledError, CompiledPackage, Pin
from grocker.python.sources import Sdist
from grocker.python.uv import MissingWheel, NoWheelError

MAXIMUM_SDISTS = 40
"""how many wheels are built for one question"""
_Answer = TypeVar("_Answer")


class BuiltWheels:
    """The wheels that were built for one question to uv, in a directory that it gets as ``find-links``."""

    def __init__(
        self,
        directory: Path,
        find_sdist: Callable[[MissingWheel], Sdist | None],
        build: Callable[[Sdist], Pin],
        *,
        uses_stand_ins: bool = False,
    ) -> None:
        """``directory``: created when there is a wheel. ``find_sdist``: the newest one of a package that fits.

        ``uses_stand_ins``: whether one takes the place of a package that needs a compiler, so that all of them are
        found; without, the first one raises CompiledError.
        """
        self._directory, self._find_sdist = directory, find_sdist
        self._build, self._uses_stand_ins = build, uses_stand_ins
        self._tried: set[tuple[str, str]] = set()
        self.pins: dict[str, Pin] = {}
        """by file name"""
        self.compiled: list[CompiledPackage] = []
        """what needs a compiler"""

    @property
    def links(self) -> Path | None:
        """The directory; None if nothing was built."""
        return self._directory if self._tried else None

    def add(self, missing: tuple[MissingWheel, ...]) -> bool:
        """Build what uv misses; return whether there is something new. Raises what building it raises."""
        sdists = [sdist for one in missing if (sdist := self._find_sdist(one)) is not None]
        new = [sdist for sdist in sdists if (sdist.name, sdist.version) not in self._tried]
        if len(self._tried) + len(new) > MAXIMUM_SDISTS:
            raise SettingsError(
                f"resolving dependencies: more than {MAXIMUM_SDISTS} packages have no wheel",
                hint="build their wheels once, and serve them from an index (UV_INDEX) or find-links in [tool.uv]",
            )
        for sdist in new:
            self._tried.add((sdist.name, sdist.version))
            try:
                pin = self._build(sdist)
            except CompiledError as error:
                if not self._uses_stand_ins:
                    raise
                self.compiled += error.packages
                for one in error.packages:
                    stem = f"{one.name.replace('-', '_')}-{one.version}"
                    write_stand_in(self._directory / f"{stem}-py3-none-any.whl", one)
            else:
                self.pins[pin.file] = pin
                _place(pin, self._directory)
        return bool(new)


def ask_with_built(ask: Callable[[Path | None], _Answer], wheels: BuiltWheels) -> _Answer:
    """Return what ``ask`` returns once uv misses no wheel: each that it misses is built.

    ``ask``: called with the directory of the wheels that were built. Raises what it and building raise.
    """
    while True:
        try:
            return ask(wheels.links)
        except NoWheelError as error:
            if not wheels.add(error.missing):
                raise


def _place(pin: Pin, directory: Path) -> None:
    try:
        directory.mkdir(exist_ok=True)
        shutil.copyfile(unquote(urlsplit(pin.url).path), directory / pin.file)
    except OSError as error:
        raise StorageError(
            f"writing {directory / pin.file}: {error.strerror}", hint="check the disk under GROCKER_CACHE"
        ) from error
