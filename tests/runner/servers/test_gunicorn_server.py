from __future__ import annotations

from pathlib import Path

import pytest

from grocker.runner.contract.spec import Service
from grocker.runner.process.container_limits import ContainerLimits
from grocker.runner.servers import gunicorn_server
from grocker.runner.servers.table import ServerContext

_GIB = 1 << 30
# Of gunicorn 23, those that a module may well have.
_SETTINGS = frozenset(
    {
        *("bind", "backlog", "workers", "worker_class", "threads", "timeout", "keepalive", "reload", "spew", "config"),
        *("chdir", "daemon", "raw_env", "pidfile", "user", "group", "umask", "initgroups", "accesslog", "errorlog"),
        *("loglevel", "logger_class", "proc_name", "pythonpath", "paste", "on_starting", "on_reload", "when_ready"),
        *("pre_fork", "post_fork", "post_worker_init", "worker_int", "worker_abort", "pre_exec", "pre_request"),
        *("post_request", "child_exit", "worker_exit", "nworkers_changed", "on_exit", "ssl_context", "ssl_version"),
        *("secure_scheme_headers", "forwarded_allow_ips", "forwarder_headers", "header_map", "wsgi_app"),
    }
)


def _arguments(tmp_path: Path, environ: dict[str, str], **fields: int) -> list[str]:
    made = gunicorn_server.launch(
        Service(wsgi="polls.wsgi:application", **fields),  # type: ignore[arg-type]
        ServerContext(
            venv=str(tmp_path),
            sockets=(5, 6),
            access=7,
            ready=8,
            limits=ContainerLimits(cpus=2.0, memory=_GIB),
            stop_timeout=8.0,
            environ=environ,
            directory="/scratch",
        ),
    )
    assert made.variables == {"GROCKER_READY_FD": "8", "GROCKER_RUNNER_DIRECTORY": "/scratch"}
    program = made.program
    assert program.path == program.arguments[0] == f"{tmp_path}/bin/python"
    return list(program.arguments[1:])


def test_gunicorn_server_command_line(tmp_path: Path) -> None:
    arguments = _arguments(tmp_path, {})
    assert arguments[:4] == ["-m", "gunicorn.app.wsgiapp", "--config", gunicorn_server.__file__]
    assert arguments[4:8] == ["--worker-class", "gthread", "--threads", "8"]
    text = " ".join(arguments)
    assert "--bind fd://5 --bind fd://6 --workers 2 --forwarded-allow-ips  " in text
    assert "--graceful-timeout 7 --access-logfile /dev/fd/7 polls.wsgi:application" in text


def test_gunicorn_server_leaves_to_the_operator_what_they_set(tmp_path: Path) -> None:
    environ = {"WEB_CONCURRENCY": "7"}
    assert "--workers" not in _arguments(tmp_path, environ)
    assert "--workers" in _arguments(tmp_path, environ, workers=3), "what the build says is not the server's default"


@pytest.mark.parametrize(("known", "passed"), [("cli = ['--no-control-socket']", True), ("", False)])
def test_gunicorn_server_passes_an_option_when_the_installed_version_knows_it(
    tmp_path: Path, known: str, passed: bool
) -> None:
    package = tmp_path / "lib" / "python3.13" / "site-packages" / "gunicorn"
    package.mkdir(parents=True)
    (package / "config.py").write_text(known)
    assert ("--no-control-socket" in _arguments(tmp_path, {})) is passed


def test_gunicorn_server_file_is_a_configuration_that_sets_what_it_means_to() -> None:
    """gunicorn takes every name of the file that is one of its settings."""
    settings = {name: setting for name, setting in vars(gunicorn_server).items() if name in _SETTINGS}
    assert sorted(settings) == sorted(
        [
            *("forwarder_headers", "on_reload", "on_starting", "post_fork", "post_worker_init", "pre_exec"),
            *("secure_scheme_headers", "when_ready"),
        ]
    )
