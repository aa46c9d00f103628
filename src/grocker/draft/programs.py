"""Turn a command line that starts a server into the table of a service."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from grocker.config import command_lines
from grocker.regex import regex
from grocker.runner.contract.names import APPLICATION_PORT

_WORKERS = regex(r"(?:-w|--workers)(?:=|\s+)(?P<number>[1-9]\d?)\b")


def service_table(words: Sequence[str] | None, text: str) -> dict[str, Any]:
    """Return the table of the service that a command starts.

    ``words``: of the exec form; ``text``: the shell form. gunicorn, uvicorn and their like become ``wsgi`` or ``asgi``
    if that says it all, because the runner starts and watches those servers itself.
    """
    if words is None:
        found = list(command_lines.commands(text))
        given = found[0] if len(found) == 1 else ()
    else:
        given = tuple(words)
        if len(given) == 3 and given[0].rpartition("/")[2] in ("sh", "bash") and given[1] in ("-c", "-lc"):
            return service_table(None, given[2])
    served = _served(given)
    if served is not None:
        return served
    if words is None and command_lines.is_simple(text):
        return {"command": text.split()}
    return {"command": list(words) if words is not None else text}


def _served(words: Sequence[str]) -> dict[str, Any] | None:
    """Return ``wsgi`` or ``asgi`` with its number of workers; None for another program, or options that change more."""
    served = command_lines.served_application(words)
    if served is None or command_lines.says_more(words):
        return None
    table: dict[str, Any] = {served[0]: served[1]}
    if match := _WORKERS.search(" ".join(words)):
        table["workers"] = int(match["number"])
    return table


def listens_elsewhere(table: dict[str, Any], port: str) -> bool:
    """Tell whether a command names a port that is not the one of images."""
    command = table.get("command")
    text = " ".join(command) if isinstance(command, list) else command or ""
    return port != str(APPLICATION_PORT) and re.search(rf"\b{re.escape(port)}\b", text) is not None
