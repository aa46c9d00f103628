"""The contract's "Text that must work as written": the commands of the original document, character by character."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Engine, Folders
from tests.e2e.contract.test_V4_syslog import RSYSLOGD, Syslog
from tests.support.patience import PATIENCE
from tests.support.ports import free_port

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


class HostLog(Syslog):
    """The host's syslog daemon; as text its socket."""

    def __str__(self) -> str:
        return str(self.socket)


@pytest.fixture
def log() -> Iterator[HostLog]:
    if RSYSLOGD is None:
        pytest.skip("rsyslog is not installed")
    # Where every user gets to, and a short path: that of a socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="grocker-log-", dir="/tmp") as place:
        made = HostLog(Path(place) / "host")
        Path(place).chmod(0o755)
        made.start()
        yield made
        made.stop()


@pytest.fixture
def mounts(host: Folders, log: HostLog) -> list[str]:
    return [*host.options, "--volume", f"{log}:/dev/log:rw"]


def _get(url: str, seconds: float = PATIENCE) -> str:
    limit = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return str(answer.read().decode())
        except (OSError, urllib.error.URLError):
            assert time.monotonic() < limit, f"{url} does not answer"
            time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Application:
    """What the document's commands are about. ``migrates``: what ``migrate`` says; ``script``: one of its own, and its
    arguments; ``leaves``: what that leaves in the folder; ``path``, ``shows``: a page, and words on it.
    """

    tag: str
    migrates: str
    script: tuple[str, ...]
    leaves: str
    path: str
    shows: tuple[str, ...]


POLLS_SITE = Application(
    tag="polls-site",
    migrates="Applying polls.0001_initial.*OK",
    script=("add_question", "Tabs or spaces?", "Tabs", "Spaces"),
    leaves="question-*.txt",
    path="/",
    shows=("Polls of the demo", "Tabs or spaces?"),  # 90_override.ini counts
)


@pytest.mark.clause("E1", "E3", "E4", "E5", "E8", "H1", "P1", "P2", "V4")
def test_document_works_as_written(engine: Engine, host: Folders, mounts: list[str], log: HostLog) -> None:
    follow(POLLS_SITE, engine, host, mounts, log)


def follow(application: Application, engine: Engine, host: Folders, mounts: list[str], log: HostLog) -> None:
    """The document, command for command; ``mounts``: its four, and what an application may need besides."""
    with engine.terminal("django-admin.py", "migrate", options=mounts) as terminal:
        terminal.expect(application.migrates)
        assert terminal.wait(PATIENCE) == 0

    with engine.terminal(*application.script, options=mounts) as terminal:
        assert terminal.wait(PATIENCE) == 0, terminal.shown
    assert list(host.scripts.glob(application.leaves)), "a script's output stays in its folder"
    assert log.records() == [], "what a command says is not for syslog"

    port, supervision = free_port(), free_port()
    ports = ["-p", f"127.0.0.1:{port}:8080", "-p", f"127.0.0.1:{supervision}:8081"]
    ssh = ["--volume", f"{host.root}/ssh:/config/ssh-dir:ro"]
    with engine.terminal("start", "www", options=[*mounts, *ssh, *ports]) as terminal:
        assert _get(f"http://127.0.0.1:{supervision}/readyz") == "ok\n"
        page = _get(f"http://127.0.0.1:{port}{application.path}")
        assert [words for words in application.shows if words not in page] == []
        terminal.press("\x03")
        assert terminal.wait() == 0, terminal.shown
    tag, path = re.escape(application.tag), re.escape(application.path)
    log.wait_for(
        rf"local6\|info\|{tag}\.www\[\d+\]:\|.*Listening at.*",
        rf'local7\|info\|{tag}\.www\[\d+\]:\|.*"GET {path} HTTP/1\.1" 200 .*',
    )

    crontab = host.config / "crontab"
    crontab.write_text("# grocker: name=hello\n@reboot echo the job ran | tee /media/from-cron\n")
    crontab.chmod(0o644)
    with engine.terminal("cron", options=mounts) as terminal:
        terminal.expect("the job ran")
        terminal.press("\x03")
        assert terminal.wait() == 0, terminal.shown
    assert (host.media / "from-cron").read_text() == "the job ran\n"
    log.wait_for(rf"cron\|info\|{tag}\.cron\.hello\[\d+\]:\| the job ran")


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
