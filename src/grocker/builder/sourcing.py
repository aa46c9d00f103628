"""The application: from a project's directory to its wheel, its services, and the wheels that it depends on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from grocker import python
from grocker.builder.contents import BASE_CONFIG
from grocker.builder.resolving import PythonAnswer, python_files, python_target
from grocker.builder.workshop import Workshop
from grocker.config import files as config_files
from grocker.config.files import Configuration
from grocker.config.services import Services, services
from grocker.config.settings import Settings
from grocker.digest import Digest
from grocker.errors import SettingsError
from grocker.layer.entry import File
from grocker.lock.values import BuildRequirement, PythonFile
from grocker.plan.steps import key
from grocker.plan.target import Target
from grocker.store.fetch import fetch


class _WheelStep(msgspec.Struct, frozen=True):
    sha256: Digest
    file: str


class _PinsStep(msgspec.Struct, frozen=True):
    at: float
    """seconds since 1970"""
    pins: tuple[python.BuildPin, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The application of one build."""

    project: python.Project
    wheel: Digest
    installed: python.Wheel
    """the wheel as the image gets it"""
    build: tuple[BuildRequirement, ...]
    """what the back end ran with"""
    services: Services
    django_settings_module: str | None
    base_config: tuple[str | None, str]
    """C2: the application's own INI text, if any, and where it stands"""
    files: tuple[str, ...]
    """files and directories of the host that all this was read from"""

    @property
    def commands(self) -> tuple[str, ...]:
        """The application's own console scripts, sorted."""
        return tuple(sorted(p.name for p in self.installed.entry_points if p.group == "console_scripts"))


def configuration(directory: Path) -> Configuration:
    """The settings of the project in ``directory``."""
    return config_files.read(directory)


def source(shop: Workshop, directory: Path, settings: Settings, target: Target, *, refresh: bool) -> Source:
    """The project in ``directory``, built; the kept wheel when its sources and build requirements are the same."""
    project = python.read_project(directory)
    tree = _tree(shop, directory)
    uv = python.find_uv(shop.environ, cache=shop.store.root / "downloads" / "uv")
    pins = _pins(shop, project, uv, refresh=refresh)
    step = _wheel(shop, project, tree, uv, pins)
    path = shop.store.download(step.sha256)
    assert path is not None
    layout = python.Layout(target.suite.python)
    installed = python.read_wheel(path, layout, python_target(target), file=step.file)
    django = python.find_django(installed)
    procfile = directory / "Procfile"
    directories = {directory / os.path.dirname(f.path) for f in tree.files} | {directory}
    return Source(
        project=project,
        wheel=step.sha256,
        installed=installed,
        build=tuple(BuildRequirement(p.name, p.version) for p in pins),
        services=services(
            settings, procfile.read_text("utf-8") if procfile.is_file() else None, django.wsgi if django else None
        ),
        django_settings_module=django.settings_module if django else None,
        base_config=_base_config(directory, settings, installed),
        files=tuple(sorted(str(p) for p in (*directories, *(directory / f.path for f in tree.files)))),
    )


def dependencies(shop: Workshop, source: Source, settings: Settings, target: Target, *, refresh: bool) -> PythonAnswer:
    """The wheels that the application and its servers need on ``target``."""
    uv = python.find_uv(shop.environ, cache=shop.store.root / "downloads" / "uv")
    wheels = python_target(target)
    wanted = python.wanted(source.installed.metadata.requires, settings.extras, wheels)
    lock = source.project.uv_lock
    identity = [
        wanted,
        source.services.servers,
        settings.extras,
        str(wheels),
        hashlib.sha256(lock.read_bytes()).hexdigest() if lock else "",
        _uv_settings(source.project.directory),
        [(name, uv.environment[name]) for name in sorted(uv.environment) if name.startswith("UV_")],
    ]

    def ask() -> PythonAnswer:
        with shop.store.scratch() as scratch, shop.progress.task("resolving Python packages"):
            if lock is not None:
                pins = python.resolve_locked(
                    source.project,
                    wheels,
                    uv,
                    workspace=scratch,
                    extras=settings.extras,
                    additions=source.services.servers,
                )
            else:
                pins = python.resolve(
                    (*wanted, *source.services.servers),
                    wheels,
                    uv,
                    workspace=scratch,
                    directory=source.project.directory,
                )
        return PythonAnswer(shop.now, tuple(_locked(shop, pin) for pin in pins), {pin.sha256: pin.url for pin in pins})

    return python_files(shop, identity, ask, refresh=refresh)


