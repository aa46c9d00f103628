"""``pylock.toml``: the lock format of PEP 751, in which uv writes resolutions."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec.structs import replace

from grocker.decoding import decode_toml
from grocker.digest import Digest, from_hex
from grocker.errors import CorruptError, SettingsError, StorageError, UnavailableError
from grocker.python import uv as _uv
from grocker.python.indexes import hide_credentials
from grocker.python.metadata import normalise_name
from grocker.python.requirements import MARKER_ERRORS, marker_environment
from grocker.python.sources import ARCHIVE, DirectorySource, GitSource, Sdist, Source, parse_git
from grocker.python.tags import choose_file
from grocker.python.target import WheelTarget

_HINT = "create the project's lock again; if it has none, this is a bug in Grocker: report it"


class Pin(msgspec.Struct, frozen=True):
    """One wheel file of the image."""

    name: str
    """normalised"""
    version: str
    file: str
    """file name"""
    url: str
    """where the index has it, without credentials; ``file:`` for a wheel on this host"""
    sha256: Digest
    size: int | None
    """bytes; None when the index does not say"""
    index: str | None = None
    """the index's address without credentials, when uv says it"""
    sdist: Digest | None = None
    """of the sdist or the directory that the wheel was built from here; None for a wheel of the index, or of git"""
    build: tuple[str, ...] = ()
    """what it was built with, see ``PythonFile``"""
    source: str = ""
    """the repository or directory that it was built from, see ``PythonFile``"""
    requires: tuple[str, ...] = ()
    """of a wheel that was built here: what it requires (PEP 508)"""
    extras: tuple[str, ...] = ()
    """of a wheel that was built here: the extras that it has"""
    libraries: tuple[str, ...] = ()
    """Debian packages that its compiled modules need, see ``PythonFile``"""


class WheelBuilder(Protocol):
    """Builds wheels of packages that have none."""

    @property
    def has_alternatives(self) -> bool:
        """Whether another suite is tried if a package needs a compiler."""

    def build(self, source: Source) -> Pin:
        """Return the wheel, a file on this host. Raises CompiledError when building it takes a compiler."""


class CompiledPackage(msgspec.Struct, frozen=True):
    """A package that has no usable wheel, and needs a compiler to build one."""

    name: str
    version: str
    reason: str
    """what the back end said, one line; may be empty"""
    requires: tuple[str, ...] = ()
    """what it depends on, as far as it is known (PEP 508)"""
    extras: tuple[str, ...] = ()
    required_by: str = ""
    """the distribution that requires it, when it is known"""
    remedy: str = ""
    """what would let this host compile it, in the imperative; may be empty"""


class CompiledError(_uv.NoWheelError):
    """Packages without a usable wheel need a compiler."""

    def __init__(self, message: str, *, hint: str | None = None, packages: tuple[CompiledPackage, ...]) -> None:
        super().__init__(message, hint=hint)
        self.packages = packages


def compiled_error(packages: Sequence[CompiledPackage], platform: str) -> CompiledError:
    """The error for packages that would have to be compiled for ``platform``."""
    told = []
    for one in packages:
        notes = [f"required by {one.required_by}"] if one.required_by else []
        told.append(f"{one.name} {one.version}" + "".join(f" ({note})" for note in (*notes, one.reason) if note))
    needs = "it needs" if len(packages) == 1 else "they need"
    binaries = [f"{_uv.BINARIES[one.name]} instead of {one.name}" for one in packages if one.name in _uv.BINARIES]
    pinned = " ".join(f"{one.name}=={one.version}" for one in packages)
    found = re.search(r"Python (3\.\d+)", platform)
    python = found[1] if found else "3"
    remedy = next((f"{one.remedy}; " for one in packages if one.remedy), "")
    return CompiledError(
        f"{', '.join(told)}: no wheel for {platform}, and {needs} a compiler to build one",
        hint=f"{remedy}depend on {' and '.join(binaries)}: published with wheels"
        if binaries
        else f"{remedy}choose a version that has a wheel, or build one on a machine with that compiler:"
        f' python{python} -m pip wheel --no-deps --wheel-dir wheels {pinned}, and find-links = ["wheels"] in [tool.uv]',
        packages=tuple(packages),
    )


def read_pylock(
    data: bytes,
    target: WheelTarget,
    builder: WheelBuilder | None = None,
    *,
    base: Path | None = None,
    variables: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Pin, ...]:
    """The wheel of each package in a pylock.toml that ``target`` needs, sorted by name.

    ``builder``: builds the wheels of packages that have an sdist alone, and of repositories and directories. ``base``:
    the directory that its paths are relative to. ``variables``: further marker variables (``extras``,
    ``dependency_groups``).
    Raises MissingError when a package has no compatible wheel, CompiledError that names all packages that need a
    compiler, SettingsError for a source that is not a wheel.
    """
    from packaging.markers import Marker

    environment: dict[str, Any] = {**marker_environment(target), **variables}
    pins: dict[str, Pin] = {}
    compiled: list[CompiledPackage] = []
    for package in read_packages(data):
        try:
            if "marker" in package and not Marker(package["marker"]).evaluate(environment, "lock_file"):
                continue
        except MARKER_ERRORS as error:
            raise CorruptError(f"reading pylock.toml: {package.get('name')}: {error}", hint=_HINT) from error
        try:
            found = _pin(package, target, base, can_build=builder is not None)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise CorruptError(
                f"reading pylock.toml: malformed package {package.get('name')}: {error!r}", hint=_HINT
            ) from error
        if not isinstance(found, Pin):
            assert builder is not None
            try:
                pin = builder.build(found)
            except CompiledError as error:
                compiled += error.packages
                continue
        else:
            pin = found
        if pin.name in pins:
            raise CorruptError(f"reading pylock.toml: duplicate package {pin.name} for {target}", hint=_HINT)
        pins[pin.name] = pin
    if compiled:
        raise compiled_error(compiled, str(target))
    return tuple(pins[name] for name in sorted(pins))


