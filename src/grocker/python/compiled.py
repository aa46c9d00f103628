"""Build a wheel with compiled modules: its back end runs in a sandbox with a compiler and the image's interpreter.

Everything that the wheel could take from its host is fixed: the root, the paths, the time, the user.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from grocker.context import Context, download
from grocker.errors import CorruptError, MissingError, StorageError
from grocker.lock.values import BuildRequirement
from grocker.platforms.build_packages import find_lacking
from grocker.python import backend, crates, source_tree
from grocker.python.backend import HookAnswer
from grocker.python.build import resolve_build
from grocker.python.build_identity import constraint
from grocker.python.crates import Cargo
from grocker.python.native_bytecode import NativeBytecode, prepare_bytecode
from grocker.python.project import Project
from grocker.python.pure_wheel import write_compiled_wheel, write_pure_wheel
from grocker.python.pylock import WheelBuilder
from grocker.python.resolution import resolve
from grocker.python.source_tree import SourceTree
from grocker.python.tags import choose_file
from grocker.python.target import WheelTarget
from grocker.python.toolchain import BuildRoot, Toolchain
from grocker.python.uv import Uv
from grocker.python.wheel import read_wheel
from grocker.sandbox.run import find_isolation, is_left, run
from grocker.sandbox.sandbox import Bind, Sandbox
from grocker.store import Store
from grocker.tar.keys import cache_key
from grocker.tar.unpack import unpack

FORMAT = 1
"""Goes into step keys: raised when the same sdist, requirements and root would give another wheel."""

_EPOCH = 315532800
"""1980-01-01: no zip archive holds an earlier time"""
_ENVIRONMENT = "env"
_NAMED_PACKAGES = 4
"""named in a hint"""
_MOST_PACKAGES = 5
"""that are added to a toolchain, each after a build that lacked it"""
_Made = TypeVar("_Made")
_OBJECTS = "/objects"
"""where the project's git repository has its objects"""
_FLAGS = "-O2 -g0 -ffile-prefix-map=/build/source=."
VARIABLES = {
    "PATH": f"/{_ENVIRONMENT}/bin:/usr/bin:/bin",
    "VIRTUAL_ENV": f"/{_ENVIRONMENT}",
    "HOME": "/build/home",
    "TMPDIR": "/build/tmp",
    "ZERO_AR_DATE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUTF8": "1",
    "CFLAGS": _FLAGS,
    "CXXFLAGS": _FLAGS,
    "CMAKE_POLICY_VERSION_MINIMUM": "3.5",  # CMake 4 refuses what was written for an older one, unless told so
}


class LackingError(MissingError):
    """A header or a program is missing."""

    def __init__(self, message: str, *, hint: str, package: str) -> None:
        super().__init__(message, hint=hint)
        self.package = package
        """the Debian package that has it; empty if it is not known"""


def compile_with_lacking(
    store: Store, key: str, packages: Sequence[str], compile_one: Callable[[tuple[str, ...]], _Made]
) -> _Made:
    """Return what ``compile_one`` makes in a root with ``packages`` of Debian, and those that it turns out to lack.

    ``key``: under which the latter are kept for the next time. Raises what ``compile_one`` raises.
    """
    more = tuple((store.kept("steps", key) or b"").decode().split())
    while True:
        try:
            return compile_one((*packages, *more))
        except LackingError as error:
            if not error.package or error.package in (*packages, *more) or len(more) == _MOST_PACKAGES:
                raise
            more = (*more, error.package)
            store.keep("steps", key, " ".join(more).encode())


def make_environment(
    context: Context,
    uv: Uv,
    target: WheelTarget,
    pins: Sequence[BuildRequirement],
    *,
    workspace: Path,
    directory: Path,
    builder: WheelBuilder,
) -> Path:
    """Make a virtual environment of the image's interpreter with ``pins`` in it, or return the stored one.

    ``builder``: builds those that have no wheel. Raises as ``resolution.resolve``.
    """
    requirements = [constraint(pin, hashes=False) for pin in pins]
    found = resolve(
        requirements, target, uv, workspace=workspace, with_dependencies=False, directory=directory, builder=builder
    )
    store = context.store
    name = cache_key("build environment", FORMAT, str(target), [pin.sha256 for pin in found])
    with store.lock(f"tree-{name}"):
        tree = store.tree(name)
        if tree is None:
            scheme = target.scheme(_ENVIRONMENT)
            with store.new_tree(name) as new:
                unpack(scheme.frame, new)
                for pin in found:
                    what = f"{pin.name} {pin.version}"
                    path = download(context, uv.address(pin.url), digest=pin.sha256, size=pin.size, what=what)
                    unpack(read_wheel(path, scheme, target, file=pin.file).entries, new)
            tree = store.tree(name)
    assert tree is not None
    return tree


