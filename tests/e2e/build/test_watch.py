"""``grocker run --watch`` with a real engine: what is saved is answered."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from tests.support.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network]
APPLICATION = """\
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"ANSWER"]
"""


def _answer(port: int) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def _wait_for(answer: str, port: int, watching: subprocess.Popen[bytes], log: Path) -> None:
    while _answer(port) != answer:  # until pytest's own limit
        assert watching.poll() is None, log.read_text()
        time.sleep(0.1)


def test_change_is_answered_by_a_new_container(tmp_path: Path) -> None:
    project = tmp_path / "watched"
    project.mkdir()
    module = project / "wsgi.py"
    module.write_text(APPLICATION.replace("ANSWER", "one"))
    port, supervision = free_port(), free_port()
    line: list[str | Path] = [
        sys.executable,
        "-m",
        "grocker",
        "run",
        "--watch",
        "--engine",
        "docker",
        "--port",
        str(port),
    ]
    log = tmp_path / "log"
    with log.open("wb") as stream:
        words = [*line, "--supervision", str(supervision), project, "start", "www"]
        watching = subprocess.Popen(words, cwd=tmp_path, stdout=stream, stderr=stream)
    try:
        _wait_for("one", port, watching, log)
        module.write_text(APPLICATION.replace("ANSWER", "two"))
        _wait_for("two", port, watching, log)
    finally:
        watching.send_signal(signal.SIGINT)
        status = watching.wait(PATIENCE)
    running = ["docker", "ps", "--quiet", "--filter", f"name=grocker-watch-{watching.pid}"]
    assert subprocess.run(running, capture_output=True, check=True).stdout == b""
    assert status == 130, log.read_text()
