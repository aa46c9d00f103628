"""Packages in directories of this host: unlike an index's, their files may be other ones at any time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grocker.python.local_packages import find_local_packages, local_packages_key
from tests.support.wheels import make_wheel
from tests.support.world import World, world

_LINKS = {"links": ("--find-links ../links\n", ""), "settings": ("", '[tool.uv]\nfind-links = ["../links"]\n')}


def build(made: World) -> str:
    """Return the image's digest."""
    done = made.run(["build", "PROJECT", "--config", "CONFIG", "--tag", "app:1", "--output", "store"])
    assert done.status == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize("named", [*_LINKS, "variable"])
def test_file_of_find_links_that_is_replaced_is_in_the_next_image(tmp_path: Path, named: str) -> None:
    requirements, settings = _LINKS.get(named, ("", ""))
    with world(tmp_path / "world") as made:
        made.environ["UV_DEFAULT_INDEX"] = "http://127.0.0.1:9/simple"
        if named == "variable":
            made.environ["UV_FIND_LINKS"] = str(made.place / "links")
        made.write(
            {
                "app.py": "import local\n",
                "requirements.txt": f"--no-index\n{requirements}local\n",
                "pyproject.toml": settings,
            }
        )
        make_wheel(made.place / "links", "local", files={"local.py": "VALUE = 1\n"})
        first = build(made)
        assert build(made) == first
        make_wheel(made.place / "links", "local", files={"local.py": "VALUE = 2\n"})
        second = build(made)
        assert second != first
        make_wheel(made.place / "links", "local", "2.0", files={"local.py": "VALUE = 2\n"})
        third = build(made)
        assert third not in (first, second)
        made.environ["GROCKER_CACHE"] = str(made.place / "empty")
        assert build(made) == third


def test_local_packages_are_those_of_find_links_and_indexes_that_are_directories(tmp_path: Path) -> None:
    project = tmp_path / "work" / "project"
    for name in ("links/a-1.0.whl", "links/b-1.0.tar.gz", "links/notes.txt", "own/c/c-1.0.zip", "given/d-1.0.whl"):
        file = tmp_path / "work" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[tool.uv]\nfind-links = ["../links", "https://links.example.invalid/all.html", "../none"]\n'
        f'[[tool.uv.index]]\nname = "own"\nurl = "file://{tmp_path}/work/own"\n'
    )
    environ = {"UV_FIND_LINKS": f"https://links.example.invalid,{tmp_path}/work/given"}
    found = find_local_packages(project, environ, tmp_path / "etc")
    names = {os.path.relpath(os.path.normpath(path), tmp_path / "work") for path in found}
    assert names == {
        *("links", "links/a-1.0.whl", "links/b-1.0.tar.gz", "none", "own", "own/c", "own/c/c-1.0.zip"),
        *("given", "given/d-1.0.whl"),
    }
    keyed = [Path(path).name for path, *_ in local_packages_key(project, environ)]
    assert sorted(keyed) == ["a-1.0.whl", "b-1.0.tar.gz", "c-1.0.zip", "d-1.0.whl"]
    assert find_local_packages(None, {}, tmp_path / "etc") == ()


@pytest.mark.parametrize(
    "address", ["http://[::1", "file://[::1", "a\0b", "a" * 300, "/etc/passwd/a", "https://x.invalid/a"]
)
def test_address_that_means_no_path_has_no_packages(tmp_path: Path, address: str) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS"):
        assert find_local_packages(tmp_path, {name: address}, tmp_path / "etc") == ()
