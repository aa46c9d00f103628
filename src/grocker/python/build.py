"""Build a project's wheel, by its own PEP 517 back end on a normalised copy of its source tree.

The only place that runs foreign code outside of a sandbox, as the calling user: the project is the user's own, and a
dependency's back end gets here only where the host allows no sandbox. Hash seed, epoch, locale, time zone, umask, HOME
and PATH are fixed, and the build requirements are pinned by the lock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec.structs import replace

from grocker.errors import CorruptError, GrockerError, MissingError, SettingsError, StorageError
from grocker.lock.values import BuildRequirement
from grocker.python import backend, source_tree, uv_sources
from grocker.python import uv as _uv
from grocker.python.build_identity import constraint, oldest_python
from grocker.python.credentials import refuse_expansion
from grocker.python.metadata import normalise_name
from grocker.python.project import Project
from grocker.python.pure_wheel import write_pure_wheel
from grocker.python.requirements import parse_requirement
from grocker.python.source_tree import SourceTree
from grocker.python.uv import Uv
from grocker.regex import regex
from grocker.store import Store

if TYPE_CHECKING:
    from grocker.python.pylock import WheelBuilder

_ZIP_EPOCH = 315532800
"""1980-01-01: no zip archive holds an earlier time"""


class PlatformWheelError(MissingError):
    """The wheel that a back end built is for this host's platform only."""

    def __init__(self, message: str, *, hint: str, wheel: Path) -> None:
        super().__init__(message, hint=hint)
        self.wheel = wheel


_COMPILER = regex(
    r"/bin/false|\b(?:gcc|g\+\+|clang|cc|c\+\+)['\"]? failed|pg_config|mysql_config|xml2-config|xslt-config|curl-config"
    r"|[Cc]ompiler|development (?:packages|headers|files)|\b[Rr]ust\b|\bcargo\b|\brustc\b|CMake|cmake|ninja|pkg-config"
    r"|\.h: No such file|pkgconfig"
)


def lacks_compiler(error: GrockerError) -> bool:
    """Whether a back end failed for want of a compiler, or of what it compiles with."""
    return isinstance(error, PlatformWheelError) or bool(_COMPILER.search(error.message))


def resolve_build(
    requires: Sequence[str],
    uv: Uv,
    *,
    workspace: Path,
    directory: Path | None = None,
    constraints: Sequence[BuildRequirement] = (),
    release: tuple[int, int] | None = None,
    builder: Callable[[], WheelBuilder] | None = None,
) -> tuple[BuildRequirement, ...]:
    """Build requirements and their dependencies, pinned for all hosts at once, sorted.

    ``requires``: ``build-system.requires``. ``workspace``: a scratch directory. ``directory``: the project's, whose
    ``[tool.uv]`` (indexes) counts. ``constraints``: versions to keep to. ``release``: of the image's
    Python, which compiles and may be older than that of any host. ``builder``: returns what builds those that have no
    wheel; without it, they are missing.
    Raises as ``resolution.resolve``.
    """
    from packaging.markers import default_environment

    markers = {name: str(value) for name, value in default_environment().items()}
    action = "resolving build requirements"
    path = workspace / "build-requirements.in"
    parsed = [parse_requirement(text) for text in requires]
    if directory is not None:
        uv_sources.check([r.name for r in parsed], directory, uv.environment, markers)
    refuse_expansion(requires, uv.environment, what=action)
    for requirement in parsed:
        if requirement.url is not None:  # a back end that asks for it may have put into it what it has read
            raise _not_pinned(str(requirement))
    _write(path, requires)
    bounds = workspace / "build-requirements.constraints"
    _write(bounds, [constraint(pin, hashes=False) for pin in constraints])
    python = oldest_python(release)
    arguments = ("pip", "compile", *(("--constraints", bounds) if constraints else ()), "--no-build", "--universal")
    arguments = (*arguments, "--python-version", python, "--python", uv.python, "--quiet", "--generate-hashes")

    def ask(links: Path | None) -> tuple[BuildRequirement, ...]:
        output = _uv.run(
            uv,
            (*arguments, "--no-header", "--no-annotate", "--no-strip-markers", path),
            action=action,
            directory=directory or workspace,
            environment=uv.links_to(links),
        )
        if output.status != 0:
            raise _uv.translate_error(output, action=action, platform="this host")
        return read_pins(output.stdout.decode("utf-8"))

    try:
        return ask(None)
    except _uv.NoWheelError as error:
        if builder is None:
            raise
        from grocker.python.built_wheels import ask_with_built  # most build requirements have wheels
        from grocker.python.resolution import build_requirements

        wheels = build_requirements(builder(), uv, python, workspace, directory)
        if not wheels.add(error.missing):
            raise
        pins = ask_with_built(ask, wheels)
    sdists = {(pin.name, pin.version): pin.sdist for pin in wheels.pins.values() if pin.sdist is not None}
    named = ((pin, sdists.get((normalise_name(pin.name), pin.version))) for pin in pins)
    return tuple(replace(pin, hashes=(sdist,)) if sdist is not None else pin for pin, sdist in named)


