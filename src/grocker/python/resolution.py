"""Requirements → pinned wheel files for a target, through uv; sdists are never built.

Sources: PEP 508 (requirements), PEP 751 (pylock.toml), dependency specifiers: environment markers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from grocker.digest import Digest, from_hex, hexadecimal
from grocker.errors import CorruptError, MissingError, SettingsError, StorageError, UnavailableError
from grocker.lock.values import PythonFile
from grocker.python import uv as _uv
from grocker.python import uv_sources
from grocker.python.indexes import without_credentials
from grocker.python.metadata import normalised
from grocker.python.project import Project
from grocker.python.tags import best
from grocker.python.target import Target
from grocker.python.uv import Uv

_PLATFORM_MINORS = (17, 28, *range(31, 41))
"""glibc minors that uv 0.13 has a ``--python-platform`` for"""


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


def environment(target: Target) -> dict[str, str]:
    """The marker variables of the target, never the host's."""
    return {
        "implementation_name": "cpython",
        "implementation_version": target.full,
        "os_name": "posix",
        "platform_machine": target.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": target.full,
        "python_version": target.python,
        "sys_platform": "linux",
        "extra": "",
    }


def wanted(name: str, requirements: Iterable[str], extras: Iterable[str], target: Target) -> tuple[str, ...]:
    """Those ``Requires-Dist`` of the wheel ``name`` that hold for ``target`` with ``extras``, without markers; sorted.

    Its requirement of itself (``all = ["name[one,two]"]``) stands for those extras. Raises SettingsError for a
    malformed requirement.
    """
    variables = environment(target)
    parsed = [parse_requirement(text) for text in requirements]
    asked = {"", *map(normalised, extras)}
    while True:
        held = [r for r in parsed if any(_holds(r, {**variables, "extra": extra}) for extra in asked)]
        more = {normalised(extra) for r in held if normalised(r.name) == name for extra in r.extras} - asked
        if not more:
            break
        asked |= more
    kept = [requirement for requirement in held if normalised(requirement.name) != name]
    for requirement in kept:
        requirement.marker = None
    return tuple(sorted({str(requirement) for requirement in kept}))


def _holds(requirement: Any, variables: dict[str, str]) -> bool:
    from packaging.markers import UndefinedComparison

    try:
        return requirement.marker is None or bool(requirement.marker.evaluate(variables))
    except UndefinedComparison as error:
        raise SettingsError(
            f"resolving: {without_credentials(str(requirement))!r} compares what cannot be compared: {error}",
            hint="correct its marker, after the semicolon (PEP 508)",
        ) from error


