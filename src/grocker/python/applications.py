"""Detect Flask, Quart, FastAPI and Starlette applications from a wheel's files; nothing is imported."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from grocker.python.wheel import Wheel
from grocker.tar.entry import File

_KINDS: dict[str, Literal["wsgi", "asgi"]] = {
    "flask": "wsgi",
    "fastapi": "asgi",
    "starlette": "asgi",
    "quart": "asgi",
}
_MADE = re.compile(
    r"^(?P<name>[A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*(?:[a-z_]\w*\.)*(?P<class>Flask|FastAPI|Starlette|Quart)\(", re.M
)
_IMPORTED = re.compile(r"^(?:from|import)\s+(?P<framework>flask|fastapi|starlette|quart)\b", re.M)
_FACTORY = re.compile(r"^def (?P<name>create_app|make_app|get_app)\((?P<arguments>[^)]*)\)", re.M)
_FILES = ("app", "main", "wsgi", "asgi", "application", "server", "core", "__init__")
_NAMES = ("app", "application", "api", "create_app", "make_app", "get_app")
_ASIDE = frozenset({"tests", "test", "testing", "examples", "example", "docs", "docs_src", "benchmarks", "templates"})


class WebApplication(msgspec.Struct, frozen=True):
    """An application that a server can serve."""

    kind: Literal["wsgi", "asgi"]
    target: str
    """``module:object``; ``module:object()`` for a factory"""


def find_application(wheel: Wheel, also: str = "") -> WebApplication | None:
    """The web application in a wheel; None when there is none, or more than one candidate.

    A candidate is a module-level object of a framework's class, in a file that imports the framework, or else a factory
    without required arguments. Usual names of files and objects come first, then the outermost module.

    ``also``: another name of a file in which to look, without ``.py``.
    """
    ranked = sorted(_candidates(wheel, (*_FILES, also)), key=lambda found: found[0])
    best = [found for found in ranked if found[0] == ranked[0][0]]
    return best[0][1] if len(best) == 1 else None


def _candidates(wheel: Wheel, files: tuple[str, ...]) -> Iterator[tuple[tuple[int, int, int, int], WebApplication]]:
    prefix = wheel.site + "/"
    for entry in wheel.entries:
        path = entry.path.removeprefix(prefix)
        parts = path.removesuffix(".py").split("/")
        if (
            not isinstance(entry, File)
            or not isinstance(entry.data, bytes)
            or not entry.path.startswith(prefix)
            or not path.endswith(".py")
            or parts[-1] not in files
            or not _ASIDE.isdisjoint(parts)
        ):
            continue
        text = entry.data.decode("utf-8", "replace")
        imported = {match["framework"] for match in _IMPORTED.finditer(text)}
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for found in _MADE.finditer(text):
            if found["class"].lower() in imported and found["name"] in _NAMES:
                rank = (0, len(parts), files.index(parts[-1]), _NAMES.index(found["name"]))
                yield rank, WebApplication(_KINDS[found["class"].lower()], f"{module}:{found['name']}")
        kinds = {_KINDS[framework] for framework in imported}
        for found in _FACTORY.finditer(text):
            required = [a for a in found["arguments"].split(",") if a.strip() and "=" not in a and "*" not in a]
            if not required and len(kinds) == 1:
                rank = (1, len(parts), files.index(parts[-1]), _NAMES.index(found["name"]))
                yield rank, WebApplication(next(iter(kinds)), f"{module}:{found['name']}()")
