from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grocker.runner.contract.spec import Service
from grocker.runner.process.container_limits import ContainerLimits
from grocker.runner.servers import granian_server
from grocker.runner.servers.table import ServerContext

MODULES = {
    "__init__": "",
    "constants": "Interfaces = str",
    "log": "LOGGING_CONFIG = {'handlers': {'console': {}}}",
    "net": "SocketHolder = print",
    "server": "class MPServer:\n    pass\n",
}


@pytest.mark.parametrize(
    ("service", "kind", "target"),
    [
        (Service(wsgi="shop.wsgi:application", server="granian"), "wsgi", "shop.wsgi:application"),
        (Service(asgi="shop.asgi:create()", server="granian"), "asgi", "shop.asgi:create()"),
    ],
)
def test_granian_server_command_line(service: Service, kind: str, target: str) -> None:
    context = ServerContext(
        venv="/opt/venv",
        sockets=(5,),
        access=-1,
        ready=8,
        limits=ContainerLimits(cpus=2.0, memory=1 << 30),
        stop_timeout=8.0,
        environ={"WEB_CONCURRENCY": "3"},
        directory="/scratch",
    )
    arguments = granian_server.launch(service, context).program.arguments
    assert arguments[:2] == ("/opt/venv/bin/python", granian_server.__file__)
    assert arguments[2:] == (kind, target, "5", "3", "7", "-1", "8", "-1", "-1", "/scratch")
    assert context.inherited == (5, 8)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, "MPServer has no _init_shared_socket"),
        ({"server": ""}, "cannot import name 'MPServer'"),
        ({"net": "raise ImportError('no such holder')"}, "no such holder"),
    ],
)
def test_granian_server_says_so_when_this_granian_takes_no_socket(
    tmp_path: Path, changed: dict[str, str], why: str
) -> None:
    package = tmp_path / "granian"
    package.mkdir()
    for name, text in {**MODULES, **changed}.items():
        package.joinpath(f"{name}.py").write_text(text)
    arguments = ("wsgi", "shop:application", "0", "1", "7", "-1", "1")
    done = subprocess.run(
        [sys.executable, granian_server.__file__, *arguments],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("grocker: this version of granian accepts no socket; pin another version")
    assert why in done.stderr
