"""The application: from what the user named to its wheel, its services, and the wheels that it depends on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from grocker import python
from grocker.builder.contents import BASE_CONFIG, CRONTAB
from grocker.builder.resolving import PythonAnswer, fresh, python_target
from grocker.builder.workshop import Workshop, fetched
from grocker.config import files as config_files
from grocker.config.services import Found, Services, services
from grocker.config.settings import Settings
from grocker.digest import Digest
from grocker.errors import CorruptError, SettingsError
from grocker.inputs import validation
from grocker.inputs.origin import Origin
from grocker.lock.values import BuildRequirement, PythonFile
from grocker.plan.layers import key
from grocker.platforms.target import Target
from grocker.tar.entry import File


class _WheelStep(msgspec.Struct, frozen=True):
    sha256: Digest
    file: str


class _PinsStep(msgspec.Struct, frozen=True):
    at: float
    """seconds since 1970"""
    pins: tuple[BuildRequirement, ...]


class Source(msgspec.Struct, frozen=True):
    """The application of one build on one platform."""

    wheel: Digest
    file: PythonFile | None
    """the application's own line in the lock; None for a wheel that was built here"""
    installed: python.Wheel
    """the wheel as the image gets it"""
    extras: tuple[str, ...]
    build: tuple[BuildRequirement, ...]
    """what the back end ran with"""
    services: Services
    django_settings_module: str | None
    base_config: tuple[str | None, str]
    """C2: the application's own INI text, if any, and where it stands"""
    crontab: tuple[bytes | None, str]
    """K1: the application's own crontab, if any, and where it stands"""
    files: tuple[str, ...]
    """files and directories of the host that all this was read from"""
    project: python.Project | None
    """None for a wheel or a release"""

    @property
    def commands(self) -> tuple[str, ...]:
        """The application's own console scripts, sorted."""
        return tuple(sorted(p.name for p in self.installed.entry_points if p.group == "console_scripts"))


def configuration(origin: Origin, file: Path | None) -> config_files.Configuration:
    """The settings: of ``file`` if one is named, else of the project's own files; else the defaults."""
    if file is not None:
        return config_files.read_file(file)
    if origin.kind == "project":
        assert origin.path is not None
        return config_files.read(origin.path)
    return config_files.NONE


class Held(msgspec.Struct, frozen=True):
    """What a lock says of the application itself."""

    build: tuple[BuildRequirement, ...] | None = None
    """the back end's environment"""
    files: tuple[PythonFile, ...] | None = None
    """the locked wheels; the release's own is among them"""


def source(shop: Workshop, origin: Origin, settings: Settings, target: Target, held: Held, *, refresh: bool) -> Source:
    """The application that ``origin`` names, as a wheel in the store."""
    if origin.kind == "project":
        return _of_project(shop, origin, settings, target, held, refresh=refresh)
    if origin.kind == "wheel":
        assert origin.path is not None
        step = _WheelStep(shop.store.add_wheel(origin.path), origin.path.name)
        return _of_wheel(shop, origin, settings, target, step, files=(str(origin.path),))
    file, url = _release(shop, origin, settings, target, held, refresh=refresh)
    wheel_file(shop, find_uv(shop, settings), file, url)
    return _of_wheel(shop, origin, settings, target, _WheelStep(file.sha256, file.file), locked=file)


def dependencies(
    shop: Workshop,
    source: Source,
    settings: Settings,
    target: Target,
    *,
    constraints: Sequence[str] = (),
    refresh: bool,
) -> PythonAnswer:
    """The wheels that the application and its servers need on ``target``; the application's own is not among them.

    ``constraints``: PEP 508, versions to keep to; a ``uv.lock`` has them all itself.
    """
    uv = find_uv(shop, settings)
    wheels = python_target(target)
    wanted = python.wanted(source.installed.name, source.installed.metadata.requires, source.extras, wheels)
    directory = source.project.directory if source.project else None
    lock = source.project.uv_lock if source.project else None
    identity = [
        *("dependencies", wanted, source.services.servers, source.extras, str(wheels)),
        hashlib.sha256(lock.read_bytes()).hexdigest() if lock else "",
        _uv_settings(directory) if directory else "",
        _uv_variables(uv),
        *constraints,
    ]

    def ask() -> PythonAnswer:
        with shop.store.scratch() as scratch, shop.progress.task("resolving Python packages"):
            if lock is not None:
                assert source.project is not None
                pins = python.resolve_locked(
                    source.project,
                    wheels,
                    uv,
                    workspace=scratch,
                    extras=source.extras,
                    additions=source.services.servers,
                )
            else:
                pins = python.resolve(
                    (*wanted, *source.services.servers),
                    wheels,
                    uv,
                    workspace=scratch,
                    constraints=constraints,
                    directory=directory,
                )
        # What depends on the application gets this one, and not the index's beside it.
        return _answer(shop, uv, [pin for pin in pins if pin.name != source.installed.name])

    return fresh(shop, key(*identity), PythonAnswer, ask, refresh=refresh)


