"""Wheels of pure Python for packages without wheels: back ends find no compiler, in a sandbox if there is one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grocker.context import Context
from grocker.lock.values import BuildRequirement
from grocker.python.build import build_wheel, rewrite_pure_wheel
from grocker.python.confinement import WheelJob, Workplace, build_confined
from grocker.python.project import Project
from grocker.python.pylock import WheelBuilder
from grocker.python.source_tree import SourceTree
from grocker.python.toolchain import Toolchain
from grocker.python.uv import Uv
from grocker.python.workplaces import HostWorkplace, ImageWorkplace
from grocker.sandbox.run import NoSandboxError, find_isolation
from grocker.store.writing import storage

_NO_COMPILER = dict.fromkeys(("CC", "CXX", "FC", "LD", "CARGO", "RUSTC", "PKG_CONFIG"), "/bin/false")
"""A compiled wheel would fit this host and no image; packages with an optional extension build without it."""


def build_without_compiler(
    context: Context,
    uv: Uv,
    builder: WheelBuilder,
    toolchain: Toolchain | None,
    project: Project,
    tree: SourceTree,
    pins: Sequence[BuildRequirement],
    *,
    workspace: Path,
) -> Path:
    """Return the wheel, a file in ``workspace``, as ``write_pure_wheel`` writes it.

    ``builder``: builds build requirements that have no wheel, of pure Python too. ``toolchain``: has an interpreter for
    a sandbox that cannot show the host's, such as one without namespaces. ``workspace``: an empty scratch directory.
    Raises PlatformWheelError for a wheel that is not of pure Python, and what ``build_wheel`` raises.
    """
    workplace = _find_workplace(
        HostWorkplace(context, uv, builder, project.directory), toolchain, tree, workspace / "sandbox"
    )
    if workplace is None:
        return build_wheel(
            *(project, tree, uv),
            workspace=workspace,
            epoch=0,
            store=context.store,
            pins=pins,
            variables=_NO_COMPILER,
            builder=lambda: builder,
        )
    job = WheelJob(project, tree, _NO_COMPILER)
    return rewrite_pure_wheel(
        build_confined(job, workplace, pins, workspace=workspace / "workplace"), job.name, workspace
    )


def _find_workplace(
    host: HostWorkplace, toolchain: Toolchain | None, tree: SourceTree, scratch: Path
) -> Workplace | None:
    """Return where the back end runs; None if this host allows no sandbox. ``scratch``: a new directory."""
    with storage("creating the sandbox", scratch):
        scratch.mkdir()
    try:
        isolation = find_isolation(scratch)
    except NoSandboxError:
        return None
    if host.is_usable(isolation, scratch):
        return host
    if toolchain is None:
        return None
    root, target = toolchain.compose_pure(("git",) if tree.repository is not None else ())
    return ImageWorkplace(*(host.context, host.uv, host.builder, host.directory), target=target, root=root.tree)
