"""Translate a Compose file: services that are built from the project's directory, and those that run beside it.

Source: Compose specification, "services", "build", "command".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grocker.config import command_lines
from grocker.draft.programs import service_table
from grocker.draft.values import Findings, Remark
from grocker.errors import SettingsError

_NAME_OF_WEB = frozenset({"web", "app", "www", "backend", "server", "api", "django", "flask"})


def translate_compose(text: str, name: str, *, has_entry_script: bool = False) -> Findings:
    """Translate a Compose file; ``name``: for errors and remarks. Raises SettingsError for a malformed file.

    ``has_entry_script``: whether commands are arguments of the Dockerfile's entrypoint script.
    """
    found = Findings()
    services = _read(text, name).get("services")
    for service, about in services.items() if isinstance(services, dict) else ():
        if not isinstance(about, dict):
            continue
        place = f"{name}: {service}"
        if "build" not in about:
            why = "it runs beside the application, from its own image: keep it in the Compose file"
            found.remarks.append(Remark(place, f"image {about.get('image', '')}", why))
            continue
        if not _is_own(about["build"]):
            found.remarks.append(Remark(place, "build", "it is built from another directory: run grocker init there"))
            continue
        if "entrypoint" not in about and not has_entry_script:
            _translate_command(found, str(service), about, place)
        elif about.get("entrypoint") or about.get("command"):
            why = "an entrypoint script starts it: set services.NAME.command to what that runs"
            found.remarks.append(Remark(place, f"command {about.get('command', '')}", why))
        if about.get("environment") or about.get("env_file"):
            why = "they stay in the Compose file, and reach the container as before"
            found.remarks.append(Remark(place, "environment", why))
    return found


def _translate_command(found: Findings, name: str, about: Mapping[str, Any], place: str) -> None:
    command = about.get("command")
    words = tuple(map(str, command)) if isinstance(command, list) else None
    text = command if isinstance(command, str) else ""
    if not words and not text.strip():
        return
    if command_lines.is_development(words or text.split()):
        found.remarks.append(
            Remark(place, f"command {command}", "a development server; images run a production server instead")
        )
        return
    found.services["www" if name in _NAME_OF_WEB else name] = service_table(words, text)


def _is_own(build: Any) -> bool:
    """Tell whether the build's context is the project's directory."""
    context = build.get("context", ".") if isinstance(build, dict) else build
    return isinstance(context, str) and Path(context) == Path()


def _read(text: str, name: str) -> dict[str, Any]:
    import msgspec.yaml

    try:
        document = msgspec.yaml.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        reason = (str(error).splitlines() or ["malformed"])[0]
        raise SettingsError(f"reading {name}: not YAML: {reason}", hint="fix the file") from error
    return document if isinstance(document, dict) else {}
