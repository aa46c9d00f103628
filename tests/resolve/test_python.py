"""What an application depends on, as the builder asks for it."""

from __future__ import annotations

import json
import tomllib
import zipfile
from pathlib import Path

import pytest

from grocker.progress import Silent
from tests.support.phases import opened_world, request, resolved
from tests.support.wheels import make_source, make_wheel
from tests.support.world import World, world

pytestmark = pytest.mark.slow


def test_application_is_not_installed_beside_itself_when_a_dependency_depends_on_it(tmp_path: Path) -> None:
    with world(tmp_path / "world") as made:
        made.require("plugin")
        wheels = made.place / "wheels"
        made.environ["UV_FIND_LINKS"] = str(wheels)
        make_wheel(wheels, name="plugin", requires=["demo"])
        make_wheel(wheels, name="demo", version="0.9")
        planned = made.run(("plan", "WHEEL", "--config", "CONFIG", "--json"))
        assert planned.status == 0, planned.stderr
        [platform] = json.loads(planned.stdout)["platforms"]
        assert (platform["name"], platform["version"]) == ("demo", "1.0")
        assert [package["name"] for package in platform["python_packages"]] == ["plugin"]


def fetched(made: World) -> int:
    """How often the sdist of ``old`` was fetched."""
    return sum("GET /files/old-1.0.tar.gz " in line for line in made.index.requests)


def test_wheels_of_sdists_are_locked_and_built_again_on_an_empty_cache(tmp_path: Path) -> None:
    build = ("build", "WHEEL", "--config", "CONFIG", "--output", "archive:OUT", "--json")
    with world(tmp_path / "world") as made:
        made.require("old")
        make_wheel(made.index.directory, "tool", files={"tool.py": "VALUE = 1\n"})
        extra = "import tool; pathlib.Path('old/made.py').write_text(f'BY = {tool.VALUE}')"
        make_source(made.index.directory, "old", build_requires=["tool"], requires=["nested"], extra=extra)
        make_source(made.index.directory, "nested")
        make_source(made.index.directory, "old", "0.5")
        locked = made.run(("lock", "WHEEL", "--config", "CONFIG"))
        assert locked.status == 0, locked.stderr
        lock = tomllib.loads((made.place / "grocker.lock").read_text())
        [row] = [row for row in lock["python"] if row["name"] == "old"]
        assert (row["index"], row["build"]) == ("sdist", ["tool==1.0"])
        first = made.run((*build, "--locked"))
        assert first.status == 0, first.stderr
        assert fetched(made) == 1
        made.out.unlink()
        (made.cache / "v1").rename(made.place / "away")
        make_wheel(made.index.directory, "tool", "2.0", files={"tool.py": "VALUE = 2\n"})
        again = made.run((*build, "--locked"))
        assert again.status == 0, again.stderr
        assert fetched(made) == 2
        assert json.loads(again.stdout)["digest"] == json.loads(first.stdout)["digest"]
        (made.cache / "v1" / "downloads" / row["sha256"].removeprefix("sha256:")).unlink()
        text = (made.place / "grocker.lock").read_text().replace(row["sha256"], "sha256:" + "0" * 64)
        (made.place / "grocker.lock").write_text(text)
        other = made.run((*build, "--locked"))
        assert (other.status, "the locked wheel is sha256:0000" in other.message) == (65, True)


def test_nothing_is_built_or_asked_when_nothing_changed(tmp_path: Path) -> None:
    plan = ("plan", "WHEEL", "--config", "CONFIG", "--json")
    with world(tmp_path / "world") as made:
        made.environ["UV_DEFAULT_INDEX"] = made.index.url
        made.require("old")
        make_source(made.index.directory, "old")
        first = made.run(plan)
        assert first.status == 0, first.stderr
        assert fetched(made) == 1
        asked = len(made.index.requests)
        again = made.run(plan)
        assert (json.loads(again.stdout), len(made.index.requests)) == (json.loads(first.stdout), asked)
        downloads = [path for path in (made.cache / "v1" / "downloads").iterdir() if zipfile.is_zipfile(path)]
        [wheel] = [path for path in downloads if "old/__init__.py" in zipfile.ZipFile(path).namelist()]
        wheel.unlink()
        third = made.run(plan)  # the answer is kept, its wheel is not
        assert (third.status, wheel.exists()) == (0, True), third.stderr


POETRY = """\
[tool.poetry]
package-mode = false
[tool.poetry.dependencies]
python = "*"
dep = ">=1"
later = "*"
"""


def test_stale_lock_of_a_project_gives_the_versions_that_still_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Silent()
    with opened_world(tmp_path / "world", monkeypatch, progress=progress) as (made, context):
        for version in ("1.0", "2.0"):
            make_wheel(made.index.directory, "dep", version)
            make_wheel(made.index.directory, "later", version, requires=["under"])
            make_wheel(made.index.directory, "under", version)
        locked = "".join(f'[[package]]\nname = "{name}"\nversion = "1.0"\nfiles = []\n' for name in ("dep", "under"))
        lock = f'{locked}[metadata]\npython-versions = "*"\n'
        made.write({"pyproject.toml": POETRY, "poetry.lock": lock, "main.py": "print(1)\n"})
        for _ in ("asked", "kept"):
            progress.warnings.clear()
            [resolution] = resolved(context, request(made, made.project))
            versions = {file.name: file.version for file in resolution.wheels.files}
            assert versions == {"dep": "1.0", "later": "2.0", "under": "1.0"}
            [(message, hint)] = progress.warnings
            assert message.startswith("reading poetry.lock: later is required but not locked; keeping its versions")
            assert hint == "update the lock: poetry lock"


def test_dependency_is_installed_when_the_tree_lies_in_a_directory_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened_world(tmp_path / "world", monkeypatch) as (made, context):
        make_wheel(made.index.directory, "dep")
        make_wheel(made.index.directory, "uses-dep", requires=["dep"])
        directory = made.place / "dep"
        directory.mkdir()
        (directory / "main.py").write_text("import dep\n")
        (directory / "requirements.txt").write_text("dep\nuses-dep\n")
        [resolution] = resolved(context, request(made, directory))
        assert resolution.application.installed.name == "dep"
        assert [file.name for file in resolution.wheels.files] == ["dep", "uses-dep"]
