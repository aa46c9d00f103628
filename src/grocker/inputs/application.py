"""The application of a build, as its wheel, its settings and its project describe it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grocker import python
from grocker.config.services import DetectedApplication, Services, find_services
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.digest import Digest, of
from grocker.errors import CorruptError, SettingsError
from grocker.inputs import documents, validation
from grocker.inputs.index import wheel_target
from grocker.inputs.origin import Origin
from grocker.inputs.produced import Produced
from grocker.inputs.writable import WritablePath
from grocker.lock.values import BuildRequirement, PythonFile
from grocker.platforms.target import Target
from grocker.python.metadata import Metadata, normalise_name
from grocker.store import Store
from grocker.tar.keys import cache_key

if TYPE_CHECKING:
    from grocker.inputs.standalone import StandaloneSource


class LockedApplication(msgspec.Struct, frozen=True):
    """The part of a lock that concerns the application itself."""

    build: tuple[BuildRequirement, ...] | None = None
    """the back end's environment"""
    files: tuple[PythonFile, ...] | None = None
    """the locked wheels; a release's own is among them"""


class ApplicationRequest(msgspec.Struct, frozen=True):
    """The arguments with which a kind of input loads an application."""

    context: Context
    uv: python.Uv
    origin: Origin
    settings: Settings
    target: Target
    epoch: int
    """seconds since 1970"""
    locked: LockedApplication
    refresh: bool
    """ask the index again, whatever is kept"""
    strict: bool
    """whether a wheel that violates the specification is an error"""
    backend_started: Callable[[], object]
    """called when a back end runs, before waiting for it"""
    standalone: StandaloneSource | None = None
    """gives the interpreter, if it is not Debian's"""


class WheelFile(msgspec.Struct, frozen=True):
    """A wheel in the store."""

    sha256: Digest
    file: str
    """its name"""
    libraries: tuple[str, ...] = ()
    """Debian packages that its compiled modules need"""


class Application(msgspec.Struct, frozen=True):
    """The application on one platform."""

    wheel: Digest
    file: PythonFile | None
    """the application's own line in the lock; None for a wheel that was built here or given as a file"""
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
    """None for a script, a wheel or a release"""
    groups: tuple[str, ...] = ()
    """dependency groups that are installed, normalised"""
    unread_lock: Path | None = None
    """a lock file beside a script, which Grocker does not read"""
    requirement_files: tuple[Path, ...] = ()
    """what is required in pip's format, besides the metadata"""
    roots: tuple[str, ...] = ()
    """of a source tree: entry paths of the directories on ``sys.path``"""
    writable: tuple[WritablePath, ...] = ()
    directory: str | None = None
    """where services and cron jobs start in the image, ``/opt/app`` if it has that; None: in the home"""
    libraries: tuple[str, ...] = ()
    """Debian packages that the compiled modules of its own wheel need"""
    produced: Produced | None = None
    """what the project's build commands wrote"""

    @property
    def commands(self) -> tuple[str, ...]:
        """The application's own console scripts, sorted."""
        return tuple(sorted(p.name for p in self.installed.entry_points if p.group == "console_scripts"))

    @property
    def release(self) -> str | None:
        """The shell command of a Procfile's ``release``, in the directory where services start."""
        command = self.services.release
        return f"cd {self.directory} && {command}" if command and self.directory else command


def read_application(
    request: ApplicationRequest,
    wheel: WheelFile,
    *,
    file: PythonFile | None = None,
    project: python.Project | None = None,
    tree: python.SourceTree | None = None,
    build: tuple[BuildRequirement, ...] = (),
    procfile: str | None = None,
    files: tuple[str, ...] = (),
    requirement_files: tuple[Path, ...] = (),
    find_start: Callable[[], DetectedApplication] | None = None,
) -> Application:
    """Read an application from its wheel in the store.

    ``procfile``: the text of the project's ``Procfile``; ``tree``: the project's files; ``find_start``: tells what they
    would start as a source tree, empty for nothing; the others as in Application.
    Raises CorruptError for a damaged wheel, SettingsError for one that the settings do not fit.
    """
    from grocker.inputs.completeness import check_complete, check_start

    path = request.context.store.built_wheel(wheel.sha256)
    if path is None:
        raise CorruptError(
            f"the cached wheel {wheel.file} is damaged", hint="build again (the damaged file was deleted)"
        )
    settings, target = request.settings, wheel_target(request.target)
    scheme = target.scheme()
    remember = partial(_remember, request.context.store)
    installed = python.read_wheel(path, scheme, target, file=wheel.file, strict=request.strict, remember=remember)
    extras = tuple(sorted({*settings.extras, *request.origin.extras}))
    validation.check_debian_modules(
        installed, settings.dependencies, request.context.progress, is_standalone=bool(request.target.standalone)
    )
    validation.check_debian_packages(settings, request.target, request.context.progress)
    validation.check_application(installed, target, extras, tree, request.context)
    django = python.find_django(installed)
    directory = project.directory if project else Path()
    services = find_services(settings, procfile, _found(installed, django))
    settings_module = django.settings_module if django else None
    if tree is not None:
        context = request.context
        if find_start is not None and settings.install is None and not services.table:
            check_start(installed, tree, find_start)
        check_complete(installed, tree, services, settings_module, settings, context.progress, context.store)
    return Application(
        wheel=wheel.sha256,
        file=file,
        installed=installed,
        extras=extras,
        build=build,
        services=services,
        django_settings_module=settings_module,
        base_config=documents.read_base_config(directory, settings, installed),
        crontab=documents.read_crontab(directory, settings, installed),
        files=files,
        project=project,
        groups=chosen_groups(settings, is_project=project is not None),
        requirement_files=requirement_files,
        libraries=wheel.libraries,
    )


def chosen_groups(settings: Settings, *, is_project: bool) -> tuple[str, ...]:
    """The dependency groups that the settings name. Raises SettingsError for a wheel or a release, which has none."""
    if settings.groups and not is_project:
        raise SettingsError(
            f"groups: only a project has dependency groups, got {', '.join(settings.groups)}",
            hint="build the project's directory, or use an extra instead of the group",
        )
    return tuple(sorted(map(normalise_name, settings.groups)))


def _found(installed: python.Wheel, django: python.Django | None) -> DetectedApplication:
    """Detect from its files how the application is served."""
    declared = python.declared_services(installed)
    if django is not None:
        if django.wsgi is None and django.asgi is not None:
            return DetectedApplication(declared, django=True, kind="asgi", target=django.asgi)
        return DetectedApplication(declared, django=True, target=django.wsgi)
    web = python.find_application(installed)
    if web is None:
        return DetectedApplication(declared)
    return DetectedApplication(declared, kind=web.kind, target=web.target)


def _remember(store: Store, data: Sequence[bytes], read: Callable[[], Metadata]) -> Metadata:
    """See ``python.wheel.Remember``."""
    key = cache_key("metadata", [of(one) for one in data])
    found = store.kept_as("steps", key, Metadata)
    if found is None:
        found = read()
        store.keep("steps", key, msgspec.json.encode(found))
    return found
