"""A directory without a project of its own stands for the only project below it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from grocker.errors import MissingError
from grocker.inputs.nested_project import find_nested
from grocker.inputs.origin import parse_origin

PROJECT = '[project]\nname = "shop"\nversion = "1"\n'


def make(place: Path, names: Sequence[str], text: str = "") -> None:
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["backend/requirements.txt", "frontend/package.json", "docs/requirements.txt"], "backend"),
        (["README.md", "app/Pipfile", "e2e-tests/requirements.txt", ".venv/setup.py"], "app"),
        (["app/requirements.txt", "infra/requirements.txt", "infra/Dockerfile"], "app"),
        (["app/requirements.txt", "venv/requirements.txt", "venv/pyvenv.cfg"], "app"),
        (["core/requirements.txt", "core/src/shop/main.py", "infra/requirements.txt"], "core"),
        (["requirements.txt", "app/requirements.txt"], "."),
        (["main.py", "client/requirements.txt"], "."),
        (["package.json", "api/requirements.txt"], "."),
        (["Procfile", "api/requirements.txt"], "."),
        (["shop/__init__.py"], "."),
        (["a/b/requirements.txt"], "."),
    ],
)
def test_only_project_below_is_built_when_a_directory_has_none(
    tmp_path: Path, names: Sequence[str], expected: str
) -> None:
    make(tmp_path, [*names, "app/main.py", "backend/shop/main.py", "client/main.py", "api/main.py", "a/b/main.py"])
    found = find_nested(parse_origin(".", tmp_path))
    assert found.path == tmp_path / expected
    looked_at = {str(tmp_path), f"{tmp_path}/{expected}"}
    assert looked_at.issubset(found.passed) if expected != "." else found.passed == ()


def test_tables_decide_whether_pyproject_toml_describes_a_project(tmp_path: Path) -> None:
    make(tmp_path, ["backend/pyproject.toml"], PROJECT)
    make(tmp_path, ["backend/main.py"])
    make(
        tmp_path, ["pyproject.toml", "web/pyproject.toml"], "[tool.ruff]\n[tool.uv.workspace]\nmembers = ['backend']\n"
    )
    assert find_nested(parse_origin(".", tmp_path)).path == tmp_path / "backend"
    make(tmp_path, ["pyproject.toml"], "[tool.grocker]\n")
    assert find_nested(parse_origin(".", tmp_path)).path == tmp_path / "."


def test_user_chooses_when_there_are_several_projects(tmp_path: Path) -> None:
    make(tmp_path, ["api/requirements.txt", "api/main.py", "core/requirements.txt", "core/src/shop/main.py"])
    make(tmp_path, ["worker/setup.py"])
    with pytest.raises(MissingError, match="several below: api, core, worker") as caught:
        find_nested(parse_origin(".", tmp_path))
    assert caught.value.hint == f"name the one to build: grocker build {tmp_path / 'api'}"
    assert find_nested(parse_origin("./worker", tmp_path)).path == tmp_path / "worker"
    assert find_nested(parse_origin("cowsay", tmp_path)).path is None
