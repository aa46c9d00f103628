"""Names of a package that import their module when they are first used."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def lazily(package: str, homes: Mapping[str, Iterable[str]]) -> Callable[[str], object]:
    """Make the ``__getattr__`` of ``package`` (PEP 562); ``homes``: for each module, the names that it defines."""

    def found(name: str) -> object:
        for module, names in homes.items():
            if name in names:
                value: object = getattr(import_module(f"{package}.{module}"), name)
                setattr(sys.modules[package], name, value)  # it is not asked for again
                return value
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return found
