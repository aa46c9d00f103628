"""Build a wheel with compiled modules: its back end runs in a sandbox with a compiler and the image's interpreter.

Everything that the wheel could take from its host is fixed: the root, the paths, the time, the user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from msgspec.structs import replace

from grocker.context import Context
from grocker.errors import CorruptError, GrockerError, MissingError
from grocker.lock.values import BuildRequirement
from grocker.platforms.build_packages import find_lacking
from grocker.python import crates
from grocker.python.confinement import ENVIRONMENT, EPOCH, WheelJob, build_confined, explain_failure
from grocker.python.native_bytecode import BYTECODE_VARIABLES, prepare_bytecode
from grocker.python.project import Project
from grocker.python.pure_wheel import write_compiled_wheel, write_pure_wheel
from grocker.python.pylock import WheelBuilder
from grocker.python.source_tree import SourceTree
from grocker.python.tags import choose_file
from grocker.python.toolchain import BuildRoot, Toolchain
from grocker.python.uv import Uv
from grocker.python.workplaces import ImageWorkplace
from grocker.sandbox.sandbox import Bind
from grocker.store import Store

FORMAT = 1
"""Goes into step keys: raised when the same sdist, requirements and root would give another wheel."""

_NAMED_PACKAGES = 4
"""named in a hint"""
_MOST_PACKAGES = 5
"""that are added to a toolchain, each after a build that lacked it"""
_Made = TypeVar("_Made")
_FLAGS = "-O2 -g0 -ffile-prefix-map=/build/source=."
VARIABLES = {
    "ZERO_AR_DATE": "1",
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


class _CompilerWorkplace(ImageWorkplace, frozen=True, kw_only=True):
    """A root with a compiler, too."""

    toolchain: Toolchain
    build_root: BuildRoot

    def open(self, environment: Path, workspace: Path) -> tuple[Path, tuple[Bind, ...]]:
        """See Workplace."""
        tree, about = environment.parent, (self.context, self.toolchain, self.build_root)
        return self.root, (*self.binds, *prepare_bytecode(*about, tree, ENVIRONMENT).binds)

    def explain(self, said: str, status: int, name: str, tree: SourceTree) -> GrockerError:
        """See Workplace."""
        return _failure(self.toolchain, said, status, name, tree)


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
    epoch: int = EPOCH,
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
    job, target = WheelJob(project, tree, variables, epoch), toolchain.target
    fixed = {**VARIABLES, **BYTECODE_VARIABLES} if toolchain.native_compiler() is not None else VARIABLES
    workplace = _CompilerWorkplace(
        *(context, uv, builder, project.directory, target, root.tree, fixed),
        toolchain=toolchain,
        build_root=root,
    )
    cargo = crates.prepare_cargo(context, root.tree, tree, job.name)
    if cargo is not None:
        job = replace(job, removed=cargo.removed, files={crates.CONFIGURATION: cargo.config})
        workplace = replace(workplace, variables={**fixed, **crates.VARIABLES}, binds=cargo.binds)
    made = build_confined(job, workplace, pins, workspace=workspace)
    if choose_file([made.name], target) is None:
        raise MissingError(
            f"building {job.name}: its back end built {made.name}, which does not fit {target}",
            hint="choose a version that has a wheel",
        )
    return write_pure_wheel(made, workspace) or write_compiled_wheel(made, workspace)


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
    return explain_failure(said, status, name, tree)
