"""File capabilities that maintainer scripts set, in images that docker and podman got."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Engine

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.long(30)]

IMAGE = "localhost/grocker-test-capabilities-{}:1"
SETTINGS = 'dependencies = ["iputils-ping", "mtr-tiny", "libcap2-bin"]\n[debian]\nsuite = "bookworm"\n'
"""the script of iputils-ping is reviewed, the one of mtr-tiny runs"""
CLOSED = ("--sysctl", "net.ipv4.ping_group_range=1 0")
"""the kernel lets nobody ping without a privilege"""


def build(place: Path, engine: str) -> Engine:
    (place / "shop.py").write_text("")
    (place / "grocker.toml").write_text(SETTINGS)
    image = IMAGE.format(engine)
    grocker = [sys.executable, "-m", "grocker", "build", str(place), "-t", image, "-o", engine, "--json"]
    done = subprocess.run(grocker, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"][0]["uncovered"] == []
    prefix = ("--runtime", "runc") if engine == "podman" and os.geteuid() == 0 and shutil.which("runc") else ()
    return Engine(engine, image, prefix)


@pytest.mark.parametrize(
    "name", [pytest.param("docker", marks=pytest.mark.docker), pytest.param("podman", marks=pytest.mark.podman)]
)
def test_capabilities_of_files_reach_the_container_and_its_user(tmp_path: Path, name: str) -> None:
    engine = build(tmp_path, name)
    try:
        found = engine.run("/sbin/getcap", "/usr/bin/ping", "/usr/bin/mtr-packet")
        assert found.out == "/usr/bin/ping cap_net_raw=ep\n/usr/bin/mtr-packet cap_net_raw=ep\n"
        allowed = (*CLOSED, "--cap-add", "NET_RAW")
        ping = ("ping", "-c", "1", "-W", "5", "127.0.0.1")
        assert engine.run(*ping, options=allowed).status == 0
        packet = "echo 1 send-probe ip-4 127.0.0.1 | mtr-packet"
        assert " reply ip-4 127.0.0.1 " in engine.run("sh", "-c", packet, options=allowed).out
        copied = engine.run("sh", "-c", "cp /usr/bin/ping /tmp && /tmp/ping -c 1 127.0.0.1", options=allowed)
        # It is the capability that helps; podman gives an added one to every program of the user.
        assert copied.status == (2 if name == "docker" else 0)
        refused = engine.run(*ping, options=("--cap-drop", "ALL"))
        assert refused.status == 126
        [said] = refused.complaints
        assert said.startswith(
            "grocker: /usr/bin/ping: cannot be executed: it has capabilities that the container lacks"
        )
        assert said.endswith("; add them with --cap-add")
    finally:
        engine.check("rmi", "--force", engine.image)
