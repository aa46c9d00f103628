"""The Python world: a project directory into its wheel, requirements into pinned wheel files, wheels into entries.

What the builder calls, in the order of a build:

- ``read_tree``: what counts of a project's directory, with one digest; ``known`` saves the next call from reading.
- ``read_project``: its description; ``build_key``: all that its wheel depends on, as one value.
- ``find_uv``: the uv to run, with the host's index configuration.
- ``resolve_build`` → ``build_wheel``: its wheel, by its own back end, on a normalised copy.
- ``read_metadata``, ``check_python``, ``wanted``: what the wheel asks for on a ``Target``; ``find_django``,
  ``find_application``, ``declared_services``: what it is.
- ``resolve``, ``resolve_locked``: pinned files (``Pin``) for a ``Target``; ``locate``: where those of a lock are.
- ``read_wheel``: a wheel's entries below a ``Layout``; ``overlay``: none of them collide.
- ``Compiler``, ``with_bytecode``: the same entries with bytecode by the image's own ``Interpreter``.

The modules are imported when a name is first used: a build in which nothing changed wants ``read_tree`` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grocker.lazy_imports import lazily

if TYPE_CHECKING:
    from grocker.python.applications import WebApplication, find_application
    from grocker.python.build import build_key, build_wheel, resolve_build
    from grocker.python.bytecode import Compiler, Interpreter, compile_sources, with_bytecode
    from grocker.python.declared import declared_services
    from grocker.python.detect import Django, find_django
    from grocker.python.metadata import EntryPoint, Metadata, check_python
    from grocker.python.pins import Pin, locate, resolve, resolve_locked, wanted
    from grocker.python.project import Project, read_project
    from grocker.python.source_tree import Known, SourceTree, read_tree
    from grocker.python.target import Layout, Target
    from grocker.python.uv import Uv, find_uv
    from grocker.python.wheel import Wheel, overlay, read_metadata, read_wheel

_HOMES = {
    "applications": ("WebApplication", "find_application"),
    "declared": ("declared_services",),
    "build": ("build_key", "build_wheel", "resolve_build"),
    "bytecode": ("Compiler", "Interpreter", "compile_sources", "with_bytecode"),
    "detect": ("Django", "find_django"),
    "metadata": ("EntryPoint", "Metadata", "check_python"),
    "project": ("Project", "read_project"),
    "pins": ("Pin", "locate", "resolve", "resolve_locked", "wanted"),
    "source_tree": ("Known", "SourceTree", "read_tree"),
    "target": ("Layout", "Target"),
    "uv": ("Uv", "find_uv"),
    "wheel": ("Wheel", "overlay", "read_metadata", "read_wheel"),
}

__all__ = [
    "Compiler",
    "Django",
    "EntryPoint",
    "Interpreter",
    "Known",
    "Layout",
    "Metadata",
    "Pin",
    "Project",
    "SourceTree",
    "Target",
    "Uv",
    "WebApplication",
    "Wheel",
    "build_key",
    "build_wheel",
    "check_python",
    "compile_sources",
    "declared_services",
    "find_application",
    "find_django",
    "find_uv",
    "locate",
    "overlay",
    "read_metadata",
    "read_project",
    "read_tree",
    "read_wheel",
    "resolve",
    "resolve_build",
    "resolve_locked",
    "wanted",
    "with_bytecode",
]

__getattr__ = lazily(__name__, _HOMES)
