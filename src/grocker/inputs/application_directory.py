"""What ``/opt/app`` has beside a source tree's own files, and which service starts where. Contract: E5, E15.

Files beside a package are in ``/opt/app`` at their paths in the project, and links at the same places relative to its
modules lead to them, so that ``BASE_DIR / "CHANGELOG.md"`` works as it does in the project.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from grocker import python
from grocker.config.services import Services
from grocker.digest import Digest
from grocker.errors import SettingsError
from grocker.inputs import writable
from grocker.inputs.application import Application, ApplicationRequest
from grocker.inputs.message_catalogs import compile_catalogs
from grocker.inputs.tree_entries import ROOT, tree_entries
from grocker.inputs.tree_files import TreeFiles, check_named, read_files, warn_of_left_out
from grocker.python.source_tree import hash_tree
from grocker.runner.contract import names
from grocker.runner.contract.spec import replace_fields
from grocker.tar.entry import Directory, Entry, Symlink

_ALWAYS = ("/", "/tmp", names.CONFIG, names.MEDIA, names.SCRIPTS)  # noqa: S108 - the container's
_MOUNTED = tuple(f"{one}/" for one in (names.CONFIG, names.MEDIA, names.SCRIPTS))


def arrange(request: ApplicationRequest, application: Application) -> Application:
    """Add the files beside the application, its writable paths and its services' directories.

    Raises SettingsError for a path that there is not.
    """
    settings, installed = request.settings, application.installed
    directory = _project_directory(request)
    files = _read_beside(request, application, directory)
    taken = {entry.path for entry in installed.entries}
    beside = tuple(one for one in tree_entries(files) if one.path not in taken) if files is not None else ()
    if files is not None and not (application.roots and request.origin.kind == "project"):  # a tree has told its own
        warn_of_left_out(request.context.progress, files)
    entries = (*installed.entries, *beside)
    entries = (*entries, *compile_catalogs(request.context, entries))
    if settings.writable is not None:
        paths = writable.from_settings(settings.writable, directory, entries)
    elif application.roots:
        paths = writable.recognise(entries, application.roots, application.django_settings_module)
    else:
        paths = writable.recognise_installed(entries, installed.site)
    if paths:
        entries = writable.link(paths, entries)
    own = [one.link for one in paths if not one.outside]
    if not application.roots:
        places = [*own, *(e.path for e in beside if not f"{e.path}/".startswith(tuple(f"{one}/" for one in own)))]
        entries = (*entries, *_links(places, installed, directory))
    base = f"/{ROOT}" if application.roots or beside or own else None
    return replace(
        application,
        installed=replace(installed, entries=tuple(sorted(entries, key=lambda entry: entry.path))),
        wheel=_digest(application.wheel, files),
        files=(*application.files, *_watched(files), *(application.produced.watched if application.produced else ())),
        services=_place_services(application.services, entries, base, f"/home/{settings.user.name}"),
        writable=paths,
        directory=base,
    )


def _project_directory(request: ApplicationRequest) -> Path | None:
    origin = request.origin
    if origin.kind == "script" and origin.path is not None:
        return origin.path.parent
    return origin.path if origin.kind == "project" else None


def _read_beside(request: ApplicationRequest, application: Application, directory: Path | None) -> TreeFiles | None:
    """Read the files that the settings name, and those that commands wrote and a package's wheel lacks."""
    settings, produced = request.settings, application.produced
    made = {one.path: one for one in produced.files} if produced is not None else {}
    named = {path for path in made for name in settings.files if f"{path}/".startswith(f"{os.path.normpath(name)}/")}
    own = [name for name in settings.files if not any(f"{p}/".startswith(f"{os.path.normpath(name)}/") for p in named)]
    own += [name for name in settings.files if name not in own and directory and (directory / name).exists()]
    files = _read_files(request, directory, own) if own else None
    if directory is None or not application.roots:
        installed = application.installed
        taken = {entry.path for entry in installed.entries}
        named |= {path for path in made if _link_place(path, installed, directory) not in taken}
    if not named or directory is None:
        return files
    base = files or TreeFiles(directory, (), hash_tree(()), (), (), (), ())
    whole = {one.path: one for one in base.files} | {path: made[path] for path in named}
    laid = tuple(whole[path] for path in sorted(whole))
    return replace(base, files=laid, digest=hash_tree(laid))


