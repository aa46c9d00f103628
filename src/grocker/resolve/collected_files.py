"""Django's static files, collected by its own command as they will be in the image. Contract: X1."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grocker.config.services import WEB
from grocker.config.settings import PYTHON_PACKAGES, Settings
from grocker.context import Context
from grocker.inputs.application import Application
from grocker.inputs.index import wheel_target
from grocker.lock.answers import DebianAnswer, PythonAnswer
from grocker.lock.values import PythonFile
from grocker.runner.contract import names
from grocker.runner.contract.spec import Service, is_plain, replace_fields
from grocker.tar.entry import Entry, File, Symlink
from grocker.tar.keys import cache_key

if TYPE_CHECKING:
    from grocker.inputs.toolchain import DebianToolchain
    from grocker.python.collectstatic import CollectAnswer

PLACE = "/opt/static"
"""where the files are if STATIC_ROOT names no place in the image"""
URL = "/static/"
"""what nginx shows"""
_FRAMEWORK = "django"
_NEVER = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp"),  # noqa: S108 - compared only
    *("/usr/bin", "/usr/lib", "/usr/sbin", "/var/lock", "/var/run", "/var/tmp"),  # noqa: S108 - compared only
    *(names.CONFIG, names.MEDIA, names.SCRIPTS, names.GROCKER),
)
"""directories that are mounted, or that are Debian's or Grocker's own"""
_APP = b"staticfiles"
_MANIFEST = b"ManifestStaticFilesStorage"
"""in the name of each storage that cannot do without collectstatic, WhiteNoise's too"""
_NO_SANDBOX = "run Grocker as root or allow user namespaces, or set collectstatic = false in [tool.grocker]"
_FOREIGN = "add --emulate, build on a host of that architecture, or set collectstatic = false in [tool.grocker]"
_REMEDY = (
    "if its settings need a variable, set it to a harmless value in [tool.grocker.build.env];"
    " or set collectstatic = false in [tool.grocker]"
)


class CollectedFiles(msgspec.Struct, frozen=True):
    """Static files, kept in the store."""

    digest: str
    """of their paths and bytes: the key of their tree"""
    paths: frozenset[str]
    """relative to the directory"""
    root: str
    """STATIC_ROOT, absolute; empty if there is none"""
    url: str
    """STATIC_URL"""
    serves_itself: bool
    """whether WhiteNoise serves them"""


class StaticFiles(msgspec.Struct, frozen=True):
    """Static files in an image."""

    tree: Path
    """with the files"""
    digest: str
    """of their paths and bytes"""
    place: str
    """absolute directory in the image"""
    paths: frozenset[str]
    """entry paths in the image"""
    is_shown: bool
    """whether nginx has to show them, although no setting asks for it"""
    fits: bool
    """whether they can be shown under ``/static``"""


class _Result(msgspec.Struct, frozen=True):
    """What is kept of a run."""

    error: str = ""
    files: CollectedFiles | None = None
    """None: it failed, or the application does not use ``django.contrib.staticfiles``"""


class StaticRun(msgspec.Struct, frozen=True):
    """What a run of collectstatic depends on."""

    application: Application
    packages: tuple[str, ...]
    """digests of the image's Debian packages"""
    wheels: tuple[PythonFile, ...]
    variables: Mapping[str, str]
    sees_debian_modules: bool = False
    """whether the environment shows the modules of Debian's packages"""

    @property
    def directory(self) -> str:
        """Where it runs."""
        return self.application.directory or "/"

    @property
    def media(self) -> list[str]:
        """The directories that a container has in ``/media`` before a service starts."""
        paths = self.application.writable
        return sorted({one.path if one.is_directory else os.path.dirname(one.path) for one in paths})

    @property
    def environment(self) -> list[str]:
        """What tells its environment from others with the same wheels."""
        return [PYTHON_PACKAGES] if self.sees_debian_modules else []

    def key(self) -> str:
        """Return the key of the names of modules that it imports: of everything but the content of modules."""
        from grocker.python import collectstatic

        entries = [
            (entry.path, "" if _is_module(entry) else _identity(entry))
            for entry in self.application.installed.entries
            if isinstance(entry, File | Symlink)
        ]
        return cache_key(
            "collectstatic",
            collectstatic.FORMAT,
            self.packages,
            [file.sha256 for file in self.wheels],
            sorted(self.variables.items()),
            self.directory,
            self.media,
            sorted(entries),
            *self.environment,
        )

    def result_key(self, read: Sequence[str]) -> str:
        """Return the key of its result. ``read``: entry paths of the application's modules that it read."""
        entries = {entry.path: entry for entry in self.application.installed.entries}
        return cache_key("collected", self.key(), [(path, _identity(entries[path])) for path in read])


