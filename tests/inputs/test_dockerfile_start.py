"""What a Dockerfile starts is a service, where nothing else tells of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.config.services import DetectedApplication
from grocker.inputs.dockerfile_start import find_started
from grocker.progress import Silent
from tests.support.phases import opened_world, request, resolved
from tests.support.wheels import make_wheel

PATHS = {"main.py", "bot/__main__.py", "shop/web.py", "shop/__init__.py", "src/inner/app.py", "jobs/run.py"}


@pytest.mark.parametrize(
    ("start", "found"),
    [
        ('CMD ["gunicorn", "-b", "0.0.0.0:8000", "shop.web:app"]', DetectedApplication(target="shop.web:app")),
        ("CMD exec uvicorn inner.app:api --port 80", DetectedApplication(kind="asgi", target="inner.app:api")),
        ('CMD ["uv", "run", "--no-sync", "python", "-m", "bot"]', {"worker": ("python", "-m", "bot")}),
        ('EXPOSE 9000\nCMD ["python3", "-u", "main.py"]', {"www": ("python", "/opt/app/main.py")}),
        (
            "WORKDIR /code\nCMD python /code/jobs/run.py --port 80",
            {"www": ("python", "/opt/app/jobs/run.py", "--port", "80")},
        ),
        (
            'ENTRYPOINT ["tini", "--"]\nCMD ["python", "main.py", "-v"]',
            {"worker": ("python", "/opt/app/main.py", "-v")},
        ),
        ('ENTRYPOINT ["python"]\nCMD ["main.py"]', {"worker": ("python", "/opt/app/main.py")}),
        ('CMD ["sh", "-c", "python main.py"]', {"worker": ("python", "/opt/app/main.py")}),
        ('ENTRYPOINT ["sh", "-ec"]\nCMD ["python main.py"]', {"worker": ("python", "/opt/app/main.py")}),
        ('ENTRYPOINT ["sh", "x.sh"]\nCMD ["gunicorn shop.web:app"]', {}),
        ('ENTRYPOINT []\nCMD ["python", "main.py"]', {"worker": ("python", "/opt/app/main.py")}),
        ('CMD ["uvicorn", "--factory", "shop.web:make"]', {}),
        ('CMD ["sh", "-c", "python main.py && true"]', {}),
        ("CMD python main.py $OPTIONS", {}),
        ("CMD python manage.py runserver", {}),
        ('CMD ["python", "elsewhere.py"]', {}),
        ('CMD ["python", "../main.py"]', {}),
        ('CMD ["python", "-m", "http.server"]', {}),
        ('CMD ["gunicorn", "elsewhere:app"]', {}),
        ('ENTRYPOINT ["./entrypoint.sh"]\nCMD ["python", "main.py"]', {}),
        ('CMD ["nginx", "-g", "daemon off;"]', {}),
        ("CMD []", {}),
        ("", {}),
    ],
)
def test_command_of_a_dockerfile_is_a_service_when_the_image_has_it(
    start: str, found: DetectedApplication | dict[str, tuple[str, ...]]
) -> None:
    expected = found if isinstance(found, DetectedApplication) else DetectedApplication(commands=found)
    assert find_started(f"FROM python:3.12\n{start}\n", PATHS) == expected


def test_stages_that_the_last_one_is_not_built_upon_do_not_count() -> None:
    front_end = 'FROM node AS js\nCMD ["python", "shop/web.py"]\n'
    text = f"{front_end}FROM python:3.12 AS base\nWORKDIR /x\nFROM base\nCMD python /x/main.py\n"
    assert find_started(text, PATHS).commands == {"worker": ("python", "/opt/app/main.py")}


@pytest.mark.slow
@pytest.mark.parametrize("ignored", ["", "Dockerfile\n"])
def test_tree_without_another_service_starts_what_its_dockerfile_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignored: str
) -> None:
    with opened_world(tmp_path / "world", monkeypatch, progress=Silent()) as (made, context):
        make_wheel(made.index.directory, "aiohttp", files={"aiohttp/__init__.py": ""})
        files = {
            "requirements.txt": "aiohttp\n",
            "polls/__main__.py": "from aiohttp import web\n",
            ".dockerignore": ignored,
        }
        made.write(
            {"pyproject.toml": "", **files, "Dockerfile": 'FROM python\nEXPOSE 80\nCMD ["python", "-m", "polls"]\n'}
        )
        [resolution] = resolved(context, request(made, made.project))
        assert {name: one.command for name, one in resolution.services.items()} == {"www": ("python", "-m", "polls")}
        assert str(made.project / "Dockerfile") in resolution.application.files
