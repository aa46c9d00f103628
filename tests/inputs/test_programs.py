"""Debian packages that an application needs where it runs."""

from __future__ import annotations

import pytest

from grocker.inputs.programs import find_run_packages
from grocker.tar.entry import File

SITE = "opt/app"


def found(source: str, path: str = "shop/version.py") -> dict[str, str]:
    return find_run_packages((), [File(f"{SITE}/{path}", source.encode())], SITE)


def test_packages_follow_from_distributions_that_load_libraries_or_start_programs() -> None:
    assert find_run_packages({"gitpython", "flask"}, (), SITE) == {"git": "gitpython needs it"}
    assert find_run_packages({"psycopg"}, (), SITE) == {"libpq5": "psycopg needs it"}
    assert find_run_packages({"psycopg", "psycopg-binary"}, (), SITE) == {}


@pytest.mark.parametrize(
    "call",
    [
        'subprocess.run(["git", "show"])',
        'subprocess.check_output(["git"] + more, text=True)',
        'run_command(("git", "show", name))',
        'os.system("git show")',
        'subprocess_run(f"git show {name}")',
        'subprocess.run("git " + name, shell=True)',
        'command = ["git", "show"]\nsubprocess.run(command)',
        'try:\n    subprocess.run(["git"])\nexcept subprocess.CalledProcessError:\n    pass',
    ],
)
def test_program_counts_when_the_application_calls_it(call: str) -> None:
    assert found(f"import os, subprocess\n{call}\n") == {"git": "shop/version.py starts git"}


@pytest.mark.parametrize(
    "call",
    [
        'subprocess.run(["unheard-of"])',
        'subprocess.run([program, "git"])',
        'convert.run("convert the picture")',
        'TOOLS = ["git", "hg"]',
        'shutil.which("git")',
        'try:\n    subprocess.run(["git"])\nexcept FileNotFoundError:\n    pass',
        'try:\n    subprocess.run(["git"])\nexcept (ValueError, OSError):\n    pass',
        'try:\n    subprocess.run(["git"])\nexcept:\n    pass',
        'subprocess.run(["git"]) if',
    ],
)
def test_program_does_not_count_when_it_is_optional_or_not_called(call: str) -> None:
    assert found(f"import shutil, subprocess\n{call}\n") == {}


@pytest.mark.parametrize("path", ["tests/a.py", "shop/tests/test_a.py", "scripts/release.py", "setup.py", "notes.txt"])
def test_program_does_not_count_when_no_service_runs_the_module(path: str) -> None:
    assert found('import subprocess\nsubprocess.run(["git"])\n', path) == {}


def test_program_of_a_finally_block_or_handler_counts() -> None:
    source = 'import subprocess\ntry:\n    a()\nexcept Exception:\n    subprocess.run(["curl", "x"])\n'
    assert found(source) == {"curl": "shop/version.py starts curl"}


def geodjango(source: str, path: str = "shop/settings.py", distributions: tuple[str, ...] = ("django",)) -> list[str]:
    entries = [File(f"{SITE}/{path}", source.encode())]
    packages = find_run_packages(distributions, entries, SITE)
    assert set(packages.values()) <= {f"{path} uses django.contrib.gis"}
    return list(packages)


@pytest.mark.parametrize(
    "source",
    [
        'INSTALLED_APPS = ["django.contrib.admin", "django.contrib.gis"]',
        "INSTALLED_APPS = [\n    'django.contrib.gis',\n]",
        'DATABASES = {"default": {"ENGINE": "django.contrib.gis.db.backends.postgis"}}',
        "from django.contrib.gis.db import models",
        "from django.contrib.gis import admin",
        "import django.contrib.gis.gdal",
        "def near():\n    from django.contrib.gis.geos import Point",
    ],
)
def test_gdal_counts_when_the_application_uses_geodjango(source: str) -> None:
    assert geodjango(source) == ["libgdal"]


def test_spatialite_counts_when_it_is_the_database() -> None:
    engine = 'DATABASES = {"default": {"ENGINE": "django.contrib.gis.db.backends.spatialite"}}'
    assert geodjango(engine) == ["libgdal", "libsqlite3-mod-spatialite"]


@pytest.mark.parametrize(
    "source",
    [
        '# INSTALLED_APPS = ["django.contrib.gis"]',
        "from django.contrib.gis.geoip2 import GeoIP2",
        "from django.contrib.gis import geoip2",
        "try:\n    from django.contrib.gis.geos import Point\nexcept ImportError:\n    Point = None",
        'HELP = "see django.contrib.gis"',
        "from django.contrib.gist import x",
    ],
)
def test_gdal_does_not_count_when_geodjango_is_optional_or_not_used(source: str) -> None:
    assert geodjango(source) == []


def test_gdal_does_not_count_when_django_is_not_installed_or_a_test_uses_it() -> None:
    assert geodjango('APPS = ["django.contrib.gis"]', distributions=("flask",)) == []
    assert geodjango("from django.contrib.gis.geos import Point", path="shop/tests/test_map.py") == []
