"""A cache that the disk has spoiled: the build says so or makes the thing again, and the one after it is as ever."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grocker.output.layout import problems
from tests.bad_input.cases import WHEEL
from tests.support.world import World, world

BUILD = (*WHEEL[:-1], "oci:OUT")

pytestmark = pytest.mark.slow


@pytest.fixture
def built(tmp_path: Path) -> Iterator[tuple[World, str]]:
    """A world in which the wheel was built, and the image's digest."""
    with world(tmp_path / "world") as made:
        done = made.run(BUILD)
        assert done.status == 0, done.stderr
        yield made, done.stdout


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("spoil", [cut, empty, flip, remove])
@pytest.mark.parametrize("room", ["blobs/sha256", "members", "downloads", "steps", "index", "refs"])
def test_cache_heals_when_every_file_of_a_room_is_spoilt(
    built: tuple[World, str], room: str, spoil: Callable[[Path], None]
) -> None:
    made, digest = built
    for path in (made.cache / "v1" / room).iterdir():
        if path.is_file() and path.stat().st_size:
            spoil(path)
    outcomes = []
    for _ in range(4):
        outcomes.append(made.run([*BUILD[:-1], "oci:OUT-again", "--refresh"]))
        if outcomes[-1].status == 0:
            break
    assert all(one.status in (0, 65) for one in outcomes), [one.stderr for one in outcomes]
    assert outcomes[-1].stdout == digest, outcomes[-1].stderr
    assert problems(made.place / "out-again") == ()
    assert len(outcomes) <= 2, [one.stderr for one in outcomes]