def read_sdist(package: Mapping[str, Any], base: Path | None = None) -> Sdist | None:
    """The sdist of a package; None when it has none. Raises UnavailableError when its sha256 is not known."""
    sdist = package.get("sdist")
    if not sdist:
        return None
    file, url, name = file_name(sdist), address(sdist, base), normalise_name(package["name"])
    sha256 = sdist.get("hashes", {}).get("sha256") or _measured(file, url)
    return Sdist(
        name, str(package.get("version", "")), file, hide_credentials(url), _digest(sha256, file), sdist.get("size")
    )


def read_packages(data: bytes) -> list[dict[str, Any]]:
    """The tables ``[[packages]]`` of a pylock.toml. Raises CorruptError when it is not TOML."""
    import tomllib

    try:
        packages: Any = decode_toml(data.decode("utf-8")).get("packages", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CorruptError(f"reading pylock.toml: {error}", hint=_HINT) from error
    if not isinstance(packages, list) or not all(isinstance(package, dict) for package in packages):
        raise CorruptError("reading pylock.toml: packages is not a list of tables", hint=_HINT)
    checked: list[dict[str, Any]] = packages
    return checked


def file_name(wheel: Mapping[str, Any]) -> str:
    """The file name of a wheel of a package."""
    return str(
        wheel.get("name") or unquote(str(wheel.get("url") or wheel["path"]).partition("#")[0].rpartition("/")[2])
    )


def address(wheel: Mapping[str, Any], base: Path | None = None) -> str:
    """Where a wheel of a package is: its URL, ``file:`` for one on this host, whose path is relative to ``base``."""
    if wheel.get("path"):
        return Path(os.path.normpath((base or Path()).absolute() / wheel["path"])).as_uri()
    return str(wheel["url"])


def unsupported_source(name: str, what: str) -> SettingsError:
    """The error for a package that does not come as a wheel."""
    return SettingsError(
        f"resolving dependencies: {name} comes from {what}; only wheels can be installed",
        hint=f"serve a wheel of {name} from an index, or give its address: {name} @ https://…/{name}-….whl",
    )


def _pin(package: Mapping[str, Any], target: WheelTarget, base: Path | None, *, can_build: bool) -> Pin | Source:
    """The wheel of a package; what to build if it has no wheel and something can be built."""
    name = normalise_name(package["name"])
    source = _source(package, name, base)
    if source is not None:
        if not can_build:
            kinds = {GitSource: "a repository", DirectorySource: "a directory", Sdist: "an archive that is not a wheel"}
            raise unsupported_source(name, kinds[type(source)])
        return source
    wheels = {file_name(wheel): wheel for wheel in package.get("wheels", [])}
    if "archive" in package:
        wheels = {file_name(package["archive"]): package["archive"]}
    file = choose_file(wheels, target)
    version = str(package.get("version", "")) or (file.split("-")[1] if file else "")
    if file is None:
        sdist = read_sdist(package, base) if can_build else None
        if sdist is not None:
            return sdist
        raise _uv.no_wheel_error(name, version or None, str(target))
    wheel = wheels[file]
    url = address(wheel, base)
    sha256 = wheel.get("hashes", {}).get("sha256") or _measured(file, url)
    index = package.get("index")
    return Pin(
        name=name,
        version=version,
        file=file,
        url=hide_credentials(url),
        sha256=_digest(sha256, file),
        size=wheel.get("size"),
        index=hide_credentials(index) if index else None,
        source=f"{ARCHIVE}{hide_credentials(url)}" if "archive" in package else "",
    )


def _source(package: Mapping[str, Any], name: str, base: Path | None) -> Source | None:
    """What a package is built from; None when it comes as wheels or from an index."""
    version = str(package.get("version", ""))
    if "vcs" in package:
        vcs = package["vcs"]
        if vcs.get("type") != "git":
            raise unsupported_source(name, f"a {vcs.get('type')} repository")
        source = parse_git(str(vcs.get("url") or vcs["path"]), name=name, reference=str(vcs["commit-id"]), base=base)
        return replace(source, version=version, subdirectory=vcs.get("subdirectory", source.subdirectory))
    if "directory" in package:
        path = package["directory"]["path"]
        place = (base or Path()) / path / package["directory"].get("subdirectory", "")
        return DirectorySource(place, name=name, version=version)
    archive = package.get("archive")
    if archive is None or file_name(archive).endswith(".whl"):
        return None
    sha256 = archive.get("hashes", {}).get("sha256")
    file, url, size = file_name(archive), address(archive, base), archive.get("size")
    digest = _digest(sha256, file) if sha256 else None
    within = archive.get("subdirectory", "")
    return Sdist(name, version, file, url, digest, size, is_addressed=True, subdirectory=within)


def _digest(hexadecimal: object, file: str) -> Digest:
    try:
        return from_hex(str(hexadecimal))
    except ValueError as error:
        raise CorruptError(
            f"resolving dependencies: the index gives a malformed sha256 for {file}: {error}", hint="use another index"
        ) from error


def _measured(file: str, url: str) -> str:
    """The sha256 of a file that the index gives none of, hexadecimal: possible on this host only."""
    if not url.startswith("file:"):
        raise UnavailableError(
            f"resolving dependencies: the index gives no sha256 for {file}",
            hint="use an index that does (PEP 503 or 691)",
        )
    return _hash_file(Path(unquote(urlsplit(url).path)))


def _hash_file(path: Path) -> str:
    import hashlib

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"reading {path}: {error.strerror}", hint="make the file readable") from error
