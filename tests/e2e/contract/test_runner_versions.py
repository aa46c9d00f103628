"""The runner under each Python that it is for: Debian 12's 3.11, Debian 13's 3.13, and 3.14. Warnings are errors."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from grocker.runner.contract import installed_files as texts
from grocker.runner.contract.spec import Service
from tests.e2e.contract.engine import RUNNER, Container, Engine, Folders
from tests.e2e.contract.image import ROOT, load
from tests.support import python314
from tests.support.patience import PATIENCE
from tests.support.side_by_side import once

pytestmark = [pytest.mark.docker, pytest.mark.network]

_SERVICE = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done"
_CRONTAB = "# grocker: name=hello\n@reboot echo hello from $USER; echo oops >&2; exit 3\n* * * * * true\n"


@dataclass(frozen=True, slots=True)
class Version:
    """``program``: the interpreter, as the container has it; ``options``: what brings it there."""

    engine: Engine
    program: str
    options: tuple[str, ...] = ()


def _bookworm() -> str:
    settings = Path(__file__).with_name("image.toml")
    name = "grocker-test/polls-site:bookworm"
    grocker = [sys.executable, "-m", "grocker", "build", str(ROOT / "examples" / "polls"), "-t", name]
    done = subprocess.run(
        [*grocker, "--config", str(settings), "--debian", "bookworm", "--output", "docker"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return name


@pytest.fixture(scope="module", params=["3.11", "3.13", "3.14"])
def version(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Version:
    if request.param == "3.11":
        return Version(Engine("docker", once("contract-image-bookworm", _bookworm)), "/usr/bin/python3.11")
    engine = load("docker")
    if request.param == "3.13":
        return Version(engine, "/usr/bin/python3.13")
    place = python314.assemble(tmp_path_factory.mktemp("python") / "python314").parent.parent
    return Version(engine, "/opt/python314/bin/python3.14", ("--volume", f"{place}:/opt/python314:ro"))


@pytest.fixture
def options(version: Version, folders: Folders, services: Callable[..., list[str]]) -> list[str]:
    """The runner's own program under that interpreter, and a service that is a command."""
    (folders.app / "90_x.ini").write_text("[polls]\ntitle = %(mine)s\n")
    (folders.config / "crontab").write_text(_CRONTAB)
    folders.script("a-script", '#!/bin/sh\necho "$@"\nexit 7\n')
    program = folders.root / "grocker-runner"
    shebang, _, rest = texts.PROGRAMS["grocker-runner"].partition("\n")
    assert shebang.endswith(" -IS")
    program.write_text(f"#!{version.program} -ISWerror\n{rest}")
    program.chmod(0o755)
    table = {"x": Service(command=("sh", "-c", _SERVICE)), "www": Service(wsgi="polls_site.wsgi:application")}
    return [*services(version.engine, table), *version.options, "--volume", f"{program}:{RUNNER}:ro"]


def _get(container: Container, path: str, seconds: float = PATIENCE) -> str:
    limit = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://{container.address()}:8081{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < limit, container.logs()
            time.sleep(0.05)


def test_runner_works_under_that_python(version: Version, options: list[str]) -> None:
    engine = version.engine
    told = engine.run("--help", options=options)
    assert (told.status, told.err, "\nservices: www, x\n" in told.out) == (0, "", True)
    script = engine.run("a-script", "one", "two words", options=options)
    assert (script.status, script.out, script.err) == (7, "one two words\n", "")
    missing = engine.run("no-such-command", options=options)
    assert (missing.status, len(missing.err.splitlines())) == (127, 1)

    with engine.started("start", "x", options=options) as container:
        container.wait_for("up")
        assert container.exec("readlink", "/proc/1/exe").out == f"{version.program}\n"
        _get(container, "/readyz")
        assert json.loads(_get(container, "/status.json"))["processes"][0]["state"] == "running"
        assert re.search(r"^grocker_\w+\{.*\} \d", _get(container, "/metrics"), re.MULTILINE)
        assert "</html>" in _get(container, "/")
        assert container.exec("grocker-runner", "health").status == 0
        found = json.loads(container.exec("grocker-runner", "config", "--json").out)
        title = found["sections"]["polls"]["title"]
        assert (title["value"], title["file"], title["line"]) == ("%(mine)s", "/config/app/90_x.ini", 2)
        assert container.exec("grocker-runner", "exec", "sh", "-c", "echo $HOME").out == "/home/blue\n"
        assert container.stop() == 0
        assert container.logs().splitlines()[-1] == "bye"

    with engine.started("cron", options=options) as container:
        log = container.wait_for("failed: status 3")
        assert re.search(r"^hello\[\d+\]: hello from blue$", log, re.MULTILINE)
        assert re.search(r"^hello\[\d+\]: oops$", log, re.MULTILINE)
        assert '{job_name="hello"}' in _get(container, "/metrics")
        assert container.exec("grocker-runner", "health").status == 0
        assert container.stop() == 0
        assert "Traceback" not in container.logs()


def test_runner_serves_an_application_under_that_python(version: Version, options: list[str]) -> None:
    with version.engine.started("start", "www", options=options) as container:
        _get(container, "/readyz")
        with urllib.request.urlopen(f"http://{container.address()}:8080/healthz", timeout=PATIENCE) as answer:
            assert answer.read() == b"ok\n"
        assert container.stop() == 0
        assert "Traceback" not in container.logs()