def _of_project(
    shop: Workshop, origin: Origin, settings: Settings, target: Target, held: Held, *, refresh: bool
) -> Source:
    """The project, built; the kept wheel when its sources and build requirements are the same."""
    directory = origin.path
    assert directory is not None
    project = python.read_project(directory)
    tree = _tree(shop, directory)
    uv = find_uv(shop, settings)
    pins = _pins(shop, project, uv, refresh=refresh) if held.build is None else held.build
    step = _wheel(shop, project, tree, uv, pins)
    directories = {directory / os.path.dirname(f.path) for f in tree.files} | {directory}
    procfile = directory / "Procfile"
    return _of_wheel(
        shop,
        origin,
        settings,
        target,
        step,
        project=project,
        build=pins,
        procfile=_text(procfile.read_bytes(), procfile.name) if procfile.is_file() else None,
        files=tuple(sorted(str(p) for p in (*directories, *(directory / f.path for f in tree.files)))),
        sources=[f.path for f in tree.files],
    )


def _of_wheel(
    shop: Workshop,
    origin: Origin,
    settings: Settings,
    target: Target,
    step: _WheelStep,
    *,
    project: python.Project | None = None,
    build: tuple[BuildRequirement, ...] = (),
    procfile: str | None = None,
    files: tuple[str, ...] = (),
    locked: PythonFile | None = None,
    sources: Sequence[str] = (),
) -> Source:
    path = shop.store.sound_download(step.sha256)
    if path is None:
        raise CorruptError(f"the kept wheel {step.file} was damaged", hint="it was removed: build again")
    layout = python.Layout(target.suite.python)
    installed = python.read_wheel(path, layout, python_target(target), file=step.file)
    extras = tuple(sorted({*settings.extras, *origin.extras}))
    validation.check(installed, python_target(target), extras, sources, shop.progress)
    django = python.find_django(installed)
    return Source(
        wheel=step.sha256,
        file=locked,
        installed=installed,
        extras=extras,
        build=build,
        services=services(settings, procfile, _found(installed, django)),
        django_settings_module=django.settings_module if django else None,
        base_config=_base_config(project.directory if project else Path(), settings, installed),
        crontab=_crontab(project.directory if project else Path(), settings, installed),
        files=files,
        project=project,
    )


def _found(installed: python.Wheel, django: python.Django | None) -> Found:
    """How the application is served, as far as its files tell."""
    declared = python.declared_services(installed)
    if django is not None:
        if django.wsgi is None and django.asgi is not None:
            return Found(declared, django=True, kind="asgi", target=django.asgi)
        return Found(declared, django=True, target=django.wsgi)
    web = python.find_application(installed)
    return Found(declared, kind=web.kind, target=web.target) if web is not None else Found(declared)


def _release(
    shop: Workshop, origin: Origin, settings: Settings, target: Target, held: Held, *, refresh: bool
) -> tuple[PythonFile, str]:
    """The release's own wheel and where it is served: the version that fits together with its dependencies."""
    uv = find_uv(shop, settings)
    wheels = python_target(target)
    locked = next((f for f in held.files or () if f.name == origin.name), None)
    if locked is not None:
        if shop.store.sound_download(locked.sha256) is not None:
            return locked, ""
        with shop.store.scratch() as scratch:
            return locked, python.locate([locked], wheels, uv, workspace=scratch)[locked.sha256]

    def ask() -> PythonAnswer:
        with shop.store.scratch() as scratch, shop.progress.task(f"resolving {origin.text}"):
            pins = python.resolve([origin.requirement], wheels, uv, workspace=scratch)
        return _answer(shop, uv, [pin for pin in pins if pin.name == origin.name])

    identity = key("release", origin.requirement, str(wheels), _uv_variables(uv))
    answer = fresh(shop, identity, PythonAnswer, ask, refresh=refresh)
    return answer.files[0], answer.urls[answer.files[0].sha256]


def find_uv(shop: Workshop, settings: Settings) -> python.Uv:
    """uv as this build runs it; ``index-url`` of the settings wins over the host's configuration."""
    found = shop.uv.get(settings.index_url)
    if found is None:
        environ = dict(shop.environ)
        if settings.index_url is not None:
            environ["UV_DEFAULT_INDEX"] = settings.index_url
        found = python.find_uv(environ, cache=shop.store.root / "downloads" / "uv")
        shop.uv[settings.index_url] = found
    return found


def _uv_variables(uv: python.Uv) -> list[tuple[str, str]]:
    return [(name, uv.environment[name]) for name in sorted(uv.environment) if name.startswith("UV_")]


def _tree(shop: Workshop, directory: Path) -> python.SourceTree:
    """The project's files, hashed where stat(2) says something new."""
    name = "source-" + hashlib.sha256(os.fsencode(directory.absolute())).hexdigest()
    kept = shop.store.kept("steps", name)
    known = python.Known.decode(kept) if kept is not None else None
    tree = python.read_tree(directory, now=int(shop.now * 1e9), known=known)
    if known is None or tree.known != known:
        shop.store.keep("steps", name, tree.known.encode())
    return tree


