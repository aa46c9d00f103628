"""A package is built as a source tree if its back end leaves out what is served, or cannot run without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.config.settings import Settings
from grocker.errors import CorruptError
from grocker.progress import Silent
from tests.support.phases import opened_world, request, resolved
from tests.support.wheels import make_wheel

PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "shop"
version = "1"
"""
BACKEND = """\
import zipfile
{0}
def build_wheel(directory, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(directory + "/shop-1-py3-none-any.whl", "w") as wheel:
        wheel.write("shop/__init__.py")
        wheel.write("shop/wsgi.py")
        about = "shop-1.dist-info/"
        wheel.writestr(about + "METADATA", "Metadata-Version: 2.1\\nName: shop\\nVersion: 1\\n")
        wheel.writestr(about + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(about + "RECORD", "")
    return "shop-1-py3-none-any.whl"
"""
WSGI = """\
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.main")
application = get_wsgi_application()
"""
FILES = {"pyproject.toml": PROJECT, "shop/__init__.py": "", "shop/wsgi.py": WSGI, "requirements.txt": ""}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "backend", "warning"),
    [
        ({"settings/main.py": ""}, "", "the wheel of shop lacks settings/main.py, which a service needs"),
        (
            {"shop/wsgi.py": "", "app.py": "from flask import Flask\napp = Flask(__name__)\n"},
            "",
            "the wheel of shop starts nothing, but the project's files start app:app",
        ),
        (
            {},
            "import a_dependency",
            "building shop: its build back end failed: ModuleNotFoundError: No module named 'a_dependency'",
        ),
        (
            {},
            "open('x')",
            "building shop: its build back end failed: FileNotFoundError: [Errno 2] No such file or directory: 'x'",
        ),
        ({}, "", None),
    ],
)
def test_package_is_a_tree_when_its_wheel_cannot_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], backend: str, warning: str | None
) -> None:
    progress = Silent()
    with opened_world(tmp_path / "world", monkeypatch, progress=progress) as (made, context):
        make_wheel(made.index.directory, "gunicorn", files={"gunicorn/__init__.py": ""})
        made.write({**FILES, **files, "backend.py": BACKEND.format(backend)})
        [resolution] = resolved(context, request(made, made.project))
        said = [message for message, _ in progress.warnings if "source tree" in message]
        assert said == ([f"{warning}; building the source tree instead"] if warning else [])
        assert (resolution.application.directory is not None) == (warning is not None)
        described = [
            entry.path.rpartition("/")[2]
            for entry in resolution.application.installed.entries
            if ".dist-info/" in entry.path
        ]
        assert ("METADATA" in described) == (warning is None or "build back end" not in warning)
        assert ("RECORD" in described) == (warning is None)
        if "a_dependency" in backend:
            with pytest.raises(CorruptError, match="a_dependency"):
                resolved(context, request(made, made.project), Settings(install="package"))
