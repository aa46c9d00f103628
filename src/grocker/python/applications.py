"""Flask, Quart, FastAPI and Starlette applications, told from a wheel's files alone: nothing of it is imported."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from grocker.layer.entry import File
from grocker.python.metadata import normalised
from grocker.python.wheel import Wheel

_KINDS: dict[str, Literal["wsgi", "asgi"]] = {
    "Flask": "wsgi",
    "FastAPI": "asgi",
    "Starlette": "asgi",
    "Quart": "asgi",
}
_MADE = re.compile(
    r"^(?P<name>[A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*(?:[a-z_]\w*\.)*(?P<class>Flask|FastAPI|Starlette|Quart)\(", re.M
)
_FACTORY = re.compile(r"^def (?P<name>create_app|make_app|get_app)\((?P<arguments>[^)]*)\)", re.M)
_FILES = ("app", "main", "wsgi", "asgi", "application", "server", "core", "__init__")
_NAMES = ("app", "application", "api", "create_app", "make_app", "get_app")
_ASIDE = frozenset({"tests", "test", "testing", "examples", "example", "docs", "docs_src", "benchmarks", "templates"})


@dataclass(frozen=True, slots=True)
class WebApplication:
    """An application that a server can serve."""

    kind: Literal["wsgi", "asgi"]
    target: str
    """``module:object``; ``module:object()`` for a factory"""


def find_application(wheel: Wheel) -> WebApplication | None:
    """The web application that a wheel holds, None when none or more than one looks like it.

    Looked for in wheels that require one of the frameworks: a module-level object of its class, else a factory without
    arguments that must be given; usual names of files and objects first, then what lies highest.
    """
    frameworks = {kind for kind in _KINDS if kind.lower() in _required(wheel)}
    if not frameworks:
        return None
    ranked = sorted(_candidates(wheel, frameworks), key=lambda found: found[0])
    if not ranked:
        return None
    best = [found for found in ranked if found[0] == ranked[0][0]]
    return best[0][1] if len(best) == 1 else None


def _required(wheel: Wheel) -> frozenset[str]:
    """What the wheel needs without extras, by normalised name."""
    names = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", text) for text in wheel.metadata.requires if "extra" not in text)
    return frozenset(normalised(match[0]) for match in names if match)


def _candidates(wheel: Wheel, frameworks: set[str]) -> Iterator[tuple[tuple[int, int, int, int], WebApplication]]:
    prefix = wheel.site + "/"
    for entry in wheel.entries:
        path = entry.path.removeprefix(prefix)
        parts = path.removesuffix(".py").split("/")
        if (
            not isinstance(entry, File)
            or not isinstance(entry.data, bytes)
            or not entry.path.startswith(prefix)
            or not path.endswith(".py")
            or parts[-1] not in _FILES
            or not _ASIDE.isdisjoint(parts)
        ):
            continue
        text = entry.data.decode("utf-8", "replace")
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for found in _MADE.finditer(text):
            if found["class"] in frameworks and found["name"] in _NAMES:
                rank = (0, len(parts), _FILES.index(parts[-1]), _NAMES.index(found["name"]))
                yield rank, WebApplication(_KINDS[found["class"]], f"{module}:{found['name']}")
        for found in _FACTORY.finditer(text):
            required = [a for a in found["arguments"].split(",") if a.strip() and "=" not in a and "*" not in a]
            if not required and len(frameworks) == 1:
                rank = (1, len(parts), _FILES.index(parts[-1]), _NAMES.index(found["name"]))
                yield rank, WebApplication(_KINDS[next(iter(frameworks))], f"{module}:{found['name']}()")
