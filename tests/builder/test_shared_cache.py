"""Builds on machines that have nothing in common but a registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.builder.build import build
from grocker.context import Context
from grocker.images.registry import RegistrySink
from grocker.progress import Silent
from grocker.store import Store
from tests.support.phases import opened_world, request
from tests.support.wheels import make_wheel
from tests.support.world import World

CACHE = "team/cache"


class Machines:
    """Machines with a store each, one world, and its registry."""

    def __init__(self, world: World, context: Context) -> None:
        self.world = world
        self._context = context
        self._count = 0

    @property
    def cache(self) -> str:
        return f"{self.world.registry.host}/{CACHE}"

    def new(self) -> Context:
        """The tools of a machine that has nothing."""
        self._count += 1
        store = Store.open(self.world.place / f"machine{self._count}")
        return replace(self._context, store=store, progress=Silent())


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    with opened_world(tmp_path / "world", monkeypatch) as (world, context):
        make_wheel(world.index.directory, "alpha", files={"alpha/__init__.py": "x = 1\n"})
        world.require("alpha")
        yield Machines(world, context)


def push(machines: Machines, tools: Context, name: str = "app:1", **options: str | None) -> str:
    """Build and push on a machine; the image's digest."""
    sink = RegistrySink({}, 0, tools.transport, tools.store)
    wanted = replace(
        request(machines.world, machines.world.wheel),
        tags=(f"{machines.world.registry.host}/{name}",),
        sinks=(sink,),
        cache_from=machines.cache,
        cache_to=machines.cache,
    )
    return build(replace(wanted, **options), tools).digest


def warnings(tools: Context) -> list[str]:
    assert isinstance(tools.progress, Silent)
    return [message for message, _ in tools.progress.warnings]


def test_new_machine_takes_everything_from_the_cache_and_downloads_nothing(machines: Machines) -> None:
    first = machines.new()
    digest = push(machines, first)
    world = machines.world
    world.archive.requests.clear()
    world.index.requests.clear()
    world.registry.requests.clear()
    second = machines.new()
    assert push(machines, second, "other:1") == digest
    assert (world.archive.requests, world.index.requests) == ([], [])
    assert list((second.store.root / "blobs/sha256").iterdir()) != []
    layers = [path for path in (second.store.root / "blobs/sha256").iterdir() if path.read_bytes()[:2] == b"\x1f\x8b"]
    assert layers == [], "layers are mounted in the registry, without their bytes"
    assert warnings(first) == warnings(second) == []
