"""examples/polls is an ordinary project: it runs from a plain virtual environment, without any of Grocker's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.architecture.source import ROOT
from tests.support.patience import PATIENCE
from tests.support.ports import free_port

POLLS = ROOT / "examples/polls"

pytestmark = [pytest.mark.e2e, pytest.mark.network]


class Site:
    """The site as served on ``base``, its data under ``home``, its commands in ``programs``."""

    def __init__(self, programs: Path, home: Path, port: int) -> None:
        self.home = home
        self.base = f"http://127.0.0.1:{port}"
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PYTHON", "POLLS_", "DJANGO_"))
            },
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PORT": str(port),
            "POLLS_SITE_CONFIG": str(POLLS / "config/app/*.ini"),
        }
        no_proxy = urllib.request.ProxyHandler({})
        self._open = urllib.request.build_opener(no_proxy, urllib.request.HTTPCookieProcessor(CookieJar())).open

    def run(self, *command: str | Path) -> str:
        """What a command writes to its standard output."""
        done = subprocess.run(
            command, cwd=self.home, env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, path: str) -> str:
        """A page."""
        with self._open(self.base + path, timeout=PATIENCE) as answer:
            return str(answer.read(), "utf-8")

    def post(self, path: str, page: str, body: bytes | None = None, kind: str = "") -> str:
        """The page that follows a form sent from ``page``; without ``body``, a form that has its token alone."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found
        headers = {"X-CSRFToken": found[1], **({"Content-Type": kind} if kind else {})}
        data = body or urlencode({"csrfmiddlewaretoken": found[1]}).encode()
        with self._open(urllib.request.Request(self.base + path, data, headers), timeout=PATIENCE) as answer:
            return str(answer.read(), "utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    top = tmp_path_factory.mktemp("polls")
    source, home = top / "source", top / "home"
    shutil.copytree(POLLS, source)
    (home / "media").mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", top / "venv"], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(top / "venv/bin/python")]
    subprocess.run([*pip, "install", "--quiet", "--no-compile", source], check=True, capture_output=True)
    site = Site(top / "venv/bin", home, free_port())
    server = subprocess.Popen(
        ["polls-site", "serve"],
        cwd=home,
        env=site.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                assert site.get("/healthz") == "ok\n"
                break
            except urllib.error.URLError:
                assert server.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.1)
        yield site
    finally:
        server.terminate()
        server.wait(PATIENCE)


def test_polls_runs_without_grocker_when_installed_by_pip(site: Site) -> None:
    assert "OK" in site.run("polls-site", "migrate")
    assert "No changes" in site.run("polls-site", "makemigrations", "--check", "--dry-run")
    assert site.run(POLLS / "scripts/add_question", "Tabs or spaces?", "Tabs", "Spaces").startswith("question 1")
    assert (site.home / "question-1.txt").read_text() == "Tabs or spaces?\n- Tabs\n- Spaces\n"
    front = site.get("/")
    assert "<title>Polls of the demo</title>" in front, "the operator's file is read"
    assert "Tabs or spaces?" in front
    question = site.get("/1/")
    assert "<small>1</small>" in site.post("/1/2/vote", question)
    upload = (
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="notes.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nhello\r\n--edge--\r\n"
    )
    assert "notes.txt" in site.post("/1/attach", question, upload, "multipart/form-data; boundary=edge")
    assert site.get("/attachments/1") == "hello"
    assert [path.read_text() for path in (site.home / "media/attachments").iterdir()] == ["hello"]