def _read_files(request: ApplicationRequest, directory: Path | None, only: Sequence[str]) -> TreeFiles:
    settings = request.settings
    if directory is None:
        raise SettingsError(
            f"files: {request.origin.text} is not a project directory, so there are no files to add",
            hint="build the project's directory, or remove the setting",
        )
    check_named(directory, only, setting="files")
    found = read_files(request.context, directory, exclude=settings.exclude, only=only)
    outside = [name for name in only if os.path.normpath(name) in found.outside]
    if outside:
        raise SettingsError(f"files: {outside[0]!r} is a link that points outside the project", hint="copy the file")
    return found


def _links(places: Sequence[str], installed: python.Wheel, directory: Path | None) -> Iterator[Symlink]:
    """Yield links to ``places`` at the same places relative to the modules: in a project, those may be in ``src``.

    What the wheel itself brings stays. Raises SettingsError for a directory of which it brings the content.
    """
    taken = {entry.path for entry in installed.entries}
    for place in places:
        name = place.removeprefix(f"{ROOT}/")
        link = _link_place(name, installed, directory)
        if any(path.startswith(f"{link}/") for path in taken):
            raise SettingsError(
                f"writable: the wheel of {installed.name} has files in {name!r}",
                hint="name a directory that is not in the wheel",
            )
        if link not in taken:
            yield Symlink(link, f"/{place}")


def _link_place(name: str, installed: python.Wheel, directory: Path | None) -> str:
    """Return the entry path that is relative to the modules what ``name`` is in the project."""
    prefix = installed.site + "/"
    tops = {e.path.removeprefix(prefix).partition("/")[0] for e in installed.entries if e.path.startswith(prefix)}
    modules = "src" if directory is not None and any((directory / "src" / top).exists() for top in tops) else "."
    return os.path.normpath(prefix + os.path.relpath(name, modules))


def _digest(wheel: Digest, files: TreeFiles | None) -> Digest:
    """Return what identifies the application: its wheel, or also the files beside it."""
    if files is None:
        return wheel
    return Digest("sha256:" + hashlib.sha256(f"{wheel} {files.digest}".encode()).hexdigest())


def _watched(files: TreeFiles | None) -> tuple[str, ...]:
    if files is None:
        return ()
    return (*files.watched, *(str(files.root / file.path) for file in files.files if not file.place))


def _place_services(services: Services, entries: Sequence[Entry], base: str | None, home: str) -> Services:
    """Return the services with their working directories, each of which is in the image or mounted there."""
    if not services.workdirs:
        return services
    links = {f"/{entry.path}": entry.target for entry in entries if isinstance(entry, Symlink)}
    known = {*_ALWAYS, home}
    for entry in entries:
        place = f"/{entry.path}" if isinstance(entry, Directory) else f"/{os.path.dirname(entry.path)}"
        while place not in known:
            known.add(place)
            place = os.path.dirname(place)
    table = dict(services.table)
    for name, given in services.workdirs.items():
        if base is None and not given.startswith("/"):
            raise SettingsError(
                f"services.{name}.workdir: {given!r} is relative, but the application is a package without files "
                "beside it",
                hint=f'add the directory with files = ["{given}"], or give an absolute path such as {names.SCRIPTS}',
            )
        place = os.path.normpath(os.path.join(base or "/", given))
        real = _resolve(place, links)
        if real not in known and not real.startswith(_MOUNTED):
            raise SettingsError(
                f"services.{name}.workdir: the image has no directory {place}",
                hint=f"name a directory of the application, or one below {names.MEDIA} or {names.SCRIPTS}",
            )
        table[name] = replace_fields(table[name], directory=place)
    return replace(services, table=table)


def _resolve(place: str, links: Mapping[str, str]) -> str:
    """Follow the links on the way to ``place``; as many as Linux does (path_resolution(7))."""
    for _ in range(40):
        parts = place.split("/")
        above = ("/".join(parts[:number]) for number in range(2, len(parts) + 1))
        link = next((one for one in above if one in links), None)
        if link is None:
            break
        target = os.path.join(os.path.dirname(link), links[link])
        place = os.path.normpath(target + place.removeprefix(link))
    return place
