"""Modules of Debian's packages in an image: seen if the settings ask for it, after the application's own wheels."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Engine

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network, pytest.mark.long(60)]

REPORT = """\
import sys, time
import yaml
from gi.repository import GLib

print(f"GLib {GLib.MAJOR_VERSION}, {yaml.__file__}", flush=True)
if sys.argv[1:] == ["wait"]:
    time.sleep(600)
"""
FILES = {
    "report.py": REPORT,
    "requirements.txt": "pyyaml\n",
    "crontab": "@reboot python report.py\n",
    "grocker.toml": 'crontab = "crontab"\ndependencies = ["python3-gi", "python3-yaml", "python3-tk"]\n'
    '[services.report]\ncommand = ["python", "-m", "report", "wait"]\n',
}
REPORTED = "GLib 2, /opt/venv/lib/python3.13/site-packages/yaml/__init__.py"


@contextmanager
def built(place: Path, settings: str = "") -> Iterator[tuple[Engine, str]]:
    """The image, and what the build said."""
    for path, text in FILES.items():
        (place / path).write_text(text)
    with (place / "grocker.toml").open("a") as file:
        file.write(settings)
    image = f"grocker-test-{uuid.uuid4().hex[:12]}:1"
    grocker = [sys.executable, "-m", "grocker", "build", ".", "-t", image, "-o", "docker"]
    done = subprocess.run(grocker, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    docker = Engine("docker", image)
    try:
        yield docker, done.stderr
    finally:
        docker.check("rmi", "--force", image)


def test_modules_of_debian_packages_are_seen_on_request_and_a_wheel_of_the_same_name_wins(tmp_path: Path) -> None:
    with built(tmp_path, "[debian]\npython-packages = true\n") as (docker, said):
        assert "warning" not in said
        with docker.started("start", "report") as container:
            container.wait_for(REPORTED)
            executed = docker.check("exec", container.name, "python", "-I", "/opt/app/report.py")
            assert executed == REPORTED
        with docker.started("cron") as container:
            container.wait_for(REPORTED)
        assert docker.run("python", "/opt/app/report.py").out == f"{REPORTED}\n"
        path = docker.run("python", "-c", "import sys; print(*sys.path[-2:])").out
        assert path == "/opt/venv/lib/python3.13/site-packages /usr/lib/python3/dist-packages\n"


def test_modules_of_debian_packages_are_not_seen_otherwise_and_the_build_says_so(tmp_path: Path) -> None:
    with built(tmp_path) as (docker, said):
        assert (
            "warning: the application cannot import the modules of python3-gi, python3-yaml: they are outside its"
            " virtual environment\n"
            "hint: set python-packages = true in [tool.grocker.debian]; or false, if only Debian's own programs need"
            " them, to hide this warning\n"
        ) in said
        assert "report.py imports gi, which is not in the image" in said
        assert "No module named 'gi'" in docker.run("python", "/opt/app/report.py").err
        assert docker.run("/usr/bin/python3", "-c", "import gi.repository, yaml; print(yaml.__file__)").out == (
            "/usr/lib/python3/dist-packages/yaml/__init__.py\n"
        )
        assert docker.run("python", "-c", "import tkinter").status == 0
