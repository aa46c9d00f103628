"""Builds of several projects at the same time, in one cache that is empty."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grocker.store import Store
from grocker.store.check import check
from tests.support.wheels import make_wheel
from tests.support.world import World, world

_NAMES = ("one", "two", "three")


def prepare(made: World) -> None:
    """Make projects that share a dependency, and have one of their own each."""
    modules = {f"alpha/m{number}.py": f"VALUE = {number}\n" * 500 for number in range(20)}
    make_wheel(made.index.directory, "alpha", files={"alpha/__init__.py": "", **modules})
    for name in _NAMES:
        make_wheel(made.index.directory, f"own-{name}", files={f"own_{name}/__init__.py": f"VALUE = {name!r}\n"})
        files = {f"site_{name}/__init__.py": f"NAME = {name!r}\n"}
        make_wheel(made.place / "made", f"site-{name}", files=files, requires=["alpha", f"own-{name}"])


def build(made: World, name: str) -> str:
    """Return the image's digest."""
    wheel = made.place / "made" / f"site_{name}-1.0-py3-none-any.whl"
    done = made.run(["build", str(wheel), "--config", "CONFIG", "--tag", f"{name}:1", "--output", "store"])
    assert done.status == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_images_are_those_of_builds_alone_when_builds_share_an_empty_cache(tmp_path: Path) -> None:
    with world(tmp_path / "world") as made:
        prepare(made)
        alone = []
        for name in _NAMES:
            made.environ["GROCKER_CACHE"] = str(made.place / f"cache of {name}")
            alone.append(build(made, name))
        del made.environ["GROCKER_CACHE"]
        with ThreadPoolExecutor(len(_NAMES)) as pool:
            together = list(pool.map(lambda name: build(made, name), _NAMES))
        assert together == alone
        assert len(set(together)) == len(_NAMES)
        assert list(check(Store(made.cache / "v1"))) == []
