"""A project with a Dockerfile: ``grocker init`` writes its settings, and the image that follows does the same work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Engine

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network]
FILES = {
    "Dockerfile": """\
FROM python:3.13-slim
RUN apt-get update && apt-get install -y --no-install-recommends gettext-base gcc && rm -rf /var/lib/apt/lists/*
ENV GREETING="from the Dockerfile" PYTHONUNBUFFERED=1
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
RUN pybabel compile -d locale
EXPOSE 5000
CMD ["python", "serve.py"]
""",
    "requirements.txt": "idna==3.4\n",
    "serve.py": """\
import http.server, os, subprocess, idna
text = subprocess.run(["envsubst"], input=b"hello $GREETING", capture_output=True, check=True).stdout
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text)
server = http.server.HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler)
print("at work", flush=True)
server.serve_forever()
""",
}
ASK = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/').read().decode())"


def grocker(*words: str, directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grocker", *words]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def test_image_does_what_the_dockerfile_says_when_its_settings_come_from_init(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    written = grocker("init", directory=tmp_path)
    assert written.returncode == 0, written.stderr
    assert "Dockerfile:8: RUN pybabel compile -d locale" in written.stderr
    image = "grocker-test-init:latest"
    built = grocker("build", ".", "-t", image, "-o", "docker", directory=tmp_path)
    assert built.returncode == 0, built.stderr
    with Engine("docker", image).started("start", "www") as container:
        container.wait_for("at work")
        said = container.exec("python", "-c", ASK)
        assert (said.status, said.out.strip()) == (0, "hello from the Dockerfile"), container.logs()
