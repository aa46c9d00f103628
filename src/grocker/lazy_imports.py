"""Names of a package whose modules are imported when one of them is first used."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def lazily(package: str, homes: Mapping[str, Iterable[str]]) -> Callable[[str], object]:
    """What ``package`` has as its ``__getattr__`` (PEP 562); ``homes``: the names that each of its modules gives."""

    def found(name: str) -> object:
        for module, names in homes.items():
            if name in names:
                value: object = getattr(import_module(f"{package}.{module}"), name)
                setattr(sys.modules[package], name, value)  # it is not asked for again
                return value
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return found
