"""The Python world: from a project directory to its wheel, from requirements to pinned wheels, from wheels to entries.

A build calls, in this order:

- ``read_tree``: the files of a project that count, with one digest; a ``TreeRecord`` saves the next call from reading.
- ``read_project``: the project's description; ``build_key``: a digest of all that its wheel depends on.
- ``find_uv``: the uv to run, with the host's index configuration.
- ``resolve_build`` → ``build_wheel``: the project's wheel, by its own back end, on a normalised copy.
- ``template_key``, ``find_template`` → ``update_wheel``: the next one without it, if it only copies what changed.
- ``read_metadata``, ``check_python``, ``active_requirements``: what the wheel requires on a ``WheelTarget``;
  ``find_django``, ``find_application``, ``declared_services``: what it is.
- ``find_lock``, ``resolve_locked``, ``resolve``: pinned files (``Pin``) for a ``WheelTarget``; ``find_addresses``: the
  addresses of the files that Grocker's own lock names. ``SdistBuilder`` builds what has an sdist alone.
- ``read_wheel``: a wheel's entries below an ``InstallScheme``; ``overlay``: several wheels' entries without collisions.
- ``Compiler``, ``add_bytecode``: the same entries with bytecode by the image's own ``InterpreterTree``.

Modules are imported when one of their names is first used: a build in which nothing changed needs ``read_tree`` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grocker.lazy_imports import lazily

if TYPE_CHECKING:
    from grocker.python.applications import WebApplication, find_application, find_named_application
    from grocker.python.build import build_wheel, lacks_compiler, resolve_build
    from grocker.python.build_identity import build_key, oldest_python
    from grocker.python.build_tools import find_build_tools
    from grocker.python.bytecode import Compiler, InterpreterTree, add_bytecode, compile_sources
    from grocker.python.collisions import Collision, overlay
    from grocker.python.compiled import compile_project, compile_with_lacking
    from grocker.python.credentials import refuse_expansion
    from grocker.python.django import Django, find_django
    from grocker.python.exposure import Exposed, find_exposed
    from grocker.python.groups import find_group, group_requirements
    from grocker.python.indexes import hide_credentials, index_files
    from grocker.python.installed_wheel import Wheel
    from grocker.python.local_packages import find_local_packages, local_packages_key
    from grocker.python.locks import LockFile, add_requirements, find_lock, read_declared, resolve_locked
    from grocker.python.locks.pinned import check_declared
    from grocker.python.locks.unread import check_unread, refuse_lock
    from grocker.python.metadata import EntryPoint, Metadata, check_python
    from grocker.python.opened_sources import is_current, local_files, lock_source, locked_source, read_directory
    from grocker.python.project import Project, read_project
    from grocker.python.pylock import Pin, WheelBuilder
    from grocker.python.requirement_files import (
        RequirementList,
        as_constraints,
        check_hashes,
        parse_requirement_files,
        read_requirement_files,
    )
    from grocker.python.requirements import active_requirements, marker_environment, parse_requirement
    from grocker.python.resolution import find_addresses, find_sdist, resolve
    from grocker.python.sdists import SdistBuilder
    from grocker.python.service_entry_points import declared_services
    from grocker.python.source_tree import SourceTree, hash_tree, read_named_file, read_tree
    from grocker.python.sources import PATH, SDIST, SOURCE, Source
    from grocker.python.stale_lock import StaleLockError, read_versions
    from grocker.python.static_configuration import find_template
    from grocker.python.target import InstallScheme, WheelTarget
    from grocker.python.toolchain import BuildRoot, Toolchain
    from grocker.python.uv import Uv, find_uv
    from grocker.python.wheel import read_metadata, read_wheel
    from grocker.python.wheel_template import WheelTemplate, template_key, update_wheel

_HOMES = {
    "applications": ("WebApplication", "find_application", "find_named_application"),
    "service_entry_points": ("declared_services",),
    "build": ("build_wheel", "lacks_compiler", "resolve_build"),
    "build_identity": ("build_key", "oldest_python"),
    "bytecode": ("Compiler", "InterpreterTree", "compile_sources", "add_bytecode"),
    "build_tools": ("find_build_tools",),
    "compiled": ("compile_project", "compile_with_lacking"),
    "django": ("Django", "find_django"),
    "exposure": ("Exposed", "find_exposed"),
    "locks.pinned": ("check_declared",),
    "locks.unread": ("check_unread", "refuse_lock"),
    "credentials": ("refuse_expansion",),
    "groups": ("find_group", "group_requirements"),
    "indexes": ("hide_credentials", "index_files"),
    "local_packages": ("find_local_packages", "local_packages_key"),
    "metadata": ("EntryPoint", "Metadata", "check_python"),
    "project": ("Project", "read_project"),
    "locks": ("LockFile", "add_requirements", "find_lock", "read_declared", "resolve_locked"),
    "stale_lock": ("StaleLockError", "read_versions"),
    "pylock": ("Pin", "WheelBuilder"),
    "opened_sources": ("is_current", "local_files", "lock_source", "locked_source", "read_directory"),
    "requirement_files": (
        *("RequirementList", "as_constraints", "check_hashes"),
        *("parse_requirement_files", "read_requirement_files"),
    ),
    "requirements": ("active_requirements", "marker_environment", "parse_requirement"),
    "resolution": ("find_addresses", "find_sdist", "resolve"),
    "sdists": ("SdistBuilder",),
    "sources": ("PATH", "SDIST", "SOURCE", "Source"),
    "source_tree": ("SourceTree", "hash_tree", "read_named_file", "read_tree"),
    "target": ("InstallScheme", "WheelTarget"),
    "toolchain": ("BuildRoot", "Toolchain"),
    "uv": ("Uv", "find_uv"),
    "collisions": ("Collision", "overlay"),
    "installed_wheel": ("Wheel",),
    "static_configuration": ("find_template",),
    "wheel": ("read_metadata", "read_wheel"),
    "wheel_template": ("WheelTemplate", "template_key", "update_wheel"),
}

__all__ = [
    "PATH",
    "SDIST",
    "SOURCE",
    "BuildRoot",
    "Collision",
    "Compiler",
    "Django",
    "EntryPoint",
    "Exposed",
    "InstallScheme",
    "InterpreterTree",
    "LockFile",
    "Metadata",
    "Pin",
    "Project",
    "RequirementList",
    "SdistBuilder",
    "Source",
    "SourceTree",
    "StaleLockError",
    "Toolchain",
    "Uv",
    "WebApplication",
    "Wheel",
    "WheelBuilder",
    "WheelTarget",
    "WheelTemplate",
    "active_requirements",
    "add_bytecode",
    "add_requirements",
    "as_constraints",
    "build_key",
    "build_wheel",
    "check_declared",
    "check_hashes",
    "check_python",
    "check_unread",
    "compile_project",
    "compile_sources",
    "compile_with_lacking",
    "declared_services",
    "find_addresses",
    "find_application",
    "find_build_tools",
    "find_django",
    "find_exposed",
    "find_group",
    "find_local_packages",
    "find_lock",
    "find_named_application",
    "find_sdist",
    "find_template",
    "find_uv",
    "group_requirements",
    "hash_tree",
    "hide_credentials",
    "index_files",
    "is_current",
    "lacks_compiler",
    "local_files",
    "local_packages_key",
    "lock_source",
    "locked_source",
    "marker_environment",
    "oldest_python",
    "overlay",
    "parse_requirement",
    "parse_requirement_files",
    "read_declared",
    "read_directory",
    "read_metadata",
    "read_named_file",
    "read_project",
    "read_requirement_files",
    "read_tree",
    "read_versions",
    "read_wheel",
    "refuse_expansion",
    "refuse_lock",
    "resolve",
    "resolve_build",
    "resolve_locked",
    "template_key",
    "update_wheel",
]

__getattr__ = lazily(__name__, _HOMES)
