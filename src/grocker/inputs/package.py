"""A project's directory that its back end turns into a wheel (PEP 517)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from grocker import python
from grocker.config.services import DetectedApplication
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.errors import CorruptError, MissingError
from grocker.inputs.application import Application, ApplicationRequest, WheelFile, read_application
from grocker.inputs.documents import named_files, read_procfile
from grocker.inputs.index import index_key, sdist_builder, wheel_target
from grocker.inputs.produced import Produced, lay_over
from grocker.inputs.toolchain import DebianToolchain
from grocker.inputs.tree_project import named_requirement_files
from grocker.lock.values import BuildRequirement
from grocker.progress import Progress
from grocker.store import Store
from grocker.store.answers import recent_answer
from grocker.tar.keys import cache_key

VERSION_VARIABLES = (
    *("SETUPTOOLS_SCM_PRETEND_VERSION", "VCS_VERSIONING_PRETEND_VERSION", "PDM_BUILD_SCM_VERSION", "PBR_VERSION"),
)
"""beginnings of the caller's variables that say the version where there is no repository: setuptools-scm's (and
hatch-vcs'), pdm-backend's, pbr's; ``cli.replay`` reads the same"""


class _BuildAnswer(msgspec.Struct, frozen=True):
    at: float
    """seconds since 1970"""
    pins: tuple[BuildRequirement, ...]


def load(request: ApplicationRequest, produced: Produced | None = None) -> Application:
    """Build the project's wheel, or return the stored one if sources and build requirements have not changed.

    ``produced``: what the project's commands wrote; its back end sees that among its files.
    """
    directory = request.origin.path
    assert directory is not None
    project = python.read_project(directory)
    tree = python.read_directory(request.context, directory, request.settings.exclude)
    _warn_of_left_out(request.context.progress, tree)
    if produced is not None:
        files = lay_over(tree.files, produced)
        tree = msgspec.structs.replace(tree, files=files, digest=python.hash_tree(files), shape="")
    pins = resolve_build(request, project)
    wheel = _build_wheel(request, project, tree, pins)
    read = {*named_files(directory, request.settings)}
    if tree.repository is not None:
        read |= set(tree.repository.state_files())
    listed = named_requirement_files(directory, request.settings)
    read |= {*python.read_requirement_files(listed)}
    lock = python.find_lock(directory)
    if lock is not None:
        read.add(lock.path)
    return read_application(
        request,
        wheel,
        project=project,
        tree=tree,
        build=pins,
        procfile=read_procfile(directory),
        files=(*sorted(map(str, read)), *(f"{directory}/{path}" if path else str(directory) for path in tree.watched)),
        requirement_files=listed,
        find_start=partial(_find_start, request.context, directory),
    )


def _find_start(context: Context, directory: Path) -> DetectedApplication:
    from grocker.inputs.tree import find_start

    return find_start(context, directory)


def _warn_of_left_out(progress: Progress, tree: python.SourceTree) -> None:
    missed = [one for one in tree.left_out if one.is_missed]
    if missed:
        more = f"; and {len(missed) - 3} more" if len(missed) > 3 else ""
        progress.warn(
            "left out of the build: " + "; ".join(f"{one.path}: {one.why}" for one in missed[:3]) + more,
            "if the application needs it, put a readable copy into the project; otherwise list it under exclude in"
            " [tool.grocker]",
        )


def build_variables(environ: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """Return the back end's variables: those of the settings, and the caller's that set a version."""
    given = {name: value for name, value in environ.items() if name.startswith(VERSION_VARIABLES)}
    return {**settings.build.env, **given}


def resolve_build(request: ApplicationRequest, project: python.Project) -> tuple[BuildRequirement, ...]:
    """Return the lock's build requirements, else pin the project's; the index is asked again once a day."""
    if request.locked.build is not None:
        return request.locked.build
    context, uv, release = request.context, request.uv, wheel_target(request.target).version_info

    def ask() -> _BuildAnswer:
        with context.store.scratch() as scratch, context.progress.task("resolving build requirements"):
            pins = python.resolve_build(
                *(project.build_requires, uv),
                workspace=scratch,
                directory=project.directory,
                release=release,
                builder=partial(_requirement_builder, request, project, is_pure=False),
            )
        return _BuildAnswer(context.now, pins)

    asked = project.build_requires, python.oldest_python(release)
    key = cache_key("build requirements", *asked, index_key(project.directory, uv))
    return recent_answer(context.store, key, _BuildAnswer, ask, now=context.now, refresh=request.refresh).pins


def _requirement_builder(request: ApplicationRequest, project: python.Project, *, is_pure: bool) -> python.SdistBuilder:
    """Return what builds build requirements that have no wheel. ``is_pure``: they run on this host."""
    toolchain = DebianToolchain(request.context, request.settings, request.target, request.refresh, request.standalone)
    about = (request.context, request.uv, wheel_target(request.target), toolchain)
    builder = sdist_builder(*about, directory=project.directory, refresh=request.refresh)
    return msgspec.structs.replace(builder, is_pure=is_pure)


def _build_wheel(
    request: ApplicationRequest, project: python.Project, tree: python.SourceTree, pins: Sequence[BuildRequirement]
) -> WheelFile:
    """Build the wheel: by the host's Python if it is for all platforms, else compiled for the image's."""
    store = request.context.store
    variables = build_variables(request.context.environ, request.settings)
    build = python.build_key(tree, pins, request.epoch, variables)
    toolchain = DebianToolchain(request.context, request.settings, request.target, request.refresh, request.standalone)
    compiled = cache_key("project with compiled modules", str(project.directory.absolute()))
    tools = python.find_build_tools(project, tree)
    if toolchain.refusal and tools.is_compiled:
        raise _refusal(project, tree, toolchain)
    if not tools.is_compiled and (toolchain.refusal or store.kept("steps", compiled) is None):
        try:
            return _keep_wheel(
                store, cache_key("project wheel", build), partial(_build, request, project, tree, pins, variables)
            )
        except (CorruptError, MissingError) as error:
            if not python.lacks_compiler(error):
                raise
            if toolchain.refusal:
                raise _refusal(project, tree, toolchain) from error

    def compile_one(packages: tuple[str, ...]) -> WheelFile:
        root = toolchain.compose(packages)
        key = cache_key("compiled project wheel", build, root.key)
        return _keep_wheel(store, key, partial(_compile, request, toolchain, root, project, tree, pins, variables))

    packages = (*tools.packages, *(("git",) if tree.repository is not None else ()))
    lacking = cache_key("packages that a project compiles with", str(project.directory.absolute()), str(request.target))
    wheel = python.compile_with_lacking(store, lacking, packages, compile_one)
    if not wheel.file.endswith("-none-any.whl"):
        store.keep("steps", compiled, b"true")
    return wheel


def _keep_wheel(store: Store, key: str, make: Callable[[], WheelFile]) -> WheelFile:
    """Return the wheel kept under ``key``, else what ``make`` returns, which is kept."""
    with store.lock(f"step-{key}"):
        kept = store.kept_as("steps", key, WheelFile)
        if kept is not None and store.built_wheel(kept.sha256) is not None:
            return kept
        wheel = make()
        store.keep("steps", key, msgspec.json.encode(wheel))
    return wheel


def _refusal(project: python.Project, tree: python.SourceTree, toolchain: DebianToolchain) -> MissingError:
    return MissingError(
        f"building {project.name or tree.root.name}: it has compiled modules, which {toolchain.refusal}",
        hint=f"{toolchain.suggest()}; build its wheel on a host of that architecture and pass that wheel to Grocker,"
        " or move the compiled modules into a dependency that has wheels",
    )


def _build(
    request: ApplicationRequest,
    project: python.Project,
    tree: python.SourceTree,
    pins: Sequence[BuildRequirement],
    variables: Mapping[str, str],
) -> WheelFile:
    """Make the wheel from the last one if that is certain to be what the back end would make, else by the back end."""
    store, progress = request.context.store, request.context.progress
    key = python.template_key(project, tree, pins, request.epoch, variables)
    with store.scratch() as scratch:
        made = python.update_wheel(store, key, tree, scratch) if key is not None else None
        if made is not None:
            return WheelFile(made.wheel, made.file)
        with progress.task(f"building {project.name or tree.root.name}"):
            path = python.build_wheel(
                project,
                tree,
                request.uv,
                workspace=scratch,
                epoch=request.epoch,
                pins=pins,
                variables=variables,
                store=store,
                builder=partial(_requirement_builder, request, project, is_pure=True),
                meanwhile=request.backend_started,
            )
        wheel = WheelFile(store.add_wheel(path), path.name)
        template = python.find_template(project, tree, pins, path, wheel.sha256) if key is not None else None
    if key is not None and template is not None:
        store.keep("steps", key, msgspec.json.encode(template))
    return wheel


def _compile(
    request: ApplicationRequest,
    toolchain: DebianToolchain,
    root: python.BuildRoot,
    project: python.Project,
    tree: python.SourceTree,
    pins: Sequence[BuildRequirement],
    variables: Mapping[str, str],
) -> WheelFile:
    context, store, uv = request.context, request.context.store, request.uv
    builder = _requirement_builder(request, project, is_pure=False)
    with store.scratch() as scratch, context.progress.task(f"compiling {project.name or tree.root.name}"):
        path = python.compile_project(
            context,
            uv,
            builder,
            toolchain,
            root,
            project,
            tree,
            pins,
            workspace=scratch / "compiled",
            epoch=request.epoch,
            variables=variables,
        )
        return WheelFile(store.add_wheel(path), path.name, toolchain.find_libraries(path, root))
