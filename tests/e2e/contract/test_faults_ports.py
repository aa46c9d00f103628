"""Items 20 to 22: clients that mean no good, on 8081 and behind it."""

from __future__ import annotations

import re
import resource
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

import pytest

from grocker.runner.contract.spec import RestartLimit, Service
from tests.e2e.contract.engine import Container, Engine
from tests.e2e.contract.probes import ask, metrics, until, wait_for
from tests.support.patience import PATIENCE

Services = Callable[..., list[str]]
_ONCE = RestartLimit(times=0, seconds=1)

_END = b"\r\n\r\n"
# A body is never read: who announces one is answered at most, and the connection closed.
MALFORMED: dict[str, tuple[bytes, set[int]]] = {
    "post": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", {405}),
    "post to a probe": (b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 0" + _END, {405}),
    "delete": (b"DELETE /status.json HTTP/1.1\r\nHost: x" + _END, {405}),
    "connect": (b"CONNECT example.com:443 HTTP/1.1\r\nHost: x" + _END, {400, 405}),
    "trace": (b"TRACE / HTTP/1.1\r\nHost: x" + _END, {405}),
    "method of its own": (b"BREW / HTTP/1.1\r\nHost: x" + _END, {405, 400}),
    "traversal": (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x" + _END, {400, 404}),
    "traversal, encoded": (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x" + _END, {400, 404}),
    "traversal, behind a page": (b"GET /livez/../../etc/passwd HTTP/1.1\r\nHost: x" + _END, {400, 404}),
    "two slashes": (b"GET //etc/passwd HTTP/1.1\r\nHost: x" + _END, {400, 404}),
    "nul": (b"GET /livez\0 HTTP/1.1\r\nHost: x" + _END, {400, 404}),
    "nul, encoded": (b"GET /livez%00 HTTP/1.1\r\nHost: x" + _END, {400, 404}),
    "no host": (b"GET /livez HTTP/1.1" + _END, {200, 400}),
    "another host": (b"GET /livez HTTP/1.1\r\nHost: evil.example" + _END, {200, 400}),
    "two hosts": (b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b" + _END, {200, 400}),
    "huge header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (1 << 20) + _END, {431, 400}),
    "many headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100_000 + b"\r\n", {431, 400}),
    "huge path": (b"GET /" + b"x" * (1 << 20) + b" HTTP/1.1\r\nHost: x" + _END, {414, 431, 400}),
    "huge body": (
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 100_000,
        {200, 400, 413},
    ),
    "length of no number": (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many" + _END, {400}),
    "two lengths": (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2" + _END, {200, 400}),
    "chunked": (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0" + _END, {200, 400, 501}),
    "folded header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: y\r\n z" + _END, {200, 400}),
    "header without name": (b"GET / HTTP/1.1\r\nHost: x\r\n: y" + _END, {400}),
    "header without colon": (b"GET / HTTP/1.1\r\nHost: x\r\nnonsense" + _END, {400}),
    "blank before the colon": (b"GET / HTTP/1.1\r\nHost : x" + _END, {400}),
    "no version": (b"GET /livez" + _END, {400, 505}),
    "version 2": (b"GET /livez HTTP/2.0\r\nHost: x" + _END, {400, 505}),
    "version of no number": (b"GET /livez HTTP/one\r\nHost: x" + _END, {400, 505}),
    "preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 405, 505}),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + _END, {400}),
    "random bytes": (bytes(range(256)) * 64 + _END, {400, 431, 414}),
    "line ends alone": (b"\r\n" * 10_000, {400, 431}),
    "nothing at all, then the end": (b"", set()),
    "half a line, then the end": (b"GET /li", set()),
}


@pytest.fixture(scope="module")
def address(docker: Engine) -> Iterator[str]:
    with docker.started("start", "www") as container:
        until(container.address(), "/readyz", 200)
        _started[container.address()] = container
        yield container.address()


_started: dict[str, Container] = {}


def _answer(address: str, data: bytes) -> bytes:
    with socket.create_connection((address, 8081), timeout=PATIENCE) as client:
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before the end
        answer = b""
        try:
            while block := client.recv(65536):
                answer += block
        except ConnectionResetError:
            pass
        return answer


@pytest.mark.fault(number=21)
def test_fault_21_malformed_requests_are_refused(address: str) -> None:
    before = _memory(address)
    wrong = {}
    for name, (data, statuses) in MALFORMED.items():
        answer = _answer(address, data)
        found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
        status = int(found[1]) if found else 0
        if status not in (statuses or {0, 400}):
            wrong[name] = answer[:200]
        assert b"root:" not in answer
        assert b"Traceback" not in answer
    assert wrong == {}
    assert ask(address, "/livez") == (200, "ok\n")
    assert _memory(address) < before + (4 << 20)


@pytest.mark.fault(number=21)
def test_fault_21_slow_clients_keep_nobody_out(address: str) -> None:
    """Four hundred that send a byte now and then, and four hundred that ask and read nothing."""
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection((address, 8081), timeout=PATIENCE)) for _ in range(400)]
        for client in slow:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-")
        for _ in range(400):
            deaf = stack.enter_context(socket.socket())
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            deaf.connect((address, 8081))
            deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        for _ in range(5):
            for client in slow:
                try:
                    client.send(b"a")
                except OSError:
                    pass  # it had to go
            assert ask(address, "/livez", seconds=9) == (200, "ok\n")
            assert ask(address, "/readyz", seconds=9)[0] == 200
    assert ask(address, "/livez") == (200, "ok\n")


@pytest.mark.fault(number=21)
def test_fault_21_ten_thousand_connections_are_survived(address: str) -> None:
    before, files = _memory(address), _files(address)
    with _descriptors(11_000) as room, selectors.DefaultSelector() as selector, ExitStack() as stack:
        for _ in range(min(10_000, room - 1_000)):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.setblocking(False)
            client.connect_ex((address, 8081))
            selector.register(client, selectors.EVENT_WRITE)
            if len(selector.get_map()) >= 500:
                _open(selector)
        _open(selector)
        assert ask(address, "/livez", seconds=9) == (200, "ok\n")
    wait_for(lambda: _files(address) <= files + 2)
    assert ask(address, "/livez") == (200, "ok\n")
    assert _memory(address) < before + (8 << 20)


# 22

_HANGS = """
import socket
listener = socket.create_server(("", 8080))
kept = []
while True:
    kept.append(listener.accept()[0])
    kept[-1].recv(1000)
    kept[-1].sendall(b"HTTP/1.1 200 OK\\r\\n")
"""


@pytest.mark.fault(number=22)
def test_fault_22_metrics_are_told_when_the_applications_own_hang(docker: Engine, services: Services) -> None:
    table = {"x": Service(command=("python", "-u", "-c", _HANGS), metrics="/metrics", restart=_ONCE)}
    with docker.started("start", "x", options=services(docker, table)) as container:
        there = container.address()
        until(there, "/readyz", 200)
        asked = [Thread(target=metrics, args=(there,)) for _ in range(5)]
        for thread in asked:
            thread.start()
        while any(thread.is_alive() for thread in asked):
            assert ask(there, "/livez", seconds=9) == (200, "ok\n"), "nobody waits for it but who asked"
        assert metrics(there)["grocker_application_scrape_success"] == 0
        assert container.stop() == 0


@contextmanager
def _descriptors(wanted: int) -> Iterator[int]:
    """So many for this process, or as many as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), max(hard, wanted)))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _open(selector: selectors.BaseSelector) -> None:
    """Lets those that are under way be accepted, and forgets them; they stay open."""
    latest = time.monotonic() + 60
    while selector.get_map() and time.monotonic() < latest:
        for key, _ in selector.select(0.2):
            selector.unregister(key.fileobj)


def _memory(address: str) -> int:
    """Resident bytes of the runner."""
    status = _started[address].exec("cat", "/proc/1/status").out
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) << 10


def _files(address: str) -> int:
    return len(_started[address].exec("ls", "/proc/1/fd").out.split())
