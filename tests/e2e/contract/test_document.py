"""The contract's "Text that must work as written": the commands of the original document, character by character."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Container, Engine, Folders

POLLS = Path(__file__).resolve().parents[3] / "examples" / "polls"


@pytest.fixture
def host(folders: Folders) -> Folders:
    """The document's tree, with the example's files in it."""
    shutil.copytree(POLLS / "config", folders.config, dirs_exist_ok=True)
    for script in (POLLS / "scripts").iterdir():
        shutil.copy(script, folders.scripts)
    for path in folders.config.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    ssh = folders.root / "ssh"
    ssh.mkdir()
    (ssh / "id_rsa").write_text("a key\n")
    return folders


@pytest.fixture
def log(tmp_path: Path) -> Iterator[str]:
    """The host's syslog socket."""
    if Path("/dev/log").is_socket():
        yield "/dev/log"
        return
    path = Path("/tmp") / f"grocker-test-log-{time.monotonic_ns()}"  # a socket's path has at most 107 bytes
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        yield str(path)
    path.unlink()


@pytest.fixture
def mounts(host: Folders, log: str) -> list[str]:
    return [*host.options, "--volume", f"{log}:/dev/log:rw"]


def _get(url: str, seconds: float = 30) -> str:
    limit = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except (OSError, urllib.error.URLError):
            assert time.monotonic() < limit, f"{url} does not answer"
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_document_migrates_and_runs_the_service_and_a_script(engine: Engine, host: Folders, mounts: list[str]) -> None:
    with engine.terminal("django-admin.py", "migrate", options=mounts) as terminal:
        terminal.expect("Applying polls.0001_initial.*OK", 60)
        assert terminal.wait() == 0

    with engine.terminal("add_question", "Tabs or spaces?", "Tabs", "Spaces", options=mounts) as terminal:
        assert terminal.wait(60) == 0, terminal.shown
    assert [path.name for path in host.scripts.glob("question-*.txt")], "a script's output stays in its folder"

    port, supervision = _free_port(), _free_port()
    ports = ["-p", f"127.0.0.1:{port}:8080", "-p", f"127.0.0.1:{supervision}:8081"]
    ssh = ["--volume", f"{host.root}/ssh:/config/ssh-dir:ro"]
    with engine.terminal("start", "www", options=[*mounts, *ssh, *ports]) as terminal:
        page = _get(f"http://127.0.0.1:{port}/")
        assert "Polls of the demo" in page, "90_override.ini counts"
        assert "Tabs or spaces?" in page
        terminal.press("\x03")
        assert terminal.wait() == 0, terminal.shown


def test_document_opens_a_shell(engine: Engine, mounts: list[str]) -> None:
    with engine.terminal(options=mounts) as terminal:
        terminal.expect(r"[$#] ")
        terminal.press("echo in $PWD as $(id -un), $(command -v python)\n")
        terminal.expect(r"in /scripts as blue, /opt/venv/bin/python")
        terminal.press("exit 5\n")
        assert terminal.wait() == 5


def test_document_makes_a_folder_writable(docker: Engine, host: Folders, mounts: list[str]) -> None:
    """``chmod go+rwX`` on the folder and ``chmod -R go+rX`` below it are enough."""
    host.script("report", "#!/usr/bin/env python\nopen('report.txt', 'w').write('done')\n", 0o700)
    host.scripts.chmod(0o700)
    subprocess.run(["chmod", "go+rwX", host.scripts], check=True)
    subprocess.run(["chmod", "-R", "go+rX", host.scripts], check=True)
    done = docker.run("report", options=mounts)
    assert (done.status, done.err) == (0, "")
    assert (host.scripts / "report.txt").read_text() == "done"


def test_document_starts_the_service_without_a_terminal(docker: Engine, mounts: list[str]) -> None:
    with docker.started("start", "www", options=mounts) as container:
        _answers(container)
        assert container.stop() == 0


def _answers(container: Container) -> None:
    container.wait_for("Listening at")
    assert _get(f"http://{container.address()}:8080/healthz") == "ok\n"
