"""Requirements → pinned wheel files for a target, resolved by uv. Sdists are never built."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grocker.digest import Digest, hexadecimal
from grocker.errors import MissingError, StorageError, UnavailableError
from grocker.lock.values import PythonFile
from grocker.python import uv as _uv
from grocker.python import uv_sources
from grocker.python.credentials import refuse_expansion
from grocker.python.indexes import hide_credentials
from grocker.python.metadata import normalise_name
from grocker.python.pylock import Pin, address, file_name, read_packages, read_pylock, unsupported_source
from grocker.python.requirements import marker_environment, parse_requirement
from grocker.python.target import WheelTarget
from grocker.python.uv import Uv

_PLATFORM_MINORS = (17, 28, *range(31, 41))
"""glibc minors that uv 0.13 has a ``--python-platform`` for"""
_GONE = "lock again (grocker lock --upgrade NAME), or use an index that still has it (UV_DEFAULT_INDEX, UV_INDEX)"


def resolve(
    requirements: Sequence[str],
    target: WheelTarget,
    uv: Uv,
    *,
    workspace: Path,
    constraints: Sequence[str] = (),
    directory: Path | None = None,
    with_dependencies: bool = True,
    files: Sequence[Path] = (),
) -> tuple[Pin, ...]:
    """The wheels that satisfy ``requirements`` on ``target``, sorted by name.

    ``requirements``, ``constraints``: PEP 508. ``workspace``: an empty or scratch directory for uv's input.
    ``directory``: the project's, whose ``[tool.uv]`` (indexes, overrides) counts. ``with_dependencies``: whether
    what the requirements depend on is resolved too; not when they are complete, as a lock's are. ``files``: more
    requirements, in pip's format.
    Raises MissingError (no such package or version, no wheel), SettingsError (conflict), UnavailableError, DeniedError.
    """
    parsed = [parse_requirement(text) for text in requirements]
    for requirement in parsed:
        _check_address(requirement)
    if not requirements and not files:
        return ()
    if directory is not None:
        names = [requirement.name for requirement in parsed]
        uv_sources.check(names, directory, uv.environment, marker_environment(target))
    options = () if with_dependencies else ("--no-deps",)
    return read_pylock(
        _compile(requirements, target, uv, workspace, constraints, directory, *options, *map(str, files)), target
    )


def find_addresses(
    files: Sequence[PythonFile], target: WheelTarget, uv: Uv, *, workspace: Path, directory: Path | None = None
) -> dict[Digest, str]:
    """The address of each file of a lock on the index, by digest, without credentials.

    Raises UnavailableError that names a file that the index no longer has, or now serves with other bytes.
    """
    if not files:
        return {}
    pinned = [f"{file.name}=={file.version}" for file in files]
    try:
        data = _compile(pinned, target, uv, workspace, (), directory, "--no-deps")
    except MissingError as error:
        raise UnavailableError(f"the index no longer has a file of the lock: {error.message}", hint=_GONE) from error
    served = {
        (file_name(wheel), wheel.get("hashes", {}).get("sha256")): address(wheel)
        for package in read_packages(data)
        for wheel in package.get("wheels", [])
    }
    found = {}
    for file in files:
        url = served.get((file.file, hexadecimal(file.sha256)))
        if url is None:
            raise UnavailableError(
                f"the index no longer has {file.file} of the lock, or serves other bytes under that name", hint=_GONE
            )
        found[file.sha256] = hide_credentials(url)
    return found


def _compile(
    requirements: Sequence[str],
    target: WheelTarget,
    uv: Uv,
    workspace: Path,
    constraints: Sequence[str],
    directory: Path | None,
    *options: str,
) -> bytes:
    """What uv resolves, as pylock.toml."""
    requirement_file, constraint_file = workspace / "requirements.in", workspace / "constraints.txt"
    _write(requirement_file, requirements)
    _write(constraint_file, constraints)
    action = "resolving dependencies"
    refuse_expansion((*requirements, *constraints), uv.environment, what=action)
    output = _uv.run(
        uv,
        (
            *("pip", "compile", "--format", "pylock.toml", "--quiet", "--no-header", "--no-annotate", "--no-build"),
            *("--python", uv.python, "--python-version", target.full_version or target.python),
            *("--python-platform", _platform(target), "--constraints", constraint_file),
            *options,
            requirement_file,
        ),
        action=action,
        directory=directory or workspace,
    )
    if output.status != 0:
        raise _uv.translate_error(output, action=action, platform=str(target))
    return output.stdout


def _check_address(requirement: Any) -> None:
    url = requirement.url
    if url and (urlsplit(url).scheme not in ("http", "https", "file") or not urlsplit(url).path.endswith(".whl")):
        raise unsupported_source(normalise_name(requirement.name), hide_credentials(url))


def _platform(target: WheelTarget) -> str:
    """uv's name of the newest platform that it knows and the target runs."""
    minor = max((minor for minor in _PLATFORM_MINORS if (2, minor) <= target.glibc), default=17)
    return f"{target.machine}-manylinux_2_{minor}"


def _write(path: Path, lines: Sequence[str]) -> None:
    try:
        path.write_text("".join(line + "\n" for line in lines), "utf-8")
    except OSError as error:
        raise StorageError(f"writing {path}: {error.strerror}") from error
