"""A project's directory that its back end turns into a wheel (PEP 517)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from grocker import python
from grocker.context import Context
from grocker.inputs.application import Application, ApplicationRequest, WheelFile, read_application
from grocker.inputs.documents import named_files, read_procfile
from grocker.inputs.index import uv_settings, uv_variables
from grocker.lock.values import BuildRequirement
from grocker.store.answers import recent_answer
from grocker.tar.keys import cache_key


class _BuildAnswer(msgspec.Struct, frozen=True):
    at: float
    """seconds since 1970"""
    pins: tuple[BuildRequirement, ...]


def load(request: ApplicationRequest) -> Application:
    """Build the project's wheel; the kept one if its sources and build requirements are the same."""
    directory = request.origin.path
    assert directory is not None
    project = python.read_project(directory)
    tree = _read_tree(request.context, directory)
    pins = _resolve_build(request, project) if request.locked.build is None else request.locked.build
    wheel = _build_wheel(request, project, tree, pins)
    directories = {directory / os.path.dirname(f.path) for f in tree.files} | {directory}
    read = {*directories, *(directory / f.path for f in tree.files), *named_files(directory, request.settings)}
    if project.uses_git:
        read |= set(python.state_files(directory))
    return read_application(
        request,
        wheel,
        project=project,
        build=pins,
        procfile=read_procfile(directory),
        files=tuple(sorted(map(str, read))),
        sources=[f.path for f in tree.files],
    )


def _read_tree(context: Context, directory: Path) -> python.SourceTree:
    """Read the project's files; only those are hashed of which stat(2) says something new."""
    name = "source-" + hashlib.sha256(os.fsencode(directory.absolute())).hexdigest()
    kept = context.store.kept("steps", name)
    known = python.FileHashes.decode(kept) if kept is not None else None
    tree = python.read_tree(directory, now=int(context.now * 1e9), known=known)
    if known is None or tree.known != known:
        context.store.keep("steps", name, tree.known.encode())
    return tree


def _resolve_build(request: ApplicationRequest, project: python.Project) -> tuple[BuildRequirement, ...]:
    """Pin the project's build requirements; the index is asked again once a day."""
    context, uv = request.context, request.uv

    def ask() -> _BuildAnswer:
        with context.store.scratch() as scratch, context.progress.task("resolving build requirements"):
            pins = python.resolve_build(project.build_requires, uv, workspace=scratch, directory=project.directory)
        return _BuildAnswer(context.now, pins)

    key = cache_key("build requirements", project.build_requires, uv_settings(project.directory), uv_variables(uv))
    return recent_answer(context.store, key, _BuildAnswer, ask, now=context.now, refresh=request.refresh).pins


def _build_wheel(
    request: ApplicationRequest, project: python.Project, tree: python.SourceTree, pins: Sequence[BuildRequirement]
) -> WheelFile:
    store, progress = request.context.store, request.context.progress
    key = cache_key("project wheel", python.build_key(project, tree, pins, request.epoch))
    with store.lock(f"step-{key}"):
        data = store.kept("steps", key)
        if data is not None:
            kept = msgspec.json.decode(data, type=WheelFile)
            if store.sound_download(kept.sha256) is not None:
                return kept
        with store.scratch() as scratch, progress.task(f"building {project.name or tree.root.name}"):
            path = python.build_wheel(
                project,
                tree,
                request.uv,
                workspace=scratch,
                epoch=request.epoch,
                pins=pins,
                store=store,
                meanwhile=request.backend_started,
            )
            wheel = WheelFile(store.add_wheel(path), path.name)
        store.keep("steps", key, msgspec.json.encode(wheel))
    return wheel
