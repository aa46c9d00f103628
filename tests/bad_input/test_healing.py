"""A cache that the disk has spoiled: the build says so or makes the thing again, and the one after it is as ever."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from grocker.images.layout import problems
from tests.bad_input.case import WHEEL
from tests.support.world import World, world

pytestmark = pytest.mark.slow


@dataclass
class Built:
    """A world in which the wheel was built."""

    world: World
    digest: str
    """what the build printed"""
    cache: Path
    """a copy of the cache as it was then"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    with world(tmp_path_factory.mktemp("healing") / "world") as made:
        done = made.run(WHEEL)
        assert done.status == 0, done.stderr
        copy = made.place / "sound"
        made.cache.rename(copy)
        yield Built(made, done.stdout, copy)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("spoil", [cut, flip, remove])
@pytest.mark.parametrize("room", ["blobs/sha256", "members", "downloads", "steps", "refs"])
def test_build_after_the_next_is_as_ever_when_files_of_the_cache_are_spoilt(
    built: Built, room: str, spoil: Callable[[Path], None]
) -> None:
    """All files of a room, but of blobs one, since each is found when it is sent, and that ends the build."""
    made, out = built.world, built.world.place / "out"
    for place in (made.cache, out):
        shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(built.cache, made.cache)
    if room == "members":  # they are read when their layers are gone
        shutil.rmtree(made.cache / "v1" / "blobs" / "sha256")
        (made.cache / "v1" / "blobs" / "sha256").mkdir()
    files = sorted((p for p in (made.cache / "v1" / room).iterdir() if p.is_file()), key=lambda p: p.stat().st_size)
    for path in files[-1:] if room == "blobs/sha256" else files:
        if path.stat().st_size:
            spoil(path)
    first = made.run([*WHEEL[:-1], "oci:OUT", "--refresh"])
    assert first.status in (0, 65), first.stderr
    assert "build again" in first.hint or first.status == 0
    second = first if first.status == 0 else made.run([*WHEEL[:-1], "oci:OUT", "--refresh"])
    assert (second.status, second.stdout) == (0, built.digest), second.stderr
    assert problems(out) == ()
