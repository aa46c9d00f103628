"""The application's imports of modules that the library of its Python has lost, or that nothing brings."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from grocker.inputs.application import Application
from grocker.lock.values import PythonFile
from grocker.platforms.removed_modules import ALL, UNDECLARED, bringing, modules_of, removed_modules
from grocker.regex import regex
from grocker.tar.entry import File

IMPORT = regex(rb"\n(?:import|from)[ \t][^\n]*?\b(?:%s)\b" % "|".join(sorted(ALL)).encode())
"""a line that may import one of them; ten times as fast as with ``^``, so the text gets a line before it"""


class RemovedImport(msgspec.Struct, frozen=True):
    """An import that fails whenever the module is loaded."""

    path: str
    """the importing module's, for people"""
    module: str
    series: str
    """Python's: ``3.13``"""

    @property
    def problem(self) -> str:
        """For people: what fails."""
        if self.module in UNDECLARED:
            return f"{self.path} imports {self.module}, which only {UNDECLARED[self.module]} provides"
        return f"{self.path} imports {self.module}, which Python {self.series} no longer has"

    @property
    def remedy(self) -> str:
        """For people: what else brings the module."""
        distribution = bringing(self.module)
        return f"; or require {distribution}, which provides {self.module}" if distribution else ""


def find_removed_imports(
    application: Application, files: Iterable[PythonFile], series: str
) -> tuple[RemovedImport, ...]:
    """Return the imports of the application's own modules that fail on a Python, sorted by path.

    A module counts if a service or a console script reaches it, in Django's case any but tests, and if it imports
    one of the missing modules unconditionally. ``files``: the wheels beside the application; ``series``: ``3.13``.
    """
    lost = removed_modules(series) | UNDECLARED.keys()
    suspects = {
        entry.path
        for entry in application.installed.entries
        if isinstance(entry, File) and isinstance(entry.data, bytes) and entry.path.endswith(".py")
        if IMPORT.search(b"\n" + entry.data)
    }
    if not suspects:
        return ()
    from grocker.inputs.own_modules import OwnModules
    from grocker.python.module_imports import parse, unconditional_imports

    sources = OwnModules(application)
    brought = {module for file in files for module in modules_of(file.name, file.version)}
    lost = lost - brought - sources.modules.keys()
    found = []
    for path in sorted(suspects & sources.texts.keys()):
        module = parse(sources.texts[path])
        names = unconditional_imports(module) & lost if module is not None else ()
        found += [RemovedImport(sources.short(path), name, series) for name in sorted(names)]
    if not found:
        return ()
    reached = {sources.short(path) for path in sources.reached()}
    return tuple(one for one in found if one.path in reached)