def _pins(shop: Workshop, project: python.Project, uv: python.Uv, *, refresh: bool) -> tuple[BuildRequirement, ...]:
    """The project's build requirements, pinned; asked for again once a day."""
    name = key("build requirements", project.build_requires, _uv_settings(project.directory), _uv_variables(uv))
    data = None if refresh else shop.store.kept("steps", name)
    if data is not None:
        kept = msgspec.json.decode(data, type=_PinsStep)
        if 0 <= shop.now - kept.at < 86400:
            return kept.pins
    with shop.store.scratch() as scratch, shop.progress.task("resolving build requirements"):
        pins = python.resolve_build(project.build_requires, uv, workspace=scratch, directory=project.directory)
    shop.store.keep("steps", name, msgspec.json.encode(_PinsStep(shop.now, pins)))
    return pins


def _wheel(
    shop: Workshop,
    project: python.Project,
    tree: python.SourceTree,
    uv: python.Uv,
    pins: Sequence[BuildRequirement],
) -> _WheelStep:
    name = key("project wheel", python.build_key(project, tree, pins, shop.epoch))
    with shop.store.lock(f"step-{name}"):
        data = shop.store.kept("steps", name)
        if data is not None:
            kept = msgspec.json.decode(data, type=_WheelStep)
            if shop.store.sound_download(kept.sha256) is not None:
                return kept
        with shop.store.scratch() as scratch, shop.progress.task(f"building {project.name or tree.root.name}"):
            path = python.build_wheel(
                project,
                tree,
                uv,
                workspace=scratch,
                epoch=shop.epoch,
                pins=pins,
                store=shop.store,
                meanwhile=lambda: [shop.working.submit(job) for job in shop.meanwhile],
            )
            step = _WheelStep(shop.store.add_wheel(path), path.name)
        shop.store.keep("steps", name, msgspec.json.encode(step))
    return step


def _answer(shop: Workshop, uv: python.Uv, pins: Sequence[python.Pin]) -> PythonAnswer:
    """Pins as the lock has them; an index that gives no size has its file fetched to see."""
    files = []
    for pin in pins:
        file = PythonFile(pin.name, pin.version, pin.file, "default", pin.size or 0, pin.sha256)
        if pin.size is None:
            file = msgspec.structs.replace(file, size=wheel_file(shop, uv, file, pin.url).stat().st_size)
        files.append(file)
    return PythonAnswer(shop.now, tuple(files), {pin.sha256: pin.url for pin in pins})


def wheel_file(shop: Workshop, uv: python.Uv, file: PythonFile, url: str) -> Path:
    """A wheel of the index, kept or fetched from ``url``; a size of 0 is one that nobody has told."""
    what = f"{file.name} {file.version}"
    return fetched(shop, uv.address(url), digest=file.sha256, size=file.size or None, what=what)


def _base_config(directory: Path, settings: Settings, installed: python.Wheel) -> tuple[str | None, str]:
    """C2: the file that the settings name, else the one that the application's package ships beside its __init__.py."""
    if settings.base_config is not None:
        path = directory / settings.base_config
        try:
            return path.read_text("utf-8"), settings.base_config
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise SettingsError(
                f"base-config: reading {path}: {reason}", hint="name a UTF-8 INI file of the project"
            ) from error
    found, place = _beside_init(installed, BASE_CONFIG)
    return (_text(found, place) if found is not None else None), place


def _text(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{place}:{line}: not UTF-8", hint="save the file as UTF-8") from error


def _crontab(directory: Path, settings: Settings, installed: python.Wheel) -> tuple[bytes | None, str]:
    """K1: the file that the settings name, else the one that the application's package ships beside its __init__.py."""
    if settings.crontab is None:
        return _beside_init(installed, CRONTAB)
    path = directory / settings.crontab
    try:
        return path.read_bytes(), settings.crontab
    except OSError as error:
        raise SettingsError(
            f"crontab: reading {path}: {error.strerror}", hint="name a crontab of the project"
        ) from error


def _beside_init(installed: python.Wheel, wanted: str) -> tuple[bytes | None, str]:
    """The file of that name in a package of the wheel, the outermost first, and its place for messages."""
    files = {e.path: e for e in installed.entries if isinstance(e, File)}
    for place in sorted(files, key=lambda p: (p.count("/"), p)):
        parent, _, name = place.rpartition("/")
        if name == wanted and f"{parent}/__init__.py" in files:
            data = files[place].data
            return data if isinstance(data, bytes) else b"".join(data.chunks()), f"{parent.rpartition('/')[2]}/{name}"
    return None, ""


def _uv_settings(directory: Path) -> str:
    """What of the project's files tells uv where and how to resolve: ``[tool.uv]`` and ``uv.toml``."""
    loaded = config_files.load_toml(directory / "pyproject.toml")
    table = loaded[0].get("tool", {}).get("uv", {}) if loaded is not None else {}
    own = directory / "uv.toml"
    return repr(table) + (own.read_text("utf-8", "backslashreplace") if own.is_file() else "")
