from __future__ import annotations

import pytest

from grocker.runner.contract.spec import Service
from grocker.runner.process.container_limits import Limits
from grocker.runner.servers import granian_server
from grocker.runner.servers.context import Given


@pytest.mark.parametrize(
    ("service", "kind", "target"),
    [
        (Service(wsgi="shop.wsgi:application", server="granian"), "wsgi", "shop.wsgi:application"),
        (Service(asgi="shop.asgi:create()", server="granian"), "asgi", "shop.asgi:create()"),
    ],
)
def test_granian_server_command_line(service: Service, kind: str, target: str) -> None:
    given = Given(
        venv="/opt/venv",
        sockets=(5,),
        access=-1,
        ready=8,
        limits=Limits(cpus=2.0, memory=1 << 30),
        stop_timeout=8.0,
        environ={"WEB_CONCURRENCY": "3"},
    )
    made = granian_server.program(service, given, "/starter.py")
    assert made.arguments == ("/opt/venv/bin/python", "/starter.py", kind, target, "5", "3", "7", "-1", "8")
    assert given.kept == (5, 8)
