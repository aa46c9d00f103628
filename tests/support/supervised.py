"""Port 8081 as a process of its own (:mod:`.status_process`), and ways to ask it.

USR1 turns its readiness off and on, USR2 is its being asked to stop.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
_STARTER = """
import sys
sys.path[:0] = [{root!r}, {root!r} + "/src"]
from tests.support.status_process import serve
serve(**{options!r})
"""


class Served:
    """One that runs."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def pid(self) -> int:
        return self.process.pid

    def get(
        self, path: str, *, method: str = "GET", timeout: float = 10, **fields: str
    ) -> tuple[int, Mapping[str, str], str]:
        """Status, header fields with lower-case names, body."""
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            asked.request(method, path, headers=fields)
            answer = asked.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read().decode()
        finally:
            asked.close()

    def connect(self, timeout: float = 10) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def raw(self, data: bytes, timeout: float = 10) -> bytes:
        """Everything that is answered to these bytes, behind which we say that nothing follows."""
        with self.connect(timeout) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            return read_all(client)

    def resident(self) -> int:
        """KiB."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0])

    def signal(self, number: int) -> None:
        self.process.send_signal(number)


def read_all(client: socket.socket) -> bytes:
    """Until the other side ends it; a reset ends it too."""
    found = b""
    try:
        while block := client.recv(65536):
            found += block
    except ConnectionResetError:
        pass
    return found


@contextmanager
def served(**options: object) -> Iterator[Served]:
    """``kind``: "service" or "cron"; ``jobs``: how many instead of a few; ``real``: the usage of processes is read
    from /proc; ``files``: limit of descriptors; ``port``; ``broken``: no status can be made; the others as StatusServer
    has them, ``token`` a string.
    """
    process = subprocess.Popen(
        [sys.executable, "-IS", "-c", _STARTER.format(root=str(ROOT), options=options)],
        stdout=subprocess.PIPE,
        text=True,
        env={"TZ": "UTC"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.wait(PATIENCE)
        yield Served(process, int(line))
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
