"""What lies beside an application: files, writable paths and working directories, in three images."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Engine

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network]


def build(place: Path, source: str, files: Mapping[str, str]) -> tuple[Engine, str]:
    """Write ``files`` below ``place``, build ``source`` of them; return the image, and what the build said."""
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    image = f"grocker-test-{uuid.uuid4().hex[:12]}:1"
    grocker = [sys.executable, "-m", "grocker", "build", source, "-t", image, "-o", "docker"]
    built = subprocess.run(grocker, cwd=place, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return Engine("docker", image), built.stderr


@contextmanager
def media(docker: Engine) -> Iterator[tuple[str, ...]]:
    """Options with a volume for the users' files; the image goes with it at the end."""
    volume = docker.check("volume", "create", f"grocker-test-{uuid.uuid4().hex[:12]}")
    try:
        yield ("-v", f"{volume}:/media")
    finally:
        docker.check("volume", "rm", "--force", volume)
        docker.check("rmi", "--force", docker.image)


SETTINGS = """\
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "mysite.urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
"""
DJANGO = {
    "requirements.txt": "django\n",
    "manage.py": "import os, sys\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')\n"
    "from django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n",
    "mysite/__init__.py": "",
    "mysite/settings.py": SETTINGS,
    "mysite/urls.py": "urlpatterns = []\n",
    "jobs/words.txt": "relative words\n",
    "jobs/users.py": "import django\ndjango.setup()\nfrom django.contrib.auth.models import User\n"
    "print(open('words.txt').read().strip(), User.objects.count(), flush=True)\n",
    "broken.py": "import os\nos.mkdir('/opt/app/uploads')\napp = None\n",
    "grocker.toml": '[services.www]\n[services.users]\ncommand = ["python", "users.py"]\nworkdir = "jobs"\n'
    '[services.worker]\ncommand = ["python", "-c", "import os; os.mkdir(\'cache\')"]\nrestart = { times = 0 }\n'
    '[services.broken]\nwsgi = "broken:app"\nrestart = { times = 0 }\n'
    '[services.spool]\ncommand = "true"\nworkdir = "/media/spool"\n',
}


def test_E15_sqlite_of_django_is_in_media_and_a_start_that_cannot_write_says_what_to_do(tmp_path: Path) -> None:
    docker, said = build(tmp_path, ".", DJANGO)
    assert "  writable: db.sqlite3 → /media/db.sqlite3 (SQLite database)\n" in said
    with media(docker) as options:
        assert docker.run("manage.py", "migrate", options=options).status == 0
        assert docker.run("test", "-s", "/media/db.sqlite3", options=options).status == 0
        with docker.started("start", "users", options=options) as container:
            container.wait_for("relative words 0")
        refused = "; /opt/app is read-only: set [tool.grocker] writable = "
        for service, directory in (("worker", "cache"), ("broken", "uploads")):
            done = docker.run("start", service, options=options)
            assert done.status != 0
            assert done.complaints[-1].endswith(f'{refused}["{directory}"] and build again')
        done = docker.run("start", "spool", options=options)
        assert (done.status, done.complaints[-1]) == (
            78,
            "grocker: spool: its working directory /media/spool does not exist; mount or create it",
        )


SCRIPT = """\
#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = ["idna==3.4"]
#
# [tool.grocker]
# files = ["words.txt", "data"]
# writable = ["data"]
# ///
import sys, time
from importlib.metadata import version
from pathlib import Path

here = Path(__file__).parent
with (here / "data" / "log.txt").open("a") as log:
    log.write("run\\n")
runs = len(Path("/opt/app/data/log.txt").read_text().split())
seed = Path("/opt/app/data/seed.txt").read_text().strip()
print("idna", version("idna"), (here / "words.txt").read_text().strip(), seed, runs, *sys.argv[1:], flush=True)
if not sys.argv[1:]:
    time.sleep(600)
"""


def test_E15_script_runs_as_command_and_service_and_its_writable_directory_stays(tmp_path: Path) -> None:
    files = {"daily.py": SCRIPT, "words.txt": "some words\n", "data/seed.txt": "sown\n"}
    docker, _ = build(tmp_path, "daily.py", files)
    with media(docker) as options:
        assert docker.run("daily", "once", options=options).out == "idna 3.4 some words sown 1 once\n"
        docker.run("sh", "-c", "echo changed > /opt/app/data/seed.txt", options=options)
        with docker.started("start", "daily", options=(*options, "--read-only", "--tmpfs", "/tmp")) as container:
            container.wait_for("idna 3.4 some words changed 2")


PACKAGE = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1.0"\n'
    '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    '[tool.grocker]\nfiles = ["CHANGELOG.md", "conf"]\n'
    '[tool.grocker.services.shop]\ncommand = ["python", "-m", "shop"]\n',
    "CHANGELOG.md": "first change\n",
    "conf/alembic.ini": "settings of alembic\n",
    "src/shop/__init__.py": "",
    "src/shop/__main__.py": "import time\nfrom pathlib import Path\nBASE_DIR = Path(__file__).resolve().parents[2]\n"
    "print((BASE_DIR / 'CHANGELOG.md').read_text(), open('conf/alembic.ini').read(), Path.cwd(), flush=True)\n"
    "time.sleep(600)\n",
}


def test_E15_package_finds_the_files_beside_it(tmp_path: Path) -> None:
    docker, _ = build(tmp_path, ".", PACKAGE)
    with media(docker) as options, docker.started("start", "shop", options=options) as container:
        logs = container.wait_for("/opt/app")
    assert "first change" in logs and "settings of alembic" in logs


def test_E14_package_is_built_as_a_tree_when_its_wheel_lacks_templates(tmp_path: Path) -> None:
    """The requirements and commands are those of the wheel: only ``setup.py`` has them."""
    setup = (
        "from setuptools import setup\nsetup(name='old-shop', version='2', packages=['shop'], "
        "install_requires=['flask'], entry_points={'console_scripts': ['shop-tool = shop:tool']})\n"
    )
    code = (
        "from flask import Flask, render_template\napp = Flask(__name__)\n"
        "def tool():\n    with app.app_context():\n        print(render_template('a.html'))\n"
    )
    files = {"setup.py": setup, "shop/__init__.py": code, "shop/templates/a.html": "a page"}
    docker, said = build(tmp_path, ".", files)
    assert "the wheel of old-shop has no files from shop/templates/; building the source tree instead" in said
    with media(docker) as options:
        assert docker.run("shop-tool", options=options).out == "a page\n"
