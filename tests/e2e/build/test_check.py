"""``grocker build --check`` starts what it built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network]
APPLICATION = """\
import os
SECRET = os.environ["SHOP_SECRET"]
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
"""


def built(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grocker", "build", ".", "-t", "grocker-test-check:1", "-o", "docker", *options]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def containers() -> str:
    command = ["docker", "ps", "--all", "--filter", "name=grocker-check-", "--filter", "ancestor=grocker-test-check:1"]
    return subprocess.run([*command, "--quiet"], capture_output=True, text=True, check=True).stdout


def test_build_fails_with_the_traceback_when_a_service_does_not_start_and_passes_when_it_does(tmp_path: Path) -> None:
    (tmp_path / "wsgi.py").write_text(APPLICATION)
    plain = built(tmp_path)
    assert plain.returncode == 0, plain.stderr
    failed = built(tmp_path, "--check")
    assert failed.returncode == 78
    assert "the service www stopped:" in failed.stderr
    assert "KeyError: 'SHOP_SECRET'" in failed.stderr
    assert "hint: if it lacks its configuration, pass it: grocker build --check --env NAME=VALUE" in failed.stderr
    passed = built(tmp_path, "--check", "--env", "SHOP_SECRET=x")
    assert passed.returncode == 0, passed.stderr
    assert containers() == ""


def test_check_is_refused_when_no_engine_got_the_image(tmp_path: Path) -> None:
    (tmp_path / "wsgi.py").write_text(APPLICATION)
    command = [sys.executable, "-m", "grocker", "build", ".", "-o", "store", "--check"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "--check needs an engine" in done.stderr) == (64, True)
