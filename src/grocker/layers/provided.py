"""What the packages and wheels of an image provide to its services: programs, and modules to import."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from grocker.layers import runner
from grocker.layers.recipes import configuration
from grocker.layers.workbench import Workbench
from grocker.platforms.interpreters import DIST_PACKAGES
from grocker.runner.contract import names
from grocker.tar.keys import cache_key

_BIN = frozenset(directory.removeprefix("/") for directory in names.PATH.split(":"))
# Packages of Debian may have their paths as they were before the merge of /usr.
_UNMERGED = frozenset({"bin", "sbin"})


class Provided(msgspec.Struct, frozen=True):
    """Names, without those of the application itself."""

    programs: frozenset[str]
    """in the directories of PATH"""
    modules: frozenset[str]
    """outermost modules and packages that the environment's Python finds, beside those of its library"""


def find_provided(bench: Workbench) -> Provided:
    """Find what the image's packages and wheels provide; kept for the same layers below the application."""
    store = bench.context.store
    layers = bench.plan.layers
    concerned = [layer.key for layer in layers if layer.kind not in ("data", "application")]
    key = cache_key("provided", concerned)
    kept = store.kept_as("steps", key, Provided)
    if kept is not None:
        return kept
    from grocker.layers import environment, interpreter

    own = [entry.path for entry in (*runner.entries(), *environment.entries(bench.scheme, ""))]
    if bench.plan.standalone is not None:
        own += [entry.path for entry in interpreter.entries((), has_debian_python=bench.has_debian_python)]
    wheels = [path for member in bench.wheel_members().values() for path in member.paths]
    programs = _packaged_programs(bench) | _programs([*wheels, *own])
    modules = _modules(wheels, bench.scheme.site)
    if bench.sees_debian_modules:
        modules |= _modules((path for member in bench.packages.members() for path in member.paths), DIST_PACKAGES)
    found = Provided(programs, modules)
    store.keep("steps", key, msgspec.json.encode(found))
    return found


def _packaged_programs(bench: Workbench) -> frozenset[str]:
    """Return the programs of Debian's packages and their configuration; kept, as wheels change more often."""
    store = bench.context.store
    layers = {layer.kind: layer for layer in bench.plan.layers}
    key = cache_key("packaged programs", layers["debian"].key, layers["configured"].key)
    kept = store.kept_as("steps", key, frozenset[str])
    if kept is not None:
        return kept
    members = (*bench.packages.members(), configuration(layers["configured"], bench))
    found = _programs(path for member in members for path in member.paths)
    store.keep("steps", key, msgspec.json.encode(sorted(found)))
    return found


def _programs(paths: Iterable[str]) -> frozenset[str]:
    places = _BIN | _UNMERGED
    return frozenset(name for parent, _, name in (path.rpartition("/") for path in paths) if parent in places)


def _modules(paths: Iterable[str], site: str) -> frozenset[str]:
    start = f"{site}/"
    tops = {path.removeprefix(start).partition("/")[:2] for path in paths if path.startswith(start)}
    return frozenset(top if slash else top.partition(".")[0] for top, slash in tops)