def parse_requirement(text: str) -> Any:
    """``text`` as a ``packaging`` requirement (PEP 508). Raises SettingsError."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"resolving: {without_credentials(text)!r} is no requirement: {without_credentials(reason)}",
            hint="write it as NAME, NAME==1.0 or NAME[extra]>=1.0 (PEP 508)",
        ) from error


def resolve(
    requirements: Sequence[str],
    target: Target,
    uv: Uv,
    *,
    workspace: Path,
    constraints: Sequence[str] = (),
    directory: Path | None = None,
) -> tuple[Pin, ...]:
    """The wheels that satisfy ``requirements`` on ``target``, sorted by name.

    ``requirements``, ``constraints``: PEP 508. ``workspace``: an empty or scratch directory for uv's input.
    ``directory``: the project's, whose ``[tool.uv]`` (indexes, overrides) counts.
    Raises MissingError (no such package or version, no wheel), SettingsError (conflict), UnavailableError, DeniedError.
    """
    parsed = [parse_requirement(text) for text in requirements]
    for requirement in parsed:
        _check_address(requirement)
    if not requirements:
        return ()
    if directory is not None:
        uv_sources.check([requirement.name for requirement in parsed], directory, uv.environment, environment(target))
    return read_pylock(_compiled(requirements, target, uv, workspace, constraints, directory), target)


def locate(
    files: Sequence[PythonFile], target: Target, uv: Uv, *, workspace: Path, directory: Path | None = None
) -> dict[Digest, str]:
    """Where the index serves the files of a lock, by their digest, without credentials.

    Raises UnavailableError that names a file which has left the index, or that it now serves with other bytes.
    """
    if not files:
        return {}
    pinned = [f"{file.name}=={file.version}" for file in files]
    try:
        data = _compiled(pinned, target, uv, workspace, (), directory, "--no-deps")
    except MissingError as error:
        raise UnavailableError(f"a file of the lock has left the index: {error.message}", hint=_GONE) from error
    served = {
        (_file(wheel), wheel.get("hashes", {}).get("sha256")): wheel.get("url")
        or Path(wheel["path"]).absolute().as_uri()
        for package in _packages(data)
        for wheel in package.get("wheels", [])
    }
    found = {}
    for file in files:
        url = served.get((file.file, hexadecimal(file.sha256)))
        if url is None:
            raise UnavailableError(f"{file.file} of the lock has left the index, or is another file now", hint=_GONE)
        found[file.sha256] = without_credentials(url)
    return found


_GONE = "lock again (grocker lock --upgrade NAME), or name an index that still has it (UV_DEFAULT_INDEX, UV_INDEX)"


def _compiled(
    requirements: Sequence[str],
    target: Target,
    uv: Uv,
    workspace: Path,
    constraints: Sequence[str],
    directory: Path | None,
    *options: str,
) -> bytes:
    """What uv resolves, as pylock.toml."""
    wanted_file, constraint_file = workspace / "requirements.in", workspace / "constraints.txt"
    _write(wanted_file, requirements)
    _write(constraint_file, constraints)
    action = "resolving dependencies"
    output = _uv.run(
        uv,
        (
            *("pip", "compile", "--format", "pylock.toml", "--quiet", "--no-header", "--no-annotate", "--no-build"),
            *("--python", uv.python, "--python-version", target.full_version or target.python),
            *("--python-platform", _platform(target), "--constraints", constraint_file),
            *options,
            wanted_file,
        ),
        action=action,
        directory=directory or workspace,
    )
    if output.status != 0:
        raise _uv.failure(output, action=action, platform=str(target))
    return output.stdout


def resolve_locked(
    project: Project,
    target: Target,
    uv: Uv,
    *,
    workspace: Path,
    extras: Sequence[str] = (),
    additions: Sequence[str] = (),
) -> tuple[Pin, ...]:
    """What the project's ``uv.lock`` pins for ``target``, and ``additions`` resolved with those pins as constraints.

    Development groups and the project itself are left out. Raises SettingsError for a lock that is stale.
    """
    action = "reading uv.lock"
    arguments: list[str | Path] = ["export", "--format", "pylock.toml", "--quiet", "--no-header"]
    arguments += ["--no-emit-project", "--no-dev", "--no-default-groups"]
    for extra in sorted(extras):
        arguments += ["--extra", extra]
    output = _uv.run(uv, [*arguments, "--locked", "--python", uv.python], action=action, directory=project.directory)
    if output.status != 0 and _WRONG_PYTHON.search(output.stderr):
        _check_fresh(project)
        output = _uv.run(uv, [*arguments, "--frozen"], action=action, directory=project.directory)
    if output.status != 0:
        raise _uv.failure(output, action=action, platform=str(target))
    pins = read_pylock(output.stdout, target)
    if not additions:
        return pins
    names = {pin.name for pin in pins}
    more = resolve(
        additions,
        target,
        uv,
        workspace=workspace,
        constraints=[f"{pin.name}=={pin.version}" for pin in pins],
        directory=project.directory,
    )
    return tuple(sorted((*pins, *(pin for pin in more if pin.name not in names)), key=lambda pin: pin.name))


_WRONG_PYTHON = re.compile(r"incompatible with the project's Python requirement|No interpreter found|inspect Python")


def _check_fresh(project: Project) -> None:
    """Whether uv.lock is for the dependencies in pyproject.toml, when no interpreter here lets uv say so itself."""
    import tomllib

    assert project.uv_lock is not None
    document = tomllib.loads(project.uv_lock.read_text("utf-8"))
    stale = SettingsError(
        f"reading uv.lock: {project.uv_lock} is stale: pyproject.toml has changed", hint="run: uv lock"
    )
    for package in document.get("package", []):
        if project.name is None or package.get("name") != project.name or project.dependencies is None:
            continue
        locked = {
            (normalised(item["name"]), tuple(sorted(item.get("extras", ()))), _specifiers(item.get("specifier", "")))
            for item in package.get("metadata", {}).get("requires-dist", [])
        }
        asked = set()
        for text in (*project.dependencies, *(text for _, texts in project.extras for text in texts)):
            requirement = parse_requirement(text)
            extras = tuple(sorted(normalised(extra) for extra in requirement.extras))
            asked.add((normalised(requirement.name), extras, _specifiers(str(requirement.specifier))))
        if locked != asked:
            raise stale
        return


def _specifiers(text: str) -> frozenset[str]:
    return frozenset(part.strip().replace(" ", "") for part in text.split(",") if part.strip())


def read_pylock(data: bytes, target: Target) -> tuple[Pin, ...]:
    """The wheel of each package in a pylock.toml that ``target`` needs (PEP 751), sorted by name.

    Raises MissingError when a package has no fitting wheel, SettingsError for a source that is no wheel file.
    """
    from packaging.markers import InvalidMarker, Marker

    variables = environment(target)
    pins: dict[str, Pin] = {}
    for package in _packages(data):
        try:
            if "marker" in package and not Marker(package["marker"]).evaluate(variables):
                continue
        except InvalidMarker as error:
            raise CorruptError(f"reading pylock.toml: {package.get('name')}: {error}") from error
        pin = _pin(package, target)
        if pin.name in pins:
            raise CorruptError(f"reading pylock.toml: {pin.name} comes twice for {target}")
        pins[pin.name] = pin
    return tuple(pins[name] for name in sorted(pins))


def _packages(data: bytes) -> list[dict[str, Any]]:
    import tomllib

    try:
        packages: list[dict[str, Any]] = tomllib.loads(data.decode("utf-8")).get("packages", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CorruptError(f"reading pylock.toml: {error}") from error
    return packages


def _pin(package: Mapping[str, Any], target: Target) -> Pin:
    name = normalised(package["name"])
    for source in ("vcs", "directory"):
        if source in package:
            raise _no_address(name, "a repository" if source == "vcs" else "a directory")
    wheels = {_file(wheel): wheel for wheel in package.get("wheels", [])}
    if "archive" in package:
        wheels = {_file(package["archive"]): package["archive"]}
        if not next(iter(wheels)).endswith(".whl"):
            raise _no_address(name, "an archive that is no wheel")
    file = best(wheels, target)
    version = str(package.get("version", "")) or (file.split("-")[1] if file else "")
    if file is None:
        raise _uv.no_wheel(name, version or None, str(target))
    wheel = wheels[file]
    sha256 = wheel.get("hashes", {}).get("sha256")
    url = wheel.get("url") or Path(wheel["path"]).absolute().as_uri()
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
        url=without_credentials(url),
        sha256=from_hex(sha256),
        size=wheel.get("size"),
        index=without_credentials(index) if index else None,
    )


def _hash_file(path: Path) -> str:
    import hashlib

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"reading {path}: {error.strerror}") from error


def _file(wheel: Mapping[str, Any]) -> str:
    return str(
        wheel.get("name") or unquote(str(wheel.get("url") or wheel["path"]).partition("#")[0].rpartition("/")[2])
    )


def _check_address(requirement: Any) -> None:
    url = requirement.url
    if url and (urlsplit(url).scheme not in ("http", "https", "file") or not urlsplit(url).path.endswith(".whl")):
        raise _no_address(normalised(requirement.name), without_credentials(url))


def _no_address(name: str, what: str) -> SettingsError:
    return SettingsError(
        f"resolving dependencies: {name} comes from {what}; only wheels can be installed",
        hint=f"serve a wheel of {name} from an index, or name it by address: {name} @ https://…/{name}-….whl",
    )


def _platform(target: Target) -> str:
    """uv's name of the newest platform that it knows and the target runs."""
    minor = max((minor for minor in _PLATFORM_MINORS if (2, minor) <= target.glibc), default=17)
    return f"{target.machine}-manylinux_2_{minor}"


def _write(path: Path, lines: Sequence[str]) -> None:
    try:
        path.write_text("".join(line + "\n" for line in lines), "utf-8")
    except OSError as error:
        raise StorageError(f"writing {path}: {error.strerror}") from error
