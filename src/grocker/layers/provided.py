"""What the packages and wheels of an image provide to its services: programs, and modules to import."""

from __future__ import annotations

import msgspec

from grocker.layers import runner
from grocker.layers.recipes import configuration
from grocker.layers.workbench import Workbench
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
    """outermost modules and packages, below the environment's site-packages"""


def find_provided(bench: Workbench) -> Provided:
    """Find what the image's packages and wheels provide; kept for the same layers below the application."""
    store = bench.context.store
    layers = bench.plan.layers
    concerned = [layer.key for layer in layers if layer.kind != "application"]
    key = cache_key("provided", concerned)
    kept = store.kept_as("steps", key, Provided)
    if kept is not None:
        return kept
    from grocker.layers import environment, interpreter

    [configured] = [layer for layer in layers if layer.kind == "configured"]
    own = [entry.path for entry in (*runner.entries(), *environment.entries(bench.scheme, ""))]
    if bench.plan.standalone is not None:
        own += [entry.path for entry in interpreter.entries((), has_debian_python=bench.has_debian_python)]
    wheels = [path for member in bench.wheel_members().values() for path in member.paths]
    packages = [
        path for member in (*bench.packages.members(), configuration(configured, bench)) for path in member.paths
    ]
    found = Provided(_programs([*packages, *wheels, *own]), _modules(wheels, bench.plan.python))
    store.keep("steps", key, msgspec.json.encode(found))
    return found


def _programs(paths: list[str]) -> frozenset[str]:
    split = (path.rpartition("/") for path in paths)
    return frozenset(name for parent, _, name in split if parent in _BIN | _UNMERGED)


def _modules(paths: list[str], python: str) -> frozenset[str]:
    site = f"{names.VENV}/lib/python{python}/site-packages/".removeprefix("/")
    tops = (path.removeprefix(site).split("/") for path in paths if path.startswith(site))
    return frozenset(parts[0].partition(".")[0] if len(parts) == 1 else parts[0] for parts in tops)
