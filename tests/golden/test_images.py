"""Golden images: every layer's digest of whole images, made offline from a made-up archive and index.

A change here is a change of the bytes that users get: layers that registries and nodes have no longer count. When that
is meant, raise ``REVISION`` of ``grocker.tar.keys``, lest stores give what was made before; ``make golden`` writes the
files beside this one anew. Say why in the commit.

The runner's layer changes with each line of the runner, so it is left out, and with it the digests of configuration
and manifest. Everything else of the configuration is compared.
"""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from grocker.images.layout import problems
from grocker.tar.keys import REVISION
from tests.support.archive import Archive, Folder, Link, Package, Program
from tests.support.wheels import make_project, make_wheel
from tests.support.world import World, base, world

_RUNNER = "runner"
_LEFT_OUT = "changes with the runner"
_LARGE = random.Random(0).randbytes(7 << 20)
"""Of a wheel that has a layer of its own."""
_PROJECT = """
dynamic = ["dependencies", "scripts"]

[tool.grocker]
dependencies = ["hello"]
crontab = "crontab"
base-config = "base.ini"

[tool.grocker.env]
GREETING = "hello"

[tool.grocker.services.www]
wsgi = "demo:application"
workers = 3
env = {DEBUG = "0"}

[tool.grocker.services.worker]
command = ["demo-admin", "work"]
stop-signal = "INT"
restart = {times = 2, seconds = 30}
"""
_METADATA = "Requires-Dist: alpha\nRequires-Dist: big>=1\n"
_SCRIPTS = "[console_scripts]\ndemo-admin = demo:main\n"
_FILES: dict[str, str | bytes] = {
    "demo/__init__.py": "def main():\n    return 0\n\n\ndef application(environ, start):\n    return []\n",
    "demo/templates/demo/index.html": "<h1>é</h1>\n",
    "demo/data.bin": bytes(range(256)),
    "crontab": "# grocker: name=nightly\n0 4 * * * demo-admin nightly\n",
    "base.ini": "[demo]\ncolour = blue\n",
}


_DATA = Package("hello-data", "2.10-3", "all", {"usr/share/hello/é.txt": "é\n"}, compression="")


def _hello(architecture: str) -> Package:
    """A package with what packages have: a program, a link, owners, a configuration file, a dependency."""
    return Package(
        "hello",
        "2.10-3",
        architecture,
        {
            "etc/hello.conf": "greeting = hello\n",
            "usr/bin/hello": Program(b"\x7fELF, or nearly", 0o755),
            "usr/bin/hi": Link("hello"),
            "usr/share/doc/hello/copyright": "free\n",
            "var/lib/hello": Folder(0o2775, "root", "staff"),
        },
        {"Depends": "hello-data (>= 2)"},
        {"conffiles": "/etc/hello.conf\n"},
        compression="",
    )


def _archive(architectures: Sequence[str]) -> Archive:
    """Nothing in it is compressed: with another zlib or liblzma, the lock file would have other hashes."""
    now = datetime.now(UTC)
    archive = Archive(
        architectures=tuple(architectures), date=now - timedelta(hours=2), valid_until=now + timedelta(days=7)
    )
    for architecture in architectures:
        archive.add(*base(architecture, ""), _hello(architecture))
    return archive.add(_DATA)


def _fill_index(directory: Path) -> None:
    stored = zipfile.ZIP_STORED
    make_wheel(directory, "alpha", files={"alpha/__init__.py": "x = 1\n"}, requires=["beta"], compression=stored)
    make_wheel(
        directory,
        "beta",
        "2.1",
        {
            "beta/__init__.py": "def main(): ...\n",
            "beta/broken.py": "def (\n",
            "beta-2.1.data/scripts/beta-run": "#!python\nprint('beta')\n",
            "beta-2.1.data/data/share/beta.txt": "beta\n",
        },
        entry_points="[console_scripts]\nbeta = beta:main\n",
        executable=["beta-2.1.data/scripts/beta-run"],
        compression=stored,
    )
    make_wheel(directory, "big", files={"big/__init__.py": "", "big/model.bin": _LARGE}, compression=stored)
    make_wheel(directory, "gunicorn", "23.0.0", files={"gunicorn/__main__.py": "print('serves')\n"}, compression=stored)


@pytest.fixture
def made_up(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world for the architectures that are the fixture's parameter, with PROJECT and an index for it."""
    with world(tmp_path / "world") as made:
        made.archive = _archive(request.param)
        _fill_index(made.index.directory)
        make_project(made.project, _FILES, pyproject=_PROJECT, metadata=_METADATA, entry_points=_SCRIPTS)
        yield made


@pytest.mark.parametrize(
    ("made_up", "name"),
    [(["amd64"], "amd64"), (["amd64", "arm64"], "amd64-and-arm64")],
    indirect=["made_up"],
)
def test_image_has_the_golden_digests_when_it_is_built_for(
    made_up: World, name: str, pytestconfig: pytest.Config
) -> None:
    platforms = [word for one in made_up.archive.architectures for word in ("--platform", f"linux/{one}")]
    outcome = made_up.run(["build", "PROJECT", "--tag", "demo:1", *platforms, "--output", "oci:OUT"])
    assert (outcome.status, outcome.message) == (0, ""), outcome.stderr
    assert problems(made_up.out) == ()
    images = [_described(made_up.out, manifest) for manifest in _manifests(made_up.out)]
    found = {"revision": REVISION, "images": images}
    golden = Path(__file__).with_name(f"{name}.json")
    expected = json.loads(golden.read_text("utf-8"))
    same = [one["layers"] for one in images] == [one["layers"] for one in expected["images"]]
    assert same or expected["revision"] != REVISION, "if this is meant: raise grocker.tar.keys.REVISION, make golden"
    if pytestconfig.getoption("update_golden"):
        golden.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")
    else:
        assert found == expected, "if this is meant: make golden"


def _manifests(layout: Path) -> list[dict[str, Any]]:
    """The manifests of the layout's images, in its order."""
    found = _read(layout, json.loads((layout / "index.json").read_text())["manifests"][0])
    return [_read(layout, one) for one in found["manifests"]] if "manifests" in found else [found]


def _read(layout: Path, descriptor: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_blob(layout, descriptor).read_text())
    return found


def _blob(layout: Path, descriptor: dict[str, Any]) -> Path:
    return layout / "blobs" / Path(*descriptor["digest"].split(":"))


def _described(layout: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """The layers by title, as digests of the compressed and of the plain bytes, and the configuration, no runner's."""
    config = _read(layout, manifest["config"])
    history = config.pop("history")
    titles = [one["comment"] for one in history if not one.get("empty_layer")]
    plain = config.pop("rootfs")["diff_ids"]
    config["config"]["Labels"].pop("org.grocker.version")
    assert len(titles) == len(plain) == len(manifest["layers"])
    return {
        "config": config,
        "layers": {
            title: _LEFT_OUT if title == _RUNNER else {"diff_id": diff_id, **descriptor}
            for title, diff_id, descriptor in zip(titles, plain, manifest["layers"], strict=True)
        },
    }
