"""The form of a row in the table of bad input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.world import World

WHEEL = ("build", "WHEEL", "--config", "CONFIG", "--output", "store")

Arrange = Callable[[World], None]


def nothing(world: World) -> None:
    """Leave the world as it is."""


@dataclass(frozen=True)
class Case:
    """One thing that is wrong."""

    name: str
    what: str
    """what is wrong, for the reference"""
    status: int
    words: tuple[str, ...]
    """what stands in the error"""
    hint: tuple[str, ...] = ()
    """what stands in the hint"""
    arrange: Arrange = nothing
    arguments: tuple[str, ...] = WHEEL
    is_quick: bool = False
    """nothing is fetched or built: it belongs to the fast tier"""
    allowed: tuple[str, ...] = ()
    """what lay beside the cache before, and may stay"""
    warm: bool = False
    """the same wheel was built before, with this cache"""
    mount: str = ""
    """a place that is a file system of 32 MB, nearly full; such a case needs root"""
    needs: tuple[str, ...] = field(default=())
    """programs of the host"""