def collect_static(
    context: Context,
    settings: Settings,
    application: Application,
    packages: Callable[[], DebianAnswer],
    wheels: PythonAnswer,
    toolchain: DebianToolchain,
    fetch: Callable[[PythonFile], Path],
) -> StaticFiles | None:
    """Collect the static files of a Django application that is served; None if there are none, or nothing can run.

    ``packages`` returns those of the image; called if they matter. ``fetch`` returns a wheel. A failing run is a
    warning.
    """
    if not _is_wanted(settings, application, wheels):
        return None
    if toolchain.refusal:
        _warn(context, application, f"for {toolchain.image.platform} on this host", _FOREIGN)
        return None
    module = application.django_settings_module
    own = {"DJANGO_SETTINGS_MODULE": module} if module is not None else {}
    service = next((one.env for one in application.services.table.values() if one.wsgi or one.asgi), {})
    variables = {**own, **settings.env, **service, **settings.build.env}
    answer = packages()
    files, sees_debian_modules = tuple(sorted(wheels.files)), bool(settings.debian.python_packages)
    run = StaticRun(application, answer.digests, files, variables, sees_debian_modules)
    result = _find(context, run) or _make(context, run, answer, toolchain, fetch)
    if result is None:
        return None
    if result.error:
        _fail(context, application, result.error)
    if result.files is None:
        return None
    tree = context.store.tree(result.files.digest)
    assert tree is not None
    return _placed(application, result.files, tree)


def shown_static(
    services: Mapping[str, Service], given: Mapping[str, object], static: StaticFiles
) -> dict[str, Service]:
    """Return the service table with the collected files in it. ``given``: by service what the settings ask for.

    Named directories come first; ``true`` means the collected files.
    """
    table = dict(services)
    for name, service in services.items():
        if service.command is None and (name in given or static.is_shown) and static.fits:
            named = service.static if isinstance(given.get(name), tuple) else ()
            table[name] = replace_fields(service, static=(*named, static.place))
    return table


def _is_wanted(settings: Settings, application: Application, wheels: PythonAnswer) -> bool:
    known = application.django_settings_module or settings.env.get("DJANGO_SETTINGS_MODULE")
    served = any(one.wsgi or one.asgi or name in WEB for name, one in application.services.table.items())
    if not (settings.collectstatic and known and served and any(f.name == _FRAMEWORK for f in wheels.files)):
        return False
    # A run takes seconds, whatever comes of it.
    return may_collect(application.installed.entries, str(known))


def may_collect(entries: Sequence[Entry], settings_module: str) -> bool:
    """Whether Django's settings may name its application of static files, so that a run may find some.

    ``entries``: the application's. They may not if none of its modules mentions it, and no settings come from others.
    """
    path = settings_module.replace(".", "/")
    is_own = any(entry.path.endswith((f"/{path}.py", f"/{path}/__init__.py")) for entry in entries)
    return not is_own or _mentions(entries, _APP) or _mentions(entries, b"import *")


def _warn(context: Context, application: Application, why: str, hint: str) -> None:
    """Warn that nothing can run on this host, if the application seems to have static files."""
    if _mentions(application.installed.entries, _APP):
        context.progress.warn(f"Django's static files are not collected {why}", hint=hint)


def _mentions(entries: Sequence[Entry], text: bytes) -> bool:
    """Whether a module has that text."""
    sources = (one.data for one in entries if isinstance(one, File) and one.path.endswith(".py"))
    return any(isinstance(data, bytes) and text in data for data in sources)


def _fail(context: Context, application: Application, error: str) -> None:
    """Warn that a run failed."""
    message = f"collecting Django's static files failed: {error}"
    if _mentions(application.installed.entries, _MANIFEST):
        message += "; without them every page that uses the manifest storage fails"
    context.progress.warn(message, hint=_REMEDY)


def _placed(application: Application, files: CollectedFiles, tree: Path) -> StaticFiles:
    place = choose_place(files.root, application.installed.entries)
    paths = frozenset(f"{place}/{path}".removeprefix("/") for path in files.paths)
    fits = f"/{files.url.lstrip('/')}" == URL and is_plain(place)
    return StaticFiles(tree, files.digest, place, paths, fits and not files.serves_itself, fits)


def choose_place(root: str, application: Sequence[Entry]) -> str:
    """Return STATIC_ROOT if the image may have files there and clients may see them, else ``/opt/static``.

    ``application``: its files; none of its modules may be below, or nginx would show their sources.
    """
    if not root.startswith("/") or os.path.normpath(root) != root or root == "/" or not is_plain(root):
        return PLACE
    links = [f"/{entry.path}" for entry in application if isinstance(entry, Symlink)]
    is_below = any(f"{root}/".startswith(f"{one}/") for one in (*_NEVER, *links))
    modules = [f"/{entry.path}" for entry in application if isinstance(entry, File) and entry.path.endswith(".py")]
    is_above = any(one.startswith(f"{root}/") for one in (*_NEVER, *modules))
    return PLACE if is_below or is_above else root


