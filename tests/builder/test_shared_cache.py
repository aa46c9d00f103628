"""Builds on machines that have nothing in common but a registry."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.builder.build import build
from grocker.builder.shared_cache import cache_names, parse_cache
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.errors import UsageError
from grocker.images.registry import RegistrySink
from grocker.inputs.origin import Origin
from grocker.inputs.request import Request
from grocker.progress import Silent
from grocker.store import Store
from tests.support.phases import opened_world, request
from tests.support.wheels import make_wheel
from tests.support.world import World

CACHE = "team/cache"


class Machines:
    """Machines with a store each, one world, and its registry."""

    def __init__(self, world: World, context: Context, stores: ExitStack) -> None:
        self.world = world
        self._context = context
        self._stores = stores
        self._count = 0

    @property
    def cache(self) -> str:
        return f"{self.world.registry.host}/{CACHE}"

    def new(self) -> Context:
        """The tools of a machine that has nothing."""
        self._count += 1
        store = self._stores.enter_context(Store.open(self.world.place / f"machine{self._count}"))
        return replace(self._context, store=store, progress=Silent())

    def push(self, tools: Context, name: str, *, reads: bool = True, writes: bool = True) -> str:
        """Build and push on a machine; the image's digest."""
        sink = RegistrySink({}, 0, tools.transport, tools.store)
        wanted = replace(
            request(self.world, self.world.wheel),
            tags=(f"{self.world.registry.host}/{name}",),
            sinks=(sink,),
            cache_from=self.cache if reads else None,
            cache_to=self.cache if writes else None,
        )
        return build(wanted, tools).digest

    def edit(self, text: str, data: Mapping[str, bytes] | None = None) -> None:
        """Change the application."""
        make_wheel(self.world.wheel.parent, files={"demo/__init__.py": text, **(data or {})}, requires=["alpha"])

    def forget_requests(self) -> None:
        for asked in (self.world.archive.requests, self.world.index.requests, self.world.registry.requests):
            asked.clear()

    def downloads(self) -> int:
        """How often the archive and the index were asked."""
        return len(self.world.archive.requests) + len(self.world.index.requests)


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    with opened_world(tmp_path / "world", monkeypatch) as (world, context), ExitStack() as stores:
        make_wheel(world.index.directory, "alpha", files={"alpha/__init__.py": "x = 1\n"})
        world.require("alpha")
        yield Machines(world, context, stores)


def warnings(tools: Context) -> list[str]:
    assert isinstance(tools.progress, Silent)
    return [message for message, _ in tools.progress.warnings]


def layers(tools: Context) -> list[str]:
    """The layers whose bytes a machine has."""
    blobs = sorted((tools.store.root / "blobs/sha256").iterdir())
    return [path.name for path in blobs if path.read_bytes()[:2] == b"\x1f\x8b"]


@pytest.mark.slow
def test_new_machine_takes_from_the_cache_what_another_one_made(machines: Machines) -> None:
    first, second, third = (machines.new() for _ in range(3))
    digest = machines.push(first, "one:1")
    machines.forget_requests()
    assert machines.push(second, "two:1") == digest
    assert machines.downloads() == 0
    assert layers(second) == [], "layers are mounted in the registry, without their bytes"
    assert list((second.store.root / "trees").iterdir()) == [], "nothing is compiled: the interpreter stays there"
    written = machines.world.registry.asked("PUT", f"/{CACHE}/")
    assert written == 0, "nothing was made that another machine needs"
    machines.edit("x = 2\n")
    changed = machines.push(third, "three:1")
    assert machines.downloads() == 0, "the interpreter that compiles is in the cache too"
    assert len(layers(third)) == 1
    assert machines.push(machines.new(), "four:1", reads=False, writes=False) == changed
    assert [warnings(one) for one in (first, second, third)] == [[], [], []]


