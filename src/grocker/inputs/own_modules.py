"""The application's own modules: their texts and names, and which of them are loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence

from grocker.inputs.application import Application
from grocker.inputs.programs import is_aside
from grocker.python.module_imports import all_imports, parse, strings
from grocker.tar.entry import File

_SCRIPTS = ("console_scripts", "gui_scripts")


class OwnModules:
    """The modules that the application has itself, and which of them its services and console scripts load."""

    def __init__(self, application: Application) -> None:
        self._application = application
        site = application.installed.site
        self.texts: dict[str, bytes] = {
            entry.path: entry.data
            for entry in application.installed.entries
            if isinstance(entry, File) and isinstance(entry.data, bytes) and entry.path.endswith(".py")
        }
        self._named = {path for text in self.commands() for path in self._files(text)}
        beside = sorted({os.path.dirname(path) for path in self._named})  # Python looks beside a script first
        self._roots = tuple(dict.fromkeys((*(application.roots or (site,)), *beside)))
        self.modules: Mapping[str, str] = {
            path.removeprefix(f"{root}/").removesuffix(".py").removesuffix("/__init__").replace("/", "."): path
            for root in self._roots
            for path in self.texts
            if path.startswith(f"{root}/")
        }

    def short(self, path: str) -> str:
        """Return a path for people."""
        roots = (root for root in self._roots if path.startswith(f"{root}/"))
        return path.removeprefix(f"{next(roots, '')}/")

    def reached(self) -> frozenset[str]:
        """Return the paths of the modules that services and console scripts load."""
        starts = set(self._starts())
        if not starts or self._application.django_settings_module is not None:
            # Django loads modules by names that it puts together.
            return frozenset(path for path in self.texts if not is_aside(self.short(path)))
        reached: set[str] = set()
        while starts:
            path = starts.pop()
            reached.add(path)
            starts |= set(self._loaded(path)) - reached
        return frozenset(reached)

    def _loaded(self, path: str) -> Iterator[str]:
        module = parse(self.texts[path])
        if module is None:
            return
        short = self.short(path)
        package = os.path.dirname(short).replace("/", ".")
        for name in (*all_imports(module, package), *strings(module)):
            yield from self._modules(name)

    def _modules(self, name: str) -> Iterator[str]:
        """Yield the paths of the modules of which ``a.b.c`` consists: ``a``, ``a.b``, ``a.b.c``."""
        parts = name.split(".")
        names = (".".join(parts[: number + 1]) for number in range(len(parts)))
        yield from (self.modules[one] for one in names if one in self.modules)

    def _starts(self) -> Iterator[str]:
        yield from self._named
        points = [one for one in self._application.installed.entry_points if one.group in _SCRIPTS]
        scripts = {one.name: one.module for one in points}
        for text in self.commands():
            for word in words(text):
                yield from self._modules(word)
                yield from self._modules(f"{word}.__main__")
        for module in scripts.values():
            yield from self._modules(module)

    def commands(self) -> Iterator[str]:
        """Yield what services start, as lines."""
        for service in self._application.services.table.values():
            for one in (service.command, service.wsgi, service.asgi, *service.processes.values()):
                if one is not None:
                    yield one if isinstance(one, str) else " ".join(one)

    def _files(self, text: str) -> Iterator[str]:
        """Yield the application's files that a command names."""
        services = self._application.services.table.values()
        given = (self._application.directory, *(service.directory for service in services))
        directories = {"", *self._application.roots, *(one.strip("/") for one in given if one)}
        for word in words(text):
            if word.endswith(".py"):
                places = (os.path.normpath(f"{one}/{word}").lstrip("/") for one in directories)
                yield from (place for place in places if place in self.texts)


def words(text: str) -> Sequence[str]:
    """Return the words of a command that may name a file or module: ``main`` and ``app`` of ``main:app``."""
    return [word.strip("\"'") for word in re.split(r"[\s=:;,]+", text) if word]
