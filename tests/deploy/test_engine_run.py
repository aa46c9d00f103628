"""The plain command lines."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.deploy.engine_run import EngineRun, Host, command_line, host_ports, unwritable

HOST = Host(frozenset(), Path("/srv/polls"), syslog=False, terminal=False, rootless=False, selinux=False)
WISH = EngineRun("docker", "polls:1.0", ("start", "www"), 8080, 8081)


@pytest.mark.parametrize(
    ("wish", "host", "line"),
    [
        (WISH, HOST, "docker run --rm -p 8080:8080 -p 8081:8081 polls:1.0 start www"),
        (replace(WISH, port=0, supervision=9001), HOST, "docker run --rm -p 8080 -p 9001:8081 polls:1.0 start www"),
        (replace(WISH, arguments=("cron",)), HOST, "docker run --rm -p 8081:8081 polls:1.0 cron"),
        (replace(WISH, arguments=()), replace(HOST, terminal=True), "docker run --rm -ti polls:1.0"),
        (replace(WISH, arguments=("env", "-0")), HOST, "docker run --rm -i polls:1.0 env -0"),
        (
            replace(WISH, engine="podman", image="localhost/polls:1.0", arguments=("env",)),
            replace(HOST, rootless=True),
            "podman run --rm -i --userns=keep-id:uid=1000 localhost/polls:1.0 env",
        ),
        (
            replace(WISH, arguments=("x",), variables=("A=1 2",), options=("--runtime", "runc")),
            HOST,
            "docker run --rm -i -e 'A=1 2' --runtime runc polls:1.0 x",
        ),
        (
            replace(WISH, arguments=("x",), variable_files=("a.env", "b c.env"), variables=("A=1",)),
            HOST,
            "docker run --rm -i --env-file a.env --env-file 'b c.env' -e A=1 polls:1.0 x",
        ),
        (
            replace(WISH, arguments=("x",)),
            replace(HOST, directories=frozenset({"config", "media", "scripts"}), syslog=True, selinux=True),
            (
                "docker run --rm -i -v /srv/polls/config:/config:ro,z -v /srv/polls/media:/media:rw,z "
                "-v /srv/polls/scripts:/scripts:rw,z -v /dev/log:/dev/log:rw polls:1.0 x"
            ),
        ),
    ],
)
def test_command_line_is_the_contracts(wish: EngineRun, host: Host, line: str) -> None:
    assert shlex.join(command_line(wish, host)) == line


@pytest.mark.parametrize(
    ("arguments", "port", "ports"),
    [
        (("start", "www"), 8080, (8080, 8081)),
        (("start", "www"), 0, (8081,)),
        (("cron",), 8080, (8081,)),
        (("sh",), 8080, ()),
        ((), 8080, ()),
    ],
)
def test_host_ports_are_those_that_are_published(arguments: tuple[str, ...], port: int, ports: tuple[int, ...]) -> None:
    assert host_ports(replace(WISH, arguments=arguments, port=port)) == ports


def test_unwritable_names_what_uid_1000_cannot_write_to() -> None:
    owners = [("config", 0, 0o755), ("media", 0, 0o755), ("scripts", 1000, 0o755), ("other", 0, 0o777)]
    assert unwritable(owners) == ("media",)
