"""A source tree: an application that runs from its own files, like ``COPY . .`` in a Dockerfile. Contract: E5.

The tree lies at ``/opt/app``, first on ``sys.path`` of every Python program of the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from grocker import python
from grocker.config.dockerfile import DOCKERFILE
from grocker.config.services import DetectedApplication, find_services
from grocker.context import Context
from grocker.digest import Digest, of
from grocker.errors import SettingsError
from grocker.inputs import validation
from grocker.inputs.application import Application, ApplicationRequest, chosen_groups
from grocker.inputs.detection import detect, find_roots
from grocker.inputs.documents import BASE_CONFIG, CRONTAB, decode_text, named_files, read_base_config, read_crontab
from grocker.inputs.index import wheel_target
from grocker.inputs.produced import Produced, with_produced
from grocker.inputs.tree_entries import ROOT, tree_entries
from grocker.inputs.tree_files import TreeFiles, check_named, read_files, warn_of_left_out
from grocker.inputs.tree_project import TreeProject, check_tree, read_tree_project
from grocker.python.metadata import EntryPoint, Metadata, normalise_name
from grocker.python.scripts import generate_scripts
from grocker.runner.contract import names
from grocker.tar.entry import Entry, File, Symlink

_BIN = f"{names.VENV}/bin".removeprefix("/")
_PYTHON = f"{names.VENV}/bin/python"


def load(
    request: ApplicationRequest, produced: Produced | None = None, built: python.Wheel | None = None
) -> Application:
    """Read the tree and what it requires; nothing is built.

    ``produced``: what its commands wrote. ``built``: the wheel of the same project, incomplete, whose metadata count.
    """
    directory, settings, context = request.origin.path, request.settings, request.context
    assert directory is not None
    written = [one.path for one in produced.files] if produced is not None else []
    own = [name for name in settings.include if not any(f"{path}/".startswith(f"{name}/") for path in written)]
    check_named(directory, own, setting="include")
    files = with_produced(read_files(context, directory, settings.include, settings.exclude), produced)
    check_tree(directory, [file.path for file in files.files])
    described = read_tree_project(directory, settings, built)
    warn_of_left_out(context.progress, files)
    application = read_tree(request, directory, files, described)
    read = (*_read_beside(directory, described), *named_files(directory, settings))
    return replace(
        application,
        files=(*application.files, *map(str, read)),
        project=described.project,
        groups=chosen_groups(settings, is_project=True),
        requirement_files=described.requirement_files,
    )


def read_tree(
    request: ApplicationRequest, directory: Path, files: TreeFiles, described: TreeProject, script: str = ""
) -> Application:
    """Read the application in ``files``, and how it is served. ``script``: the name of the only file, without ``.py``.

    Raises SettingsError for files that the settings name and that cannot be read.
    """
    settings = request.settings
    entries = tuple(tree_entries(files))
    roots = _roots(files)
    installed = _as_wheel(request, described, entries, roots)
    extras = tuple(sorted({*settings.extras, *request.origin.extras}))
    validation.check_debian_packages(request.settings, request.target, request.context.progress)
    validation.check_python(request.context.store, installed.metadata, wheel_target(request.target))
    found, settings_module = detect(installed, roots, flask_app=settings.env.get("FLASK_APP"), script=script)
    top = {entry.path: entry for entry in entries if isinstance(entry, File)}
    if found.target is None and not found.commands and not script:
        found = _started(directory, top)
    procfile = top.get(f"{ROOT}/Procfile")
    text = decode_text(_bytes(procfile), "Procfile") if procfile is not None else None
    if text is not None:
        from grocker.inputs.platform_sockets import listen_on_port

        text = listen_on_port(text, partial(_text, top), request.context.progress)
    own = {one: top.get(f"{ROOT}/{one}") for one in (BASE_CONFIG, CRONTAB)}
    base_config = read_base_config(directory, settings, installed)
    crontab = read_crontab(directory, settings, installed)
    if base_config[0] is None and (file := own[BASE_CONFIG]) is not None:
        base_config = decode_text(_bytes(file), BASE_CONFIG), BASE_CONFIG
    if crontab[0] is None and (file := own[CRONTAB]) is not None:
        crontab = _bytes(file), CRONTAB
    return Application(
        wheel=_digest(files.digest, described),
        file=None,
        installed=installed,
        extras=extras,
        build=(),
        services=find_services(settings, text, _with_static(found, entries)),
        django_settings_module=settings_module,
        base_config=base_config,
        crontab=crontab,
        files=(*files.watched, *(f"{directory}/{file.path}" for file in files.files if not file.place)),
        project=None,
        roots=roots,
    )


def _digest(files: Digest, described: TreeProject) -> Digest:
    """Return the digest of the tree's files, and of what the image gets of the project's wheel."""
    parts = [(one.path, _bytes(one)) for one in described.description if isinstance(one, File)]
    return of("\0".join([files, repr(parts)]).encode()) if parts else files


def _started(directory: Path, files: Mapping[str, File]) -> DetectedApplication:
    """Return what the Dockerfile starts, which often is left out of the tree itself."""
    from grocker.inputs.dockerfile_start import find_started

    try:
        text = python.read_named_file(directory, DOCKERFILE, setting=DOCKERFILE).decode("utf-8", "replace")
    except SettingsError:
        return DetectedApplication()
    return find_started(text, {path.removeprefix(f"{ROOT}/") for path in files})


def detect_services(context: Context, directory: Path) -> DetectedApplication:
    """Detect from the files of a project, package or tree, how it is served; its requirements are not read."""
    files = read_files(context, directory)
    entries = tuple(tree_entries(files))
    code = python.Wheel(
        file="",
        name="",
        version="",
        site=ROOT,
        pure=True,
        metadata=Metadata("", ""),
        entry_points=(),
        entries=entries,
    )
    return _with_static(detect(code, _roots(files))[0], entries)


def find_start(context: Context, directory: Path) -> DetectedApplication:
    """Return what the source tree of a project would start, according to its code, else to its Dockerfile."""
    found = detect_services(context, directory)
    if found.target is not None or found.commands:
        return found
    files = read_files(context, directory)
    return _started(directory, {entry.path: entry for entry in tree_entries(files) if isinstance(entry, File)})


def _read_beside(directory: Path, described: TreeProject) -> Iterator[Path]:
    """Yield what the build reads of the tree, though it may be left out of the image: ignored or never in it."""
    yield from python.read_requirement_files(described.requirement_files)
    lock = python.find_lock(directory)
    if lock is not None:
        yield lock.path
    if (pipfile := directory / "Pipfile").is_file():
        yield pipfile
    if (dockerfile := directory / DOCKERFILE).exists():  # a new one changes its directory
        yield dockerfile


def _as_wheel(
    request: ApplicationRequest, described: TreeProject, entries: tuple[Entry, ...], roots: tuple[str, ...]
) -> python.Wheel:
    """Return the tree in the form of a wheel, which is how the later phases represent applications."""
    scheme = wheel_target(request.target).scheme()
    points = tuple(
        EntryPoint("console_scripts", name, *target.partition("[")[0].strip().partition(":")[::2])
        for name, target in sorted(described.scripts.items())
    )
    own: list[Entry] = [File(f"{scheme.site}/grocker_app.pth", _path_file(roots))]
    own += [*described.description, *_commands(entries, points, roots)]
    project = described.project
    metadata = described.metadata or Metadata(
        name=described.name,
        version=described.version,
        requires=_requires(project),
        requires_python=project.requires_python,
        extras=tuple(name for name, _ in project.extras),
    )
    everything = tuple(sorted((*entries, *own), key=lambda entry: entry.path))
    return python.Wheel(
        file=described.name,
        name=project.name or normalise_name(described.name),
        version=described.version,
        site=ROOT,
        pure=True,
        metadata=metadata,
        entry_points=points,
        entries=everything,
    )


def _requires(project: python.Project) -> tuple[str, ...]:
    """Return the requirements in the form of METADATA, extras as markers."""
    extras = tuple(
        f"{text} ; {'(' + marker + ') and ' if marker else ''}extra == '{name}'"
        for name, texts in project.extras
        for text, _, marker in (tuple(part.strip() for part in one.partition(";")) for one in texts)
    )
    return (*(project.dependencies or ()), *extras)


def _path_file(roots: tuple[str, ...]) -> bytes:
    """Return the .pth file that puts the tree first on ``sys.path`` (site, "import" lines)."""
    places = ", ".join(f"'/{root}'" for root in roots)
    return f"import sys; sys.path[0:0] = [{places}]\n".encode()


def _commands(entries: tuple[Entry, ...], points: tuple[EntryPoint, ...], roots: tuple[str, ...]) -> Iterator[Entry]:
    """Yield the commands that the tree brings: its scripts, ``manage.py``, executable files at its root."""
    for name, data in generate_scripts(points, _PYTHON, "[project.scripts]").items():
        yield File(f"{_BIN}/{name}", data, 0o755)
    taken = {point.name for point in points} | {"python", "python3"}
    for entry in entries:
        parent, _, name = entry.path.rpartition("/")
        if parent not in roots or not isinstance(entry, File) or name in taken:
            continue
        if name == "manage.py":
            taken.add(name)
            text = f"#!{_PYTHON}\nimport runpy\nrunpy.run_path('/{entry.path}', run_name='__main__')\n"
            yield File(f"{_BIN}/{name}", text.encode(), 0o755)
        elif parent == ROOT and entry.mode & 0o100 and isinstance(entry.data, bytes) and entry.data[:2] == b"#!":
            yield Symlink(f"{_BIN}/{name}", f"/{entry.path}")


def _roots(files: TreeFiles) -> tuple[str, ...]:
    """Return the entry paths of the directories on ``sys.path``, the tree's own first."""
    return (ROOT, *(f"{ROOT}/{one}" for one in find_roots([file.path for file in files.files])))


def _with_static(found: DetectedApplication, entries: tuple[Entry, ...]) -> DetectedApplication:
    """Serve Django's static files: without DEBUG, Django itself serves none."""
    if found.django and any(entry.path.startswith(f"{ROOT}/static/") for entry in entries):
        return replace(found, static=True)
    return found


def _text(files: Mapping[str, File], name: str) -> str | None:
    file = files.get(f"{ROOT}/{name}")
    return _bytes(file).decode("utf-8", "replace") if file is not None else None


def _bytes(file: File) -> bytes:
    return file.data if isinstance(file.data, bytes) else b"".join(file.data.chunks())
