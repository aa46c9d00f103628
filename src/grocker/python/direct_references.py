"""Requirements with a source of their own: each is built first, and uv then resolves with what was built.

uv never builds anything itself, because it has credentials. It gets stand-ins: wheels with the metadata alone.

Source: PyPA dependency specifiers (PEP 508), "direct references".
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from packaging.specifiers import SpecifierSet

from grocker.errors import StorageError
from grocker.python.metadata import normalise_name
from grocker.python.pylock import CompiledPackage, Pin, WheelBuilder, unsupported_source
from grocker.python.requirement_files import ListedSource
from grocker.python.requirements import marker_environment, parse_requirement
from grocker.python.sources import Source, WheelAddress, parse_source
from grocker.python.target import WheelTarget


class BuiltReferences:
    """Requirements and constraints in which addresses of sources are replaced by those of wheels built from them."""

    def __init__(
        self,
        directory: Path,
        target: WheelTarget,
        builder: WheelBuilder | None,
        *,
        base: Path | None = None,
        replaced: Mapping[str, Source | WheelAddress],
    ) -> None:
        """``directory``: for stand-ins, created when there are any. ``base``: what relative paths are relative to.

        ``replaced``: sources by normalised name, which count instead of the index and of other addresses.
        """
        self._directory, self._base, self._builder = directory, base, builder
        self._variables = marker_environment(target)
        self._replaced = replaced
        self._pins: dict[Source, Pin] = {}
        self.built: dict[str, Pin] = {}
        """by file name"""

    def requirement(self, text: str) -> str:
        """The requirement with the address of a stand-in, if it has or gets a source; empty if it does not apply."""
        parsed = parse_requirement(text)
        name = normalise_name(parsed.name)
        source = self._replaced.get(name)
        if source is None:
            source = parse_source(parsed.url, name=name, base=self._base) if parsed.url else None
        if source is None:
            if parsed.url and parsed.url.startswith("file:") and not parsed.url.startswith("file:/"):
                path = (self._base or Path()) / parsed.url.removeprefix("file:")
                parsed.url = Path(os.path.normpath(path.absolute())).as_uri()
                return str(parsed)
            return text
        if isinstance(source, WheelAddress):
            parsed.url, parsed.specifier = source.url, SpecifierSet()
            return str(parsed)
        if parsed.marker is not None and not parsed.marker.evaluate(dict(self._variables)):
            return ""
        own = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
        return f"{parsed.name}{own} @ {self._address(self._build(source, sorted(parsed.extras)))}"

    def listed(self, one: ListedSource) -> str:
        """The requirement for a source whose name was not said; empty if it does not apply."""
        if one.marker and not parse_requirement(f"x ; {one.marker}").marker.evaluate(dict(self._variables)):
            return ""
        pin = self._build(one.source, one.extras)
        extras = f"[{','.join(one.extras)}]" if one.extras else ""
        return f"{pin.name}{extras} @ {self._address(pin)}"

    def constraints(self) -> Iterator[str]:
        """Yield a constraint for each replaced source."""
        for name, source in self._replaced.items():
            if isinstance(source, WheelAddress):
                yield f"{name} @ {source.url}"
                continue
            yield f"{name} @ {self._address(self._build(source, ()))}"

    def _build(self, source: Source, extras: Sequence[str]) -> Pin:
        if source in self._pins:
            return self._pins[source]
        if self._builder is None:
            raise unsupported_source(source.name, "a source that has to be built")
        pin = self._builder.build(source)
        self._pins[source] = pin
        self.built[pin.file] = pin
        requires = list(self._requires(pin, extras))
        write_stand_in(self._directory / pin.file, replace(pin, requires=tuple(requires)))
        return pin

    def _requires(self, pin: Pin, extras: Sequence[str]) -> Iterator[str]:
        """What the pin requires, its own addresses replaced as far as they apply with ``extras``."""
        for text in pin.requires:
            parsed = parse_requirement(text)
            if not self._is_active(parsed, extras):
                yield text
                continue
            marker = parsed.marker
            parsed.marker = None
            plain = self.requirement(str(parsed))
            yield f"{plain} ; {marker}" if marker is not None else plain

    def _is_active(self, requirement: Any, extras: Iterable[str]) -> bool:
        if requirement.marker is None:
            return True
        return any(requirement.marker.evaluate({**self._variables, "extra": one}) for one in ("", *extras))

    def _address(self, pin: Pin) -> str:
        return (self._directory.absolute() / pin.file).as_uri()


def write_stand_in(path: Path, package: Pin | CompiledPackage) -> None:
    """Write a wheel with the metadata of ``package`` alone, from which uv resolves."""
    stem = "-".join(path.name.split("-")[:2])
    lines = ["Metadata-Version: 2.1", f"Name: {package.name}", f"Version: {package.version}"]
    lines += [f"Requires-Dist: {text}" for text in package.requires]
    lines += [f"Provides-Extra: {extra}" for extra in package.extras]
    content = {
        f"{stem}.dist-info/METADATA": "\n".join(lines) + "\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/RECORD": "",
    }
    try:
        os.makedirs(path.parent, exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in content.items():
                archive.writestr(name, text)
    except OSError as error:
        raise StorageError(f"writing {path}: {error.strerror}", hint="check the disk under GROCKER_CACHE") from error
