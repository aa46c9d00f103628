"""The servers that applications of a corpus need beside them, in one container whose network they share.

The image is Grocker's own: a source tree of one file, with the servers' Debian packages.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

IMAGE = "grocker-corpus-servers"
_PACKAGES = {"postgres": "postgresql", "redis": "redis-server"}
_COMMANDS = {
    "postgres": "set -- /usr/lib/postgresql/*/bin; $1/initdb --auth=trust --username=postgres /tmp/postgres;"
    " $1/postgres -D /tmp/postgres -c listen_addresses=127.0.0.1 -c unix_socket_directories=/tmp",
    "redis": "redis-server --port 6379 --save ''",
}
_PORTS = {"postgres": 5432, "redis": 6379}
_WAIT = "import socket, sys; [socket.create_connection(('127.0.0.1', int(p))).close() for p in sys.argv[1:]]"
_SECONDS = 120


@contextmanager
def started(
    names: Sequence[str], program: Sequence[str], container: str, place: Path, options: Sequence[str]
) -> Iterator[str]:
    """Start the servers; yields the network for ``--network``: without any, ``none``.

    ``program``: the engine's command line. ``place``: an empty directory. Raises RuntimeError if they do not start.
    """
    if not names:
        yield "none"
        return
    _build(program, place / "servers")
    script = " & ".join(f"({_COMMANDS[name]})" for name in names)
    run = [*program, "run", "--detach", "--name", container, "--network", "none", *options, IMAGE]
    try:
        _checked([*run, "sh", "-c", f"{script} & wait"])
        ports = [str(_PORTS[name]) for name in names]
        limit = time.monotonic() + _SECONDS
        wait = [*program, "exec", container, "/opt/venv/bin/python", "-c", _WAIT, *ports]
        while subprocess.run(wait, capture_output=True, check=False).returncode:
            if time.monotonic() > limit:
                logs = subprocess.run([*program, "logs", container], capture_output=True, text=True, check=False)
                raise RuntimeError(f"the servers do not start: {logs.stdout}{logs.stderr}")
            time.sleep(1)
        yield f"container:{container}"
    finally:
        subprocess.run([*program, "rm", "--force", "--volumes", container], capture_output=True, check=False)


def _build(program: Sequence[str], place: Path) -> None:
    place.mkdir()
    (place / "servers.py").write_text("")
    packages = ", ".join(f'"{name}"' for name in sorted(_PACKAGES.values()))
    (place / "grocker.toml").write_text(f"dependencies = [{packages}]\n")
    _checked([sys.executable, "-m", "grocker", "build", str(place), "-t", IMAGE, "-o", program[0]])


def _checked(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])}: {done.stderr.strip()}")