def compile_project(
    context: Context,
    uv: Uv,
    builder: WheelBuilder,
    toolchain: Toolchain,
    root: BuildRoot,
    project: Project,
    tree: SourceTree,
    pins: Sequence[BuildRequirement],
    *,
    workspace: Path,
    epoch: int = _EPOCH,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Compile the wheel of ``project`` for the toolchain's target: a file in ``workspace``, the same on every host.

    ``builder``: builds build requirements that have no wheel. ``root``: of ``toolchain``. ``tree``: the project's
    files. ``pins``: its build requirements; what its back end asks for besides is resolved, and it is called again.
    ``workspace``: a directory that does not exist yet. ``epoch``, ``variables``: see ``build.build_wheel``.
    Raises MissingError when a header or program is missing, or the wheel does not fit the target; CorruptError when the
    back end fails; NoSandboxError; for build requirements what ``resolution.resolve`` raises, and for crates what
    ``crates.prepare_cargo`` does.
    """
    cargo = crates.prepare_cargo(context, root.tree, tree, project.name or tree.root.name)
    name, target, directory = project.name or tree.root.name, toolchain.target, project.directory
    for attempt in ("first", "second"):
        place = workspace / attempt
        try:
            place.mkdir(parents=True)
        except OSError as error:
            raise StorageError(
                f"building {name}: {error.filename}: {error.strerror}", hint="check the disk under GROCKER_CACHE"
            ) from error
        environment = make_environment(context, uv, target, pins, workspace=place, directory=directory, builder=builder)
        bytecode = prepare_bytecode(context, toolchain, root, environment, _ENVIRONMENT)
        made = _call(
            *(toolchain, project, tree, root, environment, pins, place / "build", epoch, variables, cargo, bytecode)
        )
        if isinstance(made, Path):
            if choose_file([made.name], target) is None:
                raise MissingError(
                    f"building {name}: its back end built {made.name}, which does not fit {target}",
                    hint="choose a version that has a wheel",
                )
            return write_pure_wheel(made, workspace) or write_compiled_wheel(made, workspace)
        more = resolve_build(
            *(made.missing, uv), workspace=place, directory=directory, constraints=pins, release=target.version_info
        )
        names = {pin.name for pin in pins}
        pins = (*pins, *(pin for pin in more if pin.name not in names))
    raise CorruptError(
        f"building {name}: its back end asks for different requirements at each call",
        hint="list them all under requires in [build-system]",
    )


def _call(
    toolchain: Toolchain,
    project: Project,
    tree: SourceTree,
    root: BuildRoot,
    environment: Path,
    pins: Sequence[BuildRequirement],
    workspace: Path,
    epoch: int,
    variables: Mapping[str, str],
    cargo: Cargo | None,
    bytecode: NativeBytecode,
) -> Path | HookAnswer:
    """Call the back end in a sandbox: the wheel that it built, or what it lacks."""
    name = project.name or tree.root.name
    build, scratch = workspace / "build", workspace / "scratch"
    epoch = max(epoch, _EPOCH)
    binds = [Bind(environment / _ENVIRONMENT, f"/{_ENVIRONMENT}"), Bind(build, "/build", is_writable=True)]
    binds += bytecode.binds
    copy = source_tree.copy_tree(tree, build / "source", epoch=epoch)
    try:
        for made in (scratch, *(build / one for one in ("home", "tmp", "wheel"))):
            made.mkdir(parents=True)
        shared: Mapping[str, str] = {}
        if tree.repository is not None:
            shared = tree.repository.share(build / "source", source_tree.places(tree))
            (build / "source/.git/objects/info/alternates").write_text(f"{_OBJECTS}\n")
            binds.append(Bind(tree.repository.common / "objects", _OBJECTS))
        if cargo is not None:
            shared = {**shared, **crates.VARIABLES}
            binds += cargo.binds
            (build / crates.HOME).mkdir()
            (build / crates.HOME / "config.toml").write_text(cargo.config)
            for path in cargo.removed:
                (copy / path).unlink()
    except OSError as error:
        raise StorageError(
            f"building {name}: {error.filename}: {error.strerror}", hint="check the disk under GROCKER_CACHE"
        ) from error
    release = toolchain.target.version_info
    arguments = backend.hook(project, Path("/build/wheel"), Path("/build/answer.json"), pins, release)
    fixed = {**VARIABLES, **bytecode.variables}
    output = run(
        Sandbox(root.tree, tuple(binds), {**variables, **fixed, "SOURCE_DATE_EPOCH": str(epoch), **shared}),
        [f"/{_ENVIRONMENT}/bin/python", *arguments],
        isolation=find_isolation(scratch),
        scratch=scratch,
        directory=str(Path("/build") / copy.relative_to(build)),
        action=f"building {name}",
    )
    said = output.stdout.decode("utf-8", "replace")
    if output.status != 0:
        raise _failure(toolchain, said, output.status, name, tree)
    answer = build / "answer.json"
    if not is_left(answer) or not is_left(build / "wheel", stat.S_ISDIR):
        raise backend.failure(f"{said}\nit built no wheel", name, tree)
    told = backend.read_answer(answer, project, tree)
    if told.missing:
        return told
    wheels = sorted(path for path in (build / "wheel").glob("*.whl") if is_left(path, stat.S_ISREG))
    if len(wheels) != 1:
        raise CorruptError(
            f"building {name}: expected one wheel from the back end, got {len(wheels)}",
            hint="reproduce it with: python -m build --wheel",
        )
    return wheels[0]


def _failure(toolchain: Toolchain, said: str, status: int, name: str, tree: SourceTree) -> CorruptError | MissingError:
    lacking = find_lacking(said)
    if lacking is not None:
        what, package = lacking
        packages = (package,) if package else toolchain.find_packages(what)
        hint = f"find the Debian package that has {what}, and add it to dependencies in [tool.grocker.build]"
        if packages:
            hint = f'set dependencies = ["{packages[0]}"] in [tool.grocker.build]'
        if len(packages) > 1:
            hint += f" (or one of {', '.join(packages[1:_NAMED_PACKAGES])})"
        return LackingError(f"building {name}: {what} is missing", hint=hint, package=package)
    explained = crates.explain_failure(said, name)
    if explained is not None:
        return explained
    if status > 128:
        said += f"\nit was killed by signal {status - 128}"
    return backend.failure(said, name, tree)
