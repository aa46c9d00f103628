"""K1 from the other end: a project with a crontab, built and run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Done, Engine

pytestmark = pytest.mark.network

TAG = "grocker-test/cron-jobs:1.0"
PROJECT = {
    "pyproject.toml": """\
[build-system]
requires = ["flit_core>=3.11"]
build-backend = "flit_core.buildapi"

[project]
name = "cron-jobs"
version = "1.0"
description = "greets"
requires-python = ">=3.11"

[project.scripts]
blue = "cron_jobs:main"
""",
    "src/cron_jobs/__init__.py": 'def main():\n    print("hello from the package")\n',
}


def _build(tmp_path: Path, files: dict[str, str]) -> Done:
    for name, text in {**PROJECT, **files}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    line = [sys.executable, "-m", "grocker", "build", str(tmp_path), "-t", TAG, "--output", "docker"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.docker
@pytest.mark.xdist_group("cron-jobs")  # one tag
@pytest.mark.parametrize(
    "files",
    [
        # A command may be called as the user is, when it is the application's own.
        {"src/cron_jobs/crontab": "# grocker: name=greet\n@reboot blue\n"},
        {
            "src/cron_jobs/crontab": "@reboot echo not this\n",
            "jobs": "# grocker: name=greet\n@reboot blue\n",
            "grocker.toml": 'crontab = "jobs"\n',
        },
    ],
)
def test_K1_crontab_of_the_package_or_the_settings_is_in_the_image(tmp_path: Path, files: dict[str, str]) -> None:
    built = _build(tmp_path, files)
    assert built.status == 0, built.err
    with Engine("docker", TAG).started("cron") as container:
        logs = container.wait_for("succeeded: status 0")
        assert "greet[" in logs
        assert "]: hello from the package" in logs
        assert "not this" not in logs
        assert container.stop() == 0


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"src/cron_jobs/crontab": "\n0 25 * * * blue\n"}, "cron_jobs/crontab:2: hour '25': 25 is not in 0-23"),
        (
            {"src/cron_jobs/crontab": "@daily root x\n"},
            "cron_jobs/crontab:1: the command starts with the user name 'root'",
        ),
        ({"jobs": "# grocker: nam=x\n", "grocker.toml": 'crontab = "jobs"\n'}, "jobs:1: unknown option 'nam'"),
        ({"grocker.toml": 'crontab = "nowhere"\n'}, "crontab: cannot read "),
    ],
)
def test_K1_wrong_crontab_ends_the_build_with_file_and_line(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    built = _build(tmp_path, files)
    assert (built.status, built.out) == (78, "")
    assert built.err.splitlines()[-2].startswith(f"error: {message}")