# -- kept results -----------------------------------------------------------------------------------------------------


def _find(context: Context, run: StaticRun) -> _Result | None:
    """Return the result of an earlier run, if nothing that it depends on has changed."""
    read = context.store.kept_as("steps", run.key(), tuple[str, ...])
    if read is None:
        return None
    result = context.store.kept_as("steps", run.result_key(read), _Result)
    if result is None or (result.files is not None and context.store.tree(result.files.digest) is None):
        return None
    if result.files is not None:
        context.store.share_tree(result.files.digest)
    return result


def _is_module(entry: Entry) -> bool:
    """Whether a file matters only if a run reads it; a wheel's RECORD changes with each of its modules."""
    return isinstance(entry, File) and entry.path.endswith((".py", ".dist-info/RECORD"))


def _identity(entry: Entry) -> str:
    if isinstance(entry, Symlink):
        return f"-> {entry.target}"
    assert isinstance(entry, File)
    hashing = hashlib.sha256()
    for chunk in (entry.data,) if isinstance(entry.data, bytes) else entry.data.chunks():
        hashing.update(chunk)
    return hashing.hexdigest()


# -- a run ------------------------------------------------------------------------------------------------------------


def _make(
    context: Context,
    run: StaticRun,
    packages: DebianAnswer,
    toolchain: DebianToolchain,
    fetch: Callable[[PythonFile], Path],
) -> _Result | None:
    """Run collectstatic, and keep the result; None, with a warning, if this host has no sandbox."""
    from grocker.python import collectstatic
    from grocker.python.native_bytecode import prepare_bytecode
    from grocker.sandbox.run import NoSandboxError

    store, application = context.store, run.application
    root = toolchain.compose_image(packages)
    wheels = _unpacked(context, run, toolchain, fetch)
    bytecode = prepare_bytecode(context, toolchain, root, wheels, names.VENV.removeprefix("/"))
    with store.scratch() as scratch, context.progress.task("collecting static files"):
        try:
            answer, output = collectstatic.collect(
                root,
                wheels,
                application.installed.entries,
                bytecode=bytecode.binds,
                variables={**run.variables, **bytecode.variables},
                directory=run.directory,
                media=run.media,
                scratch=scratch / "run",
                release=wheel_target(toolchain.image).version_info,
            )
        except NoSandboxError as error:
            _warn(context, application, f"({error.message})", _NO_SANDBOX)
            return None
        own = {entry.path for entry in application.installed.entries if _is_module(entry)}
        read = tuple(path for path in (one.removeprefix("/") for one in answer.read) if path in own)
        files = _keep(context, answer, output) if answer.is_installed and not answer.error else None
    result = _Result(answer.error, files)
    if answer.read:  # else it died, and what it read is not known
        store.keep("steps", run.key(), msgspec.json.encode(read))
        store.keep("steps", run.result_key(read), msgspec.json.encode(result))
    return result


def _keep(context: Context, answer: CollectAnswer, output: Path) -> CollectedFiles:
    from grocker.python import collectstatic

    store = context.store
    with store.scratch() as scratch:
        copy = scratch / "copy"
        copy.mkdir()
        collectstatic.copy_collected(output, copy)
        paths = tuple(collectstatic.list_files(copy))
        content = [(path, hashlib.sha256((copy / path).read_bytes()).hexdigest()) for path in sorted(paths)]
        digest = cache_key("static files", content)
        with store.lock(f"tree-{digest}"):
            if store.tree(digest) is None:
                with store.new_tree(digest) as tree:
                    for one in sorted(copy.iterdir()):
                        one.rename(tree / one.name)
    store.share_tree(digest)
    return CollectedFiles(digest, frozenset(paths), answer.root, answer.url, answer.serves_itself)


def _unpacked(
    context: Context, run: StaticRun, toolchain: DebianToolchain, fetch: Callable[[PythonFile], Path]
) -> Path:
    """Return a tree with the image's environment: its wheels, without the application's own."""
    from grocker.python import read_wheel
    from grocker.tar.unpack import unpack

    store, target = context.store, wheel_target(toolchain.image)
    scheme = target.scheme()
    identity = toolchain.interpreter_identity()
    key = cache_key("image environment", str(target), [file.sha256 for file in run.wheels], *identity, *run.environment)
    with store.lock(f"tree-{key}"):
        tree = store.tree(key)
        if tree is None:
            with store.new_tree(key) as new:
                unpack(scheme.frame(sees_system=run.sees_debian_modules), new)
                unpack(toolchain.read_interpreter(), new)  # its directory is below /opt, which this tree becomes
                for file in run.wheels:
                    unpack(read_wheel(fetch(file), scheme, target, file=file.file).entries, new)
            tree = store.tree(key)
    assert tree is not None
    return tree
