"""Requirements → pinned wheel files for a target, resolved by uv.

uv never builds an sdist here: it has credentials. Where a package has no wheel, a ``WheelBuilder`` builds one, and uv
resolves again with that wheel at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from grocker import local_file
from grocker.digest import Digest, hexadecimal
from grocker.errors import CorruptError, GrockerError, MissingError, SettingsError, StorageError, UnavailableError
from grocker.lock.values import BuildRequirement, PythonFile
from grocker.platforms.suites import SUITES, Suite
from grocker.python import uv as _uv
from grocker.python import uv_sources
from grocker.python.built_wheels import BuiltWheels, ask_with_built
from grocker.python.credentials import refuse_expansion
from grocker.python.direct_references import BuiltReferences
from grocker.python.indexes import hide_credentials
from grocker.python.metadata import normalise_name
from grocker.python.pylock import (
    CompiledError,
    CompiledPackage,
    Pin,
    WheelBuilder,
    address,
    compiled_error,
    file_name,
    read_packages,
    read_pylock,
    read_sdist,
)
from grocker.python.requirement_files import RequirementList
from grocker.python.requirements import marker_environment, parse_requirement
from grocker.python.sources import Sdist, Source, WheelAddress
from grocker.python.target import WheelTarget
from grocker.python.uv import Uv

_PLATFORM_MINORS = (17, 28, *range(31, 41))
"""glibc minors that uv 0.13 has a ``--python-platform`` for"""
_NOTHING = RequirementList()
_EXPLAINED = 5
"""of how many compiled packages an error says where there are wheels"""
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
    listed: RequirementList = _NOTHING,
    sources: Mapping[str, Source | WheelAddress] = MappingProxyType({}),
    builder: WheelBuilder | None = None,
    preferred: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Pin, ...]:
    """The wheels that satisfy ``requirements`` on ``target``, sorted by name.

    ``requirements``, ``constraints``: PEP 508. ``workspace``: an empty or scratch directory for uv's input.
    ``directory``: the project's, whose ``[tool.uv]`` (indexes, overrides) counts. ``with_dependencies``: whether
    what the requirements depend on is resolved too; not when they are complete, as a lock's are. ``listed``: what
    requirement files say. ``sources``: what packages are built from instead of coming from the index, by normalised
    name. ``builder``: builds the wheels of these, and of packages that have none; without one, they are missing.
    ``preferred``: by normalised name a version to choose if it satisfies everything.
    Raises MissingError (no such package or version, no wheel), CompiledError that names all packages that need a
    compiler, SettingsError (conflict), UnavailableError, DeniedError.
    """
    if not requirements and not listed.requirements and not listed.sources:
        return ()
    own = dict(sources)
    if directory is not None:
        names = [parse_requirement(text).name for text in (*requirements, *listed.requirements)]
        own |= uv_sources.find_sources(names, directory, uv.environment, marker_environment(target))
    place = workspace / "references"
    references = BuiltReferences(place, target, builder, base=directory, replaced=own)
    refuse_expansion((*requirements, *constraints), uv.environment, what="resolving dependencies")
    wanted = [references.requirement(text) for text in (*requirements, *listed.requirements)]
    wanted += [references.listed(one) for one in listed.sources]
    bounds = [references.requirement(text) for text in (*constraints, *listed.constraints)]
    bounds += references.constraints()
    uv = uv.with_options(listed.index_options, listed.places)
    options = ("--no-build", *(() if with_dependencies else ("--no-deps",)))
    question = _Question(
        *(target, uv, workspace, tuple(filter(None, bounds)), directory),
        preferred=preferred,
        has_index=not listed.no_index,
    )
    wanted = [text for text in wanted if text]
    if builder is None:
        return read_pylock(_compile(wanted, question, *options), target)
    try:
        pins = _resolve_and_build(wanted, question, options, builder)
    except CompiledError as error:
        if builder.has_alternatives:
            raise
        raise _with_alternatives(error, question) from error
    return tuple(references.built.get(pin.file, pin) for pin in pins)


def explain_compiled(
    error: CompiledError, target: WheelTarget, uv: Uv, *, workspace: Path, directory: Path | None
) -> CompiledError:
    """The same error, with the versions and suites that have wheels in its hint."""
    return _with_alternatives(error, _Question(target, uv, workspace, (), directory))


class _Question(msgspec.Struct, frozen=True):
    """What stays the same from one call of uv to the next."""

    target: WheelTarget
    uv: Uv
    workspace: Path
    constraints: tuple[str, ...]
    directory: Path | None
    wheels: Path | None = None
    """a directory of wheels that were built here"""
    preferred: Mapping[str, str] = MappingProxyType({})
    """versions by name"""
    has_index: bool = True
    """whether an index is asked, besides what ``find-links`` names"""


def _resolve_and_build(
    requirements: Sequence[str], question: _Question, options: Sequence[str], builder: WheelBuilder
) -> tuple[Pin, ...]:
    """Resolve, and build each wheel that uv misses, until it misses none."""

    def build(sdist: Sdist) -> Pin:
        if builder.has_alternatives and _suite_with_wheel(sdist, question) is not None:
            # Building what needs a compiler takes long to fail.
            package = CompiledPackage(sdist.name, sdist.version, "", required_by=sdist.required_by)
            raise compiled_error([package], str(question.target))
        return builder.build(sdist)

    def ask(links: Path | None) -> tuple[Pin, ...]:
        try:
            return read_pylock(_compile(requirements, replace(question, wheels=links), *options), target, builder)
        except _uv.NoWheelError:
            raise
        except (MissingError, SettingsError):
            if not wheels.compiled:
                raise
            return ()  # what stands in for a compiled package may say too much or too little

    target = question.target
    find_sdist = partial(_find_sdist, question=question)
    wheels = BuiltWheels(question.workspace / "built", find_sdist, build, uses_stand_ins=not builder.has_alternatives)
    try:
        pins = ask_with_built(ask, wheels)
    except _uv.NoWheelError:
        if not wheels.compiled:
            raise
        pins = ()
    if wheels.compiled:
        raise compiled_error(wheels.compiled, str(target))
    return tuple(wheels.pins.get(pin.file, pin) for pin in pins)


def build_requirements(
    builder: WheelBuilder,
    uv: Uv,
    python: str,
    workspace: Path,
    directory: Path | None,
    *,
    pinned: Sequence[BuildRequirement] = (),
) -> BuiltWheels:
    """Return what builds the wheels of build requirements that have none.

    ``python``: the oldest release that they are for. ``pinned``: what they are pinned to; another sdist than the pinned
    one is not built.
    """
    hashes = {pin.name: {one for other in pinned if other.name == pin.name for one in other.hashes} for pin in pinned}

    def build(sdist: Sdist) -> Pin:
        expected = hashes.get(sdist.name)
        if expected and sdist.sha256 not in expected:
            raise CorruptError(
                f"building {sdist.name} {sdist.version} from its sdist: hash mismatch: the index has {sdist.sha256},"
                f" pinned is {', '.join(sorted(expected))}",
                hint="check the index: it serves a different file than the pinned one",
            )
        return builder.build(sdist)

    question = _Question(WheelTarget(python), uv, workspace, (), directory)
    return BuiltWheels(workspace / "built-requirements", partial(_find_sdist, question=question), build)


def find_sdist(
    file: PythonFile, target: WheelTarget, uv: Uv, *, workspace: Path, directory: Path | None = None
) -> Sdist:
    """The sdist that the locked wheel ``file`` was built from. Raises UnavailableError if the index has it no more."""
    missing = _uv.MissingWheel(file.name, f"=={file.version}", "")
    sdist = _find_sdist(missing, _Question(target, uv, workspace, (), directory))
    if sdist is None:
        raise UnavailableError(f"the index no longer has the sdist of {file.name} {file.version}", hint=_GONE)
    return sdist


def _find_sdist(missing: _uv.MissingWheel, question: _Question) -> Sdist | None:
    """The newest sdist of the package that fits; None when the index has none.

    uv runs nothing of it: with neither dependencies nor wheels to look at, it reads the index alone.
    """
    requirement = f"{missing.name}{missing.specifier}"
    try:
        data = _compile([requirement], question, "--no-deps", "--no-binary", missing.name)
    except (MissingError, SettingsError):
        return None
    found = [read_sdist(package) for package in read_packages(data)]
    name = normalise_name(missing.name)
    sdist = next((sdist for sdist in found if sdist is not None and sdist.name == name), None)
    return None if sdist is None else replace(sdist, required_by=missing.required_by)


def _with_alternatives(error: CompiledError, question: _Question) -> CompiledError:
    """The same error; its hint names versions and suites that have wheels, if there are any."""
    told = [words for package in error.packages[:_EXPLAINED] if (words := _alternatives(package, question))]
    if not told:
        return error
    rest = str(error.hint).replace("choose a version that has a wheel, or build one", "or build one")
    return CompiledError(error.message, hint="; ".join((*told, rest)), packages=error.packages)


def _alternatives(package: CompiledPackage, question: _Question) -> str:
    """Which version of the package has a wheel for the target, and which suite has one for its version."""
    bare = replace(question, constraints=(), preferred={})
    newest = _wheel_version(package.name, bare)
    if newest is not None:
        return f"{package.name} {newest} has a wheel"
    suite = _suite_with_wheel(package, bare)
    if suite is None:
        return ""
    pinned = f"{package.name}=={package.version}"
    return f'{pinned} has a wheel for Python {suite.python}: set debian.suite = "{suite.name}"'


def _suite_with_wheel(package: CompiledPackage | Sdist, question: _Question) -> Suite | None:
    """The first other suite for whose Python that version of the package has a wheel."""
    for suite in SUITES.values():
        target = WheelTarget(suite.python, question.target.architecture, suite.glibc)
        other = replace(question, constraints=(), target=target, preferred={})
        if suite.python != question.target.python and _wheel_version(f"{package.name}=={package.version}", other):
            return suite
    return None


def _wheel_version(requirement: str, question: _Question) -> str | None:
    try:
        data = _compile([requirement], question, "--no-build", "--no-deps")
        return next((pin.version for pin in read_pylock(data, question.target)), None)
    except GrockerError:
        return None


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
        data = _compile(pinned, _Question(target, uv, workspace, (), directory), "--no-build", "--no-deps")
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


def _compile(requirements: Sequence[str], question: _Question, *options: str) -> bytes:
    """What uv resolves, as pylock.toml. ``options``: for uv, ``--no-build`` unless nothing can be built anyway."""
    target, uv, workspace = question.target, question.uv, question.workspace
    requirement_file, constraint_file = workspace / "requirements.in", workspace / "constraints.txt"
    _write(requirement_file, requirements)
    _write(constraint_file, question.constraints)
    action = "resolving dependencies"
    refuse_expansion((*requirements, *question.constraints), uv.environment, what=action)
    former = workspace / "pylock.preferred.toml"
    if question.preferred:  # what an existing output file pins is what uv prefers
        _write_preferences(former, question.preferred)
    output = _uv.run(
        uv,
        (
            *("pip", "compile", "--format", "pylock.toml", "--quiet", "--no-header", "--no-annotate"),
            *("--python", uv.python, "--python-version", target.full_version or target.release),
            *("--python-platform", _platform(target), "--constraints", constraint_file),
            *options,
            *(() if question.has_index else ("--no-index",)),
            *(("--output-file", former) if question.preferred else ()),
            requirement_file,
        ),
        action=action,
        directory=question.directory or workspace,
        environment=uv.links_to(question.wheels),
    )
    if output.status != 0:
        raise _uv.translate_error(output, action=action, platform=str(target))
    return local_file.read(former) if question.preferred else output.stdout


def _write_preferences(path: Path, preferred: Mapping[str, str]) -> None:
    lines = ['lock-version = "1.0"\ncreated-by = "grocker"\n']
    lines += [f'[[packages]]\nname = "{name}"\nversion = "{version}"\n' for name, version in preferred.items()]
    try:
        path.write_text("".join(lines), "utf-8")
    except OSError as error:
        raise StorageError(f"writing {path}: {error.strerror}", hint="check the disk under GROCKER_CACHE") from error


def _platform(target: WheelTarget) -> str:
    """uv's name of the newest platform that it knows and the target runs."""
    minor = max((minor for minor in _PLATFORM_MINORS if (2, minor) <= target.glibc), default=17)
    return f"{target.machine}-manylinux_2_{minor}"


def check_lines(requirements: Iterable[str]) -> None:
    """Raise SettingsError for a requirement that would not be one line for uv, or be an option."""
    for line in requirements:
        if not line.strip() or not line.replace("\t", " ").isprintable() or line.startswith("-"):
            raise SettingsError(
                f"resolving dependencies: not a requirement: {hide_credentials(line)!r}",
                hint="write it in one line, as NAME==1.0 (PEP 508); if it is in a lock, create the lock again",
            )


def _write(path: Path, lines: Sequence[str]) -> None:
    check_lines(lines)
    try:
        path.write_text("".join(line + "\n" for line in lines), "utf-8")
    except OSError as error:
        raise StorageError(f"writing {path}: {error.strerror}", hint="check the disk under GROCKER_CACHE") from error
