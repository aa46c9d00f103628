"""``grocker init`` writes settings, keeps what is there, and says what it leaves."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from grocker.cli.main import run

DOCKERFILE = 'FROM python:3.13\nRUN apt-get install -y libpq5\nRUN npm ci\nCMD ["gunicorn", "shop:app"]\n'
SETTINGS = {"dependencies": ["libpq5"], "debian": {"suite": "trixie"}, "services": {"www": {"wsgi": "shop:app"}}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GROCKER_CACHE", str(tmp_path / "cache"))
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "shop.py").write_text("")
    (directory / "Dockerfile").write_text(DOCKERFILE)
    return directory


def test_settings_are_written_beside_comments_and_left_alone_then(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = '# mine\n[project]\nname = "shop"\n'
    (project / "pyproject.toml").write_text(own)
    assert run(["init", str(project)]) == 0
    text = (project / "pyproject.toml").read_text()
    assert text.startswith(own)
    assert tomllib.loads(text)["tool"]["grocker"] == SETTINGS
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{project}/pyproject.toml: wrote debian, dependencies, services\n" in err
    assert "  Dockerfile:3: RUN npm ci: list its commands in [tool.grocker.build]" in err
    assert run(["init", str(project)]) == 78
    assert "already has settings, in pyproject.toml [tool.grocker]\nhint: " in capsys.readouterr().err
    assert (project / "pyproject.toml").read_text() == text


def test_settings_are_written_to_a_file_of_their_own_when_there_is_no_project(project: Path) -> None:
    assert run(["init", "--quiet", str(project)]) == 0
    assert tomllib.loads((project / "grocker.toml").read_text()) == SETTINGS


def test_settings_are_printed_and_not_written_in_a_dry_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--dry-run", str(project)]) == 0
    assert tomllib.loads(capsys.readouterr().out) == SETTINGS
    assert not (project / "grocker.toml").exists()


def test_nothing_is_written_when_there_is_nothing_to_say(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "Dockerfile").unlink()
    assert run(["init", str(project)]) == 0
    assert (
        "nothing to write: no service was found; to declare one, add [tool.grocker.services.www]"
        in capsys.readouterr().err
    )
    assert not (project / "grocker.toml").exists()
