"""Draft a project's settings from its code, its Dockerfile and its Compose file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grocker import local_file
from grocker.config import files as config_files
from grocker.config.services import find_services
from grocker.config.settings import ServiceName, ServiceSettings, Settings
from grocker.context import Context
from grocker.draft.compose import translate_compose
from grocker.draft.image import translate_dockerfile
from grocker.draft.values import Draft, Findings, Remark
from grocker.errors import MissingError, SettingsError
from grocker.inputs.documents import decode_text, read_procfile
from grocker.inputs.front_end import find_front_ends, find_unbuilt
from grocker.inputs.front_end_build import build_table, draft_build, find_inputs
from grocker.inputs.tree import detect_services
from grocker.inputs.tree_files import read_files

DOCKERFILES = ("Dockerfile", "Containerfile", "docker/Dockerfile")
"""the first that exists counts"""
COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
SETTINGS_FILES = ("pyproject.toml", "grocker.toml")


def draft_settings(context: Context, directory: Path, dockerfile: Path | None = None) -> Draft:
    """Draft the settings of the project in ``directory``; nothing is built, run or written.

    ``dockerfile``: the one to read, instead of the first of the usual names. Raises MissingError, SettingsError.
    """
    if not directory.is_dir():
        raise MissingError(f"{directory} is not a directory", hint="name a project's directory")
    name, text = _read_dockerfile(directory, dockerfile)
    image = translate_dockerfile(text, name) if text is not None else Findings()
    composed = Findings()
    compose = next((one for one in COMPOSE_FILES if (directory / one).is_file()), None)
    if compose is not None:
        composed = translate_compose(
            _read(directory / compose, compose), compose, has_entry_script=image.has_entry_script
        )
    procfile = read_procfile(directory)
    services, origin, is_django = _detect(context, directory, procfile)
    table = _table(image, composed, services, is_django=is_django)
    build, place, remarks = _draft_build(context, directory, image)
    if build:
        table = {**table, "build": build}
    sources = dict.fromkeys((origin, place, name if text is not None else "", compose or ""))
    return Draft(table, tuple(one for one in sources if one), (*image.remarks, *composed.remarks, *remarks))


def _draft_build(context: Context, directory: Path, image: Findings) -> tuple[dict[str, Any], str, Sequence[Remark]]:
    """Draft the commands of a front end: from the Dockerfile, else from its ``package.json``; and what to say of it."""
    files = read_files(context, directory)
    found = find_front_ends(files)
    if image.front_end is not None:
        own = next((one for one in found if one.manager == "npm"), None)
        outputs = image.front_end.outputs
        inputs = [one for one in find_inputs(own, files) if not own.writes(one.removesuffix("/**"))] if own else []
        table = build_table(image.front_end.commands, inputs, outputs)
        return table, "", [one for one in image.front_end_remarks if one.what.startswith("RUN")]
    unbuilt = find_unbuilt(found, files)
    if unbuilt is None:
        return {}, "", image.front_end_remarks
    drafted = draft_build(unbuilt, files)
    if drafted is None:
        why = f"Grocker does not run {unbuilt.manager}: run it before grocker build; git must not ignore its output"
        return {}, "", [*image.front_end_remarks, Remark(unbuilt.place, f"{unbuilt.manager} run build", why)]
    return drafted, unbuilt.place, ()


def refuse_existing(directory: Path) -> None:
    """Raise SettingsError if the project has settings."""
    for name in SETTINGS_FILES:
        loaded = config_files.load_toml(directory / name)
        if loaded is None:
            continue
        tool = loaded[0].get("tool")
        if name == "grocker.toml" or (isinstance(tool, dict) and "grocker" in tool):
            where = name if name == "grocker.toml" else f"{name} [tool.grocker]"
            raise SettingsError(
                f"the project already has settings, in {where}",
                hint="compare them with what `grocker init --dry-run` prints",
            )


def _read_dockerfile(directory: Path, named: Path | None) -> tuple[str, str | None]:
    """Return the name and text of the Dockerfile; None for the text if there is none."""
    if named is not None:
        if not named.is_file():
            raise MissingError(f"Dockerfile {named} not found", hint="give the path of a file")
        return str(named), _read(named, str(named))
    found = next((one for one in DOCKERFILES if (directory / one).is_file()), "")
    return found, _read(directory / found, found) if found else None


def _read(path: Path, name: str) -> str:
    try:
        return decode_text(local_file.read(path), name)
    except OSError as error:
        raise SettingsError(f"reading {name}: {error.strerror}", hint="make the file readable") from error


def _detect(context: Context, directory: Path, procfile: str | None) -> tuple[dict[str, dict[str, Any]], str, bool]:
    """Return the tables of the services that a build would find, their source, and whether it is a Django project."""
    found = detect_services(context, directory)
    services = find_services(Settings(), procfile, found)
    tables: dict[str, dict[str, Any]] = {}
    for name, service in services.table.items():
        if name == "www" and services.table.get("web") == service:
            continue  # the same process under the name that images use
        table = {"command": service.command, "wsgi": service.wsgi, "asgi": service.asgi}
        tables["www" if name == "web" else name] = {key: value for key, value in table.items() if value is not None}
    if found.static and "www" in tables and "command" not in tables["www"]:
        tables["www"]["static"] = True
    origin = "" if not tables else "Procfile" if services.source == "Procfile" else "the project's code"
    return tables, origin, found.django


def _table(
    image: Findings, composed: Findings, detected: Mapping[str, dict[str, Any]], *, is_django: bool
) -> dict[str, Any]:
    """Merge what the sources say: what is detected beats a Dockerfile's command, and that beats a Compose file's."""
    services = {**composed.services, **image.services, **detected}
    www = services.get("www")
    if www is not None and is_django and image.static and "command" not in www:
        services["www"] = {**www, "static": True}
    for name in sorted(services):
        _check_service(name, services[name])
    table: dict[str, Any] = {}
    if image.dependencies:
        table["dependencies"] = sorted(image.dependencies)
    for key, value in (("env", image.env), ("user", image.user)):
        if value:
            table[key] = dict(sorted(value.items()))
    if image.python:
        table["python"] = image.python
    if image.suite:
        table["debian"] = {"suite": image.suite}
    if services:
        table["services"] = {name: services[name] for name in sorted(services)}
    return table


def _check_service(name: str, table: Mapping[str, Any]) -> None:
    """Raise SettingsError for a table that settings cannot have; such a draft would stop the next build."""
    import msgspec

    try:
        msgspec.convert(table, ServiceSettings)
        msgspec.convert(name, ServiceName)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"drafting the service {name!r}: {error}", hint="rename it in the file that defines it"
        ) from error


def remark_lines(remarks: Sequence[Remark]) -> list[str]:
    """Return the remarks as lines for people, each once."""
    return list(dict.fromkeys(map(str, remarks)))