@pytest.mark.slow
def test_data_of_another_machine_is_not_sent_again_after_a_changed_line(machines: Machines) -> None:
    one, two, three = (random.Random(number).randbytes(9 << 20) for number in range(3))
    first, second, third = (machines.new() for _ in range(3))
    machines.edit("x = 1\n", {"demo/one.bin": one, "demo/two.bin": two})
    machines.push(first, "one:1")
    machines.edit("x = 2\n", {"demo/one.bin": one, "demo/two.bin": two})
    machines.push(second, "two:1")
    assert len(layers(second)) == 1, "the application's alone"
    machines.edit("x = 2\n", {"demo/one.bin": one, "demo/two.bin": three})
    changed = machines.push(third, "three:1")
    assert machines.push(machines.new(), "four:1", reads=False, writes=False) == changed
    assert [warnings(one) for one in (first, second, third)] == [[], [], []]


@pytest.mark.slow
def test_cache_that_loses_its_layers_meanwhile_costs_time_and_nothing_else(machines: Machines) -> None:
    registry = machines.world.registry
    digest = machines.push(machines.new(), "one:1")
    registry.mounts = False
    _, manifest = registry.manifests[CACHE, "demo"]
    for one in json.loads(manifest)["layers"][1:]:
        del registry.blobs[CACHE, one["digest"]]
    second = machines.new()
    assert machines.push(second, "two:1") == digest
    [warning] = warnings(second)
    assert re.match("building without the shared cache: reading sha256:.* 404, BLOB_UNKNOWN", warning)
    third = machines.new()
    machines.forget_requests()
    assert machines.push(third, "three:1") == digest
    assert (machines.downloads(), warnings(third)) == (0, []), "the second machine wrote again what was lost"


@pytest.mark.slow
def test_cache_that_cannot_be_used_fails_no_build_and_is_named(machines: Machines) -> None:
    registry, first, second = machines.world.registry, machines.new(), machines.new()
    registry.fail("GET", f"/{CACHE}/manifests", status=404, times=2)
    registry.fail("POST", f"/{CACHE}/blobs/uploads", status=403, times=9)
    digest = machines.push(first, "one:1")
    [warning] = warnings(first)
    assert warning.startswith(f"cannot write the shared cache {machines.cache}:demo: ")
    registry.faults.clear()
    registry.fail("GET", f"/{CACHE}/manifests", status=503, times=2)
    assert machines.push(second, "two:1") == digest
    [warning] = warnings(second)
    assert "building without the shared cache: reading the shared cache" in warning
    assert registry.asked("PUT", f"/{CACHE}/") == 0, "a cache that does not answer is not written"


@pytest.mark.parametrize(
    ("origin", "tag"),
    [
        (Origin("release", "polls==1.0", requirement="polls==1.0", name="polls"), "polls"),
        (Origin("wheel", "x", Path("/x/demo_site-1.0-py3-none-any.whl")), "demo_site"),
        (Origin("script", "bot.py", Path("/x/bot.py")), "bot"),
        (Origin("project", ".", Path("/nowhere/My Shop")), "My-Shop"),
    ],
    ids=lambda value: value.kind if isinstance(value, Origin) else "",
)
def test_each_project_has_a_tag_of_its_own(origin: Origin, tag: str) -> None:
    found = parse_cache("registry.example.com/team/cache", Request(origin=origin))
    assert str(found) == f"registry.example.com/team/cache:{tag}"


def test_tag_of_a_project_is_its_name_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "Polls.Site"\nversion = "1"\n')
    wanted = Request(origin=Origin("project", ".", tmp_path))
    assert parse_cache("registry.example.com/team/cache", wanted).tag == "polls-site"
    assert parse_cache("registry.example.com/team/cache:main", wanted).tag == "main"


@pytest.mark.parametrize("text", ["team/cache", "registry.example.com/cache@sha256:" + "0" * 64])
def test_cache_without_a_registry_and_one_with_a_digest_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="invalid cache"):
        parse_cache(text, Request(origin=Origin("script", "bot.py", Path("/x/bot.py"))))


def test_options_take_the_place_of_the_setting() -> None:
    plain, settings = Request(origin=Origin("script", "x.py")), Settings(cache="r.example.com/set")
    assert cache_names(plain, Settings()) == (None, None)
    assert cache_names(plain, settings) == ("r.example.com/set", "r.example.com/set")
    assert cache_names(replace(plain, cache_from="r.example.com/a"), settings) == ("r.example.com/a", None)
    assert cache_names(replace(plain, cache_to="r.example.com/b"), settings) == (None, "r.example.com/b")