def _not_pinned(text: str) -> SettingsError:
    return SettingsError(
        f"resolving build requirements: {text!r} is not a pinned package",
        hint="write build requirements as NAME or NAME>=1.0; they are installed from an index",
    )


_PIN = regex(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?:\s*;\s*(?P<marker>.*?))?\s*$")


def read_pins(text: str) -> tuple[BuildRequirement, ...]:
    """The pins in a requirements file with hashes, as written by uv."""
    pins = []
    for logical in text.replace("\\\n", " ").splitlines():
        head, *hashes = re.split(r"\s--hash=", logical.strip())
        if not head or head.startswith("#"):
            continue
        match = _PIN.match(head)
        if not match:
            raise _not_pinned(head.strip())
        hashed = tuple(sorted(digest.strip() for digest in hashes))
        pins.append(BuildRequirement(match["name"].lower(), match["version"], match["marker"] or "", hashed))
    return tuple(sorted(pins, key=lambda pin: (pin.name, pin.version, pin.marker)))


def build_wheel(
    project: Project,
    tree: SourceTree,
    uv: Uv,
    *,
    workspace: Path,
    epoch: int,
    store: Store,
    pins: Sequence[BuildRequirement] = (),
    variables: Mapping[str, str] = MappingProxyType({}),
    builder: Callable[[], WheelBuilder] | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Path:
    """The project's wheel, a file in ``workspace``, as ``write_pure_wheel`` writes it.

    ``workspace``: an empty scratch directory. ``epoch``: seconds since 1970, what SOURCE_DATE_EPOCH will be.
    ``store``: for the back end's environment. ``pins``: all that the back end needs, as ``resolve_build`` gives it;
    resolved when empty. What the back end asks for besides is resolved, and it is called again. ``variables``: further
    environment variables; they cannot override Grocker's own. ``builder``: returns what builds build requirements
    that have no wheel, without a compiler. ``meanwhile``: called while the back end runs.
    Raises CorruptError when the back end fails, PlatformWheelError for a platform wheel (the project has compiled
    modules), and for build requirements what ``resolve_build`` raises.
    """
    name = project.name or tree.root.name
    top, out, home = workspace / "source", workspace / "wheel", workspace / "home"
    copy = source_tree.copy_tree(tree, top, epoch=max(epoch, _ZIP_EPOCH))
    try:
        home.mkdir()
        shared = tree.repository.share(top, source_tree.places(tree)) if tree.repository is not None else {}
    except OSError as error:
        raise StorageError(
            f"building {name}: {error.filename}: {error.strerror}", hint="check the disk under GROCKER_CACHE"
        ) from error
    told = {
        **variables,
        "HOME": str(home),
        "TMPDIR": str(workspace),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(max(epoch, _ZIP_EPOCH)),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        **shared,
    }
    resolve = partial(resolve_build, uv=uv, workspace=workspace, directory=project.directory, builder=builder)
    if not pins and project.build_requires:
        pins = resolve(project.build_requires)
    tree_of = partial(backend.environment, store, uv, directory=project.directory, builder=builder)
    environment = tree_of(pins)
    answer = backend.call(project, environment, tree, copy, out, pins, told, meanwhile)
    backend.keep_bytecode(store, uv, environment, answer.loaded)
    if answer.missing:
        names = {pin.name for pin in pins}
        pins = (*pins, *(pin for pin in resolve(answer.missing, constraints=pins) if pin.name not in names))
        if backend.call(project, tree_of(pins), tree, copy, out, pins, told).missing:
            raise CorruptError(
                f"building {name}: its back end asks for different requirements at each call",
                hint="list them all under requires in [build-system]",
            )
    wheels = sorted(path for path in out.glob("*.whl") if path.is_file()) if out.is_dir() else []
    if len(wheels) != 1:
        raise CorruptError(
            f"building {name}: expected one wheel from the back end, got {len(wheels)}",
            hint="reproduce it with: python -m build --wheel",
        )
    return rewrite_pure_wheel(wheels[0], name, workspace)


def rewrite_pure_wheel(wheel: Path, name: str, directory: Path) -> Path:
    """Write a wheel of pure Python again, as ``write_pure_wheel`` does. Raises PlatformWheelError for any other."""
    if not wheel.name.endswith("-none-any.whl"):
        raise PlatformWheelError(
            f"building {name}: {wheel.name} is a wheel for this host's platform; {name} has compiled modules",
            hint="build its wheel for the image's platform elsewhere and pass that wheel to Grocker,"
            " or move the compiled modules into a dependency that has wheels",
            wheel=wheel,
        )
    path = write_pure_wheel(wheel, directory)
    assert path is not None
    return path


def _write(path: Path, lines: Sequence[str]) -> None:
    try:
        path.write_text("".join(line + "\n" for line in lines), "utf-8")
    except OSError as error:
        raise StorageError(f"writing {path}: {error.strerror}", hint="check the disk under GROCKER_CACHE") from error