def _tree(shop: Workshop, directory: Path) -> python.SourceTree:
    """The project's files, hashed where stat(2) says something new."""
    name = "source-" + hashlib.sha256(os.fsencode(directory.absolute())).hexdigest()
    kept = shop.store.kept("steps", name)
    known = python.Known.decode(kept) if kept is not None else None
    tree = python.read_tree(directory, now=int(shop.now * 1e9), known=known)
    if known is None or tree.known != known:
        shop.store.keep("steps", name, tree.known.encode())
    return tree


def _pins(shop: Workshop, project: python.Project, uv: python.Uv, *, refresh: bool) -> tuple[python.BuildPin, ...]:
    """The project's build requirements, pinned; asked for again once a day."""
    name = key("build requirements", project.build_requires)
    data = None if refresh else shop.store.kept("steps", name)
    if data is not None:
        kept = msgspec.json.decode(data, type=_PinsStep)
        if 0 <= shop.now - kept.at < 86400:
            return kept.pins
    with shop.store.scratch() as scratch, shop.progress.task("resolving build requirements"):
        pins = python.resolve_build(project.build_requires, uv, workspace=scratch)
    shop.store.keep("steps", name, msgspec.json.encode(_PinsStep(shop.now, pins)))
    return pins


def _wheel(
    shop: Workshop,
    project: python.Project,
    tree: python.SourceTree,
    uv: python.Uv,
    pins: Sequence[python.BuildPin],
) -> _WheelStep:
    name = key("project wheel", python.build_key(project, tree, pins, shop.epoch))
    with shop.store.lock(f"step-{name}"):
        data = shop.store.kept("steps", name)
        if data is not None:
            kept = msgspec.json.decode(data, type=_WheelStep)
            if shop.store.download(kept.sha256) is not None:
                return kept
        with shop.store.scratch() as scratch, shop.progress.task(f"building {project.name or tree.root.name}"):
            path = python.build_wheel(project, tree, uv, workspace=scratch, epoch=shop.epoch, pins=pins)
            step = _WheelStep(shop.store.add_wheel(path), path.name)
        shop.store.keep("steps", name, msgspec.json.encode(step))
    return step


def _locked(shop: Workshop, pin: python.Pin) -> PythonFile:
    """A pin as the lock has it; an index that gives no size has its file fetched to see."""
    size = pin.size
    if size is None:
        path = fetch(
            shop.store,
            shop.transport,
            pin.url,
            digest=pin.sha256,
            size=None,
            what=f"{pin.name} {pin.version}",
            progress=shop.progress,
        )
        size = path.stat().st_size
    return PythonFile(pin.name, pin.version, pin.file, "default", size, pin.sha256)


def _base_config(directory: Path, settings: Settings, installed: python.Wheel) -> tuple[str | None, str]:
    """C2: the file that the settings name, else the one that the application's package ships beside its __init__.py."""
    if settings.base_config is not None:
        path = directory / settings.base_config
        try:
            return path.read_text("utf-8"), settings.base_config
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"base-config: reading {path}: {error}", hint="name a UTF-8 INI file of the project"
            ) from error
    files = {e.path: e for e in installed.entries if isinstance(e, File)}
    for place in sorted(files, key=lambda p: (p.count("/"), p)):
        parent, _, name = place.rpartition("/")
        found = files[place].data
        if name == BASE_CONFIG and f"{parent}/__init__.py" in files and isinstance(found, bytes):
            return found.decode("utf-8"), f"{parent.rpartition('/')[2]}/{name}"
    return None, ""


def _uv_settings(directory: Path) -> str:
    """What of the project's files tells uv where and how to resolve: ``[tool.uv]`` and ``uv.toml``."""
    loaded = config_files.load_toml(directory / "pyproject.toml")
    table = loaded[0].get("tool", {}).get("uv", {}) if loaded is not None else {}
    own = directory / "uv.toml"
    return repr(table) + (own.read_text("utf-8") if own.is_file() else "")
