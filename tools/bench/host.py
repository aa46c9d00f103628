"""What the bench needs of its host: programs of Debian's, root for two of them, and who it is."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"


class BenchError(Exception):
    """The bench cannot go on; the text says why and what to do."""


def program(name: str, package: str) -> str:
    """Where a program of the host is. Raises BenchError that names Debian's package."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SYSTEM}")
    if found is None:
        raise BenchError(f"{name} is not installed; hint: apt-get install {package}")
    return found


def as_root(*command: str | Path) -> list[str]:
    """``command``, for root."""
    words = [str(word) for word in command]
    return words if os.geteuid() == 0 else ["sudo", *words]


def run(
    command: Sequence[str | Path], *, environ: Mapping[str, str] | None = None, directory: Path | None = None
) -> str:
    """Run ``command`` to its end; what it printed, errors too. Raises BenchError with its last lines."""
    done = subprocess.run(
        [str(word) for word in command],
        env=environ,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        last = "\n".join("    " + line for line in done.stdout.strip().splitlines()[-20:])
        raise BenchError(f"{Path(command[0]).name} {command[1]}: exit status {done.returncode}\n{last}")
    return done.stdout


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(address: str, server: subprocess.Popen[bytes], what: str) -> None:
    """Wait until a server of loopback accepts connections. Raises BenchError when it ends instead."""
    host, _, port = address.partition(":")
    for _ in range(600):
        try:
            with socket.create_connection((host, int(port)), timeout=5):
                return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
    raise BenchError(f"{what} does not start")


def machine() -> str:
    """This machine, in a line."""
    processor = next((v for k, v in _pairs("/proc/cpuinfo") if k == "model name"), platform.machine())
    memory = next((int(v.split()[0]) for k, v in _pairs("/proc/meminfo") if k == "MemTotal"), 0)
    system = next((v.strip('"') for k, v in _pairs("/etc/os-release", "=") if k == "PRETTY_NAME"), platform.system())
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {processor}, {round(memory / 2**20)} GiB; {system}, Linux {platform.release()}"


def _pairs(path: str, separator: str = ":") -> list[tuple[str, str]]:
    try:
        lines = Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [(k.strip(), v.strip()) for k, found, v in (line.partition(separator) for line in lines) if found]
