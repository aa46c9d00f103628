"""Builds from the request to the delivered image, their preview, and their lock."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.builder.build import build
from grocker.builder.lock import make_lock
from grocker.builder.preview import preview
from grocker.cli.build_result import summary
from grocker.cli.terminal import Style
from grocker.context import Context
from grocker.debian.scripts import fingerprint, read_reviews
from grocker.errors import GrockerError, UsageError
from grocker.images import Delivered
from grocker.inputs.request import Request
from grocker.oci import Blobs, Image, Layer, Platform, Reference
from grocker.platforms.suites import SUITES
from grocker.progress import Progress
from tests.support.archive import Package, Program
from tests.support.phases import opened_world, request
from tests.support.wheels import make_wheel
from tests.support.world import World, base


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


SCRIPT = "#!/bin/sh\nset -e\nadduser --system daemon\n"
FOREIGN = "arm64" if os.uname().machine == "x86_64" else "amd64"


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, Context]]:
    """A world with a package whose script nobody has reviewed, for another architecture than this host's."""
    control = {"postinst": SCRIPT}
    files = {"usr/bin/d": Program()}
    packages = [Package("daemon", architecture=name, files=files, control=control) for name in ("amd64", "arm64")]
    packages += [one for one in base("arm64") if one.architecture == "arm64"]
    there = {one.name for one in base()}
    packages += [Package(name, architecture="all") for name in SUITES["trixie"].tools if name not in there]
    with opened_world(tmp_path / "world", monkeypatch, packages=packages) as both:
        yield both


def foreign(made: World, settings: str) -> Request:
    path = made.place / "daemon.toml"
    path.write_text(f'dependencies = ["daemon"]\n{settings}', "utf-8")
    return replace(request(made, made.wheel, f"linux/{FOREIGN}"), settings=path, sinks=(Heard(),))


def test_image_has_no_layer_of_scripts_and_says_so_when_they_are_not_to_run(daemon: tuple[World, Context]) -> None:
    made, context = daemon
    wanted = foreign(made, '[debian]\nconfigure = "static"\n')
    built = build(wanted, context)
    assert [one[0] for one in built.images[0].uncovered] == ["daemon"]
    assert "maintainer scripts" not in [layer.name for layer in built.images[0].layers]


def test_image_lacks_what_it_does_without_where_scripts_cannot_run_and_its_summary_says_so(
    daemon: tuple[World, Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, context = daemon
    review = "daemon/postinst (trixie)  (run if possible) its cache is empty"
    reviews = {**read_reviews(), fingerprint(SCRIPT): review}
    monkeypatch.setattr("grocker.debian.scripts.read_reviews", lambda: reviews)
    for _ in range(2):
        built = build(replace(foreign(made, ""), strict=True), context)
        assert built.images[0].omitted == (("daemon", "its cache is empty"),)
        assert built.images[0].uncovered == ()
        assert "maintainer scripts" not in [layer.name for layer in built.images[0].layers]
        line = "not run on this host: daemon's maintainer script (its cache is empty)"
        assert line in summary(built, Style(False), host="linux/amd64")


def test_build_fails_and_says_what_would_be_missing_when_scripts_cannot_run(daemon: tuple[World, Context]) -> None:
    made, context = daemon
    wanted = foreign(made, "")
    with pytest.raises(GrockerError) as raised:
        build(wanted, context)
    assert raised.value.hint is not None
    assert raised.value.message.startswith("cannot run the maintainer scripts of daemon: the image is for")
    assert "daemon: its user or group does not exist" in raised.value.hint
    _, [previewed] = preview(wanted, context)
    assert previewed.scripts == ("daemon",)


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
