"""Lock files that are not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.errors import SettingsError
from grocker.python.locks.unread import check_unread

REQUIREMENTS = ("httpx>=0.27", "Flask_Login", "django==5.2")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("pixi.lock", "uv lock"),
        ("pylock.one.toml", "pylock.toml"),
        ("conda-lock.yml", "uv lock"),
    ],
)
def test_lock_that_is_not_read_is_an_error_with_the_remedy(tmp_path: Path, name: str, remedy: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(SettingsError, match=f"{name} pins versions, but Grocker does not read it") as caught:
        check_unread(tmp_path, REQUIREMENTS)
    assert remedy in str(caught.value.hint)
    assert "--ignore-lock" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "httpx==0.27.0\n"),
        (
            "requirements.txt",
            "# by pip-compile\nsix==1.0\nhttpx[http2] == 0.27.0 ; python_version > '3' \\\n  --hash=x\n",
        ),
        ("requirements/prod.txt", "flask.login===1.0 # why\n"),
        ("requirements.lock", "-e file:.\nhttpx==0.27.0\n"),
        ("requirements.txt", "django==5.1\n"),
    ],
)
def test_requirements_that_pin_what_is_required_are_an_error(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=f"{name} pins (httpx|flask-login|django) ") as caught:
        check_unread(tmp_path, REQUIREMENTS)
    assert f"uv add -r {name}" in str(caught.value.hint)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pytest==8.0\nruff==0.5\n",
        "httpx>=0.27,<1\n",
        "httpx==0.27.*\n",
        "django==5.2\n",
        "-r other.txt\n",
        "httpx\n",
    ],
)
def test_requirements_that_pin_nothing_of_the_application_are_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "requirements.txt").write_text(text)
    (tmp_path / "pixi.lock").mkdir()
    check_unread(tmp_path, REQUIREMENTS)
