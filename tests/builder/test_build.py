"""Builds from the request to the delivered image, their preview, and their lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.builder.build import build
from grocker.builder.lock import make_lock
from grocker.builder.preview import preview
from grocker.context import Context
from grocker.errors import UsageError
from grocker.images import Delivered
from grocker.oci import Blobs, Image, Layer, Platform, Reference
from grocker.progress import Progress
from tests.support.phases import opened_world, request
from tests.support.wheels import make_wheel
from tests.support.world import World


class Heard:
    """A sink that keeps what it is given, and begins early."""

    def __init__(self) -> None:
        self.offered: list[str] = []
        self.delivered: list[Image] = []
        self.withdrawn = 0

    def describe(self) -> str:
        return "heard"

    def offer(self, layer: Layer, blobs: Blobs, platform: Platform, created: int) -> None:
        self.offered.append(layer.title)

    def withdraw(self) -> None:
        self.withdrawn += 1

    def deliver(
        self, images: Sequence[Image], names: Sequence[Reference], blobs: Blobs, progress: Progress
    ) -> Delivered:
        self.delivered += images
        return Delivered("store", str(names[0]), 0, "heard")


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, Context]]:
    with opened_world(tmp_path / "world", monkeypatch) as both:
        yield both


def test_build_delivers_the_image_and_is_the_same_again(opened: tuple[World, Context]) -> None:
    made, context = opened
    sink = Heard()
    wanted = replace(request(made, made.wheel), sinks=(sink,))
    first = build(wanted, context)
    assert [name.docker for name in first.names] == ["demo:1.0"]
    assert [image.digest for image in sink.delivered] == [first.digest]
    assert sink.offered == ["debian", "generated"], "Debian's layers go to an engine before the others are made"
    second = build(wanted, context)
    assert second.digest == first.digest
    assert sink.offered == ["debian", "generated"], "layers that were there are no reason to begin early"
    assert sink.withdrawn == 2


def test_preview_makes_no_layer_and_says_why(opened: tuple[World, Context]) -> None:
    made, context = opened
    wanted = request(made, made.wheel)
    _, [before] = preview(wanted, context)
    assert {layer.why for layer in before.layers} == {"never built here"}
    _, [again] = preview(wanted, context)
    assert all(layer.will_run for layer in again.layers)
    build(wanted, context)
    _, [after] = preview(wanted, context)
    assert not any(layer.will_run for layer in after.layers)


def test_lock_keeps_its_versions_when_newer_ones_appear(opened: tuple[World, Context]) -> None:
    made, context = opened
    made.require("alpha", "beta")
    for name in ("alpha", "beta"):
        make_wheel(made.index.directory, name, "1.0", files={f"{name}/__init__.py": ""})
    wanted = request(made, made.wheel)
    first = make_lock(wanted, context, upgrade=None)
    for name in ("alpha", "beta"):
        make_wheel(made.index.directory, name, "2.0", files={f"{name}/__init__.py": ""})
    wanted = replace(wanted, lock=first)
    versions = {
        upgrade: {file.name: file.version for file in make_lock(wanted, context, upgrade=upgrade).platforms[0].python}
        for upgrade in (None, ("alpha",), ())
    }
    assert versions == {
        None: {"alpha": "1.0", "beta": "1.0"},
        ("alpha",): {"alpha": "2.0", "beta": "1.0"},
        (): {"alpha": "2.0", "beta": "2.0"},
    }
    with pytest.raises(UsageError, match="cannot upgrade 'gamma': not in the lock"):
        make_lock(wanted, context, upgrade=["gamma"])
