"""Detect web applications of the usual frameworks from a wheel's files; nothing is imported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from grocker.python.installed_wheel import Wheel
from grocker.regex import regex
from grocker.tar.entry import File

_Kind = Literal["wsgi", "asgi"]
_KINDS: dict[str, _Kind] = {
    "flask": "wsgi",
    "fastapi": "asgi",
    "starlette": "asgi",
    "quart": "asgi",
    "litestar": "asgi",
    "sanic": "asgi",
}
_CLASSES = "Flask|FastAPI|Starlette|Quart|Litestar|Sanic"
_MADE = regex(rf"^(?P<name>[A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*(?:[a-z_]\w*\.)*(?P<class>{_CLASSES})\(", re.M)
_IMPORTED = regex(r"^(?:from|import)\s+(?P<framework>flask|fastapi|starlette|quart|litestar|sanic)\b", re.M)
_FACTORY = regex(
    r"^def (?P<name>create_app|make_app|get_app)\((?P<arguments>[^)]*)\)"
    rf"(?:\s*->\s*[\"']?(?:\w+\.)*(?P<class>{_CLASSES})\b)?",
    re.M,
)
_DASH = regex(r"^(?:from|import)\s+dash\b", re.M)
_DASH_SERVER = regex(r"^(?P<name>server|application)\s*=\s*\w+\.server\b", re.M)
_CALLED = regex(r"^(?P<name>[A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*(?P<function>[a-z_]\w*)\(", re.M)
_FACTORY_NAME = regex(r"_?(?:create|make|get|build|init)_\w*app\w*\Z")
_FILES = ("app", "main", "wsgi", "asgi", "application", "server", "core", "__init__")
_NAMES = ("app", "application", "api", "server", "create_app", "make_app", "get_app")
_ASIDE = frozenset({"tests", "test", "testing", "examples", "example", "docs", "docs_src", "benchmarks", "templates"})


class WebApplication(msgspec.Struct, frozen=True):
    """An application that a server can serve."""

    kind: _Kind
    target: str
    """``module:object``; ``module:object()`` for a factory"""


class _Source(msgspec.Struct, frozen=True):
    """A module's text."""

    parts: tuple[str, ...]
    """of its path: ``("shop", "__init__")``"""
    text: str

    @property
    def module(self) -> str:
        return ".".join(self.parts[:-1] if self.parts[-1] == "__init__" else self.parts)

    @property
    def frameworks(self) -> set[str]:
        return {match["framework"] for match in _IMPORTED.finditer(self.text)}


def find_application(wheel: Wheel, *, any_file: bool = False) -> WebApplication | None:
    """The web application in a wheel; None when there is none, or more than one candidate.

    A candidate is a module-level object of a framework's class, in a file that imports the framework; else an object
    that a factory returns; else a factory without required arguments. Usual names of files and objects come first, then
    the outermost module. ``any_file``: whether files of other names count if no file of a usual name has a candidate.
    """
    sources = tuple(_sources(wheel))
    usual = [source for source in sources if source.parts[-1] in _FILES]
    everywhere = _one_kind(set().union(*(source.frameworks for source in sources)))
    found = _best(usual, everywhere)
    if found is not None or not any_file:
        return found
    return _best([source for source in sources if source.parts[-1] not in _FILES], everywhere)


def find_named_application(wheel: Wheel, name: str) -> WebApplication | None:
    """The application that ``FLASK_APP`` names: ``MODULE``, ``PATH.py`` or ``MODULE:OBJECT`` (flask.cli.locate_app).

    None if the wheel has no such module, or nothing in it can be served.
    """
    place, _, attribute = name.strip().partition(":")
    module = place.removeprefix("./").removesuffix(".py").replace("/", ".")
    source = next((one for one in _sources(wheel) if one.module == module), None)
    if source is None:
        return None
    kind: _Kind = "asgi" if "quart" in source.frameworks else "wsgi"
    if not attribute:
        return _best([source], kind)
    call = "()" if re.search(rf"^def {re.escape(attribute)}\(", source.text, re.M) else ""
    return WebApplication(kind, f"{module}:{''.join(attribute.split())}{call}")


def _best(sources: Sequence[_Source], everywhere: _Kind | None) -> WebApplication | None:
    ranked = sorted((one for source in sources for one in _candidates(source, everywhere)), key=lambda one: one[0])
    best = [one for one in ranked if one[0] == ranked[0][0]]
    return best[0][1] if len(best) == 1 else None


def _candidates(
    source: _Source, everywhere: _Kind | None
) -> Iterator[tuple[tuple[int, int, int, int], WebApplication]]:
    """Yield applications with their rank. ``everywhere``: the kind of all frameworks that the wheel imports."""
    text, frameworks = source.text, source.frameworks
    place = _FILES.index(source.parts[-1]) if source.parts[-1] in _FILES else len(_FILES)
    kind = _one_kind(frameworks)

    def candidate(
        rank: int, kind: _Kind, name: str, call: str = ""
    ) -> tuple[tuple[int, int, int, int], WebApplication]:
        order = (rank, len(source.parts), place, _NAMES.index(name))
        return order, WebApplication(kind, f"{source.module}:{name}{call}")

    for found in _MADE.finditer(text):
        if found["class"].lower() in frameworks and found["name"] in _NAMES:
            yield candidate(0, _KINDS[found["class"].lower()], found["name"])
    for found in _CALLED.finditer(text):
        own = kind if re.search(rf"^(?:async )?def {found['function']}\(", text, re.M) else None
        theirs = kind or everywhere if _FACTORY_NAME.match(found["function"]) else None
        if found["name"] in _NAMES and (called := own or theirs) is not None:
            yield candidate(0, called, found["name"])
    for found in _FACTORY.finditer(text):
        required = [a for a in found["arguments"].split(",") if a.strip() and "=" not in a and "*" not in a]
        returned = _KINDS[found["class"].lower()] if found["class"] else kind
        if not required and returned is not None:
            yield candidate(1, returned, found["name"], "()")
    if _DASH.search(text) and (server := _DASH_SERVER.search(text)):
        yield candidate(0, "wsgi", server["name"])


def _one_kind(frameworks: set[str]) -> _Kind | None:
    """The kind of the frameworks, None if there are none or they differ."""
    kinds = {_KINDS[framework] for framework in frameworks}
    return next(iter(kinds)) if len(kinds) == 1 else None


def _sources(wheel: Wheel) -> Iterator[_Source]:
    prefix = wheel.site + "/"
    for entry in wheel.entries:
        path = entry.path.removeprefix(prefix)
        parts = tuple(path.removesuffix(".py").split("/"))
        if (
            isinstance(entry, File)
            and isinstance(entry.data, bytes)
            and entry.path.startswith(prefix)
            and path.endswith(".py")
            and _ASIDE.isdisjoint(parts)
            and not parts[-1].startswith(("test_", "conftest", "setup"))
        ):
            yield _Source(parts, entry.data.decode("utf-8", "replace"))
