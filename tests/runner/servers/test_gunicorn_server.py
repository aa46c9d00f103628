from __future__ import annotations

from pathlib import Path

import pytest

from grocker.runner.contract.spec import Service
from grocker.runner.process.container_limits import Limits
from grocker.runner.servers import gunicorn_server as wsgi_server
from grocker.runner.servers.context import Given

_GIB = 1 << 30


def _arguments(tmp_path: Path, environ: dict[str, str], **fields: int) -> list[str]:
    made = wsgi_server.program(
        Service(wsgi="polls.wsgi:application", **fields),  # type: ignore[arg-type]
        Given(
            venv=str(tmp_path),
            sockets=(5, 6),
            access=7,
            ready=8,
            limits=Limits(cpus=2.0, memory=_GIB),
            stop_timeout=8.0,
            environ=environ,
        ),
        "/hooks.py",
    )
    assert made.path == made.arguments[0] == f"{tmp_path}/bin/python"
    return list(made.arguments[1:])


def test_wsgi_server_command_line(tmp_path: Path) -> None:
    arguments = _arguments(tmp_path, {})
    assert arguments[:8] == ["-m", "gunicorn", "--config", "/hooks.py", "--worker-class", "gthread", "--threads", "8"]
    text = " ".join(arguments)
    assert "--bind fd://5 --bind fd://6 --workers 2 --forwarded-allow-ips  " in text
    assert "--graceful-timeout 7 --access-logfile /dev/fd/7 polls.wsgi:application" in text


def test_wsgi_server_leaves_to_the_operator_what_they_set(tmp_path: Path) -> None:
    environ = {"WEB_CONCURRENCY": "7"}
    assert "--workers" not in _arguments(tmp_path, environ)
    assert "--workers" in _arguments(tmp_path, environ, workers=3), "what the build says is not the server's default"


@pytest.mark.parametrize(("known", "passed"), [("cli = ['--no-control-socket']", True), ("", False)])
def test_wsgi_server_passes_an_option_when_the_installed_version_knows_it(
    tmp_path: Path, known: str, passed: bool
) -> None:
    package = tmp_path / "lib" / "python3.13" / "site-packages" / "gunicorn"
    package.mkdir(parents=True)
    (package / "config.py").write_text(known)
    assert ("--no-control-socket" in _arguments(tmp_path, {})) is passed
