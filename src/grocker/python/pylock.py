"""``pylock.toml``: the lock format of PEP 751, in which uv writes resolutions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from grocker.decoding import decode_toml
from grocker.digest import Digest, from_hex
from grocker.errors import CorruptError, SettingsError, StorageError, UnavailableError
from grocker.python import uv as _uv
from grocker.python.indexes import hide_credentials
from grocker.python.metadata import normalise_name
from grocker.python.requirements import marker_environment
from grocker.python.tags import choose_file
from grocker.python.target import WheelTarget


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


def read_pylock(data: bytes, target: WheelTarget) -> tuple[Pin, ...]:
    """The wheel of each package in a pylock.toml that ``target`` needs, sorted by name.

    Raises MissingError when a package has no compatible wheel, SettingsError for a source that is not a wheel.
    """
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

    variables = marker_environment(target)
    pins: dict[str, Pin] = {}
    for package in read_packages(data):
        try:
            if "marker" in package and not Marker(package["marker"]).evaluate(variables):
                continue
        except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, KeyError, TypeError) as error:
            raise CorruptError(f"reading pylock.toml: {package.get('name')}: {error}") from error
        try:
            pin = _pin(package, target)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise CorruptError(f"reading pylock.toml: malformed package {package.get('name')}: {error!r}") from error
        if pin.name in pins:
            raise CorruptError(f"reading pylock.toml: duplicate package {pin.name} for {target}")
        pins[pin.name] = pin
    return tuple(pins[name] for name in sorted(pins))


def read_packages(data: bytes) -> list[dict[str, Any]]:
    """The tables ``[[packages]]`` of a pylock.toml. Raises CorruptError when it is not TOML."""
    import tomllib

    try:
        packages: Any = decode_toml(data.decode("utf-8")).get("packages", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CorruptError(f"reading pylock.toml: {error}") from error
    if not isinstance(packages, list) or not all(isinstance(package, dict) for package in packages):
        raise CorruptError("reading pylock.toml: packages is not a list of tables")
    checked: list[dict[str, Any]] = packages
    return checked


def file_name(wheel: Mapping[str, Any]) -> str:
    """The file name of a wheel of a package."""
    return str(
        wheel.get("name") or unquote(str(wheel.get("url") or wheel["path"]).partition("#")[0].rpartition("/")[2])
    )


def address(wheel: Mapping[str, Any]) -> str:
    """Where a wheel of a package is: its URL, ``file:`` for one on this host."""
    return str(wheel.get("url") or Path(wheel["path"]).absolute().as_uri())


def unsupported_source(name: str, what: str) -> SettingsError:
    """The error for a package that does not come as a wheel."""
    return SettingsError(
        f"resolving dependencies: {name} comes from {what}; only wheels can be installed",
        hint=f"serve a wheel of {name} from an index, or give its address: {name} @ https://…/{name}-….whl",
    )


def _pin(package: Mapping[str, Any], target: WheelTarget) -> Pin:
    name = normalise_name(package["name"])
    for source in ("vcs", "directory"):
        if source in package:
            raise unsupported_source(name, "a repository" if source == "vcs" else "a directory")
    wheels = {file_name(wheel): wheel for wheel in package.get("wheels", [])}
    if "archive" in package:
        wheels = {file_name(package["archive"]): package["archive"]}
        if not next(iter(wheels)).endswith(".whl"):
            raise unsupported_source(name, "an archive that is not a wheel")
    file = choose_file(wheels, target)
    version = str(package.get("version", "")) or (file.split("-")[1] if file else "")
    if file is None:
        raise _uv.no_wheel_error(name, version or None, str(target))
    wheel = wheels[file]
    sha256 = wheel.get("hashes", {}).get("sha256")
    url = address(wheel)
    if not sha256:
        if not url.startswith("file:"):
            raise UnavailableError(
                f"resolving dependencies: the index gives no sha256 for {file}",
                hint="use an index that does (PEP 503 or 691)",
            )
        sha256 = _hash_file(Path(unquote(urlsplit(url).path)))
    index = package.get("index")
    return Pin(
        name=name,
        version=version,
        file=file,
        url=hide_credentials(url),
        sha256=_digest(sha256, file),
        size=wheel.get("size"),
        index=hide_credentials(index) if index else None,
    )


def _digest(hexadecimal: object, file: str) -> Digest:
    try:
        return from_hex(str(hexadecimal))
    except ValueError as error:
        raise CorruptError(f"resolving dependencies: the index gives a malformed sha256 for {file}: {error}") from error


def _hash_file(path: Path) -> str:
    import hashlib

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"reading {path}: {error.strerror}") from error
